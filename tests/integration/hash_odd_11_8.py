#!/usr/bin/python3
"""hash_odd on MariaDB 11.8."""
# timeout: 400

from hash_odd import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8"))
