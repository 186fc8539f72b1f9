#!/usr/bin/python3
"""data_directory on MySQL 9.7."""
# timeout: 300

from data_directory import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
