#!/usr/bin/python3
"""chain_oracle on MySQL 9.7."""
# timeout: 1500

from chain_oracle import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7", 4))
