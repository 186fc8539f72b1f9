#!/usr/bin/python3
"""The server is killed in the middle of a backup: the backup fails and says so, nothing lists, and once the server is back the next
backup is right.
"""
# timeout: 300

import time

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.scenario import run


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour, options=["--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"])
    load = Load(source, s.seed, writers=("bank", "rows", "long")).prepare(rows=2000).start()
    load.wait_for_steps(50)
    mbe = s.mbe(source)
    whole = mbe.backup().done.seconds
    failed = 0
    for _ in range(20):
        if failed == s.rounds(4):
            break
        before = mbe.ids()
        running = mbe.start_backup("--lock-wait=20")
        time.sleep(whole * s.random.uniform(0.05, 0.9))
        source.kill()
        done = running.wait(90)
        load.stop()
        if done.status == 0:
            mbe.finished_backup(done)
            whole *= 0.7  # the first one was slow
        else:
            failed += 1
            s.check_equal(done.status, 1, "status: %s" % done)
            s.check("mbe: " in done.err, "no reason: %s", done)
            s.check_equal(mbe.ids(), before, "list")
            s.check_equal(mbe.leftovers(), [], "left in the repository")
        source.start()
        load.start().wait_for_steps(20)
    s.check(failed, "the server was never killed in time")
    s.say("%d backups failed with their server", failed)
    backup = mbe.backup()
    load.stop()
    proof.prove_by_replay(s, source, backup)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
