#!/usr/bin/python3
"""storm on MariaDB 11.8."""
# timeout: 900

from storm import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8", 2))
