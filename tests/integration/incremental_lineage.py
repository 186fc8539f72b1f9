#!/usr/bin/python3
"""Whose history a base is: an increment goes on after a restart and a move of the datadir, and is never based on a backup of
another server, or of this one before its files were set back, copied, restored or made anew: it is a full backup then, or, when the
base has to be there, refused.
"""
# timeout: 400

import os
import shutil
import subprocess

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.mbe import REFUSED, USAGE
from harness.scenario import run

OTHER_FILE = "system tablespace is another file than then"


def fill(server, table):
    server.sql("create database if not exists l", "use l", "create table l.%s (id int primary key, b varchar(200)) engine=innodb" % table,
               "insert into l.%s select seq, repeat('l', 150) from %s" % (table, server.numbers(2000)))


def becomes_full(s, mbe, why):
    """Without a word a full backup is taken, and it says why; when a base has to be there, that is refused."""
    for required in (["--require-base"], ["--base=latest"], ["--base=latest-full"]):
        done = mbe.backup_fails(REFUSED, "--incremental", *required)
        s.check("no base for an incremental backup: " in done.err and why in done.err, "%r is not in: %s", why, done)
    backup = mbe.backup("--incremental")
    s.check_equal((backup.manifest["type"], backup.manifest["base"]), ("full", None), "what was taken")
    s.check("taking a full backup: " in backup.done.err and why in backup.done.err, "%r is not in: %s", why, backup.done)
    s.check(backup.id.endswith("-full"), "its id is %s", backup.id)
    s.say("full: %s", why)
    return backup


def goes_on(s, mbe, base):
    backup = mbe.backup("--incremental", "--require-base")
    s.check_equal((backup.manifest["type"], backup.manifest["base"]), ("incremental", base.id), "what was taken")
    return backup


def server_on(s, source, datadir, name):
    server = s.server(name, flavour=source.flavour, datadir=datadir)
    server.options += source.options
    return server


# --- the files are set back -------------------------------------------------------------------------------------------


def snapshot(datadir, to):
    shutil.rmtree(to, ignore_errors=True)
    subprocess.run(["cp", "-a", datadir, to], check=True)


def set_back(datadir, since):
    """What a snapshot of the volume does: the old content in the very same files."""
    names = {os.path.relpath(os.path.join(where, n), since) for where, _, files in os.walk(since) for n in files}
    for where, _, files in os.walk(datadir):
        for name in files:
            path = os.path.join(where, name)
            if os.path.relpath(path, datadir) not in names:
                os.unlink(path)
    for name in sorted(names):
        old, new = os.path.join(since, name), os.path.join(datadir, name)
        if not os.path.exists(new):
            shutil.copy2(old, new)
            continue
        with open(old, "rb") as f, open(new, "r+b") as g:
            g.write(f.read())
            g.truncate()


def set_back_and_forth(s, source, mbe):
    """First the LSN tells: it is below the base's end. When the server has gone beyond that, the pages do."""
    mbe.backup("--full")
    source.stop()
    before = s.path("before")
    snapshot(source.datadir, before)
    source.start()
    fill(source, "lost")
    source.sql("update l.t set b = 'lost'")     # pages that nobody writes to after that, as in any table of a size
    source.sql("set global innodb_max_dirty_pages_pct_lwm=0", "set global innodb_max_dirty_pages_pct=0")
    s.wait_until(lambda: int(source.status("Innodb_buffer_pool_pages_dirty")) == 0, 60, "all pages are in the files")
    base = mbe.backup("--incremental")
    source.stop()
    set_back(source.datadir, before)
    source.start()
    refused = mbe.backup_fails(REFUSED, "--incremental", "--base=" + base.id)
    s.check("and the server is at" in refused.err, "not told: %s", refused)
    n = 0
    while mbe.run(*mbe.backup_args("--incremental", "--base=" + base.id), expect=None).err.find("and the server is at") >= 0:
        n += 1
        fill(source, "again%d" % n)
        s.check(n < 20, "the LSN does not grow")
    refused = mbe.backup_fails(REFUSED, "--incremental", "--base=" + base.id)
    s.check("in the base: the server's files were set back since" in refused.err, "not told: %s", refused)
    s.say("set back: %s", [line for line in refused.err.splitlines() if line.startswith("mbe: ")][0])


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    mbe = s.mbe(source)
    fill(source, "t")
    s.check("is no mbe repository" in mbe.run(*mbe.backup_args("--incremental", "--require-base"), expect=REFUSED).err,
            "nothing is there to be based on")
    full = mbe.backup("--incremental")
    s.check_equal(full.manifest["type"], "full", "the first backup")
    mbe.run(*mbe.backup_args("--incremental", "--base=20200101T000000Z-full"), expect=USAGE)

    base = goes_on(s, mbe, full)
    source.stop()
    source.start()
    base = goes_on(s, mbe, base)
    source.stop()
    moved = s.path("elsewhere")
    os.rename(source.datadir, moved)
    there = server_on(s, source, moved, "there").start()
    base = goes_on(s, s.mbe(there), base)
    there.stop()
    os.rename(moved, source.datadir)
    copy = s.path("copy")
    snapshot(source.datadir, copy)
    copied = server_on(s, source, copy, "copied").start()
    becomes_full(s, s.mbe(copied), OTHER_FILE)
    copied.stop()
    source.start()
    base = goes_on(s, mbe, base)        # what others have put into the repository does not matter

    restored = s.restored(source, base, options=source.options)
    becomes_full(s, s.mbe(restored), "it is of another server: server_uuid" if restored.family == "mysql" else OTHER_FILE)
    restored.stop()

    set_back_and_forth(s, source, mbe)
    source.stop()
    shutil.rmtree(source.datadir)
    source.init().start()
    done = mbe.backup("--incremental").done
    s.check("taking a full backup: " in done.err, "a new server in the place of the old one: %s", done)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
