#!/usr/bin/python3
"""verify_boot on MySQL 9.7."""
# timeout: 600

from verify_boot import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
