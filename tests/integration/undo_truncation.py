#!/usr/bin/python3
"""Undo tablespaces grow, are truncated, and (MySQL) made and dropped by SQL while a backup runs; the restored server has them all,
and every change.
"""
# timeout: 240

import contextlib
import re

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import Load
from harness.scenario import run

ROWS = 10000


def options(family):
    """Undo tablespaces that are truncated when they have grown a little."""
    return ["--innodb-undo-log-truncate=1", "--innodb-max-undo-log-size=10M", "--innodb-purge-rseg-truncate-frequency=1",
            *(["--innodb-undo-tablespaces=3", "--innodb-log-file-size=512M"] if family == "mariadb" else
              ["--innodb-redo-log-capacity=512M"])]


def truncations(source):
    """Of those that the server does by itself. MySQL counts those that it could not do, too; but each one gives a new id, 127 below the
    last one.
    """
    if source.family == "mariadb":
        return int(source.status("Innodb_undo_truncations"))
    ids = source.sql("select space from information_schema.innodb_tablespaces where name like 'innodb_undo_%'")
    return sum((0xFFFFFFF0 - 1 - r[0]) // 127 for r in ids)


def more_of_them(source):
    """MySQL begins with two undo tablespaces; one of them is full-grown while another is emptied."""
    if source.family == "mysql":
        source.sql("create undo tablespace third add datafile 'third.ibu'", "create undo tablespace gone add datafile 'gone.ibu'",
                   "create undo tablespace back add datafile 'back.ibu'")


def undo_tablespaces(server):
    """Their names, or of MariaDB, which has none for them, how many."""
    if server.family == "mariadb":
        return int(server.value("select @@innodb_undo_tablespaces"))
    return [r[0] for r in server.sql("select name from information_schema.innodb_tablespaces where space_type='Undo' order by name")]


EXPECTED = {"mariadb": 3, "mysql": ["back", "innodb_undo_001", "innodb_undo_002", "new", "third"]}


def grow_undo(source):
    """Updates of many rows that a read view keeps from being purged, so that undo grows well past its limit."""
    with contextlib.closing(source.connect(database="u")) as reader, reader.cursor() as cursor:
        cursor.execute("start transaction with consistent snapshot")
        for letter in "abcdef":
            source.sql("update u.t set b=repeat('%s', 200)" % letter)
        cursor.execute("commit")


def tick(source):
    """A little work for purge, without which it would not look."""
    source.sql("update u.t set b=concat('y', id) where id < 50")


def empty(s, source, name):
    source.sql("alter undo tablespace %s set inactive" % name)
    s.wait_until(lambda: source.value("select state from information_schema.innodb_tablespaces where name='%s'" % name) == "empty" or
                 tick(source), 60, name + " is emptied")


def by_sql(s, source):
    """MySQL: one in use is emptied and used again, one dropped for good, one dropped and made anew as the same file, one made."""
    if source.family == "mariadb":
        return
    for name in ("third", "gone", "back"):
        empty(s, source, name)
    source.sql("alter undo tablespace third set active", "drop undo tablespace gone", "drop undo tablespace back",
               "create undo tablespace back add datafile 'back.ibu'", "create undo tablespace new add datafile 'new.ibu'")


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour, options=options(flavour.split("-", maxsplit=1)[0]))
    more_of_them(source)
    source.sql("create database u", "use u", "create table t (id int primary key, b varchar(200)) engine=innodb",
               "insert into t select seq, repeat('x', 200) from " + source.numbers(ROWS))
    load = Load(source, s.seed, writers=("bank", "rows")).prepare().start()
    grow_undo(source)
    mbe = s.mbe(source)
    before = truncations(source)
    with proof.stopped_after_copy(s, source, mbe, "--lock-wait=200", "--debug") as running:
        s.wait_until(lambda: truncations(source) > before or grow_undo(source), 90, "an undo tablespace is truncated")
        by_sql(s, source)
        grow_undo(source)
    done = running.wait()
    backup = mbe.finished_backup(done)
    load.stop()
    from_redo = sorted(set(re.findall(r"copy: (\S+): all of it is in the redo", done.err)))
    s.say("%d undo tablespaces were truncated during the backup; made from redo: %s", truncations(source) - before, from_redo)
    if source.family == "mysql":
        s.check({"back.ibu", "new.ibu", "third.ibu"} < set(from_redo), "made from redo: %s", from_redo)
    restored = proof.prove_by_replay(s, source, backup)
    s.check_equal(undo_tablespaces(restored), EXPECTED[source.family], "undo tablespaces of the restored server")
    grow_undo(restored)
    s.check_none(check.check_tables(restored), "after heavy use of undo")
    proof.prove_restart(s, restored)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
