#!/usr/bin/python3
"""mbe hash on a server that works: all tables are of one moment; DDL is not held up and makes no error; the lock is bounded; what is
stopped leaves nothing behind; an account that may not lock is told what it may do.
"""
# timeout: 400

import contextlib
import json
import signal
import threading
import time

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness.mbe import OK, OPERATION_FAILED, REFUSED
from harness.scenario import run

PAIRS = 3


def arguments(mbe, *extra):
    return ["hash", "--defaults-file=" + mbe.option_file(), "--json", "--progress=none", *extra]


def tables(done):
    return {t["table"]: t for t in json.loads(done.out)["tables"]}


def hashes(mbe, *extra, **kwargs):
    return tables(mbe.run(*arguments(mbe, *extra), **kwargs))


class Twins:
    """Writers whose transactions do the same to two tables: at any moment both hold the same rows."""

    def __init__(self, server):
        self.server, self.stopping, self.errors, self.threads, self.commits = server, threading.Event(), [], [], 0
        server.sql("create database twins")
        for i in range(PAIRS):
            for half in "ab":
                server.sql("create table twins.%s%d (id int auto_increment primary key, v varchar(200)) engine=innodb" % (half, i))

    def work(self, number):
        try:
            with contextlib.closing(self.server.connect(database="twins")) as connection, connection.cursor() as cursor:
                step = 0
                while not self.stopping.is_set():
                    step += 1
                    cursor.execute("begin")
                    for half in "ab":
                        cursor.execute("insert into %s%d (v) values (repeat('%d',%d))" % (half, number, step % 10, step % 200))
                        cursor.execute("update %s%d set v='%d' where id=%d" % (half, number, step, 1 + step // 3))
                    cursor.execute("rollback" if step % 7 == 0 else "commit")
                    self.commits += 1
        except pymysql.err.MySQLError as e:
            self.errors.append(e)

    def __enter__(self):
        self.threads = [threading.Thread(target=self.work, args=(i,), daemon=True) for i in range(PAIRS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)


def all_of_one_moment(s, server, mbe):
    with Twins(server) as twins:
        for _ in range(s.rounds(8)):
            goal = twins.commits + 50
            s.wait_until(lambda: twins.commits > goal, 60, "the writers work")   # pylint: disable=cell-var-from-loop
            found = hashes(mbe, "--databases=twins", "--parallel=4")
            s.check_equal({t["state"] for t in found.values()}, {"exact"}, "states")
            for i in range(PAIRS):
                a, b = found["a%d" % i], found["b%d" % i]
                s.check(a["rows"] > 0 and (a["rows"], a["hash"]) == (b["rows"], b["hash"]), "pair %d is of two moments: %s %s", i,
                        a["rows"], b["rows"])
        loose = hashes(mbe, "--databases=twins", "--parallel=4", "--no-lock")
        s.check_equal({t["state"] for t in loose.values()}, {"unsynchronised"}, "states without a lock")
        one = hashes(mbe, "--databases=twins", "--parallel=1", "--no-lock")
        s.check(all(one["a%d" % i]["hash"] == one["b%d" % i]["hash"] and one["a%d" % i]["state"] == "exact" for i in range(PAIRS)),
                "one connection has one moment")
    s.check_none(twins.errors, "writers")
    s.say("of one moment, beside %d transactions", twins.commits)


def statements(server):
    return [row[0] or "" for row in server.sql("select info from information_schema.processlist")]


def ddl_beside(s, server, mbe):
    """Two large tables are read slowly, one after the other; meanwhile there is DDL on every other."""
    server.sql("create database ddl", "use ddl",
               "create table big1 (id int primary key, v char(200) character set latin1) engine=innodb",
               "insert into big1 select seq, repeat('x',200) from " + server.numbers(8000),
               "create table big2 like big1", "insert into big2 select * from big1 where id <= 6000",
               *("create table %s (id int primary key, v int) engine=innodb" % t for t in
                 ("altered", "added", "dropped", "truncated", "renamed", "kept")),
               *("insert into %s values (1,1),(2,2)" % t for t in ("altered", "added", "dropped", "truncated", "renamed", "kept")),
               "create table plain (id int primary key) engine=myisam", "insert into plain values (1)",
               "create view v as select * from kept",
               "analyze table big1, big2")
    before = hashes(mbe, "--databases=ddl")
    running = mbe.start(*arguments(mbe, "--databases=ddl", "--parallel=1", "--throttle=400K"))
    s.wait_until(lambda: any("`big1`" in q and "v" in q for q in statements(server)), 30, "big1 is read")
    server.sql("use ddl", "alter table altered add column w int, force", "drop table dropped", "truncate table truncated",
               "rename table renamed to renamed2", "create table made (id int)", "insert into kept values (3,3)",
               "insert into plain values (2)", "alter table added add column w int default 7")
    s.wait_until(lambda: any("`big2`" in q for q in statements(server)), 30, "big2 is read")
    since = time.monotonic()
    server.sql("alter table ddl.big1 add column w int")
    s.check(time.monotonic() - since < 1.5 and running.running(), "DDL on a table that was read waits: %.1f s", time.monotonic() - since)
    done = running.wait()
    s.check_equal(done.status, OK, "exit status")
    found = tables(done)
    for name in ("altered", "added", "dropped", "truncated", "renamed"):
        s.check(found[name]["state"] == "not hashed" and "ddl.%s is not hashed" % name in done.err, "%s: %s", name, found[name])
    for name in ("kept", "plain", "big1", "big2"):
        s.check(found[name]["state"] == "exact" and found[name]["hash"] == before[name]["hash"], "%s: %s", name, found[name])
    s.check("v" not in found and "made" not in found, "views, or tables that did not exist: %s", sorted(found))
    s.say("DDL beside it: neither waits for the other")


def names_that_move(s, server, mbe):
    """Tables of the same columns change their names or their partitions before it is their turn: a snapshot shows other rows under the name,
    without an error. What is only written to has its hash."""
    names = ("swap_a", "swap_b", "ex", "sp\u00e4t_a", "sp\u00e4t_b", "kept")
    server.sql("create database mv character set utf8mb4", "use mv",
               "create table part (id int primary key, v char(20)) partition by range(id) (partition p0 values less than (1000), "
               "partition p1 values less than maxvalue)", "insert into part values (1,'part'),(2000,'part')",
               *("create table `%s` (id int primary key, v char(20))" % t for t in names),
               *("insert into `%s` values (1,'%s')" % (t, t) for t in names))
    swaps = ("rename table mv.swap_a to mv.x, mv.swap_b to mv.swap_a, mv.x to mv.swap_b",
             "rename table mv.`sp\u00e4t_a` to mv.x, mv.`sp\u00e4t_b` to mv.`sp\u00e4t_a`, mv.x to mv.`sp\u00e4t_b`",
             "alter table mv.part exchange partition p0 with table mv.ex")
    for rows, extra in enumerate(((), ("--no-lock",)), 1):
        running = mbe.start(*arguments(mbe, "--tables=ddl.big1,mv.*", "--parallel=1", "--throttle=1M", *extra))
        s.wait_until(lambda: any("`big1`" in q and "v" in q for q in statements(server)), 30, "big1 is read")
        server.sql(*swaps, "replace into mv.kept values (2,'later')")
        done = running.wait()
        s.check_equal(done.status, OK, "exit status")
        found = tables(done)
        s.check_equal((found["kept"]["state"], found["kept"]["rows"]), ("exact", rows), "a table that is written to")
        for name in (*names[:-1], "part"):
            s.check(found[name]["state"] == "not hashed" and "changed while hashing" in found[name]["reason"], "%s: %s", name, found[name])
            s.check("mv.%s is not hashed" % name in done.err, "no warning of %s: %s", name, done.err)
        s.check_equal(found["big1"]["state"], "exact", "big1")
        s.check("not proven" not in done.err, "%s", done.err)
    s.say("names that move")


def locks(s, server, mbe):
    server.sql("create database lk", "create table lk.t (id int primary key) engine=innodb", "insert into lk.t values (1)")
    with contextlib.closing(server.connect()) as other, other.cursor() as cursor:
        if server.family == "mariadb":
            cursor.execute("backup stage start")
        else:
            threading.Thread(target=lambda: server.sql("select sleep(12) from lk.t"), daemon=True).start()
            s.wait_until(lambda: any("sleep(12)" in q for q in statements(server)), 10, "a long statement")
            time.sleep(1.2)
        since = time.monotonic()
        done = mbe.run(*arguments(mbe, "--databases=lk", "--lock-wait=2"), expect=OPERATION_FAILED)
        s.check("commits could not be stopped within 2 seconds" in done.err and time.monotonic() - since < 9, "%s", done)
        server.sql("insert into lk.t values (2)")
        if server.family == "mariadb":
            cursor.execute("backup stage end")


def accounts(s, server, mbe):
    server.sql("create user reader@localhost identified by 'secret'", "grant select on lk.* to reader@localhost")
    reader = s.mbe(server, user="reader", password="secret")
    done = reader.run(*arguments(reader), expect=REFUSED)
    s.check("--no-lock" in done.err, "%s", done)
    done = reader.run(*arguments(reader, "--no-lock", "--parallel=1"))
    found = tables(done)
    s.check(done.err.count("without the privilege PROCESS it is not proven") == 1, "what is not proven: %s", done.err)
    s.check_equal(sorted(found), ["t"], "tables of an account")
    s.check_equal(found["t"]["hash"], hashes(mbe, "--databases=lk")["t"]["hash"], "hash by another account")


def stopped(s, server, mbe):
    running = mbe.start(*arguments(mbe, "--databases=ddl", "--parallel=2", "--throttle=100K"))
    s.wait_until(lambda: any("`big2`" in q for q in statements(server)), 30, "rows are read")
    since = time.monotonic()
    running.signal(signal.SIGTERM)
    done = running.wait(20)
    s.check(done.status == OPERATION_FAILED and time.monotonic() - since < 3 and not done.out, "%s", done)
    s.wait_until(lambda: not any("`big" in q for q in statements(server)), 10, "the server has let go")
    server.sql("alter table ddl.big2 add column x int")


def body(s, flavour):
    server = s.server("source", flavour=flavour).init().start()
    mbe = s.mbe(server)
    all_of_one_moment(s, server, mbe)
    ddl_beside(s, server, mbe)
    names_that_move(s, server, mbe)
    locks(s, server, mbe)
    accounts(s, server, mbe)
    stopped(s, server, mbe)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
