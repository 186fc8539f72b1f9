#!/usr/bin/python3
"""Aria tables, transactional and not, under heavy writes with a checkpoint every second: the restored server recovers them from the
Aria log of the backup, and every row is as the binary log says.
"""
# timeout: 240

import contextlib
import threading

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.scenario import run

TABLES = ("aria transactional=1", "aria transactional=0 row_format=dynamic", "aria transactional=0", "myisam delay_key_write=1",
          "myisam", "aria transactional=1 checksum=1")

# Not truncated: MariaDB 10.11.19 does not reliably recover a transactional Aria table into which many rows are inserted while
# it is empty. Killed under this load with TRUNCATE, without any backup, 8 servers of 44 crashed in the recovery of Aria or
# came up with a corrupt table ("Undo phase failed", SIGSEGV, "Corrupt"); without TRUNCATE none of 21.
TRANSACTIONAL = "aria transactional=1"


class Writers:
    """Large statements, each on its own table, so that a statement's pages reach the disk while it runs."""

    def __init__(self, s, source):
        self.source = source
        self.stopping = threading.Event()
        self.done = [0] * len(TABLES)
        self.errors = []
        self.threads = [threading.Thread(target=self.work, args=(n, s.random.randrange(1 << 30)), daemon=True)
                        for n in range(len(TABLES))]
        for thread in self.threads:
            thread.start()

    def statements(self, number, step):
        table = "t%d" % number
        return ("insert into %s(a,b) select seq*%d %% 9973, repeat(char(97+seq %% 26), seq %% 180) from seq_1_to_2000" % (table, step % 7 + 1),
                "update %s set b=concat('u%d', b) where a %% 11 = %d" % (table, step % 10, step % 11),
                "delete from %s where a %% 13 = %d" % (table, step % 13),
                "delete from %s where id %% 3 = 0 and a > 5000" % table)[step % 4]

    def work(self, number, step):
        try:
            with contextlib.closing(self.source.connect(database="a")) as connection, connection.cursor() as cursor:
                while not self.stopping.is_set():
                    cursor.execute(self.statements(number, step))
                    step += 1
                    self.done[number] += 1
                    if step % 40 == 0 and not TABLES[number].startswith(TRANSACTIONAL):
                        cursor.execute("truncate t%d" % number)
        except pymysql.err.MySQLError as e:
            self.errors.append(repr(e))

    def stop(self, s):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        s.check_none(self.errors, "writers")


def main(s):
    source = proof.start_source(s, options=["--aria-checkpoint-interval=1", "--aria-checkpoint-log-activity=8192",
                                            "--aria-log-file-size=8M", "--aria-pagecache-buffer-size=8M"])
    source.sql("create database a", "use a", *(
        "create table t%d (id int auto_increment primary key, a int, b varchar(300), key(a)) engine=%s" % (n, kind)
        for n, kind in enumerate(TABLES)))
    for number in range(2):
        writers = Writers(s, source)
        s.wait_until(lambda w=writers: min(w.done) > 2, 60, "all writers are at work")
        backup = s.mbe(source, repo="repo%d" % number).backup("--lock-wait=100")
        goal = sum(writers.done) + 12
        s.wait_until(lambda w=writers, g=goal: sum(w.done) > g or w.errors, 60, "writers go on after the backup")
        writers.stop(s)
        restored = proof.prove_by_replay(s, source, backup, name="restored%d" % number, bank=False)
        restored.stop()
        s.say("%d statements; locked %.2f s", sum(writers.done), backup.manifest["lock"]["seconds"])


if __name__ == "__main__":
    run(main)
