#!/usr/bin/python3
"""`make bench SIZE=2G [FLAVOUR=mysql-9.7]`: mbe beside cp, zstd and what the server's family has itself, mariadb-backup or
MySQL's CLONE LOCAL DATA DIRECTORY, in one run on one machine over one dataset.

Contestants take turns (A B C, A B C, ...), so that a slow minute of the machine hits all; the table shows medians, and every
absolute number has its ratio beside it, because only the ratio means something on another machine.

    seconds   until the output is durable: after the command its filesystem is synced, for every contestant
    CPU, RSS  of the tool's processes, not of the server: CLONE has none
    stall     the longest wait of a client that updates one InnoDB (MyISAM) row over and over meanwhile
    page cache: the data files are read before each run (warm), or with --cold the caches are dropped (root only)

Nothing of the system's own servers is touched; all data is below $TMPDIR (default /var/tmp) and removed at the end.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import common       # noqa: E402
import dataset      # noqa: E402
import measure      # noqa: E402
from common import PEER, medians, peer_backup, print_table, ratio, restore_mbe, say, shown, start_on      # noqa: E402

LEVELS = (1, 3)
LOAD_THREADS = 4
LOAD_BASELINE_SECONDS = 10
CLONE = "CLONE LOCAL"
CLONE_RESTORE = "cp of the clone"


# --- backup -----------------------------------------------------------------------------------------------------------

class Contestant:
    """One way to copy the datadir into `target`. hot: it talks to the server and its result can be restored."""

    def __init__(self, name, pipeline=None, output=None, hot=True, statement=None):
        self.name = name
        self.pipeline = pipeline    # function(bench, target) -> list of command lines
        self.output = output        # name of the file below target that takes stdout
        self.hot = hot
        self.statement = statement  # instead of commands: function(target) -> SQL

    def run(self, bench, target):
        os.makedirs(target)
        if self.statement:
            return measure.run_statement(bench.server, self.statement(target), bench.folder)
        output = os.path.join(target, self.output) if self.output else None
        return measure.run(self.pipeline(bench, target), bench.log, output, sync=bench.folder)


def mbe_backup(codec):
    return lambda b, target: [[b.mbe, "backup", "--full", "--no-defaults", "--repo=" + target, "--user=root",
                               "--socket=" + b.server.socket, "--compress=" + codec, "--parallel=%d" % b.cpus,
                               "--progress=none"]]


def peer_stream(level):
    return lambda b, target: [peer_backup(b, "--stream=xbstream", "--target-dir=" + b.path("peer-tmp")),
                              ["zstd", "-q", "-T%d" % b.cpus, "-%d" % level]]


def raw_zstd(level):
    return lambda b, target: [["cat", *dataset.data_files(b.server.datadir)],
                              ["zstd", "-q", "-T%d" % b.cpus, "-%d" % level]]


def contestants(bench):
    # the files that a backup carries, without the redo log: a plain copy of the datadir would do more work than the others
    found = [Contestant("cp", lambda b, t: [["cp", "--parents", "-t", t, *dataset.data_files(b.server.datadir)]], hot=False)]
    found += [Contestant("zstd -%d, files only" % n, raw_zstd(n), "all.zst", hot=False) for n in LEVELS]
    found += [Contestant("mbe none", mbe_backup("none"))]
    found += [Contestant("mbe zstd:%d" % n, mbe_backup("zstd:%d" % n)) for n in LEVELS]
    if bench.has_clone:
        found += [Contestant(CLONE, statement=lambda t: "clone local data directory = '%s'" % os.path.join(t, "full"))]
    if bench.has_peer:
        found += [Contestant(PEER, lambda b, t: [peer_backup(b, "--target-dir=" + os.path.join(t, "full"))])]
        found += [Contestant("%s | zstd -%d" % (PEER, n), peer_stream(n), "full.zst") for n in LEVELS]
    return found


def mbe_lock_seconds(bench, target):
    shown = subprocess.run([bench.mbe, "show", "--repo=" + target, "--backup=latest", "--json"], check=True,
                           stdout=subprocess.PIPE, text=True)
    return json.loads(shown.stdout)["lock"]["seconds"]


def backup_round(bench, all_of_them, number):
    for c in all_of_them:
        target = bench.path("out")
        bench.equal_start()
        with measure.Probe(bench.server, "innodb") as innodb, measure.Probe(bench.server, "myisam") as myisam:
            used = c.run(bench, target)
        row = {"seconds": used.seconds, "cpu": used.cpu, "rss": used.rss, "stored": measure.tree_bytes(target),
               "stall_innodb": innodb.longest, "stall_myisam": myisam.longest,
               "lock": mbe_lock_seconds(bench, target) if c.name.startswith("mbe") else None}
        bench.results["backup"].setdefault(c.name, []).append(row)
        shutil.rmtree(target)
        shutil.rmtree(bench.path("peer-tmp"), ignore_errors=True)
        say("run %d/%d  %-28s %7.2f s" % (number, bench.runs, c.name, used.seconds))


# --- backup under load, and what the load loses -----------------------------------------------------------------------

def load_round(bench, load, all_of_them, number):
    """Each hot contestant under load, after a stretch of the same load alone. What it wrote is kept for the restores."""
    for c in all_of_them:
        target = bench.path("loaded-" + re.sub(r"\W+", "-", c.name))
        shutil.rmtree(target, ignore_errors=True)
        bench.equal_start()
        load.start()
        time.sleep(3)
        began, commits = time.monotonic(), load.commits()
        time.sleep(LOAD_BASELINE_SECONDS)
        alone = (load.commits() - commits) / (time.monotonic() - began)
        began, commits = time.monotonic(), load.commits()
        with measure.Probe(bench.server, "innodb") as innodb, measure.Probe(bench.server, "myisam") as myisam:
            used = c.run(bench, target)
        seconds = time.monotonic() - began
        during = (load.commits() - commits) / seconds
        load.stop()
        bench.results["load"].setdefault(c.name, []).append(
            {"seconds": used.seconds, "tps_alone": alone, "tps_during": during, "lost": max(0.0, alone - during) * seconds,
             "stall_innodb": innodb.longest, "stall_myisam": myisam.longest})
        shutil.rmtree(bench.path("peer-tmp"), ignore_errors=True)
        say("run %d/%d  %-28s %7.2f s under load, %.0f instead of %.0f transactions/s" %
            (number, bench.runs, c.name, used.seconds, during, alone))


# --- restore ----------------------------------------------------------------------------------------------------------

def restore_clone(bench, source, target):
    used = measure.run([["cp", "-r", os.path.join(source, "full"), target]], bench.log, sync=bench.folder)
    return used, None


def restore_peer_folder(bench, full, target):
    os.makedirs(target)
    used = measure.run([[PEER, "--prepare", "--target-dir=" + full, "--use-memory=1G"]], bench.log)
    used += measure.run([[PEER, "--no-defaults", "--copy-back", "--target-dir=" + full, "--datadir=" + target,
                          "--parallel=%d" % bench.cpus]], bench.log, sync=bench.folder)
    return used, None


def restore_peer_stream(bench, source, target):
    os.makedirs(target)
    used = measure.run([["zstd", "-q", "-d", "-c", os.path.join(source, "full.zst")],
                        ["mbstream", "-x", "-C", target, "-p", str(bench.cpus)]], bench.log)
    used += measure.run([[PEER, "--prepare", "--target-dir=" + target, "--use-memory=1G"]], bench.log, sync=bench.folder)
    return used, None


def restore_round(bench, number):
    ways = [("mbe none", "loaded-mbe-none", restore_mbe), ("mbe zstd:1", "loaded-mbe-zstd-1", restore_mbe)]
    if bench.has_clone:
        ways += [(CLONE_RESTORE, "loaded-CLONE-LOCAL", restore_clone)]
    if bench.has_peer:
        ways += [("%s: prepare + copy-back" % PEER, "loaded-mariadb-backup", restore_peer_folder),
                 ("%s: unpack zstd -1 in place + prepare" % PEER, "loaded-mariadb-backup-zstd-1", restore_peer_stream)]
    for name, kept, restore in ways:
        source, target = bench.path(kept), bench.path("restored")
        if restore is restore_peer_folder:      # prepare changes the backup: each run gets a fresh copy
            shutil.copytree(os.path.join(source, "full"), bench.path("prepare"))
            source = bench.path("prepare")
        bench.equal_start(os.path.join(folder, n) for folder, _, names in os.walk(source) for n in names)
        used, defaults = restore(bench, source, target)
        start = start_on(bench, target, defaults)
        bench.results["restore"].setdefault(name, []).append(
            {"seconds": used.seconds + start, "start": start, "cpu": used.cpu, "rss": used.rss})
        shutil.rmtree(target)
        shutil.rmtree(bench.path("prepare"), ignore_errors=True)
        say("run %d/%d  %-28s %7.2f s until the server answers" % (number, bench.runs, name, used.seconds + start))


# --- tables -----------------------------------------------------------------------------------------------------------

def tables(bench, data):
    backup = {k: medians(v) for k, v in bench.results["backup"].items()}
    load = {k: medians(v) for k, v in bench.results["load"].items()}
    restore = {k: medians(v) for k, v in bench.results["restore"].items()}
    mb = 1 << 20
    text = print_table(
        "backup of %d MB, server without other load" % (data // mb),
        ["", "s", "x cp", "MB/s", "CPU s", "RSS MB", "stored MB", "x data", "InnoDB stall ms", "MyISAM stall ms", "lock ms"],
        [[k, "%.2f" % r["seconds"], ratio(r["seconds"], backup["cp"]["seconds"]), "%.0f" % (data / mb / r["seconds"]),
          shown("%.1f", r["cpu"]), shown("%.0f", r["rss"] and r["rss"] / mb), "%.0f" % (r["stored"] / mb),
          ratio(r["stored"], data),
          "%.0f" % (r["stall_innodb"] * 1e3), "%.0f" % (r["stall_myisam"] * 1e3),
          "-" if r["lock"] is None else "%.0f" % (r["lock"] * 1e3)] for k, r in backup.items()])
    peer, peer_restore = (CLONE, CLONE_RESTORE) if bench.server.family == "mysql" else (PEER, PEER + ": prepare + copy-back")
    base = load.get(peer, {}).get("lost")
    text += "\n" + print_table(
        "backup under load",
        ["", "s", "tps alone", "tps during", "slower by", "transactions lost", "x %s" % peer, "InnoDB stall ms", "MyISAM stall ms"],
        [[k, "%.2f" % r["seconds"], "%.0f" % r["tps_alone"], "%.0f" % r["tps_during"],
          "%.0f %%" % (100 * (1 - r["tps_during"] / r["tps_alone"])), "%.0f" % r["lost"], ratio(r["lost"], base),
          "%.0f" % (r["stall_innodb"] * 1e3), "%.0f" % (r["stall_myisam"] * 1e3)] for k, r in load.items()])
    base = restore.get(peer_restore, {}).get("seconds")
    text += "\n" + print_table(
        "restore of a backup taken under load, until the server accepts connections",
        ["", "s", "x " + peer_restore, "of it start s", "CPU s", "RSS MB"],
        [[k, "%.2f" % r["seconds"], ratio(r["seconds"], base), "%.2f" % r["start"], "%.1f" % r["cpu"],
          "%.0f" % (r["rss"] / mb)] for k, r in restore.items()])
    return text + "\n" + targets(backup, load, restore), {"backup": backup, "load": load, "restore": restore}


def targets(backup, load, restore):
    """What we promised ourselves, and what this run says to it."""
    rows = []

    def target(text, table, key, mine, theirs, limit):
        if mine in table and theirs in table and table[theirs][key]:
            got = table[mine][key] / table[theirs][key]
            rows.append([text, "%.2f" % limit, "%.2f" % got, "met" if got <= limit else "MISSED"])

    target("mbe none / cp", backup, "seconds", "mbe none", "cp", 1.10)
    target("mbe none / " + PEER, backup, "seconds", "mbe none", PEER, 1.00)
    for mine in ("mbe none", "mbe zstd:1"):
        target("%s / %s" % (mine, CLONE), backup, "seconds", mine, CLONE, 1.00)
        target("under load: %s / %s" % (mine, CLONE), load, "seconds", mine, CLONE, 1.00)
        target("restore: %s / %s" % (mine, CLONE_RESTORE), restore, "seconds", mine, CLONE_RESTORE, 1.20)
    for n in LEVELS:
        target("mbe zstd:%d / %s | zstd -%d" % (n, PEER, n), backup, "seconds", "mbe zstd:%d" % n,
               "%s | zstd -%d" % (PEER, n), 0.75)
        target("mbe zstd:%d / zstd -%d over the same files" % (n, n), backup, "seconds", "mbe zstd:%d" % n,
               "zstd -%d, files only" % n, 1.10)
    for mine in ("mbe none", "mbe zstd:1"):
        target("restore: %s / prepare + copy-back" % mine, restore, "seconds", mine, PEER + ": prepare + copy-back", 0.60)
    target("transactions lost: mbe none / " + PEER, load, "lost", "mbe none", PEER, 0.50)
    target("transactions lost: mbe zstd:1 / %s | zstd -1" % PEER, load, "lost", "mbe zstd:1", PEER + " | zstd -1", 0.50)
    return print_table("targets", ["", "at most", "measured", ""], rows)


# --- all of it --------------------------------------------------------------------------------------------------------

def run_all(bench, stack):
    if not bench.has_peer and not bench.has_clone:
        say("no %s here: its rows are left out" % (CLONE if bench.server.family == "mysql" else PEER))
    say("building %d MB of InnoDB and %d %% of it of MyISAM below %s" %
        (bench.size >> 20, dataset.MYISAM_PERCENT[bench.server.family], bench.folder))
    bench.server.init()
    stack.callback(bench.server.kill)
    bench.server.start()
    if bench.has_clone:
        bench.server.sql("install plugin clone soname 'mysql_clone.so'")
    dataset.build(bench.server, bench.size, say)
    data = dataset.data_bytes(bench.server.datadir)

    competing = contestants(bench)
    for number in range(1, bench.runs + 1):
        backup_round(bench, competing, number)
    load = measure.Load(bench.server, LOAD_THREADS)
    load.prepare()
    stack.callback(load.stop)
    hot = [c for c in competing if c.hot and not c.name.endswith("3")]
    for number in range(1, bench.runs + 1):
        load_round(bench, load, hot, number)
    version = bench.server.value("select version()")
    bench.server.stop()
    for number in range(1, bench.runs + 1):
        restore_round(bench, number)
    return report(bench, data, version, load.name())


def report(bench, data, version, load):
    text, summary = tables(bench, data)
    about = common.machine()
    text = ("%s, %d CPUs, %d GB; %s %s; medians of %d; page cache %s; load: %s\n\n" %
            (about["cpu"], about["cpus"], about["memory"] >> 30, common.FAMILY_NAMES[bench.server.family], version, bench.runs,
             "cold" if bench.cold else "warm", load)) + text
    return text, {"server": version, "bytes": data, "runs": bench.runs, "cold": bench.cold, "load": load, "medians": summary,
                  "all": bench.results}


def main():
    parser = common.parser("mbe beside cp, zstd, and mariadb-backup or CLONE. On MariaDB, MyISAM is a tenth more than --size.", "2G")
    parser.add_argument("--cold", action="store_true", help="drop the page cache before each run (root only)")
    options = parser.parse_args()
    if options.cold and os.getuid() != 0:
        print("--cold needs root", file=sys.stderr)
        return 2
    # dataset, one copy being made, four kept for the restores, one more being prepared and one restored
    return common.run(options, "bench", 9 * options.size + (4 << 30), run_all)


if __name__ == "__main__":
    sys.exit(main())
