#!/usr/bin/python3
"""backup_hash on MySQL 9.7."""
# timeout: 600

from backup_hash import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
