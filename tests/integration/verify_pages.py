#!/usr/bin/python3
"""verify --level=pages. Of a good backup it says nothing: full and incremental ones taken in a storm of DDL and writes, of a server with
tables of every kind and some page size. And it finds what is wrong: index pages are damaged in every way, with right checksums, in
an archive that is made anew around them, and each is reported by file and page.

MBE_SEEDS rounds of damage, some 40 pages each.
"""
# timeout: 900

import os
import shutil
import subprocess

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof, storm as storms
from harness.load import ROW_FORMATS, Load, formats_of
from harness.mbe import DAMAGE
from harness.scenario import run

PAGE_SIZES = (16, 16, 4, 8, 32, 64)
INCREMENTS = 2
ROWS = 6000


def fill(source, page_size):
    """Trees of two and three levels, with free records and pages in them."""
    numbers = source.numbers(ROWS)
    source.sql("create database z character set latin1")
    for name in formats_of(source.family, page_size):
        source.sql(
            "use z",
            "create table %s (id int primary key, a int, b varchar(320), c char(40) not null, key(a), key(b), key(c,b)) engine=innodb %s" %
            (name, ROW_FORMATS[source.family][name]),
            "insert into %s select seq*3, seq*7919%%10007, repeat(char(65+seq%%26), seq%%150), conv(seq*7877%%99991, 10, 36) from %s" %
            (name, numbers),
            "delete from %s where id%%5=1 or id between 3000 and 6000" % name,
            "update %s set b=concat(b, b) where id%%11=3" % name,
            "insert into %s select seq*3+1, seq, 'late', 'c' from %s where seq%%17=0" % (name, numbers))
    source.sql(
        "use z",
        "create table names (n varchar(190) primary key, v int, key(v)) engine=innodb",
        "insert into names select concat(repeat(conv(seq*7919%%100003, 10, 36), 9), seq), seq from %s" % numbers,
        "create table keyless (a int, b varchar(300)) engine=innodb",
        "insert into keyless select seq, repeat('k', seq%%300) from %s" % numbers,
        "create table places (id int primary key, g geometry not null, spatial index(g)) engine=innodb",
        "insert into places select seq, point(seq*31%%4001, seq*17%%4003) from %s" % numbers,
        "create table words (id int primary key, t text, fulltext(t)) engine=innodb",
        "insert into words select seq, concat('w', conv(seq*7919%%10007, 10, 36), ' and w', conv(seq, 10, 36)) from %s" % source.numbers(2000),
        "create table instant (id int primary key, a varchar(100), key(a)) engine=innodb",
        "insert into instant select seq, seq from %s" % numbers,
        "alter table instant add column x int default 5, algorithm=instant",
        "alter table instant drop column x, algorithm=instant",
        "alter table instant add column y varchar(30) default 'why' first, algorithm=instant",
        "insert into instant(id, a, y) select seq+%d, seq, seq from %s" % (ROWS, numbers))


def good_backups(s, mbe):
    backups = [mbe.backup("--parallel=2", "--lock-wait=200")]
    for _ in range(INCREMENTS):
        backups.append(mbe.backup("--incremental", "--require-base", "--parallel=2", "--lock-wait=200"))
    for backup in backups:
        done = mbe.check_pages(backup.id, "--memory=16M")
        s.check(" ok " in done.out and "places_damaged=0" in done.out, "verdict: %s", done)
        s.say("%s", done.out.strip())


def plant(s, mbe, backup, seed):
    """A repository with a damaged copy of a backup, and what was damaged: (kind, page, file)."""
    repo = s.sub("planted")
    shutil.copy(os.path.join(mbe.repo, "mbe-repository"), repo)
    shutil.copytree(backup.path, os.path.join(repo, backup.id), ignore=shutil.ignore_patterns("backup.mbe"))
    done = subprocess.run([s.tool("plant_damage"), backup.archive, os.path.join(repo, backup.id, "backup.mbe"), str(seed)],
                          capture_output=True, text=True, check=False)
    s.check(done.returncode == 0, "plant_damage: %s%s", done.stdout, done.stderr)
    planted = [line.split(" ", 2) for line in done.stdout.splitlines()]
    return repo, [(kind, int(page), path) for kind, page, path in planted]


def is_named(path, page, lines):
    return any(path in line and any(word == str(page) for word in line.replace(":", " ").replace(",", " ").split()) for line in lines)


def damaged_backup(s, mbe, backup, seed):
    repo, planted = plant(s, mbe, backup, seed)
    s.check(planted, "nothing was damaged")
    other = s.mbe(mbe.server, repo=repo)
    other.verify(backup.id)             # all checksums are right
    done = other.check_pages(backup.id, expect=DAMAGE)
    lines = done.err.splitlines()
    missed = ["%s of page %d of %s" % (kind, page, path) for kind, page, path in planted if not is_named(path, page, lines)]
    kinds = sorted({kind for kind, _, _ in planted})
    s.say("seed %d: %d pages damaged, %d kinds, %d not found", seed, len(planted), len(kinds), len(missed))
    s.check_none(missed, "damage that was not found (seed %d)" % seed)
    return len(planted)


def body(s, flavour):
    size = s.random.choice(PAGE_SIZES)
    s.say("%d KiB pages", size)
    source = proof.start_source(s, flavour=flavour, options=["--innodb-page-size=%dk" % size])
    mbe = s.mbe(source)
    load = Load(source, s.seed).prepare(rows=300)
    fill(source, size << 10)
    source.stop()       # all is in the files: what is damaged there is not repaired by redo
    source.start()
    calm = mbe.backup("--parallel=2")
    mbe.check_pages(calm.id)
    count = sum(damaged_backup(s, mbe, calm, s.seed + n) for n in range(s.rounds(4)))
    s.say("%d pages damaged, all found", count)

    load.start()
    storm = storms.Storm(source, s.seed, ddl=1, dml=1).prepare().start()
    storm.wait_for(20)
    good_backups(s, mbe)
    storm.stop()
    load.stop()


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
