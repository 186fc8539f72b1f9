#!/usr/bin/python3
"""Signed backups: a full one and an increment, verified, restored, consolidated and sent through a pipe with the public key. One that is not signed,
one of another key, one that stands in for another, and a chain with such a base are refused before there is a target.
"""
# timeout: 120

import os
import re
import shutil
import subprocess

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.mbe import DAMAGE, REFUSED, USAGE
from harness.scenario import run


def make_key(s, mbe, name):
    """(option to sign with, option to verify with, id)"""
    path = s.path(name)
    key_id = mbe.run("key", "generate", "--signing", "--output=" + path).out.strip()
    for name, mode, word in ((path, 0o600, "sig"), (path + ".pub", 0o644 & ~umask(), "pub")):
        s.check_equal(os.stat(name).st_mode & 0o7777, mode, "mode of " + name)
        with open(name, encoding="utf-8") as f:
            s.check(re.fullmatch("mbe-%s-1 %s [0-9a-f]{64}\n" % (word, key_id), f.read()), "%s is not a key's line", name)
    mbe.run("key", "generate", "--signing", "--output=" + path, expect=REFUSED)
    mbe.run("key", "generate", "--signing", "--output=" + path + "2", "--public-output=" + path + ".pub", expect=REFUSED)
    s.check(not os.path.exists(path + "2"), "a key without its public key was left")
    return "--sign-key=" + path, "--public-key=" + path + ".pub", key_id


def umask():
    now = os.umask(0)
    os.umask(now)
    return now


def refused(s, mbe, backup_id, public, message):
    """Nothing is done with it, and nothing is noted of it: with another key it is sound."""
    target = s.path("refused")
    for done in (mbe.restore(target, public, backup=backup_id, expect=DAMAGE), mbe.verify(backup_id, public, expect=DAMAGE),
                 mbe.verify(backup_id, "--level=pages", public, expect=DAMAGE)):
        said = [line for line in done.err.splitlines() if line.startswith("mbe: ")]
        s.check(len(said) == 1 and message in said[0], "%s expected in one line: %s", message, done)
    s.check(not os.path.exists(target), "a refused restore has left %s", target)
    s.check(not os.path.exists(os.path.join(mbe.repo, backup_id, "verified.jsonl")), "what the public key does not fit is recorded")


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    mbe = s.mbe(source)
    sign, public, key_id = make_key(s, mbe, "key")
    other_sign, other_public, other_id = make_key(s, mbe, "other")
    source.sql("create database d", "create table d.t (id int primary key, a varchar(100))", "insert into d.t values (1, 'one')")

    unsigned = mbe.backup()
    os.chmod(s.path("key"), 0o644)
    mbe.backup_fails(USAGE, sign)
    os.chmod(s.path("key"), 0o600)
    refused(s, mbe, unsigned.id, public, "is not signed, and a public key was given")
    mbe.run("show", "--repo=" + mbe.repo, "--backup=" + unsigned.id, public, expect=DAMAGE)

    full = mbe.backup("--incremental", sign)        # one that is not signed is no base
    s.check_equal(full.manifest["type"], "full", "a signed backup on one that is not")
    source.sql("insert into d.t values (2, 'two')")
    increment = mbe.backup("--incremental", "--require-base", sign)
    s.check_equal(increment.manifest["base"], full.id, "base of the signed increment")
    elsewhere = mbe.backup(other_sign)
    refused(s, mbe, increment.id, other_public, "is signed with key %s, and the public key that was given is of %s" % (key_id, other_id))

    s.check("signature=ok" in mbe.verify(increment.id, public).out, "verify says nothing of the signature")
    s.check("signature=unchecked" in mbe.verify(increment.id).out, "verify without the public key says nothing of the signature")
    listed = mbe.run("list", "--repo=" + mbe.repo, public).out
    s.check_equal(sorted(line.split()[0] for line in listed.splitlines() if "error:" in line), sorted([unsigned.id, elsewhere.id]),
                  "backups that are listed with an error")
    mbe.restore(s.path("restored"), public, backup=increment.id)
    for args in (["verify"], ["restore", "--datadir=" + s.path("from-pipe")]):
        with subprocess.Popen(["cat", full.archive], stdout=subprocess.PIPE) as cat:
            done = subprocess.run([mbe.program, *args, "--repo=-", "--progress=none", public], stdin=cat.stdout, capture_output=True, text=True,
                                  check=False)
        s.check_equal(done.returncode, 0, "exit status of %s from a pipe: %s" % (args[0], done.stderr))

    done = mbe.run("consolidate", "--repo=" + mbe.repo, "--backup=" + increment.id, "--progress=none", public, expect=REFUSED)
    s.check("is signed, and what is made of it would not be" in done.err, "consolidate without a key: %s", done)
    made = mbe.finished_backup(mbe.run("consolidate", "--repo=" + mbe.repo, "--backup=" + increment.id, "--progress=none", sign))
    s.check("signature=ok" in mbe.verify(made.id, "--level=pages", public).out, "what was consolidated is not signed")

    # Another key from now on: what was signed with the old one is still good, where its public key is among those that are given.
    both = s.path("both.pub")
    with open(both, "w", encoding="utf-8") as f:
        for option in (public, other_public):
            with open(option.split("=")[1], encoding="utf-8") as one:
                f.write(one.read())
    later = mbe.backup("--incremental", "--base=" + increment.id, "--require-base", other_sign, public)
    refused(s, mbe, later.id, other_public, "is signed with key %s, and the public key that was given is of %s" % (key_id, other_id))
    s.check("signature=ok" in mbe.verify(later.id, "--public-key=" + both).out, "a chain of two keys")

    # The base of the increment is exchanged for one of the same server that is not signed.
    shutil.copyfile(unsigned.archive, full.archive)
    os.unlink(os.path.join(increment.path, "verified.jsonl"))
    refused(s, mbe, increment.id, public, "is not signed, and a public key was given")


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
