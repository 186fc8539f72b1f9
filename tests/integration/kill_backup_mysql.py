#!/usr/bin/python3
"""kill_backup on MySQL 9.7."""
# timeout: 400

from kill_backup import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
