#!/usr/bin/python3
"""incremental_kinds on MySQL 9.7."""
# timeout: 400

from incremental_kinds import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
