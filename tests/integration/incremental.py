#!/usr/bin/python3
"""A full backup and increments on it and on each other, in a storm of DDL and writes to every engine. What the last ones restore
to, with the source's binary log replayed from its recorded position on, is the source. Then, at rest, an increment and a full
backup of the same moment restore to the same pages and files.
"""
# timeout: 1200

import os
import re
import shutil
import time

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof, storm as storms
from harness.load import Load
from harness.scenario import Failed, run

INCREMENTS = 4
TOO_FEW_UNDO = 3655         # MySQL's error: fewer than two undo tablespaces would be left active
# MariaDB's undo tablespaces are truncated when they have grown a little; MySQL's are told to, see below.
OPTIONS = {"mariadb": ["--innodb-undo-tablespaces=3", "--innodb-undo-log-truncate=1", "--innodb-max-undo-log-size=10M",
                       "--innodb-purge-rseg-truncate-frequency=1"], "mysql": []}
# Five backups want MySQL's locks, which wait for DDL that takes longer than MariaDB's.
STORM = {"mariadb": {}, "mysql": {"ddl": 1, "dml": 1, "pause_seconds": 0.3}}
# Files of a restored datadir that are made for it and differ between two restores of one backup, too.
OWN_FILES = re.compile(r"mbe-my\.cnf|ib_logfile0|#innodb_redo/.*|aria_log.*")


def deterministic_changes(source, step):
    """DDL that a tablespace's identity must survive, or must not: between two backups, on tables that nothing else touches."""
    numbers = source.numbers(400)
    if step == 0:
        source.sql(
            "create database c", "use c",
            *("create table t%d (id int primary key, a int, b varchar(300), key(a)) engine=innodb" % n for n in range(8)),
            *("insert into t%d select seq, seq*%d, repeat('a', 200) from %s" % (n, n + 1, numbers) for n in range(8)),
            "create table m (id int primary key, b varchar(200)) engine=myisam",
            "insert into m select seq, repeat('m', 150) from " + source.numbers(20000),
            "create database gone",
            "create table gone.t (a int) engine=innodb")
        if source.family == "mysql":
            source.sql("create undo tablespace spare add datafile 'spare.ibu'")
        return
    if source.family == "mysql":
        try:
            source.sql("alter undo tablespace spare set " + ("inactive" if step % 2 else "active"))
        except pymysql.err.OperationalError as e:
            if e.args[0] != TOO_FEW_UNDO:   # another one is being emptied just now
                raise
    source.sql(
        "use c",
        # a ring of names
        "rename table t0 to t_, t1 to t0, t2 to t1, t_ to t2",
        "truncate table t3", "insert into t3 select seq, seq, 'step %d' from %s" % (step, numbers),
        "alter table t4 force", "update t4 set b=repeat(char(64+%d), 250) where id%%7=%d" % (step, step),
        "drop table t5", "create table t5 (id int primary key, a int, b varchar(300), key(a)) engine=innodb",
        "insert into t5 select seq, seq, 'made anew %d' from %s" % (step, numbers),
        "create table n%d (id int primary key, b text) engine=innodb" % step,
        "insert into n%d select seq, repeat('n', 2000) from %s" % (step, numbers),
        "update m set b='step %d' where id=%d" % (step, 1000 * step),
        "drop database gone", "create database gone", "create table gone.t%d (a int) engine=innodb" % step,
        "rename table t6 to gone.moved%d" % step, "rename table gone.moved%d to t6" % step,
        "delete from t7 where id%%%d=0" % (step + 2), "alter table t7 add index i%d (b(20))" % step)
    if step > 1:
        source.sql("drop table c.n%d" % (step - 1), "drop index i%d on c.t7" % (step - 1))


LSN = {"mariadb": "Innodb_lsn_current", "mysql": "Innodb_redo_log_current_lsn"}
CHECKPOINT = {"mariadb": "Innodb_lsn_last_checkpoint", "mysql": "Innodb_redo_log_checkpoint_lsn"}


def pass_checkpoint(s, source, lsn):
    """All that was changed before the LSN is on disk, and the redo log of a backup begins behind it."""
    source.sql("set global innodb_max_dirty_pages_pct_lwm=0", "set global innodb_max_dirty_pages_pct=0")
    s.wait_until(lambda: int(source.status(CHECKPOINT[source.family])) > lsn, 60, "the checkpoint passes %d" % lsn)
    source.sql("set global innodb_max_dirty_pages_pct=90")


def take(s, mbe, number, *args):
    backup = mbe.backup("--incremental", "--require-base", "--parallel=2", "--lock-wait=150", *args, seconds=600)
    said, made = backup.done.err, backup.manifest
    s.check_equal(made["type"], "incremental", "type of increment %d" % number)
    s.check("bytes read for each" in said, "what was read for each changed byte is not told: %s", said)
    s.say("%s on %s: %s", backup.id, made["base"], made["bytes"])
    return backup


def chain(s, mbe, source, storm):
    backups = [mbe.backup("--parallel=2", "--lock-wait=150", seconds=600)]
    for step in range(1, INCREMENTS + 1):
        storm.wait_for(8)
        deterministic_changes(source, step)
        differential = step == INCREMENTS - 1
        base = backups[0 if differential else -1]
        if step != 2:       # there, the redo of the two overlaps; elsewhere there is a gap
            pass_checkpoint(s, source, base.manifest["lsn"]["to"])
        backups.append(take(s, mbe, step, *(["--base=latest-full"] if differential else [])))
        s.check_equal(backups[-1].manifest["base"], base.id, "base of increment %d" % step)
        s.check_equal(backups[-1].manifest["lsn"]["base"], base.manifest["lsn"]["to"], "where that ends")
    s.check_equal([b.manifest["chain"]["length"] for b in backups], [1, 2, 3, 2, 3], "lengths of the chains")
    return backups


def prove_each(s, source, backups):
    """The last two: one on the full, and the end of a chain."""
    for n, backup in enumerate(backups[-2:]):
        name = "restored%d" % n
        restored = proof.prove_by_replay(s, source, backup, name=name, skip=storms.skip_imports,
                                         accept=[("imp", "t%d" % i) for i in range(2)])
        s.check_none(storms.import_problems(restored), "imported tables of " + backup.id)
        restored.stop()
        shutil.rmtree(s.path(name))
        s.say("%s: restored and replayed, it is the source", backup.id)


# --- equality of pages ------------------------------------------------------------------------------------------------


# A MySQL backup makes the log grow by a few bytes itself.
SAME_MOMENT = 400
LATER_MAX = 2


def wait_for_rest(s, source):
    """Until purge and the like write no more redo."""
    def rests():
        before = source.status(LSN[source.family])
        time.sleep(1)
        return source.status(LSN[source.family]) == before
    s.wait_until(rests, 120, "the server rests")


def twins(s, mbe, source, base):
    """An increment on `base` and a full backup of one moment."""
    for _ in range(20):
        wait_for_rest(s, source)
        increment, full = take(s, mbe, 0, "--base=" + base.id), mbe.backup("--parallel=2")
        if full.manifest["lsn"]["to"] - increment.manifest["lsn"]["to"] <= SAME_MOMENT:
            return increment, full
    raise Failed("the server does not rest: %s, %s" % (increment.manifest["lsn"], full.manifest["lsn"]))


def files_of(folder):
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            found[os.path.relpath(path, folder)] = path
    return found


def is_tablespace(name):
    return re.search(r"\.ib[du]$|(^|/)(ibdata\d+|undo_?\d+)$", name)


def prove_equal(s, mbe, source, base):
    increment, full = twins(s, mbe, source, base)
    mine, other = s.path("twin-increment"), s.path("twin-full")
    mbe.restore(mine, backup=increment.id)
    mbe.restore(other, backup=full.id)
    a, b = files_of(mine), files_of(other)
    s.check_equal(sorted(a), sorted(b), "names of files")
    s.check_none([n for n in a if not is_tablespace(n) and not OWN_FILES.fullmatch(n) and _content(a[n]) != _content(b[n])],
                 "files of other engines that differ")
    s.check_none([n for n in a if is_tablespace(n) and os.path.getsize(a[n]) != os.path.getsize(b[n])],
                 "tablespace files of another size")
    s.say("%s is %s: %s", increment.id, full.id,
          proof.same_pages(s, mbe.repo, increment.id, mine, other, chain=True, later_max=LATER_MAX))
    same = sum(_content(a[n]) == _content(b[n]) for n in a if is_tablespace(n))
    s.say("%d of %d tablespace files are the same to the byte", same, sum(bool(is_tablespace(n)) for n in a))


def _content(path):
    with open(path, "rb") as f:
        return f.read()


# --- the whole --------------------------------------------------------------------------------------------------------


def one_round(s, flavour, seed):
    source = proof.start_source(s, "source-%d" % seed, flavour=flavour, options=OPTIONS[flavour.split("-", maxsplit=1)[0]])
    deterministic_changes(source, 0)
    load = Load(source, seed, writers=("bank", "rows", "plain", "special")).prepare().start()
    storm = storms.Storm(source, seed, **STORM[source.family]).prepare().start()
    mbe = s.mbe(source, repo="repo-%d" % seed)
    storm.wait_for(10)
    backups = chain(s, mbe, source, storm)
    storm.stop()
    load.stop()
    s.say("seed %d: %s", seed, storm.summary())
    prove_equal(s, mbe, source, backups[-1])
    prove_each(s, source, backups)
    mbe.verify("all")
    source.stop()
    for folder in ("source-%d" % seed, "repo-%d" % seed, "twin-increment", "twin-full"):
        shutil.rmtree(s.path(folder))
    s.servers.clear()


def body(s, flavour, rounds):
    for number in range(s.rounds(rounds)):
        one_round(s, flavour, s.seed + number)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11", 1))
