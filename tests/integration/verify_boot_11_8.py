#!/usr/bin/python3
"""verify_boot on MariaDB 11.8."""
# timeout: 400

from verify_boot import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8"))
