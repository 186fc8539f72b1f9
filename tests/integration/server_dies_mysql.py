#!/usr/bin/python3
"""server_dies on MySQL 9.7."""
# timeout: 300

from server_dies import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
