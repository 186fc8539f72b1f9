"""Runs mbe as a user would: through its command line, judging its exit status, its streams and what it leaves."""

import json
import os
import re
import signal
import subprocess
import time

from . import servers

SECONDS = 240
ID = re.compile(r"^\d{8}T\d{6}Z-(full|incremental)(-\d+)?$")

# The documented exit statuses.
OK, OPERATION_FAILED, USAGE, DAMAGE, REFUSED = 0, 1, 2, 3, 4


def binary():
    return os.path.abspath(os.environ.get("MBE") or os.path.join(os.path.dirname(servers.TESTS), "build", "mbe"))


class MbeFailed(Exception):
    """mbe ended otherwise than expected; the text has its command line and streams."""


class Done:
    """How one run of mbe ended."""

    def __init__(self, argv, status, out, err, seconds):
        self.argv = argv
        self.status = status
        self.out = out
        self.err = err
        self.seconds = seconds

    def __str__(self):
        how = "was killed by %s" % signal.Signals(-self.status).name if self.status < 0 else "exit %d" % self.status
        return "%s: %s after %.1f s\n%s%s" % (" ".join(self.argv), how, self.seconds, _indent(self.out),
                                              _indent(self.err))


def _indent(text, lines=30):
    shown = text.strip().splitlines()[-lines:]
    return "".join("    | %s\n" % line for line in shown)


class Backup:
    """A backup that was taken: its id and manifest."""

    def __init__(self, mbe, done, backup_id):
        self.mbe = mbe
        self.done = done
        self.id = backup_id
        self.manifest = mbe.show(backup_id)

    @property
    def path(self):
        return os.path.join(self.mbe.repo, self.id)

    @property
    def archive(self):
        return os.path.join(self.path, "backup.mbe")

    @property
    def binlog(self):
        """(file, position) or None."""
        at = self.manifest.get("binlog")
        return (at["file"], at["position"]) if at else None


class Running:
    """mbe in the background, its streams in files."""

    def __init__(self, argv, log_base, env=None, wrapper=()):
        self.argv = argv
        self.out_path, self.err_path = log_base + ".out", log_base + ".err"
        self.started = time.monotonic()
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen([*wrapper, *argv], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def progress(self):
        """What it has said on stderr so far."""
        return _text(self.err_path)

    def wait(self, seconds=SECONDS):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise MbeFailed("did not end within %d s: %s" % (seconds, self.done())) from None
        return self.done()

    def done(self):
        return Done(self.argv, self.process.returncode if self.process.returncode is not None else -9,
                    _text(self.out_path), _text(self.err_path), time.monotonic() - self.started)

    def end(self):
        """For cleanup paths."""
        if self.running():
            self.process.kill()
            self.process.wait()


def _text(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


class Mbe:
    """mbe with one repository, talking to one server."""

    def __init__(self, server, repo, logs, user=None, password=None, program=None):
        self.server = server
        self.program = program or binary()
        self.repo = repo
        self.logs = logs
        self.user, self.password = user, password
        self.more = []              # options of every command
        self.environment = None     # of every command; None: ours
        self.key = ()               # options that give it the key of sealed backups
        self.count = 0
        os.makedirs(logs, exist_ok=True)

    def option_file(self):
        """Connection options go through an option file, as a DBA gives them."""
        path = os.path.join(self.logs, "client-%s.cnf" % (self.user or "root"))
        with open(path, "w", encoding="utf-8") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write("[client]\nsocket=%s\nuser=%s\n" % (self.server.socket, self.user or "root"))
            if self.password:
                f.write("password=%s\n" % self.password)
        return path

    def start(self, *args, env=None, wrapper=()):
        self.count += 1
        base = os.path.join(self.logs, "%s-%03d" % (args[0].strip("-") if args else "bare", self.count))
        return Running([self.program, *args, *self.more], base, env=env or self.environment, wrapper=wrapper)

    def run(self, *args, expect=OK, seconds=SECONDS, env=None, wrapper=()):
        """Runs to the end. `expect`: the only exit status that is right; None for any."""
        done = self.start(*args, env=env, wrapper=wrapper).wait(seconds)
        if expect is not None and done.status != expect:
            raise MbeFailed("expected exit %d: %s" % (expect, done))
        return done

    # --- verbs --------------------------------------------------------------------------------------------------------

    def backup_args(self, *extra):
        """A full backup, unless --incremental is among `extra`."""
        kind = [] if "--incremental" in extra else ["--full"]
        return ["backup", *kind, "--repo=" + self.repo, "--defaults-file=" + self.option_file(), "--progress=none",
                *self.key, *extra]

    def start_backup(self, *extra, **kwargs):
        return self.start(*self.backup_args(*extra), **kwargs)

    def finished_backup(self, done):
        """Backup of a run that must have succeeded: stdout is its id and nothing else."""
        if done.status != OK:
            raise MbeFailed("backup failed: %s" % done)
        backup_id = done.out.strip()
        if not ID.match(backup_id):
            raise MbeFailed("stdout is no backup id: %s" % done)
        return Backup(self, done, backup_id)

    def backup(self, *extra, seconds=SECONDS, **kwargs):
        return self.finished_backup(self.start_backup(*extra, **kwargs).wait(seconds))

    def offline_args(self, datadir, *extra):
        return ["backup", "--offline", "--datadir=" + datadir, "--repo=" + self.repo, "--progress=none", *extra]

    def backup_offline(self, datadir, *extra, seconds=SECONDS, **kwargs):
        """Of the files of a server that does not run."""
        return self.finished_backup(self.start(*self.offline_args(datadir, *extra), **kwargs).wait(seconds))

    def backup_fails(self, expect, *extra, **kwargs):
        """Runs a backup that must end with that status, say something, and add nothing to the list."""
        before = self.ids()
        done = self.run(*self.backup_args(*extra), expect=expect, **kwargs)
        if not re.search(r"(?m)^mbe: \S", done.err):
            raise MbeFailed("no reason was given: %s" % done)
        if self.ids() != before:
            raise MbeFailed("a failed backup is listed: %s" % done)
        return done

    def restore(self, target, *extra, backup="latest", expect=OK, parallel=2, **kwargs):
        if expect == OK and os.environ.get("MBE_CHECK_PAGES"):
            self.check_pages(backup, *self.page_check_options(extra))
        return self.run("restore", "--repo=" + self.repo, "--backup=" + backup, "--datadir=" + target,
                        "--parallel=%d" % parallel, "--progress=none", *self.key, *extra, expect=expect, **kwargs)

    def verify_args(self, *extra, backup="latest"):
        return ["verify", "--repo=" + self.repo, "--backup=" + backup, "--progress=none", *self.key, *extra]

    def verify(self, backup="latest", *extra, expect=OK, **kwargs):
        return self.run(*self.verify_args(*extra, backup=backup), expect=expect, **kwargs)

    @staticmethod
    def page_check_options(arguments):
        """What check_pages takes of the arguments of a restore."""
        return [a for a in arguments if a.startswith(("--keyring-", "--memory="))]

    def check_pages(self, backup="latest", *extra, expect=OK, **kwargs):    # pylint: disable=keyword-arg-before-vararg
        """verify --level=pages. With MBE_CHECK_PAGES set every restore that must succeed comes behind one."""
        return self.run("verify", "--repo=" + self.repo, "--backup=" + backup, "--level=pages", "--parallel=2", "--progress=none",
                        *self.key, *extra, expect=expect, **kwargs)

    def list(self):
        return json.loads(self.run("list", "--repo=" + self.repo, "--json", *self.key).out)

    def ids(self):
        """Ids of what lists; none when there is no repository yet."""
        if "://" not in self.repo and not os.path.exists(os.path.join(self.repo, "mbe-repository")):
            return []
        return [b["id"] for b in self.list()]

    def show(self, backup="latest"):
        return json.loads(self.run("show", "--repo=" + self.repo, "--backup=" + backup, "--json", *self.key).out)

    def leftovers(self):
        """Names in the repository that are neither its marker nor a backup that lists."""
        if not os.path.isdir(self.repo):
            return []
        return sorted(set(os.listdir(self.repo)) - set(self.ids()) - {"mbe-repository"})
