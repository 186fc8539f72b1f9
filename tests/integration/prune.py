#!/usr/bin/python3
"""Lists, deletions and pruning of repositories with chains. What is decided by manifests alone is tried on archives that hold
nothing else; that a backup in use is not deleted, and that a killed deletion leaves whole backups only, on real ones as well."""
# timeout: 240

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import time

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.mbe import OK, OPERATION_FAILED, REFUSED, USAGE
from harness.scenario import run

DAY = 86400


class Repository:
    """A repository of small archives. Backups are called by the letters that the test gives them."""

    def __init__(self, s, name):
        self.s = s
        self.mbe = s.mbe(None, repo=name)
        self.path = self.mbe.repo
        os.makedirs(self.path)
        with open(os.path.join(self.path, "mbe-repository"), "w", encoding="utf-8") as f:
            f.write("mbe repository 1\n")
        self.ids, self.archive_ids = {}, {}
        self.begun = time.time()

    def archive(self, name):
        return os.path.join(self.path, self.ids[name], "backup.mbe")

    def put(self, name, base=None, age=0.0, server="one", **more):
        """A backup of `age` days ago: a full one, or an increment on `base`."""
        at = time.gmtime(self.begun - age * DAY)
        kind = "incremental" if base else "full"
        self.ids[name] = time.strftime("%Y%m%dT%H%M%SZ-", at) + kind
        self.s.check(not os.path.exists(os.path.join(self.path, self.ids[name])), "two backups of one second")
        manifest = {"type": kind, "base": None, "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", at),
                    "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", at), "damaged": False,
                    "server": {"flavour": "mariadb", "version": "10.11.19", "server_uid": server, "datadir": "/data"},
                    "bytes": {"read": 4096, "stored": 1024, "redo": 0}, **more}
        if base:
            manifest["base"] = self.ids[base]
            manifest["chain"] = {"base_archive": self.archive_ids[base]}
        os.makedirs(os.path.dirname(self.archive(name)))
        self.archive_ids[name] = subprocess.run(
            [self.s.tool("tiny_backup"), self.archive(name)], input=json.dumps(manifest), stdout=subprocess.PIPE, text=True,
            check=True).stdout.strip()

    def listed(self):
        """Names of what lists."""
        names = {i: n for n, i in self.ids.items()}
        return "".join(names[b["id"]] for b in self.mbe.list())

    def delete(self, name, *extra, **kwargs):
        return self.mbe.run("delete", "--repo=" + self.path, "--backup=" + self.ids.get(name, name), *extra, **kwargs)

    def prune(self, *extra, **kwargs):
        """{name: (what became of it, why)}"""
        done = self.mbe.run("prune", "--repo=" + self.path, *extra, **kwargs)
        names = {i: n for n, i in self.ids.items()}
        return {names[i]: (what, why) for what, i, why in re.findall(r"(?m)^(keep|deleted|would delete)  (\S+)  (.*)$", done.out)}


def week(s, name):
    """A full, B and C on it one after the other, D on B; E full, F on it."""
    r = Repository(s, name)
    for args in (("A", None, 14), ("B", "A", 13), ("C", "B", 12), ("D", "B", 11), ("E", None, 7), ("F", "E", 2)):
        r.put(*args)
    return r


def list_cases(s):
    r = week(s, "list")
    lines = [re.match(r"( *)(\S+) +(\S+)", line).groups() for line in
             r.mbe.run("list", "--repo=" + r.path).out.splitlines()]
    s.check_equal(lines, [("", "ID", "CHAIN")] + [(" " * n, r.ids[i], str(c)) for n, i, c in
                                                  ((0, "A", 1), (2, "B", 2), (4, "C", 3), (4, "D", 3), (0, "E", 1), (2, "F", 2))],
                  "indent, id and length of the chain")
    rows = {b["id"]: b for b in r.mbe.list()}
    s.check_equal((rows[r.ids["C"]]["type"], rows[r.ids["C"]]["base"], rows[r.ids["C"]]["chain"]["base_archive"],
                   rows[r.ids["C"]]["broken"]), ("incremental", r.ids["B"], r.archive_ids["B"], None), "JSON of an increment")
    s.check_equal((rows[r.ids["A"]]["type"], rows[r.ids["A"]]["base"], rows[r.ids["A"]]["chain"]),
                  ("full", None, {"full": r.ids["A"], "length": 1, "base_archive": None}), "JSON of a full")
    for which, name in (("latest", "F"), ("latest-full", "E")):
        s.check_equal(r.mbe.show(which)["finished"], rows[r.ids[name]]["finished"], which)
    shutil.rmtree(os.path.join(r.path, r.ids["A"]))
    os.truncate(r.archive("E"), 200)
    out = r.mbe.run("list", "--repo=" + r.path).out
    for text in ("^%s +-.*\\(broken: needs %s, which is not here\\)" % (r.ids["B"], r.ids["A"]),
                 "^  %s +-.*\\(broken: needs %s, which cannot be restored\\)" % (r.ids["C"], r.ids["B"]),
                 "^%s +error: .*incomplete" % r.ids["E"],
                 "^  %s +-.*\\(broken: needs %s, which cannot be read\\)" % (r.ids["F"], r.ids["E"])):
        s.check(re.search("(?m)" + text, out), "no %r in\n%s", text, out)


def delete_cases(s):
    r = week(s, "delete")
    done = r.delete("A", expect=REFUSED)
    s.check("is needed by 3 others: %s, %s, %s" % tuple(r.ids[n] for n in "BCD") in done.err and "--with-dependents" in done.err,
            "the dependents are not named: %s", done)
    s.check_equal((done.out, r.listed()), ("", "ABCDEF"), "after a refusal")
    r.delete("A", "--dry-run", expect=REFUSED)
    for wrong in ("latest", "latest-full", "20010101T000000Z-full", "../E", "."):
        s.check("has no backup " + wrong in r.delete(wrong, expect=USAGE).err, "backup %s", wrong)
    done = r.delete("A", "--with-dependents", "--dry-run")
    s.check_equal(done.out.split("\n"), ["would delete  " + r.ids[n] for n in "DCBA"] + [""], "what would be deleted")
    s.check_equal((r.listed(), r.mbe.leftovers()), ("ABCDEF", []), "after a dry run")
    s.check_equal(r.delete("C").out, "deleted  %s\n" % r.ids["C"], "output")
    s.check_equal(r.delete("A", "--with-dependents").out.split("\n"), ["deleted  " + r.ids[n] for n in "DBA"] + [""], "newest first")
    s.check_equal((r.listed(), r.mbe.leftovers()), ("EF", []), "after deletions")
    os.truncate(r.archive("E"), 200)    # what cannot be read can be deleted, and has dependents all the same
    s.check(r.ids["F"] in r.delete("E", expect=REFUSED).err, "dependents of a damaged backup")
    r.delete("E", "--with-dependents")
    s.check_equal(os.listdir(r.path), ["mbe-repository"], "files in an empty repository")


@contextlib.contextmanager
def locked(path, how):
    with open(path, "rb+") as f:
        fcntl.flock(f, how)
        yield


def in_use_cases(s):
    r = week(s, "in-use")
    with locked(r.archive("C"), fcntl.LOCK_SH):
        done = r.delete("A", "--with-dependents", expect=REFUSED)
        s.check("%s is in use" % r.ids["C"] in done.err, "who is in use: %s", done)
        s.check_equal(r.listed(), "ABCDEF", "nothing of a chain in use is deleted")
        result = r.prune("--keep-full=1")
        s.check_equal({n: w[0] for n, w in result.items()},
                      {"A": "keep", "B": "keep", "C": "keep", "D": "deleted", "E": "keep", "F": "keep"}, "pruned while C is in use")
        s.check_equal((result["C"][1], result["B"][1]), ("in use by another process", "needed by " + r.ids["C"]), "why")
    r.prune("--keep-full=1")
    s.check_equal((r.listed(), r.mbe.leftovers()), ("EF", []), "pruned when it was no longer")


def prune_cases(s):
    for rules, left in ((["--keep-full=1"], "EF"), (["--keep-full=2"], "ABCDEF"), (["--keep-days=5"], "EF"),
                        (["--keep-days=1"], "EF"), (["--keep-days=12"], "ABDEF"), (["--keep-full=1", "--keep-days=12"], "ABDEF")):
        r = week(s, "prune-" + "-".join(rules).replace("--keep-", ""))
        dry = r.prune("--dry-run", *rules)
        s.check_equal((r.listed(), r.mbe.leftovers()), ("ABCDEF", []), "after a dry run")
        real = r.prune(*rules)
        s.check_equal({n: (w[0].replace("would delete", "deleted"), w[1]) for n, w in dry.items()}, real, "dry and real with %s" % rules)
        s.check_equal((r.listed(), r.mbe.leftovers()), (left, []), "left by %s" % rules)
        s.check_equal("".join(sorted(n for n, w in real.items() if w[0] == "keep")), left, "said to be kept by %s" % rules)
        s.check_equal([b["id"] for b in r.mbe.list() if b["broken"]], [], "broken by %s" % rules)
        s.check_equal({n: w[0] for n, w in r.prune(*rules).items()}, {n: "keep" for n in left}, "the same again")


def calendar_cases(s):
    """What the calendar and verifications keep, as the command line says it; that it is right is verify/prune_test.c's."""
    r = Repository(s, "calendar")
    for day in range(10):
        r.put("ABCDEFGHIJ"[day], None, 20 - 2 * day)
    for name in "BD":
        r.mbe.run("verify", "--repo=" + r.path, "--backup=" + r.ids[name], expect=None)
    with open(os.path.join(r.path, r.ids["B"], "verified.jsonl"), "w", encoding="utf-8") as f:
        f.write('{"time":"2026-11-27T16:02:11Z","level":"boot","result":"ok","chain":[]}\n')
    rules = ["--keep-daily=3", "--keep-last=1", "--keep-verified=2"]
    dry = r.prune("--dry-run", *rules)
    s.check_equal({n: w[1] for n, w in dry.items() if w[0] == "keep"},
                  {"B": "one of the newest 2 verified backups of its server", "H": "the last of its day, of 3 days",
                   "I": "the last of its day, of 3 days", "J": "one of the newest 1 backup of its server"}, "kept")
    s.check_equal({w[1] for w in dry.values() if w[0] != "keep"},
                  {"not kept by --keep-last=1 --keep-daily=3 --keep-verified=2"}, "why the rest goes")
    r.prune(*rules)
    s.check_equal((r.listed(), r.mbe.leftovers()), ("BHIJ", []), "left by the calendar")


def pin_cases(s):
    r = week(s, "pins")
    pinned = r.mbe.run("pin", "--repo=" + r.path, "--backup=" + r.ids["C"], "--reason=end of the year")
    s.check_equal(pinned.out, "pinned  %s  end of the year\n" % r.ids["C"], "what pin says")
    s.check("(pinned: end of the year)" in r.mbe.run("list", "--repo=" + r.path).out, "list does not show the pin")
    s.check_equal({b["id"]: [p["reason"] for p in b["pins"]] for b in r.mbe.list() if b["pins"]},
                  {r.ids["C"]: ["end of the year"]}, "pins in JSON")
    s.check_equal([p["reason"] for p in r.mbe.show(r.ids["C"])["pins"]], ["end of the year"], "pins that are shown")
    for name, more in (("C", []), ("A", ["--with-dependents"]), ("A", ["--with-dependents", "--dry-run"])):
        done = r.delete(name, *more, expect=REFUSED)
        s.check("backup %s is pinned: end of the year" % r.ids["C"] in done.err and "mbe unpin" in done.err, "no reason: %s", done)
    result = r.prune("--keep-full=1")
    s.check_equal((result["C"], result["A"][1]), (("keep", "pinned: end of the year"), "needed by " + r.ids["B"]), "why they are kept")
    s.check_equal(r.listed(), "ABCEF", "pruned with a pin")
    r.mbe.run("unpin", "--repo=" + r.path, "--backup=" + r.ids["B"], expect=REFUSED)
    os.mkdir(os.path.join(r.path, r.ids["A"], "verified.jsonl"))    # whether A is pinned cannot be told
    r.mbe.run("prune", "--repo=" + r.path, "--keep-full=1", expect=OPERATION_FAILED)
    s.check_equal(r.listed(), "ABCEF", "pruned without knowing of pins")
    os.rmdir(os.path.join(r.path, r.ids["A"], "verified.jsonl"))
    s.check_equal(r.mbe.run("unpin", "--repo=" + r.path, "--backup=" + r.ids["C"]).out,
                  "unpinned  %s  end of the year\n" % r.ids["C"], "what unpin says")
    r.prune("--keep-full=1")
    s.check_equal((r.listed(), r.mbe.leftovers()), ("EF", []), "pruned without the pin")


def pin_while_it_reads(r, running_args, waits_at, name):
    """Pins `name` when mbe, begun with these arguments, has read what is noted of the backups before those two; how mbe ended."""
    fifos = [os.path.join(r.path, r.ids[n], "verified.jsonl") for n in waits_at]    # it waits for who writes to them
    for fifo in fifos:
        os.mkfifo(fifo)
    running = r.mbe.start(*running_args)
    with open(fifos[0], "w", encoding="utf-8"):
        r.mbe.run("pin", "--repo=" + r.path, "--backup=" + r.ids[name], "--reason=just now")
    with open(fifos[1], "w", encoding="utf-8"):
        done = running.wait()
    for fifo in fifos:
        os.remove(fifo)
    return done


def pinned_meanwhile(s):
    """A backup that is pinned when it was decided already that it goes stays; one that is deleted already cannot be pinned."""
    r = week(s, "meanwhile")
    done = pin_while_it_reads(r, ["delete", "--repo=" + r.path, "--backup=" + r.ids["A"], "--with-dependents"], "CD", "A")
    s.check(done.status == REFUSED and "backup %s is pinned: just now" % r.ids["A"] in done.err, "deletion of what was pinned: %s", done)
    s.check_equal(r.listed(), "ABCDEF", "after a refusal")
    r.mbe.run("unpin", "--repo=" + r.path, "--backup=" + r.ids["A"])
    done = pin_while_it_reads(r, ["prune", "--repo=" + r.path, "--keep-full=1"], "EF", "B")
    s.check(done.status == OK and "keep  %s  pinned: just now" % r.ids["B"] in done.out, "not kept: %s", done)
    s.check_equal(r.listed(), "ABEF", "pruned while one was pinned")
    with locked(r.archive("F"), fcntl.LOCK_EX):
        running = r.mbe.start("pin", "--repo=" + r.path, "--backup=" + r.ids["F"], "--reason=too late")
        s.wait_until(lambda: lock_of(running.pid) == "waits", 20, "pin waits for a deletion")
        shutil.rmtree(os.path.dirname(r.archive("F")))
    done = running.wait()
    s.check(done.status == OPERATION_FAILED and "was deleted" in done.err, "what was deleted got a pin: %s", done)


def kill_pin(s):
    """kill -9 at random moments of pin and unpin: a pin is there whole or not, and what was told holds."""
    r = week(s, "killed-pin")
    told = set()
    for n in range(s.rounds(12)):
        reason = "reason %d" % n
        running = r.mbe.start("pin", "--repo=" + r.path, "--backup=" + r.ids["B"], "--reason=" + reason)
        time.sleep(s.random.uniform(0, 0.03))
        running.signal(signal.SIGKILL)
        running.wait()
        if reason in said(running):
            told.add(reason)
        check_whole(s, r)
        pins = [p["reason"] for b in r.mbe.list() if b["id"] == r.ids["B"] for p in b["pins"]]
        s.check(told <= set(pins) <= {"reason %d" % k for k in range(n + 1)}, "told %s, there %s", told, pins)
    r.mbe.run("pin", "--repo=" + r.path, "--backup=" + r.ids["B"], "--reason=last")
    r.delete("A", "--with-dependents", expect=REFUSED)
    r.mbe.run("unpin", "--repo=" + r.path, "--backup=" + r.ids["B"])
    s.check_equal([b["pins"] for b in r.mbe.list() if b["pins"]], [], "pins that are left")


def damaged_cases(s):
    r = week(s, "damaged")
    r.put("G", None, 1, damaged=True)
    r.put("H", None, 0.5)
    os.truncate(r.archive("H"), 200)
    result = r.prune("--keep-full=1")
    s.check_equal(r.listed(), "EFGH", "pruned with damaged backups: %s" % result)
    s.check("mbe delete" in result["G"][1] and "corrupt pages" in result["G"][1], "why: %s", result["G"])
    s.check("mbe delete" in result["H"][1] and "cannot be read" in result["H"][1], "why: %s", result["H"])
    r.delete("G")
    r.delete("H")
    s.check_equal(r.listed(), "EF", "damaged backups deleted by name")
    # A backup that a newer mbe has made, say: it may need any other.
    r.put("X", "F", 0.1, type="weekly")
    for refused in (r.mbe.run("prune", "--repo=" + r.path, "--keep-full=1", expect=REFUSED), r.delete("F", expect=REFUSED)):
        s.check("not known what backup %s needs" % r.ids["X"] in refused.err, "why: %s", refused)
    s.check_equal(r.listed(), "EFX", "refused")
    r.delete("X")
    r.delete("F")
    s.check_equal(r.listed(), "E", "deleted")
    r.mbe.run("prune", "--repo=" + r.path, expect=USAGE)
    r.mbe.run("prune", "--repo=" + s.path("absent"), "--keep-full=1", expect=REFUSED)


def _strangers(mbe):
    """What is in the repository and does not list, but is no rest of a deletion either."""
    return [n for n in mbe.leftovers() if not re.match(r"\.\d{8}T\d{6}Z-(full|incremental)(-\d+)?\.deleted$", n)]


def check_whole(s, r):
    """Every backup that lists has its whole chain; whatever else is there is on its way out."""
    s.check_equal([b for b in r.mbe.list() if b.get("error") or b["broken"]], [], "broken backups in the list")
    s.check_none(_strangers(r.mbe), "leftovers")


def said(running):
    with open(running.out_path, encoding="utf-8") as f:
        return f.read()


def kill_chain_deletion(s):
    """kill -9 at random moments while a long chain is deleted."""
    r = Repository(s, "killed")
    length, rounds, in_between = 40, s.rounds(12), 0
    whole = None        # seconds that a deletion takes that is left alone, the first one
    for n in range(5 * rounds + 1):
        if n > rounds and in_between * 4 >= rounds:
            break
        for k in range(length):
            if str(k) not in r.ids or not os.path.exists(r.archive(str(k))):
                r.put(str(k), str(k - 1) if k else None, 100 - k)
        running = r.mbe.start("delete", "--repo=" + r.path, "--backup=" + r.ids["0"], "--with-dependents")
        if whole is not None:
            time.sleep(s.random.uniform(0.1, 1) * whole)
            running.signal(signal.SIGKILL)
        done = running.wait()
        check_whole(s, r)
        left = len(r.mbe.list())
        in_between += 0 < left < length
        if not left:
            whole = min(whole or done.seconds, done.seconds)
        # what is left of it goes with the next run
        if left:
            r.delete("0", "--with-dependents")
        else:
            r.prune("--keep-full=1")
        s.check_equal(os.listdir(r.path), ["mbe-repository"], "after the next deletion of round %d" % n)
    s.say("%d of %d kills left a part of the chain", in_between, n - 1)
    s.check(in_between * 4 >= rounds, "only %d of %d kills came in between", in_between, n)


def lock_of(pid):
    """Whether the process waits for, or has, a shared flock: "waits", "has" or None."""
    with open("/proc/locks", encoding="utf-8") as f:
        for line in f:
            if re.search(r"FLOCK +ADVISORY +READ +%d " % pid, line):
                return "waits" if "->" in line else "has"
    return None


def holds_repository(pid):
    """Whether the process has the lock of the repository itself, which is held for moments only."""
    with open("/proc/locks", encoding="utf-8") as f:
        return any(re.search(r"FLOCK +ADVISORY +WRITE +%d " % pid, line) for line in f)


def stopped_with_lock(s, start, what):
    """mbe, begun by start(), stopped while it has the lock on a backup and nothing else that a deletion waits for."""
    def caught():
        running = start()
        while running.running() and lock_of(running.pid) != "has":
            time.sleep(0.001)
        while running.running():
            running.signal(signal.SIGSTOP)
            time.sleep(0.01)
            if not holds_repository(running.pid) and lock_of(running.pid) == "has":
                return running
            running.signal(signal.SIGCONT)
            time.sleep(0.001)
        return None

    return s.wait_until(caught, 60, "%s is stopped while it uses a backup" % what)


def readers_hold_their_backup(s, mbe, full, newest):
    """Who reads a backup waits for a deletion that is under way, and has the lock to its end: neither it nor its base can go."""
    args = ["--repo=" + mbe.repo, "--backup=" + newest.id, "--progress=none", "--parallel=1"]
    for verb, more in (("restore", ["--datadir=" + s.path("held")]), ("verify", [])):
        with locked(newest.archive, fcntl.LOCK_EX):
            running = mbe.start(verb, *args, *more)
            s.wait_until(lambda pid=running.pid: lock_of(pid) == "waits", 20, "%s waits for a deletion" % verb)
        s.check_equal(running.wait().status, OK, verb)
    before = mbe.ids()
    for what, start in (
            ("a restore", lambda: mbe.start("restore", *args, "--datadir=" + os.path.join(s.sub("caught"), "data"))),
            ("an incremental backup", lambda: mbe.start_backup("--incremental", "--base=" + newest.id))):
        running = stopped_with_lock(s, start, what)
        try:
            done = mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + full.id, "--with-dependents", expect=REFUSED)
            s.check("%s is in use" % newest.id in done.err, "deletion during %s: %s", what, done)
        finally:
            running.signal(signal.SIGCONT)
        s.check_equal(running.wait().status, OK, what + " that was stopped meanwhile")
    s.check(set(before) <= set(mbe.ids()), "something was deleted")


def kill_real_deletion(s, mbe, full):
    """Of a real chain what lists after a kill restores; the other bytes go with the next backup."""
    for n in range(4):
        copy = s.mbe(mbe.server, repo="copy")
        shutil.rmtree(copy.repo, ignore_errors=True)
        shutil.copytree(mbe.repo, copy.repo)
        before = copy.ids()
        running = copy.start("delete", "--repo=" + copy.repo, "--backup=" + full.id, "--with-dependents")
        s.wait_until(lambda: said(running).count("deleted") >= n or not running.running(), 60, "%d deletions" % n, every=0.001)
        running.signal(signal.SIGKILL)
        running.wait()
        listed = copy.ids()
        for i in listed:
            copy.restore(os.path.join(s.sub("whole"), "data"), backup=i)
        s.check_none(_strangers(copy), "leftovers")
        s.say("killed: %d of %d are still listed and restore, %d leftovers", len(listed), len(before), len(copy.leftovers()))
        copy.backup()
        s.check_equal(copy.leftovers(), [], "left in the repository after the next backup")


def real_cases(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    source.sql("create database b", "use b", "create table t (a int primary key, b char(200)) engine=innodb",
               "insert into t select seq, seq from " + source.numbers(20000))
    mbe = s.mbe(source)
    full = mbe.backup()
    newest = full
    for base in ("latest", "latest", "latest-full"):
        source.sql("update b.t set b = 'x' where a % 100 = 1")
        newest = mbe.backup("--incremental", "--base=" + base)
    rows = mbe.list()
    s.check_equal([(b["type"], b["base"], b["chain"]["length"], b["broken"]) for b in rows],
                  [("full", None, 1, None), ("incremental", rows[0]["id"], 2, None), ("incremental", rows[1]["id"], 3, None),
                   ("incremental", rows[0]["id"], 2, None)], "the tree of real backups")
    readers_hold_their_backup(s, mbe, full, newest)
    kill_real_deletion(s, mbe, full)
    mbe.run("prune", "--repo=" + mbe.repo, "--keep-days=1")
    s.check(len(mbe.list()) >= 5, "young backups were pruned: %s", mbe.ids())


def body(s):
    list_cases(s)
    delete_cases(s)
    in_use_cases(s)
    prune_cases(s)
    calendar_cases(s)
    pin_cases(s)
    pinned_meanwhile(s)
    damaged_cases(s)
    s.say("decisions are right")
    kill_pin(s)
    kill_chain_deletion(s)
    real_cases(s, "mariadb-10.11")


if __name__ == "__main__":
    run(body)
