#!/usr/bin/python3
"""basic_backup on MariaDB 11.8."""
# timeout: 900

from basic_backup import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8"))
