#!/usr/bin/python3
"""Long ALTER TABLE statements of each kind that end before, in and after the lock, with writes to their tables all the time. Half of the
kinds in each round: MySQL's FLUSH TABLES WITH READ LOCK is not asked for while any statement has been running for a second.
"""
# timeout: 400

import contextlib
import threading

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.scenario import run

KINDS = {
    "copy": "alter table la.t{n} force, algorithm=copy",
    "rebuild": "alter table la.t{n} force, algorithm=inplace",
    "index": "alter table la.t{n} add index i_{i} (b(30)), algorithm=inplace",
    "fulltext": "alter table la.t{n} add fulltext f_{i} (b)",
    "engine": "alter table la.t{n} engine={e}",
    "partition": "alter table la.t{n} partition by hash(id) partitions {p}",
    "optimize": "optimize table la.t{n}",
    "modify": "alter table la.t{n} modify b varchar({v})",
    # the build that is not online: no redo, and nobody writes meanwhile
    "locked": "alter table la.t{n} add index i_{i} (b(40), a), algorithm=inplace, lock=shared",
}
ENGINES = {"mariadb": ("myisam", "innodb", "aria"), "mysql": ("myisam", "innodb", "innodb row_format=compressed")}
LOG = {"mariadb": ["--innodb-log-file-size=256M"], "mysql": ["--innodb-redo-log-capacity=256M"]}


class Sessions:
    """One session altering each of these tables over and over, one writing to all tables."""

    def __init__(self, s, source, tables):
        self.source, self.random, self.stopping = source, s.random, threading.Event()
        self.altered, self.written, self.errors = [0] * len(KINDS), [0], []
        self.threads = [threading.Thread(target=self.guard, args=(self.alter, n), daemon=True) for n in tables]
        self.threads.append(threading.Thread(target=self.guard, args=(self.write, 0), daemon=True))
        for thread in self.threads:
            thread.start()

    def guard(self, work, number):
        try:
            with contextlib.closing(self.source.connect()) as connection, connection.cursor() as cursor:
                cursor.execute("set session lock_wait_timeout=60, innodb_lock_wait_timeout=20")
                while not self.stopping.is_set():
                    try:
                        work(cursor, number)
                    except (pymysql.err.OperationalError, pymysql.err.IntegrityError) as e:
                        if e.args[0] not in (1205, 1213, 1061, 1062, 1022, 1412, 1317, 4092):
                            raise
        except pymysql.err.MySQLError as e:
            self.errors.append("%s %d: %r" % (work.__name__, number, e))

    def alter(self, cursor, number):
        i = self.altered[number]
        statement = list(KINDS.values())[number].format(
            n=number, i=i % 3, e=ENGINES[self.source.family][i % 3], p=i % 4 + 2, v=300 + i % 3)
        if "add " in statement:
            with contextlib.suppress(pymysql.err.OperationalError):     # there is none yet
                cursor.execute("alter table la.t%d drop index %s_%d" % (number, "f" if "fulltext" in statement else "i", i % 3))
        cursor.execute(statement)
        cursor.fetchall()
        self.altered[number] += 1
        self.stopping.wait(self.random.random())

    def write(self, cursor, _number):
        n = self.random.randrange(len(KINDS))
        low = self.random.randrange(6000)
        cursor.execute(self.random.choice((
            "insert into la.t%d(a,b) values (%d,'new row')" % (n, low),
            "update la.t%d set b=concat('u', a), a=a+1 where id between %d and %d" % (n, low, low + 5),
            "delete from la.t%d where id between %d and %d" % (n, low, low + 2))))
        self.written[0] += 1

    def stop(self, s):
        self.stopping.set()
        for thread in self.threads:
            thread.join(90)
        s.check_none(self.errors, "sessions")


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour, options=LOG[flavour.split("-", maxsplit=1)[0]])
    source.sql("create database la")
    for n in range(len(KINDS)):
        source.sql("use la", "create table t%d (id int auto_increment primary key, a int, b varchar(300)) engine=innodb" % n,
                   "insert into t%d(a,b) select seq, repeat(sha2(seq, 256), 3) from %s" % (n, source.numbers(6000)))
    load = Load(source, s.seed, writers=("bank",)).prepare().start()
    for number in range(s.rounds(2)):
        sessions = Sessions(s, source, range(number % 2, len(KINDS), 2))
        s.wait_until(lambda x=sessions: sum(x.altered) > 4 or x.errors, 60, "the first ALTERs")
        backup = s.mbe(source, repo="repo%d" % number).backup("--lock-wait=150")
        sessions.stop(s)
        load.stop()
        s.say("%s statements, %d writes; lock %r", sessions.altered, sessions.written[0], backup.manifest["lock"])
        restored = proof.prove_by_replay(s, source, backup, name="restored%d" % number)
        proof.prove_restart(s, restored)
        restored.stop()
        load.start()
    load.stop()


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
