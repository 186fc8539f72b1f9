#!/usr/bin/python3
"""replication_oracle on MySQL 9.7."""
# timeout: 900

from replication_oracle import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
