#!/usr/bin/python3
"""A redo log that the server overwrites before mbe has read it fails the backup, with sizes; with time to read, the same load on the same
small log makes a right backup, however slow the copy is. In between, with mbe stopped again and again for a random while, it is
one or the other: never a backup that lacks something.
"""
# timeout: 600

import re
import shutil
import signal
import threading
import time

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof, storm as storms
from harness.load import Load
from harness.scenario import run

LOG_MEGABYTES = {"mariadb": 4, "mysql": 8}      # the least there can be
LOG_OPTION = {"mariadb": "--innodb-log-file-size=%dM", "mysql": "--innodb-redo-log-capacity=%dM"}
LSN = {"mariadb": "Innodb_lsn_current", "mysql": "Innodb_redo_log_current_lsn"}
TABLES = 3


def start_source(s, flavour):
    source = s.server("source", flavour=flavour)
    family = source.family
    source.options += proof.source_options(source.installation, LOG_OPTION[family] % LOG_MEGABYTES[family],
                                           "--innodb-buffer-pool-size=32M")
    source.init().start()
    source.sql("create database o", *("create table o.%s (id int auto_increment primary key, b varchar(1000)) engine=innodb" % t
                                      for t in ("t", *("h%d" % n for n in range(TABLES)))))
    return source


def lsn(source):
    return int(source.status(LSN[source.family]))


def churn(source, table="t"):
    """What one step of heavy writing runs: about a megabyte and a half of redo, and no table that grows."""
    return ("insert into o.%s(b) select repeat(char(97+seq%%26), 1000) from %s" % (table, source.numbers(1000)),
            "delete from o.%s order by id limit 1000" % table)


def write_redo(source, size):
    """Writes at least that much redo."""
    start = lsn(source)
    while lsn(source) < start + size:
        source.sql(*churn(source), database="o")


class Heavy:
    """Writes redo as fast as the server takes it, from several connections."""

    def __init__(self, source):
        self.source = source
        self.stop = threading.Event()
        self.errors = []
        self.threads = [threading.Thread(target=self._work, args=("h%d" % n,), daemon=True) for n in range(TABLES)]

    def _work(self, table):
        try:
            while not self.stop.is_set():
                self.source.sql(*churn(self.source, table), database="o")
        except pymysql.err.MySQLError as e:
            self.errors.append(e)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_exc):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def slow_backup(s, mbe, stop_seconds, run_seconds, *args):
    """A backup that is stopped again and again. How it ended."""
    running = mbe.start_backup("--parallel=1", "--compress=none", "--lock-wait=200", *args)
    s.at_end.append(running.end)
    while running.running():
        time.sleep(s.random.uniform(0.2, 1) * run_seconds)
        running.signal(signal.SIGSTOP)
        time.sleep(s.random.uniform(0.2, 1) * stop_seconds)
        running.signal(signal.SIGCONT)
    return running.wait(60)


def check_overrun(s, source, mbe, done, before):
    """It failed as it has to: by name and with numbers, and nothing is left."""
    s.check_equal(done.status, 1, "status of an overrun: %s" % done)
    reason = [line for line in done.err.splitlines() if line.startswith("mbe: ")]
    s.check(reason and "redo" in reason[0] and ("overwr" in reason[0] or "overrun" in reason[0]), "reason: %s", done)
    s.check(len(re.findall(r"\d+", reason[0])) >= 3, "no sizes in the reason: %s", done)
    s.check(storms.LOG_SIZE[source.family] in done.err, "no advice: %s", done)
    s.check_equal(mbe.ids(), before, "list")
    s.check_equal(mbe.leftovers(), [], "left in the repository")
    s.check_equal(proof.locked_out(source), None, "locks")
    s.say("%s", reason[0])


def one_lapping(s, source, mbe, load, *args):
    """True when it succeeded: then it is right."""
    before = mbe.ids()
    stop_seconds = s.random.choice((0.03, 0.1, 0.3, 1.0))
    with Heavy(source) as heavy:
        start = lsn(source)
        done = slow_backup(s, mbe, stop_seconds, 0.2, *args)
        written = lsn(source) - start
    s.check_none(heavy.errors, "heavy writers")
    s.say("stopped for up to %.2f s each time: %s after %.1f s, %d MiB of redo written", stop_seconds,
          "a backup" if not done.status else "exit %d" % done.status, done.seconds, written >> 20)
    if done.status:
        check_overrun(s, source, mbe, done, before)
        return False
    backup = mbe.finished_backup(done)
    load.stop()
    proof.prove_by_replay(s, source, backup, name="lapped").stop()
    shutil.rmtree(s.path("lapped"))
    shutil.rmtree(backup.path)
    load.start()
    return True


def overrun(s, source, mbe, size):
    with proof.HeldDdl(source):
        running = mbe.start_backup()
        s.at_end.append(running.end)
        s.wait_until(lambda: proof.waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
        running.signal(signal.SIGSTOP)
        write_redo(source, 4 * size)
        running.signal(signal.SIGCONT)
        done = running.wait(60)
    check_overrun(s, source, mbe, done, [])


def many_laps(s, source, mbe, size):
    """The log goes round many times while the backup waits for the lock, but mbe may read."""
    with proof.HeldDdl(source):
        running = mbe.start_backup("--lock-wait=100")
        s.wait_until(lambda: proof.waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
        write_redo(source, 6 * size)
    backup = mbe.finished_backup(running.wait())
    s.check(backup.manifest["bytes"]["redo"] > 5 * size, "redo: %r", backup.manifest["bytes"])
    return backup


def body(s, flavour):
    source = start_source(s, flavour)
    size = LOG_MEGABYTES[source.family] << 20
    load = Load(source, s.seed).prepare().start()
    mbe = s.mbe(source)
    overrun(s, source, mbe, size)
    right = [one_lapping(s, source, mbe, load) for _ in range(s.rounds(1))]
    s.say("%d of %d slow backups were right, the others failed", sum(right), len(right))
    backup = many_laps(s, source, mbe, size)
    load.stop()
    proof.prove_by_replay(s, source, backup)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
