#!/usr/bin/python3
"""verify_pages on MySQL 9.7."""
# timeout: 900

from verify_pages import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
