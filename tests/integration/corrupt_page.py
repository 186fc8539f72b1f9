#!/usr/bin/python3
"""A page that is corrupt on the server's disk fails the backup, named by file, page and offset, whatever kind of damage it is;
--allow-corrupt lists all of them, finishes, and marks the backup. An unreadable file fails it by name.
"""
# timeout: 240

import glob
import os
import re
import shutil

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.mbe import DAMAGE, OPERATION_FAILED, binary
from harness.scenario import run

PAGE = 16384
NOBODY = 65534
UNREADABLE = {"mariadb": ("two.ibd", "two.frm", "mine.MYD"), "mysql": ("two.ibd", "mine_*.sdi", "mine.MYD")}

# name: how a page of bytes is damaged
DAMAGES = {
    "bit flip": lambda page: page[:5000] + bytes([page[5000] ^ 0x10]) + page[5001:],
    "checksum": lambda page: bytes(page[:PAGE - 4]) + b"\xde\xad\xbe\xef",
    "half a page of zeros": lambda page: page[:PAGE // 2] + bytes(PAGE // 2),
    "another page's number": lambda page: page[:4] + (77777).to_bytes(4, "big") + page[8:],
    "noise": lambda page: bytes((i * 167 + 13) % 256 for i in range(PAGE)),
}


def with_page(path, number, change):
    """Changes a page in place; returns what it was."""
    with open(path, "r+b") as f:
        f.seek(number * PAGE)
        old = f.read(PAGE)
        f.seek(number * PAGE)
        f.write(change(old))
    return old


def as_nobody(s, source):
    """Prefix and Mbe that run as a user without rights of its own; all of the server's files are readable for it."""
    for folder, _, names in os.walk(source.datadir):
        os.chmod(folder, 0o755)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)
    for folder in (s.folder, s.path("source"), s.path("logs")):
        os.chmod(folder, 0o755)
    repo = s.path("nobodys")
    os.mkdir(repo)
    os.chown(repo, NOBODY, NOBODY)
    program = s.path("mbe")
    shutil.copy(binary(), program)
    os.chmod(program, 0o755)
    prefix = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"]
    return s.mbe(source, repo="nobodys", program=program), prefix


def unreadable(s, source, mbe):
    """A file that mbe may not read fails the backup by name. Root may read everything, so then mbe runs as somebody else."""
    prefix = []
    if os.getuid() == 0:
        mbe, prefix = as_nobody(s, source)
        proof.create_account(source, "nobody", "n")
        mbe.user, mbe.password = "nobody", "n"
        os.chown(mbe.option_file(), NOBODY, NOBODY)
    mbe.backup(wrapper=prefix)
    for path in (glob.glob(os.path.join(source.datadir, "c", pattern))[0] for pattern in UNREADABLE[source.family]):
        name = os.path.relpath(path, source.datadir)
        os.chmod(path, 0)
        done = mbe.backup_fails(OPERATION_FAILED, wrapper=prefix)
        os.chmod(path, 0o664)
        s.check(name in done.err and "ermission denied" in done.err, "unreadable %s: %s", name, done)
        s.say("unreadable: %s", re.search(r"(?m)^mbe: (.*)", done.err)[1])


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    source.sql("create database c", "create table c.mine (id int) engine=myisam", "insert into c.mine values (1)")
    for table in ("one", "two"):
        source.sql("create table c.%s (id int primary key, b varchar(200)) engine=innodb" % table, "use c",
                   "insert into %s select seq, repeat('b', 200) from %s" % (table, source.numbers(5000)))
    # a clean restart: everything is on disk and nobody writes those pages again
    source.stop()
    source.start()
    mbe = s.mbe(source)
    mbe.backup()
    path = os.path.join(source.datadir, "c", "one.ibd")
    for title, change in DAMAGES.items():
        number = s.random.randrange(5, 20)
        old = with_page(path, number, change)
        done = mbe.backup_fails(DAMAGE, seconds=90)
        for text in (r"c/one\.ibd", r"page %d\b" % number, r"\b%d\b" % (number * PAGE)):
            s.check(re.search(text, done.err), "%s: no %r in the reason: %s", title, text, done)
        s.check(done.seconds < 60, "%s: took %.0f s", title, done.seconds)
        with_page(path, number, lambda _page, back=old: back)
        s.say("%s: %s", title, re.search(r"(?m)^mbe: (.*)", done.err)[1])
    s.check_equal(mbe.leftovers(), [], "left in the repository")

    pages = [("one", 7), ("one", 9), ("two", 11)]
    saved = [with_page(os.path.join(source.datadir, "c", t + ".ibd"), n, DAMAGES["bit flip"]) for t, n in pages]
    done = mbe.run(*mbe.backup_args("--allow-corrupt"), expect=DAMAGE)
    shown = mbe.show(mbe.ids()[-1])
    s.check_equal(shown["damaged"], True, "damaged in the manifest")
    for table, number in pages:
        s.check(any(re.search(r"c/%s\.ibd.*\bpage %d\b" % (table, number), line) for line in shown["corrupt_pages"]),
                "%s page %d is not among %r", table, number, shown["corrupt_pages"])
    s.check_equal(len(shown["corrupt_pages"]), len(pages), "corrupt pages")
    for (table, number), old in zip(pages, saved):
        with_page(os.path.join(source.datadir, "c", table + ".ibd"), number, lambda _page, back=old: back)

    unreadable(s, source, mbe)
    mbe.backup()


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
