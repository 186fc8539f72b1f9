#!/usr/bin/python3
"""What MySQL's DDL does to files without a word in the redo log, one trap after the other while a backup stands between its copy and
its lock, some more after that one was let go for another, and builds that run already when it begins. Wherever a backup falls into one, the restored server starts, logs
nothing, and has an empty index or the rows of another table.
"""
# timeout: 400

import contextlib
import os
import shutil
import threading

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.scenario import run

ROWS = 2000
BODY = "(id int primary key, a int, b varchar(200), key(a))"

# Tables that a case finds, all of ROWS rows but where it says otherwise: what follows their name.
TABLES = {
    "ix_none": BODY, "ix_shared": BODY, "ix_exclusive": BODY, "ix_duplicate": BODY, "ix_killed": BODY, "ix_prefix": BODY,
    "ix_dropped": BODY,
    "ix_then_gone": BODY, "ix_then_renamed": BODY, "ix_then_again": BODY,
    "ix_redundant": BODY + " row_format=redundant",
    "ix_zip4": BODY + " row_format=compressed key_block_size=4", "ix_zip8": BODY + " row_format=compressed key_block_size=8",
    "ix_zlib": BODY + " compression='zlib'", "ix_lz4": BODY + " compression='lz4'",
    "ix_general": BODY + " tablespace=g", "ix_system": BODY + " tablespace=innodb_system",
    "ix_parts": BODY + " partition by hash(id) partitions 3",
    "ix_outside": BODY + " data directory='{external}'",
    "ft": BODY, "ft_id": "(FTS_DOC_ID bigint unsigned not null auto_increment primary key, id int, a int, b varchar(200))", "ft_gone": BODY,
    "sp": "(id int primary key, a int, b varchar(200), g point not null default (point(id, a)) srid 0)",
    "re_inplace": BODY, "re_copy": BODY, "re_optimize": BODY, "re_zip": BODY, "re_packed": BODY, "instant": BODY,
    "truncated": BODY, "tr_parts": BODY + " partition by hash(id) partitions 3", "renamed": BODY, "swap1": BODY, "swap2": BODY,
    "dropped": BODY, "anew": BODY, "moved_in": BODY, "moved_out": BODY + " tablespace=g",
    "ex": BODY + " partition by range(id) (partition p0 values less than (100), partition p1 values less than maxvalue)",
    "ex_with": BODY,
    "im_own": BODY, "im_changed": BODY, "im_discarded": BODY, "im_waiting": BODY, "im_victim": BODY, "im_dropped": BODY, "im_came": BODY,
    "im_came_waiting": BODY, "im_early": BODY,
    "late_shared": BODY, "late_ft": BODY, "late_own": BODY, "late_truncated": BODY, "late_renamed": BODY, "late_dropped": BODY,
}
# Discarded before the backup begins; the file of the last one lies in its place already, with the id of a table that is used.
DISCARDED_BEFORE = ("im_came", "im_came_waiting", "im_early")
# What is being built when the backup begins: an index, and another with the auxiliary tables of a full-text index.
SLOW_BUILDS = {"slow": "add index (v)", "slow_text": "add fulltext (b), add index (v)"}
SLOW_ROWS = 600


def build(table, options):
    return lambda c: c.run("alter table %s add index i (b), algorithm=inplace%s" % (table, options))


def failing(number, statement):
    def work(c):
        try:
            c.run(statement)
        except pymysql.err.MySQLError as e:
            c.s.check_equal(e.args[0], number, statement)
        else:
            c.s.check(False, "did not fail: %s", statement)
    return work


def statements(*them):
    return lambda c: c.run(*them)


def killed_build(c):
    """Ends in the middle of its work, or just after it."""
    with contextlib.suppress(pymysql.err.OperationalError):
        c.run("set session max_execution_time=0", "alter table ix_killed add index i (b), add index j (b, a), lock=shared")
        c.run("alter table ix_killed drop index j")


def undo_emptied(c, name):
    """Truncation of one that was in use for long is undo_truncation's: here, the held DDL may have a part in it."""
    c.run("alter undo tablespace %s set inactive" % name)
    c.s.wait_until(lambda: c.source.value("select state from information_schema.innodb_tablespaces where name='%s'" % name) == "empty"
                   or c.source.sql("update traps.ticks set n=n+1"), 60, name + " is emptied", every=0.1)


CASES = {
    "nothing": lambda c: None,
    "ix_none": build("ix_none", ", lock=none"),
    "ix_shared": build("ix_shared", ", lock=shared"),
    "ix_exclusive": build("ix_exclusive", ", lock=exclusive"),
    "ix_redundant": statements("alter table ix_redundant add index i (b(50)), lock=shared"),
    "ix_zip4": build("ix_zip4", ", lock=shared"),
    "ix_zip8": build("ix_zip8", ", lock=shared"),
    "ix_zlib": build("ix_zlib", ", lock=shared"),
    "ix_lz4": build("ix_lz4", ", lock=shared"),
    "ix_general": build("ix_general", ", lock=shared"),
    "ix_system": build("ix_system", ", lock=shared"),
    "ix_parts": build("ix_parts", ", lock=shared"),
    "ix_outside": build("ix_outside", ", lock=shared"),
    "ix_duplicate": failing(1062, "alter table ix_duplicate add unique index i (a), lock=shared"),
    "ix_killed": killed_build,
    "ix_prefix": statements("alter table ix_prefix add index i (b(7) desc, a), add index j ((a div 3)), lock=shared"),
    "ix_dropped": statements("alter table ix_dropped drop index a"),
    "ix_then_gone": statements("alter table ix_then_gone add index i (b), lock=shared", "drop table ix_then_gone"),
    "ix_then_renamed": statements("alter table ix_then_renamed add index i (b), lock=shared", "rename table ix_then_renamed to ix_moved"),
    "ix_then_again": statements("alter table ix_then_again add index i (b), lock=shared", "drop table ix_then_again",
                                "create table ix_then_again " + BODY, "insert into ix_then_again values (1,1,'anew')"),
    "ft": statements("alter table ft add fulltext (b)"),
    "ft_id": statements("alter table ft_id add fulltext (b), lock=shared"),
    "ft_gone": statements("alter table ft_gone add fulltext (b)", "drop table ft_gone"),
    "sp": statements("alter table sp add spatial index (g), lock=shared"),
    "re_inplace": statements("alter table re_inplace force, algorithm=inplace, lock=shared"),
    "re_copy": statements("alter table re_copy force, algorithm=copy"),
    "re_optimize": statements("delete from re_optimize where id % 3", "optimize table re_optimize"),
    "re_zip": statements("alter table re_zip row_format=compressed key_block_size=8"),
    "re_packed": statements("alter table re_packed compression='zlib'", "optimize table re_packed"),
    "instant": statements("alter table instant add c int default 7 first, algorithm=instant", "update instant set c=8 where id % 2",
                          "alter table instant drop b, algorithm=instant"),
    "truncated": statements("truncate table truncated", "insert into truncated values (1,2,'three')"),
    "tr_parts": statements("alter table tr_parts truncate partition p1"),
    "renamed": statements("rename table renamed to other.renamed"),
    "swapped": statements("rename table swap1 to s, swap2 to swap1, s to swap2", "update swap1 set b='after' where id < 9"),
    "dropped": statements("drop table dropped"),
    "anew": statements("drop table anew", "create table anew " + BODY, "insert into anew values (7,7,'anew')"),
    "born": statements("create table born " + BODY, "insert into born select * from ix_none",
                       "alter table born add index i (b), lock=shared"),
    "selected": statements("create table selected as select * from ix_none"),
    "moved_in": statements("alter table moved_in tablespace g"),
    "moved_out": statements("alter table moved_out tablespace innodb_file_per_table"),
    "exchanged": statements("delete from ex_with where id >= 100", "alter table ex exchange partition p0 with table ex_with",
                            "alter table ex reorganize partition p1 into (partition p1 values less than (500),"
                            " partition p2 values less than maxvalue)"),
    "spaces": statements("create tablespace g_new add datafile 'g_new.ibd'", "create table in_new (a int) tablespace g_new",
                         "insert into in_new values (1)", "alter tablespace g rename to g_old", "drop tablespace g_empty"),
    "im_own": lambda c: c.import_from("im_own", "im_own"),
    "im_changed": lambda c: (c.import_from("im_changed", "exported"), c.run("update im_changed set a=a+1, b='changed' where id % 2")),
    "im_discarded": statements("alter table im_discarded discard tablespace"),
    # what lies there has the id of a table that is in use, and nobody imports it
    "im_waiting": lambda c: (c.run("alter table im_waiting discard tablespace"), c.place("im_waiting", "im_victim"),
                             c.run("update im_victim set b='written after the export' where id < 1500")),
    "im_dropped": lambda c: (c.import_from("im_dropped", "exported"), c.run("drop table im_dropped")),
    "im_came": lambda c: (c.place("im_came", "exported"), c.run("alter table im_came import tablespace")),
    "im_early": lambda c: c.run("alter table im_early import tablespace"),
    "undo_new": statements("create undo tablespace u_new add datafile 'u_new.ibu'", "update ticks set n=n+1"),
    "undo_gone": lambda c: (c.run("create undo tablespace u_gone add datafile 'u_gone.ibu'"), undo_emptied(c, "u_gone"),
                            c.run("drop undo tablespace u_gone")),
    "undo_dropped": statements("drop undo tablespace u_old", "create undo tablespace u_again add datafile 'u_old.ibu'"),
}

# While the backup, with everything settled, has let its first lock go and waits for FLUSH TABLES WITH READ LOCK.
LATE_CASES = {
    "late_shared": build("late_shared", ", lock=shared"),
    "late_ft": statements("alter table late_ft add fulltext (b)"),
    "late_own": lambda c: c.import_from("late_own", "late_own"),
    "late_truncated": statements("truncate table late_truncated", "insert into late_truncated values (1,2,'three')"),
    "late_renamed": statements("rename table late_renamed to other.late_renamed"),
    "late_dropped": statements("drop table late_dropped", "create table late_born as select * from ix_none"),
    "late_undo": statements("create undo tablespace u_late add datafile 'u_late.ibu'", "update ticks set n=n+1"),
}


class Case:
    """What a case acts with: one session, in schema traps."""

    def __init__(self, s, source, cursor):
        self.s, self.source, self.cursor = s, source, cursor

    def run(self, *them):
        for statement in them:
            self.cursor.execute(statement)
            self.cursor.fetchall()

    def place(self, table, exported):
        """Puts a copy of a table's files where another, discarded one wants them."""
        folder = os.path.join(self.source.datadir, "traps")
        self.run("flush tables %s for export" % exported)
        for extension in (".ibd", ".cfg"):
            shutil.copy(os.path.join(folder, exported + extension), self.s.path("export" + extension))
        self.run("unlock tables")
        for extension in (".ibd", ".cfg"):
            os.rename(self.s.path("export" + extension), os.path.join(folder, table + extension))

    def import_from(self, table, exported):
        if table == exported:       # its own file, under its own id
            folder = os.path.join(self.source.datadir, "traps")
            self.run("flush tables %s for export" % table)
            for extension in (".ibd", ".cfg"):
                shutil.copy(os.path.join(folder, table + extension), self.s.path("own" + extension))
            self.run("unlock tables", "update %s set b='thrown away'" % table, "alter table %s discard tablespace" % table)
            for extension in (".ibd", ".cfg"):
                os.rename(self.s.path("own" + extension), os.path.join(folder, table + extension))
        else:
            self.run("alter table %s discard tablespace" % table)
            self.place(table, exported)
        self.run("alter table %s import tablespace" % table)


def prepare(s, source, external):
    numbers = source.numbers(ROWS)
    source.sql("create database other", "create database traps", "use traps", "create tablespace g add datafile 'g.ibd'",
               "create tablespace g_empty add datafile 'g_empty.ibd'", "create undo tablespace u_old add datafile 'u_old.ibu'",
               "create table ticks (n int)", "insert into ticks values (0)", "create table exported " + BODY,
               "insert into exported select seq, seq, concat('exported ', seq) from " + numbers)
    for table, definition in TABLES.items():
        source.sql("use traps", "create table %s %s" % (table, definition.format(external=external)),
                   "insert into %s(id,a,b) select seq, seq div 2, concat('word', seq, repeat(' of trap', seq %% 20)) from %s" %
                   (table, numbers))
    # one row takes a millisecond or so to index: a build that lasts, wherever it runs
    for table in SLOW_BUILDS:
        source.sql("use traps", "create table %s (FTS_DOC_ID bigint unsigned not null primary key, b varchar(200),"
                   " v varchar(200) as (sha2(repeat(b, 30000), 512)) virtual)" % table,
                   "insert into %s(FTS_DOC_ID,b) select seq, repeat('slow ', 16) from %s" % (table, source.numbers(SLOW_ROWS)))
    source.sql("use traps", "create table filler (id int primary key, b varchar(250))", "insert into filler select seq, '' from " + numbers)
    with contextlib.closing(source.connect(database="traps")) as connection, connection.cursor() as cursor:
        case = Case(s, source, cursor)
        for table in DISCARDED_BEFORE:
            case.run("alter table %s discard tablespace" % table)
        case.place("im_early", "exported")
        case.run("update exported set b=concat('newer ', id)")  # what lies there has the id of this table, and other rows
        undo_emptied(case, "u_old")


def run_cases(s, source, cases):
    with contextlib.closing(source.connect(database="traps")) as connection, connection.cursor() as cursor:
        case = Case(s, source, cursor)
        for name, action in cases.items():
            try:
                action(case)
            except pymysql.err.MySQLError as e:
                s.check(False, "case %s: %r", name, e)


class Builds:
    """Builds that run already when a backup begins, and long enough for the redo before them to be left behind."""

    def __init__(self, s, source):
        self.s, self.source = s, source
        self.errors = []
        self.threads = [threading.Thread(target=self._work, args=(t, what), daemon=True) for t, what in SLOW_BUILDS.items()]

    def _work(self, table, what):
        try:
            self.source.sql("use traps", "alter table %s %s, algorithm=inplace, lock=shared" % (table, what))
        except pymysql.err.MySQLError as e:
            self.errors.append(e)

    def run(self):
        """All of them, each with the births of its indexes behind it."""
        return len(SLOW_BUILDS) == int(self.source.value("select count(*) from information_schema.processlist"
                                                         " where info like 'alter table slow%' and state='altering table'"))

    def start(self):
        def lsn(name):
            return int(self.source.status("Innodb_redo_log_" + name))
        for thread in self.threads:
            thread.start()
        self.s.wait_until(lambda: self.run() or self.errors, 30, "the builds begin")
        since = lsn("current_lsn")
        # more redo than there is room for makes the server leave the old one behind
        self.s.wait_until(lambda: lsn("checkpoint_lsn") > since or not self.run() or self.source.sql(
            "update traps.filler set b=repeat(char(97+rand()*26), 250)") is None, 60, "a checkpoint after the builds began")
        self.s.check(self.run() and not self.errors, "a build ended too early: %s", self.errors)
        return self

    def end(self):
        for thread in self.threads:
            thread.join(120)
        self.s.check_none(self.errors, "the builds")


def text_found(server):
    """CHECK TABLE sees nothing of a full-text index without content."""
    return [server.value("select count(*) from traps.%s where match(b) against ('%s')" % at)
            for at in (("ft", "trap"), ("ft_id", "trap"), ("late_ft", "trap"), ("slow_text", "slow"))]


@contextlib.contextmanager
def long_statement(s, source):
    """No backup asks for FLUSH TABLES WITH READ LOCK behind a statement like this."""
    def work():
        with contextlib.suppress(pymysql.err.MySQLError):
            source.sql("select sleep(200)")
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    (row,) = s.wait_until(lambda: source.sql("select id from information_schema.processlist where info='select sleep(200)' and time > 1"), 10,
                          "the long statement")
    yield
    source.sql("kill %d" % row[0])
    thread.join()


def main(s):
    external = s.path("external")
    os.mkdir(external)
    source = proof.start_source(s, flavour="mysql-9.7", options=["--innodb-directories=" + external, "--innodb-redo-log-capacity=8M"])
    prepare(s, source, external)
    s.say("%d tables", len(TABLES))
    builds_before = Builds(s, source).start()
    source.sql("set global innodb_redo_log_capacity=128*1048576")
    mbe = s.mbe(source)
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(proof.held_after_copy(s, source, mbe, "--lock-wait=200"))
        builds_before.end()
        s.say("copied; now the traps")
        run_cases(s, source, CASES)
        s.say("%d cases", len(CASES))
        with long_statement(s, source):
            stack.close()
            s.wait_until(lambda: "FLUSH TABLES WITH READ LOCK not granted yet" in running.progress() or not running.running(), 60,
                         "the backup lets its lock go and wants commits to stop")
            run_cases(s, source, LATE_CASES)
        s.say("%d more", len(LATE_CASES))
    backup = mbe.finished_backup(running.wait())
    mbe.verify()
    s.say("lock %s", backup.manifest["lock"])

    def skip(schema, _name):
        return schema == "held"
    state, found = check.read_state(source, skip), text_found(source)
    discarded = sorted(n[1] for n, t in state.tables.items() if t[0] == "error")
    s.check_equal(discarded, ["im_came_waiting", "im_discarded", "im_waiting"], "discarded on the source")
    s.check_equal(found, [ROWS - ROWS // 20] * 3 + [SLOW_ROWS], "full-text search on the source")
    source.stop()
    restored = s.restored(source, backup, extra=["--external-dir=" + s.path("elsewhere")])
    accept = [("traps", t) for t in discarded]
    different = check.differences(state, check.read_state(restored, skip))
    # a discarded table is 1146 to some and 1814 to others, on one and the same server
    s.check_none([d for d in different if not any("traps.%s:" % t in d for t in discarded)], "restored, against the source")
    s.check_equal(text_found(restored), found, "full-text search")
    s.check_none(check.health(restored, s, accept), "restored server")
    for table in ("ix_then_gone", "ft_gone", "dropped", "im_dropped", "late_dropped", *discarded):
        restored.sql("use traps", "drop table if exists " + table, "create table %s %s" % (table, BODY),
                     "insert into %s values (1,1,'x')" % table)
    restored.sql("create tablespace g_empty add datafile 'g_empty.ibd'", "create undo tablespace u_gone add datafile 'u_gone.ibu'")
    proof.prove_restart(s, restored)


run(main)
