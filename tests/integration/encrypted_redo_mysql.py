#!/usr/bin/python3
"""encrypted_redo on MySQL 9.7; a server whose keyring has a relative path, which is one of its datadir, wherever mbe runs; and a key
that is not to be had in the middle of a backup.
"""
# timeout: 600

import json
import os
import shutil

from encrypted_redo import body, stopped_in_copy, switch_on
from encryption import KEYS, contains
from harness import proof
from harness.mbe import REFUSED
from harness.scenario import run

FLAVOUR = "mysql-9.7"


def start_with_relative_path(s):
    source = s.server("relative", flavour=FLAVOUR)
    keys = KEYS["mysql"](s, source.installation)
    source.init()
    keys.file = "some-keyring"
    keys.place(source.datadir)
    here = os.getcwd()
    os.chdir(source.datadir)    # a server reads it before it goes to its datadir, and writes it after that
    try:
        source.start()
    finally:
        os.chdir(here)
    source.sql("create database a", "create table a.t (a int)", "insert into a.t values (1)")    # only the redo will be encrypted
    return source, os.path.join(source.datadir, keys.file)


def key_is_not_to_be_had(s, source, keyring):
    """The key file that was named is a copy, and has not the key that encryption is switched on with."""
    old = s.path("old-keyring")
    shutil.copyfile(keyring, old)
    mbe = s.mbe(source, repo="relative-repo")
    with stopped_in_copy(s, source, mbe, "--parallel=1", "--keyring-file=" + old) as running:
        switch_on(source)
        source.sql("insert into a.t values (2)", "flush no_write_to_binlog engine logs")
    done = running.wait()
    s.check_equal(done.status, REFUSED, "status of a backup whose key is not to be had: %s" % done)
    s.check("the redo log is encrypted with key INNODBKey-" in done.err and "which is not given" in done.err,
            "the refusal does not say why: %s", done)
    s.check(proof.locked_out(source) is None, "a backup that failed holds a lock")
    s.check_none(mbe.ids() + mbe.leftovers(), "left by a backup that failed")


def relative_path(s, source, keyring):
    mbe = s.mbe(source, repo="relative-repo")
    backup = mbe.backup("--compress=none")
    s.check(backup.manifest["redo"]["encrypted"], "the redo is not encrypted: %s", backup.manifest["redo"])
    with open(keyring, encoding="ascii") as f:
        secrets = [e["data"].encode() for e in json.load(f)["elements"]]
    s.check_none(contains(mbe.repo, secrets), "keys in the repository")
    mbe.restore(s.path("relative-restored"), "--keyring-file=" + keyring, backup=backup.id)


def everything(s):
    source, keyring = start_with_relative_path(s)
    key_is_not_to_be_had(s, source, keyring)
    relative_path(s, source, keyring)
    source.stop()
    body(s, FLAVOUR)


if __name__ == "__main__":
    run(everything)
