#!/usr/bin/python3
"""incremental_kinds on MariaDB 11.8."""
# timeout: 400

from incremental_kinds import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8"))
