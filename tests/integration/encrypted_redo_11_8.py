#!/usr/bin/python3
"""encrypted_redo on MariaDB 11.8."""
# timeout: 300

from encrypted_redo import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8"))
