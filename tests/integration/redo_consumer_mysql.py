#!/usr/bin/python3
"""--redo-consumer: a small redo log that is written fast is kept until mbe has read it, though mbe is stopped again and again; when it
stays behind it lets go, and then fails clearly or is right. The registration is gone after every exit, SIGKILL included.
"""
# timeout: 600

import contextlib
import signal
import time

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.scenario import run
from log_overrun import LOG_MEGABYTES, Heavy, lsn, one_lapping, start_source


def is_free(source):
    """Whether nobody is registered. The server sees a little later that a killed client is gone."""
    with contextlib.closing(source.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("select innodb_redo_log_consumer_register()")
        return cursor.fetchone()[0] == 0


def times_asked(source):
    """How often somebody asked to be the consumer. To find out by asking as well is to be it for a moment, and then mbe is refused."""
    return int(source.value("select coalesce(sum(count_star), 0) from performance_schema.events_statements_summary_by_digest"
                            " where digest_text like '%`innodb_redo_log_consumer_register`%'"))


def must_be_free(s, source, after):
    s.wait_until(lambda: is_free(source), 20, "the registration is gone after " + after, every=0.2)


def stopped_once(s, source, mbe, *args):
    """While mbe stands still behind a DDL statement, several times the log's size is there to be written: all of it is if nothing keeps
    the log, however long it takes; else they have 5 s. How it ended.
    """
    keeps = "--redo-consumer" in args
    size = LOG_MEGABYTES["mysql"] << 20
    with proof.HeldDdl(source):
        running = mbe.start_backup("--lock-wait=100", *args)
        s.at_end.append(running.end)
        s.wait_until(lambda: proof.waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
        taken = not is_free(source)
        s.check_equal(taken, keeps, "registered")
        start = lsn(source)
        with Heavy(source) as heavy:
            running.signal(signal.SIGSTOP)
            time.sleep(5)
            if not keeps:
                s.wait_until(lambda: lsn(source) - start > 2 * size, 120, "the log is overwritten")
            written = lsn(source) - start
            running.signal(signal.SIGCONT)
            time.sleep(1)
        s.check_none(heavy.errors, "heavy writers")
    s.say("%d MiB were written while mbe stood still", written >> 20)
    return running.wait(), written


def kept(s, source, mbe, load):
    """The same writers and the same pause, without and with."""
    size = LOG_MEGABYTES["mysql"] << 20
    done, written = stopped_once(s, source, mbe)
    s.check(done.status == 1 and "redo log overwritten before it was read" in done.err, "without: %s", done)
    must_be_free(s, source, "a failed backup")
    done, written = stopped_once(s, source, mbe, "--redo-consumer")
    backup = mbe.finished_backup(done)
    s.check(written < size, "%d bytes were written past a log that was to be kept", written)
    s.check("no longer its consumer" not in done.err, "it let go: %s", done)
    must_be_free(s, source, "a backup")
    load.stop()
    proof.prove_by_replay(s, source, backup)
    load.start()


def second_one(s, source, mbe):
    """There is one consumer for each server: a backup that finds another one says so and goes on without."""
    with contextlib.closing(source.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("select innodb_redo_log_consumer_register()")
        s.check_equal(cursor.fetchone()[0], 0, "register")
        backup = mbe.backup("--redo-consumer")
        s.check("not registered as consumer of the redo log: another session is" in backup.done.err, "warning: %s", backup.done)
        cursor.execute("select innodb_redo_log_consumer_unregister()")
        s.check_equal(cursor.fetchone()[0], 0, "the registration of the other session")


def every_exit(s, source, mbe):
    whole = mbe.backup("--redo-consumer").done.seconds
    must_be_free(s, source, "a backup")
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        with proof.HeldDdl(source):
            before = times_asked(source)
            running = mbe.start_backup("--redo-consumer", "--lock-wait=100")
            s.wait_until(lambda: times_asked(source) > before, 60, "the backup asks to be registered", every=0.1)
            time.sleep(s.random.uniform(0, 0.5) * whole)
            running.signal(number)
            done = running.wait(60)
            must_be_free(s, source, signal.Signals(number).name)
        s.check(done.status in (1, -number), "%s: %s", signal.Signals(number).name, done)
    with proof.HeldDdl(source):
        mbe.backup_fails(1, "--redo-consumer", "--lock-wait=1")
        must_be_free(s, source, "a lock that was not granted")


def main(s):
    source = start_source(s, "mysql-9.7")
    load = Load(source, s.seed, writers=("bank", "rows", "long")).prepare().start()
    mbe = s.mbe(source)
    kept(s, source, mbe, load)
    second_one(s, source, mbe)
    every_exit(s, source, mbe)
    right = []
    for _ in range(s.rounds(1)):
        right.append(one_lapping(s, source, mbe, load, "--redo-consumer"))
        must_be_free(s, source, "a slow backup")
    load.stop()
    s.say("%d of %d slow backups were right, the others failed", sum(right), len(right))


run(main)
