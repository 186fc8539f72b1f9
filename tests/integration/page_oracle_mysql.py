#!/usr/bin/python3
"""page_oracle on MySQL 9.7."""
# timeout: 1200

from page_oracle import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7", 20))
