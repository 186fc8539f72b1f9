#!/usr/bin/python3
"""Encrypted tablespaces: backed up under load, restored with the server's key file, replayed: equal. Encrypted pages are encrypted in
the restored files, no key is in the backup, and a restore without the key file is refused before it writes anything.
"""
# timeout: 300

import json
import os
import shutil

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load, archive_options
from harness.mbe import REFUSED
from harness.scenario import run

MARIADB_KEY = "0123456789abcdeffedcba98765432100123456789abcdeffedcba9876543210"
MARKER = "a text that must not be found in any file"


class MariaDbKeys:
    """file_key_management: one plain key file."""

    def __init__(self, s, _installation):
        self.file = s.path("keys.txt")
        with open(self.file, "w", encoding="ascii") as f:
            f.write("1;%s\n" % MARIADB_KEY)
        self.options = ["--plugin-load-add=file_key_management", "--file-key-management-filename=" + self.file,
                        "--innodb-encrypt-tables=ON", "--innodb-encryption-threads=2"]
        self.secret = MARIADB_KEY

    def place(self, datadir):
        """Nothing has to be in the datadir."""

    def encrypt(self, server):
        """Every table is."""

    def wrong_file(self, s):
        """The right id, another key: nothing but the pages themselves can tell."""
        path = s.path("wrong-keys.txt")
        with open(path, "w", encoding="ascii") as f:
            f.write("1;%s\n" % MARIADB_KEY.replace("0", "7"))
        return path

    def secrets(self):
        return [bytes.fromhex(self.secret), self.secret.encode()]


class MySqlKeys:
    """component_keyring_file, set up in the datadir: see Installation.allow_local_components."""

    def __init__(self, s, installation):
        self.file = s.path("keyring")
        self.options = ["--innodb-undo-log-encrypt=ON"]
        installation.allow_local_components()

    def place(self, datadir):
        for name, text in (("mysqld.my", '{"components": "file://component_keyring_file"}'),
                           ("component_keyring_file.cnf", '{"path": "%s", "read_only": false}' % self.file)):
            with open(os.path.join(datadir, name), "w", encoding="ascii") as f:
                f.write(text)

    def wrong_file(self, _s):
        """MySQL's keys are names and checksums; a wrong one is not found."""

    def encrypt(self, server):
        server.sql("alter tablespace mysql encryption='Y'", *(
            "alter table %s.%s encryption='Y'" % row for row in server.sql(
                "select table_schema, table_name from information_schema.tables where engine='InnoDB' and table_type='BASE TABLE'"
                " and table_schema in ('w', 'secret')")))

    def secrets(self):
        with open(self.file, encoding="ascii") as f:
            return [e["data"].encode() for e in json.load(f)["elements"]]


KEYS = {"mariadb": MariaDbKeys, "mysql": MySqlKeys}


def contains(folder, needles):
    found = []
    for where, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(where, name), "rb") as f:
                data = f.read()
            found += ["%s: %r" % (name, n[:20]) for n in needles if n in data]
    return found


def body(s, flavour):
    source = s.server("source", flavour=flavour)
    keys = KEYS[source.family](s, source.installation)
    source.options += proof.source_options(source.installation, *keys.options)
    source.init()
    keys.place(source.datadir)
    source.start()
    load = Load(source, s.seed).prepare()
    source.sql("create database secret", "create table secret.t (id int auto_increment primary key, a varchar(200))",
               *["insert into secret.t(a) select concat('%s ', a) from (select 1 as a union select 2 union select 3) as x" % MARKER] * 3)
    keys.encrypt(source)
    load.start()
    load.wait_for_steps(200)
    backup = s.mbe(source).backup("--parallel=2", "--keyring-file=" + keys.file, "--compress=none")
    load.wait_for_steps(100)
    load.stop()
    s.check_none(contains(s.path("repo"), keys.secrets()), "keys in the repository")

    refused = s.path("refused")
    done = s.mbe(source).restore(refused, expect=REFUSED)
    s.check("ncrypt" in done.err or "INNODBKey" in done.err, "the refusal does not say why: %s", done)
    s.check(not os.path.exists(os.path.join(refused, "secret")), "a refused restore has written tables")
    shutil.rmtree(refused, ignore_errors=True)

    wrong = keys.wrong_file(s)
    if wrong:
        done = s.mbe(source).restore(s.path("wrong"), "--keyring-file=" + wrong, expect=REFUSED)
        s.check("does not open with the key" in done.err, "a wrong key is not told: %s", done)
        s.check(os.path.exists(s.path("wrong", "mbe-restore-incomplete")), "a failed restore looks whole")
        shutil.rmtree(s.path("wrong"))

    booted = s.mbe(source).verify(backup.id, "--level=boot", "--keyring-file=" + os.path.relpath(keys.file), *s.boot_options(source.installation))
    s.check(" ok " in booted.out and " unchecked=0 " in booted.out, "a server of mbe's own with the key file: %s", booted)

    restored = proof.prove_by_replay(s, source, backup, extra=["--keyring-file=" + keys.file], before_start=keys.place,
                                     options=[*archive_options(source.installation), *keys.options])
    found = contains(os.path.join(restored.datadir, "secret"), [MARKER.encode()])
    s.check_none(found, "clear text in the restored files")
    proof.prove_restart(s, restored)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
