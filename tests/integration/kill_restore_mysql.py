#!/usr/bin/python3
"""kill_restore on MySQL 9.7."""
# timeout: 300

from kill_restore import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
