#!/usr/bin/python3
"""A redo log that has overwritten what mbe did not read is no end of the backup where the server can archive it: mbe goes on in the
archive, and the backup is right. Without the archive it fails clearly, and says what would have helped. After every exit, SIGKILL included,
archiving has ended and its file is gone. Another session's archive is used, and left as it is.
"""
# timeout: 600

import contextlib
import glob
import os
import re
import shutil
import signal
import time

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.scenario import run
from log_overrun import LOG_MEGABYTES, Heavy, check_overrun, lsn, start_source, write_redo

SIZE = LOG_MEGABYTES["mysql"] << 20
FELL_BACK = "redo log overwritten before it was read: on from LSN"
NO_ARCHIVE = "no redo archive to fall back on: "
ACTIVE = 3848       # what the second session that wants to archive is told
PRIVILEGE = "innodb_redo_log_archive"


class Archive:
    """The server's archive, in the second of its two directories: mbe cannot use the first one."""

    def __init__(self, s, source):
        self.s = s
        self.source = source
        self.folder = s.sub("archive")
        os.chmod(self.folder, 0o700)
        self.path = os.path.join(self.folder, "archive.%s.000001.log" % source.value("select @@server_uuid"))
        source.sql("set global innodb_redo_log_archive_dirs='none:%s;it\\'s:%s'" % (s.path("missing"), self.folder))

    def exists(self):
        return os.path.exists(self.path)

    @contextlib.contextmanager
    def of_another_session(self):
        with contextlib.closing(self.source.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("do innodb_redo_log_archive_start('it\\'s')")
            yield cursor
            cursor.execute("do innodb_redo_log_archive_stop()")
            os.unlink(self.path)

    def is_free(self):
        try:
            with self.of_another_session():
                return True
        except pymysql.err.MySQLError as e:
            if e.args[0] != ACTIVE:
                raise
            return False

    def must_be_free(self, after):
        """Its file is gone, and so is what made it: another session may archive."""
        if after == "SIGKILL":      # the server sees a little later that the client is gone, and removes the file itself
            self.s.wait_until(lambda: not self.exists() and self.is_free(), 20, "the archive is gone after " + after)
            return
        self.s.check_equal(os.listdir(self.folder), [], "left of the archive after " + after)
        self.s.check(self.is_free(), "archiving goes on after " + after)


def started(s, source, mbe, *args):
    """A backup that has read what was in the log when it began: what lies between the checkpoint and the start of the archive is in the
    log alone.
    """
    running = mbe.start_backup(*args)
    s.at_end.append(running.end)
    begun = s.wait_until(lambda: re.search(r"redo from LSN (\d+)", running.progress()) or not running.running(), 60, "the redo tail")
    s.check(running.running(), "it ended at once: %s", running.progress())
    behind = lsn(source) - int(begun.group(1))
    s.wait_until(lambda: sum(map(os.path.getsize, glob.glob(os.path.join(mbe.repo, ".*", "redo.spool")))) >= behind
                 or not running.running(), 60, "the redo tail has caught up")
    return running


def overtaken(s, source, mbe, *args):
    """A backup that stands still behind a DDL statement while its log goes round four times. How it ended."""
    with proof.HeldDdl(source):
        running = started(s, source, mbe, "--lock-wait=100", *args)
        s.wait_until(lambda: proof.waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
        running.signal(signal.SIGSTOP)
        write_redo(source, 4 * SIZE)
        running.signal(signal.SIGCONT)
    return running.wait()


def saved(s, source, mbe, archive, load):
    """With the archive it is a backup, and a right one."""
    done = overtaken(s, source, mbe)
    backup = mbe.finished_backup(done)
    s.check_equal(done.err.count(FELL_BACK), 1, "how often it was told: %s" % done)
    s.check(backup.manifest["bytes"]["redo"] > 4 * SIZE, "redo: %r", backup.manifest["bytes"])
    archive.must_be_free("a backup")
    load.stop()
    proof.prove_by_replay(s, source, backup).stop()
    shutil.rmtree(s.path("restored"))
    load.start()


def overtaken_again_and_again(s, source, mbe, archive, load):
    """Under heavy writing, stopped for random whiles: in and out of the archive. Whether it was needed."""
    with Heavy(source) as heavy:
        running = started(s, source, mbe, "--parallel=1", "--compress=none", "--lock-wait=200")
        for _ in range(40):
            if not running.running():
                break
            running.signal(signal.SIGSTOP)
            time.sleep(s.random.uniform(0.2, 1.5))
            running.signal(signal.SIGCONT)
            time.sleep(s.random.uniform(0.02, 0.3))
        done = running.wait()
    s.check_none(heavy.errors, "heavy writers")
    backup = mbe.finished_backup(done)
    archive.must_be_free("a slow backup")
    s.say("%.1f s, %d MiB of redo, %s the archive", done.seconds, backup.manifest["bytes"]["redo"] >> 20,
          "with" if FELL_BACK in done.err else "without")
    load.stop()
    proof.prove_by_replay(s, source, backup, name="lapped").stop()
    shutil.rmtree(s.path("lapped"))
    load.start()


def not_saved(s, source, mbe, archive):
    """Without it the backup fails as ever, and says what would have helped."""
    source.sql("revoke %s on *.* from backup@localhost" % PRIVILEGE)
    before = mbe.ids()
    done = overtaken(s, source, mbe)
    check_overrun(s, source, mbe, done, before)
    s.check(done.err.count(PRIVILEGE.upper()) == 2 and NO_ARCHIVE in done.err and "--redo-archive" in done.err, "reason: %s", done)
    source.sql("grant %s on *.* to backup@localhost" % PRIVILEGE)
    done = overtaken(s, source, mbe, "--redo-archive=off")
    check_overrun(s, source, mbe, done, before)
    s.check(NO_ARCHIVE not in done.err and "there is no archive to go on with: it is off" in done.err, "reason: %s", done)
    archive.must_be_free("a failed backup")


def every_exit(s, source, mbe, archive):
    whole = mbe.backup().done.seconds
    archive.must_be_free("a backup")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with proof.HeldDdl(source):
            running = mbe.start_backup("--lock-wait=100")
            s.at_end.append(running.end)
            s.wait_until(lambda: archive.exists() or not running.running(), 60, "the server archives")
            time.sleep(s.random.uniform(0, 0.5) * whole)
            s.check(archive.exists(), "the archive is gone too early: %s", running.progress())
            running.signal(number)
            done = running.wait(60)
        s.check(done.status in (1, -number), "%s: %s", signal.Signals(number).name, done)
        archive.must_be_free(signal.Signals(number).name)
    with proof.HeldDdl(source):
        mbe.backup_fails(1, "--lock-wait=1")
    archive.must_be_free("a lock that was not granted")


def another_one(s, source, mbe, archive):
    """What the server archives for another session serves as well, and goes on behind the backup."""
    with archive.of_another_session() as cursor:
        done = overtaken(s, source, mbe)
        mbe.finished_backup(done)
        s.check(FELL_BACK in done.err and "another session's archive" in done.err, "%s", done)
        s.check(archive.exists(), "the other session's archive is gone")
        cursor.execute("do innodb_redo_log_archive_flush()")


def cannot_be_had(s, source, mbe, archive):
    """Set up for it, and yet it does not work: one line, and a backup."""
    with open(archive.path, "wb"):
        pass
    done = mbe.backup().done
    s.check(NO_ARCHIVE in done.err and "left over from earlier archiving" in done.err, "%s", done)
    s.check(archive.exists(), "a file that was there before is gone")
    os.unlink(archive.path)
    os.chmod(archive.folder, 0o755)
    source.sql("set global innodb_redo_log_archive_dirs='l:%s'" % archive.folder)
    done = mbe.backup().done
    s.check(NO_ARCHIVE in done.err and "is accessible to all OS users" in done.err, "%s", done)
    source.sql("set global innodb_redo_log_archive_dirs=''")
    done = mbe.backup().done
    s.check("archive" not in done.err, "%s", done)


def main(s):
    source = start_source(s, "mysql-9.7")
    archive = Archive(s, source)
    load = Load(source, s.seed, writers=("bank", "rows", "long")).prepare().start()
    proof.create_account(source, "backup", "secret", (*proof.GRANTS["mysql"], PRIVILEGE + " on *.*"))
    mbe = s.mbe(source, user="backup", password="secret")
    saved(s, source, mbe, archive, load)
    for _ in range(s.rounds(1)):
        overtaken_again_and_again(s, source, mbe, archive, load)
    not_saved(s, source, mbe, archive)
    every_exit(s, source, mbe, archive)
    another_one(s, source, mbe, archive)
    cannot_be_had(s, source, mbe, archive)
    load.stop()


run(main)
