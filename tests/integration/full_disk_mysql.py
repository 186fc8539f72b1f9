#!/usr/bin/python3
"""full_disk on MySQL 9.7."""
# timeout: 200

from full_disk import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
