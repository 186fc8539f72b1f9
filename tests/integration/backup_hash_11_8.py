#!/usr/bin/python3
"""backup_hash on MariaDB 11.8."""
# timeout: 600

from backup_hash import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8"))
