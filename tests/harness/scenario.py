"""The frame of an integration test: a temporary folder, servers that never outlive it, a seed, and an exit status.

    from harness.scenario import run

    def main(s):
        source = s.server("source", options=["--log-bin"]).init().start()
        ...
        s.check(value == 3, "value is %r", value)

    run(main)

Exit 0 passed; 1 failed, after the reason and the end of each server's log; 77 skipped, the reason on the last line.
Environment: MBE (the binary, default build/mbe), MBE_SEED, MBE_SEEDS (how many, for scenarios that loop), TMPDIR.
"""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from . import mbe as mbe_module
from . import servers

ROOT = os.path.dirname(servers.TESTS)


class Failed(Exception):
    """A check did not hold."""


class Skip(Exception):
    """The scenario cannot run here."""


class Scenario:
    def __init__(self, folder):
        self.folder = folder
        self.seed = int(os.environ.get("MBE_SEED") or random.SystemRandom().randrange(1, 1000000))
        self.random = random.Random(self.seed)
        self.servers = []
        self.at_end = []
        self.started = time.monotonic()

    # --- what a scenario is made of -----------------------------------------------------------------------------------

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def server(self, name, flavour="mariadb-10.11", **kwargs):
        """A Server in its own folder; stopped at the end whatever happens. Skips when there is no such server."""
        try:
            server = servers.Server(flavour, self.path(name), **kwargs)
        except servers.Unavailable as why:
            raise Skip(str(why)) from None
        self.servers.append(server)
        return server

    def mbe(self, server, repo="repo", **kwargs):
        return mbe_module.Mbe(server, self.path(repo), self.path("logs"), **kwargs)

    def restored(self, source, backup, name="restored", options=(), extra=(), start=True, before_start=None,
                 **restore):
        """Restores with `extra` arguments into a new folder and starts a server of the source's flavour on the result."""
        target = self.path(name, "data")
        os.makedirs(self.path(name), exist_ok=True)
        backup.mbe.restore(target, *extra, backup=backup.id, **restore)
        if before_start:
            before_start(target)
        server = self.server(name, flavour=source.flavour, datadir=target, options=options,
                             defaults=os.path.join(target, "mbe-my.cnf"), port="loopback" if source.port else None)
        return server.start() if start else server

    def boot_options(self, installation, scratch="scratch", program=None):
        """For mbe verify --level=boot, and without the last one for mbe restore --verify: the server program, where its files go, and
        the user it runs as, who can reach them.
        """
        folder = self.path(scratch)
        os.makedirs(folder, exist_ok=True)
        program = program or installation.script(self.path("%s-%s.sh" % (scratch, installation.flavour)))
        return ["--mysqld=" + program, "--scratch=" + folder] + (["--server-user=root"] if os.getuid() == 0 else [])

    def tool(self, name):
        """Path of a program of tests/tools."""
        build = os.environ.get("MBE_BUILD") or os.path.dirname(mbe_module.binary())
        path = os.path.join(build, "tools", name)
        if not os.access(path, os.X_OK):
            raise Failed("%s is not built (make tools)" % path)
        return path

    def rounds(self, default):
        return int(os.environ.get("MBE_SEEDS") or default)

    def sub(self, name):
        """A folder that is empty now, for one round of a loop."""
        path = self.path(name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def move_to_memory(self, megabytes):
        """From here on the folder is on the machine's memory disk, if that has room: for scenarios of very many small files."""
        disk = "/dev/shm"
        with contextlib.suppress(OSError):
            room = os.statvfs(disk)
            if room.f_bavail * room.f_frsize > megabytes << 20:
                folder = tempfile.mkdtemp(prefix="mbe-", dir=disk)
                self.at_end.append(lambda: shutil.rmtree(folder, ignore_errors=True))
                self.folder = folder

    # --- checks -------------------------------------------------------------------------------------------------------

    def check(self, condition, text, *args):
        if not condition:
            raise Failed(text % args if args else text)

    def check_equal(self, found, expected, what):
        if found != expected:
            raise Failed("%s: expected %r, found %r" % (what, expected, found))

    def check_none(self, problems, what):
        """Fails with all of them, one a line."""
        problems = list(problems)
        if problems:
            shown = "\n".join("    " + str(p) for p in problems[:40])
            more = "\n    ... and %d more" % (len(problems) - 40) if len(problems) > 40 else ""
            raise Failed("%s: %d problems\n%s%s" % (what, len(problems), shown, more))

    def wait_until(self, condition, seconds, what, every=0.02):
        """First true value of condition(), which is asked again after `every` seconds."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise Failed("not within %d s: %s" % (seconds, what))
            time.sleep(every)

    def say(self, text, *args):
        print("%6.1f  %s" % (time.monotonic() - self.started, text % args if args else text), flush=True)

    # --- the end ------------------------------------------------------------------------------------------------------

    def show_logs(self):
        for server in self.servers:
            tail = server.log_tail()
            if tail:
                print("end of the error log of %s:\n%s" % (os.path.basename(server.folder), tail))

    def close(self):
        for server in self.servers:
            server.kill()
        for action in reversed(self.at_end):
            try:
                action()
            except Exception:       # pylint: disable=broad-except
                traceback.print_exc()


def _terminated(_signum, _frame):
    raise SystemExit(1)


def _execute(main, scenario):
    try:
        main(scenario)
        return 0
    except Skip as why:
        print("skipped: %s" % why)
        return 77
    except (Failed, mbe_module.MbeFailed, servers.ServerFailed) as why:
        print("FAILED (MBE_SEED=%d): %s" % (scenario.seed, why))
    except SystemExit:
        print("FAILED (MBE_SEED=%d): ended by a signal" % scenario.seed)
    except subprocess.TimeoutExpired as why:
        print("FAILED (MBE_SEED=%d): %s" % (scenario.seed, why))
    except Exception:               # pylint: disable=broad-except
        traceback.print_exc(file=sys.stdout)
        print("FAILED (MBE_SEED=%d)" % scenario.seed)
    scenario.show_logs()
    return 1


def run(main):
    """Runs main(scenario) and exits."""
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGHUP, _terminated)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 65536), hard) if hard > 0 else soft, hard))
    folder = tempfile.mkdtemp(prefix="mbe-", dir=os.environ.get("TMPDIR") or "/tmp")
    status = 1
    try:
        scenario = Scenario(folder)
        print("seed %d (MBE_SEED)" % scenario.seed, flush=True)
        try:
            if not os.access(mbe_module.binary(), os.X_OK):
                print("FAILED: %s is not built" % mbe_module.binary())
            else:
                status = _execute(main, scenario)
        finally:
            scenario.close()
    finally:
        if os.environ.get("MBE_KEEP") and status == 1:
            print("kept: " + folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(status)
