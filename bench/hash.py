#!/usr/bin/python3
"""`make bench-hash SIZE=2G [FLAVOUR=mysql-9.7]`: mbe hash beside CHECKSUM TABLE, pt-table-checksum and a dump into md5sum, over the same
InnoDB tables of one server: alone, with one thread and with as many as there are processors, and beside a load that writes.

Contestants take turns, and start from the same state of the page cache. CPU is that of the client and of the server. As in bench.py,
only the ratios mean something on another machine.
"""

import contextlib
import os
import queue
import shutil
import sys
import threading
import time

import pymysql

sys.dont_write_bytecode = True
import common       # noqa: E402
import dataset      # noqa: E402
import measure      # noqa: E402
from common import print_table, ratio, say, shown     # noqa: E402

SCHEMA = "bench_innodb"
CHECKSUM, PT, DUMP = "CHECKSUM TABLE", "pt-table-checksum", "dump | md5sum"
LOAD_BASELINE_SECONDS = 6
LOAD_THREADS = 4


def server_cpu(server):
    """Seconds of processor time that the server has taken so far."""
    with open("/proc/%d/stat" % server.process.pid, encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table_names(server):
    return [row[0] for row in server.sql("select table_name from information_schema.tables where table_schema='%s'"
                                         " order by data_length desc" % SCHEMA)]


def checksum_tables(bench, threads):
    """CHECKSUM TABLE of all tables, the largest first, by so many connections."""
    names, errors = queue.Queue(), []
    for name in table_names(bench.server):
        names.put(name)

    def work():
        try:
            with contextlib.closing(bench.server.connect(database=SCHEMA)) as connection, connection.cursor() as cursor:
                while True:
                    cursor.execute("checksum table `%s`" % names.get_nowait())
                    cursor.fetchall()
        except queue.Empty:
            pass
        except pymysql.err.MySQLError as e:
            errors.append(e)

    crew = [threading.Thread(target=work) for _ in range(threads)]
    started = time.monotonic()
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    if errors:
        raise measure.CommandFailed("CHECKSUM TABLE failed: %s" % errors[0])
    return measure.Usage(time.monotonic() - started, 0.0, 0)


def mbe_hash(bench, threads):
    return measure.run([[bench.mbe, "hash", "--no-defaults", "--user=root", "--socket=" + bench.server.socket,
                         "--databases=" + SCHEMA, "--parallel=%d" % threads, "--progress=none"]], bench.log)


def pt_checksum(bench, _threads):
    """Writes its results into the server, which the others do not; it knows no other way."""
    return measure.run([[PT, "--no-version-check", "--no-check-binlog-format", "--no-check-replication-filters", "--recursion-method=none",
                         "--databases=" + SCHEMA, "--socket=" + bench.server.socket, "--user=root", "--host=localhost", "--quiet"]],
                       bench.log)


def dump_md5(bench, _threads):
    dump = next(bench.server.installation.program(n) for n in ("mariadb-dump", "mysqldump")
                if os.path.exists(bench.server.installation.program(n)[-1]))
    return measure.run([[*dump, "--no-defaults", "--user=root", "--socket=" + bench.server.socket, "--single-transaction",
                         "--no-create-info", "--skip-comments", "--order-by-primary", SCHEMA], ["md5sum"]], bench.log)


class Contestant:
    def __init__(self, name, run, threads=1):
        self.name = "%s x %d" % (name, threads) if run in (checksum_tables, mbe_hash) else name
        self.run = run
        self.threads = threads


def contestants(bench):
    found = [Contestant(CHECKSUM, checksum_tables), Contestant("mbe hash", mbe_hash)]
    if bench.cpus > 1:
        found += [Contestant(CHECKSUM, checksum_tables, bench.cpus), Contestant("mbe hash", mbe_hash, bench.cpus)]
    found += [Contestant(DUMP, dump_md5)]
    return found + ([Contestant(PT, pt_checksum)] if shutil.which(PT) else [])


def measured(bench, contestant):
    """The run, with the server's processor time added to the client's."""
    before = server_cpu(bench.server)
    used = contestant.run(bench, contestant.threads)
    return used, server_cpu(bench.server) - before


def try_out(bench, found):
    """Those that can do it on this server at all. The others are left out, with what they said."""
    able = []
    for c in found:
        try:
            c.run(bench, c.threads)
            able.append(c)
        except measure.CommandFailed as e:
            say("%s is left out: %s" % (c.name, str(e).strip().splitlines()[-1]))
    return able


def turn(found, number):
    return found[number % len(found):] + found[:number % len(found)]


def alone_round(bench, found, number):
    for c in turn(found, number):
        bench.equal_start()
        used, server = measured(bench, c)
        bench.results["alone"].setdefault(c.name, []).append({"seconds": used.seconds, "client": used.cpu, "server": server})
        say("run %d/%d  %-24s %7.2f s" % (number + 1, bench.runs, c.name, used.seconds))


def load_round(bench, load, found, number):
    """Each beside a load, after a stretch of the same load alone."""
    for c in turn(found, number):
        bench.equal_start()
        load.start()
        time.sleep(2)
        began, commits = time.monotonic(), load.commits()
        time.sleep(LOAD_BASELINE_SECONDS)
        alone = (load.commits() - commits) / (time.monotonic() - began)
        began, commits = time.monotonic(), load.commits()
        with measure.Probe(bench.server, "innodb") as probe:
            used, _ = measured(bench, c)
        seconds = time.monotonic() - began
        during = (load.commits() - commits) / seconds
        load.stop()
        bench.results["load"].setdefault(c.name, []).append(
            {"seconds": used.seconds, "tps_alone": alone, "tps_during": during, "lost": max(0.0, alone - during) * seconds,
             "stall": probe.longest})
        say("run %d/%d  %-24s %7.2f s under load, %.0f instead of %.0f transactions/s" %
            (number + 1, bench.runs, c.name, used.seconds, during, alone))


def targets(bench, alone):
    rows = []

    def target(mine, theirs, most):
        if mine in alone and theirs in alone:
            got = alone[mine]["seconds"] / alone[theirs]["seconds"]
            rows.append(["%s / %s" % (mine, theirs), "%.2f" % most, "%.2f" % got, "met" if got <= most else "MISSED"])

    for threads in sorted({1, bench.cpus}):
        target("mbe hash x %d" % threads, "%s x %d" % (CHECKSUM, threads), 1.5)
    target("mbe hash x 1", PT, 0.5)
    return print_table("targets", ["", "at most", "measured", ""], rows)


def report(bench, data, version, load):
    mb = 1 << 20
    alone = {name: common.medians(rows) for name, rows in bench.results["alone"].items()}
    loaded = {name: common.medians(rows) for name, rows in bench.results["load"].items()}
    base = alone.get("%s x 1" % CHECKSUM, {}).get("seconds")
    about = common.machine()
    text = "%s, %d CPUs; %s; %d MB in %d tables; medians of %d\n\n" % (
        about["cpu"], about["cpus"], version, data // mb, len(table_names(bench.server)), bench.runs)
    text += print_table(
        "without other load", ["", "s", "x %s x 1" % CHECKSUM, "MB/s", "client CPU s", "server CPU s"],
        [[name, "%.2f" % r["seconds"], ratio(r["seconds"], base), "%.0f" % (data / mb / r["seconds"]), shown("%.1f", r["client"]),
          "%.1f" % r["server"]] for name, r in alone.items()])
    text += "\n" + print_table(
        "beside %s, %d threads" % (load.name(), LOAD_THREADS),
        ["", "s", "tps alone", "tps during", "slower by", "transactions lost", "longest wait ms"],
        [[name, "%.2f" % r["seconds"], "%.0f" % r["tps_alone"], "%.0f" % r["tps_during"],
          "%.0f %%" % (100 * (1 - r["tps_during"] / r["tps_alone"])) if r["tps_alone"] else "-", "%.0f" % r["lost"],
          "%.0f" % (r["stall"] * 1e3)] for name, r in loaded.items()])
    text += "\n" + targets(bench, alone)
    return text, {"medians": {"alone": alone, "load": loaded}}


def run_all(bench, stack):
    bench.server.init()
    stack.callback(bench.server.kill)
    bench.server.start()
    dataset.build(bench.server, bench.size, say)
    data = dataset.bytes_of(bench.server.datadir, "innodb")
    version = "%s %s" % (common.FAMILY_NAMES[bench.server.family], bench.server.value("select version()"))
    bench.results = {"alone": {}, "load": {}}
    load = measure.Load(bench.server, LOAD_THREADS)
    load.prepare()
    found = try_out(bench, contestants(bench))
    for number in range(bench.runs):
        alone_round(bench, found, number)
    for number in range(bench.runs):
        load_round(bench, load, found, number)
    return report(bench, data, version, load)


def main():
    options = common.parser("mbe hash beside CHECKSUM TABLE, pt-table-checksum and a dump.", "2G").parse_args()
    return common.run(options, "hash", 3 * options.size + (4 << 30), run_all)


if __name__ == "__main__":
    sys.exit(main())
