#!/usr/bin/python3
"""storm on MySQL 9.7."""
# timeout: 900

from storm import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7", 2))
