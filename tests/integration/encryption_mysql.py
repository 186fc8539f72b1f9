#!/usr/bin/python3
"""encryption on MySQL 9.7."""
# timeout: 300

from encryption import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
