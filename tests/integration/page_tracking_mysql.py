#!/usr/bin/python3
"""Incremental backups by MySQL's page tracking: they read little, hold what a scan holds, restore to the same pages, and fall back to
a scan with a reason wherever the server's list of written pages cannot be proven complete.
"""
# timeout: 900

import shutil

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof, storm as storms
from harness.load import Load
from harness.mbe import REFUSED
from harness.scenario import run

ROWS = 120000               # of 1000 bytes: 150 MiB
READ_PER_CHANGED = 1.3
LATER_MAX = 100             # pages that the server itself writes between two backups
NO_COMPONENT = "the server has no page tracking"
RESTARTED = "the server was restarted since the base"


def tracked(backup):
    return backup.manifest["change_map"] == "page-tracking"


def must_scan(s, backup, why):
    s.check_equal(backup.manifest["change_map"], "scan", "change map; expected: " + why)
    s.check("everything is read: " in backup.done.err and why in backup.done.err, "reason '%s': %s", why, backup.done)


def refused(s, mbe, why, *args):
    done = mbe.backup_fails(REFUSED, "--incremental", "--change-map=page-tracking", *args)
    s.check("--change-map=page-tracking: " in done.err and why in done.err, "reason '%s': %s", why, done)


def increment(mbe, *args):
    return mbe.backup("--incremental", *args)


def settle(s, source):
    """Until the server has nothing to write any more."""
    def quiet():
        lsn, checkpoint = (int(source.status("Innodb_redo_log_" + n)) for n in ("current_lsn", "checkpoint_lsn"))
        return lsn == checkpoint
    s.wait_until(quiet, 60, "the server has written all pages", every=0.2)


def fill(source):
    source.sql("create database big", "create table big.t (id int primary key, b varchar(1000), n int) engine=innodb",
               *("insert into big.t select seq + %d, repeat('b', 1000), 0 from %s" % (first, source.numbers(20000))
                 for first in range(0, ROWS, 20000)))


def change(s, source, pages):
    """One row in each of so many pages, spread over the table; about 15 rows are in a page."""
    ids = [i * 16 + 1 for i in s.random.sample(range(ROWS // 16), pages)]
    for at in range(0, len(ids), 500):
        source.sql("update big.t set n=n+1 where id in (%s)" % ",".join(map(str, ids[at:at + 500])))


def same_pages(s, mbe, backups, what):
    """The backups, oldest first, all of one state of the tables, are restored to the same pages."""
    roots = [s.path("same-%d" % n) for n in range(len(backups))]
    for root, backup in zip(roots, backups):
        mbe.restore(root, backup=backup.id)
    for number in range(1, len(backups)):
        s.say("%s: %s", what, proof.same_pages(s, mbe.repo, backups[number - 1].id, roots[number - 1], roots[number], chain=True,
                                               later_max=LATER_MAX))
    for root in roots:
        shutil.rmtree(root)


def without_the_component(s, source, mbe):
    base = mbe.backup()
    must_scan(s, increment(mbe, "--base=" + base.id), NO_COMPONENT)
    refused(s, mbe, NO_COMPONENT)
    done = mbe.backup_fails(REFUSED, "--change-map=page-tracking")
    s.check(NO_COMPONENT in done.err, "full backup: %s", done)
    source.sql("install component 'file://component_mysqlbackup'")
    # it is there now, but was not when the base ended
    must_scan(s, increment(mbe, "--base=" + base.id), "page tracking was not on when the base ended")


def little_is_read(s, source, mbe):
    """1 % of the pages of a large table are changed."""
    fill(source)
    settle(s, source)
    base = mbe.backup()
    change(s, source, ROWS // 16 // 100)
    settle(s, source)
    backup = increment(mbe, "--base=" + base.id, "--change-map=page-tracking")
    scan = increment(mbe, "--base=" + base.id, "--change-map=scan")
    s.check(tracked(backup) and not tracked(scan), "change maps")
    size, scanned = backup.manifest["bytes"], scan.manifest["bytes"]
    s.say("tracked: read %d of %d changed bytes: %.2f; scan: %d of %d: %.2f", size["read"], size["changed"],
          size["read"] / size["changed"], scanned["read"], scanned["changed"], scanned["read"] / scanned["changed"])
    s.check(size["read"] <= READ_PER_CHANGED * size["changed"], "read %d for %d changed bytes", size["read"], size["changed"])
    s.check(scanned["read"] > 10 * size["read"], "a scan read %d bytes, the other %d", scanned["read"], size["read"])
    full = mbe.backup("--change-map=scan")
    same_pages(s, mbe, [backup, scan, full], "1 % changed")
    return base


def built_behind_the_checkpoint(s, source, mbe):
    """As long as an older change is not written, the server has the pages of an index that was built without redo in its memory's list
    alone. mbe must have them, all the same."""
    source.sql("create database held", "create table held.older (id int primary key) engine=innodb",
               "create table held.built (id int primary key, a int, b varchar(400)) engine=innodb",
               "insert into held.built select seq, seq, repeat('h', 300) from " + source.numbers(5000))
    settle(s, source)
    base = mbe.backup()
    source.sql("set global innodb_idle_flush_pct=0", "insert into held.older values (1)")
    before = int(source.status("Innodb_redo_log_current_lsn"))
    source.sql("create index i on held.built (b, a) lock=shared")
    checkpoint = int(source.status("Innodb_redo_log_checkpoint_lsn"))
    s.check(checkpoint < before, "the checkpoint is at %d, the index was begun at %d", checkpoint, before)
    backup = increment(mbe, "--base=" + base.id, "--change-map=page-tracking")
    source.sql("set global innodb_idle_flush_pct=100")
    same_pages(s, mbe, [backup, increment(mbe, "--base=" + base.id, "--change-map=scan")], "an index behind the checkpoint")


def every_kind_of_change(s, source, mbe):
    """Grown, truncated, dropped, renamed, indexed, compressed: one chain of increments, each also as a scan."""
    source.sql("create database k", "use k",
               *("create table %s (id int auto_increment primary key, a int, b varchar(500)) engine=innodb %s" % (n, o)
                 for n, o in (("grown", ""), ("gone", ""), ("emptied", ""), ("moved", ""), ("indexed", ""), ("silent", ""),
                              ("packed", "row_format=compressed key_block_size=4"), ("punched", "compression='zlib'"))),
               *("insert into %s (a,b) select seq, repeat('k',400) from %s" % (n, source.numbers(2000))
                 for n in ("grown", "gone", "emptied", "moved", "indexed", "packed", "punched")))
    base = mbe.backup()
    steps = (
        ("insert into grown (a,b) select seq, repeat('g',500) from " + source.numbers(5000), "drop table gone", "truncate table emptied",
         "rename table moved to elsewhere"),
        ("create index i on indexed (a) lock=shared", "create index j on indexed (b(20)) lock=none", "update packed set a=a+1 where id%9=0"),
        ("update punched set b=repeat('p',id%300) where id%7=0", "delete from grown where id<1000", "create table gone (a int)",
         "alter table indexed add fulltext(b)", "create undo tablespace another add datafile 'another.ibu'"),
        ("alter table elsewhere engine=innodb", "alter table emptied add column c int default 7, algorithm=instant", "optimize table grown"),
    )
    for step in steps:
        source.sql("use k", *step)
        settle(s, source)
        backup = increment(mbe, "--base=" + base.id, "--change-map=page-tracking")
        scan = increment(mbe, "--base=" + base.id, "--change-map=scan")
        same_pages(s, mbe, [backup, scan], step[0])
        base = backup
    s.check_none(check.differences(check.read_state(source), check.read_state(s.restored(source, base, "kinds"))), "restored chain")
    s.servers.pop().stop()


def under_load(s, source, mbe):
    """A chain in a storm of DDL and writes."""
    load = Load(source, s.seed, writers=("bank", "rows", "special", "long")).prepare().start()
    storm = storms.Storm(source, s.seed, ddl=1, dml=1, pause_seconds=0.3).prepare().start()
    mbe.backup("--lock-wait=200")
    backup, n_tracked = None, 0
    for _ in range(s.rounds(3)):
        storm.wait_for(12)
        backup = increment(mbe, "--lock-wait=200")
        n_tracked += tracked(backup)
    storm.stop()
    load.stop()
    s.say("%s; %d increments by page tracking", storm.summary(), n_tracked)
    s.check(n_tracked, "no increment used page tracking: %s", backup.done)
    imports = [("imp", "t%d" % n) for n in range(2)]
    restored = proof.prove_by_replay(s, source, backup, name="stormy", skip=storms.skip_imports, accept=imports)
    restored.stop()


def set_tracking(source, on):
    source.value("select mysqlbackup_page_track_set(%d)" % on)


def right_after(s, source, mbe, why, what):
    """What cannot be tracked is scanned, and right; and the backup after it is tracked again."""
    change(s, source, 20)
    refused(s, mbe, why)
    backup = increment(mbe)
    must_scan(s, backup, why)
    full = mbe.backup("--change-map=scan")
    same_pages(s, mbe, [backup, full], what)
    change(s, source, 20)
    again = increment(mbe, "--base=" + backup.id)
    s.check(tracked(again), "after %s the next one is not tracked: %s", what, again.done)


def switched(s, source, mbe):
    mbe.backup()
    set_tracking(source, 0)
    right_after(s, source, mbe, "page tracking is off", "tracking was turned off")
    set_tracking(source, 0)
    set_tracking(source, 1)
    right_after(s, source, mbe, "page tracking was begun anew at LSN", "tracking was turned off and on")
    base = mbe.backup("--change-map=scan")
    s.check(int(source.value("select mysqlbackup_page_track_get_start_lsn()")) > 0, "a scan leaves tracking alone")
    must_scan(s, increment(mbe, "--base=" + base.id), "page tracking was not on when the base ended")


def restarted(s, source, mbe):
    """Killed; shut down in a hurry; shut down properly, which cannot be told from the others."""
    for what in ("kill", "innodb_fast_shutdown=2", "innodb_fast_shutdown=1"):
        mbe.backup()
        change(s, source, 200)
        if what == "kill":
            source.kill()
        else:
            source.sql("set global " + what)
            s.check(source.stop(), "clean shutdown")
        source.start()
        right_after(s, source, mbe, RESTARTED, what)


def main(s):
    source = proof.start_source(s, flavour="mysql-9.7")
    mbe = s.mbe(source)
    without_the_component(s, source, mbe)
    little_is_read(s, source, mbe)
    built_behind_the_checkpoint(s, source, mbe)
    every_kind_of_change(s, source, mbe)
    switched(s, source, mbe)
    restarted(s, source, mbe)
    under_load(s, source, mbe)


if __name__ == "__main__":
    run(main)
