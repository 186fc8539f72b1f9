#!/usr/bin/python3
"""incremental_lineage on MySQL 9.7."""
# timeout: 400

from incremental_lineage import body
from harness.scenario import run

run(lambda s: body(s, "mysql-9.7"))
