#!/usr/bin/python3
"""log_resize on MySQL 9.7."""
# timeout: 240

from log_resize import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
