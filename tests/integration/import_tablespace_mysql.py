#!/usr/bin/python3
"""import_tablespace on MySQL 9.7."""
# timeout: 240

from import_tablespace import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
