#!/usr/bin/python3
"""offline on MySQL 9.7."""
# timeout: 300

from offline import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
