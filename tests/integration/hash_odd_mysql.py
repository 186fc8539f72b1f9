#!/usr/bin/python3
"""hash_odd on MySQL 9.7."""
# timeout: 400

from hash_odd import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
