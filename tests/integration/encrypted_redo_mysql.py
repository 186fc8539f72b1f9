#!/usr/bin/python3
"""encrypted_redo on MySQL 9.7."""
# timeout: 600

from encrypted_redo import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
