#!/usr/bin/python3
"""A chain of incremental backups as a whole. What it restores to, plus the source's binary log, is the source; the full backup that is
consolidated out of it restores to the same pages and files; increments go on from that one. A link that is missing, cut off, altered
(be it one bit anywhere) or another archive is found before the target is touched, with the backup named that can still be restored.
"""
# timeout: 600

import filecmp
import os
import re
import shutil
import signal
import time

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.mbe import DAMAGE, OK, REFUSED
from harness.scenario import Failed, run

# The first redo log of a restored server says when it was made, on MySQL; on both it is of no use to a comparison of pages.
NOT_COMPARED = ("ib_logfile0", "#innodb_redo")


def files_of(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder)
                  for where, dirs, names in os.walk(folder) for name in names
                  if not any(part in NOT_COMPARED for part in os.path.relpath(os.path.join(where, name), folder).split(os.sep)))


def compare_restores(s, mbe, chain_id, by_chain, by_full, key_file=()):
    """Pages by what the redo says of them, since a freed page may hold anything; all other files byte by byte."""
    s.say("%s", proof.same_pages(s, mbe.repo, chain_id, by_chain, by_full, key_file))
    s.check_equal(files_of(by_full), files_of(by_chain), "files of the consolidated backup")
    other = [f for f in files_of(by_chain) if not f.endswith((".ibd", ".ibu")) and not f.startswith(("ibdata", "undo"))]
    s.check_none((f for f in other if not filecmp.cmp(os.path.join(by_chain, f), os.path.join(by_full, f), shallow=False)),
                 "files that differ")


def cut(path, data, rng):
    with open(path, "wb") as f:
        f.write(data[:rng.randrange(len(data))])


def alter_end(path, data, rng):
    """One bit of the final record, or a little before it, where index and manifest are."""
    at = len(data) - 1 - rng.randrange(400)
    with open(path, "wb") as f:
        f.write(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:])


def break_links(s, mbe, chain):
    """Each link but the last, in every way; afterwards all is as it was."""
    last = chain[-1]
    target = s.path("never")

    def judge(number, title, status):
        link = chain[number]
        done = mbe.restore(target, backup=last.id, expect=status)
        s.check(not os.path.exists(target), "%s %s: the target was touched", link.id, title)
        s.check(link.id in done.err, "%s %s: the link is not named: %s", link.id, title, done)
        rest = chain[number - 1].id if number else "none"
        s.check("can be restored: %s." % rest in done.err, "%s %s: %s is not named: %s", link.id, title, rest, done)
        verified = mbe.verify(last.id, expect=DAMAGE)
        s.check("broken-chain" in verified.out, "%s %s: verify: %s", link.id, title, verified)
        mbe.run("consolidate", "--repo=" + mbe.repo, "--backup=" + last.id, "--progress=none", expect=status)
        if number:
            mbe.restore(target, backup=chain[number - 1].id)
            shutil.rmtree(target)

    for number, link in enumerate(chain[:-1]):
        with open(link.archive, "rb") as f:
            data = f.read()
        aside = s.path("aside")
        os.rename(link.path, aside)
        judge(number, "missing", REFUSED)
        os.rename(aside, link.path)
        cut(link.archive, data, s.random)
        judge(number, "cut off", DAMAGE)
        alter_end(link.archive, data, s.random)
        judge(number, "altered", DAMAGE)
        shutil.copyfile(chain[(number + 1) % len(chain)].archive, link.archive)
        judge(number, "replaced by its successor", REFUSED)
        with open(link.archive, "wb") as f:
            f.write(data)
    mbe.verify("all")


def alter_content(path, data, rng):
    """One bit of what it stores: between the header and the index, which the final record points to."""
    index_at = int.from_bytes(data[-112:][40:48], "little")
    with open(path, "wb") as f:
        at = rng.randrange(64, index_at)
        f.write(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:])


def damage_content(s, mbe, chain):
    """One bit of what any link stores is found before there is a target, also where newer links store the same again. Unchecked it is found
    when it is read, as a rule with the target begun, which says so for ever; what newer links store again is not read then."""
    last = chain[-1]
    target = s.path("begun")

    def judge(done, number):
        link, before = chain[number], chain[number - 1].id if number else "none"
        s.check_equal(done.status, DAMAGE, "%s: %s" % (link.id, done))
        s.check(re.search(r"mbe: .*: %s: .*chunk \d+ at offset \d+" % re.escape(link.archive), done.err), "not named: %s", done)
        s.check("can be restored: %s." % before in done.err, "%s is not named: %s", before, done)

    def unchecked_restore_finds(number):
        done = mbe.restore(target, "--no-check", backup=last.id, expect=None)
        if done.status != OK:
            judge(done, number)
            s.check(not os.path.exists(target) or os.path.exists(os.path.join(target, "mbe-restore-incomplete")),
                    "%s: no marker", chain[number].id)
        shutil.rmtree(target, ignore_errors=True)
        return done.status != OK

    for number, link in enumerate(chain):
        with open(link.archive, "rb") as f:
            data = f.read()
        for _ in range(30):
            alter_content(link.archive, data, s.random)
            mbe.verify(link.id, expect=DAMAGE)
            judge(mbe.restore(target, backup=last.id, expect=None), number)
            s.check(not os.path.exists(target), "%s: the target was touched", link.id)
            if unchecked_restore_finds(number):
                break
        else:
            raise Failed("no damage of %s was found" % link.id)
        with open(link.archive, "wb") as f:
            f.write(data)
    mbe.verify("all")


def kill_consolidation(s, mbe, last_id, whole_seconds):
    """SIGKILL at a random moment leaves nothing that lists, or a whole backup when it came behind the publishing; what is left, the next
    one removes.
    """
    before = mbe.ids()
    running = mbe.start("consolidate", "--repo=" + mbe.repo, "--backup=" + last_id, "--progress=none")
    time.sleep(whole_seconds * s.random.uniform(0.1, 0.8))
    running.signal(signal.SIGKILL)
    done = running.wait(60)
    new = sorted(set(mbe.ids()) - set(before))
    s.check(new or done.status != 0, "nothing lists: %s", done)
    if new:
        mbe.verify(new[0])
        mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + new[0])


def consolidate(s, mbe, backup_id):
    done = mbe.run("consolidate", "--repo=" + mbe.repo, "--backup=" + backup_id, "--progress=none")
    s.check_equal(mbe.leftovers(), [], "left in the repository by consolidate")
    return mbe.finished_backup(done)


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    load = Load(source, s.seed).prepare(rows=300).start()
    mbe = s.mbe(source)
    chain = [mbe.backup()]
    for _ in range(3):
        load.wait_for_steps(150)
        chain.append(mbe.backup("--incremental"))
    load.stop()
    last = chain[-1]
    s.check_equal([b.manifest["base"] for b in chain], [None] + [b.id for b in chain[:-1]], "bases")
    mbe.verify("all")
    proof.prove_by_replay(s, source, last, name="by-chain")

    full = consolidate(s, mbe, last.id)
    s.check_equal((full.manifest["type"], full.manifest["base"], full.manifest["consolidated_from"]),
                  ("full", None, [b.id for b in chain]), "manifest of the consolidated backup")
    for key in ("lsn", "binlog", "gtid", "server"):
        s.check_equal(full.manifest[key], dict(last.manifest[key], base=None) if key == "lsn" else last.manifest[key], key)
    mbe.verify(full.id)
    mbe.restore(s.path("chain-files"), backup=last.id)
    mbe.restore(s.path("full-files"), backup=full.id)
    compare_restores(s, mbe, last.id, s.path("chain-files"), s.path("full-files"))
    mbe.run("consolidate", "--repo=" + mbe.repo, "--backup=" + full.id, expect=REFUSED)
    proof.prove_by_replay(s, source, full, name="by-full")

    mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + full.id)
    for _ in range(3):
        kill_consolidation(s, mbe, last.id, full.done.seconds)
    full = consolidate(s, mbe, last.id)
    source.sql("create table w.after_all (a int)", "insert into w.after_all values (1)")
    on_full = mbe.backup("--incremental", "--base=" + full.id)
    s.check_equal(on_full.manifest["base"], full.id, "base")
    proof.prove_by_replay(s, source, on_full, name="on-full")

    break_links(s, mbe, chain)
    damage_content(s, mbe, chain)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
