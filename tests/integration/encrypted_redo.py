#!/usr/bin/python3
"""Encrypted redo logs: backed up under load and DDL, restored with the server's key file, replayed: equal. The archive has the redo as
the server wrote it: a text that only encrypted pages and encrypted redo have had is nowhere in it. Without the key, or with a wrong
one, a backup and a restore are refused, the latter before there is a target; a verify says what it has not read.

While the backup is stopped in the middle of its copy, things happen to the log: MariaDB's is resized; MySQL's encryption is switched on
or off and the master key rotated.
"""
# timeout: 600

import contextlib
import json
import os
import shutil
import signal

import _path                                    # noqa: F401  pylint: disable=unused-import
from encryption import KEYS, contains
from harness import proof
from harness.load import Load, archive_options
from harness.mbe import REFUSED
from harness.scenario import run
from harness.storm import Storm

SWITCH = {"mariadb": "innodb-encrypt-log", "mysql": "innodb-redo-log-encrypt"}
SECRET_TABLE = {"mariadb": "encrypted=yes", "mysql": "encryption='Y'"}
# What a table does as a whole is in the binary log in clear, and in nothing that a backup takes.
BEFORE, MEANWHILE = "a text from before the backup", "a text from the middle of the backup"


@contextlib.contextmanager
def stopped_in_copy(s, source, mbe, *args):
    """A backup whose redo tail runs and which has begun to copy, stopped without a lock in its hands all through the block."""
    def barriers():
        return int(source.status("Com_unlock_instance")) if source.family == "mysql" else 0

    begun = barriers()
    running = mbe.start_backup(*args)
    s.wait_until(lambda: "redo from LSN" in running.progress() and (source.family == "mariadb" or barriers() > begun) or
                 not running.running(), 60, "the backup begins to copy", every=0.005)
    running.signal(signal.SIGSTOP)
    s.check(running.running(), "the backup ended before it was stopped: %s", running.progress()[-2000:])
    yield running
    running.signal(signal.SIGCONT)


def write_secret(server, table, text):
    server.sql("create database if not exists secret", "use secret",
               "create table secret.%s (id int auto_increment primary key, a varchar(200)) engine=innodb %s" %
               (table, SECRET_TABLE[server.family]),
               "insert into secret.%s(a) select concat('%s ', seq) from %s" % (table, text, server.numbers(50)))


def resize(server):
    server.sql("set global innodb_log_file_size=96*1024*1024")


def switch_on(server):
    server.sql("alter instance rotate innodb master key", "set global innodb_redo_log_encrypt=ON")


def switch_off(server):
    # what comes last is what the restore needs
    server.sql("set global innodb_redo_log_encrypt=OFF", "alter instance rotate innodb master key")


def rotate(server):
    server.sql("alter instance rotate innodb master key")


# name: (encrypted at the start, what happens in the middle, whether a secret written then must not be found)
ROUNDS = {
    "mariadb": {"resized": (True, resize, True)},
    "mysql": {"rotated": (True, rotate, True), "switched on": (False, switch_on, True), "switched off": (True, switch_off, False)},
}


def wrong_file(s, family, keys):
    """The right names, other keys."""
    if family == "mariadb":
        return keys.wrong_file(s)
    path = s.path("wrong-keyring")
    with open(keys.file, encoding="ascii") as f:
        ring = json.load(f)
    for element in ring["elements"]:
        element["data"] = element["data"][::-1]
    with open(path, "w", encoding="ascii") as f:
        json.dump(ring, f)
    return path


def no_keys(s):
    path = s.path("no-keys")
    with open(path, "w", encoding="ascii"):
        return path


def check_refusals(s, source, keys, backup):
    mbe = backup.mbe
    for file, why in ((None, "which is not given"), (no_keys(s), "which is not given"),
                      (wrong_file(s, source.family, keys), "not open with")):
        target = s.path("refused")
        done = mbe.restore(target, *(["--keyring-file=" + file] if file else []), backup=backup.id, expect=REFUSED)
        s.check("redo log" in done.err and why in done.err, "the refusal does not say why: %s", done)
        s.check(not os.path.exists(target), "a refused restore has made its target")
    done = mbe.verify(backup.id)
    s.check("redo=unopened" in done.out and "is encrypted" in done.err, "verify does not say what it has not read: %s", done)


def check_refused_backups(s, source, keys, mbe):
    """Of a server whose log is encrypted just now."""
    for file, why in ((no_keys(s), "not given"), (wrong_file(s, source.family, keys), "not open with")):
        done = mbe.backup_fails(REFUSED, "--keyring-file=" + file)
        s.check(why in done.err, "the refusal does not say why: %s", done)
        s.check(proof.locked_out(source) is None, "a refused backup holds a lock")
    if source.family == "mariadb":  # nothing says where its keys are
        s.check("innodb_encrypt_log is ON" in mbe.backup_fails(REFUSED).err, "a backup without a key file is not refused")


def one_round(s, flavour, name, encrypted, meanwhile, hidden):
    s.say("%s", name)
    folder = name.replace(" ", "-")
    os.makedirs(s.path(folder))
    source = s.server(os.path.join(folder, "source"), flavour=flavour)
    keys = KEYS[source.family](s, source.installation)
    source.options += proof.source_options(source.installation, *keys.options, "--%s=%s" % (SWITCH[source.family], "ON" if encrypted else "OFF"))
    source.init()
    keys.place(source.datadir)
    source.start()
    load = Load(source, s.seed).prepare()
    storm = Storm(source, s.seed, ddl=1, dml=1, imports=False, without=("resize_log",)).prepare()
    load.start()
    storm.start()
    load.wait_for_steps(100)
    write_secret(source, "before", BEFORE)
    mbe = s.mbe(source, repo=os.path.join(folder, "repo"))
    with stopped_in_copy(s, source, mbe, "--parallel=2", "--compress=none", "--keyring-file=" + keys.file) as running:
        meanwhile(source)
        write_secret(source, "meanwhile", MEANWHILE)
        load.wait_for_steps(100)
    backup = mbe.finished_backup(running.wait())
    load.wait_for_steps(100)
    storm.stop()
    load.stop()

    if source.family == "mariadb":
        s.check_equal(backup.manifest["log_resizes"], 1, "resizes of the log that were followed")
    redo = backup.manifest["redo"]
    s.check(redo["encrypted"], "the manifest says of the redo: %s", redo)
    s.check(redo["key"] == "1" or redo["key"].startswith("INNODBKey-"), "the manifest says of the redo's key: %s", redo)
    found = contains(mbe.repo, [text.encode() for text in (BEFORE, MEANWHILE)] + keys.secrets())
    clear = [text for text, is_clear in ((BEFORE, not encrypted), (MEANWHILE, not hidden)) if is_clear]
    s.check_none([f for f in found if not any(repr(text.encode()[:20]) in f for text in clear)], "clear text in the repository")
    for text in clear:  # or this proves nothing
        s.check(any(repr(text.encode()[:20]) in f for f in found), "%r was logged in clear, and is not in the archive", text)
    check_refusals(s, source, keys, backup)
    if hidden:
        check_refused_backups(s, source, keys, mbe)

    restored = proof.prove_by_replay(
        s, source, backup, name=os.path.join(folder, "restored"), extra=["--keyring-file=" + keys.file], before_start=keys.place,
        options=[*archive_options(source.installation), *keys.options, "--%s=ON" % SWITCH[source.family]])
    s.check_equal(restored.value("select count(*) from secret.meanwhile"), 50, "rows of the table from the middle of the backup")
    proof.prove_restart(s, restored)
    restored.stop()
    source.stop()
    shutil.rmtree(s.path(folder, "repo"))


def body(s, flavour):
    for name, what in ROUNDS[flavour.split("-", maxsplit=1)[0]].items():
        one_round(s, flavour, name, *what)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
