#!/usr/bin/python3
"""lock_window on MySQL 9.7."""
# timeout: 400

from lock_window import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
