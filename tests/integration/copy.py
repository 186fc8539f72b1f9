#!/usr/bin/python3
"""mbe copy: a chain goes from a directory to an object store, from there to another machine and back to a directory, and restores equal.
Of a damaged backup nothing arrives, nor of what is based on it. Whenever a copy is killed, what lists over there is whole, and the next
one completes it."""
# timeout: 120

import fcntl
import os
import re
import shutil
import signal
import time

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof, s3
from harness.mbe import DAMAGE, REFUSED
from harness.scenario import run
from prune import Repository, check_whole, lock_of, locked, said, week
from ssh import stand_in




def copy(mbe, source, target, *extra, **kwargs):
    return mbe.run("copy", "--from=" + source, "--to=" + target, "--progress=none", *extra, **kwargs)


def same_files(s, a, b, ids):
    for i in ids:
        with open(os.path.join(a, i, "backup.mbe"), "rb") as x, open(os.path.join(b, i, "backup.mbe"), "rb") as y:
            s.check(x.read() == y.read(), "%s is not the same in %s and %s", i, a, b)


class Target(Repository):
    """An empty repository for copies of another one's backups."""

    def __init__(self, s, of, name):
        super().__init__(s, name)
        self.ids, self.archive_ids, self.begun = of.ids, of.archive_ids, of.begun


def choices(s):
    r = week(s, "from")
    t = Target(s, r, "to")
    out = copy(r.mbe, r.path, t.path, "--backup=" + r.ids["D"]).out
    s.check_equal([line.split()[:2] for line in out.splitlines()], [["copied", r.ids[n]] for n in "ABD"], "bases first")
    s.check_equal(t.listed(), "ABD", "one chain")
    for held, what in ((r.archive("E"), "what is copied"), (t.archive("B"), "its base over there")):
        with locked(held, fcntl.LOCK_EX):
            running = r.mbe.start("copy", "--from=" + r.path, "--to=" + t.path)
            s.wait_until(lambda pid=running.pid: lock_of(pid) == "waits", 20, "a deletion of %s is waited for" % what)
            running.signal(signal.SIGTERM)
            running.wait()
    out = copy(r.mbe, r.path, t.path).out
    s.check_equal([line.split()[:2] for line in out.splitlines()],
                  [["there" if n in "ABCD" else "copied", r.ids[n]] for n in "ABCDEF"], "the rest")
    s.check_equal((t.listed(), t.mbe.leftovers()), ("ABCDEF", []), "all")
    same_files(s, r.path, t.path, r.ids.values())
    check_whole(s, t)
    r.put("G", "F", 1)
    os.remove(t.archive("F"))
    os.rmdir(os.path.dirname(t.archive("F")))
    t.put("F", "E", 2)                              # another backup of that name
    done = copy(r.mbe, r.path, t.path, expect=REFUSED)
    s.check("has another backup of the name " + r.ids["F"] in done.err, "another backup: %s", done)
    s.check(r.ids["G"] not in [b["id"] for b in t.mbe.list()], "an increment came to another base")


def damage(s):
    r = week(s, "damaged-from")
    t = Target(s, r, "damaged-to")
    with open(r.archive("B"), "r+b") as f:
        f.seek(80)
        byte = f.read(1)
        f.seek(80)
        f.write(bytes([byte[0] ^ 1]))
    done = copy(r.mbe, r.path, t.path, expect=DAMAGE)
    s.check(r.archive("B") in done.err and "3 of 6 backups are not copied" in done.err, "damage is not named: %s", done)
    s.check_equal((t.listed(), t.mbe.leftovers()), ("AEF", []), "what arrives when B is damaged")
    copy(r.mbe, r.path, t.path, "--backup=" + r.ids["C"], expect=DAMAGE)


def killed(s):
    """kill -9 at random moments."""
    r = Repository(s, "killed-from")
    for k in range(20):
        r.put(str(k), str(k - 1) if k % 5 else None, 100 - k)
    t = Target(s, r, "killed-to")
    counts = []
    for _ in range(s.rounds(12)):
        n = s.random.randrange(4)
        running = r.mbe.start("copy", "--from=" + r.path, "--to=" + t.path)
        s.wait_until(lambda r=running, n=n: said(r).count("copied") >= n or not r.running(), 60, "%d copies" % n, every=0.001)
        time.sleep(s.random.uniform(0, 0.02))
        running.signal(signal.SIGKILL)
        running.wait()
        listed = t.mbe.list()
        s.check_equal([b for b in listed if b.get("error") or b["broken"]], [], "broken backups in the list")
        same_files(s, r.path, t.path, [b["id"] for b in listed])
        counts.append(len(listed))
        if len(listed) == len(r.ids):
            for i in t.ids.values():
                shutil.rmtree(os.path.join(t.path, i))
    s.say("listed after each kill: %s", counts)
    copy(r.mbe, r.path, t.path)
    s.check_equal((len(t.mbe.list()), t.mbe.leftovers()), (20, []), "the last copy")
    same_files(s, r.path, t.path, r.ids.values())


def around(s, flavour):
    """Sealed ones: directory, object store, other machine, directory; while one request in seven to the store fails."""
    store = s3.Store().start()
    s.at_end.append(store.stop)
    source = proof.start_source(s, flavour=flavour)
    source.sql("create database b", "use b", "create table t (a int primary key, b char(200)) engine=innodb",
               "insert into t select seq, seq from " + source.numbers(20000))
    mbe = s.mbe(source)
    mbe.run("key", "generate", "--output=" + s.path("key"))
    mbe.key = ["--key-file=" + s.path("key")]
    mbe.backup("--hash")
    source.sql("update b.t set b = 'x' where a % 100 = 1")
    newest = mbe.backup("--incremental", "--hash")
    mbe.verify(newest.id)
    command, url = stand_in(s)
    there, back = s.path("there"), s.mbe(source, repo="back")
    back.key = mbe.key
    in_store = "s3://%s/db 1" % s3.BUCKET
    with_s3 = store.options()
    with_ssh = ["--ssh-command=" + command, "--remote-mbe=" + mbe.program]
    env = dict(os.environ, **store.environment())
    store.denied = ("DELETE",)
    store.faults = s3.Faults(s.seed)
    out = copy(mbe, mbe.repo, in_store, *with_s3, *mbe.key, env=env).out
    s.check("only its checksums" not in out, "copied with the key: %s", out)
    out = copy(mbe, in_store, url + there, *with_s3, *with_ssh, env=env).out
    s.check_equal([bool(re.match(r"copied  %s  .*, sealed: only its checksums were verified$" % i, line))
                   for i, line in zip(mbe.ids(), out.splitlines())], [True, True], "copied without the key: " + out)
    copy(mbe, in_store, s.path("none"), "--backup=" + newest.id, *with_s3, env=env, expect=REFUSED)
    s.check_equal([line.split()[0] for line in copy(mbe, in_store, url + there, *with_s3, *with_ssh, env=env).out.splitlines()],
                  ["there", "there"], "once more")
    copy(mbe, url + there, back.repo, *with_ssh)
    same_files(s, mbe.repo, back.repo, mbe.ids())
    s.check_equal((back.ids(), back.leftovers(), os.listdir(os.path.join(back.repo, newest.id))),
                  (mbe.ids(), [], ["backup.mbe"]), "what came back")
    shutil.rmtree(mbe.repo)
    done = back.restore(s.path("restored"), "--verify", *s.boot_options(source.installation)[:2], backup=newest.id)
    s.check(re.search(r" compared=[1-9]\d* different=0 ", done.out), "restore --verify: %s", done)


def body(s):
    choices(s)
    damage(s)
    killed(s)
    around(s, "mariadb-10.11")


if __name__ == "__main__":
    run(body)
