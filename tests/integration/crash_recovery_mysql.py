#!/usr/bin/python3
"""What page_oracle compares page by page, compared by SQL: a MySQL server is killed under load and DDL; one copy of its files is
recovered by a server that just starts, another one by mbe, and a server starts on that. Both must hold the same rows, stand at
the same AUTO_INCREMENT counters, have the same indexes marked as corrupted, and complain of nothing that the other does not.

The counters are what only the log knew: a restored server starts from a log of a few bytes that mbe made.

Every second round the server has recovered before and is killed at rest behind a checkpoint: then the log has no counter.
"""
# timeout: 900

import contextlib
import os
import re
import shutil
import subprocess

import page_oracle
from harness import check
from harness.load import bank_problems
from harness.scenario import run

FLAVOUR = "mysql-9.7"
# An undo tablespace that was being emptied is made anew by the server, which no backup has to do: its lock waits for the end of that.
LEFT_OUT = (*page_oracle.LEFT_OUT, "undo")
# When a line of the error log was written, and by which thread: of a MyISAM table that was open when its server was killed, CHECK
# TABLE writes such lines.
THREAD = re.compile(r"(?<=log: )\S+ \d+ |(?<=thread_id=)\d+|(?<=thread id )\d+|(?<=thread handle )\d+|(?<=query id )\d+")
COUNTERS = ("dynamic", "redundant", "compressed4")


def prepare_counters(server, rows):
    """Tables whose counter is far above what their rows say."""
    server.sql("create database counters")
    for name in COUNTERS:
        options = "row_format=" + name if name != "compressed4" else "row_format=compressed key_block_size=4"
        if name == "compressed4" and int(server.value("select @@innodb_page_size")) > 16384:
            continue
        server.sql("create table counters.%s (id bigint unsigned auto_increment primary key, a int) engine=innodb %s" %
                   (name, options),
                   "insert into counters.%s(a) select seq from %s" % (name, server.numbers(rows)),
                   "begin", "insert into counters.%s(a) select seq from %s" % (name, server.numbers(rows)), "rollback",
                   "delete from counters.%s where id > 7" % name)


def counters(server):
    """{(schema, table): where its counter stands}"""
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("set session information_schema_stats_expiry=0")
        cursor.execute("select table_schema, table_name, auto_increment from information_schema.tables where engine='InnoDB'"
                       " and table_schema not in %s and auto_increment is not null", (check.HIDDEN,))
        return {row[:2]: row[2] for row in cursor.fetchall()}


def next_values(server):
    """What the tables of `counters` give to a new row."""
    found = {}
    with contextlib.closing(server.connect(database="counters")) as connection, connection.cursor() as cursor:
        cursor.execute("show tables")
        for (name,) in cursor.fetchall():
            cursor.execute("insert into %s(a) values (1)" % name)
            found[name] = cursor.lastrowid
    return found


def complaints(server):
    """What it says of its tables, its files and its start, without what differs from run to run. InnoDB's warnings count too."""
    warned = ["log: " + line for line in server.log().splitlines() if "[Warning]" in line and "[InnoDB]" in line]
    lines = check.check_tables(server) + check.file_problems(server) + check.log_problems(server) + warned
    return {THREAD.sub("", line.replace(server.datadir, "DATADIR").replace(server.folder, "FOLDER")) for line in lines}


class Recovered:
    """A server that has recovered, and all that is asked of it."""

    def __init__(self, s, server):
        check.wait_for_rollback(server, s)
        self.complaints = complaints(server)
        self.counters = counters(server)
        self.state = check.read_state(server)
        self.bank = bank_problems(server)
        self.next_values = next_values(server)
        s.check(server.stop(), "the recovered server did not stop cleanly")


def recover_by_server(s, folder, crashed):
    target = s.path(folder, "server-data")
    subprocess.run(["cp", "-a", "--reflink=auto", crashed.datadir, target], check=True)
    server = s.server(os.path.join(folder, "by-server"), flavour=FLAVOUR, datadir=target, options=crashed.options)
    return Recovered(s, server.start())


def recover_by_mbe(s, folder, crashed):
    _, _, target = page_oracle.recover_by_mbe(s, folder, crashed)
    server = s.server(os.path.join(folder, "by-mbe"), flavour=FLAVOUR, datadir=target, options=crashed.options,
                      defaults=os.path.join(target, "mbe-my.cnf"))
    return Recovered(s, server.start())


def check_counters(s, what, by_server, by_mbe):
    """Of a log that ends with a block, the server takes the last mini-transaction's counter, but not its pages: mbe takes neither."""
    lower = {table for table, value in by_mbe.counters.items() if value < by_server.counters.get(table, 0)}
    s.check(len(lower) <= 1, "%s: AUTO_INCREMENT counters below the server's, one may be: %s", what, sorted(lower))
    same = {table: by_server.counters[table] if table in lower else value for table, value in by_mbe.counters.items()}
    s.check_equal(same, by_server.counters, what + ": AUTO_INCREMENT counters")


def compare(s, what, crashed, folder):
    by_server = recover_by_server(s, folder, crashed)
    by_mbe = recover_by_mbe(s, folder, crashed)
    s.check_none(check.differences(by_server.state, by_mbe.state), what + ": recovered by mbe, against the server")
    check_counters(s, what, by_server, by_mbe)
    s.check_equal(by_mbe.next_values, by_server.next_values, what + ": ids of new rows")
    s.check_none(sorted(by_mbe.complaints - by_server.complaints), what + ": what only the server behind mbe complains of")
    s.check_none(by_mbe.bank, what + ": bank")
    return by_mbe


def one_round(s, seed, rests):
    folder = "round"
    s.random.seed(seed)
    s.sub(folder)
    rows = s.random.randrange(100, 3000)
    crashed, size = page_oracle.crash(s, FLAVOUR, folder, seed, prepare=lambda server: prepare_counters(server, rows),
                                     left_out=LEFT_OUT)
    what = "seed %d, %d KiB pages" % (seed, size)
    if rests:
        crashed.start()
        crashed.sql("select innodb_redo_log_sharp_checkpoint()")
        crashed.kill()
    found = compare(s, what, crashed, folder)
    for name, value in found.next_values.items():
        s.check(value > 2 * rows, "%s: counters.%s goes on at %d, behind %d rows", what, name, value, 2 * rows)
    s.say("%s, %s: %d tables, %d counters equal", what, "at rest" if rests else "under load", len(found.state.tables),
          len(found.counters))
    shutil.rmtree(s.path(folder))
    s.servers.clear()


def body(s, rounds):
    for number in range(s.rounds(rounds)):
        one_round(s, s.seed + number, rests=number % 2)


if __name__ == "__main__":
    run(lambda s: body(s, 2))
