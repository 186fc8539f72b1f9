#!/usr/bin/python3
"""mbe run: a task of a backup, verify, prune and a program, with hooks, mail and report; steps that fail; two runs of one repository
at once; runs that are stopped and killed."""
# timeout: 120

import json
import os
import signal

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness.mbe import DAMAGE, OPERATION_FAILED, REFUSED, USAGE
from harness.scenario import ROOT, run

CONFIG = """
[defaults]
repo = %(repo)s
defaults-file = %(client)s
log-file = %(folder)s/log
keep-full = 3
report = %(folder)s/%%task%%.json
sendmail = %(folder)s/sendmail
hook-wait = 60

[task nightly]
steps = backup, check, prune, tell
mail-to = dba@example.org, ops@example.org
mail-on = always
before-backup = echo "before $MBE_STEP of $MBE_TASK" >>%(folder)s/hooks
after-verify = echo "verified $MBE_BACKUP status $MBE_STATUS" >>%(folder)s/hooks
on-success = cat >%(folder)s/seen.json; echo "success $MBE_BACKUP" >>%(folder)s/hooks
on-failure = echo "failure of $MBE_STEP status $MBE_STATUS" >>%(folder)s/hooks

[step backup]
full = yes
parallel = 2

[step check]
type = verify

[step tell]
type = command
shell = echo "%%repo%% has $(ls %%repo%% | wc -l) names"; echo "told $MBE_BACKUP" >&2

# what comes behind a step that fails
[task breaks]
steps = broken, prune
mail-to = dba@example.org
on-failure = cat >/dev/null; echo "failure of $MBE_STEP status $MBE_STATUS" >>%(folder)s/hooks

[step broken]
type = command
shell = echo "so it is" >&2; exit 7

[task goes-on]
steps = broken, prune
keep-going = yes

[task refused]
steps = backup
before-backup = echo "not now" >&2; exit 1

[task damaged]
steps = check, prune

# holds the repository until it is told to let go
[task holds]
steps = hold, prune
on-failure = echo "failure of $MBE_STEP status $MBE_STATUS" >>%(folder)s/hooks

[step hold]
type = command
shell = echo $$ >%(folder)s/pid.new; mv %(folder)s/pid.new %(folder)s/pid; while [ ! -e %(folder)s/go ]; do sleep 0.02; done

[task second]
steps = prune

[task waits]
steps = prune
wait = 90
"""

SENDMAIL = """#!/bin/sh
echo "$*" >%(folder)s/mail.new
cat >>%(folder)s/mail.new
mv %(folder)s/mail.new %(folder)s/mail
"""


class Tasks:
    """The configuration file, and what its runs leave."""

    def __init__(self, s, mbe):
        self.s, self.mbe = s, mbe
        names = {"repo": mbe.repo, "client": mbe.option_file(), "folder": s.folder}
        self.config = s.path("mbe.cnf")
        self.write("mbe.cnf", CONFIG % names, 0o600)
        self.write("sendmail", SENDMAIL % names, 0o700)

    def write(self, name, text, mode):
        with open(self.s.path(name), "w", encoding="utf-8") as f:
            os.fchmod(f.fileno(), mode)
            f.write(text)

    def start(self, task, *extra):
        return self.mbe.start("run", task, "--config=" + self.config, *extra)

    def run(self, task, *extra, **kwargs):
        return self.mbe.run("run", task, "--config=" + self.config, *extra, **kwargs)

    def text(self, name):
        with open(self.s.path(name), encoding="utf-8") as f:
            return f.read()

    def hooks(self):
        """What the hooks have said since they were asked last."""
        lines = self.text("hooks").splitlines()
        os.unlink(self.s.path("hooks"))
        return lines

    def report(self, task):
        return json.loads(self.text(task + ".json"))

    def results(self, task):
        return [(step["name"], step["result"], step.get("status")) for step in self.report(task)["steps"]]


def good_night(s, t):
    with open(os.path.join(ROOT, "packaging", "mbe.cnf.example"), encoding="utf-8") as f:
        t.write("example.cnf", f.read(), 0o600)
    t.mbe.run("config", "check", "--config=" + s.path("example.cnf"))
    s.check("8 tasks, no error" in t.mbe.run("config", "check", "--config=" + t.config).out, "the file is not sound")
    done = t.run("nightly")
    s.check_equal((done.out, done.err), ("", ""), "a run that went well is quiet")
    ids = t.mbe.ids()
    s.check_equal(len(ids), 1, "backups")
    s.check_equal(t.hooks(), ["before backup of nightly", "verified %s status 0" % ids[0], "success " + ids[0]], "hooks")
    s.check_equal(t.results("nightly"), [(name, "ok", 0) for name in ("backup", "check", "prune", "tell")], "steps")
    report = t.report("nightly")
    s.check_equal(t.text("seen.json"), t.text("nightly.json"), "what a hook reads is the report")
    s.check_equal((report["result"], report["status"], report["steps"][0]["backup"]), ("ok", 0, ids[0]), "report")
    s.check_equal((report["steps"][3]["output"], report["steps"][3]["messages"]),
                  ("%s has 2 names\n" % t.mbe.repo, "told %s\n" % ids[0]), "what a program says")
    arguments, head = t.text("mail").split("\n\n")[0].split("\n", 1)
    s.check_equal(arguments, "-t -oi", "arguments of sendmail")
    s.check("To: dba@example.org, ops@example.org\nSubject: mbe: task nightly on %s: ok\n" % report["host"] in head, "mail:\n%s", head)
    s.check("step backup (backup): ok, " in t.text("mail") and ids[0] in t.text("mail"), "mail:\n%s", t.text("mail"))
    for line in ("run: task nightly begins", "run: task nightly: step prune begins", "run: task nightly: ok", "backup: " + ids[0]):
        s.check(line in t.text("log"), "%r is not in the log", line)
    os.unlink(s.path("mail"))


def steps_that_fail(s, t):
    done = t.run("breaks", expect=OPERATION_FAILED)
    s.check_equal(t.results("breaks"), [("broken", "failed", 7), ("prune", "not run", None)], "a step ends the task")
    s.check("mbe: task breaks: step broken failed with status 7" in done.err and "\n  so it is\n" in done.err, "what is told: %s", done)
    s.check_equal(t.hooks(), ["failure of broken status 1"], "hooks")
    s.check("FAILED" in t.text("mail") and "so it is" in t.text("mail"), "mail:\n%s", t.text("mail"))
    t.run("goes-on", expect=OPERATION_FAILED)
    s.check_equal(t.results("goes-on"), [("broken", "failed", 7), ("prune", "ok", 0)], "keep-going")
    before = t.mbe.ids()
    s.check("not now" in t.run("refused", expect=OPERATION_FAILED).err, "the hook's reason is not told")
    s.check_equal(t.mbe.ids(), before, "backups behind a hook that failed")
    s.check("there is no task 'nihgtly'; there are nightly, breaks" in t.run("nihgtly", expect=USAGE).err, "a task that is not there")


def lives(pid):
    """Whether it runs; what nobody has waited for yet does not."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def runs_at_once(s, t):
    def held():
        return os.path.exists(s.path("pid"))

    def hold():
        for name in ("pid", "go"):
            if os.path.exists(s.path(name)):
                os.unlink(s.path(name))
        first = t.start("holds")
        s.wait_until(held, 60, "the first run is in its step")
        return first

    first = hold()
    done = t.run("second", expect=REFUSED)
    s.check("another run of a task uses this repository" in done.err, "what is told: %s", done)
    s.check_equal(t.results("second"), [("prune", "not run", None)], "the run that was refused")
    waiting = t.start("waits")
    t.write("go", "", 0o600)
    for started in (first, waiting):
        s.check_equal(started.wait().status, 0, "a run and the one that waits for it")

    first = hold()
    step = int(t.text("pid"))
    first.signal(signal.SIGTERM)
    s.check_equal(first.wait().status, OPERATION_FAILED, "a run that was stopped")
    s.check_equal(t.results("holds"), [("hold", "failed", 128 + signal.SIGTERM), ("prune", "not run", None)], "its steps")
    s.check_equal(t.hooks(), ["failure of hold status 1"], "its hooks")
    s.check(not lives(step), "its step outlives it")

    first = hold()
    step = int(t.text("pid"))
    first.signal(signal.SIGKILL)
    s.check_equal(first.wait().status, -signal.SIGKILL, "a run that was killed")
    t.run("waits")
    s.wait_until(lambda: not lives(step), 60, "the step of a run that was killed ends")


def damage(s, t):
    archive = os.path.join(t.mbe.repo, t.mbe.ids()[-1], "backup.mbe")
    with open(archive, "r+b") as f:
        f.seek(os.path.getsize(archive) // 2)
        byte = f.read(1)[0]
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte ^ 1]))
    t.run("damaged", expect=DAMAGE)
    s.check_equal(t.results("damaged"), [("check", "failed", DAMAGE), ("prune", "not run", None)], "steps")


def no_program_gets_the_key(s, t):
    t.write("keyless.cnf", "[task keyless]\ntype = command\nshell = test -z \"$MBE_KEY\" && test -n \"$MBE_TASK\"\n", 0o600)
    t.mbe.run("run", "keyless", "--config=" + s.path("keyless.cnf"), env={**os.environ, "MBE_KEY": "a secret"})


def body(s, flavour):
    server = s.server("source", flavour=flavour).init().start()
    t = Tasks(s, s.mbe(server))
    good_night(s, t)
    steps_that_fail(s, t)
    runs_at_once(s, t)
    damage(s, t)
    no_program_gets_the_key(s, t)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
