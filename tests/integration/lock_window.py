#!/usr/bin/python3
"""The lock at the end of a backup: waiting for it is bounded, whoever holds it up; a lock cycle is let go; the time it is held is
told truly; and it is gone the moment mbe is.
"""
# timeout: 400

import contextlib
import signal
import threading
import time

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import Load
from harness.scenario import run


def quietly(server, *statements):
    """A thread that runs the statements on one connection; errors are the scenario's own doing."""
    def work():
        with contextlib.suppress(pymysql.err.MySQLError), contextlib.closing(server.connect(database="lw")) as connection, \
                connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def waiting_is_bounded(s, source, mbe):
    """A DDL statement that does not end within --lock-wait fails the backup, in about that time."""
    with proof.HeldDdl(source):
        done = mbe.backup_fails(1, "--lock-wait=3")
        s.check(3 <= done.seconds < 20, "gave up after %.1f s, not about 3: %s", done.seconds, done)
        s.check(proof.LOCK_STATEMENT[source.family] in done.err and "3 seconds" in done.err, "reason: %s", done)
        # mbe is gone: new DDL is not queued behind it
        started = time.monotonic()
        source.sql("drop table if exists lw.after", "create table lw.after (a int)")
        s.check(time.monotonic() - started < 2, "DDL was still held up after the backup failed")
    s.check_equal(proof.locked_out(source), None, "locks left by the failed backup")
    s.check_equal(mbe.leftovers(), [], "files left in the repository")


def holder_that_ends(s, source, mbe):
    """The same, but the holder ends in time: the backup waits and succeeds, and tells how long it waited."""
    writer = quietly(source, "update lw.my set b=concat(b, sleep(3)) where id=1")
    s.wait_until(lambda: source.sql("select 1 from information_schema.processlist where state='User sleep'"), 10, "the writer")
    backup = mbe.backup("--lock-wait=60")
    writer.join()
    lock = backup.manifest["lock"]
    waited = sum(lock[k] for k in ("start_wait", "flush_wait", "block_ddl_wait", "block_commit_wait"))
    s.check(waited > 1, "the backup does not tell that it waited for the writer: %r", lock)
    s.check(lock["block_commit"] < waited, "the wait counts as lock held: %r", lock)


def one_lock_cycle(s, source, mbe):
    """Seconds T1 was stopped, and the rounds the backup took."""
    with contextlib.closing(source.connect(database="lw", autocommit=False)) as t1, t1.cursor() as cursor:
        cursor.execute("select * from inno where id=1 for update")
        # keeps BLOCK_DDL waiting for a while, so that T2 comes between two tries of it
        quietly(source, "update my set b=concat('slow', sleep(5)) where id=1")
        s.wait_until(lambda: source.sql("select 1 from information_schema.processlist where state='User sleep'"), 10, "the writer")
        running = mbe.start_backup("--lock-wait=120")
        s.wait_until(lambda: source.sql("select 1 from information_schema.processlist where info='BACKUP STAGE BLOCK_DDL'"), 60,
                     "the backup asks for BLOCK_DDL")
        create = quietly(source, "set session innodb_lock_wait_timeout=300, lock_wait_timeout=300",
                         "create or replace table copied engine=innodb as select * from inno for update")
        s.wait_until(lambda: source.sql("select 1 from information_schema.innodb_trx where trx_state='LOCK WAIT'")
                     or not running.running(), 60, "T2 waits for the row", every=0.15)
        started = time.monotonic()
        cursor.execute("update my set b='by T1' where id=2")
        cursor.execute("update inno set b='by T1' where id=1")
        t1.commit()
        stuck = time.monotonic() - started
        create.join(60)
    return stuck, mbe.finished_backup(running.wait()).manifest["lock"]["attempts"]


def lock_cycle(s, source, mbe):
    """T1 holds a row and then writes MyISAM, which BACKUP STAGE FLUSH stops; T2, a DDL statement, waits for the row; BLOCK_DDL waits
    for T2. No server detects this cycle. The backup has to let go.
    """
    for _ in range(4):
        stuck, rounds = one_lock_cycle(s, source, mbe)
        s.say("lock cycle: T1 was stopped for %.1f s, %d rounds", stuck, rounds)
        s.check(stuck < 25, "T1 was stopped for %.1f s", stuck)
        if rounds > 1:
            return
    s.check(False, "the cycle never came about in four tries")


class Probe:
    """Commits all the time; `longest`: for how long one had to wait."""

    def __init__(self, server, statement="insert into lw.probe values (1)"):
        self.server, self.statement = server, statement
        self.longest = 0.0
        self.count = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self):
        with contextlib.closing(self.server.connect()) as connection, connection.cursor() as cursor:
            while not self.stop.is_set():
                started = time.monotonic()
                cursor.execute(self.statement)
                self.longest = max(self.longest, time.monotonic() - started)
                self.count += 1
                time.sleep(0.002)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_exc):
        self.stop.set()
        self.thread.join()


def long_reader(s, source):
    """Thread and connection of a SELECT of a minute."""
    reader = quietly(source, "select id, sleep(60) from inno limit 1")
    (row,) = s.wait_until(lambda: source.sql("select id from information_schema.processlist where state='User sleep'"), 10,
                          "the reader")
    return reader, row[0]


def long_select(s, source, mbe):
    """Stopping commits would wait for a long SELECT, and every write behind it. It is not asked for; the backup gives up by name."""
    reader, reader_id = long_reader(s, source)
    with Probe(source) as probe:
        done = mbe.backup_fails(1, "--lock-wait=15")
    s.check("FLUSH TABLES WITH READ LOCK was not granted within 15 s" in done.err and "select id, sleep(60)" in done.err,
            "reason: %s", done)
    # a try lasts two seconds; the machine itself may make a commit wait
    s.check(probe.count and probe.longest < 10, "a commit waited %.1f s", probe.longest)
    source.sql("kill %d" % reader_id)
    reader.join()
    s.check_equal(proof.locked_out(source), None, "locks left by the failed backup")
    reader, reader_id = long_reader(s, source)
    running = mbe.start_backup("--lock-wait=100")
    wait_for_a_try(s, running)
    source.sql("kill %d" % reader_id)
    reader.join()
    lock = mbe.finished_backup(running.wait()).manifest["lock"]
    s.check(lock["flush_wait"] > 0, "the backup does not tell that it waited: %r", lock)


def wait_for_a_try(s, running):
    """Until everything is copied and the backup wants commits to stop, in vain."""
    s.wait_until(lambda: "FLUSH TABLES WITH READ LOCK not granted yet" in running.progress() or not running.running(), 60,
                 "the backup wants commits to stop")


def row_lock_holder(s, source, mbe):
    """T1 holds a row, T2 waits for it, stopping commits would wait for T2, and T1's next write queues behind that. No server detects
    this cycle. Stopping commits must not be asked for, or only for moments.
    """
    with contextlib.closing(source.connect(database="lw", autocommit=False)) as t1, t1.cursor() as cursor:
        cursor.execute("select * from inno where id=1 for update")
        second = quietly(source, "set session innodb_lock_wait_timeout=300", "update inno set b='by T2' where id=1")
        s.wait_until(lambda: source.sql("select 1 from information_schema.innodb_trx where trx_state='LOCK WAIT'"), 60,
                     "T2 waits for the row", every=0.15)
        running = mbe.start_backup("--lock-wait=120")
        wait_for_a_try(s, running)
        longest = 0.0
        for number in range(100):
            started = time.monotonic()
            cursor.execute("insert into probe values (%d)" % number)
            longest = max(longest, time.monotonic() - started)
            time.sleep(0.05)
        s.check(running.running(), "the backup did not wait for T2: %s", running.done())
        t1.commit()
        second.join(60)
    s.check(longest < 20, "T1 was stopped for %.1f s", longest)
    mbe.finished_backup(running.wait())


def long_alter(s, source, mbe):
    """A DDL statement of 12 seconds behind which the end of the backup waits. Other DDL is not held up for as long, and rows are
    written all the time.
    """
    with proof.HeldDdl(source) as held, Probe(source) as rows:
        running = mbe.start_backup("--lock-wait=100")
        s.wait_until(lambda: proof.waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
        ddl, until = 0.0, time.monotonic() + 12
        while time.monotonic() < until:
            started = time.monotonic()
            source.sql("drop table if exists lw.other", "create table lw.other (a int)")
            ddl = max(ddl, time.monotonic() - started)
            time.sleep(0.05)
        s.check(running.running(), "the backup did not wait for %s: %s", held.statement, running.done())
    s.check(ddl < 10 and rows.longest < 10, "other DDL waited %.1f s, rows %.1f s", ddl, rows.longest)
    lock = mbe.finished_backup(running.wait()).manifest["lock"]
    s.check(lock["start_wait"] + lock["block_ddl_wait"] > 1, "the backup does not tell that it waited: %r", lock)


MORE = {"mariadb": (lock_cycle,), "mysql": (long_select, row_lock_holder, long_alter)}


def table_locked_by_alter(s, source, mbe):
    """An ALTER that has finished its copy holds its table until our window ends. Nothing we ask for may wait for that table."""
    alter = quietly(source, *["alter table lw.inno force, algorithm=%s" % a for a in ("copy", "inplace") * 12])
    backup = mbe.backup("--lock-wait=60")
    alter.join()
    s.check(backup.manifest["lock"]["seconds"] < 20, "lock: %r", backup.manifest["lock"])


def told_truly(s, source, mbe):
    """A writer that commits all the time is not stopped for much longer than the manifest says."""
    with Probe(source) as probe:
        backup = mbe.backup()
    lock = backup.manifest["lock"]
    told = lock["block_commit"] + lock["block_commit_wait"] + lock["flush_wait"]
    # the machine itself may make a commit wait: the disk, and two processors for all of us
    s.check(probe.longest < told + 3, "a commit waited %.2f s, the manifest tells %.2f s", probe.longest, told)
    s.say("longest commit %.3f s, told %.3f s", probe.longest, told)


def killed(s, source, mbe):
    """SIGKILL at random moments: the server is free at once."""
    whole = mbe.backup().done.seconds
    for _ in range(s.rounds(8)):
        running = mbe.start_backup()
        time.sleep(s.random.uniform(0.3, 1.1) * whole)
        running.signal(signal.SIGKILL)
        running.process.wait()
        s.check_equal(proof.locked_out(source), None, "locks left by a killed backup")


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour, options=["--innodb-lock-wait-timeout=100"])
    source.sql("create database lw", "use lw", "create table probe (a int) engine=innodb",
               "create table my (id int primary key, b varchar(200)) engine=myisam",
               "create table inno (id int primary key, b varchar(200)) engine=innodb",
               "insert into my select seq, 'my' from " + source.numbers(100),
               "insert into inno select seq, repeat('b', 100) from " + source.numbers(5000))
    mbe = s.mbe(source)
    for part in (waiting_is_bounded, holder_that_ends, *MORE[source.family], table_locked_by_alter):
        part(s, source, mbe)
        s.say("%s", part.__name__)
    load = Load(source, s.seed).prepare().start()
    for part in (told_truly, killed):
        part(s, source, mbe)
        s.say("%s", part.__name__)
    backup = mbe.backup()
    load.stop()
    proof.prove_by_replay(s, source, backup)
    s.check_equal(check.log_problems(source), [], "log of the source")


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
