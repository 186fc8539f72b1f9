#!/usr/bin/python3
"""log_tables on MySQL 9.7."""
# timeout: 180

from log_tables import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
