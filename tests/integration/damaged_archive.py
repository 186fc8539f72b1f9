#!/usr/bin/python3
"""Damage anywhere in an archive is found by verify and by restore, with exit status 3 and never a crash: flipped bits over its whole
length, truncation anywhere, garbage behind the end; a damaged one does not hide the others in the list.
"""
# timeout: 400

import os
import shutil

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.mbe import DAMAGE, OK, REFUSED, USAGE
from harness.scenario import run


def judge(s, title, mbe, archive, original, damaged, must_fail=True):
    with open(archive, "wb") as f:
        f.write(damaged)
    verify = mbe.run("verify", "--repo=" + mbe.repo, "--backup=latest", "--progress=none", expect=None, seconds=60)
    s.check(verify.status == DAMAGE if must_fail else verify.status in (OK, DAMAGE), "verify, %s: %s", title, verify)
    if must_fail:
        s.check("mbe: " in verify.err, "verify gives no reason, %s: %s", title, verify)
    with open(archive, "wb") as f:
        f.write(original)


def judge_restore(s, title, mbe, archive, original, damaged, unchecked):
    """Also without the check beforehand, if `unchecked`: then there may be a target, which is marked."""
    with open(archive, "wb") as f:
        f.write(damaged)
    target = s.path("target")
    done = mbe.restore(target, expect=None, seconds=60)
    s.check_equal(done.status, DAMAGE, "restore, %s: %s" % (title, done))
    s.check(not os.path.exists(target), "restore, %s: the target was touched: %s", title, done)
    if unchecked:
        done = mbe.restore(target, "--no-check", expect=None, seconds=60)
        s.check_equal(done.status, DAMAGE, "unchecked restore, %s: %s" % (title, done))
        s.check(not os.path.exists(target) or not os.listdir(target) or os.path.exists(os.path.join(target, "mbe-restore-incomplete")),
                "restore, %s: looks whole: %s", title, done)
    shutil.rmtree(target, ignore_errors=True)
    with open(archive, "wb") as f:
        f.write(original)


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def overwritten(data, at, text):
    """With the text at that place; a page may have such a run there already, then with one bit of it flipped."""
    if data[at:at + len(text)] == text:
        return flipped(data, at * 8)
    return data[:at] + text + data[at + len(text):]


def cases(s, data):
    """title, damaged bytes."""
    size = len(data)
    for part in range(s.rounds(30)):
        bit = s.random.randrange(part * size * 8 // s.rounds(30), (part + 1) * size * 8 // s.rounds(30))
        yield "bit %d flipped" % bit, flipped(data, bit)
    for at in (0, 1, 4, 8, 16, 40, 64, size - 1, size - 2, size - 8, size - 16, size - 40, size - 64, size - 200):
        yield "bit 0 of byte %d flipped" % at, flipped(data, at * 8)
    for length in (0, 1, 7, 63, 64, 100, size // 3, size // 2, size - 4096, size - 100, size - 64, size - 1):
        yield "cut to %d bytes" % length, data[:length]
    for _ in range(4):
        length = s.random.randrange(size)
        yield "cut to %d bytes" % length, data[:length]
    for at in (size // 4, size // 2, size - 300):
        yield "absurd sizes at %d" % at, overwritten(data, at, b"\xff" * 64)
        yield "zeros at %d" % at, overwritten(data, at, bytes(256))
    half = size // 2
    yield "halves exchanged", data[half:] + data[:half]
    yield "a hole in the middle", data[:half] + data[half + 1000:]
    yield "garbage", bytes((i * 97 + 31) % 256 for i in range(4096))


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    source.sql("create database d", "create table d.t (id int primary key, b varchar(200)) engine=innodb",
               "create table d.m (id int) engine=myisam", "insert into d.m values (1)", "use d",
               "insert into t select seq, repeat('b', seq % 200) from " + source.numbers(2000))
    for codec in ("zstd:1", "none"):
        mbe = s.mbe(source, repo="repo-" + codec.replace(":", ""))
        first = mbe.backup("--compress=" + codec)
        backup = mbe.backup("--compress=" + codec)
        with open(backup.archive, "rb") as f:
            data = f.read()
        count = 0
        for title, damaged in cases(s, data):
            judge(s, title, mbe, backup.archive, data, damaged)
            if count % 6 == 0:
                judge_restore(s, title, mbe, backup.archive, data, damaged, unchecked=count % 12 == 0)
            count += 1
        judge(s, "bytes behind the end", mbe, backup.archive, data, data + b"\0" * 100, must_fail=False)
        s.say("%s: %d damages of %d bytes, all found", codec, count, len(data))

        # a damaged or missing archive does not hide the whole ones, and nothing else is taken for a backup
        with open(backup.archive, "wb") as f:
            f.write(data[:1000])
        listed = mbe.list()
        s.check_equal([b["id"] for b in listed], [first.id, backup.id], "list with a damaged backup")
        s.check("error" in listed[1] and "error" not in listed[0], "list with a damaged backup: %r", listed)
        mbe.verify(first.id)
        mbe.verify("all", expect=DAMAGE)
        mbe.run("show", "--repo=" + mbe.repo, "--backup=" + backup.id, "--json", expect=DAMAGE)
        os.unlink(backup.archive)
        done = mbe.run("show", "--repo=" + mbe.repo, "--backup=" + backup.id, expect=None)
        s.check(done.status in (1, USAGE, DAMAGE, REFUSED) and "mbe: " in done.err, "archive is gone: %s", done)
        shutil.rmtree(backup.path)
        os.makedirs(os.path.join(mbe.repo, "not-a-backup"))
        s.check_equal(mbe.ids(), [first.id], "list with a foreign directory")
        mbe.restore(s.path("whole-" + codec.replace(":", "")))


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
