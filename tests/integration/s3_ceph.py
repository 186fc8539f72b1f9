#!/usr/bin/python3
"""A repository in a real distributed object store, Ceph's: a backup and an increment under load, with a gateway that is killed meanwhile;
list, verify, restore equal to the source, delete. A killed backup does not list.
"""
# timeout: 400

import os
import signal

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import ceph, proof, s3, servers
from harness.load import Load
from harness.scenario import Skip, run


def cluster(s):
    try:
        found = ceph.Cluster(s.path("ceph"))
        s.at_end.append(found.stop)
        found.start()
    except (servers.Unavailable, servers.ServerFailed) as why:
        raise Skip("no Ceph object store: %s" % why) from None
    s3.create_bucket(found.endpoint)
    s.say("the store is up")
    return found


def uploads(store):
    return s3.ask(store.endpoint, "GET", "/%s/" % s3.BUCKET, "uploads=").count("<UploadId>")


def body(s):
    store = cluster(s)
    source = proof.start_source(s)
    mbe = s.mbe(source)
    mbe.repo = "s3://%s/db 1" % s3.BUCKET
    mbe.more = store.options()
    mbe.environment = dict(os.environ, **s3.Store.environment())
    load = Load(source, s.seed, writers=("bank", "rows", "plain")).prepare(2000).start()

    running = mbe.start_backup("--compress=none")
    s.wait_until(lambda: uploads(store) or not running.running(), 60, "the upload begins")
    store.kill_gateway()
    store.start_gateway()
    full = mbe.finished_backup(running.wait())
    load.wait_for_steps(200)
    increment = mbe.backup("--incremental", "--require-base")

    running = mbe.start_backup()
    s.wait_until(lambda: uploads(store) or not running.running(), 60, "the upload begins")
    running.signal(signal.SIGKILL)
    running.wait()
    s.check_equal(mbe.ids(), [full.id, increment.id], "backups that list")
    s.check_equal(uploads(store), 1, "uploads behind a killed backup")

    load.stop()
    mbe.verify("all")
    proof.prove_by_replay(s, source, increment)
    mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + full.id, "--with-dependents")
    s.check_equal(mbe.ids(), [], "backups that list behind the deletion")
    left = s3.ask(store.endpoint, "GET", "/%s/" % s3.BUCKET, "list-type=2").count("<Key>")
    s.check_equal(left, 1, "objects that are left beside the marker")


if __name__ == "__main__":
    run(body)
