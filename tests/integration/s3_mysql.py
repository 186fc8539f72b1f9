#!/usr/bin/python3
"""s3 on MySQL 9.7."""
# timeout: 300

from s3 import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
