#!/usr/bin/python3
"""A full disk in the repository and in the restore's target: a clear failure, nothing that looks whole, and all is well once there
is room again. With a small tmpfs where mounts are allowed; and always with a limit of the file size (RLIMIT_FSIZE).
"""
# timeout: 200

import os
import re
import subprocess

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.mbe import OPERATION_FAILED
from harness.scenario import run

MARKER = "mbe-restore-incomplete"


def small_disk(s, name, megabytes):
    """Mount point of a small tmpfs, or None where we may not mount."""
    path = s.path(name)
    os.mkdir(path)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dM" % megabytes, "mbe-test", path], capture_output=True, check=False)
    if done.returncode:
        return None
    s.at_end.append(lambda: subprocess.run(["umount", "-l", path], check=False))
    return path


def limited(megabytes):
    """A command prefix that limits the size of every file, and makes writing past it an error instead of a signal."""
    return ["bash", "-c", "trap '' XFSZ; ulimit -f %d; exec \"$0\" \"$@\"" % (megabytes * 1024)]


def judge_backup(s, title, mbe, word, **kwargs):
    done = mbe.run(*mbe.backup_args("--compress=none"), expect=OPERATION_FAILED, **kwargs)
    s.check(re.search(word, done.err), "%s: no %r: %s", title, word, done)
    s.check_equal(mbe.ids(), [], title + ": list")
    s.check_equal(mbe.leftovers(), [], title + ": left in the repository")
    s.check_equal(proof.locked_out(mbe.server), None, title + ": locks")
    s.say("%s: %s", title, re.search(r"(?m)^mbe: (.*)", done.err)[1])


def judge_restore(s, title, mbe, target, word, **kwargs):
    done = mbe.restore(target, expect=OPERATION_FAILED, **kwargs)
    s.check(re.search(word, done.err), "%s: no %r: %s", title, word, done)
    s.check(os.path.exists(os.path.join(target, MARKER)), "%s: no marker in %s", title, os.listdir(target))
    mbe.restore(target, expect=4)
    s.say("%s: %s", title, re.search(r"(?m)^mbe: (.*)", done.err)[1])


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    source.sql("create database f", "create table f.t (id int primary key, b longblob) engine=innodb", "use f",
               "insert into t select seq, repeat(sha2(seq, 256), 1000) from " + source.numbers(500))

    mbe = s.mbe(source, repo="limited")
    judge_backup(s, "file size limit on the repository", mbe, r"[Ff]ile too large|EFBIG", wrapper=limited(10))
    backup = mbe.backup()
    judge_restore(s, "file size limit on the target", mbe, s.path("limited-target"), r"[Ff]ile too large|EFBIG", wrapper=limited(10))

    disk = small_disk(s, "disk", 24)
    if disk:
        judge_backup(s, "full disk under the repository", s.mbe(source, repo=os.path.join(disk, "repo")), r"[Nn]o space|MiB free")
        judge_restore(s, "full disk under the target", mbe, os.path.join(disk, "target"), r"[Nn]o space|MiB free")
    else:
        s.say("no mounts here: only file size limits were tested")
    mbe.restore(s.path("target"), backup=backup.id)
    s.check(not os.path.exists(os.path.join(s.path("target"), MARKER)), "the marker is still there")


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
