#!/usr/bin/python3
"""replication_oracle on MariaDB 11.8."""
# timeout: 900

from replication_oracle import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8"))
