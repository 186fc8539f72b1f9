#!/usr/bin/python3
"""SIGINT, SIGTERM and SIGKILL at random moments of a backup: nothing lists, the server is free, the next run cleans up and is right."""
# timeout: 400

import signal
import time

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.scenario import run

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def kill_once(s, source, mbe, number, delay):
    """None when the signal came before the end; else how long the backup took."""
    before = mbe.ids()
    running = mbe.start_backup()
    time.sleep(delay)
    running.signal(number)
    done = running.wait(60)
    name = signal.Signals(number).name
    if done.status == 0:
        mbe.finished_backup(done)
        return done.seconds
    new = sorted(set(mbe.ids()) - set(before))
    if number == signal.SIGKILL and new:  # it hit between publishing and the end: then the backup must be whole
        mbe.verify(new[0])
        return done.seconds
    s.check_equal(mbe.ids(), before, "list after %s" % name)
    s.check_equal(proof.locked_out(source), None, "locks after %s" % name)
    if number == signal.SIGKILL:
        s.check_equal(done.status, -number, "%s: %s" % (name, done))
        return None
    if done.status == -number and not done.err:
        return 0            # it had not come to main() yet: that counts for nothing
    s.check_equal(mbe.leftovers(), [], "left in the repository by %s" % name)
    s.check_equal(done.status, 1, "%s after %.2f s: %s" % (name, delay, done))
    s.check("interrupted" in done.err.lower() or "signal" in done.err.lower(), "%s is not named: %s", name, done)
    return None


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    load = Load(source, s.seed).prepare(rows=2000).start()
    mbe = s.mbe(source)
    whole = mbe.backup().done.seconds
    rounds, n, in_time = s.rounds(15), 0, 0
    while n < rounds or (in_time * 3 < rounds and n < 5 * rounds):
        late = kill_once(s, source, mbe, SIGNALS[n % 3], whole * s.random.uniform(0.1, 1.0))
        in_time += late is None
        whole = min(whole, late or whole)       # the first one may have had to wait for something
        n += 1
    s.say("%d of %d signals came in time; a whole backup takes %.1f s", in_time, n, whole)
    s.check(in_time * 3 >= rounds, "only %d of %d signals came before the backup was done", in_time, n)
    backup = mbe.backup()
    s.check_equal(mbe.leftovers(), [], "left in the repository after a whole backup")
    load.stop()
    mbe.verify("all")
    proof.prove_by_replay(s, source, backup)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
