#!/usr/bin/python3
"""ssh on MySQL 9.7."""
# timeout: 200

from ssh import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
