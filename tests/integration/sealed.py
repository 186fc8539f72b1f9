#!/usr/bin/python3
"""Sealed backups: a full one and an increment of a server under load, restored and replayed: equal; consolidated; their key changed. Without the
key, or with another, they are refused by name, and nothing is left; tampering is found; no name, content or key is anywhere where it should not be.
"""
# timeout: 300

import os
import re
import signal
import subprocess

import _path                                    # noqa: F401  pylint: disable=unused-import
from encryption import contains
from harness import proof
from harness.load import Load
from harness.mbe import DAMAGE, REFUSED, USAGE
from harness.scenario import run

PLANTED = "planted_name_of_a_table"
CONTENT = "planted content of a row"


def text_of(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


class Keys:
    """Key files made by mbe, with what of them must be nowhere else."""

    def __init__(self, s, mbe):
        self.s, self.mbe = s, mbe
        self.secrets = []

    def make(self, name):
        path = self.s.path(name)
        key_id = self.mbe.run("key", "generate", "--output=" + path).out.strip()
        line = text_of(path)
        self.s.check_equal(os.stat(path).st_mode & 0o7777, 0o600, "mode of a key file")
        self.s.check(re.fullmatch("mbe-key-1 %s [0-9a-f]{64}\n" % key_id, line), "a key file is not a key's line")
        self.mbe.run("key", "generate", "--output=" + path, expect=REFUSED)
        self.s.check_equal(text_of(path), line, "a key file that was there already")
        self.secrets += [line.split()[2].encode(), bytes.fromhex(line.split()[2])]
        return path, key_id


def refused(s, mbe, expect, message, *key, target=None):
    """A restore and a verification with these options for the key."""
    target = target or s.path("refused")
    given, mbe.key = mbe.key, key
    for done in (mbe.restore(target, expect=expect), mbe.verify("latest", "--level=pages", expect=expect)):
        s.check(message in done.err, "not said: %s: %s", message, done)
    mbe.key = given
    s.check(not os.path.exists(target), "a refused restore has left %s", target)


def environment_is_clean(s, mbe, key, secrets):
    """The key in the environment is wiped there before a program is started."""
    child, parent = s.path("child-environment"), s.path("mbe-environment")
    command = "env >%s; cat /proc/$PPID/environ /proc/$PPID/cmdline >%s; cat %s" % (child, parent, key)
    with open(key, encoding="utf-8") as f:
        line = f.read().strip()
    mbe.run("list", "--repo=" + mbe.repo, "--key-command=" + command, env={**os.environ, "MBE_KEY": line})
    may_look = os.geteuid() == 0    # the system lets nobody else look into a process that has a key
    s.check("PATH=" in text_of(child), "the environment of a program that mbe starts was not looked at")
    s.check_equal("MBE_KEY=" in text_of(parent), may_look, "whether the environment of mbe was looked at")
    s.check_none([p for p in (child, parent) for n in secrets if n in open(p, "rb").read()], "a key in the environment")
    for path in (child, parent):
        os.unlink(path)


def no_core(s, mbe):
    """mbe dies of a signal that dumps core, where the system does that into files, and leaves none."""
    folder = s.path("cores")
    os.makedirs(folder)
    shell = "ulimit -c unlimited; cd %s && exec \"$@\"" % folder

    def cores(*argv):
        with subprocess.Popen(["/bin/bash", "-c", shell, "bash", *argv], stderr=subprocess.PIPE, text=True) as process:
            process.stderr.readline()
            process.send_signal(signal.SIGABRT)
        s.check_equal(process.returncode, -signal.SIGABRT, "how %s ended" % argv[0])
        return os.listdir(folder)

    # While it waits for its key.
    s.check_none(cores(mbe.program, "list", "--repo=" + mbe.repo, "--key-command=echo asked >&2; exec sleep 60"), "core dumps")
    if not cores("/bin/sh", "-c", "echo ready >&2; exec sleep 60"):
        s.say("no program dumps core into files here: that mbe left none says nothing")


def over_ssh(s, mbe):
    """The repository as one of another machine, by way of a program in the place of ssh that goes nowhere."""
    program = s.path("no-ssh")
    with open(program, "w", encoding="utf-8") as f:
        os.fchmod(f.fileno(), 0o700)
        f.write("#!/bin/bash\nexec /bin/sh -c \"${@: -1}\"\n")
    return ["--repo=ssh://there" + mbe.repo, "--ssh-command=" + program, "--remote-mbe=" + mbe.program]


def tampered(s, mbe, backup):
    """Bytes changed in the middle of the archive: found with the key and without."""
    with open(backup.archive, "r+b") as f:
        f.seek(os.path.getsize(backup.archive) // 2)
        was = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([was[0] ^ 1]))
        f.flush()
        mbe.verify(backup.id, expect=DAMAGE)
        given, mbe.key = mbe.key, ()
        mbe.verify(backup.id, expect=DAMAGE)
        mbe.key = given
        f.seek(-1, os.SEEK_CUR)
        f.write(was)
    mbe.verify(backup.id)


def deleted_without_key(s, mbe, ids):
    """Backups whose key is lost: the newest first. ids: all there are, oldest first."""
    delete = ["delete", "--repo=" + mbe.repo]
    done = mbe.run(*delete, "--backup=" + ids[0], expect=REFUSED)
    s.check("what backup %s needs" % ids[-1] in done.err, "a backup that newer ones may need: %s", done)
    s.check_equal(mbe.ids(), ids, "backups after a deletion that was refused")
    for backup_id in reversed(ids):
        mbe.run(*delete, "--backup=" + backup_id)
    s.check_equal(mbe.ids(), [], "backups that were deleted without their key")


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    mbe = s.mbe(source)
    keys = Keys(s, mbe)
    key, key_id = keys.make("key")
    other, other_id = keys.make("other-key")
    load = Load(source, s.seed).prepare()
    source.sql("create database p", "create table p.%s (id int primary key, a varchar(100))" % PLANTED,
               "insert into p.%s values (1, '%s')" % (PLANTED, CONTENT))
    load.start()

    os.chmod(key, 0o640)
    mbe.backup_fails(USAGE, "--key-file=" + key)
    os.chmod(key, 0o600)
    in_clear = mbe.backup()
    mbe.key = ["--key-file=" + key]
    full = mbe.backup("--incremental")      # no base: the one in clear is none
    s.check_equal(full.manifest["type"], "full", "a sealed backup on one in clear")
    load.wait_for_steps(150)
    mbe.key = []
    done = mbe.run(*mbe.backup_args("--incremental"), expect=REFUSED)
    s.check("is sealed with key %s, and no key was given" % key_id in done.err, "an increment without the key: %s", done)
    mbe.key = ["--key-file=" + key]
    increment = mbe.backup("--incremental", "--require-base", "--compress=none", "--hash")
    s.check_equal(increment.manifest["base"], full.id, "base of the sealed increment")
    load.stop()

    refused(s, mbe, REFUSED, "is sealed with key %s, and no key was given" % key_id)
    refused(s, mbe, REFUSED, "is sealed with key %s, and the key that was given is %s" % (key_id, other_id), "--key-file=" + other)
    listed = mbe.run("list", "--repo=" + mbe.repo).out
    s.check_equal(listed.count("is sealed with key %s" % key_id), 2, "sealed backups in a list without the key")
    unopened = mbe.run("verify", "--repo=" + mbe.repo, "--backup=" + increment.id).out
    s.check("seal=unopened" in unopened, "verified without the key: %s", unopened)
    s.check(not os.path.exists(os.path.join(increment.path, "verified.jsonl")), "a verification without the key is recorded")

    mbe.verify(increment.id, "--level=pages")
    tampered(s, mbe, increment)
    wrong = "20200101T000000Z-full"
    elsewhere = os.path.join(mbe.repo, wrong)
    os.rename(full.path, elsewhere)
    done = mbe.verify(wrong, expect=DAMAGE)
    s.check("is the archive of backup " + full.id in done.err, "a backup under another name: %s", done)
    done = mbe.run("prune", "--repo=" + mbe.repo, "--keep-full=1", "--dry-run", *mbe.key)
    s.check("keep  %s  not counted" % wrong in done.out, "prune of a backup under another name: %s", done)
    os.rename(elsewhere, full.path)
    environment_is_clean(s, mbe, key, keys.secrets)
    no_core(s, mbe)

    # a backup in clear is nobody's, where a key is given
    done = mbe.restore(s.path("refused"), backup=in_clear.id, expect=REFUSED)
    s.check("is not sealed" in done.err, "one in clear was not refused: %s", done)
    done = mbe.run("prune", "--repo=" + mbe.repo, "--keep-full=1", "--dry-run", *mbe.key)
    s.check("keep  %s  not counted" % in_clear.id in done.out, "prune of one in clear: %s", done)
    mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + in_clear.id, *mbe.key)

    # The key is changed; the archives stay as they are.
    before = [os.stat(b.archive).st_mtime_ns for b in (full, increment)]
    rotate = ["key", "rotate", "--new-key-file=" + other]
    here, there = ["--repo=" + mbe.repo], over_ssh(s, mbe)
    mbe.run(*rotate, *here, expect=REFUSED)
    done = mbe.run(*rotate, *here, "--backup=" + full.id, *mbe.key)
    s.check_equal(done.out, "%s  rotated\n" % full.id, "what rotate says")
    refused(s, mbe, REFUSED, "is sealed with key %s, and the key that was given is %s" % (other_id, key_id), "--key-file=" + key)
    done = mbe.run(*rotate, *there, "--key-command=cat %s %s" % (other, key))
    s.check_equal(done.out, "%s  has this key already\n%s  rotated\n" % (full.id, increment.id), "what rotate says again")
    s.check_equal([os.stat(b.archive).st_mtime_ns for b in (full, increment)], before, "times of archives whose key was changed")
    refused(s, mbe, REFUSED, "the key that was given is %s" % key_id, "--key-file=" + key)
    mbe.key = ["--key-file=" + other]
    mbe.run("verify", "--backup=all", "--progress=none", *there, *mbe.key)

    made = mbe.finished_backup(mbe.run("consolidate", "--repo=" + mbe.repo, "--backup=" + increment.id, "--progress=none", *mbe.key))
    mbe.verify(made.id)
    hidden = [PLANTED.encode(), CONTENT.encode(), b"\"lsn\"", b"t_dynamic"]
    s.check_none(contains(mbe.repo, hidden + keys.secrets), "names, contents or keys in the repository")
    s.check_none(contains(mbe.logs, keys.secrets), "keys in what mbe says")
    restored = proof.prove_by_replay(s, source, made)
    s.check_equal(restored.value("select a from p.%s" % PLANTED), CONTENT, "the planted row")
    deleted_without_key(s, mbe, mbe.ids())


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
