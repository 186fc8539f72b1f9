#!/usr/bin/python3
"""A repository in an object store that fails as often as it can: backups under load go there, are listed, proven, restored equal, and
deleted. What is killed leaves nothing that lists. The store (harness/s3.py) checks every signature and every hash.
"""
# timeout: 300

import os
import signal

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof, s3
from harness.load import Load
from harness.scenario import run

RETAIN = "2099-01-31T00:00:00Z"


def writer(s, source, store):
    """mbe with a repository in the store, as a DBA sets it up who gives it no right to delete."""
    mbe = s.mbe(source)
    mbe.repo = "s3://%s/db 1" % s3.BUCKET
    mbe.more = store.options()
    mbe.environment = dict(os.environ, **store.environment())
    store.denied = ("DELETE",)
    return mbe


def backups(s, mbe, store, load):
    """A full one and an increment, while one request in seven fails and one is never answered."""
    store.faults = s3.Faults(s.seed, stalls=1)
    full = mbe.backup("--parallel=2", "--compress=none")
    load.wait_for_steps(200)
    increment = mbe.backup("--incremental", "--require-base", "--parallel=2", "--retain-until=" + RETAIN)
    s.check_equal(mbe.ids(), [full.id, increment.id], "backups that list")
    s.check_equal(increment.manifest["base"], full.id, "base of the increment")
    key = "db 1/%s/backup.mbe"
    s.check(len(store.objects[key % full.id]) > 8 << 20, "the full backup is one part only")
    s.check_equal([store.headers[key % b.id].get("x-amz-object-lock-retain-until-date") for b in (full, increment)],
                  [None, RETAIN], "what is said about keeping them")
    s.check_equal(store.uploads, {}, "uploads that are left")
    return full, increment


def killed(s, mbe, store):
    """A killed backup is an upload that nothing lists, and the next backup is none the worse for it."""
    before = store.archives()
    running = mbe.start_backup()
    s.wait_until(lambda: store.uploads or not running.running(), 60, "the upload begins", every=0.002)
    running.signal(signal.SIGKILL)
    done = running.wait()
    s.check_equal(done.status, -signal.SIGKILL, "status of the killed backup")
    s.check_equal(store.archives(), before, "archives behind a killed backup")
    s.check_equal(len(store.uploads), 1, "uploads behind a killed backup")
    s.check_equal(len(mbe.ids()), len(before), "backups that list behind a killed one")


def store_dies(s, mbe, store):
    """The store is gone in the middle of a backup, and comes back."""
    left = len(store.uploads)
    running = mbe.start_backup()
    s.wait_until(lambda: len(store.uploads) > left or not running.running(), 60, "the upload begins", every=0.002)
    store.stop()
    store.start()
    return mbe.finished_backup(running.wait())


def deletion(s, mbe, store, full, increment, last):
    done = mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + last.id, expect=4)
    s.check("AccessDenied" in done.err, "who may not delete is not told so: %s", done)
    s.check(last.id in mbe.ids(), "a backup that could not be deleted does not list")
    store.denied = ()
    mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + full.id, expect=4)
    mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + full.id, "--with-dependents")
    s.check_equal(mbe.ids(), [last.id], "backups that list behind the deletion")
    s.check_equal([k for k in store.objects if full.id in k or increment.id in k], [], "objects that are left")


def unknown_certificate(s, mbe, store):
    """Whose certificate is not known is not told anything, and not asked again."""
    known = mbe.more
    mbe.more = [o for o in known if not o.startswith("--s3-ca-file")]
    before = len(store.requests)
    done = mbe.run("list", "--repo=" + mbe.repo, expect=1)
    s.check("certificate" in done.err, "not the certificate is complained about: %s", done)
    s.check_equal(len(store.requests), before, "requests")
    mbe.more = known


def sealed(s, mbe, store):
    """A key is changed without a word to the archive, and what lies beside that goes with it."""
    old, new = keys = [s.path("key-%s" % name) for name in ("old", "new")]
    mbe.more, known = [], mbe.more
    for key in keys:
        mbe.run("key", "generate", "--output=" + key)
    mbe.more = known
    mbe.repo, mbe.key = "s3://%s/sealed" % s3.BUCKET, ["--key-file=" + old]
    backup = mbe.backup()
    before = dict(store.objects)
    mbe.run("key", "rotate", "--repo=" + mbe.repo, "--new-key-file=" + new, *mbe.key)
    s.check_equal([k for k, v in store.objects.items() if v != before.get(k)], ["sealed/%s/key" % backup.id], "objects that are changed")
    mbe.verify(backup.id, expect=4)
    mbe.key = ["--key-file=" + new]
    mbe.verify(backup.id)
    mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + backup.id, *mbe.key)
    s.check_equal([k for k in store.objects if backup.id in k], [], "objects that are left of a sealed backup")


def told_secrets(s):
    """Files of mbe's own words that have the secret key."""
    for name in os.listdir(s.path("logs")):
        with open(s.path("logs", name), "rb") as f:
            if s3.SECRET_KEY.encode() in f.read():
                yield name


def body(s, flavour, tls=False):
    store = s3.Store(s.folder if tls else None).start()
    s.at_end.append(store.stop)
    source = proof.start_source(s, flavour=flavour)
    mbe = writer(s, source, store)
    load = Load(source, s.seed, writers=("bank", "rows", "plain")).prepare(2000).start()
    full, increment = backups(s, mbe, store, load)
    s.say("%s, %s; failures: %s", full.id, increment.id, store.faults.seen)
    store.faults = None
    if tls:
        unknown_certificate(s, mbe, store)
    killed(s, mbe, store)
    last = store_dies(s, mbe, store)
    load.stop()
    store.faults = s3.Faults(s.seed + 1)
    mbe.verify("all")
    levels = [v["level"] for v in mbe.show(full.id)["verified"]]
    s.check_equal(levels, ["archive"], "verifications that are recorded")
    before = len(store.requests)
    proof.prove_by_replay(s, source, increment)
    s.say("%d requests for a check and a restore", len(store.requests) - before)
    store.faults = None
    deletion(s, mbe, store, full, increment, last)
    sealed(s, mbe, store)
    s.check_none(told_secrets(s), "files with the secret key")
    s.check_none([p for p in store.problems if "is not for you" not in p], "requests that a store refuses")


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11", tls=True))
