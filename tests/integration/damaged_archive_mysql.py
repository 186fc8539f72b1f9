#!/usr/bin/python3
"""damaged_archive on MySQL 9.7."""
# timeout: 400

from damaged_archive import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
