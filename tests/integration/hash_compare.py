#!/usr/bin/python3
"""mbe hash --compare: files and servers, equal, different, missing, extra; --locate names the very rows, between MySQL and MariaDB.

On the second server of each kind of table one row is altered, one deleted and one inserted, at random places.
"""
# timeout: 400

import json
import os

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness.mbe import DAMAGE, OK, OPERATION_FAILED, USAGE
from harness.scenario import Skip, run

ROWS = 6000

# name: (what follows CREATE TABLE name, values of row {i}, condition for row {i}, how the row is named)
KINDS = {
    "number": ("(id int not null primary key, v varchar(50)) engine=innodb", "{i}, concat('v', {i})", "id={i}", "`id`={i}"),
    "negative": ("(id bigint not null primary key, v varchar(50)) engine=innodb", "-cast({i} as signed) * 1000000007, 'v'", "id=-{i} * 1000000007", "`id`={big}"),
    "pair": ("(a varchar(20) character set utf8mb4 collate utf8mb4_bin not null, b int unsigned not null, v varchar(50), primary key(a, b)) engine=innodb",
             "concat('g', {i} div 100), {i}, 'v'", "b={i}", "`a`='g{hundreds}', `b`={i}"),
    "latin": ("(id char(8) character set latin1 collate latin1_bin not null primary key, v varchar(50)) engine=innodb", "lpad({i}, 8, '0'), 'v'",
              "id=lpad({i}, 8, '0')", "`id`='{i:08d}'"),
    "bytes": ("(id binary(4) not null primary key, v varchar(50)) engine=innodb", "unhex(lpad(hex({i}), 8, '0')), 'v'", "id=unhex(lpad(hex({i}), 8, '0'))",
              "`id`=0x{i:08x}"),
    "moment": ("(id datetime(3) not null primary key, v varchar(50)) engine=innodb", "'2026-01-01' + interval {i} minute, 'v'",
               "id='2026-01-01' + interval {i} minute", "`id`='{minute}'"),
    "amount": ("(id decimal(12,3) not null primary key, v varchar(50)) engine=innodb", "{i} / 8, 'v'", "id={i} / 8", "`id`={eighth:.3f}"),
    "unique_key": ("(id int not null, v varchar(50), unique key(id)) engine=innodb", "{i}, 'v'", "id={i}", "`id`={i}"),
    "parts": ("(id int not null primary key, v varchar(50)) engine=innodb partition by hash(id) partitions 4", "{i}, 'v'", "id={i}", "`id`={i}"),
    # these are compared by whole rows
    "keyless": ("(id int, v varchar(50)) engine=innodb", "{i}, 'v'", "id={i}", "`id`={i}, `v`="),
    "float_key": ("(id double not null primary key, v varchar(50)) engine=innodb", "{i}, 'v'", "id={i}", "`id`={i}, `v`="),
    "myisam": ("(id int not null primary key, v varchar(50)) engine=myisam", "{i}, 'v'", "id={i}", "`id`={i}, `v`="),
}
BY_ROW = ("keyless", "float_key", "myisam")


def load(server):
    server.sql("create database k")
    for kind, (definition, values, _, _) in KINDS.items():
        server.sql("use k", "create table %s %s" % (kind, definition),
                   "insert into %s select %s from %s" % (kind, values.format(i="seq"), server.numbers(ROWS)))


def named(kind, i):
    minutes = divmod(i, 60)
    days, hour = divmod(minutes[0], 24)
    return KINDS[kind][3].format(i=i, big=i * -1000000007, hundreds=i // 100, eighth=i / 8,
                                 minute="2026-01-%02d %02d:%02d:00" % (days + 1, hour, minutes[1]))


class Sides:
    def __init__(self, s, servers):
        self.s = s
        self.mbes = [s.mbe(server, repo="repo%d" % i) for i, server in enumerate(servers)]
        self.files = []
        for i, mbe in enumerate(self.mbes):
            mbe.logs = s.path("logs%d" % i)
            os.makedirs(mbe.logs, exist_ok=True)
            self.files.append(mbe.option_file())

    def run(self, *args, expect=OK):
        return self.mbes[0].run("hash", *args, "--progress=none", expect=expect)

    def dump(self, side, name, *extra):
        path = self.s.path(name)
        self.run("--defaults-file=" + self.files[side], "--output=" + path, *extra)
        return path

    def live(self, side):
        return "defaults:" + self.files[side]

    def compare(self, a, b, *extra, expect=OK):
        return json.loads(self.run("--compare", a, b, "--json", *extra, expect=expect).out)


def equal_at_first(s, sides):
    counts = sides.compare(sides.live(0), sides.live(1), "--locate")["counts"]
    s.check_equal(counts, {"equal": len(KINDS), "different": 0, "missing": 0, "extra": 0, "unproven": 0}, "the same data")
    a, b = sides.dump(0, "a.json"), sides.dump(1, "b.json")
    for pair in ((a, b), (a, sides.live(1)), (sides.live(0), b), (a, a)):
        s.check_equal(sides.compare(*pair)["counts"]["equal"], len(KINDS), "equal: %s %s" % pair)
    done = sides.run("--compare", a, "server", "--defaults-file=" + sides.files[1])
    s.check_equal(done.out, "", "what is equal is not printed")
    return a


def change(s, server):
    """{kind: rows altered, deleted, inserted}"""
    changed = {}
    for kind, (_, values, where, _) in KINDS.items():
        altered, deleted = s.random.sample(range(1, ROWS + 1), 2)
        inserted = ROWS + 1 + s.random.randrange(500)
        server.sql("use k", "update %s set v='new' where %s" % (kind, where.format(i=altered)),
                   "delete from %s where %s" % (kind, where.format(i=deleted)),
                   "insert into %s values (%s)" % (kind, values.format(i=inserted)))
        changed[kind] = altered, deleted, inserted
    return changed


def check_rows(s, kind, rows, changed):
    altered, deleted, inserted = changed
    found = {(row["what"], row["row"]) for row in rows}
    old = "'v%d'" % altered if kind == "number" else "'v'"
    if kind in BY_ROW:
        expected = {("only in the first", named(kind, altered) + "'v'"), ("only in the second", named(kind, altered) + "'new'"),
                    ("only in the first", named(kind, deleted) + "'v'"), ("only in the second", named(kind, inserted) + "'v'")}
    else:
        expected = {("differs", named(kind, altered)), ("only in the first", named(kind, deleted)),
                    ("only in the second", named(kind, inserted))}
        columns = [row["columns"] for row in rows if row["what"] == "differs"]
        s.check_equal(columns, ["`v`: %s and 'new'" % old], "%s: what differs" % kind)
    s.check_equal(found, expected, "%s: rows" % kind)


def found_and_named(s, sides, a, changed):
    document = sides.compare(sides.live(0), sides.live(1), "--locate", "--parallel=2", expect=DAMAGE)
    s.check_equal(document["counts"]["different"], len(KINDS), "different tables")
    for table in document["tables"]:
        kind = table["table"]
        s.check(len(table["ranges"]) <= 4, "%s: ranges %s", kind, table["ranges"])
        s.check("`v`" in table["reason"] or "columns" in table["reason"], "%s: %s", kind, table["reason"])
        check_rows(s, kind, table["rows"], changed[kind])
    # one side is a file: ranges, and in one of them is each row
    document = sides.compare(a, sides.live(1), "--locate", "--tables=number", expect=DAMAGE)
    table = document["tables"][0]
    s.check(len(document["tables"]) == 1 and "rows" not in table and table["ranges"], "%s", document)
    for i in changed["number"]:
        s.check(any(covers(r["range"], i) for r in table["ranges"]), "row %d is in none of %s", i, table["ranges"])
    text = sides.run("--compare", a, sides.live(1), "--locate", expect=DAMAGE).out
    s.check(text.count("different  `k`.") == len(KINDS) and "    from " in text, "%s", text)
    s.say("%d kinds of tables: each row found and named", len(KINDS))


def covers(text, i):
    """Whether "from `id`=5 to before `id`=70" has i."""
    numbers = [int(word.split("=")[1]) for word in text.split() if "=" in word]
    low = 0 if text.startswith("from the beginning") else numbers[0]
    high = ROWS * 2 if text.endswith("to the end") else numbers[-1]
    return low <= i < high


def tables_that_lack(s, sides, servers, a):
    servers[1].sql("use k", "drop table pair", "create table more (id int primary key)", "alter table bytes add column w int",
                   "alter table amount rename column v to w")
    tables = {t["table"]: t for t in sides.compare(a, sides.live(1), expect=DAMAGE)["tables"]}
    s.check_equal((tables["pair"]["verdict"], tables["more"]["verdict"]), ("missing", "extra"), "verdicts")
    s.check_equal(tables["bytes"]["reason"], "2 and 3 columns", "a column more")
    s.check_equal(tables["amount"]["reason"], "column 2 is `v` and `w`", "another name")
    only = sides.compare(a, sides.live(1), "--tables=k.bytes,pair", "--ignore-tables=pair", expect=DAMAGE)
    s.check_equal([t["table"] for t in only["tables"]], ["bytes"], "selected tables")


def wrong_input(s, sides, a):
    with open(a, encoding="utf-8") as f:
        text = f.read()
    bad = s.path("bad.json")
    with open(bad, "w", encoding="utf-8") as f:
        f.write(text.replace('"rows":%d' % ROWS, '"rows":%d' % (ROWS + 1), 1))
    done = sides.run("--compare", a, bad, expect=DAMAGE)
    s.check("its ranges do not add up to its rows and hash" in done.err, "%s", done)
    sides.run("--compare", a, s.path("none.json"), expect=OPERATION_FAILED)
    for args in (("--compare", a), ("--locate",), (a,), ("--compare", a, a, a), ("--compare", a, a, "--output=x"), ("--tables=a,,b",),
                 ("--compare", a, "defaults:" + s.path("none.cnf"))):
        sides.run(*args, expect=USAGE)


def main(s):
    servers = []
    for flavour in ("mysql-9.7", "mariadb-11.8", "mariadb-10.11"):
        if len(servers) < 2:
            try:
                servers.append(s.server(flavour, flavour=flavour))
            except Skip as why:
                s.say("without %s: %s", flavour, why)
    if len(servers) < 2:
        raise Skip("fewer than two servers")
    for server in servers:
        load(server.init().start())
    sides = Sides(s, servers)
    a = equal_at_first(s, sides)
    found_and_named(s, sides, a, change(s, servers[1]))
    tables_that_lack(s, sides, servers, a)
    wrong_input(s, sides, a)


run(main)
