#!/usr/bin/python3
"""A redo log that the server overwrites before mbe has read it fails the backup, with sizes; with time to read, the same load on the same
small log makes a right backup, however slow the copy is.
"""
# timeout: 240

import signal

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.scenario import run

LOG_BYTES = 4 << 20


def write_redo(source, size):
    """Writes at least that much redo."""
    start = int(source.status("Innodb_lsn_current"))
    while int(source.status("Innodb_lsn_current")) < start + size:
        source.sql("insert into o.t(b) select repeat(char(97+seq%26), 1000) from seq_1_to_1000", "delete from o.t limit 800",
                   database="o")


def main(s):
    source = proof.start_source(s, options=["--innodb-log-file-size=4M", "--innodb-buffer-pool-size=32M"])
    source.sql("create database o", "create table o.t (id int auto_increment primary key, b varchar(1000)) engine=innodb")
    load = Load(source, s.seed).prepare().start()
    mbe = s.mbe(source)

    with proof.HeldDdl(source):
        running = mbe.start_backup()
        s.at_end.append(running.end)
        s.wait_until(lambda: proof.waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
        running.signal(signal.SIGSTOP)
        write_redo(source, 4 * LOG_BYTES)
        running.signal(signal.SIGCONT)
        done = running.wait(60)
    s.check_equal(done.status, 1, "status of an overrun: %s" % done)
    reason = [line for line in done.err.splitlines() if line.startswith("mbe: ")]
    s.check(reason and "redo" in reason[0] and ("overwr" in reason[0] or "overrun" in reason[0]), "reason: %s", done)
    s.check(any(c.isdigit() for c in reason[0]), "no sizes in the reason: %s", done)
    s.check("innodb_log_file_size" in done.err, "no advice: %s", done)
    s.check_equal(mbe.ids(), [], "list")
    s.check_equal(mbe.leftovers(), [], "left in the repository")
    s.check_equal(proof.locked_out(source), None, "locks")
    s.say("%s", reason[0])

    # the log goes round many times while the copy waits for the lock, but mbe may read
    with proof.HeldDdl(source):
        running = mbe.start_backup("--lock-wait=100")
        s.wait_until(lambda: proof.waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
        write_redo(source, 6 * LOG_BYTES)
    backup = mbe.finished_backup(running.wait())
    s.check(backup.manifest["bytes"]["redo"] > 5 * LOG_BYTES, "redo: %r", backup.manifest["bytes"])
    load.stop()
    proof.prove_by_replay(s, source, backup)


run(main)
