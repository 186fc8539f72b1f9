#!/usr/bin/python3
"""tasks on MySQL 9.7."""
# timeout: 120

from tasks import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
