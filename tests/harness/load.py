"""Write load on every storage engine, from several connections, repeatable by its seed as far as threads allow.

    load = Load(server, seed).prepare().start()
    ...
    load.stop()                 # raises when a writer met an error that is not a matter of luck

The tables are in schema `w`. The bank (`w.account`, `w.ledger`) has an invariant that holds in every consistent state
of the data: each balance is 1000 plus the sum of its ledger lines. bank_problems() checks it.
"""

import contextlib
import random
import threading
import time

import pymysql

ROW_FORMATS = {
    "mariadb": {
        "dynamic": "row_format=dynamic",
        "redundant": "row_format=redundant",
        "compact": "row_format=compact",
        "compressed1": "row_format=compressed key_block_size=1",
        "compressed2": "row_format=compressed key_block_size=2",
        "compressed4": "row_format=compressed key_block_size=4",
        "compressed8": "row_format=compressed key_block_size=8",
        "compressed16": "row_format=compressed key_block_size=16",
        "page_compressed": "page_compressed=1",
    },
    "mysql": {
        "dynamic": "row_format=dynamic",
        "redundant": "row_format=redundant",
        "compact": "row_format=compact",
        "compressed1": "row_format=compressed key_block_size=1",
        "compressed2": "row_format=compressed key_block_size=2",
        "compressed4": "row_format=compressed key_block_size=4",
        "compressed8": "row_format=compressed key_block_size=8",
        "compressed16": "row_format=compressed key_block_size=16",
        "zlib": "compression='zlib'",
        "lz4": "compression='lz4'",
    },
}
# Engines beside InnoDB with a table p_NAME each: what follows its columns. ARCHIVE is added where the server has it.
PLAIN = {
    "mariadb": {"myisam": "engine=myisam", "aria1": "engine=aria transactional=1", "aria0": "engine=aria transactional=0"},
    "mysql": {"myisam": "engine=myisam", "packed": "engine=myisam pack_keys=1 checksum=1"},
}
ACCOUNTS = 100

# Lock wait timeout, deadlock, record changed since the snapshot, statement killed by its time limit.
LUCK = (1205, 1213, 1020, 1969)
# The connection or the server is gone.
GONE = (0, 2002, 2003, 2006, 2013, 1053, 1927)

LETTERS = "abcdefghijklmnopqrstuvwxyz     "


def archive_options(installation):
    """ARCHIVE is a plugin where the distribution made it one."""
    return ["--plugin-load-add=ha_archive"] if installation.has_plugin("ha_archive") else []


def bank_problems(server):
    rows = server.sql("select a.id, a.balance, a.n, coalesce(sum(l.delta),0), count(l.id) from w.account a"
                      " left join w.ledger l on l.who=a.id group by a.id, a.balance, a.n"
                      " having a.balance<>1000+coalesce(sum(l.delta),0) or a.n<>count(l.id)")
    return ["account %d: balance %d and %d lines, but the ledger has %d and %d lines" %
            (r[0], r[1], r[2], 1000 + r[3], r[4]) for r in rows]


def formats_of(family, page_size):
    """ROW_FORMAT=COMPRESSED exists up to 16 KiB pages, with blocks not larger than a page. MySQL compresses a page on its way to
    the file only where that can free a block of the file system.
    """
    def fits(name):
        if name.startswith("compressed"):
            return page_size <= 16384 and int(name[len("compressed"):]) * 1024 <= page_size
        return name not in ("zlib", "lz4") or page_size >= 8192
    return [f for f in ROW_FORMATS[family] if fits(f)]


def special_tables(server, page_size):
    """Tables that only the special writer writes to: those of every family, then what its family alone has."""
    yield from (
        "create table inst (id int primary key, a varchar(100)) engine=innodb",
        "insert into inst select seq, 'before' from " + server.numbers(50),
        "alter table inst add column added int default 7, algorithm=instant",
        "create table ft (id int auto_increment primary key, t text, fulltext(t)) engine=innodb",
        "create table sp (id int auto_increment primary key, g geometry not null, spatial index(g)) engine=innodb",
        "create table pt (id int, a varchar(100), primary key(id)) engine=innodb partition by hash(id) partitions 4",
        "create table vc (id int primary key, a int, v int as (a*2) virtual, p int as (a+1) stored, key(v)) engine=innodb",
        "create table parent (id int primary key) engine=innodb",
        "create table child (id int primary key, pid int, foreign key(pid) references parent(id) on delete cascade)"
        " engine=innodb")
    if server.family == "mariadb":
        yield from ("create sequence sq engine=innodb",
                    "create table sv (id int primary key, x int) engine=innodb with system versioning")
        return
    # rows of four versions of one table, columns added and dropped anywhere in it
    yield from (
        "alter table inst drop column a, algorithm=instant",
        "insert into inst select seq+50, seq from " + server.numbers(50),
        "alter table inst add column a varchar(100) default 'again' first, algorithm=instant",
        "insert into inst(id,a,added) select seq+100, 'third', seq from " + server.numbers(50),
        "alter table inst add column more json, add column b varchar(50) default 'b' after id, algorithm=instant",
        "create table js (id int primary key, j json, d int, i int invisible default 5, index tags ((cast(j->'$.tags' as"
        " unsigned array))), index twice ((d*2)), index down (d desc, id)) engine=innodb",
        "create table lob_plain (id int primary key, b longblob, j json) engine=innodb")
    if page_size <= 16384:
        yield "create table lob_packed (id int primary key, b longblob, j json) engine=innodb row_format=compressed"


class Writer:
    """One connection's worth of load: step() does one small piece of work."""

    def __init__(self, load, seed):
        self.load = load
        self.random = random.Random(seed)
        self.cursor = None

    def run(self, *statements):
        for statement in statements:
            self.cursor.execute(statement)

    def text(self, most):
        n = self.random.randint(0, most)
        return "".join(self.random.choices(LETTERS, k=n))

    def transaction(self, *statements, rollback=0.1):
        self.run("begin", *statements, "rollback" if self.random.random() < rollback else "commit")

    def step(self):
        raise NotImplementedError


class Bank(Writer):
    """Transfers between two accounts with a line each in the ledger; one in ten is rolled back, one in ten is XA."""

    def transfer(self):
        a, b = sorted(self.random.sample(range(1, ACCOUNTS + 1), 2))
        amount = self.random.randint(1, 50)
        return ("insert into w.ledger(who,delta) values (%d,%d),(%d,%d)" % (a, -amount, b, amount),
                "update w.account set balance=balance-%d, n=n+1 where id=%d" % (amount, a),
                "update w.account set balance=balance+%d, n=n+1 where id=%d" % (amount, b))

    def step(self):
        if self.random.random() < 0.1:
            self.xa(self.transfer())
        else:
            self.transaction(*self.transfer())

    def xa(self, statements):
        # one that was prepared when its server was killed keeps its name
        name = "'%s-%d-%d'" % (self.load.seed, self.load.starts, self.random.randrange(1 << 40))
        self.run("xa start " + name)
        try:
            self.run(*statements)
            self.run("xa end " + name, "xa prepare " + name)
        except pymysql.err.OperationalError as e:
            if e.args[0] in LUCK:
                with contextlib.suppress(pymysql.err.MySQLError):
                    self.run("xa end " + name)
                self.run("xa rollback " + name)
                return
            raise
        self.run(("xa rollback " if self.random.random() < 0.2 else "xa commit ") + name)


class Rows(Writer):
    """Inserts, updates and deletes on a table of each row format, with blobs that live off the page."""

    def row(self, name):
        small = name == "compressed1"
        blob = "null" if small or self.random.random() < 0.5 else \
            "repeat('%s ',%d)" % (self.text(8), self.random.choice((10, 300, 2000, 6000)))
        return "(%d,'%s','%s',%s)" % (self.random.randint(0, 5000), self.text(20 if small else 150),
                                      self.text(25), blob)

    def step(self):
        name = self.random.choice(self.load.formats)
        table = "w.t_" + name
        low = self.random.randint(0, 5000)
        what = self.random.random()
        if what < 0.5:
            rows = ",".join(self.row(name) for _ in range(self.random.choice((1, 1, 3, 20))))
            self.run("insert into %s(a,s,c,b) values %s" % (table, rows))
        elif what < 0.75:
            self.run("update %s set a=a+1, s='%s' where a between %d and %d order by id limit 20" %
                     (table, self.text(15 if name == "compressed1" else 100), low, low + 300))
        elif what < 0.9:
            self.run("delete from %s where a between %d and %d order by id limit 15" % (table, low, low + 300))
        else:
            self.transaction("update %s set c='%s' order by id limit 30" % (table, self.text(10)),
                             "delete from %s order by id limit 5" % table, rollback=0.8)


class Long(Writer):
    """A transaction that stays open for seconds with many changed rows, on a table of its own."""

    def step(self):
        seconds = self.random.uniform(0.5, 4)
        low = self.random.randint(0, 1500)
        self.run("begin", "update w.t_long set b=repeat('%s',100) where id between %d and %d" %
                 (self.random.choice("xyz"), low, low + 300),
                 "insert into w.t_long(b) select repeat('n',150) from " + self.load.server.numbers(200))
        self.load.stopping.wait(seconds)
        self.run("delete from w.t_long where id between %d and %d" % (low, low + 50),
                 "rollback" if self.random.random() < 0.5 else "commit")


class Plain(Writer):
    """MyISAM, Aria of both kinds where there is Aria, CSV, ARCHIVE and MERGE."""

    def step(self):
        engine = self.random.choice(self.load.plain)
        table = "w.p_" + engine
        if engine in ("csv", "archive", "merge"):
            self.run("insert into %s(a,b) values (%d,'%s')" % (table, self.random.randint(0, 5000), self.text(80)))
            return
        low = self.random.randint(0, 5000)
        what = self.random.random()
        if what < 0.6:
            values = ",".join("(%d,'%s')" % (self.random.randint(0, 5000), self.text(180))
                              for _ in range(self.random.choice((1, 5, 50))))
            self.run("insert into %s(a,b) values %s" % (table, values))
        elif what < 0.85:
            self.run("update %s set b=concat('%s',a) where a between %d and %d order by id limit 50" %
                     (table, self.text(60), low, low + 300))
        else:
            self.run("delete from %s where a between %d and %d order by id limit 30" % (table, low, low + 300))


class Special(Writer):
    """Full text, spatial, foreign keys with cascades, partitions, generated columns; and what only one family has."""

    KINDS = ("fulltext", "spatial", "foreign", "partition", "generated", "instant")
    MORE = {"mariadb": ("versioned", "sequence"), "mysql": ("json", "lob", "instant_rows")}

    def step(self):
        getattr(self, self.random.choice(self.KINDS + self.MORE[self.load.server.family]))()

    def fulltext(self):
        self.run("insert into w.ft(t) values ('%s'),('hello world %s')" % (self.text(150), self.text(50)))
        if self.random.random() < 0.3:
            self.run("delete from w.ft order by id limit 1")

    def spatial(self):
        points = ",".join("(point(%d,%d))" % (self.random.randrange(1000), self.random.randrange(1000)) for _ in range(20))
        self.run("insert into w.sp(g) values " + points)
        if self.random.random() < 0.3:
            self.run("delete from w.sp order by id limit 15")

    def foreign(self):
        k = self.random.randrange(100)
        self.transaction("insert ignore into w.parent values (%d)" % k,
                         "insert ignore into w.child values (%d,%d)" % (self.random.randrange(1000), k),
                         "delete from w.parent where id=%d" % self.random.randrange(100))

    def partition(self):
        values = ",".join("(%d,'%s')" % (self.random.randrange(1000), self.text(60)) for _ in range(10))
        self.run("replace into w.pt values " + values)

    def generated(self):
        self.run("replace into w.vc(id,a) values (%d,%d)" % (self.random.randrange(300), self.random.randrange(1000)))

    def versioned(self):
        self.run("insert ignore into w.sv values (%d,1)" % self.random.randrange(50), "update w.sv set x=x+1 limit 5")

    def sequence(self):
        self.run("select nextval(w.sq)")
        self.cursor.fetchall()

    def instant(self):
        self.run("insert ignore into w.inst(id,a) values (%d,'%s')" % (self.random.randrange(5000), self.text(60)))

    def instant_rows(self):
        """Rows of every older version of the table, which an update writes anew in the newest."""
        low = self.random.randrange(5000)
        self.run("update w.inst set a='%s', more='[1]', b=null where id between %d and %d limit 3" %
                 (self.text(90), low, low + 200),
                 "delete from w.inst where id between %d and %d limit 2" % (low + 2000, low + 2100))

    def json(self):
        tags = ",".join(str(self.random.randrange(500)) for _ in range(self.random.randrange(6)))
        key = self.random.randrange(500)
        self.run("replace into w.js(id,j,d) values (%d,'{\"tags\": [%s], \"s\": \"%s\"}',%d)" %
                 (key, tags, self.text(60), self.random.randrange(1000)),
                 "update w.js set j=json_set(j,'$.s','%s'), d=d+1 where id between %d and %d" %
                 (self.text(20), key, key + 5))

    def lob(self):
        """Values of up to megabytes, written whole or, in JSON, partly in place."""
        table = "w.lob_" + self.random.choice(self.load.lobs)
        key, what = self.random.randrange(12), self.random.random()
        if what < 0.4:
            size = self.random.choice((200, 3000, 20000, 100000, 300000))
            self.run("replace into %s values (%d,repeat('%s',%d),json_object('a',repeat('j',%d),'b',repeat('k',%d)))" %
                     (table, key, self.text(9) + "L", size, size // 3, size // 2))
        elif what < 0.7:
            self.run("update %s set j=json_replace(j,'$.a',repeat('%s',%d)) where id=%d" %
                     (table, self.random.choice("uvw"), self.random.randrange(60), key))
        elif what < 0.9:
            self.transaction("update %s set b=concat(b,repeat('t',%d)) where id=%d and length(b)<4000000" %
                             (table, self.random.randrange(30000), key), rollback=0.3)
        else:
            self.run("delete from %s where id=%d" % (table, key))


WRITERS = {"bank": Bank, "rows": Rows, "long": Long, "plain": Plain, "special": Special}
ALL = ("bank", "rows", "long", "plain", "special")
INNODB = ("bank", "rows", "long", "special")


class Load:
    """pause_seconds: rest between steps of one writer; 0 for as fast as it goes."""

    def __init__(self, server, seed, writers=ALL, pause_seconds=0.005):
        self.server = server
        self.seed = seed
        self.writers = writers
        self.pause_seconds = pause_seconds
        self.stopping = threading.Event()
        self.threads = []
        self.formats = list(ROW_FORMATS[server.family])
        self.plain = [*PLAIN[server.family], "csv", "merge"]
        self.lobs = ["plain"]
        self.steps = [0] * len(writers)
        self.starts = 0
        self.unlucky = 0
        self.errors = []

    # --- tables -------------------------------------------------------------------------------------------------------

    def prepare(self, rows=300):
        """Creates schema w and puts `rows` rows into most tables."""
        page_size = int(self.server.value("select @@innodb_page_size"))
        self.formats = formats_of(self.server.family, page_size)
        if page_size <= 16384:
            self.lobs.append("packed")
        has_archive = bool(self.server.sql("select 1 from information_schema.engines where engine='ARCHIVE'"
                                           " and support in ('YES','DEFAULT')"))
        if has_archive:
            self.plain.append("archive")
        self.server.sql("create database w", "use w", *self._innodb_tables(rows),
                        *special_tables(self.server, page_size), *self._plain_tables(rows, has_archive))
        return self

    def _innodb_tables(self, rows):
        for name in self.formats:
            blob = "blob" if name == "compressed1" else "longblob"
            key = "" if name == "compressed1" else ", key(s(50))"
            yield ("create table t_%s (id int auto_increment primary key, a int, s varchar(200), c char(30), b %s, key(a)%s)"
                   " engine=innodb %s" % (name, blob, key, ROW_FORMATS[self.server.family][name]))
            yield ("insert into t_%s(a,s,c) select seq*17 %% 5000, repeat('s',seq %% 20), 'c' from %s" %
                   (name, self.server.numbers(rows)))
        yield "create table account (id int primary key, balance bigint, n bigint) engine=innodb"
        yield "insert into account select seq, 1000, 0 from " + self.server.numbers(ACCOUNTS)
        yield ("create table ledger (id bigint auto_increment primary key, who int, delta bigint, key(who))"
               " engine=innodb")
        yield "create table t_long (id int auto_increment primary key, b varchar(200)) engine=innodb"
        yield "insert into t_long(b) select repeat('o',100) from " + self.server.numbers(2000)

    def _plain_tables(self, rows, has_archive):
        body = "(id int auto_increment primary key, a int, b varchar(200), key(a))"
        for name, engine in PLAIN[self.server.family].items():
            yield "create table p_%s %s %s" % (name, body, engine)
            yield "insert into p_%s(a,b) select seq*13 %% 5000, repeat('p',seq %% 90) from %s" % (name, self.server.numbers(rows))
        yield "create table p_csv (a int not null, b varchar(200) not null) engine=csv"
        keyless = "(a int, b varchar(200), key(a))"
        for number in (1, 2):
            yield "create table p_merge%d %s engine=myisam" % (number, keyless)
        yield "create table p_merge %s engine=merge union=(p_merge1,p_merge2) insert_method=last" % keyless
        if has_archive:
            yield "create table p_archive (a int, b varchar(200)) engine=archive"

    # --- threads ------------------------------------------------------------------------------------------------------

    def start(self):
        self.stopping.clear()
        self.starts += 1
        self.threads = [threading.Thread(target=self._work, args=(i, name), daemon=True)
                        for i, name in enumerate(self.writers)]
        for thread in self.threads:
            thread.start()
        return self

    def _work(self, number, name):
        writer = WRITERS[name](self, "%s/%d/%s" % (self.seed, number, name))
        try:
            with contextlib.closing(self.server.connect(database="w")) as connection:
                writer.cursor = connection.cursor()
                writer.run("set session innodb_lock_wait_timeout=5")
                while not self.stopping.is_set():
                    self._one_step(number, writer)
        except pymysql.err.MySQLError as e:
            # a server that was killed or stopped is the scenario's own doing
            if not (e.args and e.args[0] in GONE):
                self.errors.append("writer %s: %r" % (name, e))

    def _one_step(self, number, writer):
        try:
            writer.step()
            self.steps[number] += 1
        except pymysql.err.MySQLError as e:
            if not (e.args and e.args[0] in LUCK):
                raise
            self.unlucky += 1
            writer.run("rollback")
        if self.pause_seconds:
            time.sleep(writer.random.random() * 2 * self.pause_seconds)

    def wait_for_steps(self, steps, seconds=60):
        """Until that many more pieces of work are done, in all."""
        goal = sum(self.steps) + steps
        deadline = time.monotonic() + seconds
        while sum(self.steps) < goal and time.monotonic() < deadline and not self.errors:
            time.sleep(0.02)
        if sum(self.steps) < goal:
            raise AssertionError("the load did only %d of %d steps in %d s: %s" %
                                 (sum(self.steps) - goal + steps, steps, seconds, self.errors))
        return self

    def stop(self):
        """Ends all writers after their current step. Raises AssertionError if one met a real error."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        stuck = [t for t in self.threads if t.is_alive()]
        self.threads = []
        if self.errors or stuck:
            raise AssertionError("load: %d writers stuck; errors: %s" % (len(stuck), "; ".join(self.errors)))
        return self
