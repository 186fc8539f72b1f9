#!/usr/bin/python3
"""InnoDB's files everywhere: several system data files, one of them at an absolute path, undo tablespaces and the redo log in directories
of their own. The restored server finds all of them through mbe-my.cnf.
"""
# timeout: 240

import os

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.scenario import run


# How a family is told to have so many undo tablespaces, and says how many it has.
UNDO = {"mariadb": ["--innodb-undo-tablespaces=%d"], "mysql": []}
COUNT_UNDO = {"mariadb": "select @@innodb_undo_tablespaces",
              "mysql": "select count(*) from information_schema.innodb_tablespaces where space_type='Undo' and state='active'"}


def undo_options(family, count):
    return [o % count for o in UNDO[family]]


def shape_absolute(s, family):
    for folder in ("sys", "undo", "log"):
        os.mkdir(s.path(folder))
    return ["--innodb-data-home-dir=", *undo_options(family, 2), "--innodb-undo-directory=" + s.path("undo"),
            "--innodb-log-group-home-dir=" + s.path("log"),
            "--innodb-data-file-path=%s:5M;%s:5M;%s:4M:autoextend" %
            (s.path("absolute", "data", "ibdata1"), s.path("sys", "ibdata2"), s.path("absolute", "data", "ibdata3"))]


def shape_relative(_s, family):
    return ["--innodb-data-file-path=ibdata1:5M;ibdata2:6M;more3:2M:autoextend", *undo_options(family, 3)]


def one_shape(s, flavour, name, shape, extra):
    source = proof.start_source(s, name, flavour=flavour, options=shape(s, flavour.split("-", maxsplit=1)[0]))
    # tables in the system tablespace, so that its last file grows while it is copied
    source.sql("set global innodb_file_per_table=0", "create database i", "use i",
               "create table t (id int auto_increment primary key, b varchar(1000)) engine=innodb",
               "insert into t(b) select repeat('i', 1000) from " + source.numbers(8000),
               "set global innodb_file_per_table=1")
    load = Load(source, s.seed, writers=("bank", "rows", "long")).prepare().start()
    mbe = s.mbe(source, repo=name + "-repo")
    with proof.held_after_copy(s, source, mbe, "--lock-wait=100") as running:
        source.sql("use i", "insert into t(b) select repeat('j', 1000) from " + source.numbers(12000), "delete from t where id % 5 = 0")
        load.wait_for_steps(100)
    backup = mbe.finished_backup(running.wait())
    load.stop()
    mbe.verify()
    restored = proof.prove_by_replay(s, source, backup, name=name + "-restored", extra=extra)
    s.check_equal(restored.value(COUNT_UNDO[source.family]), source.value(COUNT_UNDO[source.family]), "undo tablespaces")
    proof.prove_restart(s, restored)
    restored.stop()
    source.stop()
    s.say("%s: equal", name)


def body(s, flavour):
    one_shape(s, flavour, "relative", shape_relative, [])
    one_shape(s, flavour, "absolute", shape_absolute, ["--external-dir=" + s.path("elsewhere")])


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
