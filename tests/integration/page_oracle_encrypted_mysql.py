#!/usr/bin/python3
"""page_oracle_encrypted on MySQL 9.7."""
# timeout: 600

from page_oracle_encrypted import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7", 2))
