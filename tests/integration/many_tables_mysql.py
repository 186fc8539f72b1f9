#!/usr/bin/python3
"""many_tables on MySQL 9.7."""
# timeout: 600

from many_tables import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
