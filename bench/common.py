"""What the benchmarks have in common: a server and a folder of their own, what each contestant is run with, tables, and the frame that
runs one of them and keeps its results.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
import dataset      # noqa: E402
import measure      # noqa: E402
from harness.servers import FLAVOURS, INSTALLED, Server, ServerFailed, Unavailable, installed_flavour  # noqa: E402

PEER = "mariadb-backup"
FAMILY_NAMES = {"mariadb": "MariaDB", "mysql": "MySQL"}
LOG_OPTION = {"mariadb": "--innodb-log-file-size=1G", "mysql": "--innodb-redo-log-capacity=1G"}


def say(text):
    print(time.strftime("%H:%M:%S ") + text, flush=True)


class Bench:
    """Settings, the server, and where things are."""

    def __init__(self, options, folder):
        self.mbe = os.path.abspath(options.mbe)
        self.runs = options.runs
        self.size = options.size
        self.cold = options.cold
        self.folder = folder
        self.cpus = os.cpu_count() or 1
        self.flavour = options.flavour or installed_flavour()
        self.server = Server(self.flavour, os.path.join(folder, "server"), [
            "--innodb-buffer-pool-size=512M", "--key-buffer-size=64M", "--server-id=1", "--log-bin=binlog",
            "--max-connections=100"])
        self.server.options.append(LOG_OPTION[self.server.family])
        self.has_clone = self.server.family == "mysql" and self.server.installation.has_plugin("mysql_clone")
        self.has_peer = self.server.family == "mariadb" and shutil.which(PEER) is not None
        self.log = os.path.join(folder, "tool.log")
        self.results = {"backup": {}, "load": {}, "restore": {}}

    def path(self, name):
        return os.path.join(self.folder, name)

    def equal_start(self, files=None):
        """The same state of page cache and disk for whoever is next."""
        measure.sync_filesystem(self.folder)
        if self.cold:
            measure.drop_caches()
        else:
            measure.touch_memory(self.folder, self.size)
            measure.warm(files or dataset.data_files(self.server.datadir))


# --- contestants ------------------------------------------------------------------------------------------------------

def peer_backup(b, *more):
    return [PEER, "--no-defaults", "--backup", "--user=root", "--socket=" + b.server.socket, "--parallel=%d" % b.cpus,
            "--datadir=" + b.server.datadir, *more]


def start_on(bench, datadir, defaults):
    """Seconds until a server on the datadir answers."""
    folder = bench.path("restored-server")
    os.makedirs(folder)
    server = Server(bench.flavour, folder, ["--innodb-buffer-pool-size=512M", LOG_OPTION[bench.server.family], "--server-id=2",
                                            "--log-bin=" + os.path.join(folder, "binlog")],
                    datadir=datadir, defaults=defaults)
    started = time.monotonic()
    try:
        server.start()
        seconds = time.monotonic() - started
        server.value("select count(*) from bench_innodb.orders1")
        return seconds
    finally:
        server.kill()
        shutil.rmtree(folder)


def restore_mbe(bench, source, target):
    used = measure.run([[bench.mbe, "restore", "--repo=" + source, "--backup=latest", "--datadir=" + target,
                         "--memory=1G", "--parallel=%d" % bench.cpus, "--progress=none"]], bench.log, sync=bench.folder)
    return used, os.path.join(target, "mbe-my.cnf")


# --- tables -----------------------------------------------------------------------------------------------------------

def medians(rows):
    return {key: measure.median([r[key] for r in rows if r[key] is not None]) for key in rows[0]}


def ratio(value, base):
    return "%.2f" % (value / base) if base else "-"


def shown(form, value):
    """A number, or a dash where there is none."""
    return "-" if value is None else form % value


def print_table(title, header, rows):
    widths = [max(len(str(r[i])) for r in [header, *rows]) for i in range(len(header))]
    lines = [title]
    for row in [header, *rows]:
        lines.append("  " + "  ".join(str(v).ljust(w) if i == 0 else str(v).rjust(w)
                                      for i, (v, w) in enumerate(zip(row, widths))))
    return "\n".join(lines) + "\n"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    return {"cpu": model.group(1) if model else os.uname().machine, "cpus": os.cpu_count(),
            "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "kernel": os.uname().release}


# --- the frame --------------------------------------------------------------------------------------------------------

def size_of(text):
    found = re.fullmatch(r"(\d+)([KMGT]?)", text.upper())
    if not found:
        raise argparse.ArgumentTypeError("%s is no size such as 512M or 2G" % text)
    return int(found.group(1)) << {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[found.group(2)]


def parser(description, size, runs="runs of each contestant (default: 3)"):
    """The options that all have. --json is a folder for the results."""
    found = argparse.ArgumentParser(description=description)
    found.add_argument("--mbe", default="build/mbe")
    found.add_argument("--flavour", choices=sorted(FLAVOURS),
                       help="the server: without it, MySQL if it is installed, else the installed MariaDB")
    found.add_argument("--size", type=size_of, default=size, help="bytes of InnoDB (default: %s)" % size)
    found.add_argument("--runs", type=int, default=3, help=runs)
    found.add_argument("--json", default="build/bench", help="folder for the results")
    found.set_defaults(cold=False)
    return found


def stop_on_signal(signum, _frame):
    raise SystemExit(128 + signum)


def write_results(folder, kind, text, found):
    os.makedirs(folder, exist_ok=True)
    name = os.path.join(folder, time.strftime(kind + "-%Y%m%dT%H%M%S"))
    with open(name + ".json", "w", encoding="utf-8") as f:
        json.dump({"machine": machine(), **found}, f, indent=1)
    with open(name + ".txt", "w", encoding="utf-8") as f:
        f.write(text)
    say("written: %s.json, .txt" % name)


def run(options, kind, room, work):
    """work(bench, stack) in a folder that needs `room` bytes and is removed at the end; what is on the stack ends before that. It returns a
    text, which is printed, and a dictionary: both are kept in files named after `kind`. Returns the exit status."""
    base = os.environ.get("TMPDIR") or "/var/tmp"
    if shutil.disk_usage(base).free < room:
        print("not enough space below %s for %d MB; set TMPDIR" % (base, options.size >> 20), file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, stop_on_signal)
    folder = tempfile.mkdtemp(prefix="mbe-bench-", dir=base)
    if (options.flavour or installed_flavour()) in INSTALLED:       # a fetched one stays where the next run finds it
        os.environ["MBE_TEST_CACHE"] = os.path.join(folder, "cache")
    try:
        with contextlib.ExitStack() as stack:
            text, found = work(Bench(options, folder), stack)
        print("\n" + text)
        write_results(options.json, kind, text, found)
        return 0
    except (measure.CommandFailed, ServerFailed, Unavailable) as e:
        print("bench: %s" % e, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
