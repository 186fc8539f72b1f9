"""The smallest Ceph that is an object store: a monitor, an OSD in memory and the S3 gateway, on loopback and in one folder. They are those
of the distribution, installed or unpacked by tests/fetch-servers.
"""

import contextlib
import glob
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid

from . import s3, servers

SECONDS = 120
FLAVOUR = "ceph-16.2"

CONFIGURATION = """[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon_port}
public network = 127.0.0.0/8
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {folder}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
osd crush chooseleaf type = 0
osd crush update on start = true
osd objectstore = memstore
memstore device bytes = 2147483648
osd class dir = {classes}
plugin dir = {plugins}
erasure code dir = {erasure}
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
log file = {folder}/log/$name.log
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
mon data avail crit = 1
mon data avail warn = 1
rgw frontends = beast endpoint=127.0.0.1:{port}
"""
CAPS = {"client.admin": ("mon", "allow *", "osd", "allow *"), "mon.": ("mon", "allow *"),
        "osd.0": ("mon", "allow profile osd", "osd", "allow *"), "client.rgw": ("mon", "allow rw", "osd", "allow rwx")}


def _fetched():
    done = subprocess.run([os.path.join(servers.TESTS, "fetch-servers"), FLAVOUR], stdout=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise servers.Unavailable(done.stdout.strip() or "tests/fetch-servers failed")
    return done.stdout.strip()


class Cluster:
    """start() takes some seconds; stop() ends every process of it."""

    def __init__(self, folder):
        self.folder = folder
        self.root = _fetched()
        self.port = servers.loopback_port()
        self.running = []
        libraries = [f for lib in ("usr/lib", "lib") for f in glob.glob(os.path.join(self.root, lib, "*-linux-gnu"))]
        self.env = dict(os.environ, LD_LIBRARY_PATH=":".join(libraries + [os.path.join(p, "ceph") for p in libraries]),
                        PYTHONPATH=os.path.join(self.root, "usr/lib/python3/dist-packages"),
                        PATH=os.path.join(self.root, "usr/bin") + ":" + os.environ["PATH"])
        self.library = libraries[0]

    @property
    def endpoint(self):
        return "http://127.0.0.1:%d" % self.port

    def options(self):
        return ["--s3-endpoint=" + self.endpoint, "--s3-path-style"]

    def run(self, *argv, seconds=60):
        done = subprocess.run(argv, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
                              check=False)
        if done.returncode:
            raise servers.ServerFailed("%s: %s" % (" ".join(argv), (done.stderr or done.stdout).strip()[-2000:]))
        return done.stdout

    def ceph(self, *argv):
        return self.run("ceph", "-c", self.configuration, "--connect-timeout", "30", *argv)

    @property
    def configuration(self):
        return os.path.join(self.folder, "ceph.conf")

    def _configure(self):
        for name in ("mon", "osd", "rgw", "run", "log"):
            os.makedirs(os.path.join(self.folder, name))
        self.fsid = str(uuid.uuid4())
        self.mon_port = servers.loopback_port()
        with open(self.configuration, "w", encoding="ascii") as f:
            f.write(CONFIGURATION.format(folder=self.folder, fsid=self.fsid, mon_port=self.mon_port, port=self.port,
                                         classes=os.path.join(self.library, "rados-classes"),
                                         plugins=os.path.join(self.library, "ceph"),
                                         erasure=os.path.join(self.library, "ceph/erasure-code")))
        keyring = os.path.join(self.folder, "keyring")
        self.run("ceph-authtool", "-C", keyring)
        for who, caps in CAPS.items():
            words = [w for i in range(0, len(caps), 2) for w in ("--cap", caps[i], caps[i + 1])]
            self.run("ceph-authtool", keyring, "--gen-key", "-n", who, *words)

    def _daemon(self, program, *argv):
        log = open(os.path.join(self.folder, "log", program + ".out"), "ab")
        with log:
            self.running.append(subprocess.Popen([program, "-f", "-c", self.configuration, *argv], env=self.env,
                                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def start(self):
        self._configure()
        keyring, monmap = os.path.join(self.folder, "keyring"), os.path.join(self.folder, "monmap")
        self.run("monmaptool", "--create", "--fsid", self.fsid, "--addv", "a", "[v2:127.0.0.1:%d]" % self.mon_port, monmap)
        self.run("ceph-mon", "-c", self.configuration, "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        self._daemon("ceph-mon", "-i", "a")
        osd = str(uuid.uuid4())
        self.ceph("osd", "new", osd, "0")
        self.run("ceph-osd", "-c", self.configuration, "-i", "0", "--mkfs", "--osd-uuid", osd, "--no-mon-config")
        self._daemon("ceph-osd", "-i", "0")
        self._wait(lambda: json.loads(self.ceph("osd", "stat", "--format=json"))["num_up_osds"] == 1, "the OSD is up")
        self.start_gateway()
        self.run("radosgw-admin", "-c", self.configuration, "user", "create", "--uid=mbe", "--display-name=mbe",
                 "--access-key=" + s3.ACCESS_KEY, "--secret=" + s3.SECRET_KEY)
        return self

    def start_gateway(self):
        self._daemon("radosgw", "-n", "client.rgw")
        self._wait(self._answers, "the gateway answers")

    def kill_gateway(self):
        gateway = self.running.pop()
        gateway.send_signal(signal.SIGKILL)
        gateway.wait()

    def _answers(self):
        with contextlib.suppress(OSError, urllib.error.URLError):
            return urllib.request.urlopen(self.endpoint, timeout=5).status == 200
        return False

    def _wait(self, condition, what):
        deadline = time.monotonic() + SECONDS
        while not condition():
            ended = [p.args[0] for p in self.running if p.poll() is not None]
            if ended or time.monotonic() > deadline:
                raise servers.ServerFailed("%s: not within %d s; ended: %s" % (what, SECONDS, ended))
            time.sleep(0.3)

    def stop(self):
        for process in reversed(self.running):
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.running = []
