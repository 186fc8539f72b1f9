#!/usr/bin/python3
"""A repository on another machine, through ssh: backup under load, increment, list, show, verify, restore, consolidate, delete; equal,
table by table. A connection that breaks is made again, and the backup goes on. One that may not be, a full disk over there, and an mbe that
is not there end with one clear line and leave nothing.

The other machine is this one, behind an sshd of our own with its own keys where there is one, else behind a stand-in for ssh that
runs what ssh would have run.
"""
# timeout: 200

import os
import re
import shutil
import signal
import subprocess

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof, servers
from harness.load import Load
from harness.mbe import OPERATION_FAILED, REFUSED, USAGE, Mbe
from harness.scenario import run

# Does what ssh does with [-p PORT] -- HOST COMMAND. Notes its pid, limits the size of files where that is asked for, or ends when so many
# bytes have come from the other side.
STAND_IN = """#!/bin/bash
while [ "$1" != -- ]; do shift; done
echo $$ >>%s
if [ -n "$LIMIT" ]; then trap '' XFSZ; ulimit -f "$LIMIT"; fi
if [ -n "$CUT" ]; then exec 5<&0; exec dd bs=1 count="$CUT" status=none < <(exec bash -c "$3" <&5); fi
exec bash -c "$3"
"""


def stand_in(s):
    path = s.path("ssh-stand-in")
    with open(path, "w", encoding="utf-8") as f:
        f.write(STAND_IN % s.path("pids"))
    os.chmod(path, 0o755)
    return path, "ssh://somebody@other.example:2222"


def real_ssh(s):
    """(command, URL) of an sshd on loopback, or None where there is none, or we may not start one."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if not program or not shutil.which("ssh") or os.getuid() != 0:
        return None
    folder = s.sub("sshd")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(folder, name)], check=True)
    port = servers.loopback_port()
    with open(os.path.join(folder, "config"), "w", encoding="utf-8") as f:
        f.write("Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/user.pub\nStrictModes no\nUsePAM no\n"
                "PidFile none\nPermitRootLogin yes\nPasswordAuthentication no\n" % (port, folder, folder))
    os.makedirs("/run/sshd", exist_ok=True)
    daemon = subprocess.Popen([program, "-D", "-e", "-f", os.path.join(folder, "config")], stderr=subprocess.DEVNULL)
    s.at_end.append(daemon.kill)
    command = "ssh -i %s/user -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes" \
              " -o LogLevel=ERROR -F none" % folder
    url = "ssh://127.0.0.1:%d" % port
    s.wait_until(lambda: subprocess.run([*command.split(), "-p", str(port), "127.0.0.1", "true"], check=False,
                                        capture_output=True).returncode == 0, 20, "sshd answers", every=0.1)
    return command, url


class Remote(Mbe):
    """As Mbe, with a repository over there. `repo` is the URL."""

    def __init__(self, s, server, transport, there):
        super().__init__(server, s.path("unused"), s.path("logs"))
        self.command, url = transport
        self.repo, self.there = url + there, there

    def start(self, *args, env=None, wrapper=()):
        extra = ["--ssh-command=" + self.command, "--remote-mbe=" + self.program]
        return super().start(args[0], *extra, *args[1:], env=env, wrapper=wrapper)

    def ids(self):
        return [b["id"] for b in self.list()] if os.path.exists(os.path.join(self.there, "mbe-repository")) else []

    def leftovers(self):
        return sorted(set(os.listdir(self.there)) - set(self.ids()) - {"mbe-repository"})


def break_connection(pids):
    with open(pids, encoding="utf-8") as f:
        os.kill(int(f.read().split()[-1]), signal.SIGKILL)


def interruptions(s, mbe, pids):
    """The connection breaks in the middle: the backup goes on, and is whole."""
    with proof.held_after_copy(s, mbe.server, mbe, "--lock-wait=100") as running:
        break_connection(pids)
    done = mbe.finished_backup(running.wait(100))
    s.check("connecting again" in running.progress(), "nothing was broken: %s", running.progress())
    mbe.verify(done.id)
    s.check_equal(mbe.leftovers(), [], "left over there")


def failures(s, mbe, pids):
    """The connection breaks in the middle, for good; no room over there; no mbe over there; a URL that is none."""
    with proof.held_after_copy(s, mbe.server, mbe, "--lock-wait=100", "--ssh-retry=0") as running:
        break_connection(pids)
    done = running.wait(100)
    s.check_equal(done.status, OPERATION_FAILED, str(done))
    s.check(re.search(r"(?m)^mbe: ssh://.*(connection was closed|Broken pipe)", done.err), "a broken connection is not told: %s", done)
    s.check_equal(proof.locked_out(mbe.server), None, "locks after a broken connection")
    cut = {**os.environ, "CUT": "300"}              # behind the list, within the first archive
    done = mbe.run("list", "--repo=" + mbe.repo, "--ssh-retry=0", expect=OPERATION_FAILED, env=cut)
    s.check("connection was closed" in done.err and not done.out, "a list that was cut off: %s", done)
    mbe.backup_fails(OPERATION_FAILED, "--remote-mbe=/nonexistent/mbe")
    mbe.run("list", "--repo=ssh://-oProxyCommand=x/y", expect=USAGE)
    full = mbe.backup_fails(OPERATION_FAILED, "--compress=none", env={**os.environ, "LIMIT": "2048"})
    s.check("File too large" in full.err, "no room over there is not told: %s", full)


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    load = Load(source, s.seed).prepare(rows=500).start()
    local = s.mbe(source)
    transport = real_ssh(s) or stand_in(s)
    s.say("through %s", transport[0].split()[0])
    mbe = Remote(s, source, transport, local.repo)
    full = mbe.backup("--hash")
    load.wait_for_steps(200)
    increment = mbe.backup("--incremental", "--hash")
    load.stop()
    s.check_equal(increment.manifest["base"], full.id, "base")
    s.check_equal(mbe.leftovers(), [], "left over there")
    out = mbe.verify("all").out
    s.check(full.id + "  ok " in out and increment.id + "  ok " in out, "verify: %s", out)
    s.check_equal(mbe.list()[-1]["verified"]["result"], "ok", "what is recorded")
    done = mbe.restore(s.path("restored"), "--verify", *s.boot_options(source.installation)[:2], backup=increment.id)
    compared = re.search(r" compared=(\d+) different=0 ", done.out)
    s.check(compared and int(compared[1]) > 10, "restore --verify: %s", done)
    mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + full.id, expect=REFUSED)
    new = mbe.run("consolidate", "--repo=" + mbe.repo).out.strip()
    local.verify(new)
    mbe.run("delete", "--repo=" + mbe.repo, "--backup=" + full.id, "--with-dependents")
    s.check_equal(local.ids(), [new], "list after the deletion")
    s.check_equal(local.leftovers(), [], "left over there")
    other = Remote(s, source, stand_in(s), s.path("other"))
    interruptions(s, other, s.path("pids"))
    failures(s, other, s.path("pids"))


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
