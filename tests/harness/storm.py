"""A storm of DDL of every kind over a small pool of names, which are used again within seconds, and DML in between.

    storm = Storm(server, seed).prepare().start()
    ...
    storm.stop()

Tables d1.t0 … d2.t7 are created, dropped, renamed, swapped, rebuilt, partitioned and moved between engines; most statements meet
a table that is not there or does not suit, which is part of the storm. Everything but schema `imp` can be replayed
from the binary log (row format) onto a copy.

Schema `imp` is not in the binary log: there, tablespaces are discarded and imported, which no log can repeat. Its tables
prove themselves instead: every row has a checksum, and all rows of a table are of one generation, see import_problems().
"""

import contextlib
import os
import random
import shutil
import threading
import time

import pymysql

from .load import GONE

SCHEMAS = ("d1", "d2")
NAMES = 8
BODY = "(id bigint not null auto_increment primary key, a int, b varchar(200), key(a))"
# ARCHIVE refuses a value below its highest AUTO_INCREMENT, and two writers can reach the binary log in the other order.
KEYLESS = "(id bigint, a int, b varchar(200))"
EVERYWHERE = (
    "engine=innodb", "engine=innodb row_format=redundant", "engine=innodb row_format=compact",
    "engine=innodb row_format=compressed key_block_size=8", "engine=innodb partition by hash(id) partitions 3",
    "engine=myisam", "engine=myisam delay_key_write=1",
)
ENGINES = {
    "mariadb": (*EVERYWHERE, "engine=innodb page_compressed=1", "engine=myisam partition by hash(id) partitions 2",
                "engine=aria transactional=1", "engine=aria transactional=0", "engine=aria partition by hash(id) partitions 2"),
    "mysql": (*EVERYWHERE, "engine=innodb row_format=compressed key_block_size=4", "engine=innodb compression='zlib'",
              "engine=innodb compression='lz4'", "engine=innodb tablespace=g0", "engine=innodb tablespace=innodb_system"),
}
# What ALTER TABLE changes the engine to.
CHANGES = {
    "mariadb": ("innodb", "myisam", "aria", "innodb row_format=compact", "aria transactional=0"),
    "mysql": ("innodb", "myisam", "innodb row_format=compact", "innodb row_format=compressed key_block_size=4",
              "innodb row_format=dynamic compression='zlib'"),
}
# Engines that know no options.
SIMPLE = {"mariadb": ("innodb", "aria", "myisam"), "mysql": ("innodb", "myisam")}
PARTITIONED = {"mariadb": ("innodb", "myisam", "aria"), "mysql": ("innodb",)}
TOUR = {"mariadb": ("myisam", "innodb", "aria"), "mysql": ("myisam", "innodb", "myisam")}
LOG_SIZE = {"mariadb": "innodb_log_file_size", "mysql": "innodb_redo_log_capacity"}
SPECIAL = {
    "mariadb": (BODY + " engine=innodb with system versioning",),
    "mysql": (
        "(id bigint not null auto_increment primary key, a int, b varchar(200), j json default (json_array(a, 1)),"
        " index tags ((cast(j as unsigned array)))) engine=innodb",
        "(id bigint not null auto_increment primary key, a int, b varchar(200), v int as (a div 2) virtual, p int as (a div 3)"
        " stored, key(v), key((a div 5)), key(b(20) desc, a)) engine=innodb",
        "(id bigint not null auto_increment primary key, a int, b varchar(200), l longblob default (repeat('l', 90000)))"
        " engine=innodb"),
}
RANGES = ("(partition p0 values less than (100), partition p1 values less than (200),"
          " partition pm values less than maxvalue)")


class Session:
    """One connection and its random choices."""

    PACE = 1.0      # rest between two steps, relative to that of the storm

    def __init__(self, storm, number):
        self.storm = storm
        self.family = storm.server.family
        self.random = random.Random("%s/%s/%d" % (storm.seed, type(self).__name__, number))
        self.cursor = None

    def run(self, *statements):
        for statement in statements:
            self.cursor.execute(statement)
            self.cursor.fetchall()

    def table(self):
        return "%s.t%d" % (self.random.choice(SCHEMAS), self.random.randrange(NAMES))

    def fill(self, table, rows=None):
        self.run("insert into %s(a,b) select seq, repeat(char(65+seq%%26), %d) from %s" %
                 (table, self.random.randint(0, 180), self.numbers(rows or self.random.choice((1, 20, 300)))))

    def numbers(self, count):
        return self.storm.server.numbers(count)

    def engine(self):
        return self.random.choice(ENGINES[self.family])

    def step(self):
        raise NotImplementedError


class Ddl(Session):
    """One statement, or a few that belong together, of a kind drawn by weight."""

    WEIGHTS = {
        "create": 8, "create_special": 5, "drop": 4, "drop_create": 5, "create_as_select": 3, "rename": 5, "swap": 5,
        "chain": 2, "truncate": 4, "add_instant": 4, "drop_column": 3, "add_index": 4, "drop_index": 2, "rebuild": 4,
        "change_engine": 5, "optimize": 4, "add_fulltext": 2, "partition": 5, "ranges": 8, "view": 3, "trigger": 3,
        "database": 2, "merge": 1, "procedure": 2, "grant": 2, "resize_log": 0.3, "tour_of_engines": 2,
    }
    # what one family alone has
    MORE = {
        "mariadb": {"sequence": 4},
        "mysql": {"locked_index": 5, "instant_anywhere": 4, "page_compression": 3, "tablespace": 5, "move": 5, "undo": 3},
    }

    @classmethod
    def weights(cls, family):
        return {**cls.WEIGHTS, **cls.MORE[family]}

    def step(self):
        names, weights = self.storm.kinds, self.weights(self.family)
        kind = self.random.choices(names, [weights[n] for n in names])[0]
        done = False
        try:
            getattr(self, kind)()
            done = True
        finally:
            self.storm.count(kind, done)

    def replace(self, what, name, rest):
        """CREATE OR REPLACE; where there is no such statement, DROP and CREATE."""
        if self.family == "mariadb":
            self.run("create or replace %s %s %s" % (what, name, rest))
        else:
            self.run("drop %s if exists %s" % (what, name), "create %s %s %s" % (what, name, rest))

    def create(self):
        table = self.table()
        self.run("create table %s %s %s" % (table, BODY, self.engine()))
        self.fill(table)

    def create_special(self):
        table = self.table()
        kinds = ["(id int not null, a int not null, b varchar(200) not null) engine=csv",
                 "(id bigint not null auto_increment primary key, a int, b varchar(200), fulltext(b)) engine=innodb",
                 "(id bigint not null auto_increment primary key, a int, b varchar(200), g point not null default"
                 " (point(1,2)), spatial index(g)) engine=innodb", *SPECIAL[self.family]]
        if self.storm.has_archive:
            kinds.append(KEYLESS + " engine=archive")
        if self.storm.external:
            kinds += [BODY + " engine=innodb data directory='%s'" % self.storm.external] * 2
        self.run("create table %s %s" % (table, self.random.choice(kinds)))
        self.fill(table)

    def drop(self):
        self.run("drop table if exists " + self.table())

    def drop_create(self):
        table = self.table()
        self.run("drop table if exists " + table,
                 "create table %s %s %s" % (table, BODY, self.engine()))
        self.fill(table)

    def create_as_select(self):
        self.replace("table", self.table(), "engine=%s select * from %s" %
                     (self.random.choice(SIMPLE[self.family]), self.table()))

    def rename(self):
        self.run("rename table %s to %s" % (self.table(), self.table()))

    def swap(self):
        a, b = self.table(), self.table()
        self.run("rename table %s to d1.swapping, %s to %s, d1.swapping to %s" % (a, b, a, b))

    def chain(self):
        """Three names move on by one; one time in three the last link is missing and all of it is taken back."""
        a, b, c = self.table(), self.table(), self.table()
        last = "d1.nothing" if self.random.random() < 0.3 else a
        self.run("rename table %s to d2.chained, %s to %s, %s to %s, d2.chained to %s" % (a, b, last, c, b, c))

    def truncate(self):
        self.run("truncate table " + self.table())

    def add_instant(self):
        self.run("alter table %s add column c%d int default 7" % (self.table(), self.random.randrange(1000)))

    def drop_column(self):
        table = self.table()
        self.cursor.execute("select column_name from information_schema.columns where table_schema=%s and table_name=%s"
                            " and column_name regexp '^c[0-9]'", table.split("."))
        for (column,) in self.cursor.fetchall()[:1]:
            self.run("alter table %s drop column %s" % (table, column))

    def add_index(self):
        self.run("alter table %s add index i%d (b(20))" % (self.table(), self.random.randrange(20)))

    def drop_index(self):
        self.run("alter table %s drop index i%d" % (self.table(), self.random.randrange(20)))

    def rebuild(self):
        self.run("alter table %s force, algorithm=%s" %
                 (self.table(), self.random.choice(("copy", "inplace", "default"))))

    def change_engine(self):
        self.run("alter table %s engine=%s" % (self.table(), self.random.choice(CHANGES[self.family])))

    def optimize(self):
        self.run("%s table %s" % (self.random.choice(("optimize", "repair", "analyze", "optimize")), self.table()))

    def add_fulltext(self):
        self.run("alter table %s add fulltext f%d (b)" % (self.table(), self.random.randrange(3)))

    def partition(self):
        self.run("alter table %s %s" % (self.table(), self.random.choice(
            ("partition by hash(id) partitions %d" % self.random.randint(2, 4), "add partition partitions 1",
             "coalesce partition 1", "remove partitioning", "truncate partition p0"))))

    def ranges(self):
        table = self.random.choice(SCHEMAS) + ".r0"
        steps = {
            "exchange": "exchange partition p0 with table %sx" % table,
            "drop": "drop partition p1",
            "split": "reorganize partition pm into (partition p1 values less than (300),"
                     " partition pm values less than maxvalue)",
            "rebuild": "rebuild partition p0",
            "split_first": "reorganize partition p0 into (partition q%d values less than (50),"
                           " partition p0 values less than (100))" % self.random.randrange(99),
        }
        step = self.random.choice(("make", *steps))
        if step == "make":
            self.make_ranges(table)
        else:
            self.run("alter table %s %s" % (table, steps[step]))

    def make_ranges(self, table):
        engine = self.random.choice(PARTITIONED[self.family])
        columns = "(id int not null, a int, b varchar(200), key(a)) engine=" + engine
        self.run("drop table if exists %s, %sx" % (table, table),
                 "create table %s %s partition by range(id) %s" % (table, columns, RANGES),
                 "create table %sx %s" % (table, columns),
                 "insert into %s select seq, seq, repeat('r', 100) from %s" % (table, self.numbers(500)),
                 "insert into %sx select seq, seq, 'x' from %s" % (table, self.numbers(90)))

    def view(self):
        name = "d1.v%d" % self.random.randrange(3)
        self.run("create or replace view %s as select a from %s" % (name, self.table())
                 if self.random.random() < 0.75 else "drop view if exists " + name)

    def trigger(self):
        table = self.table()
        self.replace("trigger", table.replace(".", ".g_"), "before insert on %s for each row set new.a=new.a+1" % table)

    def sequence(self):
        name = "%s.s%d" % (self.random.choice(SCHEMAS), self.random.randrange(3))
        what = self.random.randrange(4)
        if what == 0:
            self.run("create sequence %s cache %d engine=%s" %
                     (name, self.random.choice((1, 10)), self.random.choice(SIMPLE[self.family])))
        else:
            self.run("drop sequence " + name if what == 1 else "select nextval(%s)" % name)

    def database(self):
        self.run("drop database if exists d3", "create database d3 character set latin1",
                 "create table d3.k %s %s" % (BODY, self.engine()), "insert into d3.k(a,b) values (1,'x')")
        if self.random.random() < 0.5:
            self.run("create table d3.`odd name é#@` %s engine=innodb" % BODY,
                     "rename table d3.k to d1.from_d3_%d" % self.random.randrange(3))

    def merge(self):
        schema = self.random.choice(SCHEMAS)
        columns = "(id int, a int, b varchar(200), key(id))"
        self.run("drop table if exists %s.m, %s.m1, %s.m2" % (schema, schema, schema))
        for i in (1, 2):
            self.run("create table %s.m%d %s engine=myisam" % (schema, i, columns),
                     "insert into %s.m%d values (1,2,'three')" % (schema, i))
        self.run("create table %s.m %s engine=merge union=(%s.m1,%s.m2) insert_method=last" %
                 (schema, columns, schema, schema))

    def procedure(self):
        self.replace("procedure", "d1.p%d" % self.random.randrange(3), "() select %d" % self.random.randrange(1000))

    def grant(self):
        number = self.random.randrange(4)
        self.replace("user", "u%d@localhost" % number, "identified by 'x%d'" % number)
        self.run("grant select on d1.* to u%d@localhost" % number)

    def resize_log(self):
        self.run("set global %s=%d*1048576" % (LOG_SIZE[self.family], self.random.choice((32, 48, 64))))

    def tour_of_engines(self):
        table = self.table()
        self.run(*("alter table %s engine=%s" % (table, engine) for engine in TOUR[self.family]),
                 "rename table %s to %s" % (table, self.table()))

    # --- MySQL only ---------------------------------------------------------------------------------------------------

    def locked_index(self):
        """Not online: built without a word in the redo log."""
        self.run("alter table %s add index i%d (b(20)), algorithm=inplace, lock=%s" %
                 (self.table(), self.random.randrange(20), self.random.choice(("shared", "exclusive", "none"))))

    def instant_anywhere(self):
        self.run("alter table %s add column c%d %s %s, algorithm=instant" %
                 (self.table(), self.random.randrange(1000),
                  self.random.choice(("int default 8", "varchar(30) default 'v'", "json")),
                  self.random.choice(("first", "after id", "after a"))))

    def page_compression(self):
        table = self.table()
        self.run("alter table %s compression='%s'" % (table, self.random.choice(("zlib", "lz4", "none"))),
                 "optimize table " + table)

    def tablespace(self):
        name, other = self.random.sample(("g0", "g1", "g2"), 2)
        self.run(self.random.choice(("create tablespace %s add datafile 'g%d.ibd'" % (name, self.random.randrange(100000)),
                                     "create tablespace g0 add datafile 'g0-%d.ibd'" % self.random.randrange(100000),
                                     "alter tablespace %s rename to %s" % (name, other), "drop tablespace " + name)))

    def move(self):
        self.run("alter table %s tablespace %s" % (self.table(), self.random.choice(
            ("g0", "g1", "g2", "innodb_system", "innodb_file_per_table"))))

    def undo(self):
        """Undo tablespaces come, go, and are emptied; the server refuses what would leave it less than two."""
        name = self.random.choice(("innodb_undo_001", "innodb_undo_002", "u0", "u1"))
        if name.startswith("u") and self.random.random() < 0.4:
            self.run("create undo tablespace %s add datafile '%s-%d.ibu'" % (name, name, self.random.randrange(100000)))
            return
        self.run("alter undo tablespace %s set inactive" % name)
        self.storm.stopping.wait(1)
        self.run("drop undo tablespace " + name if name.startswith("u") and self.random.random() < 0.5 else
                 "alter undo tablespace %s set active" % name)


class Dml(Session):
    """Transactions over several tables of the pool, whatever engine they have just now."""

    PACE = 0.3

    def step(self):
        self.run("begin")
        for _ in range(self.random.randint(1, 6)):
            with contextlib.suppress(pymysql.err.ProgrammingError, pymysql.err.OperationalError,
                                     pymysql.err.DataError, pymysql.err.IntegrityError):
                self.run(self.change())
        self.run("rollback" if self.random.random() < 0.1 else "commit")
        self.storm.count("transaction", True)

    def change(self):
        table = self.table()
        if self.random.random() < 0.1:
            table = self.random.choice(("d1.r0x", "d1.from_d3_0", "d1.m"))
        what, low = self.random.random(), self.random.randrange(300)
        if what < 0.6:
            rows = ",".join("(%d,repeat('%s',%d))" % (self.random.randrange(1 << 30), self.random.choice("abcdefgh"),
                                                      self.random.randrange(200))
                            for _ in range(self.random.choice((1, 1, 5, 60))))
            return "insert into %s(a,b) values %s" % (table, rows)
        if what < 0.85:
            return "update %s set b=repeat('u',%d), a=a+1 where id between %d and %d" % \
                (table, self.random.randrange(200), low, low + 3)
        return "delete from %s where id between %d and %d" % (table, low, low + 2)


class Importer(Session):
    """DISCARD and IMPORT TABLESPACE, again and again, and CREATE statements that fail on a file in their way."""

    PACE = 8.0

    def step(self):
        self.run("set session sql_log_bin=0")
        what = self.random.random()
        if what < 0.15:
            self.failed_create()
        elif what < 0.25:
            self.run("drop table if exists imp.t%d" % self.random.randrange(2))
        else:
            self.import_table("imp.t%d" % self.random.randrange(2), self.random.randrange(100000))
            self.storm.count("import", True)

    def import_table(self, table, generation):
        self.run("delete from imp.source",
                 "insert into imp.source select seq, %d, 0, crc32(concat(seq,':',%d)), repeat('i',100)"
                 " from %s" % (generation, generation, self.numbers(100 + generation % 200)),
                 "create table if not exists %s like imp.source" % table,
                 "alter table %s discard tablespace" % table, "flush tables imp.source for export")
        folder = os.path.join(self.storm.server.datadir, "imp")
        try:
            for extension in (".ibd", ".cfg"):
                shutil.copy(os.path.join(folder, "source" + extension),
                            os.path.join(folder, table.split(".")[1] + extension))
        finally:
            self.run("unlock tables")
        self.run("alter table %s import tablespace" % table)
        for _ in range(self.random.randrange(4)):
            self.run("update %s set n=n+1" % table)

    def failed_create(self):
        stray = os.path.join(self.storm.server.datadir, "imp", "ghost.ibd")
        with open(stray, "wb"):
            pass
        try:
            self.run("create table imp.ghost (id int primary key) engine=innodb")
            self.run("drop table imp.ghost")
        except pymysql.err.MySQLError:
            self.storm.count("failed create", True)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(stray)


def import_problems(server):
    """What is wrong with the tables of schema imp. A discarded or dropped table is as right as a whole one."""
    problems = []
    for (table,) in server.sql("select table_name from information_schema.tables where table_schema='imp'"
                               " and table_name like 't_'"):
        try:
            (rows, generations, generation, low, high, bad), = server.sql(
                "select count(*), count(distinct gen), min(gen), min(n), max(n),"
                " coalesce(sum(crc<>crc32(concat(id,':',gen))),0) from imp.%s" % table)
        except pymysql.err.MySQLError as e:
            if e.args[0] not in (1814, 1877, 1146):
                problems.append("imp.%s: %s" % (table, e.args))
            continue
        if rows and (generations != 1 or low != high or bad or rows != 100 + generation % 200):
            problems.append("imp.%s: %d rows of %d generations from %s, n from %s to %s, %s bad checksums" %
                            (table, rows, generations, generation, low, high, bad))
    return problems


def skip_imports(schema, _name):
    """For check.read_state, when the binary log is replayed."""
    return schema == "imp"


class Storm:
    """external: a directory for DATA DIRECTORY tables, or None. kinds: only these kinds of DDL; without: not these.

    online: whether ALTER TABLE may copy a table while others write to it, where the server can. MariaDB 11.8.9 then loses and
    doubles rows (with no backup near it: its tables are not what its binary log says), so nothing can be replayed.
    """

    def __init__(self, server, seed, ddl=2, dml=2, imports=True, external=None, kinds=None, without=(),
                 pause_seconds=0.02, online=False):
        self.server = server
        self.seed = seed
        self.external = external
        self.kinds = [k for k in kinds or Ddl.weights(server.family) if k not in without]
        self.pause_seconds = pause_seconds
        self.online = online
        self.has_archive = False
        self.settings = "set session lock_wait_timeout=20, innodb_lock_wait_timeout=5"
        self.sessions = [Ddl(self, i) for i in range(ddl)] + [Dml(self, i) for i in range(dml)] + \
            ([Importer(self, 0)] if imports else [])
        self.stopping = threading.Event()
        self.lock = threading.Lock()        # guards counts and bugs
        self.counts = {}                    # kind: [tried, done]
        self.bugs = []
        self.threads = []

    def prepare(self):
        self.has_archive = bool(self.server.sql("select 1 from information_schema.engines where engine='ARCHIVE'"
                                                " and support in ('YES','DEFAULT')"))
        if not self.online and self.server.family == "mariadb" and self.server.installation.version >= (11, 2):
            self.settings += ", old_mode=concat_ws(',', nullif(@@old_mode, ''), 'LOCK_ALTER_TABLE_COPY')"
        statements = ["create database " + s for s in (*SCHEMAS, "imp")]
        statements.append("create table imp.source (id int primary key, gen int, n int, crc bigint, pad varchar(100),"
                          " key(gen)) engine=innodb")
        if self.external:
            os.makedirs(self.external, exist_ok=True)
            os.chmod(self.external, 0o777)
        self.server.sql(*statements)
        return self

    def count(self, kind, done):
        with self.lock:
            tried = self.counts.setdefault(kind, [0, 0])
            tried[0] += 1
            tried[1] += 1 if done else 0

    def done(self):
        with self.lock:
            return sum(c[1] for k, c in self.counts.items() if k != "transaction")

    def start(self):
        self.stopping.clear()
        self.threads = [threading.Thread(target=self._work, args=(s,), daemon=True) for s in self.sessions]
        for thread in self.threads:
            thread.start()
        return self

    def _work(self, session):
        try:
            with contextlib.closing(self.server.connect(database="d1")) as connection:
                session.cursor = connection.cursor()
                session.run(self.settings)
                while not self.stopping.is_set():
                    self._one_step(session)
                    time.sleep(session.random.random() * self.pause_seconds * session.PACE)
        except pymysql.err.MySQLError as e:
            if not (e.args and e.args[0] in GONE):
                self._bug(session, e)
        except Exception as e:              # pylint: disable=broad-except
            self._bug(session, e)

    def _bug(self, session, error):
        with self.lock:
            self.bugs.append("%s: %r" % (type(session).__name__, error))

    @staticmethod
    def _one_step(session):
        try:
            session.step()
        except FileNotFoundError:
            session.run("unlock tables")
        except pymysql.err.MySQLError as e:
            # a table that is not there, or does not suit, is what a storm consists of
            if not e.args or e.args[0] in GONE:
                raise
            session.run("rollback")

    def wait_for(self, changes, seconds=120):
        """Until that many more DDL statements have succeeded."""
        goal = self.done() + changes
        deadline = time.monotonic() + seconds
        while self.done() < goal and time.monotonic() < deadline and not self.bugs:
            time.sleep(0.02)
        if self.done() < goal:
            raise AssertionError("the storm did not reach %d statements in %d s: %s" % (changes, seconds, self.bugs))

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(120)
        stuck = sum(t.is_alive() for t in self.threads)
        self.threads = []
        if self.bugs or stuck:
            raise AssertionError("storm: %d sessions stuck; %s" % (stuck, "; ".join(self.bugs)))
        return self

    def summary(self):
        with self.lock:
            return ", ".join("%s %d/%d" % (k, c[1], c[0]) for k, c in sorted(self.counts.items()))
