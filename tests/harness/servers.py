"""Private throwaway servers.

A Server lives in one folder of the caller's: datadir, socket, tmpdir, log. It listens on its socket only, unless a loopback
port is asked for. Nothing outside that folder is written, but for a cache of empty datadirs (see `template`), and only the
process started here is ever ended.

Each server has a tmpdir of its own, because a starting server deletes the #sql files that it finds there.
"""

import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pymysql

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
START_SECONDS = 120
STOP_SECONDS = 120

# Options that shape a datadir when it is made; the template is made with them, and each start needs them again.
SHAPING = ("--innodb-page-size", "--innodb-data-file-path", "--innodb-undo-tablespaces", "--innodb-checksum-algorithm",
           "--lower-case-table-names", "--innodb-undo-directory", "--innodb-log-group-home-dir", "--innodb-data-home-dir")


class Unavailable(Exception):
    """There is no such server on this machine; the text says why."""


class ServerFailed(Exception):
    """A server did not start, or ended by itself; the text has the end of its log."""


def cache_folder():
    return os.environ.get("MBE_TEST_CACHE") or "/var/tmp/mbe-test-servers-%d" % os.getuid()


def loopback_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def version_text(program):
    """What a server's program says about itself; nothing if it is not there or does not run."""
    try:
        return subprocess.run([program, "--no-defaults", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


class Installation:
    """Where the programs of one flavour are, and how they are run. A subclass is a family of servers."""

    family = None
    programs = {}               # what this harness calls them: what the family calls them
    system_folders = ()         # below usr/, the first one that exists holds messages, character sets and scripts

    def __init__(self, flavour):
        self.flavour = flavour
        self.prefix = []
        self.layout = []
        self.usr = "/usr"
        self.version = ()
        self.share = ""

    def _fetched(self):
        done = subprocess.run([os.path.join(TESTS, "fetch-servers"), self.flavour], stdout=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise Unavailable(done.stdout.strip() or "tests/fetch-servers failed")
        root = done.stdout.strip()
        self.usr = os.path.join(root, "usr")
        libraries = ":".join(glob.glob(os.path.join(self.usr, "lib/*-linux-gnu")))
        loader = (glob.glob(os.path.join(self.usr, "lib*/ld-linux-*.so.*")) +
                  glob.glob(os.path.join(self.usr, "lib/*-linux-gnu/ld-linux-*.so.*")))[0]
        self.prefix = [loader, "--library-path", libraries]
        self.version = tuple(int(n) for n in self.flavour.split("-")[1].split("."))
        self.share = self._share()
        self.layout = ["--basedir=" + self.usr, "--lc-messages-dir=" + self.share,
                       "--character-sets-dir=" + os.path.join(self.share, "charsets"),
                       "--plugin-dir=" + os.path.join(self.usr, "lib/mysql/plugin")]

    def _path(self, name):
        name = self.programs.get(name, name)
        found = [p for p in (os.path.join(self.usr, d, name) for d in ("sbin", "bin")) if os.path.exists(p)]
        return found[0] if found else os.path.join(self.usr, "bin", name)

    def _share(self):
        for folder in self.system_folders:
            path = os.path.join(self.usr, folder)
            if os.path.isdir(os.path.join(path, "charsets")):
                return path
        raise Unavailable("no character sets below " + self.usr)

    def program(self, name):
        """Command line of one of the server's programs, without arguments: "server", "client", "binlog" or a file's name."""
        return [*self.prefix, self._path(name)]

    def has_plugin(self, name):
        folder = os.path.join(self.usr, "lib/mysql/plugin")
        return os.path.exists(os.path.join(folder, name + ".so")) or bool(
            glob.glob(os.path.join(self.usr, "lib/*/mariadb*/plugin", name + ".so")))

    def server(self, datadir, defaults=None):
        """Command line of the server on `datadir`. `defaults`: an option file to read, else none is."""
        argv = [*self.program("server"), "--defaults-file=" + defaults if defaults else "--no-defaults",
                "--datadir=" + datadir, *self.layout]
        return argv + (["--user=root"] if os.getuid() == 0 else [])

    def script(self, path, before=""):
        """Makes `path` a program that runs the server as it has to be run here, whatever its arguments, and returns it: for
        mbe --mysqld. `before`: shell commands that come first.
        """
        words = " ".join("'%s'" % w for w in self.program("server")), " ".join("'%s'" % w for w in self.layout)
        with open(path, "w", encoding="ascii") as f:
            f.write('#!/bin/sh\n%s\nexec %s "$@" %s\n' % (before, *words))
            os.fchmod(f.fileno(), 0o755)
        return path

    def identity(self):
        """Changes whenever the datadir that make_datadir() makes may change."""
        stat = os.stat(self._path("server"))
        return "%s %d %d" % (self.flavour, stat.st_size, stat.st_mtime_ns)

    def make_datadir(self, datadir, shaping):
        """An empty datadir with system tables, made by the server itself."""
        raise NotImplementedError

    def numbers(self, count):
        """What to select from for rows with one column `seq`, 1 to `count`."""
        raise NotImplementedError

    def _made(self, done):
        if done.returncode != 0:
            raise ServerFailed("bootstrap of %s failed:\n%s" % (self.flavour, done.stderr[-3000:]))


class MariaDb(Installation):
    family = "mariadb"
    programs = {"server": "mariadbd", "client": "mariadb", "binlog": "mariadb-binlog"}
    system_folders = ("share/mariadb", "share/mysql")

    def __init__(self, flavour):
        super().__init__(flavour)
        if flavour == "mariadb-10.11":
            self._of_the_distribution()
        else:
            self._fetched()

    def _of_the_distribution(self):
        """The distribution's own server: 10.11 on Debian 12; any release since 10.8 will do."""
        if not os.path.exists(self._path("server")):
            raise Unavailable("no mariadbd is installed")
        found = re.search(r"Ver (\d+)\.(\d+)\.(\d+)", version_text(self._path("server")))
        if not found:
            raise Unavailable("the installed mariadbd does not say its version")
        self.version = tuple(int(n) for n in found.groups())
        if self.version < (10, 8):
            raise Unavailable("the installed MariaDB %d.%d.%d is older than 10.8" % self.version)
        self.share = self._share()

    def _script(self, name):
        for prefix in ("mariadb", "mysql"):
            path = os.path.join(self.share, "%s_%s.sql" % (prefix, name))
            if os.path.exists(path):
                with open(path, encoding="utf-8") as f:
                    return f.read() + "\n"
        raise Unavailable("no script %s in %s" % (name, self.share))

    def _bootstrap_sql(self):
        return ("use mysql;\nset @auth_root_socket=NULL;\nset @skip_auth_anonymous=1;\n" + self._script("system_tables") +
                self._script("performance_tables") + self._script("system_tables_data") +
                # accounts of this machine's name only draw warnings
                "delete from global_priv where host not in ('localhost', '');\n"
                "delete from proxies_priv where host <> 'localhost';\n")

    def identity(self):
        return "%s %s" % (super().identity(), hashlib.sha256(self._bootstrap_sql().encode()).hexdigest())

    def make_datadir(self, datadir, shaping):
        os.makedirs(os.path.join(datadir, "mysql"))
        self._made(subprocess.run([*self.server(datadir), "--bootstrap", "--skip-grant-tables", "--innodb-log-file-size=8M",
                                   "--innodb-buffer-pool-size=64M", *shaping],
                                  input=self._bootstrap_sql(), text=True, capture_output=True, check=False))

    def numbers(self, count):
        return "seq_1_to_%d" % count


class MySql(Installation):
    family = "mysql"
    programs = {"server": "mysqld", "client": "mysql", "binlog": "mysqlbinlog"}
    system_folders = ("share/mysql",)

    def __init__(self, flavour):
        super().__init__(flavour)
        if flavour == "mysql-installed":
            self._of_the_machine()
        else:
            self._fetched()
        # no files outside our folders and no second port; and a binary log only where one is asked for, as in MariaDB
        self.layout += ["--secure-file-priv=", "--mysqlx=OFF", "--skip-log-bin"]

    def _of_the_machine(self):
        text = version_text(self._path("server"))
        found = re.search(r"Ver (\d+)\.(\d+)\.(\d+)", text)
        if not found or "MariaDB" in text:
            raise Unavailable("no MySQL is installed")
        self.version = tuple(int(n) for n in found.groups())
        if self.version < (8, 0, 30):
            raise Unavailable("the installed MySQL %d.%d.%d is older than 8.0.30" % self.version)
        # The packages' AppArmor profile keeps the program of that path to the folders of the machine's own server; one that is
        # run by the loader, as the fetched ones are, is not meant by it.
        if os.path.exists("/etc/apparmor.d/usr.sbin.mysqld"):
            self.prefix = glob.glob("/lib*/ld-linux-*.so.*")[:1]

    def make_datadir(self, datadir, shaping):
        self._made(subprocess.run([*self.server(datadir), "--initialize-insecure", "--innodb-buffer-pool-size=64M", *shaping],
                                  stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False))
        # it names the server, and copies of the datadir must have names of their own
        os.unlink(os.path.join(datadir, "auto.cnf"))

    def allow_local_components(self):
        """From now on a datadir may have a mysqld.my and a component_keyring_file.cnf of its own; one without them is as before."""
        for path, text in ((os.path.join(self.usr, "sbin", "mysqld.my"), '{"read_local_manifest": true}'),
                           (os.path.join(self.usr, "lib/mysql/plugin", "component_keyring_file.cnf"), '{"read_local_config": true}')):
            if not os.path.exists(path):
                with open(path + ".new", "w", encoding="ascii") as f:
                    f.write(text)
                os.rename(path + ".new", path)

    def numbers(self, count):
        return "json_table(concat('[0', repeat(',0', %d), ']'), '$[*]' columns (seq for ordinality)) as numbers" % (count - 1)


FLAVOURS = {"mariadb-10.11": MariaDb, "mariadb-11.8": MariaDb, "mysql-9.7": MySql, "mysql-installed": MySql}
INSTALLED = ("mariadb-10.11", "mysql-installed")    # of the machine itself, whatever their release; the others are fetched


def installation_of(flavour):
    if flavour not in FLAVOURS:
        raise ValueError("unknown flavour " + flavour)
    return FLAVOURS[flavour](flavour)


def installed_flavour():
    """What this machine has: MySQL if there is one that mbe can back up, else MariaDB (which may be missing, too)."""
    with contextlib.suppress(Unavailable):
        return installation_of("mysql-installed").flavour
    return "mariadb-10.11"


@contextlib.contextmanager
def _locked(path):
    with open(path, "w", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def template(installation, shaping):
    """Path of an empty datadir to copy, made once for each flavour and set of shaping options."""
    key = hashlib.sha256((installation.identity() + "\0" + "\0".join(shaping)).encode()).hexdigest()[:16]
    folder = os.path.join(cache_folder(), "templates")
    path = os.path.join(folder, "%s-%s" % (installation.flavour, key))
    os.makedirs(folder, exist_ok=True)
    with _locked(path + ".lock"):
        if not os.path.isdir(path):
            shutil.rmtree(path + ".new", ignore_errors=True)
            installation.make_datadir(path + ".new", shaping)
            os.rename(path + ".new", path)
    return path


def is_in_datadir(option):
    """Whether a shaping option keeps everything within the datadir, so that a copy of the datadir is complete."""
    return "/" not in option


class Server:
    """One server process and its files.

    options: server options for every start of it, for example ["--log-bin", "--server-id=1"].
    datadir: an existing datadir (a restored one) instead of one of its own.
    defaults: an option file for every start, for example the mbe-my.cnf of a restored datadir.
    port: "loopback" for a free TCP port of 127.0.0.1; otherwise there is only the socket.
    """

    def __init__(self, flavour, folder, options=(), datadir=None, defaults=None, port=None):
        self.flavour = flavour
        self.installation = installation_of(flavour)
        self.folder = folder
        self.datadir = datadir or os.path.join(folder, "data")
        self.defaults = defaults
        self.options = list(options)
        self.socket = os.path.join(folder, "s.sock")
        self.error_log = os.path.join(folder, "error.log")
        self.port = loopback_port() if port == "loopback" else port
        self.process = None
        os.makedirs(os.path.join(folder, "tmp"), exist_ok=True)

    @property
    def family(self):
        """Of servers: "mariadb" or "mysql"."""
        return self.installation.family

    def numbers(self, count):
        """What to select from for rows with one column `seq`, 1 to `count`."""
        return self.installation.numbers(count)

    # --- life ---------------------------------------------------------------------------------------------------------

    def init(self):
        shaping = sorted(o for o in self.options if o.split("=")[0] in SHAPING)
        if all(is_in_datadir(o) for o in shaping):
            subprocess.run(["cp", "-a", "--reflink=auto", template(self.installation, shaping), self.datadir],
                           check=True)
        else:
            self.installation.make_datadir(self.datadir, shaping)
        return self

    def command(self, extra=()):
        argv = [*self.installation.server(self.datadir, self.defaults), "--socket=" + self.socket,
                "--pid-file=" + os.path.join(self.folder, "pid"), "--log-error=" + self.error_log,
                "--tmpdir=" + os.path.join(self.folder, "tmp"), "--innodb-buffer-pool-size=64M",
                "--skip-name-resolve", "--innodb-fast-shutdown=1", *self.options, *extra]
        if self.port:
            return argv + ["--port=%d" % self.port, "--bind-address=127.0.0.1"]
        return argv + ["--skip-networking"]

    def start(self, *extra, wait=START_SECONDS):
        """Starts it and waits until it answers. Raises ServerFailed with the end of its log."""
        self.process = subprocess.Popen(self.command(extra), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ServerFailed("%s ended with %d while starting:\n%s" %
                                   (self.flavour, self.process.returncode, self.log_tail(40)))
            try:
                self.connect().close()
                return self
            except pymysql.err.MySQLError as e:
                if e.args and e.args[0] == 1045:
                    return self
                time.sleep(0.05)
        self.kill()
        raise ServerFailed("%s did not answer within %d s:\n%s" % (self.flavour, wait, self.log_tail(40)))

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """Clean shutdown; returns whether it was one."""
        if not self.running():
            return False
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS) == 0
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait()

    # --- SQL ----------------------------------------------------------------------------------------------------------

    def connect(self, user="root", password="", **kwargs):
        kwargs.setdefault("autocommit", True)
        kwargs.setdefault("charset", "utf8mb4")
        return pymysql.connect(unix_socket=self.socket, user=user, password=password, connect_timeout=10, **kwargs)

    def sql(self, *statements, args=None, database=None):
        """Runs the statements on one new connection; rows of the last one."""
        rows = ()
        with contextlib.closing(self.connect(database=database)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, args)
                rows = cursor.fetchall()
        return rows

    def value(self, statement, args=None):
        """First column of the first row, or None."""
        rows = self.sql(statement, args=args)
        return rows[0][0] if rows else None

    def status(self, name):
        rows = self.sql("show global status like '%s'" % name)
        return rows[0][1] if rows else None

    # --- files --------------------------------------------------------------------------------------------------------

    def log(self):
        try:
            with open(self.error_log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def log_tail(self, lines=25):
        return "\n".join("    | " + line for line in self.log().splitlines()[-lines:])
