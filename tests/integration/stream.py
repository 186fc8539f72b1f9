#!/usr/bin/python3
"""mbe backup --repo=- under load through a compressor, and verify and restore from a pipe: every table is what it was when it was hashed.
A stream that is cut off, a reader that is gone, a full device and a terminal end with one clear line and leave nothing. A reader that stalls
keeps no lock.
"""
# timeout: 200

import glob
import os
import re
import shlex
import subprocess
import threading

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.mbe import DAMAGE, ID, OPERATION_FAILED, REFUSED, USAGE
from harness.scenario import run


LOCK_IS_OVER = r" lock: (.* flush wait|DDL stopped for)"


class Streams:
    """Runs of mbe in shell pipelines. tmp is where they keep what they need for a while: nothing is to be left there."""

    def __init__(self, s, mbe):
        self.s, self.mbe, self.tmp = s, mbe, s.sub("tmp")

    def backup(self, *extra):
        return ["backup", "--full", "--repo=-", "--tmp-dir=" + self.tmp, "--defaults-file=" + self.mbe.option_file(), "--progress=none",
                *extra]

    def read(self, verb, *extra):
        return [verb, "--repo=-", "--tmp-dir=" + self.tmp, "--progress=none", *extra]

    def run(self, pipeline, args, expect=0):
        """`pipeline` is a shell text with MBE in it, whose exit status is asked for. Returns (stdout, stderr)."""
        command = " ".join(map(shlex.quote, [self.mbe.program, *args]))
        text = pipeline.replace("MBE", "{ %s; echo $? >%s; }" % (command, shlex.quote(self.s.path("status"))))
        done = subprocess.run(["bash", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
        with open(self.s.path("status"), encoding="utf-8") as f:
            status = int(f.read())
        self.s.check_equal(status, expect, "exit status of %s: %s%s" % (text, done.stdout, done.stderr))
        self.s.check_equal(os.listdir(self.tmp), [], "left by %s" % text)
        return done.stdout, done.stderr

    def fails(self, pipeline, args, expect, words):
        """It ends with one line that says why."""
        _, err = self.run(pipeline, args, expect)
        lines = [line for line in err.splitlines() if line.startswith("mbe: ")]
        self.s.check(len(lines) == 1 and re.search(words, lines[0]), "%r expected in one line: %s", words, err)
        self.s.say("%s", lines[0])


def take(s, streams):
    """The file that the backup went to, compressed."""
    path = s.path("backup.zst")
    _, err = streams.run("MBE | zstd -q -1 -c >" + shlex.quote(path), streams.backup("--hash"))
    s.check(ID.match(err.splitlines()[-1]), "the last line is no id: %s", err)
    return path, err.splitlines()[-1]


def read_back(s, streams, source, packed, backup_id):
    unpack = "zstd -dcq %s | MBE" % shlex.quote(packed)
    out, _ = streams.run(unpack, streams.read("verify"))
    s.check(out.startswith(backup_id + "  ok "), "verify: %s", out)
    target = os.path.join(s.sub("restored"), "data")
    os.mkdir(target)        # where the stream is kept when nothing else is said
    out, _ = streams.run(unpack, ["restore", "--repo=-", "--datadir=" + target, "--progress=none", "--verify",
                                  *s.boot_options(source.installation)[:2]])
    s.check_equal(os.listdir(s.path("restored")), ["data"], "beside the target")
    compared = re.search(r" compared=(\d+) different=0 ", out)
    s.check(out.startswith(backup_id + "  ok ") and compared and int(compared[1]) > 10, "restore --verify: %s", out)
    streams.fails(unpack, streams.read("restore", "--datadir=" + target), REFUSED, "not empty")
    streams.fails("zstd -dcq %s | head -c 1000000 | MBE" % shlex.quote(packed), streams.read("restore", "--datadir=" + s.path("cut")), DAMAGE,
                  "standard input: is incomplete")
    streams.fails("MBE <" + shlex.quote(packed), streams.read("verify"), DAMAGE, "standard input: no archive header")
    s.check(not os.path.exists(s.path("cut")), "a target was made of a stream that was cut off")


def plain_file(s, streams, mbe, packed, backup_id):
    """What the stream holds is an ordinary archive: in a repository it is one of its backups."""
    path = os.path.join(mbe.repo, backup_id, "backup.mbe")
    os.makedirs(os.path.dirname(path))
    with open(os.path.join(mbe.repo, "mbe-repository"), "w", encoding="utf-8") as f:
        f.write("mbe repository 1\n")
    subprocess.run(["zstd", "-dq", packed, "-o", path], check=True)
    s.check_equal(mbe.ids(), [backup_id], "list")
    mbe.verify()
    streams.run("MBE <" + shlex.quote(path), streams.read("verify"))


class Pipe:
    """A pipe with a reader that can be told to stall. What it reads goes to a file."""

    def __init__(self, s, streams):
        self.streams, self.path, self.copy = streams, s.path("pipe"), s.path("copy")
        self.may_read = threading.Event()
        self.may_read.set()
        os.mkfifo(self.path)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        with open(self.path, "rb") as pipe, open(self.copy, "wb") as copy:
            while True:
                self.may_read.wait()
                data = os.read(pipe.fileno(), 65536)
                if not data:
                    return
                copy.write(data)

    def start_backup(self, *extra):
        """As Mbe has it."""
        into = ["bash", "-c", "exec \"$0\" \"$@\" >" + shlex.quote(self.path)]
        return self.streams.mbe.start(*self.streams.backup("--compress=none", *extra), wrapper=into)


def stalled_reader(s, streams, source):
    """Nobody reads while the backup has the lock, and more is written then than a pipe holds: the lock is let go all the same."""
    source.sql("create database stall", "create table stall.t (a longblob) engine=myisam")
    pipe = Pipe(s, streams)
    with proof.held_after_copy(s, source, pipe, "--lock-wait=100") as running:
        pipe.may_read.clear()
        source.sql("use stall", "insert into t select repeat(sha2(seq, 256), 1000) from " + source.numbers(100))
    s.wait_until(lambda: re.search(LOCK_IS_OVER, running.progress()) or not running.running(), 100, "the lock is let go")
    s.check(running.running(), "it did not wait for its reader: %s", running.progress()[-2000:])
    s.check_equal(proof.locked_out(source), None, "locks while the reader stalls")
    pipe.may_read.set()
    done = running.wait(100)
    pipe.thread.join()
    s.check_equal(done.status, 0, str(done))
    streams.run("MBE <" + shlex.quote(pipe.copy), streams.read("verify"))


def terminal(s, streams):
    main, other = os.openpty()
    for args in (streams.backup(), streams.read("verify")):
        done = subprocess.run([streams.mbe.program, *args], stdin=other, stdout=other, stderr=subprocess.PIPE, text=True, check=False)
        s.check_equal(done.returncode, USAGE, "on a terminal: %s" % done.stderr)
        s.check(" is a terminal" in done.stderr, "on a terminal: %s", done.stderr)
    os.close(main)
    os.close(other)


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    load = Load(source, s.seed).prepare(rows=500).start()
    mbe = s.mbe(source)
    streams = Streams(s, mbe)
    packed, backup_id = take(s, streams)
    streams.fails("MBE | head -c 100000 >" + shlex.quote(s.path("head")), streams.backup("--compress=none"), OPERATION_FAILED,
                  "standard output: cannot write: Broken pipe")
    streams.fails("MBE >/dev/full", streams.backup(), OPERATION_FAILED, "standard output: cannot write: No space left on device")
    s.check_equal(proof.locked_out(source), None, "locks after backups that failed")
    load.stop()
    stalled_reader(s, streams, source)
    terminal(s, streams)
    read_back(s, streams, source, packed, backup_id)
    plain_file(s, streams, mbe, packed, backup_id)
    s.check_equal(glob.glob(s.path("tmp", "*")), [], "left at the end")


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
