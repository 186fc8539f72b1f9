#!/usr/bin/python3
"""mbe hash of tables and servers that are not like others: settings of the server that would change what a client reads, tables that
several connections read in pieces, engines that are not read, large plain tables, system databases, versioned tables, sequences, generated
invisible keys.
"""
# timeout: 400

import json
import os

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness.load import archive_options
from harness.scenario import run

# Each would change, shorten or end what is read, or hide columns.
SETTINGS = ["sql_select_limit=1", "max_join_size=1", "sql_big_selects=0", "time_zone='+05:00'",
            "sql_mode='PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
            "character_set_server='latin1'", "autocommit=1"]
OF_FAMILY = {"mariadb": ["idle_transaction_timeout=1", "max_statement_time=1", "tx_isolation='READ-COMMITTED'"],
             "mysql": ["max_execution_time=500", "transaction_isolation='READ-COMMITTED'", "information_schema_stats_expiry=86400",
                       "show_gipk_in_create_table_and_information_schema=OFF"]}

LOCK = {"mariadb": ("BLOCK_COMMIT", "STAGE END"), "mysql": ("FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES")}


def hashes(mbe, *extra):
    done = mbe.run("hash", "--defaults-file=" + mbe.option_file(), "--json", "--progress=none", *extra)
    document = json.loads(done.out)
    return {t["table"]: t for t in document["tables"]}, done


def settings(s, server, mbe):
    server.sql("create database st", "use st", "set time_zone='+00:00'",
               "create table t (id int primary key, c char(10) character set latin1, u varchar(20) character set utf8mb4, "
               "ts timestamp(3) null, h int invisible) engine=innodb",
               "insert into t (id, c, u, ts, h) select seq, seq, concat('x', seq), '2026-01-02 03:04:05.678', seq from %s" %
               server.numbers(5000))
    before, _ = hashes(mbe, "--databases=st", "--parallel=2")
    names = [*SETTINGS, *OF_FAMILY[server.family]]
    old = {n.split("=")[0]: server.value("select @@global." + n.split("=")[0]) for n in names}
    server.sql(*("set global " + n for n in names))
    # as slow as a server's limits for a statement or a transaction that rests
    after, _ = hashes(mbe, "--databases=st", "--parallel=2", "--throttle=150K")
    server.sql(*("set global %s=%r" % item for item in old.items()))
    s.check(before["t"] == after["t"] and before["t"]["rows"] == 5000, "settings change what is read:\n%s\n%s", before, after)


def truncation(s, server, mbe):
    """An option file that tells the client library not to report that a buffer was too short. The two values differ at their ends."""
    server.sql("create database tr", "use tr", "create table one (id int primary key, v longblob) engine=innodb",
               "create table two (id int primary key, v longblob) engine=innodb",
               "insert into one values (1, concat(repeat('x', 100000), '1'))", "insert into two values (1, concat(repeat('x', 100000), '2'))")
    usual, _ = hashes(mbe, "--databases=tr")
    path = s.path("silent.cnf")
    with open(mbe.option_file(), encoding="utf-8") as f, open(path, "w", encoding="utf-8") as silent:
        silent.write(f.read() + "report-data-truncation=0\n")
    os.chmod(path, 0o600)
    done = mbe.run("hash", "--defaults-file=" + path, "--json", "--progress=none", "--databases=tr")
    found = {t["table"]: t for t in json.loads(done.out)["tables"]}
    s.check_equal(found, usual, "hashes of long values")
    s.check(found["one"]["hash"] != found["two"]["hash"], "long values are not read to their ends: %s", found)


def pieces(s, server, mbe):
    """48 MB are cut for several connections; the sums are those of one."""
    server.sql("create database pc", "use pc",
               "create table t (id int unsigned primary key, v char(200) character set latin1) engine=innodb",
               "insert into t select 4000000000 + seq * 13, repeat('v', 200) from " + server.numbers(60000),
               "insert into t select id - 3999000000, v from t", "insert into t values (0, 'first'), (4294967295, 'last')",
               "insert into t select id + 1, repeat('w', 200) from t where id between 1000 and 1500000",
               "analyze table t")
    server.sql("use pc", "create table named (name varchar(20) character set utf8mb4 collate utf8mb4_unicode_ci, n int, v char(240) character "
               "set latin1, w char(240) character set latin1, x char(240) character set latin1, primary key (name, n))",
               "insert into named select concat('N\u00e4me ', seq div 3), seq, repeat('v', 240), repeat('w', 240), repeat('x', 240) from " +
               server.numbers(50000), "analyze table named")
    one, _ = hashes(mbe, "--databases=pc", "--parallel=1")
    path = s.path("pieces-%s.log" % server.family)
    server.sql("set global general_log_file='%s'" % path, "set global general_log=on")
    more, _ = hashes(mbe, "--databases=pc", "--parallel=4")
    server.sql("set global general_log=off")
    with open(path, encoding="utf-8", errors="replace") as f:
        parts = [line for line in f if "`named`" in line and "Prepare" in line and "`v`" in line]
    s.check(len(parts) >= 2 and all("WHERE `name` " in line for line in parts), "named is not cut: %s", parts)
    s.check(one["named"] == more["named"] and one["named"]["rows"] == 50000, "pieces of named: %s", more["named"]["hash"])
    queries = server.value("select count(*) from pc.t")
    s.check(one["t"] == more["t"] and one["t"]["rows"] == queries, "pieces: %s %s", one["t"]["hash"], more["t"]["hash"])
    s.check(int(server.value("select data_length from information_schema.tables where table_schema='pc'")) > 32 << 20,
            "the table is too small to be cut")


def engines(s, server, mbe):
    server.sql("create database en", "use en", "create table mem (id int) engine=memory", "insert into mem values (1)",
               "create table small (id int) engine=myisam", "insert into small values (1)",
               "create table large (v char(250) character set latin1) engine=myisam",
               "insert into large select repeat('l', 250) from " + server.numbers(20000),
               *["insert into large select * from large limit 140000"] * 4,
               "create table packed (v longtext character set latin1) engine=archive",
               "insert into packed select repeat('p', 1000000) from " + server.numbers(140),
               "create table tiny (id int) engine=myisam", "insert into tiny values (1)",
               "create table inno (id int primary key) engine=innodb", "insert into inno values (1)",
               "create table broken (id int) engine=innodb", "insert into broken values (1)", "alter table broken discard tablespace",
               "create table `br\u00f6ken-2` (id int) engine=innodb", "alter table `br\u00f6ken-2` discard tablespace")
    found, done = hashes(mbe, "--databases=en")
    s.check_equal((found["small"]["state"], found["large"]["state"]), ("exact", "unsynchronised"), "plain tables")
    s.check_equal(found["large"]["rows"], server.value("select count(*) from en.large"), "rows")
    s.check("without a lock" in found["large"]["reason"], "%s", found["large"])
    # 140 MB by what is in it, and next to nothing by what the server says
    s.check(int(server.value("select data_length from information_schema.tables where table_name='packed'")) < 1 << 20, "it is not packed")
    s.check_equal((found["packed"]["state"], found["packed"]["rows"], found["packed"].get("reason")),
                  ("unsynchronised", 140, found["large"]["reason"]), "a table that is larger than the server says")
    s.check_equal([found[t]["state"] for t in ("tiny", "inno")], ["exact"] * 2, "the others")
    s.check_equal((found["mem"]["state"], found["broken"]["state"]), ("not hashed", "not hashed"), "what is not read")
    if server.family == "mariadb":
        s.check("en.broken is not hashed" in done.err, "%s", done.err)
    else:   # which may stop itself when such a table is opened
        server.sql("use en", "create table parts (id int) partition by hash(id) partitions 2", "alter table parts discard partition p1 tablespace")
        found, _ = hashes(mbe, "--databases=en")
        for name in ("broken", "br\u00f6ken-2", "parts"):
            s.check_equal(found[name].get("reason"), "its tablespace is discarded", name)


def under_the_lock(s, server, mbe):
    """Of eight plain tables nothing is asked while commits are stopped but whether they are as they were, and their rows."""
    path = s.path("general-%s.log" % server.family)
    server.sql("create database ul", "use ul",
               *["create table t%d (id int auto_increment primary key, b varchar(20)) engine=myisam" % i for i in range(8)],
               *["insert into t%d (b) values ('x'),('y')" % i for i in range(8)],
               "set global general_log_file='%s'" % path, "set global general_log=on")
    found, _ = hashes(mbe, "--databases=ul", "--parallel=2")
    server.sql("set global general_log=off")
    s.check(len(found) == 8 and all(t["state"] == "exact" and t["rows"] == 2 for t in found.values()), "%s", found)
    with open(path, encoding="utf-8") as f:
        lines = f.read().splitlines()
    begin, end = LOCK[server.family]
    first = next(i for i, line in enumerate(lines) if begin in line)
    last = next(i for i, line in enumerate(lines) if i > first and end in line)
    within = lines[first + 1:last]
    s.check_none([line for line in within if "information_schema" in line.lower() or "SHOW INDEX" in line], "asked under the lock")
    counts = {what: sum(what in line for line in within) for what in ("SHOW CREATE TABLE `ul`", "Prepare", "LIMIT 0", "ROLLBACK TO")}
    s.check_equal(set(counts.values()), {8}, "statements under the lock: %s" % counts)
    s.check(len(within) <= 8 * 6 + 5, "statements under the lock:\n%s", "\n".join(within))


def databases(s, server, mbe):
    everything, _ = hashes(mbe)
    s.check("user" not in everything and "t" in everything, "system databases by default: %s", sorted(everything))
    system, _ = hashes(mbe, "--databases=mysql")
    s.check("innodb_table_stats" not in system and len(system) > 15, "tables of mysql: %s", sorted(system))
    s.check(all(t["state"] == "exact" for t in system.values()), "%s", {n: t.get("reason") for n, t in system.items()})
    named, _ = hashes(mbe, "--tables=mysql.innodb_table_stats")
    s.check_equal(list(named), ["innodb_table_stats"], "a table that is named")


def mariadb_only(s, server, mbe):
    server.sql("create database ve", "use ve", "create table implicit (id int primary key, a int) with system versioning",
               "create table named (id int primary key, a int, s timestamp(6) generated always as row start invisible, "
               "e timestamp(6) generated always as row end, period for system_time(s, e)) with system versioning",
               "create table plain (id int primary key, a int without system versioning) with system versioning engine=myisam",
               "create sequence seq", "select nextval(seq)")
    for table in ("implicit", "named", "plain"):
        server.sql("insert into ve.%s (id, a) values (1, 1), (2, 2)" % table)
    first, _ = hashes(mbe, "--databases=ve")
    for table in ("implicit", "named", "plain"):
        server.sql("update ve.%s set id=5 where id=1" % table, "delete from ve.%s where id=2" % table)
    server.sql("select nextval(ve.seq)", "alter sequence ve.seq restart 5")
    second, _ = hashes(mbe, "--databases=ve")
    for table in ("implicit", "named", "plain"):
        s.check(first[table]["rows"] == 2 and second[table]["rows"] == 3, "%s: history: %s", table, second[table])
        s.check_equal(len(second[table]["columns"]), 4, "%s: columns with the period" % table)
    s.check_equal([c[0] for c in second["implicit"]["columns"]], ["id", "a", "row_start", "row_end"], "period columns")
    s.check(second["seq"]["rows"] == 1 and first["seq"]["hash"] != second["seq"]["hash"], "sequence: %s", second["seq"])


def mysql_only(s, server, mbe):
    server.sql("create database ve", "use ve", "set sql_generate_invisible_primary_key=on", "create table gipk (a int)",
               "insert into gipk values (1), (1), (2)")
    found, _ = hashes(mbe, "--databases=ve")
    s.check_equal(([c[0] for c in found["gipk"]["columns"]], found["gipk"]["key"]), (["my_row_id", "a"], ["my_row_id"]), "columns")


def body(s, flavour):
    server = s.server("source", flavour=flavour)
    server.options += archive_options(server.installation)
    server.init().start()
    mbe = s.mbe(server)
    for part in (settings, truncation, pieces, engines, under_the_lock, databases,
                 mariadb_only if server.family == "mariadb" else mysql_only):
        part(s, server, mbe)
        s.say("%s", part.__name__)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
