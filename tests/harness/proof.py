"""The proof that a backup taken under load is right: what it restores to, plus the binary log from the recorded position on,
is what the source came to. One lost or doubled change anywhere, in any engine, shows as a difference.
"""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time

import pymysql

from . import check
from .load import GONE, archive_options, bank_problems
from .scenario import Failed

# Options of a source whose binary log can be replayed.
SOURCE_OPTIONS = {
    "mariadb": ["--log-bin=binlog", "--server-id=1", "--binlog-format=row", "--gtid-domain-id=1",
                "--innodb-log-file-size=64M", "--innodb-flush-log-at-trx-commit=2"],
    "mysql": ["--log-bin=binlog", "--server-id=1", "--gtid-mode=ON", "--enforce-gtid-consistency=ON",
              "--sync-binlog=0", "--innodb-redo-log-capacity=64M", "--innodb-flush-log-at-trx-commit=2"],
}
# A replay must run every transaction: told its GTID, MySQL would silently leave out what it thinks it has.
BINLOG_OPTIONS = {"mariadb": [], "mysql": ["--skip-gtids"]}

# What an account needs for a backup of a server that is no replica.
GRANTS = {
    "mariadb": ("reload, binlog monitor on *.*",),
    "mysql": ("backup_admin, process, flush_tables on *.*", "select on performance_schema.log_status"),
}

# How a backup's wait for its lock begins, in the list of statements.
LOCK_STATEMENT = {"mariadb": "BACKUP STAGE", "mysql": "LOCK INSTANCE"}
# One of each kind of statement that a backup's locks can block, and the locks themselves.
PROBES = {
    "mariadb": ("create or replace table probe.i (a int) engine=innodb",
                "create or replace table probe.m (a int) engine=myisam",
                "insert into probe.i values (1)", "insert into probe.m values (1)", "drop database probe",
                "backup stage start", "backup stage end"),
    "mysql": ("drop table if exists probe.i, probe.m", "create table probe.i (a int) engine=innodb",
              "create table probe.m (a int) engine=myisam", "insert into probe.i values (1)", "insert into probe.m values (1)",
              "drop database probe", "lock instance for backup", "flush tables with read lock", "unlock tables",
              "unlock instance"),
}


def source_options(flavour_installation, *more):
    return [*SOURCE_OPTIONS[flavour_installation.family], *archive_options(flavour_installation), *more]


def start_source(s, name="source", flavour="mariadb-10.11", options=(), port=None):
    source = s.server(name, flavour=flavour, port=port)
    source.options += source_options(source.installation, *options)
    return source.init().start()


def create_account(server, name, password, grants=None):
    """An account of this machine with these grants; without them, with those that a backup needs."""
    server.sql("create user %s@localhost identified by '%s'" % (name, password),
               *("grant %s to %s@localhost" % (g, name) for g in (GRANTS[server.family] if grants is None else grants)))


def binlogs_from(server, name):
    """Paths of the binary logs from `name` on."""
    names = [r[0] for r in server.sql("show binary logs")]
    if name not in names:
        raise Failed("the recorded binary log %r is none of %s" % (name, names))
    return [os.path.join(server.datadir, n) for n in names[names.index(name):]]


def replay(target, position, paths):
    """Runs the binary logs `paths`, the first one from `position` on, on another server."""
    read = [*target.installation.program("binlog"), "--no-defaults", "--start-position=%d" % position,
            *BINLOG_OPTIONS[target.family], *paths]
    client = [*target.installation.program("client"), "--no-defaults", "--binary-mode", "--user=root",
              "--socket=" + target.socket]
    with subprocess.Popen(read, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
        done = subprocess.run(client, stdin=reader.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, check=False)
        reader.stdout.close()
        said = reader.stderr.read().decode(errors="replace")
    if done.returncode or reader.returncode or "ERROR" in said + done.stderr:
        raise Failed("replay of the binary log failed: %s %s" % (said.strip()[-1000:], done.stderr.strip()[-1000:]))


def no_skip(_schema, _name):
    return False


def prove_by_replay(s, source, backup, name="restored", skip=no_skip, before_restore=None, bank=True, options=(),
                    accept=(), **restore):
    """Nothing may write to the source any more. Checks the pages, restores, checks, replays, compares; returns the restored server.

    before_restore: called when the source's state has been read; it may stop the source.
    accept: tables that may complain in CHECK TABLE, because they do so on the source.
    """
    s.check(backup.binlog, "the manifest has no binary log position")
    backup.mbe.check_pages(backup.id, *backup.mbe.page_check_options(restore.get("extra", ())))
    final = check.read_state(source, skip)
    logs = binlogs_from(source, backup.binlog[0])
    if before_restore:
        before_restore()
    restored = s.restored(source, backup, name=name, options=[*archive_options(source.installation), *options], **restore)
    s.check_none(check.health(restored, s, accept), "restored server")
    if bank:
        s.check_none(bank_problems(restored), "bank right after the restore")
    replay(restored, backup.binlog[1], logs)
    s.check_none(check.differences(final, check.read_state(restored, skip)), "restored and replayed, against the source")
    if bank:
        s.check_none(bank_problems(restored), "bank after the replay")
    return restored


def prove_restart(s, server, accept=lambda line: False):
    """A restored server stops and starts again without a complaint but those that `accept` knows, and recovers from a crash."""
    since = len(server.log())
    s.check(server.stop(), "the restored server did not stop cleanly")
    server.start()
    server.sql("drop database if exists crash_probe", "create database crash_probe", "create table crash_probe.t (a int)",
               "insert into crash_probe.t values (1)")
    server.kill()
    server.start()
    s.check_equal(server.value("select count(*) from crash_probe.t"), 1, "rows of a committed insert before a crash")
    server.sql("drop database crash_probe")
    s.check_none([p for p in check.log_problems(server, since) if not accept(p)], "stop, start, crash and start of the restored server")


def same_pages(s, repo, backup_id, restored, other, key_file=(), chain=False, later_max=0):
    """Fails unless all pages of the datadir `restored` from that backup are those of the datadir `other`, as build/tools/page_compare
    sees it; returns its summary.

    chain: its redo does not tell which pages are free. later_max: pages that a server may have changed after the backup's end.
    """
    compared = subprocess.run([s.tool("page_compare"), *(["--descriptors"] if chain else []), repo, backup_id, restored, other, *key_file],
                              capture_output=True, text=True, check=False)
    lines = compared.stdout.strip().splitlines() or ["nothing said"]
    if compared.returncode:
        shown = "\n".join("    " + line for line in lines[-40:])
        raise Failed("pages of %s and %s differ\n%s\n%s" % (restored, other, shown, compared.stderr[-2000:]))
    later = int(re.search(r"(\d+) changed later", lines[-1]).group(1))
    s.check(later <= later_max, "%d pages were changed after the end of %s: %s", later, backup_id, lines)
    return lines[-1]


class HeldDdl:
    """A DDL statement that runs until it is released. A backup's lock waits for it, so a backup that has copied everything stands
    still at a known place, and what happens meanwhile happens between its copy and its lock.
    """

    def __init__(self, server, seconds=120, table="held.t"):
        self.server = server
        self.statement = "create table %s engine=innodb as select sleep(%d) as s" % (table, seconds)
        self.table = table
        self.prepared = False
        self.thread = None
        self.connection_id = None
        self.ready = threading.Event()

    def prepare(self):
        """The DDL that comes before it. __enter__ would run it, too; but a backup that is stopped may hold the lock that stops it."""
        # MySQL finishes a statement whose only sleep is interrupted
        self.server.sql("create database if not exists " + self.table.split(".")[0], "drop table if exists " + self.table)
        self.prepared = True
        return self

    def __enter__(self):
        if not self.prepared:
            self.prepare()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.ready.wait(10)
        return self

    def _run(self):
        try:
            with contextlib.closing(self.server.connect()) as connection, connection.cursor() as cursor:
                self.connection_id = connection.thread_id()
                self.ready.set()
                cursor.execute(self.statement)
        except pymysql.err.MySQLError as e:
            # released by KILL QUERY, or the server is gone
            if e.args and e.args[0] not in (1317, *GONE):
                raise

    def __exit__(self, *_exc):
        with contextlib.suppress(pymysql.err.MySQLError):
            self.server.sql("kill query %d" % self.connection_id)
        self.thread.join(30)

    def works(self):
        """Whether it is at work, and not waiting for a lock itself."""
        return bool(self.server.sql("select 1 from information_schema.processlist where id=%d and state='User sleep'" %
                                    self.connection_id))


@contextlib.contextmanager
def held_after_copy(s, source, mbe, *args):
    """A backup that has copied all files and waits for a lock, all through the block. Its value is mbe running.

    A MySQL backup asks for the lock before it copies, too: there, the DDL that holds it up begins after that.
    """
    if source.family == "mariadb":
        with HeldDdl(source):
            running = mbe.start_backup(*args)
            s.wait_until(lambda: waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
            yield running
        return
    held = HeldDdl(source).prepare()
    begun = int(source.status("Com_unlock_instance"))
    running = mbe.start_backup(*args)
    s.wait_until(lambda: int(source.status("Com_unlock_instance")) > begun or not running.running(), 60,
                 "the backup lets its first lock go", every=0.005)
    running.signal(signal.SIGSTOP)
    with held:
        # it may have been stopped with a lock in its hands
        s.wait_until(lambda: held.works() or not running.running() or _let_run(running), 60, "the DDL that holds the backup up")
        running.signal(signal.SIGCONT)
        s.wait_until(lambda: waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
        s.check(running.running(), "the backup ended before it was held: %s", running.progress()[-2000:])
        yield running


@contextlib.contextmanager
def stopped_after_copy(s, source, mbe, *args):
    """A backup that has copied all files and is stopped (SIGSTOP) while it neither has a lock nor asks for one, all through the
    block. No DDL of ours runs either: while a lock is asked for, a MySQL server truncates no undo tablespace, and while a DDL
    statement runs, its read view keeps undo from being purged.
    """
    with held_after_copy(s, source, mbe, *args) as running:
        running.signal(signal.SIGSTOP)
        s.wait_until(lambda: not waits_for_lock(source), 30, "the backup's request for the lock times out", every=0.1)
    try:
        yield running
    finally:
        running.signal(signal.SIGCONT)


def _let_run(running):
    """For a moment."""
    running.signal(signal.SIGCONT)
    time.sleep(0.01)
    running.signal(signal.SIGSTOP)


def waits_for_lock(server):
    """Whether a backup's connection is asking for its lock just now."""
    return bool(server.sql("select 1 from information_schema.processlist where info like '%s%%'" %
                           LOCK_STATEMENT[server.family]))


def locked_out(server):
    """What a backup that is gone still holds: a reason, or nothing. Tries each kind of statement that it can block."""
    try:
        with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("set session lock_wait_timeout=3")
            for statement in ("create database if not exists probe", *PROBES[server.family]):
                cursor.execute(statement)
    except pymysql.err.MySQLError as e:
        return "%s: %s" % (statement, e.args)
    return None
