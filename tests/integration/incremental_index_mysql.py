#!/usr/bin/python3
"""An index that is built between two backups takes over pages that are in the buffer pool, and writes them without redo: they keep an LSN from
before the base. An increment that reads everything has them all the same: in a table's own file they are stored page by page, compressed ones and
files of several tables are copied whole."""

import re

import _path    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.scenario import run

ROWS = 30000
COPIED_AGAIN = {"gen", "x/packed"}
TABLES = {      # name: what CREATE TABLE says
    "own": "", "shared": "tablespace gen", "packed": "compression='lz4'", "redundant": "row_format=redundant",
    "zip": "row_format=compressed key_block_size=8", "blobs": "tablespace gen"}


def fill(server):
    server.sql("create database x", "create tablespace gen add datafile 'gen.ibd'")
    for name, options in TABLES.items():
        server.sql("create table x.%s (id int primary key, a varchar(100), b varchar(100), t text, key old (a)) %s" % (name, options),
                   "insert into x.%s select seq, repeat(md5like, 3), concat(md5like, 'b'), repeat(md5like, %d) from (select seq, "
                   "left(sha2(seq, 256), 30) as md5like from %s) as n" % (name, 300 if name == "blobs" else 2,
                                                                       server.numbers(ROWS // 10 if name == "blobs" else ROWS)))


def body(s):
    # pages that were freed are to be dirty still when the index takes them: only then do they keep their LSN
    server = proof.start_source(s, flavour="mysql-9.7", options=(
        "--innodb-buffer-pool-size=256M", "--innodb-redo-log-capacity=1G", "--innodb-idle-flush-pct=0", "--innodb-adaptive-flushing=OFF",
        "--innodb-max-dirty-pages-pct=99", "--innodb-max-dirty-pages-pct-lwm=0"))
    fill(server)
    mbe = s.mbe(server)
    # what is freed stays in the buffer pool, and its LSN is behind us when the base ends
    server.sql(*["alter table x.%s drop key old" % name for name in TABLES if name != "blobs"])
    server.sql("create table x.copy like x.blobs", "insert into x.copy select * from x.blobs", "drop table x.copy")
    mbe.backup("--full")
    for name in TABLES:
        server.sql("alter table x.%s %s" % (name, "force" if name == "blobs" else "add key new_one (b), algorithm=inplace"))
    server.sql("select innodb_redo_log_sharp_checkpoint()")
    done = mbe.backup("--incremental", "--change-map=scan")
    s.check_equal((done.manifest["type"], done.manifest["change_map"]), ("incremental", "scan"), "the increment")
    again = set(re.findall(r"(\S+)\.ibd: copying space \d+ now: .* of a new index", done.done.err))
    s.check_equal(again, COPIED_AGAIN, "files that were copied again:\n" + done.done.err)
    target = s.path("restored")
    mbe.restore(target)
    restored = s.server("after", flavour="mysql-9.7", datadir=target, defaults=target + "/mbe-my.cnf").start()
    for name in TABLES:
        found = restored.sql("check table x.%s extended" % name)
        s.check(found[-1][-1] == "OK", "%s: %s", name, found)
        count = server.value("select count(*) from x." + name)
        s.check_equal(restored.value("select count(*) from x.%s force index (%s)" % (name, "primary" if name == "blobs" else "new_one")), count, name)
    proof_of_rows(s, server, restored)


def proof_of_rows(s, server, restored):
    for name in TABLES:
        question = "select count(*), sum(crc32(concat(id, a, b, t))) from x." + name
        s.check_equal(restored.sql(question), server.sql(question), "rows of " + name)


run(body)
