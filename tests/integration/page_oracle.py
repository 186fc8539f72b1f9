#!/usr/bin/python3
"""The page oracle: a server is killed under load at a random moment; one copy of its files is recovered by the server itself, without
rolling anything back, and another one goes through mbe's archive and restore. All pages must be equal.

MBE_SEEDS rounds, 20 by default.
"""
# timeout: 1200

import os
import shutil
import subprocess

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof, storm as storms
from harness.load import Load, archive_options
from harness.scenario import Failed, run

# Recovery and nothing else: no purge, no rollback, no half-made DDL taken back, no statistics, no buffer pool file.
# With 3 MariaDB would still roll back what its dictionary was changed by; with 5 it does not look for transactions at all. MySQL
# rolls nothing back with 3, and with 5 it may not start, because what is uncommitted in its dictionary then counts.
FORCE = {"mariadb": "--innodb-force-recovery=5", "mysql": "--innodb-force-recovery=3"}
RECOVER_ONLY = ["--innodb-buffer-pool-dump-at-shutdown=0", "--innodb-buffer-pool-load-at-startup=0",
                "--innodb-stats-auto-recalc=0", "--innodb-stats-persistent=0", "--skip-log-bin", "--event-scheduler=0"]
LOG_SIZE = {"mariadb": "--innodb-log-file-size=32M", "mysql": "--innodb-redo-log-capacity=32M"}
# Kinds of DDL that do not touch a tablespace, or change the log itself.
LEFT_OUT = ("resize_log", "sequence", "merge", "view", "procedure", "grant")
# Told to recover and nothing else, MariaDB does just that. MySQL notes the highest transaction id in the system tablespace, and
# what the log said of AUTO_INCREMENT counters in a table of its dictionary, which has one page, or a few when there are many; and a
# transaction that was being committed, and is not in the binary log, it rolls back all the same.
LATER_MAX = {"mariadb": 0, "mysql": 24}
# 16 KiB is what servers run with; the others now and then.
# How many steps of load there are at most before the kill; MySQL's take longer.
STEPS_MAX = {"mariadb": 900, "mysql": 400}
PAGE_SIZES = (16, 16, 16, 16, 4, 8, 32, 64)


def crash(s, flavour, folder, seed, prepare=lambda server: None, left_out=LEFT_OUT, keys=None):
    """A datadir whose server was killed under load. prepare: called with the server before its load starts. keys: of a server that
    encrypts its redo log and no tablespace (options, file, place as in encryption.py)."""
    size = s.random.choice(PAGE_SIZES)
    server = s.server(os.path.join(folder, "crashed"), flavour=flavour, options=["--innodb-page-size=%dk" % size])
    # small buffer pools write pages early, large ones leave all to the log
    server.options += [*archive_options(server.installation), LOG_SIZE[server.family],
                       "--innodb-buffer-pool-size=%dM" % s.random.choice((24 if size < 64 else 32, 64, 128)),
                       "--innodb-flush-log-at-trx-commit=%d" % s.random.choice((0, 1, 2))]
    server.init()
    if keys:
        server.options += keys.options
        keys.place(server.datadir)
    server.start()
    prepare(server)
    load = Load(server, seed, pause_seconds=s.random.choice((0, 0.003)), writers=("bank", "rows", "rows", "long", "special"))
    load.prepare(rows=s.random.choice((20, 300))).start()
    storm = storms.Storm(server, seed, ddl=1, dml=1, imports=False, kinds=[
        k for k in storms.Ddl.weights(server.family) if k not in left_out])
    storm.prepare().start()
    load.wait_for_steps(s.random.randrange(30, STEPS_MAX[server.family]), seconds=90)
    server.kill()
    storm.stop()
    load.stop()
    return server, size


def recover_in_place(s, flavour, folder, crashed, target):
    """A server of that folder recovers `target`, a copy of the datadir of the server `crashed`."""
    ddl_log = os.path.join(target, "ddl_recovery.log")
    if os.path.exists(ddl_log):  # the server would undo a half-made DDL, files included
        os.unlink(ddl_log)
    server = s.server(folder, flavour=flavour, datadir=target, options=[*crashed.options, FORCE[crashed.family], *RECOVER_ONLY])
    server.start()
    s.check(server.stop(), "the recovered server did not stop cleanly")
    return target


def recover_by_server(s, flavour, folder, crashed):
    target = s.path(folder, "server-data")
    subprocess.run(["cp", "-a", "--reflink=auto", crashed.datadir, target], check=True)
    return recover_in_place(s, flavour, os.path.join(folder, "recovered"), crashed, target)


def key_file(keys):
    return [keys.file] if keys else []


def recover_by_mbe(s, folder, crashed, keys=None):
    """(repository, id of the backup, restored datadir)"""
    mbe = s.mbe(crashed, repo=os.path.join(folder, "repo"))
    options = ["--keyring-file=" + f for f in key_file(keys)]
    backup_id = mbe.backup_offline(crashed.datadir, *options).id
    verified = mbe.verify(backup_id)
    s.check(("redo=unopened" in verified.out) == bool(keys), "verify of a log that is %sencrypted: %s", "" if keys else "not ", verified)
    target = s.path(folder, "mbe-data")
    mbe.restore(target, "--memory=%dM" % s.random.choice((16, 256)), *options, backup=backup_id, parallel=s.random.choice((1, 3)))
    return mbe.repo, backup_id, target


def one_round(s, flavour, seed, prepare, keys):
    folder = "round"
    s.random.seed(seed)
    s.sub(folder)
    crashed, size = crash(s, flavour, folder, seed, prepare, keys=keys)
    by_server = recover_by_server(s, flavour, folder, crashed)
    repo, backup_id, by_mbe = recover_by_mbe(s, folder, crashed, keys)
    try:
        said = proof.same_pages(s, repo, backup_id, by_mbe, by_server, key_file(keys), later_max=LATER_MAX[crashed.family])
    except Failed as why:
        raise Failed("seed %d, %d KiB pages: %s" % (seed, size, why)) from None
    s.say("seed %d, %d KiB pages: %s", seed, size, said)
    shutil.rmtree(s.path(folder))
    s.servers.clear()


def body(s, flavour, rounds, prepare=lambda server: None, keys=None):
    for number in range(s.rounds(rounds)):
        one_round(s, flavour, s.seed + number, prepare, keys)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11", 20))
