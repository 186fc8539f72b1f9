#!/usr/bin/python3
"""incremental_chain on MySQL 9.7."""
# timeout: 600

from incremental_chain import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
