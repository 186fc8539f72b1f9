#!/usr/bin/python3
"""One sealed backup into two repositories, a directory and an object store: the same archive in both, a chain goes on in both. One of them
fails while the other goes on, and comes back: what the other has is the source, and what both have can be restored from either.
"""
# timeout: 120

import os
import re

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof, s3
from harness.load import Load
from harness.mbe import OPERATION_FAILED, USAGE
from harness.scenario import run

PREFIX = "db"
URL = "s3://%s/%s" % (s3.BUCKET, PREFIX)


class Both:
    """Takes backups into both repositories."""

    def __init__(self, s, source, store):
        self.s, self.store = s, store
        self.directory, self.bucket = s.mbe(source), s.mbe(source)
        self.bucket.repo, self.bucket.more, self.bucket.logs = URL, store.options(), s.sub("bucket-logs")
        self.bucket.environment = dict(os.environ, **store.environment())
        self.directory.run("key", "generate", "--output=" + s.path("key"))
        self.directory.key = self.bucket.key = ["--key-file=" + s.path("key")]
        self.args = ["--repo=" + URL, "--tmp-dir=" + s.folder, *store.options()]

    def start_backup(self, *args):
        return self.directory.start_backup(*self.args, *args, env=self.bucket.environment)

    @property
    def server(self):
        return self.directory.server

    def backup(self, *args):
        done = self.start_backup(*args).wait()
        backup = self.directory.finished_backup(done)
        self.s.check_equal(self.ids()[1][-1], backup.id, "the newest in the bucket")
        with open(backup.archive, "rb") as f:
            self.s.check(f.read() == self.store.objects["%s/%s/backup.mbe" % (PREFIX, backup.id)], "the two archives are not the same")
        return backup

    def ids(self):
        return self.directory.ids(), self.bucket.ids()

    def left(self):
        """What is left of unfinished work."""
        return self.directory.leftovers() + list(self.store.uploads)


def refused(s, both):
    """What needs one repository says so; one that is given twice is told before the server is asked."""
    path = both.directory.repo
    for args in (["list"], ["restore", "--datadir=" + s.path("none")], ["verify"]):
        done = both.directory.run(*args, "--repo=" + path, "--repo=" + s.path("other"), expect=USAGE)
        s.check("takes one repository" in done.err, "a second repository is not refused: %s", done)
    both.directory.run(*both.directory.backup_args("--repo=" + path + "/"), expect=USAGE)


def one_fails(s, both):
    """The store takes nothing any more when all was copied; the directory gets its backup all the same. -> that backup"""
    before = both.ids()
    with proof.held_after_copy(s, both.server, both, "--incremental", "--require-base", "--lock-wait=100") as running:
        both.store.denied = ("PUT",)
    done = running.wait(100)
    both.store.denied = ()
    s.check_equal(done.status, OPERATION_FAILED, str(done))
    s.check(re.search(r"(?m) error backup: s3://.*AccessDenied.*; .* had gone there$", done.err), "who failed is not told: %s", done)
    s.check(re.search(r"(?m)^mbe: backup \S+ is in 1 of 2 repositories only$", done.err), "that one failed is not told: %s", done)
    done.status = 0
    backup = both.directory.finished_backup(done)
    s.check_equal(both.ids(), (before[0] + [backup.id], before[1]), "what lists when one has failed")
    return backup


def body(s, flavour):
    store = s3.Store().start()
    s.at_end.append(store.stop)
    source = proof.start_source(s, flavour=flavour)
    both = Both(s, source, store)
    load = Load(source, s.seed, writers=("bank", "rows", "plain")).prepare(500).start()
    full = both.backup()
    refused(s, both)
    alone = one_fails(s, both)
    load.wait_for_steps(100)
    increment = both.backup("--incremental", "--require-base")
    s.check_equal(increment.manifest["base"], full.id, "the newest that both have is the base")
    load.stop()
    s.check_equal(both.left(), [], "what is left")
    proof.prove_by_replay(s, source, alone)
    both.bucket.check_pages(increment.id)
    both.bucket.restore(s.path("from-bucket"), backup=increment.id)
    s.check_equal([p for p in store.problems if "AccessDenied" not in p], [], "what the store complains about")


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
