#!/usr/bin/python3
"""log_overrun on MySQL 9.7."""
# timeout: 600

from log_overrun import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
