#!/usr/bin/python3
"""prune on MySQL 9.7, as far as a server has to do with it."""
# timeout: 240

from prune import real_cases
from harness.scenario import run

run(lambda s: real_cases(s, "mysql-9.7"))
