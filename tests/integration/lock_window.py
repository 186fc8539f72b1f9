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
        s.check("BACKUP STAGE" in done.err and "3 seconds" in done.err, "reason: %s", done)
        # mbe is gone: new DDL is not queued behind it
        started = time.monotonic()
        source.sql("create or replace table lw.after (a int)")
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


def table_locked_by_alter(s, source, mbe):
    """An ALTER that has finished its copy holds its table until our window ends. Nothing we ask for may wait for that table."""
    alter = quietly(source, *["alter table lw.inno force, algorithm=%s" % a for a in ("copy", "inplace") * 12])
    backup = mbe.backup("--lock-wait=60")
    alter.join()
    s.check(backup.manifest["lock"]["seconds"] < 20, "lock: %r", backup.manifest["lock"])


def told_truly(s, source, mbe):
    """A writer that commits all the time is not stopped for much longer than the manifest says."""
    longest, stop = [0.0], threading.Event()

    def commit():
        with contextlib.closing(source.connect(database="lw")) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                started = time.monotonic()
                cursor.execute("insert into probe values (1)")
                longest[0] = max(longest[0], time.monotonic() - started)
                time.sleep(0.002)
    thread = threading.Thread(target=commit, daemon=True)
    thread.start()
    backup = mbe.backup()
    stop.set()
    thread.join()
    told = backup.manifest["lock"]["block_commit"] + backup.manifest["lock"]["block_commit_wait"]
    # the machine itself may make a commit wait: the disk, and two processors for all of us
    s.check(longest[0] < told + 3, "a commit waited %.2f s, the manifest tells %.2f s", longest[0], told)
    s.say("longest commit %.3f s, told %.3f s", longest[0], told)


def killed(s, source, mbe):
    """SIGKILL at random moments: the server is free at once."""
    whole = mbe.backup().done.seconds
    for _ in range(s.rounds(8)):
        running = mbe.start_backup()
        time.sleep(s.random.uniform(0.3, 1.1) * whole)
        running.signal(signal.SIGKILL)
        running.process.wait()
        s.check_equal(proof.locked_out(source), None, "locks left by a killed backup")


def main(s):
    source = proof.start_source(s, options=["--innodb-lock-wait-timeout=100"])
    source.sql("create database lw", "use lw", "create table probe (a int) engine=innodb",
               "create table my (id int primary key, b varchar(200)) engine=myisam",
               "create table inno (id int primary key, b varchar(200)) engine=innodb",
               "insert into my select seq, 'my' from seq_1_to_100", "insert into inno select seq, repeat('b', 100) from seq_1_to_5000")
    mbe = s.mbe(source)
    for part in (waiting_is_bounded, holder_that_ends, lock_cycle, table_locked_by_alter):
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


run(main)
