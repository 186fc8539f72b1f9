#!/usr/bin/python3
"""`make bench-incremental SIZE=4G [FLAVOUR=mysql-9.7]`: a full backup and STEPS incremental ones, and what it takes to restore them, beside
reading the files (`cat`), a full backup of the same data, and mariadb-backup's own increments.

Before each step a part of the pages (1 %, with --change 10 a tenth) is changed at random. The contestants of a step take turns over the
same state. Restores are compared at the end: of the chain, of a full of the very same data, and mariadb-backup's prepare of
the full and of each increment, with its copy-back. As in bench.py, only the ratios mean something on another machine.
"""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import common       # noqa: E402
import dataset      # noqa: E402
import measure      # noqa: E402
from common import PEER, print_table, ratio, say     # noqa: E402

STEPS = 10
UPDATES_AT_ONCE = 500
CAT = "cat of the files"
FULL = "mbe full"
SCAN = "mbe increment, scan"
TRACKED = "mbe increment, page tracking"


def mbe(bench, repo, *more):
    return [bench.mbe, "backup", "--no-defaults", "--repo=" + repo, "--user=root", "--socket=" + bench.server.socket,
            "--compress=none", "--parallel=%d" % bench.cpus, "--progress=none", *more]


def manifest(bench, repo):
    shown = subprocess.run([bench.mbe, "show", "--repo=" + repo, "--backup=latest", "--json"], check=True,
                           stdout=subprocess.PIPE, text=True)
    return json.loads(shown.stdout)


def change_pages(bench, percent):
    """Updates rows at random, each in a page of its own: as many as that part of the InnoDB pages."""
    server = bench.server
    page = int(server.value("select @@innodb_page_size"))
    wanted = dataset.bytes_of(server.datadir, "innodb") // page * percent // 100
    tables = ["sbtest%d" % n for n in range(1, dataset.TABLES + 1)]
    with contextlib.closing(server.connect(database="bench_innodb")) as connection, connection.cursor() as cursor:
        for number, table in enumerate(tables):
            cursor.execute("select max(id) from " + table)
            last = cursor.fetchone()[0]
            ids = [bench.random.randrange(1, last + 1) for _ in range(wanted // len(tables) + (number < wanted % len(tables)))]
            for at in range(0, len(ids), UPDATES_AT_ONCE):
                cursor.execute("update %s set pad = reverse(pad) where id in (%s)" %
                               (table, ",".join(map(str, ids[at:at + UPDATES_AT_ONCE]))))
    flush(server)


def flush(server):
    """Has the server write its dirty pages, so that every contestant of a step sees the same files."""
    server.sql("set global innodb_max_dirty_pages_pct = 0")
    counter = "Innodb_buffer_pool_pages_dirty"
    deadline = time.monotonic() + 300
    while int(server.status(counter)) > 50 and time.monotonic() < deadline:
        time.sleep(0.2)
    server.sql("set global innodb_max_dirty_pages_pct = 90")


def note(bench, name, seconds, **more):
    bench.steps.setdefault(name, []).append({"seconds": seconds, **more})


def step(bench, number, percent):
    change_pages(bench, percent)
    ways = [(CAT, lambda: measure.run([["cat", *dataset.data_files(bench.server.datadir)]], bench.log)),
            (FULL, lambda: measure.run([mbe(bench, bench.path("scratch"), "--full", *bench.scan)], bench.log, sync=bench.folder))]
    ways += [(SCAN, lambda: measure.run([mbe(bench, bench.path("repo"), "--incremental", *bench.scan)], bench.log,
                                        sync=bench.folder))]
    if bench.tracks:
        ways += [(TRACKED, lambda: measure.run([mbe(bench, bench.path("tracked"), "--incremental",
                                                    "--change-map=page-tracking")], bench.log, sync=bench.folder))]
    if bench.has_peer:
        ways += [(PEER, lambda: measure.run(
            [common.peer_backup(bench, "--target-dir=" + bench.path("peer/%d" % number),
                                "--incremental-basedir=" + bench.path("peer/%d" % (number - 1)))], bench.log, sync=bench.folder))]
    for name, run in ways[number % len(ways):] + ways[:number % len(ways)]:
        bench.equal_start()
        used = run()
        more = {}
        if name in (SCAN, TRACKED):
            found = manifest(bench, bench.path("repo" if name == SCAN else "tracked"))
            if found["type"] != "incremental":
                raise measure.CommandFailed("step %d was no increment but a full" % number)
            more = {"read": found["bytes"]["read"], "changed": found["bytes"]["changed"]}
        note(bench, name, used.seconds, **more)
        say("step %d/%d  %-28s %7.2f s" % (number, bench.n_steps, name, used.seconds))
        shutil.rmtree(bench.path("scratch"), ignore_errors=True)


def peer_restore(bench, target):
    """Prepare of the full with every increment, then copy-back."""
    os.makedirs(target)
    full = bench.path("peer/0")
    used = measure.run([[PEER, "--prepare", "--target-dir=" + full, "--use-memory=1G"]], bench.log)
    for number in range(1, bench.n_steps + 1):
        used += measure.run([[PEER, "--prepare", "--target-dir=" + full, "--use-memory=1G",
                              "--incremental-dir=" + bench.path("peer/%d" % number)]], bench.log)
    return used + measure.run([[PEER, "--no-defaults", "--copy-back", "--target-dir=" + full, "--datadir=" + target,
                                "--parallel=%d" % bench.cpus]], bench.log, sync=bench.folder)


def restores(bench):
    """{name: seconds until durable}, medians of the runs; the peer's once, as its prepare uses up what it restores."""
    chain, full = "mbe: full and %d increments" % bench.n_steps, "mbe: one full of the same data"
    found = {chain: [], full: []}
    for number in range(bench.runs):
        for name, repo in ((chain, "repo"), (full, "last")) if number % 2 == 0 else ((full, "last"), (chain, "repo")):
            target = bench.path("restored")
            bench.equal_start(os.path.join(folder, n) for folder, _, names in os.walk(bench.path(repo)) for n in names)
            used, defaults = common.restore_mbe(bench, bench.path(repo), target)
            found[name].append(used.seconds)
            if not number:
                common.start_on(bench, target, defaults)
            shutil.rmtree(target)
            say("restore  %-34s %7.2f s" % (name, used.seconds))
    if bench.has_peer:
        bench.equal_start(os.path.join(folder, n) for folder, _, names in os.walk(bench.path("peer")) for n in names)
        name = "%s: prepare x %d, copy-back" % (PEER, bench.n_steps + 1)
        found[name] = [peer_restore(bench, bench.path("restored")).seconds]
        say("restore  %-34s %7.2f s" % (name, found[name][0]))
    return chain, full, {name: measure.median(seconds) for name, seconds in found.items()}


def report(bench, percent, data, version, chain, full, restored):
    mb = 1 << 20
    steps = {name: common.medians(rows) for name, rows in bench.steps.items()}
    about = common.machine()
    text = "%s, %d CPUs; %s; %d MB, %d %% of the pages changed before each of %d steps; medians\n\n" % (
        about["cpu"], about["cpus"], version, data // mb, percent, bench.n_steps)
    text += print_table(
        "one step", ["", "s", "x " + CAT, "x " + FULL, "read MB", "changed MB", "read / changed"],
        [[name, "%.2f" % r["seconds"], ratio(r["seconds"], steps[CAT]["seconds"]), ratio(r["seconds"], steps[FULL]["seconds"]),
          *(["%.0f" % (r["read"] / mb), "%.1f" % (r["changed"] / mb), ratio(r["read"], r["changed"])] if "read" in r else
            ["-", "-", "-"])] for name, r in steps.items()])
    text += "\n" + print_table("restore, until durable", ["", "s", "x one full"],
                               [[name, "%.2f" % s, ratio(s, restored[full])] for name, s in restored.items()])
    rows = [["restore of the chain / of a full", 1.25, restored[chain] / restored[full]],
            ["scan / cat", 1.0, steps[SCAN]["seconds"] / steps[CAT]["seconds"]]]
    if TRACKED in steps:
        rows += [["tracked: read / changed", 1.3, steps[TRACKED]["read"] / steps[TRACKED]["changed"]],
                 ["tracked / full", 0.1, steps[TRACKED]["seconds"] / steps[FULL]["seconds"]]]
    text += "\n" + print_table("targets", ["", "at most", "measured", ""],
                               [[name, "%.2f" % most, "%.2f" % got, "met" if got <= most else "MISSED"] for name, most, got in rows])
    return text, {"medians": {"steps": steps, "restore": restored}}


def run_all(bench, stack, steps, percent):
    bench.random = random.Random(1)
    bench.n_steps, bench.steps = steps, {}
    bench.tracks = bench.server.family == "mysql"
    bench.scan = ["--change-map=scan"] if bench.tracks else []
    bench.server.init()
    stack.callback(bench.server.kill)
    bench.server.start()
    if bench.tracks:
        bench.server.sql("install component 'file://component_mysqlbackup'")
    dataset.build(bench.server, bench.size, say)
    data = dataset.data_bytes(bench.server.datadir)
    version = "%s %s" % (common.FAMILY_NAMES[bench.server.family], bench.server.value("select version()"))
    measure.run([mbe(bench, bench.path("repo"), "--full", *bench.scan)], bench.log)
    if bench.tracks:
        measure.run([mbe(bench, bench.path("tracked"), "--full")], bench.log)
    if bench.has_peer:
        os.mkdir(bench.path("peer"))
        measure.run([common.peer_backup(bench, "--target-dir=" + bench.path("peer/0"))], bench.log)
    for number in range(1, bench.n_steps + 1):
        step(bench, number, percent)
    measure.run([mbe(bench, bench.path("last"), "--full", *bench.scan)], bench.log)
    bench.server.stop()
    return report(bench, percent, data, version, *restores(bench))


def main():
    parser = common.parser("mbe's incremental backups beside cat, full backups and mariadb-backup.", "4G", "restores of each kind (default: 3)")
    parser.add_argument("--change", type=int, default=1, help="percent of the pages that change before a step (default: 1)")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    # dataset; a full of each contestant and one at the end, one that is measured, one restored; the increments
    room = (8 + options.steps * options.change / 20) * options.size + (4 << 30)
    return common.run(options, "incremental", room, lambda bench, stack: run_all(bench, stack, options.steps, options.change))


if __name__ == "__main__":
    sys.exit(main())
