#!/usr/bin/python3
"""CREATE TABLE that fails because a file is in its way, of tables with a DATA DIRECTORY and others: the file of a living table, which was
renamed to another database and left its file in the folder of the old one; or a stray one. Nothing of it is in the restore, and the tables are.
"""
# timeout: 300

import os
import shutil

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.mbe import REFUSED
from harness.scenario import run
from basic_backup import directories

COLUMNS = "(a int primary key, b varchar(100))"


class Places:
    """Tables of schemas d1 and d2, some of them in `external`."""

    def __init__(self, s, source, external):
        self.s, self.source, self.external = s, source, external
        self.at = " data directory='%s'" % external
        self.failed = 0

    def create(self, table, at=""):
        self.source.sql("use d1", "create table %s %s engine=innodb%s" % (table, COLUMNS, at),
                        "insert into %s select seq, '%s' from %s" % (table, table, self.source.numbers(500)))

    def fails(self, table, at=""):
        try:
            self.create(table, at)
        except pymysql.err.MySQLError:
            self.failed += 1
        else:
            self.source.sql("drop table " + table)

    def file_of(self, table, at=""):
        return os.path.join(self.external if at else self.source.datadir, *table.split(".")) + ".ibd"

    def in_the_way_of_itself(self, number):
        """Its file is still that of d1.moved, on MariaDB."""
        self.create("d1.first%d" % number, self.at)
        self.source.sql("rename table d1.first%d to d2.moved%d" % (number, number))
        for _ in range(2):
            self.fails("d1.moved%d" % number, self.at)

    def stray(self, table, at=""):
        """A file that is no tablespace, and then is away."""
        path = self.file_of(table, at)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(bytes(65536))
        os.chmod(os.path.dirname(path), 0o777)
        for _ in range(2):
            self.fails(table, at)
        os.remove(path)

    def again(self, number):
        """Tables that are created when what was in their way is gone."""
        for name, at in (("d1.near%d" % number, ""), ("d1.far%d" % number, self.at)):
            self.stray(name, at)
            self.create(name, at)

    def never(self, number):
        self.stray("d1.never%d" % number)
        self.stray("d1.nowhere%d" % number, self.at)

    def all_of_it(self, number):
        self.in_the_way_of_itself(number)
        self.again(number)
        self.never(number)


def who_may_not_ask(s, source):
    """MariaDB: without PROCESS nobody says whose the unwritten file is: the backup is refused, and the server is free."""
    source.sql("create user poor@localhost identified by 'poor'", "grant reload, binlog monitor, lock tables on *.* to poor@localhost")
    poor = s.mbe(source, repo="poor", user="poor", password="poor")
    done = poor.backup_fails(REFUSED)
    s.check("space " in done.err and "Grant PROCESS" in done.err, "refusal: %s", done)
    s.check_equal(proof.locked_out(source), None, "locks after a refusal")
    s.check_equal(poor.ids(), [], "backups after a refusal")
    source.sql("drop user poor@localhost")


def body(s, flavour):
    external = s.sub("external")
    more = directories(flavour, external)
    source = proof.start_source(s, flavour=flavour, options=more)
    source.sql("create database d1", "create database d2")
    places = Places(s, source, external)
    places.all_of_it(1)             # page 0 of their files is not written yet when the backup reads it
    if source.family == "mariadb":
        who_may_not_ask(s, source)
    mbe = s.mbe(source)
    with proof.HeldDdl(source):
        running = mbe.start_backup("--lock-wait=100")
        s.at_end.append(running.end)
        s.wait_until(lambda: proof.waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
        places.all_of_it(2)
    backup = mbe.finished_backup(running.wait())
    s.say("%d statements failed", places.failed)
    s.check(places.failed >= 16, "only %d statements failed: nothing was proven", places.failed)
    before = check.read_state(source)
    source.stop()
    shutil.rmtree(external)
    os.mkdir(external)
    os.chmod(external, 0o777)
    restored = s.restored(source, backup, options=more, extra=["--external-dir=/"])
    s.check_none(check.health(restored, s), "restored server")
    s.check_none(check.differences(before, check.read_state(restored)), "restored, against the source")
    s.check_none(check.file_problems(restored), "files of the restored server")
    again = Places(s, restored, external)
    for number in (1, 2):
        again.create("d1.never%d" % number)
        again.create("d1.nowhere%d" % number, again.at)
    proof.prove_restart(s, restored)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
