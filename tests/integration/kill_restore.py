#!/usr/bin/python3
"""SIGINT, SIGTERM and SIGKILL at random moments of a restore: what is left never looks like a datadir, is refused as a target, and a
restore beside it is right.
"""
# timeout: 300

import os
import shutil
import signal
import time

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import Load, archive_options
from harness.scenario import run

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
MARKER = "mbe-restore-incomplete"


def start_restore(mbe, target):
    return mbe.start("restore", "--repo=" + mbe.repo, "--datadir=" + target, "--progress=none", "--parallel=1", "--memory=16M")


def kill_once(s, mbe, number, delay):
    """True when the signal came before the end."""
    target = s.path("target")
    shutil.rmtree(target, ignore_errors=True)
    running = start_restore(mbe, target)
    time.sleep(delay)
    running.signal(number)
    done = running.wait(60)
    name = "%s after %.2f s" % (signal.Signals(number).name, delay)
    if done.status == 0:
        s.check(not os.path.exists(os.path.join(target, MARKER)), "%s: exit 0, but the marker is there", name)
        return False
    if not os.path.isdir(target) or not os.listdir(target):
        s.check(done.status in (1, -number), "%s: %s", name, done)
        return False        # it had not begun yet
    s.check_equal(done.status, -number if number == signal.SIGKILL else 1, "%s: %s" % (name, done))
    if number == signal.SIGKILL and not os.path.exists(os.path.join(target, MARKER)):
        # it came when all was durable already: then it has to be a whole datadir
        server = s.server("finished", flavour=mbe.server.flavour, datadir=target, defaults=os.path.join(target, "mbe-my.cnf"),
                          options=archive_options(mbe.server.installation)).start()
        s.check_none(check.health(server, s), name)
        server.stop()
        return False
    s.check(os.path.exists(os.path.join(target, MARKER)), "%s: no marker among %s", name, os.listdir(target))
    refused = mbe.restore(target, expect=4)
    s.check("not empty" in refused.err, "%s: %s", name, refused)
    return True


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    load = Load(source, s.seed).prepare(rows=3000).start()
    load.wait_for_steps(300)
    mbe = s.mbe(source)
    backup = mbe.backup()
    load.stop()
    running = start_restore(mbe, s.path("whole"))
    whole = running.wait().seconds
    rounds, n, in_time = s.rounds(15), 0, 0
    while n < rounds or (in_time * 3 < rounds and n < 5 * rounds):      # the first restore may have been a slow one
        in_time += kill_once(s, mbe, SIGNALS[n % 3], whole * s.random.uniform(0.1, 1.0))
        n += 1
    s.say("%d of %d signals came in time; a whole restore takes %.1f s", in_time, n, whole)
    s.check(in_time * 3 >= rounds, "only %d of %d signals came before the restore was done", in_time, n)
    proof.prove_by_replay(s, source, backup)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
