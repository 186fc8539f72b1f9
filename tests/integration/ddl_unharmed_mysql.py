#!/usr/bin/python3
"""DDL that meets the locks of a backup waits for them, and never fails because of them: statements of many kinds run all the time from
several sessions while backups are taken, and not one of them gets an error. But OPTIMIZE TABLE: it takes its locks a second time in
between, and may be told of a deadlock then (README.md, limits); that is rare, and counted.
"""
# timeout: 300

import contextlib
import threading

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.scenario import run

STATEMENTS = (
    "create table du.a{n} (id int auto_increment primary key, v varchar(100)) engine={engine}",
    "insert into du.a{n}(v) values ('one'),('two')",
    "alter table du.a{n} add index i (v)",
    "alter table du.a{n} add column c int",
    "create or replace view du.v{n} as select v from du.a{n}",
    "truncate table du.a{n}",
    "rename table du.a{n} to du.b{n}",
    "optimize table du.b{n}",
    "create procedure du.p{n}() select 1",
    "drop procedure du.p{n}",
    "create user u{n}@localhost",
    "grant select on du.* to u{n}@localhost",
    "drop user u{n}@localhost",
    "alter table du.b{n} engine=innodb, algorithm=copy",
    "create database du{n}",
    "drop database du{n}",
    "drop table du.b{n}",
    "create tablespace ts{n} add datafile 'ts{n}.ibd'",
    "drop tablespace ts{n}",
)


DEADLOCK = 1213
DEADLOCKS_MAX = 2


class Sessions:
    def __init__(self, source, count):
        self.source, self.stopping = source, threading.Event()
        self.done, self.errors, self.deadlocks = [0] * count, [], [0] * count
        self.threads = [threading.Thread(target=self.work, args=(n,), daemon=True) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def work(self, n):
        statement = "connect"
        try:
            with contextlib.closing(self.source.connect()) as connection, connection.cursor() as cursor:
                while not self.stopping.is_set():
                    for template in STATEMENTS:
                        statement = template.format(n=n, engine=("innodb", "myisam")[self.done[n] % 2])
                        try:
                            cursor.execute(statement)
                        except pymysql.err.OperationalError as e:
                            if e.args[0] != DEADLOCK or not statement.startswith("optimize"):
                                raise
                            self.deadlocks[n] += 1
                            continue
                        self.check_rows(statement, cursor.fetchall())
                    self.done[n] += 1
        except pymysql.err.MySQLError as e:
            self.errors.append("%s: %s" % (statement, e.args))

    def check_rows(self, statement, rows):
        """OPTIMIZE tells of an error in its result."""
        if statement.startswith("optimize") and any("lock" in str(cell).lower() for row in rows for cell in row):
            self.errors.append("%s: %s" % (statement, rows))

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    source.sql("create database du")
    load = Load(source, s.seed, writers=("bank", "plain")).prepare().start()
    sessions = Sessions(source, 3)
    mbe = s.mbe(source)
    for _ in range(s.rounds(6)):
        before = sum(sessions.done)
        s.wait_until(lambda before=before: sum(sessions.done) > before or sessions.errors, 60, "DDL goes on")
        mbe.backup("--lock-wait=60")
        s.check_none(sessions.errors, "statements that failed")
    sessions.stop()
    load.stop()
    s.check_none(sessions.errors, "statements that failed")
    deadlocks = sum(sessions.deadlocks)
    s.check(deadlocks <= DEADLOCKS_MAX, "%d OPTIMIZE were told of a deadlock", deadlocks)
    s.say("%d rounds of %d statements, none failed, %d OPTIMIZE were told of a deadlock", sum(sessions.done), len(STATEMENTS), deadlocks)


if __name__ == "__main__":
    run(lambda s: body(s, "mysql-9.7"))
