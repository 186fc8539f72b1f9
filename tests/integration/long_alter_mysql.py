#!/usr/bin/python3
"""long_alter on MySQL 9.7."""
# timeout: 600

from long_alter import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
