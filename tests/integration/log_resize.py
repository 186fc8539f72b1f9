#!/usr/bin/python3
"""The size of the redo log is changed several times, up and down, while a backup runs under load."""
# timeout: 240

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof, storm as storms
from harness.load import Load
from harness.scenario import run


def log_bytes(source):
    if source.family == "mysql":    # the variable says what was asked for
        return int(source.status("Innodb_redo_log_capacity_resized"))
    return int(source.value("select @@global.innodb_log_file_size"))


def resize(s, source, megabytes):
    source.sql("set global %s=%d*1048576" % (storms.LOG_SIZE[source.family], megabytes))
    s.wait_until(lambda: log_bytes(source) == megabytes << 20, 60, "the log has %d MiB" % megabytes)


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    resize(s, source, 32)
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


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
