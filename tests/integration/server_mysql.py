#!/usr/bin/python3
"""Everything that mbe asks of MySQL, function by function, against a server of its own (server/mysql_test.c, mysql_account_test.c): locks and
bounded waits, privileges, log status, dictionary, redo consumer, TCP with and without TLS.
"""
# timeout: 300

import os
import subprocess

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.scenario import run


def body(s):
    source = proof.start_source(s, flavour="mysql-9.7", port="loopback")
    source.sql("create user root@127.0.0.1", "grant all on *.* to root@127.0.0.1 with grant option")
    folder = os.path.join(os.path.dirname(os.path.dirname(s.tool("page_compare"))), "server")
    for program in ("mysql_test", "mysql_account_test"):
        done = subprocess.run([os.path.join(folder, program)], env={**os.environ, "MBE_TEST_MYSQL": source.socket}, capture_output=True,
                              text=True, check=False)
        said = done.stdout + done.stderr
        s.check(done.returncode == 0 and "SKIPPED" not in said, "%s: %s", program, said[-4000:])


if __name__ == "__main__":
    run(body)
