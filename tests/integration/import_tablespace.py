#!/usr/bin/python3
"""DISCARD and IMPORT TABLESPACE before, during and after the copy of a tablespace. An import writes pages without redo and uses
the space id of a tablespace that the log says is deleted; each case below ends in the table the source has.
"""
# timeout: 240

import os
import shutil

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.scenario import run

# How a server says that a table is discarded.
NO_TABLESPACE = (1814, 1146, 1877)
TABLE = "(id int primary key, a int, b varchar(200), key(a)) engine=innodb"


def place_files(source, table):
    """Copies the files of imp.source to where `table` wants them."""
    folder = os.path.join(source.datadir, "imp")
    with source.connect(database="imp") as connection, connection.cursor() as cursor:
        cursor.execute("flush tables source for export")
        for extension in (".ibd", ".cfg"):
            shutil.copy(os.path.join(folder, "source" + extension), os.path.join(folder, table + extension))
        cursor.execute("unlock tables")


def discard(source, table):
    source.sql("alter table imp.%s discard tablespace" % table)


def bring(source, table):
    place_files(source, table)
    source.sql("alter table imp.%s import tablespace" % table)


def new_content(source, text):
    source.sql("update imp.source set b=concat('%s', id)" % text)


# What happens to table `name` when every file was copied and the lock is not yet there.
CASES = {
    "untouched": lambda s, t: None,
    "imported": lambda s, t: (discard(s, t), bring(s, t)),
    "imported_and_changed": lambda s, t: (discard(s, t), bring(s, t), s.sql("update imp.%s set a=a+1" % t)),
    "imported_twice": lambda s, t: (discard(s, t), bring(s, t), s.sql("update imp.%s set a=a+1" % t),
                                    new_content(s, "again "), discard(s, t), bring(s, t)),
    "discarded": discard,
    "discarded_file_placed": lambda s, t: (discard(s, t), place_files(s, t)),
    "imported_and_renamed": lambda s, t: (discard(s, t), bring(s, t), s.sql("rename table imp.%s to imp.%s_2" % (t, t))),
    "imported_and_dropped": lambda s, t: (discard(s, t), bring(s, t), s.sql("drop table imp.%s" % t)),
    "imported_and_made_anew": lambda s, t: (discard(s, t), bring(s, t), s.sql(
        "drop table imp.%s" % t, "create table imp.%s %s" % (t, TABLE), "insert into imp.%s values (1,1,'new')" % t)),
    "imported_and_rebuilt": lambda s, t: (discard(s, t), bring(s, t), s.sql("alter table imp.%s force" % t)),
    "imported_and_truncated": lambda s, t: (discard(s, t), bring(s, t), s.sql("truncate table imp.%s" % t)),
    "changed_then_imported": lambda s, t: (s.sql("update imp.%s set b='void'" % t), discard(s, t), bring(s, t)),
}

# The same, for tables that were discarded before the backup began.
DISCARDED_BEFORE = {
    "came_discarded": lambda s, t: None,
    "came_discarded_imported": bring,
    "came_discarded_imported_changed": lambda s, t: (bring(s, t), s.sql("delete from imp.%s where id < 50" % t)),
    "came_discarded_dropped": lambda s, t: s.sql("drop table imp.%s" % t),
}


def prepare(source):
    source.sql("create database imp", "use imp", "create table source " + TABLE,
               "insert into source select seq, seq, repeat('s', seq % 200) from " + source.numbers(2000))
    for name in (*CASES, *DISCARDED_BEFORE, "before"):
        source.sql("create table imp.%s %s" % (name, TABLE), "insert into imp.%s values (1, 2, 'old'), (3, 4, 'old')" % name)
    for name in (*DISCARDED_BEFORE, "before"):
        discard(source, name)
    bring(source, "before")


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    prepare(source)
    mbe = s.mbe(source)
    # a held CREATE makes the lock wait, not other DDL, as long as the backup is between two tries
    with proof.held_after_copy(s, source, mbe, "--lock-wait=100") as running:
        for name, action in {**CASES, **DISCARDED_BEFORE}.items():
            new_content(source, name + " ")
            action(source, name)
        source.sql("create table imp.born " + TABLE)
        discard(source, "born")
        bring(source, "born")
    backup = mbe.finished_backup(running.wait())
    mbe.verify()

    state = check.read_state(source, lambda schema, name: schema == "held")
    discarded = [name for name, found in state.tables.items() if found[0] == "error" and found[1] in NO_TABLESPACE]
    s.check_equal(sorted(n[1] for n in discarded), ["came_discarded", "discarded", "discarded_file_placed"], "discarded on the source")
    restored = s.restored(source, backup)
    again = check.read_state(restored, lambda schema, name: schema == "held")
    for name in discarded:      # MySQL itself says so in another way after a restart
        s.check(again.tables[name][:1] == ("error",) and again.tables[name][1] in NO_TABLESPACE, "%s: %r", name, again.tables[name])
        again.tables[name] = state.tables[name]
    s.check_none(check.differences(state, again), "restored, against the source")
    s.check_none(check.check_tables(restored, accept=discarded), "restored server")
    proof.prove_restart(s, restored)
    # a discarded table can be imported or dropped, as on the source
    for _, name in discarded:
        with restored.connect(database="imp") as connection, connection.cursor() as cursor:
            for extension in (".ibd", ".cfg"):
                path = os.path.join(restored.datadir, "imp", name + extension)
                if os.path.exists(path):
                    os.unlink(path)
            cursor.execute("drop table " + name)
            cursor.execute("create table %s (a int)" % name)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
