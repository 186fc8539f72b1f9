#!/usr/bin/python3
"""chain_oracle on MariaDB 11.8."""
# timeout: 900

from chain_oracle import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8", 6))
