#!/usr/bin/python3
"""corrupt_page on MySQL 9.7."""
# timeout: 240

from corrupt_page import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
