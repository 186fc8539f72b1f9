#!/usr/bin/python3
"""Undo tablespaces grow and are truncated while a backup runs; the restored server has them all, and every change."""
# timeout: 240

import contextlib

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import Load
from harness.scenario import run


def options(family):
    """Undo tablespaces that are truncated when they have grown a little."""
    return ["--innodb-undo-log-truncate=1", "--innodb-max-undo-log-size=10M", "--innodb-purge-rseg-truncate-frequency=1",
            *(["--innodb-undo-tablespaces=3", "--innodb-log-file-size=128M"] if family == "mariadb" else
              ["--innodb-redo-log-capacity=128M", "--innodb-monitor-enable=undo_truncate_count"])]


def truncations(source):
    if source.family == "mariadb":
        return int(source.status("Innodb_undo_truncations"))
    return int(source.value("select count from information_schema.innodb_metrics where name='undo_truncate_count'"))


def add_one(source):
    """MySQL begins with two undo tablespaces; one of them is full-grown while another is emptied."""
    if source.family == "mysql":
        source.sql("create undo tablespace third add datafile 'third.ibu'")


def undo_tablespaces(server):
    return int(server.value("select @@innodb_undo_tablespaces" if server.family == "mariadb" else
                            "select count(*) from information_schema.innodb_tablespaces where space_type='Undo'"))


def grow_undo(source):
    """Updates of many rows that a read view keeps from being purged, so that undo grows well past its limit."""
    with contextlib.closing(source.connect(database="u")) as reader, reader.cursor() as cursor:
        cursor.execute("start transaction with consistent snapshot")
        for letter in "abcdef":
            source.sql("update u.t set b=repeat('%s', 200)" % letter)
        cursor.execute("commit")


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour, options=options(flavour.split("-", maxsplit=1)[0]))
    add_one(source)
    source.sql("create database u", "use u", "create table t (id int primary key, b varchar(200)) engine=innodb",
               "insert into t select seq, repeat('x', 200) from " + source.numbers(20000))
    load = Load(source, s.seed, writers=("bank", "rows")).prepare().start()
    grow_undo(source)
    mbe = s.mbe(source)
    before = truncations(source)
    with proof.held_after_copy(s, source, mbe, "--lock-wait=200") as running:
        grow_undo(source)
        s.wait_until(lambda: truncations(source) > before or source.sql("update u.t set b=concat('y', id) where id < 50") is None,
                     90, "an undo tablespace is truncated")
    backup = mbe.finished_backup(running.wait())
    load.stop()
    s.say("%d undo tablespaces were truncated during the backup", truncations(source) - before)
    restored = proof.prove_by_replay(s, source, backup)
    s.check_equal(undo_tablespaces(restored), 3, "undo tablespaces of the restored server")
    grow_undo(restored)
    s.check_none(check.check_tables(restored), "after heavy use of undo")
    proof.prove_restart(s, restored)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
