#!/usr/bin/python3
"""encrypted_redo on MySQL 9.7; and a server whose keyring has a relative path: that is one of its datadir, wherever mbe runs."""
# timeout: 600

import json
import os

from encrypted_redo import body
from encryption import KEYS, contains
from harness.scenario import run

FLAVOUR = "mysql-9.7"


def relative_path(s):
    source = s.server("relative", flavour=FLAVOUR)
    keys = KEYS["mysql"](s, source.installation)
    source.init()
    keys.file = "some-keyring"
    keys.place(source.datadir)
    here = os.getcwd()
    os.chdir(source.datadir)    # a server reads it before it goes to its datadir, and writes it after that
    try:
        source.start("--innodb-redo-log-encrypt=ON")
    finally:
        os.chdir(here)
    source.sql("create database a", "create table a.t (a int) encryption='Y'", "insert into a.t values (1)")
    mbe = s.mbe(source, repo="relative-repo")
    backup = mbe.backup("--compress=none")
    s.check(backup.manifest["redo"]["encrypted"], "the redo is not encrypted: %s", backup.manifest["redo"])
    path = os.path.join(source.datadir, keys.file)
    with open(path, encoding="ascii") as f:
        secrets = [e["data"].encode() for e in json.load(f)["elements"]]
    s.check_none(contains(mbe.repo, secrets), "keys in the repository")
    mbe.restore(s.path("relative-restored"), "--keyring-file=" + path, backup=backup.id)
    source.stop()


def both(s):
    relative_path(s)
    body(s, FLAVOUR)


if __name__ == "__main__":
    run(both)
