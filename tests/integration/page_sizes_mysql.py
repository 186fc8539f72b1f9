#!/usr/bin/python3
"""page_sizes on MySQL 9.7."""
# timeout: 900

from page_sizes import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
