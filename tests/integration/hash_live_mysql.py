#!/usr/bin/python3
"""hash_live on MySQL 9.7."""
# timeout: 400

from hash_live import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
