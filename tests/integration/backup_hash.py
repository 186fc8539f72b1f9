#!/usr/bin/python3
"""mbe backup --hash on a busy server: what is restored has exactly the rows that were hashed, whatever was written, swapped, altered and
dropped meanwhile; and what no hash can be had of is named.
"""
# timeout: 600

import contextlib
import json
import random
import signal
import threading
import time

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import GONE, Load, archive_options
from harness.mbe import DAMAGE, OK, REFUSED
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


def differences(s, server, hashes):
    """Tables whose hash of the backup is exact and which a restored server has otherwise, or not at all; and those of which the
    backup says nothing. By `mbe hash` of that server."""
    mbe = s.mbe(server)
    live = json.loads(mbe.run("hash", "--json", "--databases=mysql,sys,*", "--defaults-file=" + mbe.option_file(),
                              "--progress=none").out)
    found = {(t["schema"], t["table"]): t for t in live["tables"]}
    lines = ["%s.%s: not in the backup's hashes" % name for name in sorted(set(found) - set(hashes.tables)) if name[0] not in ("mysql", "sys")]
    for name in hashes.names("exact"):
        expected, t = hashes.tables[name], found.get(name, {})
        if t.get("state") != "exact" or (t["rows"], t["hash"]) != (expected["rows"], expected["hash"]):
            lines.append("%s.%s: %r rows, %s; the server has %r, %s (%s)" %
                         (*name, expected["rows"], expected["hash"], t.get("rows"), t.get("hash"), t.get("reason", t.get("state"))))
    return lines


def compared(s, server, hashes, expect=OK):
    """The same by mbe hash --compare."""
    mbe = s.mbe(server)
    return mbe.run("hash", "--compare", hashes.path, "server", "--defaults-file=" + mbe.option_file(), "--progress=none",
                   expect=expect)


def check_summary(s, backup, hashes):
    said = backup.manifest["hashes"]
    s.check_equal((said["tables"], said["unsynchronised"], said["not_hashed"]),
                  tuple(len(hashes.names(state)) for state in ("exact", "unsynchronised", "not hashed")), "summary in the manifest")
    s.check_equal(said["rows"], sum(t.get("rows", 0) for t in hashes.tables.values()), "rows in the manifest")
    s.check_equal(hashes.document["moment"]["lsn"], backup.manifest["lsn"]["to"], "LSN of the hashes")
    lock = backup.manifest["lock"]
    # within the time for which commits are stopped; three digits are kept of each
    s.check(0 < lock["block_commit"] and lock["hash"] <= lock["block_commit"] + 0.001, "the hashing's part of the lock: %r", lock)


def check_all(s, source, backup, name, expect_all=False):
    """Restores, and compares everything. Returns the hashes and the restored server."""
    hashes = Hashes(s, backup)
    check_summary(s, backup, hashes)
    for t in hashes.tables.values():
        s.check(t["state"] == "exact" or t["reason"], "no reason: %r", t)
    restored = s.restored(source, backup, name=name, options=archive_options(source.installation))
    check.wait_for_rollback(restored, s)
    s.check_none(differences(s, restored, hashes), "restored, and not as it was hashed")
    compared(s, restored, hashes)
    if expect_all:
        s.check_none(["%s.%s: %s" % (*n, t["reason"]) for n, t in hashes.tables.items() if t["state"] != "exact"], "not exact")
    return hashes, restored


# --- parts ------------------------------------------------------------------------------------------------------------

ODD_NAMES = ("with space", "hash#sign", "at@sign", "dot.ted", "pt#P#p0", "#sql-looking", "per%cent", "quote'\"", "back\\slash",
             "ümläut é ñ", "таблица", "表", "UPPER", "aux", "com1", "clock$", "t~1", "a`b")


def odd_names(source):
    """Tables that rest, and whose files are called otherwise than they are."""
    schema = check.quoted("odd é #1")
    source.sql("create database %s character set utf8mb4" % schema,
               *(statement for name in ODD_NAMES for engine in ("innodb", "myisam") for statement in (
                   "create table %s.%s (`col é` int primary key, b text) engine=%s" %
                   (schema, check.quoted(name + ("" if engine == "innodb" else " my")), engine),
                   "insert into %s.%s values (1,'odd')" % (schema, check.quoted(name + ("" if engine == "innodb" else " my"))))),
               "create table %s.`pärts` (id int primary key) partition by hash(id) partitions 3" % schema,
               "insert into %s.`pärts` values (1),(2),(3),(4)" % schema)


def unprovable(source):
    """MySQL does not say what files of other engines are called when a name is not ASCII."""
    return [("odd é #1", name + " my") for name in ODD_NAMES] if source.family == "mysql" else []


def under_load(s, source, mbe, load):
    """Whatever is written and renamed: what has a hash is restored as it was hashed, and what nothing is done to but writing has one."""
    with Hammer(source) as hammer, Ddl(source, s.seed) as ddl:
        for n in range(s.rounds(3)):
            load.wait_for_steps(30)
            backup = mbe.backup("--hash", "--parallel=3")
            hashes, restored = check_all(s, source, backup, "restored%d" % n)
            unhashed = [name for name in hashes.names("not hashed") + hashes.names("unsynchronised") if name[0] != "dd"]
            # what has no transactions may be written between the end and its turn, when it is not read under the lock
            late = [name for name in unhashed if name[0] == "w" and (name[1].startswith("p_") or name[1] == "sq")]
            s.check_none(sorted(set(unhashed) - set(late) - set(unprovable(source))), "no exact hash")
            s.say("%d exact, %d without transactions and written meanwhile, %d of DDL; lock %r", len(hashes.names("exact")),
                  len(late), len(hashes.tables) - len(hashes.names("exact")) - len(unhashed), backup.manifest["lock"])
            restored.kill()
    s.check(not hammer.errors and not ddl.errors, "errors of writers: %r %r", hammer.errors, ddl.errors)


@contextlib.contextmanager
def stopped_behind_the_lock(s, mbe, *args):
    """A backup that has let its locks go and has hashed little or nothing yet, stopped (SIGSTOP) all through the block."""
    running = mbe.start_backup("--hash", *args)
    s.wait_until(lambda: "commit" in running.progress() and " lock: " in running.progress() or not running.running(), 120,
                 "the end of the lock", every=0.002)
    running.signal(signal.SIGSTOP)
    s.check(running.running(), "the backup ended before it was stopped: %s", running.progress()[-2000:])
    try:
        yield running
    finally:
        running.signal(signal.SIGCONT)


TRAPS = {
    # table: statements behind the lock. Each would show other rows under the name, or none, without an error that a reader sees.
    "swap_a": ("rename table tr.swap_a to tr.x, tr.swap_b to tr.swap_a, tr.x to tr.swap_b",),
    "part": ("alter table tr.part exchange partition p0 with table tr.ex",),
    "inst": ("alter table tr.inst add column c int default 7",),
    "gone": ("alter table tr.gone drop column b",),
    "renamed_column": ("alter table tr.renamed_column rename column b to bb",),
    "copied": ("alter table tr.copied modify b varchar(30), algorithm=copy",),
    "truncated": ("truncate table tr.truncated",),
    "dropped": ("drop table tr.dropped",),
    "anew": ("drop table tr.anew", "create table tr.anew (id int primary key, b varchar(20))", "insert into tr.anew values (1,'n')"),
    "away": ("rename table tr.away to tr.away_now",),
    "my_big": ("insert into tr.my_big values (0,'written')",),
}
NOT_HASHED = ("swap_a", "swap_b", "part", "ex", "inst", "gone", "renamed_column", "copied", "truncated", "dropped", "anew", "away")


def trap_tables(source):
    source.sql("create database tr", "use tr",
               "create table part (id int primary key, b varchar(20)) partition by range(id)"
               " (partition p0 values less than (1000), partition p1 values less than maxvalue)",
               "insert into part values (1,'part'),(2000,'part')",
               *("create table %s (id int primary key, b varchar(20))" % t for t in (*TRAPS, "swap_b", "ex", "written")
                 if t not in ("part", "my_big")),
               *("insert into %s select seq, '%s' from %s" % (t, t, source.numbers(SMALL))
                 for t in (*TRAPS, "swap_b", "ex", "written") if t not in ("part", "my_big")),
               # read behind the lock, and before all else
               "create table my_big (id int primary key, b varchar(200)) engine=myisam",
               "insert into my_big select seq, repeat('m', 150) from " + source.numbers(BIG),
               "create table my_still like my_big", "insert into my_still select * from my_big",
               "create table my_small like my_big", "insert into my_small select * from my_big where id<=10")


def traps(s, source, mbe):
    """DDL between the end of the backup and the reading of its tables: named, never hashed with other rows; and rows that are written
    then are in no hash."""
    trap_tables(source)
    time.sleep(1.1)     # stamps that young prove nothing
    for n in range(10):
        with stopped_behind_the_lock(s, mbe, "--parallel=1") as running:
            for statements in TRAPS.values():
                source.sql(*statements)
            source.sql("insert into tr.written values (0,'later')", "delete from tr.written where id=3",
                       "create table tr.created (a int)", "insert into tr.my_small values (0,'later')")
        backup = mbe.finished_backup(running.wait())
        hashes, restored = check_all(s, source, backup, "trapped%d" % n)
        restored.kill()
        s.check_equal(hashes.state("tr", "created"), "absent" if source.family == "mysql" else "not hashed", "a table made since")
        for name in ("written", "my_still", "my_small"):
            s.check_equal(hashes.state("tr", name), "exact", name)
        late = [t for t in NOT_HASHED if hashes.state("tr", t) == "exact"]
        if not late:
            break
        # it came too late: these were read before
        s.say("read before the DDL came: %s", " ".join(late))
        source.sql("drop database tr")
        trap_tables(source)
    for name in NOT_HASHED:
        s.check_equal(hashes.state("tr", name), "not hashed", name)
    s.check_equal(hashes.state("tr", "my_big"), "unsynchronised", "written behind the lock")
    s.check("tables are without a hash" in backup.done.err, "no warning: %s", backup.done)
    source.sql("drop database tr")


def prepared_transactions(s, source, mbe):
    """Prepared at the end: not in the hashes, prepared after the restore, and a difference once they are committed."""
    source.sql("create database xa", "create table xa.t (id int primary key, b int)", "insert into xa.t values (1,1),(2,2)")
    with contextlib.closing(source.connect()) as connection, connection.cursor() as cursor:
        for statement in ("xa start 'one'", "insert into xa.t values (3,3)", "update xa.t set b=9 where id=1", "xa end 'one'",
                          "xa prepare 'one'"):
            cursor.execute(statement)
        backup = mbe.backup("--hash")
    source.sql("xa commit 'one'")
    hashes, restored = check_all(s, source, backup, "prepared")
    s.check_equal(hashes.tables["xa", "t"]["rows"], 2, "rows at the end")
    s.check_equal(len(restored.sql("xa recover")), 1, "prepared in the restored server")
    restored.sql("xa commit 'one'")
    found = differences(s, restored, hashes)
    s.check(len(found) == 1 and found[0].startswith("xa.t: 2 rows"), "differences after the commit: %r", found)
    done = compared(s, restored, hashes, DAMAGE)
    s.check("`xa`.`t`" in done.out + done.err, "compared after the commit: %s", done)
    restored.kill()


def without_binlog(s, flavour):
    """Nothing but InnoDB, and no binary log: then nothing else would have commits stopped on MySQL."""
    source = s.server("bare", flavour=flavour, options=["--skip-log-bin"]).init().start()
    mbe = s.mbe(source, repo="bare-repo")
    with Hammer(source) as hammer:
        for n in range(s.rounds(3)):
            s.wait_until(lambda: int(source.value("select max(id) from hm.t") or 0) > 300 * (n + 1), 60, "rows")
            backup = mbe.backup("--hash", "--parallel=4")
            _, restored = check_all(s, source, backup, "bare%d" % n, expect_all=True)
            restored.kill()
    s.check(not hammer.errors, "errors of writers: %r", hammer.errors)
    source.kill()


def privileges(s, source, mbe):
    """Tables that an account may not see are in no list: it is refused."""
    proof.create_account(source, "few", "secret")
    few = s.mbe(source, user="few", password="secret")
    done = few.backup_fails(REFUSED, "--hash")
    s.check("lacks the privilege SELECT" in done.err and "GRANT SELECT ON *.* TO 'few'@'localhost'" in done.err, "reason: %s", done)
    source.sql("grant select on *.* to few@localhost")
    backup = few.backup("--hash")
    s.check_equal(mbe.backup("--hash").manifest["hashes"]["not_hashed"], backup.manifest["hashes"]["not_hashed"], "hashed by root")


def increments(s, source, mbe, load):
    """Each backup of a chain has its own; what a chain is put together to has those of its end."""
    load.wait_for_steps(50)
    plain = mbe.backup("--incremental")
    s.check_equal(plain.manifest["hashes"], None, "hashes of a backup without")
    done = mbe.run("show", "--repo=" + mbe.repo, "--backup=" + plain.id, "--hashes", expect=REFUSED)
    s.check("holds no hashes" in done.err and not done.out, "asked for hashes that are not there: %s", done)
    load.wait_for_steps(50)
    last = mbe.backup("--incremental", "--hash=all")
    s.check_equal(last.manifest["type"], "incremental", "type")
    hashes, restored = check_all(s, source, last, "increment")
    s.check([n for n in hashes.names("exact") if n[0] == "mysql"], "no system table was hashed")
    restored.kill()
    whole = mbe.run("consolidate", "--repo=" + mbe.repo, "--backup=" + last.id, "--progress=none").out.strip()
    text = mbe.run("show", "--repo=" + mbe.repo, "--backup=" + whole, "--hashes").out
    s.check_equal(json.loads(text), hashes.document, "hashes of the consolidated backup")
    s.check_equal(mbe.show(whole)["hashes"], last.manifest["hashes"], "summary of the consolidated backup")


def left_connections(source):
    return source.sql("select id, info from information_schema.processlist where user='root' and id<>connection_id()"
                      " and command<>'Daemon' and coalesce(db,'')<>'w'")


def interrupted(s, source, mbe):
    """Signals, a lost connection while tables are hashed: no backup, nothing left, no snapshot open on the server."""
    def lose(running):
        running.signal(signal.SIGSTOP)
        for (number,) in source.sql("select trx_mysql_thread_id from information_schema.innodb_trx where trx_mysql_thread_id<>0"):
            with contextlib.suppress(pymysql.err.MySQLError):
                source.sql("kill %d" % number)
        running.signal(signal.SIGCONT)

    ways = {"SIGINT": lambda r: r.signal(signal.SIGINT), "SIGKILL": lambda r: r.signal(signal.SIGKILL), "KILL": lose}
    for name, way in ways.items():
        before = mbe.ids()
        with stopped_behind_the_lock(s, mbe) as running:
            way(running)
        done = running.wait(60)
        s.check_equal(done.status, -signal.SIGKILL if name == "SIGKILL" else 1, "%s: %s" % (name, done))
        s.check(name == "SIGKILL" or "mbe: " in done.err, "no reason: %s", done)
        s.check_equal(mbe.ids(), before, "list after %s" % name)
        if name != "SIGKILL":
            s.check_equal(mbe.leftovers(), [], "left in the repository by %s" % name)
        s.check_equal(proof.locked_out(source), None, "locks after %s" % name)
        s.wait_until(lambda: not left_connections(source), 10, "the end of mbe's connections after " + name)
    mbe.backup("--hash")
    s.check_equal(mbe.leftovers(), [], "left in the repository after a whole backup")


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    source.sql("create database dd", "create database still", "use still",
               "create table inno (id int primary key, b varchar(200)) engine=innodb",
               "insert into inno select seq, repeat('i', 150) from " + source.numbers(BIG))
    odd_names(source)
    load = Load(source, s.seed).prepare().start()
    mbe = s.mbe(source)
    under_load(s, source, mbe, load)
    s.say("under load")
    increments(s, source, mbe, load)
    s.say("increments")
    load.stop()
    for part in (traps, prepared_transactions, privileges, interrupted):
        part(s, source, mbe)
        s.say("%s", part.__name__)
    mbe.verify("all")
    without_binlog(s, flavour)
    s.say("without_binlog")


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
