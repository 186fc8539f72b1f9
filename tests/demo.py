#!/usr/bin/python3
"""`make demo`: a hot full and an incremental backup and their restore, before your eyes, with an exact comparison at the end.

    1. starts a private throwaway server: MySQL if that is installed, else MariaDB (see --flavour); own folder, own socket;
       other servers are not touched
    2. fills it with about 200 MB in tables of several engines and row formats
    3. keeps several clients writing, and takes `mbe backup --full` and `mbe backup --incremental` meanwhile
    4. restores the increment, and with it the full that it rests on, into a new datadir and starts a second server on it
    5. attaches the second server as a replica at the binary log position that the backup recorded. If the backup is
       exactly the state at that position, every event of the first server applies; one row too many or too few stops it
    6. stops the clients, waits until the copy has the last event, and compares every table of both

Everything lives in one temporary folder that is removed at the end, also after an error or Ctrl-C.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pymysql

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness.servers import FLAVOURS, INSTALLED, Server, ServerFailed, Unavailable, installed_flavour  # noqa: E402

NEEDS_BYTES = 2 << 30
CATCH_UP_SECONDS = 300

# What each family calls things, and has.
CALLS = {
    "mariadb": {
        "name": "MariaDB",
        "options": ["--innodb-log-file-size=96M", "--binlog-format=row"],
        "wait": "--skip-slave-start",
        "grants": ["grant reload, binlog monitor, slave monitor on *.* to backup@localhost"],
        "page_zip": "page_compressed=1",
        "log_aria": "engine=aria transactional=1",
        "position": ("show master status",),
        "follow": "change master to master_host='127.0.0.1', master_port=%d, master_user='follower', "
                  "master_password='follow', master_use_gtid=no, master_log_file='%s', master_log_pos=%d",
        "start": "start slave", "stop": "stop slave", "status": "show slave status", "reached": "master_pos_wait",
    },
    "mysql": {
        "name": "MySQL",
        # by position: GTIDs would let a copy pass over what it has already, and forbid MyISAM inside transactions
        "options": ["--innodb-redo-log-capacity=192M", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"],
        "wait": "--skip-replica-start",
        "grants": ["grant backup_admin, process, flush_tables on *.* to backup@localhost",
                   "grant select on performance_schema.log_status to backup@localhost"],
        "page_zip": "compression='zlib'",
        "log_aria": None,
        "position": ("show binary log status", "show master status"),       # since 8.2, until 8.3
        "follow": "change replication source to source_host='127.0.0.1', source_port=%d, source_user='follower', "
                  "source_password='follow', get_source_public_key=1, source_log_file='%s', source_log_pos=%d",
        "start": "start replica", "stop": "stop replica", "status": "show replica status", "reached": "source_pos_wait",
    },
}
SYNTAX_ERROR = 1064

# name, rows per size unit, columns and options. Each has an integer key, so that the writers below can treat all alike.
# An option in braces is what the family calls so; a table whose option it does not have is left out.
BODY = "id bigint primary key auto_increment, k int, name varchar(80), note varchar(255), payload %s"
TABLES = [
    ("shop.orders_dynamic", 130000, BODY % "varbinary(400)" + ", key (k)", "engine=innodb row_format=dynamic"),
    ("shop.orders_compact", 80000, BODY % "varbinary(400)" + ", key (name)", "engine=innodb row_format=compact"),
    ("shop.orders_redundant", 60000, BODY % "varbinary(400)", "engine=innodb row_format=redundant"),
    ("shop.archive_zip", 60000, BODY % "varbinary(400)" + ", key (k)", "engine=innodb row_format=compressed"),
    ("shop.page_zip", 60000, BODY % "varbinary(400)", "engine=innodb {page_zip}"),
    ("shop.documents", 3000, BODY % "longblob", "engine=innodb"),
    ("shop.by_year", 40000, BODY % "varbinary(400)", "engine=innodb partition by hash (id) partitions 8"),
    ("shop.articles", 20000, BODY % "varbinary(400)" + ", fulltext (note)", "engine=innodb"),
    ("legacy.log_myisam", 60000, BODY % "varbinary(400)" + ", key (k)", "engine=myisam"),
    ("legacy.log_aria", 50000, BODY % "varbinary(400)", "{log_aria}"),
    ("legacy.`odd ñame`", 5000, BODY % "varbinary(400)", "engine=innodb"),
    ("legacy.empty", 0, BODY % "varbinary(400)", "engine=innodb"),
]
BIG = "repeat(left(sha2(seq, 256), 32), 500)"
SMALL = "concat(sha2(seq * 7, 256), repeat(char(65 + seq % 26), 40 + seq % 200))"


class DemoFailed(Exception):
    """What went wrong, in a line or two."""


def say(text):
    print(text, flush=True)


class Step:
    """Prints the step's name, and how long it took."""

    def __init__(self, number, text):
        self.text = "%d. %s" % (number, text)

    def __enter__(self):
        say(self.text)
        self.started = time.monotonic()
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            say("   done in %.1f s" % (time.monotonic() - self.started))

    @staticmethod
    def note(text):
        say("   " + text)


# --- the busy server --------------------------------------------------------------------------------------------------

def calls(server):
    return CALLS[server.family]


def server_options(family, server_id):
    return ["--server-id=%d" % server_id, "--innodb-buffer-pool-size=256M", "--innodb-flush-log-at-trx-commit=2",
            "--max-allowed-packet=64M", "--log-bin=binlog", *CALLS[family]["options"]]


def tables_of(family):
    """Those of TABLES that the family has: name, rows, columns, options."""
    has = CALLS[family]
    for name, rows, columns, options in TABLES:
        word = options.partition("{")[2].partition("}")[0]
        if not word or has[word]:
            yield name, rows, columns, options.format(**has)


def fill(server, scale):
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("create database shop")
        cursor.execute("create database legacy")
        cursor.execute("use shop")      # the tables seq_1_to_N are looked for in the current database
        cursor.execute("set sql_log_bin = 0")
        for name, rows, columns, options in tables_of(server.family):
            cursor.execute("create table %s (%s) charset=utf8mb4 %s" % (name, columns, options))
            rows = int(rows * scale)
            if rows:
                cursor.execute("insert into %s (k, name, note, payload) select seq %% 1000, "
                               "concat('customer ', seq), concat('note number ', seq, ' of many'), %s from %s" %
                               (name, BIG if "longblob" in columns else SMALL, server.numbers(rows)))
            Step.note("%-24s %8d rows  %s" % (name.replace("`", ""), rows, options))
        cursor.execute("create view shop.busy as select k, count(*) n from shop.orders_dynamic group by k")
        if server.family == "mariadb":
            cursor.execute("create sequence shop.numbers")


class Writers:
    """Clients that insert, update and delete until they are stopped: transactions of a few rows, one in ten rolled back,
    and now and then a table that comes and goes."""

    def __init__(self, server, count=4):
        self.stopping = threading.Event()
        self.commits = [0] * count
        self.errors = []
        self.written = [t[0] for t in tables_of(server.family) if t[1]]
        self.has_sequences = server.family == "mariadb"
        self.threads = [threading.Thread(target=self.guard, args=(server, i), daemon=True) for i in range(count)]

    def guard(self, server, number):
        try:
            with contextlib.closing(server.connect(autocommit=False)) as connection:
                self.write(connection, number, random.Random(number))
        except (pymysql.err.MySQLError, OSError) as e:
            self.errors.append("writer %d: %s" % (number, e))

    def write(self, connection, number, rng):
        while not self.stopping.is_set():
            with connection.cursor() as cursor:
                try:
                    for _ in range(rng.randint(1, 8)):
                        self.change(cursor, rng)
                    if rng.random() < 0.9:
                        connection.commit()
                        self.commits[number] += 1
                    else:
                        connection.rollback()
                    if rng.random() < 0.02:
                        self.come_and_go(cursor, number)
                except pymysql.err.OperationalError as e:
                    if e.args[0] not in (1205, 1213):   # lock wait, deadlock: what a busy server says
                        raise
                    connection.rollback()

    def change(self, cursor, rng):
        table = rng.choice(self.written)
        what = rng.random()
        if what < 0.05 and self.has_sequences:
            cursor.execute("select next value for shop.numbers")
        elif what < 0.5:
            cursor.execute("insert into %s (k, name, note, payload) values (%%s, %%s, %%s, %%s)" % table,
                           (rng.randrange(1000), "new customer", "written meanwhile", rng.randbytes(rng.randrange(400))))
        elif what < 0.85:
            cursor.execute("update %s set k = k + 1, note = concat('changed ', k) where id = %%s" % table,
                           (rng.randrange(1, 3000),))
        else:
            cursor.execute("delete from %s where id = %%s" % table, (rng.randrange(1, 100000),))

    @staticmethod
    def come_and_go(cursor, number):
        # a DDL that meets the backup's lock may end with a deadlock on MySQL: the one before may have come half way
        cursor.execute("drop table if exists shop.visitor_%d, shop.guest_%d" % (number, number))
        cursor.execute("create table shop.visitor_%d (a int primary key, b text) engine=innodb" % number)
        cursor.execute("insert into shop.visitor_%d values (1, 'here')" % number)
        cursor.execute("alter table shop.visitor_%d add column c int default 5" % number)
        cursor.execute("rename table shop.visitor_%d to shop.guest_%d" % (number, number))
        cursor.execute("drop table shop.guest_%d" % number)

    def start(self):
        for t in self.threads:
            t.start()

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(60)
        if self.errors:
            raise DemoFailed("a writer failed: " + "; ".join(self.errors))
        return sum(self.commits)


# --- backup, restore --------------------------------------------------------------------------------------------------

def run_mbe(argv):
    """Shows the command, lets its progress through, returns its stdout."""
    say("   $ mbe " + " ".join(argv[1:]))
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise DemoFailed("mbe %s ended with exit status %d" % (argv[1], done.returncode))
    return done.stdout


def back_up(mbe, server, repo, kind):
    run_mbe([mbe, "backup", "--" + kind, "--no-defaults", "--repo=" + repo, "--socket=" + server.socket, "--user=backup"])
    manifest = json.loads(run_mbe([mbe, "show", "--repo=" + repo, "--backup=latest", "--json"]))
    if manifest["type"] != kind:
        raise DemoFailed("the backup is a %s one" % manifest["type"])
    Step.note("%s: %d tables, %.0f MB read, %.0f MB stored, locked for %.3f s, binary log %s:%s" %
              (manifest["id"], manifest.get("tables", 0), manifest["bytes"]["read"] / 1e6,
               manifest["bytes"]["stored"] / 1e6, manifest["lock"]["seconds"], manifest["binlog"]["file"],
               manifest["binlog"]["position"]))
    return manifest


def start_copy(flavour, datadir, folder):
    options = os.path.join(datadir, "mbe-my.cnf")
    if not os.path.exists(options):
        raise DemoFailed("the restored datadir has no mbe-my.cnf")
    copy = Server(flavour, folder, datadir=datadir, defaults=options)
    copy.options += [*server_options(copy.family, 2), calls(copy)["wait"]]
    return copy.start()


def binlog_end(server):
    """File and position of the end of the binary log, by the first of the statements for it that this release knows."""
    statements = calls(server)["position"]
    for statement in statements:
        try:
            return server.sql(statement)[0][:2]
        except pymysql.err.ProgrammingError as e:
            if e.args[0] != SYNTAX_ERROR or statement == statements[-1]:
                raise
    return None


def catch_up(source, copy, binlog):
    """Replicates from the recorded position to the last event of the source."""
    say_it = calls(copy)
    last = binlog_end(source)
    copy.sql(say_it["follow"] % (source.port, binlog["file"], binlog["position"]), say_it["start"])
    reached = copy.value("select %s('%s', %d, %d)" % (say_it["reached"], *last, CATCH_UP_SECONDS))
    with contextlib.closing(copy.connect()) as connection, \
            connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute(say_it["status"])
        status = cursor.fetchone()
    error = status["Last_SQL_Error"] or status["Last_IO_Error"]
    if error or reached is None or reached < 0:
        raise DemoFailed("the copy does not follow from the recorded position: %s" % (error or "timed out"))
    copy.sql(say_it["stop"])
    return reached


# --- comparison -------------------------------------------------------------------------------------------------------

def all_tables(server):
    return ["`%s`.`%s`" % row for row in server.sql(
        "select table_schema, table_name from information_schema.tables where table_type in ('BASE TABLE', 'SEQUENCE') and "
        "table_schema not in ('mysql', 'sys', 'information_schema', 'performance_schema') order by 1, 2")]


def compare(source, copy):
    names = all_tables(source)
    if all_tables(copy) != names:
        raise DemoFailed("the copy has other tables: %s" % (set(names) ^ set(all_tables(copy))))
    different = []
    for name in names:
        sums = [s.sql("checksum table %s extended" % name)[0][1] for s in (source, copy)]
        rows = [s.value("select count(*) from %s" % name) for s in (source, copy)]
        checked = copy.sql("check table %s extended" % name)[-1][3]
        sound = checked == "OK" or "doesn't support check" in checked       # a sequence cannot be checked
        equal = sums[0] == sums[1] and rows[0] == rows[1] and sums[0] is not None and sound
        Step.note("%-28s %8d rows  checksum %-11s %s" %
                  (name.replace("`", ""), rows[1], sums[1], "equal" if equal else
                   "DIFFERENT: %s rows, checksum %s, check: %s" % (rows[0], sums[0], checked)))
        if not equal:
            different.append(name)
    if different:
        raise DemoFailed("different: " + ", ".join(different))
    return len(names)


# --- the story --------------------------------------------------------------------------------------------------------

def demo(mbe, flavour, folder, stack, scale):
    source = Server(flavour, os.path.join(folder, "source"), port="loopback")
    source.options += server_options(source.family, 1)
    with Step(1, "a private %s server below %s" % (calls(source)["name"], folder)):
        source.init()
        stack.callback(source.kill)
        source.start()
        source.sql("create user backup@localhost", *calls(source)["grants"],
                   "create user follower@'127.0.0.1' identified by 'follow'",
                   "grant replication slave on *.* to follower@'127.0.0.1'")
        Step.note("%s %s" % (calls(source)["name"], source.value("select version()")))
    with Step(2, "data"):
        fill(source, scale)

    writers = Writers(source)
    repo, target = os.path.join(folder, "repo"), os.path.join(folder, "restored")
    with Step(3, "a full and an incremental backup while %d clients write" % len(writers.threads)):
        writers.start()
        time.sleep(1)
        before = sum(writers.commits)
        back_up(mbe, source, repo, "full")
        time.sleep(1)
        manifest = back_up(mbe, source, repo, "incremental")
        Step.note("%d transactions were committed meanwhile" % (sum(writers.commits) - before))
    with Step(4, "restore, and a server on the result; the clients go on"):
        run_mbe([mbe, "restore", "--repo=" + repo, "--backup=" + manifest["id"], "--datadir=" + target])
        os.makedirs(os.path.join(folder, "copy"))
        copy = start_copy(flavour, target, os.path.join(folder, "copy"))
        stack.callback(copy.kill)
    with Step(5, "the copy follows the first server from the recorded position"):
        commits = writers.stop()
        events = catch_up(source, copy, manifest["binlog"])
        Step.note("%d commits in all; the copy came to the last of them without a conflict (the last %d events were waited for)" %
                  (commits, events))
    with Step(6, "every table of both servers"):
        count = compare(source, copy)
        errors = [line for line in copy.log().splitlines() if "[ERROR]" in line]
        if errors:
            raise DemoFailed("the copy's error log: " + errors[0])
    say("\nAll %d tables are equal." % count)
    for server in (copy, source):
        server.stop()


def stop_on_signal(signum, _frame):
    raise SystemExit(128 + signum)


def main():
    parser = argparse.ArgumentParser(description="Backs up a busy server, restores it and compares every table.")
    parser.add_argument("--mbe", default="build/mbe")
    parser.add_argument("--flavour", choices=sorted(FLAVOURS),
                        help="the server: an installed MySQL (mysql-installed) or MariaDB (mariadb-10.11, whatever its release), "
                             "or one that is fetched; without it, MySQL if it is installed, else MariaDB")
    parser.add_argument("--scale", type=float, default=1.0, help="amount of data, 1.0 is about 200 MB")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, stop_on_signal)
    signal.signal(signal.SIGHUP, stop_on_signal)

    base = os.environ.get("TMPDIR") or "/var/tmp"       # /tmp may be memory
    free = shutil.disk_usage(base).free
    if free < NEEDS_BYTES:
        say("the demo needs 2 GB below %s, there are %.1f; set TMPDIR to another folder" % (base, free / 1e9))
        return 1
    folder = tempfile.mkdtemp(prefix="mbe-demo-", dir=base)
    flavour = options.flavour or installed_flavour()
    if flavour in INSTALLED:        # a fetched one stays where the next run finds it
        os.environ["MBE_TEST_CACHE"] = os.path.join(folder, "cache")
    try:
        with contextlib.ExitStack() as stack:
            demo(os.path.abspath(options.mbe), flavour, folder, stack, options.scale)
        return 0
    except (DemoFailed, ServerFailed, Unavailable, pymysql.err.MySQLError) as e:
        say("\nThe demo failed: %s" % e)
        return 1
    except KeyboardInterrupt:
        say("\nstopped")
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
