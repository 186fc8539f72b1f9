#!/usr/bin/python3
"""several_repos on MySQL 9.7."""
# timeout: 120

from several_repos import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
