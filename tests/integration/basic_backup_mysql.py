#!/usr/bin/python3
"""basic_backup on MySQL 9.7."""
# timeout: 400

from basic_backup import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
