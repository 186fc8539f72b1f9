#!/usr/bin/python3
"""bad_input on MySQL 9.7."""
# timeout: 240

from bad_input import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
