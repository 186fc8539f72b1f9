"""Measuring a command: seconds until its output is durable, CPU seconds, memory; and what other clients notice."""

import contextlib
import ctypes
import os
import shutil
import statistics
import subprocess
import threading
import time

import pymysql

PROBE_PAUSE_SECONDS = 0.004
_libc = ctypes.CDLL(None, use_errno=True)


class CommandFailed(Exception):
    """The command and the end of what it said."""


def sync_filesystem(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        if _libc.syncfs(fd) != 0:
            raise OSError(ctypes.get_errno(), "syncfs", path)
    finally:
        os.close(fd)


def warm(paths):
    """Reads the files into the page cache, so that every run finds them there."""
    buffer = bytearray(1 << 20)
    for path in paths:
        with contextlib.suppress(FileNotFoundError), open(path, "rb", buffering=0) as f:
            while f.readinto(buffer):
                pass


def touch_memory(folder, size):
    """Fills and frees as much page cache as a run will write: on a virtual machine, memory that was free for a while has gone back to
    the host, and whoever comes first pays for getting it again.
    """
    path = os.path.join(folder, "touch-memory")
    buffer = bytes(1 << 20)
    with open(path, "wb", buffering=0) as f:
        for _ in range(size >> 20):
            f.write(buffer)
    os.unlink(path)


def drop_caches():
    subprocess.run(["sync"], check=True)
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
        f.write("3\n")


def tree_bytes(path):
    if os.path.isfile(path):
        return os.stat(path).st_blocks * 512
    return sum(os.lstat(os.path.join(folder, n)).st_blocks * 512 for folder, _, names in os.walk(path) for n in names)


class Usage:
    """What a run took. Memory of a pipeline is the sum of the peaks of its processes."""

    def __init__(self, seconds=0.0, cpu=0.0, rss=0):
        self.seconds = seconds
        self.cpu = cpu
        self.rss = rss

    def __add__(self, other):
        return Usage(self.seconds + other.seconds, self.cpu + other.cpu, max(self.rss, other.rss))


def run(pipeline, log, output=None, sync=None):
    """Runs a list of command lines joined by pipes. `output`: file for the last one's stdout; `sync`: a path of the
    filesystem whose writes must be durable before the clock stops. All that they say goes to `log`."""
    children = []
    with open(log, "wb") as err, open(output or os.devnull, "wb") as out:
        started = time.monotonic()
        previous = subprocess.DEVNULL
        for i, argv in enumerate(pipeline):
            last = i == len(pipeline) - 1
            child = subprocess.Popen(argv, stdin=previous, stdout=out if last else subprocess.PIPE, stderr=err)
            if previous != subprocess.DEVNULL:
                previous.close()
            previous = child.stdout
            children.append(child)
        cpu, rss = 0.0, 0
        for child, argv in zip(children, pipeline):
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            cpu += used.ru_utime + used.ru_stime
            rss += used.ru_maxrss * 1024
    failed = [argv for child, argv in zip(children, pipeline) if child.returncode != 0]
    if failed:
        with open(log, encoding="utf-8", errors="replace") as f:
            raise CommandFailed("%s failed:\n%s" % (" ".join(failed[0]), "".join(f.readlines()[-15:])))
    if sync:
        sync_filesystem(sync)
    return Usage(time.monotonic() - started, cpu, rss)


def run_statement(server, statement, sync):
    """Runs one statement until it returns and its files are durable. The work is the server's: CPU and memory are not known."""
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        started = time.monotonic()
        try:
            cursor.execute(statement)
        except pymysql.err.MySQLError as e:
            raise CommandFailed("%s failed: %s" % (statement, e)) from e
        sync_filesystem(sync)
    return Usage(time.monotonic() - started, None, None)


class Probe:
    """A client that writes one row over and over: how long is its longest wait? The same yardstick for every tool,
    whatever the tool itself calls its lock."""

    def __init__(self, server, engine):
        self.server = server
        self.statement = "update probe.%s set b = b + 1 where a = 1" % engine
        self.longest = 0.0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.loop, daemon=True)

    def loop(self):
        with contextlib.closing(self.server.connect()) as connection, connection.cursor() as cursor:
            while not self.stopping.is_set():
                started = time.monotonic()
                cursor.execute(self.statement)
                self.longest = max(self.longest, time.monotonic() - started)
                time.sleep(PROBE_PAUSE_SECONDS)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


class Load:
    """sysbench's read-write transactions on tables of their own, or a loop of ours that does the like."""

    TABLES = 4
    ROWS = 20000

    def __init__(self, server, threads):
        self.server = server
        self.threads = threads
        self.sysbench = shutil.which("sysbench")
        self.child = None
        self.loops = []
        self.stopping = threading.Event()

    def name(self):
        return "sysbench oltp_read_write" if self.sysbench else "own read-write loop"

    def arguments(self, seconds):
        return [self.sysbench, "oltp_read_write", "--mysql-socket=" + self.server.socket, "--mysql-user=root",
                "--mysql-db=load", "--tables=%d" % self.TABLES, "--table-size=%d" % self.ROWS,
                "--threads=%d" % self.threads, "--time=%d" % seconds]

    def prepare(self):
        # named load: sysbench connects to its schema by this name
        self.server.sql("create database `load`")
        if self.sysbench and self.sysbench_prepared():
            return
        for i in range(1, self.TABLES + 1):
            self.server.sql("create table `load`.sbtest%d (id int primary key auto_increment, k int, c char(120), pad char(60), "
                            "key (k))" % i, "use `load`",
                            "insert into sbtest%d (k, c, pad) select seq, sha2(seq, 256), left(sha2(seq + 1, 256), 60) from %s" %
                            (i, self.server.numbers(self.ROWS)))

    def sysbench_prepared(self):
        """False when its client library and this server do not understand each other: nothing of it is left then."""
        done = subprocess.run([*self.arguments(0), "prepare"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            return True
        self.sysbench = None
        self.server.sql("drop database `load`", "create database `load`")
        return False

    def start(self):
        if self.sysbench:
            self.child = subprocess.Popen([*self.arguments(86400), "run"], stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL)
        else:
            self.stopping.clear()
            self.loops = [threading.Thread(target=self.loop, args=(n,), daemon=True) for n in range(self.threads)]
            for thread in self.loops:
                thread.start()

    def loop(self, number):
        with contextlib.closing(self.server.connect(database="load")) as connection, connection.cursor() as cursor:
            n = number
            while not self.stopping.is_set():
                n = (n * 1103515245 + 12345) % (1 << 31)
                table, row = 1 + n % self.TABLES, 1 + n // 64 % self.ROWS
                cursor.execute("begin")
                cursor.execute("select c from sbtest%d where id between %d and %d" % (table, row, row + 50))
                cursor.execute("update sbtest%d set k = k + 1 where id = %d" % (table, row))
                cursor.execute("update sbtest%d set c = sha2(rand(), 256) where id = %d" % (table, row))
                cursor.execute("commit")

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait()
            self.child = None
        self.stopping.set()
        for thread in self.loops:
            thread.join()
        self.loops = []

    def commits(self):
        return int(self.server.status("Com_commit"))


def median(values):
    return statistics.median(values) if values else None
