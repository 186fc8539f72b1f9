#!/usr/bin/python3
"""page_oracle with an encrypted redo log. MySQL's is switched off and on all the time."""
# timeout: 600

import contextlib
import threading
import time

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
import page_oracle
from encryption import KEYS
from harness import servers
from harness.scenario import Skip, run

# Of the redo log alone: page_compare looks into pages.
OPTIONS = {
    "mariadb": lambda keys: ["--plugin-load-add=file_key_management", "--file-key-management-filename=" + keys.file,
                             "--innodb-encrypt-log=ON"],
    "mysql": lambda keys: ["--innodb-redo-log-encrypt=ON"],
}


def switch(server):
    """Until the server is gone."""
    with contextlib.suppress(pymysql.err.MySQLError), contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        while True:
            for value, seconds in (("OFF", 0.3), ("ON", 0.1)):
                time.sleep(seconds)
                cursor.execute("set global innodb_redo_log_encrypt=" + value)


def prepare(server):
    if server.family == "mysql":
        threading.Thread(target=switch, args=(server,), daemon=True).start()


def body(s, flavour, rounds):
    try:
        installation = servers.installation_of(flavour)
    except servers.Unavailable as why:
        raise Skip(str(why)) from None
    keys = KEYS[installation.family](s, installation)
    keys.options = OPTIONS[installation.family](keys)
    page_oracle.body(s, flavour, rounds, prepare, keys)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11", 3))
