#!/usr/bin/python3
"""mbe backup --hash on a busy server: what is restored has exactly the rows that were hashed, whatever was written, swapped, altered and
dropped meanwhile; and what no hash can be had of is named.
"""
# timeout: 600

import contextlib
import json
import os
import random
import signal
import threading
import time

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import GONE, Load, archive_options
from harness.mbe import DAMAGE, REFUSED
from harness.scenario import run

SMALL, BIG = 200, 40000


class Hammer:
    """Rows committed one after the other, about every millisecond, by several connections: a snapshot that is a commit too old or too
    new differs.
    """

    def __init__(self, server, connections=3):
        self.server = server
        self.stop = threading.Event()
        self.errors = []
        self.threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(connections)]

    def _work(self, number):
        try:
            with contextlib.closing(self.server.connect()) as connection, connection.cursor() as cursor:
                while not self.stop.is_set():
                    cursor.execute("insert into hm.t(who) values (%d)" % number)
                    cursor.execute("update hm.counter set n=n+1 where who=%d" % number)
        except pymysql.err.MySQLError as e:
            if not (e.args and e.args[0] in GONE):
                self.errors.append(e)

    def __enter__(self):
        self.server.sql("create database hm", "create table hm.t (id int auto_increment primary key, who int)",
                        "create table hm.counter (who int primary key, n int)",
                        "insert into hm.counter values " + ",".join("(%d,0)" % n for n in range(len(self.threads))))
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_exc):
        self.stop.set()
        for thread in self.threads:
            thread.join()


class Ddl:
    """DDL of every kind that moves names or definitions, without a rest, on tables of schema dd."""

    STEPS = (
        ("rename table dd.a to dd.x, dd.b to dd.a, dd.x to dd.b",),
        ("alter table dd.part exchange partition p0 with table dd.ex",),
        ("alter table dd.inst add column c int default 7", "alter table dd.inst drop column c"),
        ("truncate table dd.trunc", "insert into dd.trunc values (1,'t')"),
        ("drop table if exists dd.anew", "create table dd.anew (id int primary key, b varchar(20))", "insert into dd.anew values (1,'n')"),
        ("drop table if exists dd.late", "create table dd.late select * from dd.a"),
        ("alter table dd.index_it add index (b)", "alter table dd.index_it drop index b"),
        ("alter table dd.force_it engine=innodb",),
    )

    def __init__(self, server, seed):
        self.server = server
        self.random = random.Random(seed)
        self.stop = threading.Event()
        self.errors = []
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self):
        try:
            with contextlib.closing(self.server.connect()) as connection, connection.cursor() as cursor:
                while not self.stop.is_set():
                    for statement in self.random.choice(self.STEPS):
                        with contextlib.suppress(pymysql.err.OperationalError):     # a deadlock with the lock of the end
                            cursor.execute(statement)
        except pymysql.err.MySQLError as e:
            if not (e.args and e.args[0] in GONE):
                self.errors.append(e)

    def __enter__(self):
        for name in ("a", "b", "inst", "trunc", "index_it", "force_it"):
            self.server.sql("use dd", "create table dd.%s (id int primary key, b varchar(20))" % name,
                            "insert into dd.%s select seq, '%s' from %s" % (name, name, self.server.numbers(SMALL)))
        self.server.sql("create table dd.part (id int primary key, b varchar(20)) partition by range(id)"
                        " (partition p0 values less than (1000), partition p1 values less than maxvalue)",
                        "insert into dd.part values (1,'part'),(2000,'part')",
                        "create table dd.ex (id int primary key, b varchar(20))", "insert into dd.ex values (2,'ex')")
        self.thread.start()
        return self

    def __exit__(self, *_exc):
        self.stop.set()
        self.thread.join()


# --- hashes of a backup -----------------------------------------------------------------------------------------------

class Hashes:
    """What `mbe show --hashes` prints of a backup."""

    def __init__(self, s, backup):
        self.path = s.path("hashes-%s.json" % backup.id)
        text = backup.mbe.run("show", "--repo=" + backup.mbe.repo, "--backup=" + backup.id, "--hashes").out
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text)
        self.document = json.loads(text)
        self.tables = {(t["schema"], t["table"]): t for t in self.document["tables"]}

    def state(self, schema, name):
        return self.tables.get((schema, name), {"state": "absent"})["state"]

    def names(self, state):
        return sorted(name for name, t in self.tables.items() if t["state"] == state)


def compare(s, server, hashes, expect=0):
    if os.environ.get("TMPCMP"):
        mbe = s.mbe(server)
        out=s.path("live.json")
        mbe.run("hash", "--output="+out, "--defaults-file=" + mbe.option_file(), "--progress=none")
        d=json.load(open(out)); live={(t["schema"], t["table"]): t for t in d["tables"]}
        bad=[]
        for k,t in hashes.tables.items():
            if t["state"]=="exact":
                l=live.get(k)
                if l is None or l.get("hash")!=t["hash"] or l["rows"]!=t["rows"]: bad.append((k,t["hash"],t["rows"],l and (l["state"],l.get("hash"),l.get("rows"),l.get("reason"))))
        for k in live:
            if k not in hashes.tables: bad.append((k,"extra"))
        s.check_none(bad,"compare")
        return
    """mbe hash --compare of a backup's hashes with a server."""
    mbe = s.mbe(server)
    return mbe.run("hash", "--compare", hashes.path, "--defaults-file=" + mbe.option_file(), "--progress=none", expect=expect)


def check_summary(s, backup, hashes):
    said = backup.manifest["hashes"]
    s.check_equal((said["tables"], said["unsynchronised"], said["not_hashed"]),
                  tuple(len(hashes.names(state)) for state in ("exact", "unsynchronised", "not hashed")), "summary in the manifest")
    s.check_equal(said["rows"], sum(t.get("rows", 0) for t in hashes.tables.values()), "rows in the manifest")
    s.check_equal(hashes.document["moment"]["lsn"], backup.manifest["lsn"]["to"], "LSN of the hashes")
    lock = backup.manifest["lock"]
    s.check(0 < lock["hash"] <= lock["block_commit"], "the hashing's part of the lock: %r", lock)


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    source.sql("create database dd", "create database still", "use still",
               "create table still.my_big (id int primary key, b varchar(200)) engine=myisam",
               "insert into still.my_big select seq, repeat('m', 150) from " + source.numbers(BIG),
               "create table still.inno (id int primary key, b varchar(200)) engine=innodb",
               "insert into still.inno select seq, repeat('i', 150) from " + source.numbers(BIG))
    load = Load(source, s.seed).prepare().start()
    mbe = s.mbe(source)
    with Hammer(source) as hammer, Ddl(source, s.seed) as ddl:
        for n in range(s.rounds(3)):
            load.wait_for_steps(30)
            backup = mbe.backup("--hash", "--parallel=3")
            hashes = Hashes(s, backup)
            s.say("%s: %r lock %r", backup.id, backup.manifest["hashes"], backup.manifest["lock"])
            for t in hashes.tables.values():
                if t["state"] != "exact": s.say("   %s.%s %s: %s", t["schema"], t["table"], t["state"], t["reason"])
            check_summary(s, backup, hashes)
            restored = s.restored(source, backup, name="restored%d" % n, options=archive_options(source.installation))
            check.wait_for_rollback(restored, s)
            done = compare(s, restored, hashes)
            s.say("%s", done)
            restored.kill()
    load.stop()
    s.check(not hammer.errors and not ddl.errors, "errors of writers: %r %r", hammer.errors, ddl.errors)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
