#!/usr/bin/python3
"""multi_ibdata on MySQL 9.7."""
# timeout: 400

from multi_ibdata import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
