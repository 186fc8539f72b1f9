#!/usr/bin/python3
"""Tables with COMPRESSION='zlib' and 'lz4', whose pages the server compresses on their way to the file, come back equal from a backup
under load, and ordinary and ROW_FORMAT=COMPRESSED ones beside them. The compression of a table changes while it is copied, too:
then old pages are of another kind than new ones.
"""
# timeout: 400

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.scenario import run

BODY = "(id int auto_increment primary key, a int, b varchar(2000), c longblob, key(a))"
TABLES = {
    "plain": "", "zlib": "compression='zlib'", "lz4": "compression='lz4'", "none": "compression='none'",
    "zlib_compact": "compression='zlib' row_format=compact", "lz4_redundant": "compression='lz4' row_format=redundant",
    "zlib_parts": "compression='zlib' partition by hash(id) partitions 3", "zip": "row_format=compressed key_block_size=4",
    "to_lz4": "compression='zlib'", "to_none": "compression='zlib'", "to_zlib": "", "rebuilt": "compression='lz4'",
}
# While the backup stands between copy and lock.
CHANGES = ("alter table to_lz4 compression='lz4'", "alter table to_none compression='none'", "alter table to_zlib compression='zlib'",
           "optimize table rebuilt", "alter table zlib add index (b(30)), algorithm=inplace, lock=shared",
           "alter table lz4 add index (b(30)), algorithm=inplace, lock=none")


def create(source):
    source.sql("create database pc")
    for table, options in TABLES.items():
        source.sql("use pc", "create table %s %s engine=innodb %s" % (table, BODY, options),
                   "insert into %s(a,b,c) select seq, repeat(char(97+seq%%26), seq %% 1500),"
                   " if(seq %% 50 = 0, repeat('blob', 20000), null) from %s" % (table, source.numbers(400)),
                   "flush tables %s for export" % table, "unlock tables")


def change(source, number):
    for table in TABLES:
        source.sql("update pc.%s set b=concat('changed', id), a=a+1 where id %% 7 = %d" % (table, number),
                   "delete from pc.%s where id %% 11 = %d" % (table, number))


def holes(source):
    """Tables whose files take less of the disk than they are long: where there are none, nothing is compressed here."""
    return [r[0] for r in source.sql("select name from information_schema.innodb_tablespaces where name like 'pc/%'"
                                     " and allocated_size < file_size")]


def main(s):
    source = proof.start_source(s, flavour="mysql-9.7")
    create(source)
    s.say("compressed: %s", holes(source))
    load = Load(source, s.seed, writers=("bank", "rows")).prepare().start()
    load.wait_for_steps(50)
    mbe = s.mbe(source)
    with proof.held_after_copy(s, source, mbe, "--lock-wait=100") as running:
        change(source, 1)
        source.sql("use pc", *CHANGES)
        change(source, 2)
        load.wait_for_steps(50)
    backup = mbe.finished_backup(running.wait())
    load.stop()
    mbe.verify()
    restored = proof.prove_by_replay(s, source, backup)
    change(restored, 3)
    proof.prove_restart(s, restored)


run(main)
