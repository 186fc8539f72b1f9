#!/usr/bin/python3
"""incremental on MySQL 9.7."""
# timeout: 1200

from incremental import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7", 1))
