#!/usr/bin/python3
"""mbe verify --level=boot and --level=tables, mbe restore --verify: good backups pass and are recorded, a row that differs and a table
that is damaged are found by name; servers that do not start, do not answer, crash or are of another kind are told apart; and whatever
ends mbe, no server, and nothing in the scratch directory, is left.
"""
# timeout: 400

import filecmp
import glob
import os
import pwd
import re
import shutil
import signal
import tempfile
import time

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import Load, archive_options
from harness.mbe import DAMAGE, OPERATION_FAILED, REFUSED, USAGE
from harness.scenario import run
from harness.servers import Unavailable, installation_of

OTHER = {"mariadb-10.11": "mysql-9.7", "mariadb-11.8": "mariadb-10.11", "mysql-9.7": "mariadb-10.11"}
# A table whose rows can be changed behind every checksum: fixed length, no row checksum.
PLAIN = "create table p.plain (id int primary key, a char(20) character set latin1) engine=myisam row_format=fixed"


def command_line(pid):
    """Empty when there is no such process."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return ""


def processes_with(text):
    """Ids of processes that have it in their command line."""
    return [p for p in map(int, filter(str.isdigit, os.listdir("/proc"))) if p != os.getpid() and text in command_line(p)]


class Boots:
    """Verifications of level boot, after each of which nothing is left."""

    def __init__(self, s, mbe, installation):
        self.s, self.mbe, self.installation = s, mbe, installation
        self.scratch = s.path("scratch")
        self.program = installation.script(s.path("server.sh"))

    def options(self, program=None):
        return self.s.boot_options(self.installation, program=program or self.program)

    def args(self, *extra, program=None, backup="latest"):
        return self.mbe.verify_args("--level=boot", "--server-wait=60", *self.options(program), *extra, backup=backup)

    def run(self, *extra, expect=0, program=None, backup="latest"):
        done = self.mbe.run(*self.args(*extra, program=program, backup=backup), expect=expect)
        self.check_gone("after %s" % done)
        return done

    def servers(self):
        """Their ids; mbe's own is none of them."""
        return processes_with("--datadir=" + self.scratch)

    def check_gone(self, when):
        self.s.check_equal(self.servers(), [], "servers " + when)
        self.s.check_equal(os.listdir(self.scratch), [], "scratch directories " + when)


def result(s, done, backup):
    """The verdict, and the figures behind it."""
    found = re.match(r"(\S+)  (\S+) (.*)$", done.out.strip())
    s.check(found and found.group(1) == backup.id, "result: %s", done)
    return found.group(2), {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)\b", found.group(3))}


def good_ones(s, boots, full, increment, has_hashes):
    for backup in (full, increment):
        done = boots.run(backup=backup.id)
        verdict, n = result(s, done, backup)
        s.check_equal(verdict, "ok", "verdict: %s" % done)
        s.check(n["tables"] > 20 and n["unchecked"] == 0 and n["different"] == 0 and n["unproven"] == 0, "figures: %s", done)
        s.check((n["compared"] > 0) == has_hashes, "tables that were compared: %s", done)
        s.check(has_hashes or "holds no table hashes" in done.err, "that nothing was compared is not said: %s", done)
        s.say("%s: %.1f s, %d tables, %d compared", backup.id, done.seconds, n["tables"], n["compared"])
        record = boots.mbe.show(backup.id)["verified"]
        s.check_equal([(r["level"], r["result"], r["tables"], r["compared"]) for r in record],
                      [("boot", "ok", n["tables"], n["compared"])], "record of %s" % backup.id)
        s.check_equal(len(record[0]["chain"]), backup.manifest["chain"]["length"], "chain of the record")


def listed(s, mbe, backup, expected):
    """What mbe list says of it, to people and to programs."""
    text = mbe.run("list", "--repo=" + mbe.repo).out
    row = next(line for line in text.splitlines() if backup.id in line)
    day = time.strftime("%Y-%m-", time.gmtime())
    s.check("VERIFIED" in text and (expected + day if expected else " - ") in row, "%r in list: %s", expected, text)
    found = next(b for b in mbe.list() if b["id"] == backup.id)["verified"]
    s.check((found or {}).get("level", "") == expected.split(" ")[0], "list --json: %r", found)


def servers_that_are_none(s, boots, flavour):
    def script(name, text):
        path = s.path(name)
        with open(path, "w", encoding="ascii") as f:
            f.write("#!/bin/sh\n[ $2 != --version ] || exec %s \"$@\"\n%s\n" % (boots.program, text))
            os.fchmod(f.fileno(), 0o755)
        return path

    for program, status, text, extra in (
            ("/nowhere/mysqld", OPERATION_FAILED, "/nowhere/mysqld: cannot be run: No such file", []),
            ("/bin/true", REFUSED, "/bin/true: does not say its version as a server does", []),
            (script("ends", "exit 3"), OPERATION_FAILED, "the server ended with status 3 while it was starting", []),
            (script("crashes", "kill -11 $$"), OPERATION_FAILED, "the server was killed by signal 11", []),
            (script("hangs", "exec sleep 600"), OPERATION_FAILED, "the server did not answer within 2 s", ["--server-wait=2"])):
        done = boots.run(*extra, program=program, expect=status)
        s.check(text in done.err, "%r is not said: %s", text, done)
    done = boots.run("--server-user=no-such-user", expect=USAGE)
    s.check("no such user: no-such-user" in done.err, "unknown user: %s", done)
    try:
        other = installation_of(OTHER[flavour])
    except Unavailable:
        s.say("there is no server of another kind")
        return
    done = boots.run(program=other.script(s.path("other.sh")), expect=REFUSED)
    s.check("the backup is of" in done.err, "another kind of server: %s", done)


def server_that_dies(s, boots):
    """It is killed when it answers."""
    running = boots.mbe.start(*boots.args())
    s.wait_until(lambda: glob.glob(boots.scratch + "/*/run/s.sock") or not running.running(), 60, "the server answers", every=0.01)
    s.check(boots.servers(), "it has ended already: %s", running.progress())
    for pid in boots.servers():
        os.kill(pid, signal.SIGKILL)
    done = running.wait(60)
    s.check_equal(done.status, OPERATION_FAILED, "a server that was killed: %s" % done)
    s.check("the server was killed by signal 9 (Killed) while" in done.err, "a server that was killed: %s", done)
    boots.check_gone("after its server was killed")


def server_that_dies_behind_damage(s, boots, backup):
    """It is killed when damage was found, while others are checked or compared: damage it is. mbe rests meanwhile (SIGSTOP)."""
    program = boots.installation.script(s.path("cut_and_die.sh"), PLAIN_FILE + 'truncate -s 30 "$f"')
    for _ in range(5):
        running = boots.mbe.start(*boots.args(program=program, backup=backup.id))
        s.wait_until(lambda: "table `p`.`plain`: " in running.progress() or not running.running(), 60, "damage is found", every=0.002)
        running.signal(signal.SIGSTOP)
        for pid in boots.servers():
            os.kill(pid, signal.SIGKILL)
        running.signal(signal.SIGCONT)
        done = running.wait(60)
        if "while it was being checked" in done.err:
            break       # else it was too late
    s.check_equal(done.status, DAMAGE, "a server that was killed behind damage: %s" % done)
    s.check("CHECK TABLE finds 1 of" in done.err and " damaged " in done.out and "was killed by signal 9 (Killed) while it was being checked" in done.err, "what is told: %s", done)
    boots.check_gone("after its server was killed behind damage")


def signalled(s, boots, number):
    """How mbe ended that got the signal while its server started or worked."""
    delay = s.random.uniform(0, 1.0)
    while True:
        running = boots.mbe.start(*boots.args())
        s.wait_until(boots.servers, 60, "the server runs", every=0.01)
        time.sleep(delay)
        running.signal(number)
        done = running.wait(60)
        if done.status != 0:
            return done
        delay /= 2      # it came too late


def signals(s, boots):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        done = signalled(s, boots, number)
        name = signal.Signals(number).name
        s.check_equal(done.status, -number if number == signal.SIGKILL else OPERATION_FAILED, "%s: %s" % (name, done))
        s.wait_until(lambda: not boots.servers(), 10, "no server is left by %s" % name)
        if number != signal.SIGKILL:
            s.check("signal" in done.err, "%s is not named: %s", name, done)
            boots.check_gone("after " + name)
    left = os.listdir(boots.scratch)
    s.check_equal(len(left), 1, "scratch directories of a killed mbe: %s" % left)
    os.utime(boots.scratch + "/" + left[0], (1e9, 1e9))     # one that is being made now is none that was left
    s.check("removed what a killed run left" in boots.run().err, "the next run does not say what it removed")


# Shell commands before the server starts: the restored file of p.plain is in $f, if there is one.
PLAIN_FILE = 'for a; do case $a in --datadir=*) f=${a#--datadir=}/p/plain.MYD;; esac; done; [ ! -e "$f" ] || '


def damaged_table(s, boots, backup):
    program = boots.installation.script(s.path("cut.sh"), PLAIN_FILE + 'truncate -s 30 "$f"')
    done = boots.run(program=program, expect=DAMAGE, backup=backup.id)
    s.check("table `p`.`plain`: " in done.err and "CHECK TABLE finds 1 of" in done.err, "a damaged table: %s", done)
    s.check(" damaged " in done.out, "verdict: %s", done)
    listed(s, boots.mbe, backup, "boot damaged ")


def row_that_differs(s, boots, backup):
    program = boots.installation.script(s.path("alter.sh"), PLAIN_FILE + 'printf Z | dd of="$f" bs=1 seek=6 conv=notrunc 2>/dev/null')
    done = boots.run(program=program, expect=DAMAGE, backup=backup.id)
    s.check(" different " in done.out and "table `p`.`plain` is different" in done.err, "a row that differs: %s", done)
    s.check("CHECK TABLE finds" not in done.err, "the file is damaged, which is not what is tried here: %s", done)
    listed(s, boots.mbe, backup, "boot different ")


def files_of(folder):
    return sorted(os.path.relpath(os.path.join(d, n), folder) for d, _, names in os.walk(folder) for n in names)


# What a server makes of its own while it starts and stops.
SERVERS_OWN = re.compile(r"(ibtmp1|undo_?\d+|ib_logfile0|aria_log\..*|aria_log_control|multi-master\.info|#innodb_redo/.*|"
                         r"#innodb_temp/.*|#ib_\d+_\d+\.b?dblwr)$")


def restore_and_verify(s, boots, source, state, backup):
    """The datadir that is left is one that a server starts on, with all that was backed up, and no more."""
    target, plain = s.path("verified", "data"), s.path("unverified")
    os.makedirs(s.path("verified"))
    boots.mbe.restore(plain, backup=backup.id)
    done = boots.mbe.restore(target, "--verify", *boots.options()[:2], backup=backup.id)
    s.check_equal(result(s, done, backup)[0], "ok", "verdict: %s" % done)
    boots.check_gone("after restore --verify")
    more = set(files_of(target)) ^ set(files_of(plain))
    s.check_none([f for f in sorted(more) if not SERVERS_OWN.match(f)], "files that a server of mbe's own has left or removed")
    s.check_none([f for f in files_of(plain) if f.startswith("p/plain.") and not f.endswith(".MYI") and
                  not filecmp.cmp(os.path.join(plain, f), os.path.join(target, f), shallow=False)],
                 "files of tables that it has changed")
    s.check_equal(os.stat(os.path.join(target, "ibdata1")).st_uid, os.getuid(), "owner of the files")
    s.check_equal([r["level"] for r in boots.mbe.show(backup.id)["verified"]][-1], "boot", "recorded level")
    restored = s.server("verified", flavour=source.flavour, datadir=target, options=archive_options(source.installation),
                        defaults=os.path.join(target, "mbe-my.cnf")).start()
    s.check_none(check.health(restored, s), "the restored server")
    s.check_none(check.differences(state, check.read_state(restored)), "the restored server, against the source")
    return restored


def killed_while_proving(s, boots, backup):
    """What the server was given, and has made, is still there: the datadir is called one that is not finished."""
    target = s.path("killed-data")
    args = ["restore", "--repo=" + boots.mbe.repo, "--backup=" + backup.id, "--datadir=" + target, "--progress=none", "--verify",
            *boots.options()[:2]]
    running = boots.mbe.start(*args)

    def servers():
        # Not mbe, nor a child of it that has its command line until it has become another program.
        return [p for p in processes_with("--datadir=" + target) if "--repo=" not in command_line(p)]

    s.wait_until(lambda: servers() or not running.running(), 60, "the server runs", every=0.01)
    running.signal(signal.SIGKILL)
    running.wait(60)
    s.wait_until(lambda: not servers(), 10, "no server is left")
    s.check(os.path.exists(os.path.join(target, "ibdata1")), "it was killed before the server ran: %s", running.progress())
    s.check(os.path.exists(os.path.join(target, "mbe-restore-incomplete")), "a datadir that was being proven has no marker")
    done = boots.mbe.run(*args, expect=REFUSED)
    s.check("did not finish" in done.err, "the next restore: %s", done)
    for left in os.listdir(boots.scratch):
        os.utime(os.path.join(boots.scratch, left), (1e9, 1e9))     # for the next run to remove


def tables_of(s, mbe, restored, backup):
    """The running restored server against the backup; then with one row that is another one."""
    mbe.server = restored
    args = ["--level=tables", "--defaults-file=" + mbe.option_file()]
    done = mbe.verify(backup.id, *args)
    verdict, n = result(s, done, backup)
    s.check(verdict == "ok" and n["compared"] > 0 and n["unproven"] == 0, "a restored server: %s", done)
    restored.sql("update p.inno set a='another' where id=3")
    done = mbe.verify(backup.id, *args, expect=DAMAGE)
    s.check(" different " in done.out and "table `p`.`inno` is different" in done.err and "column" in done.err,
            "a row that differs: %s", done)
    s.check("plain" not in done.err, "a table that does not differ is named: %s", done)
    s.check_equal([(r["level"], r["result"]) for r in mbe.show(backup.id)["verified"]][-2:],
                  [("tables", "ok"), ("tables", "different")], "recorded")
    restored.sql("update p.inno set a='c' where id=3", "drop table p.plain")
    done = mbe.verify(backup.id, *args, expect=DAMAGE)
    s.check("table `p`.`plain` is missing" in done.err, "a table that is missing: %s", done)
    mbe.verify(backup.id, "--level=tables", "--socket=/nowhere/s.sock", "--no-defaults", expect=OPERATION_FAILED)


def without_hashes(s, mbe, restored, backup):
    mbe.server = restored
    done = mbe.verify(backup.id, "--level=tables", "--defaults-file=" + mbe.option_file(), expect=REFUSED)
    s.check("holds no table hashes" in done.err, "a backup without hashes: %s", done)


def as_another_user(s, boots):
    """As root, without a word, a server runs as mysql: below a directory that it can reach."""
    try:
        pwd.getpwnam("mysql")
    except KeyError:
        s.say("there is no user mysql")
        return
    if os.getuid() != 0:
        s.say("only root can run a server as another user")
        return
    done = boots.run("--server-user=mysql", expect=OPERATION_FAILED)
    s.check("cannot be used by user" in done.err, "a scratch directory that the server's user cannot reach: %s", done)
    open_to_all = tempfile.mkdtemp(prefix="mbe-scratch-test-", dir="/tmp")
    s.at_end.append(lambda: shutil.rmtree(open_to_all, ignore_errors=True))
    os.chmod(open_to_all, 0o755)
    program = boots.mbe.server.installation.script(os.path.join(open_to_all, "server"))
    done = boots.mbe.run(*boots.mbe.verify_args("--level=boot", "--mysqld=" + program, "--scratch=" + open_to_all))
    s.check_equal(os.listdir(open_to_all), ["server"], "left by %s" % done)


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    load = Load(source, s.seed).prepare()
    source.sql("create database p", PLAIN, "insert into p.plain values (1,'a'),(2,'b'),(3,'c')",
               "create table p.inno (id int primary key, a varchar(20)) engine=innodb", "insert into p.inno select * from p.plain",
               "flush tables p.plain")
    load.start()
    load.wait_for_steps(100)
    mbe = s.mbe(source)
    full = mbe.backup("--hash")
    load.wait_for_steps(100)
    load.stop()
    state = check.read_state(source)
    increment = mbe.backup("--incremental", "--hash")
    bare = mbe.backup("--hash=none")
    boots = Boots(s, mbe, source.installation)
    listed(s, mbe, full, "")
    good_ones(s, boots, full, increment, True)
    listed(s, mbe, increment, "boot ")
    mbe.verify(increment.id)
    listed(s, mbe, increment, "boot ")
    done = boots.run(backup=bare.id)
    s.check("holds no table hashes" in done.err and " compared=0 " in done.out, "a backup without hashes: %s", done)
    listed(s, mbe, bare, "boot only ")
    servers_that_are_none(s, boots, flavour)
    as_another_user(s, boots)
    server_that_dies(s, boots)
    killed_while_proving(s, boots, increment)
    signals(s, boots)
    source.stop()
    restored = restore_and_verify(s, boots, source, state, increment)
    without_hashes(s, mbe, restored, bare)
    tables_of(s, mbe, restored, increment)
    listed(s, mbe, increment, "boot ")
    damaged_table(s, boots, bare)
    server_that_dies_behind_damage(s, boots, increment)
    row_that_differs(s, boots, increment)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
