#!/usr/bin/python3
"""replica_source on MySQL 9.7."""
# timeout: 300

from replica_source import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
