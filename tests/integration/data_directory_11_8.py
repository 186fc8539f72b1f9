#!/usr/bin/python3
"""data_directory on MariaDB 11.8."""
# timeout: 300

from data_directory import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8"))
