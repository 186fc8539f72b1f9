#!/usr/bin/python3
"""Increments of every engine, row format, kind of object and odd name on a quiet server: tables that are changed a little, changed
at large, rebuilt, renamed, dropped and made anew, within the datadir and outside it. Each increment of the chain is restored, and is
what the source was then.
"""
# timeout: 400

import os

import _path                                    # noqa: F401  pylint: disable=unused-import
from basic_backup import ODD_NAMES, directories, fill
from harness import check, proof
from harness.load import archive_options
from harness.scenario import run

ODD = "odd-db é #1"


def a_little(server, external):
    """A few rows of each table."""
    del external
    yield "update types set tx=concat(tx, 'more'), de=de+1, bl=concat(bl, x'00') where id % 3 = 0"
    yield "delete from types where id % 7 = 0"
    yield "update instant set b='little' where id % 50 = 0"
    yield "update big set b=concat(b, 'x') where id=2"
    yield "update redundant_big set b=concat('y', b) where id=1"
    yield "insert into ft values (1000, 'new words', 'other words')"
    yield "delete from ft where id < 40"
    yield "update ranged set a=a+1 where id % 40 = 0"
    yield "insert into subparts values (3,'2018-01-01'), (4,'2022-01-01')"
    yield "update outside set a='little' where id % 90 = 0"
    yield "insert into outside_parts values (50), (50000) on duplicate key update id=id"
    yield "update in_system set a='little' where id % 90 = 0"
    yield "update my_delayed set a=a+1 where id % 100 = 0"
    yield "insert into my_fixed values (5000, 'new')"
    yield "insert into my_ft values (3, 'third words')"
    yield "insert into csv values (3, 'little')"
    yield "insert into trg(a) values (3)"
    yield "create or replace view v as select id, a from outside where id > 3"
    yield from ("insert into %s.%s values (2, 'little')" % (check.quoted(ODD), check.quoted(n)) for n in ODD_NAMES[::3])
    if server.family == "mysql":
        yield from ("update %s set a='little' where id %% 90 = 0" % t for t in ("in_inside", "also_inside", "in_away", "zlib", "lz4"))
        yield "insert into functional values (5000, json_object('tags', json_array(1, 2)))"
        yield "update versions set a=a+1 where id % 90 = 0"
        return
    yield "insert into my_outside values (5000, 'little')"
    yield "insert into my_parts values (5000, 1)"
    yield from ("update aria%d set a='little' where id %% 90 = 0" % n for n in range(3))
    yield "insert into aria_parts values (4)"
    yield from ("select nextval(seq_%s)" % e for e in ("innodb", "myisam", "aria"))


def at_large(server, external):
    """All of some; definitions, and files that are made anew."""
    yield "alter table types drop column cm, add column cn varchar(100) default 'n'"
    yield "alter table instant add column e int default 9, algorithm=instant"
    yield "insert into big values (4, repeat('0123456789abcdef', 200000))"
    yield "delete from big where id=1"
    yield "rename table redundant_big to renamed_big"
    yield "alter table ft drop index u"
    yield "alter table ranged truncate partition `p é`"
    yield "truncate table subparts"
    yield "update outside set a=repeat('L', 90)"
    yield "alter table outside_parts drop partition p0"
    yield "create table outside_too (id int primary key, a varchar(100)) engine=innodb data directory='%s'" % external
    yield "insert into outside_too select id, a from outside"
    yield "alter table in_system force"
    yield "update my_delayed set a=a+1"
    yield "alter table my_fixed add column b int"
    yield "truncate table my_ft"
    yield from ("drop table %s.%s" % (check.quoted(ODD), check.quoted(n)) for n in ODD_NAMES[1::3])
    yield from ("rename table %s.%s to %s.%s" % (check.quoted(ODD), check.quoted(n), check.quoted(ODD), check.quoted("new " + n[:60]))
                for n in ODD_NAMES[2::3])
    if server.family == "mysql":
        yield "alter tablespace inside rename to within"
        yield "alter table in_inside tablespace innodb_file_per_table"
        yield "create table also_away (id int primary key) tablespace away"
        yield "insert into also_away select id from outside"
        yield "alter table zlib compression='lz4'"
        yield "optimize table zlib"
        yield "update lz4 set a=repeat('L', 90)"
        yield "alter table versions drop column c1, algorithm=instant"
        yield "drop table functional"
        return
    yield "update my_outside set a=repeat('L', 50)"
    yield "alter table my_parts coalesce partition 1"
    yield "alter table aria0 force"
    yield "alter table aria1 engine=innodb"
    yield "truncate table aria2"
    yield "drop sequence seq_aria"


def anew(server, external):
    """Names of before, other tables."""
    yield "drop table outside, big, ranged"
    yield "create table outside (id int primary key, a varchar(100)) engine=innodb data directory='%s'" % external
    yield "insert into outside values (1, 'anew')"
    yield "create table big (id int primary key, b longblob) engine=innodb"
    yield "insert into big values (1, repeat('anew', 100000))"
    yield "create table ranged (id int primary key, a int) engine=myisam"
    yield "rename table renamed_big to redundant_big"
    yield "drop database empty_db"
    yield "create database empty_db"
    yield "create table empty_db.t (a int)"
    if server.family == "mysql":
        yield "drop table also_inside"
        yield "drop tablespace within"
        yield "create tablespace inside add datafile 'inside.ibd'"
        yield "create table in_new_inside (id int primary key) tablespace inside"
        yield "insert into in_new_inside values (1), (2)"
        return
    yield "drop table my_outside"
    yield "alter table aria1 engine=aria transactional=1"


def restore_and_compare(s, source, backup, state, number, links):
    name = "restored-%d" % number
    restored = s.restored(source, backup, name=name, extra=["--external-dir=" + s.path(name + "-external")],
                          options=[*links, *archive_options(source.installation)])
    s.check_none(check.health(restored, s, accept=[("b", "discarded")]), name)
    s.check_none(check.differences(state, check.read_state(restored)), name)
    s.check(restored.stop(), "%s did not stop cleanly", name)
    s.say("%s: %d archives, equal: %s", name, backup.manifest["chain"]["length"], backup.manifest["bytes"])


def body(s, flavour):
    external = s.path("external")
    os.mkdir(external)
    links = ["--symbolic-links=1"] if flavour.startswith("mariadb") else []
    source = proof.start_source(s, flavour=flavour, options=[*links, *directories(flavour, external)])
    fill(s, source, external)
    mbe = s.mbe(source)
    made = [(mbe.backup(), None)]
    for change in (a_little, at_large, anew):
        source.sql("use b", *change(source, external))
        backup = mbe.backup("--incremental", "--require-base")
        made.append((backup, check.read_state(source)))
    s.check_equal([b.manifest["chain"]["length"] for b, _ in made], [1, 2, 3, 4], "lengths of the chains")
    for number, (backup, state) in enumerate(made[1:]):
        restore_and_compare(s, source, backup, state, number, links)
    mbe.verify("all")


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
