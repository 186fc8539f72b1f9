#!/usr/bin/python3
"""page_oracle on MariaDB 11.8; fewer rounds, because a round takes longer."""
# timeout: 1200

from page_oracle import body
from harness.scenario import run

run(lambda s: body(s, "mariadb-11.8", 5))
