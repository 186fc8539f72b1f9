#!/usr/bin/python3
"""Every engine, row format, kind of object and odd name of a quiet server is equal after backup and restore."""
# timeout: 240

import os
import stat

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import Load, archive_options
from harness.scenario import run

MANIFEST_KEYS = ("id", "type", "base", "server", "lsn", "binlog", "gtid", "started", "finished", "lock", "bytes", "files",
                 "tables", "tool")

ODD_NAMES = ("with space", "hash#sign", "at@sign", "dot.ted", "pt#P#p0", "#sql-looking", "per%cent", "quote'\"",
             "back\\slash", "select", "ümläut é ñ", "таблица", "表", "x" * 64, "UPPER", "-dash", "t~1", "a`b")

TYPES = """create table types (
    id int unsigned auto_increment primary key, ti tinyint, bi bigint unsigned, de decimal(30,10), fl float, db double, bt bit(13),
    dt date, tm time(3), ts timestamp(6) null, dtm datetime(6), yr year, ch char(10) character set utf8mb4, vb varbinary(50),
    tx text character set utf8mb4, bl longblob, en enum('a','b','c'), se set('x','y','z'), js json, ip %s, uu %s,
    pt point, cm varchar(1000) %s, ck int check (ck > 0), iv int invisible default 5, unique key (bi), key (ch, de desc))
    engine=innodb"""
OWN_TYPES = {"mariadb": ("inet6", "uuid", "compressed"), "mysql": ("varbinary(50)", "char(36)", "")}
LONG_TEXT = {"mariadb": "text", "mysql": "varchar(2000)"}
# Engines of tables with odd names, and of empty ones.
SIMPLE = {"mariadb": ("innodb", "myisam", "aria"), "mysql": ("innodb", "myisam", "innodb")}
EMPTY = {"mariadb": ("innodb", "myisam", "aria", "csv"), "mysql": ("innodb", "myisam", "csv")}


def mysql_tables(external):
    """What MySQL alone has."""
    yield "create tablespace inside add datafile 'inside.ibd'"
    yield "create tablespace away add datafile '%s/away.ibd'" % external
    for name, options in (("in_inside", "tablespace inside"), ("also_inside", "tablespace inside row_format=redundant"),
                          ("in_away", "tablespace away"), ("zlib", "compression='zlib'"), ("lz4", "compression='lz4'")):
        yield "create table %s (id int primary key, a varchar(100), key(a)) engine=innodb %s" % (name, options)
        yield "insert into %s select id, a from outside" % name
    yield "create table functional (id int primary key, j json, index tags ((cast(j->'$.tags' as unsigned array))), index ((id div 3)))"
    yield "insert into functional select id, json_object('tags', json_array(id, id+1)) from outside"
    yield "create table versions (id int primary key, a int)"
    for number in range(5):
        yield "insert into versions(id,a) select id+%d, %d from outside" % (number * 1000, number)
        yield "alter table versions add column c%d int default %d %s, algorithm=instant" % \
              (number, number, "first" if number % 2 else "after a")
    yield "alter table versions drop column c2, drop column c0, algorithm=instant"
    yield "create undo tablespace more add datafile 'more.ibu'"
    yield "create undo tablespace undo_away add datafile '%s/undo_away.ibu'" % external
    yield "set persist max_connections=157"


def innodb_tables(s, server, external):
    numbers = server.numbers
    yield TYPES % OWN_TYPES[server.family]
    for i in range(30):
        yield ("insert into types values (null,%d,%d,%d.5,%f,%f,b'1%s','2024-01-%02d','12:34:56.7','2024-02-03 04:05:06.789',"
               "'2024-02-03 04:05:06.789012',2024,'ch é','\\0\\'%d',repeat('text é',%d),repeat(x'00ff17',%d),'b','x,z',"
               "'{\"k\": [1, %d]}','::%x',uuid(),point(%d,2),repeat('compress',%d),%d)" %
               (i - 10, i, i, s.random.random(), s.random.random() * 1e9, bin(i)[2:], i % 28 + 1, i, i * 30, i * 20000, i,
                i + 1, i, i * 3, i + 1))
    yield "insert into types(bi) values (1000000)"
    yield "create table instant (id int primary key, a int, b varchar(20)) engine=innodb"
    yield "insert into instant select seq, seq, 'first' from " + numbers(1000)
    yield "alter table instant add column c int default 7 first, algorithm=instant"
    yield "insert into instant select seq, seq+1000, seq, 'second' from " + numbers(1000)
    yield "alter table instant drop column a, algorithm=instant"
    # MySQL has no instant default of a TEXT
    yield "alter table instant add column d %s default 'later', algorithm=instant" % LONG_TEXT[server.family]
    yield "update instant set d='changed' where id % 3 = 0"
    yield "create table big (id int primary key, b longblob) engine=innodb"
    yield "insert into big values (1, repeat('0123456789abcdef', 300000)), (2, repeat('z', 100000)), (3, '')"
    yield "update big set b=concat(b, 'tail') where id=1"
    yield "create table redundant_big (id int primary key, b longblob) engine=innodb row_format=redundant"
    yield "insert into redundant_big select * from big"
    yield "create table ft (id int primary key, t text, u text, fulltext(t), fulltext(u)) engine=innodb"
    yield "insert into ft select seq, concat('word', seq), 'same words everywhere' from " + numbers(300)
    yield "delete from ft where id < 20"
    yield "create table ranged (id int primary key, a int) engine=innodb partition by range(id) (partition p0 values less than" \
          " (10), partition `p é` values less than (100), partition pmax values less than maxvalue)"
    yield "insert into ranged select seq, seq from " + numbers(200)
    yield "create table subparts (id int, d date) engine=innodb partition by range(year(d)) subpartition by hash(id)" \
          " subpartitions 2 (partition p0 values less than (2020), partition p1 values less than maxvalue)"
    yield "insert into subparts values (1,'2019-01-01'),(2,'2023-01-01')"
    yield "create table outside (id int primary key, a varchar(100)) engine=innodb data directory='%s'" % external
    yield "insert into outside select seq, repeat('out', seq % 30) from " + numbers(500)
    yield "create table outside_parts (id int primary key) engine=innodb partition by range(id) (partition p0 values less than" \
          " (100) data directory='%s', partition p1 values less than maxvalue)" % external
    yield "insert into outside_parts select seq from " + numbers(200)
    yield "set global innodb_file_per_table=0"
    yield "create table in_system (id int primary key, a varchar(100)) engine=innodb"
    yield "insert into in_system select seq, repeat('sys', seq % 30) from " + numbers(500)
    yield "set global innodb_file_per_table=1"
    yield "create table discarded (id int primary key) engine=innodb"
    yield "alter table discarded discard tablespace"
    yield "create table dropped (id int primary key) engine=innodb"
    yield "drop table dropped"


def mariadb_tables(numbers, external):
    """What MariaDB alone has. MySQL has symbolic links of MyISAM tables only where they are turned on, and gives them up."""
    yield "create table my_outside (id int primary key, a varchar(50)) engine=myisam data directory='%s' index directory='%s'" % \
          (external, external)
    yield "insert into my_outside select seq, repeat('m', seq % 50) from " + numbers(300)
    yield "create table my_parts (id int, a int, key(a)) engine=myisam partition by hash(id) partitions 3"
    yield "insert into my_parts select seq, seq from " + numbers(100)
    for number, form in enumerate(("page", "dynamic", "fixed")):
        yield "create table aria%d (id int auto_increment primary key, a varchar(100), key(a)) engine=aria row_format=%s" % \
              (number, form)
        yield "insert into aria%d(a) select repeat('a', seq %% 100) from %s" % (number, numbers(500))
    yield "create table aria_parts (id int) engine=aria partition by hash(id) partitions 2"
    yield "insert into aria_parts values (1),(2),(3)"
    for engine in ("innodb", "myisam", "aria"):
        yield "create sequence seq_%s start 100 increment 5 cache 3 engine=%s" % (engine, engine)
        yield "select nextval(seq_%s)" % engine


def other_tables(server, has_archive):
    numbers = server.numbers
    yield "create table my_delayed (id int primary key, a int, key(a)) engine=myisam delay_key_write=1"
    yield "insert into my_delayed select seq, seq from " + numbers(1000)
    yield "create table my_fixed (id int primary key, a char(20)) engine=myisam row_format=fixed"
    yield "insert into my_fixed select seq, 'fixed' from " + numbers(100)
    yield "create table my_ft (id int primary key, t text, fulltext(t)) engine=myisam"
    yield "insert into my_ft values (1,'some words'),(2,'other words')"
    yield "create table csv (a int not null, b varchar(50) not null) engine=csv"
    yield "insert into csv values (1,'comma, and \"quote\"'),(2,'new\\nline')"
    if has_archive:
        yield "create table arc (id int auto_increment primary key, a varchar(100)) engine=archive"
        yield "insert into arc(a) select repeat('arc', seq % 30) from " + numbers(500)
    yield "create table mem (id int) engine=memory"
    yield "insert into mem values (1)"
    for engine in EMPTY[server.family]:
        yield "create table empty_%s (id int not null) engine=%s" % (engine, engine)


def objects():
    yield "create view v as select id, a from outside"
    yield "create view vv as select count(*) as n from v"
    yield "create table trg (id int auto_increment primary key, a int, log varchar(100))"
    yield "create trigger trg_in before insert on trg for each row set new.log=concat('in ', new.a)"
    yield "create trigger trg_up after update on trg for each row set @x=old.a"
    yield "insert into trg(a) values (1),(2)"
    yield "create procedure pro(in n int) select n+1"
    yield "create function fun(n int) returns int deterministic return n*2"
    yield "create event ev on schedule every 1 year do select 1"
    yield "create role reader"
    yield "create user u@localhost identified by 'secret'"
    yield "grant select on *.* to reader"
    yield "grant reader to u@localhost"
    yield "grant insert (a) on b.trg to u@localhost"


def fill(s, server, external):
    Load(server, s.seed).prepare().start().wait_for_steps(300).stop()
    has_archive = "p_archive" in [r[0] for r in server.sql("select table_name from information_schema.tables where"
                                                           " table_schema='w'")]
    server.sql("create database b character set utf8mb4", "use b", "set time_zone='+00:00'", *innodb_tables(s, server, external),
               *other_tables(server, has_archive), *objects(),
               *(mysql_tables(external) if server.family == "mysql" else mariadb_tables(server.numbers, external)))
    if server.family == "mariadb" and server.installation.version >= (11, 7):
        server.sql("use b", "create table vec (id int primary key, v vector(4) not null, vector index (v)) engine=innodb",
                   "insert into vec select seq, vec_fromtext(concat('[', seq, ',1,2,3]')) from " + server.numbers(200))
    odd = "odd-db é #1"
    server.sql("create database `%s` collate utf8mb4_bin" % odd, "create database empty_db")
    for number, name in enumerate(ODD_NAMES):
        table = "%s.%s" % (check.quoted(odd), check.quoted(name))
        engine = SIMPLE[server.family][number % 3]
        server.sql("create table %s (`col é` int primary key, t text) engine=%s" % (table, engine),
                   "insert into %s values (1, 'odd')" % table)
    # files that no engine knows, and what a crashed ALTER left behind
    with open(os.path.join(server.datadir, "b", "notes.txt"), "w", encoding="utf-8") as f:
        os.fchmod(f.fileno(), 0o640)
        f.write("kept by somebody\n")
    for name in ("#sql-alter-1a2b-3.frm", "#sql-temptable-1-2-3.MYD"):
        with open(os.path.join(server.datadir, "b", name), "wb") as f:
            f.write(b"left over")


def check_manifest(s, backup):
    m = backup.manifest
    s.check_none([k for k in MANIFEST_KEYS if k not in m], "missing in show --json")
    s.check_equal(m["id"], backup.id, "id")
    s.check_equal((m["type"], m["base"]), ("full", None), "type and base")
    s.check(m["lsn"]["from"] == m["lsn"]["checkpoint"] <= m["lsn"]["to"], "LSNs: %r", m["lsn"])
    server = backup.mbe.server
    s.check(m["server"]["flavour"].lower() == server.family and m["server"]["version"].startswith(server.flavour.split("-")[1]),
            "server: %r", m["server"])
    s.check(m["bytes"]["read"] > m["bytes"]["stored"] > 0, "bytes: %r", m["bytes"])
    s.check(m["tables"] > 60 and m["files"] > m["tables"], "files %r, tables %r", m["files"], m["tables"])
    s.check(m["lock"]["seconds"] >= m["lock"]["block_commit"] > 0, "lock: %r", m["lock"])
    s.check(not m["damaged"] and not m["corrupt_pages"] and not m["needs_repair"], "damage: %r", m["corrupt_pages"])


def check_target(s, source, target):
    s.check(not os.path.exists(os.path.join(target, "mbe-restore-incomplete")), "the marker is still there")
    with open(os.path.join(target, "b", "notes.txt"), encoding="utf-8") as f:
        s.check_equal(f.read(), "kept by somebody\n", "unknown file")
    for name in ("binlog.000001", "ddl.log", "source.pid"):
        s.check(not os.path.exists(os.path.join(target, name)), "%s was restored", name)
    loose = [os.path.join(d, f) for d, _, files in os.walk(target) for f in files
             if stat.S_IMODE(os.lstat(os.path.join(d, f)).st_mode) & 0o007 and not os.path.islink(os.path.join(d, f))
             # certificates, by the server's own will
             and not (f.endswith(".pem") and stat.S_IMODE(os.lstat(os.path.join(source.datadir, f)).st_mode) & 0o007)]
    s.check_none(loose, "readable by everybody")
    s.check(os.path.isdir(os.path.join(target, "empty_db")), "the empty database is missing")


def directories(flavour, external):
    """MySQL has tablespaces outside the datadir only in directories that it was told of."""
    return ["--innodb-directories=" + external] if flavour.startswith("mysql") else []


def body(s, flavour):
    external = s.path("external")
    os.mkdir(external)
    links = ["--symbolic-links=1"] if flavour.startswith("mariadb") else []
    source = proof.start_source(s, flavour=flavour, options=[*links, *directories(flavour, external)])
    fill(s, source, external)
    state = check.read_state(source)
    s.say("%d tables, %d rows, %d other objects", len(state.tables), state.rows(), len(state.objects))

    mbe = s.mbe(source)
    plain = mbe.backup("--compress=none", "--parallel=1")
    packed = mbe.backup("--compress=zstd:3", "--parallel=4")
    s.check_equal(mbe.ids(), [plain.id, packed.id], "list")
    s.check(packed.manifest["bytes"]["stored"] * 2 < plain.manifest["bytes"]["stored"], "zstd saves too little: %r and %r",
            plain.manifest["bytes"], packed.manifest["bytes"])
    for backup in (plain, packed):
        check_manifest(s, backup)
        mbe.verify(backup.id)
    s.check_none(check.differences(state, check.read_state(source)), "the source itself changed")

    # files outside the datadir need a word where they go, and those of the source are never overwritten
    refused = mbe.restore(s.path("refused"), backup=plain.id, expect=4)
    s.check("lies outside the datadir" in refused.err, "reason: %s", refused)
    refused = mbe.restore(s.path("refused2"), "--external-dir=/", backup=plain.id, expect=4)
    s.check("exists already" in refused.err, "reason: %s", refused)

    for name, backup, options in (("one", plain, ["--memory=16M"]), ("two", packed, [])):
        external_dir = s.path(name + "-external")
        target = s.path(name, "data")
        os.makedirs(s.path(name))
        mbe.restore(target, "--external-dir=" + external_dir, *options, backup=backup.id,
                    parallel=1 if name == "one" else 4)
        check_target(s, source, target)
        restored = s.server(name, flavour=flavour, datadir=target, defaults=os.path.join(target, "mbe-my.cnf"),
                            options=[*links, *archive_options(source.installation)]).start()
        s.check_none(check.health(restored, s, accept=[("b", "discarded")]), "restored " + name)
        s.check_none(check.differences(state, check.read_state(restored)), "restored " + name)
        s.check(mbe.restore(target, backup=backup.id, expect=4).err, "a second restore into it gave no reason")
        proof.prove_restart(s, restored)
        restored.sql("drop table b.discarded", "create table b.discarded (x int)", "create table b.dropped (x int)")
        restored.stop()
        s.say("%s is equal", name)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
