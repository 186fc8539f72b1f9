#!/usr/bin/python3
"""hash_live on MariaDB 11.8."""
# timeout: 400

from hash_live import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8"))
