#!/usr/bin/python3
"""How fast a backup reads: it is held back by --throttle, by slow commits of the server, and by the pace file, which changes while it
runs; not while it has its lock. What it read from the disk is not in the file cache behind it.
"""
# timeout: 200

import contextlib
import ctypes
import glob
import mmap
import os
import signal
import threading
import time

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.mbe import OPERATION_FAILED, REFUSED
from harness.scenario import run

TABLES_OF_COMMITS = ("events_statements_summary_global_by_event_name", "file_summary_by_event_name")
# With it, and the data below, a backup takes hours.
CRAWL = "--throttle=1K"


def cached_bytes(path):
    """Bytes of a file that are in the kernel's file cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    with open(path, "rb") as f:
        size = os.fstat(f.fileno()).st_size
        pages = ctypes.create_string_buffer(size // mmap.PAGESIZE + 1)
        where = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, f.fileno(), 0)
        failed = libc.mincore(where, size, pages)
        libc.munmap(where, size)
    if failed:
        raise OSError(ctypes.get_errno(), "mincore")
    return sum(byte & 1 for byte in pages.raw) * mmap.PAGESIZE


def made_cold(source):
    """The files of schema p, none of which is in the file cache; [] where the file system is in memory."""
    with contextlib.closing(source.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("flush tables p.m")
        cursor.execute("flush tables p.i for export")
        paths = [p for p in glob.glob(os.path.join(source.datadir, "p", "*.*")) if os.path.getsize(p) > 1 << 20]
        for path in paths:
            with open(path, "rb") as f:
                os.fsync(f.fileno())
                os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return [] if any(cached_bytes(p) for p in paths) else paths


def slow_commit(source):
    """A commit that takes a second and a half, or the server would say so."""
    if source.family == "mariadb":
        source.process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        source.process.send_signal(signal.SIGCONT)
        return
    with contextlib.closing(source.connect(autocommit=False)) as writer, contextlib.closing(source.connect()) as holder, \
            writer.cursor() as cursor, holder.cursor() as lock:
        cursor.execute("insert into p.commits values (1)")
        lock.execute("flush tables with read lock")
        commit = threading.Thread(target=writer.commit)
        commit.start()
        time.sleep(1.5)
        lock.execute("unlock tables")
        commit.join()


def wait_for_copy(s, running):
    s.wait_until(lambda: "redo from LSN" in running.progress() or not running.running(), 60, "the copy begins")


def say(path, *lines):
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write("".join(line + "\n" for line in lines))
    os.replace(path + ".new", path)


def changes_while_it_runs(s, source, mbe):
    pace_file = s.path("pace")
    cold = made_cold(source)
    running = mbe.start_backup(CRAWL, "--pace=latency:100", "--pace-file=" + pace_file)
    s.at_end.append(running.end)
    wait_for_copy(s, running)
    while "a commit takes" not in running.progress():
        s.check(running.running(), "it ended: %s", running.progress())
        slow_commit(source)
        time.sleep(0.3)         # mbe has its say
    s.check("reading at most" in running.progress(), "no rate: %s", running.progress())
    say(pace_file, "# fast", "throttle=none", "pace=none")
    backup = mbe.finished_backup(running.wait(60))
    pace = backup.manifest["pace"]
    s.check(pace["throttle"] is None and pace["latency"] is None, "settings at the end: %r", pace)
    s.check(pace["waited"] > 0 and pace["rate"] > 0 and pace["seconds"] >= pace["waited"], "waited: %r", pace)
    s.check(pace["lowest"] >= 4 << 20, "what slow commits have made of the rate: %r", pace)
    s.check("held back for" in backup.done.err, "not told: %s", backup.done)
    for path in cold:
        cached, size = cached_bytes(path), os.path.getsize(path)
        s.say("%s: %d of %d KiB are in the file cache", os.path.basename(path), cached >> 10, size >> 10)
        s.check(cached <= size // 8, "%s: %d of %d bytes are in the file cache", path, cached, size)
    s.check(cached_bytes(backup.archive) <= os.path.getsize(backup.archive) // 8 or not cold, "the archive is in the file cache")
    if not cold:
        s.say("the files are in memory: the file cache was not looked at")


def a_signal_ends_the_wait(s, mbe):
    running = mbe.start_backup(CRAWL)
    s.at_end.append(running.end)
    wait_for_copy(s, running)
    running.signal(signal.SIGTERM)
    done = running.wait(30)
    s.check(done.status == OPERATION_FAILED and "signal" in done.err, "after SIGTERM: %s", done)
    s.check_equal(mbe.leftovers(), [], "left in the repository")


def the_lock_is_not_held_back(s, source, mbe):
    """What is to be copied under it would take an hour. Both families end the pace in the same place; on MySQL there is no DDL that
    holds a backup up behind it and before its lock.
    """
    if source.family == "mysql":
        return
    pace_file = s.path("crawl")
    with proof.held_after_copy(s, source, mbe, "--pace-file=" + pace_file) as running:
        say(pace_file, "throttle=1K")
        source.sql("use p", "insert into p.m select seq + 1000000, repeat('n', 4000) from " + source.numbers(500))
        time.sleep(1.2)         # for an mbe that would hear it
    mbe.finished_backup(running.wait(60))


def grants(s, source, mbe):
    """MySQL tells what a commit takes whom it lets read that; MariaDB everybody who may take a backup."""
    if source.family == "mariadb":
        return
    done = mbe.backup_fails(REFUSED, "--pace=latency:100")
    for table in TABLES_OF_COMMITS:
        s.check("GRANT SELECT ON performance_schema.%s TO 'backup'@'localhost'" % table in done.err, "hint: %s", done)
        source.sql("grant select on performance_schema.%s to backup@localhost" % table)


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    rows = source.numbers(6000)
    source.sql("create database p", "use p", "create table p.i (id int primary key, b varchar(4000)) engine=innodb",
               "create table p.m (id int primary key, b varchar(4000)) engine=myisam",
               "create table p.commits (a int) engine=innodb",
               "insert into p.i select seq, repeat(char(65 + seq % 26), 4000) from " + rows,
               "insert into p.m select seq, repeat(char(65 + seq % 26), 4000) from " + source.numbers(1000))
    proof.create_account(source, "backup", "pw")
    mbe = s.mbe(source, user="backup", password="pw")
    grants(s, source, mbe)
    changes_while_it_runs(s, source, mbe)
    a_signal_ends_the_wait(s, mbe)
    the_lock_is_not_held_back(s, source, mbe)
    mbe.verify("all")


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
