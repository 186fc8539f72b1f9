#!/usr/bin/python3
"""incremental_chain on MySQL 9.7."""
# timeout: 600

from harness.scenario import run
from incremental_chain import body

run(lambda s: body(s, "mysql-9.7"))
