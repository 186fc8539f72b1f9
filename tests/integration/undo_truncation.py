#!/usr/bin/python3
"""Undo tablespaces grow and are truncated while a backup runs; the restored server has them all, and every change."""
# timeout: 240

import contextlib

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import Load
from harness.scenario import run


def truncations(source):
    return int(source.status("Innodb_undo_truncations"))


def grow_undo(source):
    """Updates of many rows that a read view keeps from being purged, so that undo grows well past its limit."""
    with contextlib.closing(source.connect(database="u")) as reader, reader.cursor() as cursor:
        cursor.execute("start transaction with consistent snapshot")
        for letter in "abcdef":
            source.sql("update u.t set b=repeat('%s', 200)" % letter)
        cursor.execute("commit")


def main(s):
    source = proof.start_source(s, options=["--innodb-undo-tablespaces=3", "--innodb-undo-log-truncate=1",
                                            "--innodb-max-undo-log-size=10M", "--innodb-purge-rseg-truncate-frequency=1",
                                            "--innodb-log-file-size=128M"])
    source.sql("create database u", "use u", "create table t (id int primary key, b varchar(200)) engine=innodb",
               "insert into t select seq, repeat('x', 200) from seq_1_to_20000")
    load = Load(source, s.seed, writers=("bank", "rows")).prepare().start()
    grow_undo(source)
    mbe = s.mbe(source)
    before = truncations(source)
    with proof.HeldDdl(source):
        running = mbe.start_backup("--lock-wait=200")
        s.wait_until(lambda: proof.waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
        grow_undo(source)
        s.wait_until(lambda: truncations(source) > before or source.sql("update u.t set b=concat('y', id) where id < 50") is None,
                     90, "an undo tablespace is truncated")
    backup = mbe.finished_backup(running.wait())
    load.stop()
    s.say("%d undo tablespaces were truncated during the backup", truncations(source) - before)
    restored = proof.prove_by_replay(s, source, backup)
    s.check_equal(int(restored.value("select @@innodb_undo_tablespaces")), 3, "undo tablespaces of the restored server")
    grow_undo(restored)
    s.check_none(check.check_tables(restored), "after heavy use of undo")
    proof.prove_restart(s, restored)


run(main)
