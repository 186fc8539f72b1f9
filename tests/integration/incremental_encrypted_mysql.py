#!/usr/bin/python3
"""incremental_encrypted on MySQL 9.7."""
# timeout: 300

from incremental_encrypted import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
