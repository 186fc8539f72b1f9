#!/usr/bin/python3
"""verify_pages on MariaDB 11.8."""
# timeout: 900

from verify_pages import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8"))
