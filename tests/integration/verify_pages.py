#!/usr/bin/python3
"""verify --level=pages. Of a good backup it says nothing: full and incremental ones taken in a storm of DDL and writes, of a server with
tables of every kind, encrypted or not, and some page size. And it finds what is wrong: index pages are damaged in every way, with
right checksums, in an archive that is made anew around them, a full backup or an increment, and each is reported by file and page.

MBE_SEEDS rounds of damage, up to 20 pages each, by turns in a full backup and in an increment; and as many good backups, 3 at least.
"""
# timeout: 900

import os
import shutil
import subprocess

import _path                                    # noqa: F401  pylint: disable=unused-import
from encryption import KEYS
from harness import proof, storm as storms
from harness.load import ROW_FORMATS, Load, formats_of
from harness.mbe import DAMAGE
from harness.scenario import run

PAGE_SIZES = (16, 16, 4, 8, 32, 64)
INCREMENTS = 2
ROWS = 6000
# In MariaDB's definitions nothing tells where records of a clustered index have the lengths of their fields, nor which part of an index a
# prefix is.
BINARY_KEY = {"mariadb": "binary(16)", "mysql": "varbinary(20)"}
V_LENGTH = {"mariadb": 300, "mysql": 280}
ENCRYPTED = {"mariadb": "encrypted=yes", "mysql": "encryption='Y'"}


def fill(s, source, page_size):
    """Trees of two and three levels, with free records and pages in them; one table in two is encrypted."""
    def engine():
        return "engine=innodb " + s.random.choice(("", ENCRYPTED[source.family]))
    numbers = source.numbers(ROWS)
    source.sql("create database z character set latin1")
    for name in formats_of(source.family, page_size):
        source.sql(
            "use z",
            "create table %s (id int primary key, a int, b varchar(320), c char(40) not null, key(a), key(b), key(c,b)) %s %s" %
            (name, engine(), ROW_FORMATS[source.family][name]),
            "insert into %s select seq*3, seq*7919%%10007, repeat(char(65+seq%%26), seq%%150), conv(seq*7877%%99991, 10, 36) from %s" %
            (name, numbers),
            "delete from %s where id%%5=1 or id between 3000 and 6000" % name,
            "update %s set b=concat(b, b) where id%%11=3" % name,
            "insert into %s select seq*3+1, seq, 'late', 'c' from %s where seq%%17=0" % (name, numbers))
    source.sql(
        "use z",
        "create table names (n varchar(190) primary key, v int, key(v)) " + engine(),
        "insert into names select concat(repeat(conv(seq*7919%%100003, 10, 36), 9), seq), seq from %s" % numbers,
        # byte by byte: what STRINGS_FILE of plant_damage is about
        "create table bins (n %s primary key, m varchar(90) character set utf8mb4 collate utf8mb4_bin, l char(33) character set latin1"
        " collate latin1_bin not null, v varbinary(300) not null, a int, key(m), key(l), key(v(%d), a)) row_format=%s %s" %
        (BINARY_KEY[source.family], V_LENGTH[source.family], s.random.choice(("dynamic", "compact", "redundant")), engine()),
        "insert into bins select unhex(left(sha2(seq, 256), 32)), concat(left(sha2(seq, 256), 32), repeat('\u00e9', seq%%40)),"
        " left(sha2(seq+1, 256), 32), sha2(seq*7, 256), nullif(seq%%3, 0) from %s" % numbers,
        "delete from bins where v < '2'",
        "create table keyless (a int, b varchar(300)) " + engine(),
        "insert into keyless select seq, repeat('k', seq%%300) from %s" % numbers,
        "create table places (id int primary key, g geometry not null, spatial index(g)) " + engine(),
        "insert into places select seq, point(seq*31%%4001, seq*17%%4003) from %s" % numbers,
        "create table words (id int primary key, t text, fulltext(t)) " + engine(),
        "insert into words select seq, concat('w', conv(seq*7919%%10007, 10, 36), ' and w', conv(seq, 10, 36)) from %s" % source.numbers(2000),
        "create table instant (id int primary key, a varchar(100), key(a)) " + engine(),
        "insert into instant select seq, seq from %s" % numbers,
        "alter table instant add column x int default 5, algorithm=instant",
        "alter table instant drop column x, algorithm=instant",
        "alter table instant add column y varchar(30) default 'why' first, algorithm=instant",
        "insert into instant(id, a, y) select seq+%d, seq, seq from %s" % (ROWS, numbers))


def change(source, page_size):
    """Something on most pages of those tables."""
    source.sql(
        "use z",
        *("update %s set a=a+1, b=concat(left(b, 100), 'x') where id%%7=2" % name for name in formats_of(source.family, page_size)),
        "update names set v=v+1 where v%7=2",
        "update bins set l=right(v, 32) where left(v, 1) between '4' and '7'",
        "update keyless set b=concat(left(b, 200), 'x') where a%7=2",
        "update places set g=point(id%100, 1) where id%7=2",
        "update instant set a=concat(left(a, 50), 'x') where id%7=2")


def good_chain(s, mbe, given):
    """A full backup and increments on it, taken and checked; their number."""
    backups = [mbe.backup("--parallel=2", "--lock-wait=200", given)]
    for _ in range(INCREMENTS):
        backups.append(mbe.backup("--incremental", "--require-base", "--parallel=2", "--lock-wait=200", given))
    for backup in backups:
        done = mbe.check_pages(backup.id, "--memory=16M", given)
        s.check(" ok " in done.out and "places_damaged=0" in done.out, "verdict: %s", done)
        s.say("%s", done.out.strip())
    mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + backups[0].id, "--with-dependents")
    mbe.server.sql("flush binary logs", "purge binary logs before now()")
    return len(backups)


def plant(s, mbe, backup, seed, given):
    """A repository with a damaged copy of a backup, and what was damaged: (kind, clear or encrypted, page, file)."""
    repo = s.sub("planted")
    archive = os.path.join(repo, backup.id, "backup.mbe")
    shutil.copytree(mbe.repo, repo, dirs_exist_ok=True)
    os.unlink(archive)
    done = subprocess.run([s.tool("plant_damage"), given, mbe.repo, backup.id, archive, str(seed)], capture_output=True, text=True, check=False)
    s.check(done.returncode == 0, "plant_damage: %s%s", done.stdout, done.stderr)
    return repo, [line.split(" ", 3) for line in done.stdout.splitlines()]


def is_named(path, page, lines):
    return any(path in line and any(word == page for word in line.replace(":", " ").replace(",", " ").split()) for line in lines)


def damaged_backup(s, mbe, backup, seed, given):
    repo, planted = plant(s, mbe, backup, seed, given)
    if not planted:     # an increment has few pages that the damage chosen can be done to
        s.check(backup.manifest["type"] == "incremental", "nothing of the full backup %s was damaged (seed %d)", backup.id, seed)
        s.say("seed %d: nothing of %s was damaged", seed, backup.id)
        return []
    other = s.mbe(mbe.server, repo=repo)
    other.verify(backup.id)             # all checksums are right
    done = other.check_pages(backup.id, given, expect=DAMAGE)
    lines = done.err.splitlines()
    missed = ["%s of page %s (%s) of %s" % (kind, page, how, path) for kind, how, page, path in planted if not is_named(path, page, lines)]
    kinds = {kind for kind, _, _, _ in planted}
    s.say("seed %d: %d pages of %s damaged, %d kinds, %d not found", seed, len(planted), backup.id, len(kinds), len(missed))
    s.check_none(missed, "damage that was not found (seed %d)" % seed)
    return [how for _, how, _, _ in planted]


def calm_backup(source, mbe, *args):
    """All is in the files: what is damaged there is not repaired by redo."""
    source.stop()
    source.start()
    backup = mbe.backup("--parallel=2", *args)
    mbe.check_pages(backup.id, *mbe.page_check_options(args))
    return backup


def body(s, flavour):
    size = s.random.choice(PAGE_SIZES)
    s.say("%d KiB pages", size)
    source = s.server("source", flavour=flavour)
    keys = KEYS[source.family](s, source.installation)
    source.options += proof.source_options(source.installation, "--innodb-page-size=%dk" % size, *keys.options)
    if source.family == "mariadb":      # what is not said to be encrypted stays in clear
        source.options += ["--innodb-encrypt-tables=OFF", "--innodb-encryption-threads=0"]
    source.init()
    keys.place(source.datadir)
    source.start()
    mbe = s.mbe(source)
    given = "--keyring-file=" + keys.file
    load = Load(source, s.seed).prepare(rows=300)
    fill(s, source, size << 10)
    calm = [calm_backup(source, mbe, given)]
    change(source, size << 10)
    calm.append(calm_backup(source, mbe, given, "--incremental", "--require-base"))
    damaged = [how for n in range(s.rounds(4)) for how in damaged_backup(s, mbe, calm[n % 2], s.seed + n, given)]
    s.say("%d pages damaged, %d of them encrypted, all found", len(damaged), damaged.count("encrypted"))
    s.check(s.rounds(4) < 4 or "encrypted" in damaged, "no encrypted page was damaged")

    load.start()
    storm = storms.Storm(source, s.seed, ddl=1, dml=1).prepare().start()
    storm.wait_for(20)
    count = 0
    while count < s.rounds(3):
        count += good_chain(s, mbe, given)
    s.say("%d good backups, nothing found", count)
    storm.stop()
    load.stop()


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
