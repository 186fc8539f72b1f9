#!/usr/bin/python3
"""innodb_log_file_size is changed several times, up and down, while a backup runs under load."""
# timeout: 240

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.scenario import run


def resize(s, source, megabytes):
    source.sql("set global innodb_log_file_size=%d*1048576" % megabytes)
    s.wait_until(lambda: int(source.value("select @@global.innodb_log_file_size")) == megabytes << 20, 30,
                 "the log has %d MiB" % megabytes)


def main(s):
    source = proof.start_source(s, options=["--innodb-log-file-size=32M"])
    load = Load(source, s.seed).prepare().start()
    load.wait_for_steps(100)
    mbe = s.mbe(source)
    sizes = [48, 16, 64, 24]
    with proof.HeldDdl(source):
        running = mbe.start_backup("--lock-wait=100")
        s.wait_until(lambda: proof.waits_for_lock(source) or not running.running(), 60, "the backup asks for the lock")
        for size in sizes:
            resize(s, source, size)
            load.wait_for_steps(60)
    backup = mbe.finished_backup(running.wait())
    s.check_equal(backup.manifest["log_resizes"], len(sizes), "resizes that the backup saw")
    load.wait_for_steps(50)
    load.stop()
    mbe.verify()
    proof.prove_by_replay(s, source, backup)


run(main)
