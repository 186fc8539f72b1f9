#!/usr/bin/python3
"""undo_truncation on MySQL 9.7."""
# timeout: 240

from undo_truncation import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
