#!/usr/bin/python3
"""The page oracle of chains: a full backup and up to 20 increments, each on the last one or on an older one, under load and DDL, with
large values, rollbacks, checkpoints forced at random, restarts and crashes in between. Then the server rests, a last increment
is taken, and the files of that moment are recovered by the server itself: all pages must be those that the chain is restored to. In
some rounds that is done after each increment. On MySQL the last increment is taken twice, by page tracking and by a scan: both
must be restored to these pages.

MBE_SEEDS chains, a few by default. Three chains share a server.
"""
# timeout: 1500

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from encryption import KEYS
from harness import proof, storm as storms
from harness.load import LUCK, Load
from harness.scenario import Failed, run
from incremental import LSN, OPTIONS, SAME_MOMENT, deterministic_changes, pass_checkpoint, wait_for_rest
from page_oracle import LATER_MAX, PAGE_SIZES, key_file, recover_in_place

CHAINS_A_SERVER = 3
LENGTHS = (1, 2, 2, 3, 4, 5, 6, 8, 12, 20)
EACH_LENGTH_MAX = 4
# After a crash, tables of engines without a log of their own are what they are.
CRASH_SAFE = ("bank", "rows", "long", "special")
EVERY_ENGINE = ("bank", "rows", "plain", "special")
MORE_LATER = 2      # what a backup itself makes a server write
TRACK = "install component 'file://component_mysqlbackup'"
# Many backups want their locks: MySQL's DDL takes longer, and some of it is to end in between.
PAUSE = {"mariadb": 0.1, "mysql": 0.3}
PATIENCE = {"seconds": 600}
ENCRYPTED_LOG = {"mariadb": "--innodb-encrypt-log=ON", "mysql": "--innodb-redo-log-encrypt=ON"}


class Source:
    """A server under load, for several chains."""

    def __init__(self, s, flavour, number):
        self.s, self.flavour = s, flavour
        self.name = "source-%d" % number
        self.size = s.random.choice(PAGE_SIZES)
        self.crashes = s.random.random() < 0.4
        self.server = s.server(self.name, flavour=flavour)
        family = self.server.family
        self.tracked = family == "mysql" and s.random.random() < 0.6
        self.keys = KEYS[family](s, self.server.installation) if s.random.random() < 0.25 else None
        more = [*self.keys.options, ENCRYPTED_LOG[family]] if self.keys else []
        self.server.options += proof.source_options(
            self.server.installation, *OPTIONS[family], *more, "--innodb-page-size=%dk" % self.size,
            "--innodb-buffer-pool-size=%dM" % s.random.choice((24 if self.size < 64 else 32, 64, 128)))
        self.start()
        self.load = Load(self.server, s.seed, pause_seconds=0.003, writers=CRASH_SAFE if self.crashes else EVERY_ENGINE)
        self.load.prepare(rows=s.random.choice((20, 300)))
        # MariaDB's own recovery loses what was committed after an IMPORT and is in the redo log alone: there it is no oracle (10.11.19,
        # 11.8.6)
        self.storm = storms.Storm(self.server, s.seed, ddl=1, dml=1, pause_seconds=PAUSE[family],
                                  imports=family == "mysql" and s.random.random() < 0.5).prepare()
        deterministic_changes(self.server, 0)
        self.changes = 0
        self.large = ["dynamic", "redundant", *(["compressed"] if self.size <= 16 else [])]
        self.server.sql("create database large", *("create table large.%s (id int primary key, v longblob) engine=innodb row_format=%s" %
                                                   (f, f) for f in self.large))
        if self.keys:
            self.keys.encrypt(self.server)
        s.say("%s: %d KiB pages%s%s%s", self.name, self.size, ", crashes" * self.crashes, ", tracks pages" * self.tracked,
              ", encrypted" if self.keys else "")

    def start(self):
        self.server.init()
        if self.keys:
            self.keys.place(self.server.datadir)
        self.server.start()
        if self.tracked:
            self.server.sql(TRACK)

    def run(self, seed):
        self.load.seed = seed
        self.load.start()
        self.storm.start()

    def rest(self):
        self.storm.stop()
        self.load.stop()

    def restart(self):
        how = self.s.random.choice(("kill", "kill", "stop"))
        self.s.say("%s", how)
        getattr(self.server, how)()
        self.rest()
        self.server.start()
        for _, length, _, name in self.server.sql("xa recover"):
            xid = name if isinstance(name, str) else name.decode("ascii")   # MariaDB's are binary
            self.server.sql("xa rollback '%s'" % xid[:length])
        self.run(self.s.random.randrange(1 << 30))

    def change_large(self):
        rng = self.s.random
        table, key = "large." + rng.choice(self.large), rng.randrange(6)
        put = "replace into %s values (%d, repeat('%s', %d))" % (table, key, rng.choice(("large ", "x", "0123456789abcdef")),
                                                               rng.choice((3000, 40000, 150000)))
        change = rng.choice((
            [put], [put], ["update %s set v=concat(v, repeat('t', %d)) where id=%d" % (table, rng.randrange(500000), key)],
            ["delete from %s where id=%d" % (table, key)], ["truncate table " + table],
            ["begin", put, "delete from %s where id<>%d" % (table, key), "rollback"],
            ["begin", "update w.t_dynamic set s=repeat('r', 150), a=a+1", "rollback"]))
        try:
            self.server.sql("set session innodb_lock_wait_timeout=50", *change)
        except pymysql.err.OperationalError as e:
            if e.args[0] not in LUCK:
                raise

    def disturb(self):
        """What happens between two backups."""
        s, rng = self.s, self.s.random
        self.load.wait_for_steps(rng.choice((3, 20, 60, 150)))
        if rng.random() < 0.3:
            self.changes += 1
            deterministic_changes(self.server, self.changes)
        for _ in range(rng.choice((0, 1, 1, 3))):
            self.change_large()
        if rng.random() < 0.4:
            pass_checkpoint(s, self.server, int(self.server.status(LSN[self.server.family])))

    def end(self):
        self.server.stop()
        shutil.rmtree(self.s.path(self.name))
        self.s.servers.clear()


# What a kill in the middle of an IMPORT leaves: a file under an id that the dictionary never got.
UNKNOWN = re.compile(r"warning copy: (\S+): not in the backup: the server's dictionary does not know its tablespace id")


class Chain:
    """Backups of one source, and their restores."""

    def __init__(self, source, number, seed):
        self.source, self.s, self.seed = source, source.s, seed
        self.folder = "chain-%d" % number
        self.s.sub(self.folder)
        self.mbe = self.s.mbe(source.server, repo=os.path.join(self.folder, "repo"))
        self.backups = []

    def options(self):
        rng = self.s.random
        return ["--lock-wait=150", "--parallel=%d" % rng.choice((1, 2, 4)), *("--keyring-file=" + f for f in key_file(self.source.keys))]

    def take(self, *args):
        if not self.backups:
            self.backups.append(self.mbe.backup(*self.options(), *args, **PATIENCE))
            return self.backups[-1]
        base = self.backups[-1] if self.s.random.random() < 0.85 else self.s.random.choice(self.backups)
        args = ["--incremental", "--base=" + base.id, *self.options(), *args]
        if self.s.random.random() < 0.15:
            self.backups.append(self.held(*args))
        else:
            self.backups.append(self.mbe.backup(*args, **PATIENCE))
        self.s.check_equal(self.backups[-1].manifest["base"], base.id, "base")
        return self.backups[-1]

    def held(self, *args):
        """Much happens while it waits for its lock: its redo is long."""
        with proof.held_after_copy(self.s, self.source.server, self.mbe, *args) as running:
            self.source.load.wait_for_steps(self.s.random.choice((20, 100)))
        return self.mbe.finished_backup(running.wait(**PATIENCE))

    def run(self, length, each):
        source = self.source
        source.run(self.seed)
        self.take()
        for number in range(length):
            if source.crashes and self.s.random.random() < 0.2:
                source.restart()
            source.disturb()
            self.take()
            if each and number + 1 < length:
                source.rest()
                self.prove()
                source.run(self.seed + number)
        source.rest()
        self.prove()
        self.mbe.verify(self.backups[-1].id)
        shutil.rmtree(self.s.path(self.folder))

    # --- the oracle ---------------------------------------------------------------------------------------------------

    def prove(self):
        """The server rests."""
        made, snapshot = self.last_of_all()
        reference = recover_in_place(self.s, self.source.flavour, os.path.join(self.folder, "recovered"), self.source.server, snapshot)
        for backup in made:
            for path in UNKNOWN.findall(backup.done.err):
                self.s.check(self.source.crashes, "%s: unknown to a server that was never killed", path)
                with contextlib.suppress(FileNotFoundError):
                    os.remove(os.path.join(reference, os.path.relpath(path, self.source.server.datadir)))
            target = self.s.path(self.folder, "restored")
            keys = key_file(self.source.keys)
            self.mbe.restore(target, "--memory=%dM" % self.s.random.choice((16, 256)), *("--keyring-file=" + f for f in keys),
                             backup=backup.id, parallel=self.s.random.choice((1, 3)))
            said = proof.same_pages(self.s, self.mbe.repo, backup.id, target, reference, keys, chain=True,
                                    later_max=LATER_MAX[self.source.server.family] + MORE_LATER)
            self.s.say("seed %d, %d archives, %s: %s", self.seed, backup.manifest["chain"]["length"],
                       backup.manifest["change_map"], said)
            shutil.rmtree(target)
        shutil.rmtree(os.path.dirname(snapshot))

    def last_of_all(self):
        """Increments that end now, one for each way to find out what has changed, and the path of a copy of the server's files."""
        source, server = self.source, self.source.server
        for _ in range(20):
            wait_for_rest(self.s, server)
            base = self.backups[-1]
            if source.tracked:
                made = [self.mbe.backup("--incremental", "--base=" + base.id, "--change-map=" + m, *self.options())
                        for m in ("scan", "page-tracking")]
            else:
                made = [self.mbe.backup("--incremental", "--base=" + base.id, *self.options())]
            self.backups += made
            snapshot = self.snapshot()
            if int(server.status(LSN[server.family])) - made[0].manifest["lsn"]["to"] <= SAME_MOMENT * len(made):
                return made, snapshot
            shutil.rmtree(os.path.dirname(snapshot))
        raise Failed("the server does not rest: %s" % made[0].manifest["lsn"])

    def snapshot(self):
        """What a snapshot of the volume would have: the server is stopped while its files are copied."""
        process = self.source.server.process
        copy = os.path.join(self.s.sub(os.path.join(self.folder, "snapshot")), "data")
        process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(0.05)    # for its threads
            subprocess.run(["cp", "-a", "--reflink=auto", self.source.server.datadir, copy], check=True)
        finally:
            process.send_signal(signal.SIGCONT)
        return copy


def body(s, flavour, rounds):
    source = None
    for number in range(s.rounds(rounds)):
        seed = s.seed + number
        if number % CHAINS_A_SERVER == 0:
            if source:
                source.end()
            s.random.seed(seed)
            source = Source(s, flavour, number // CHAINS_A_SERVER)
        s.random.seed("%d/%d" % (seed, number % CHAINS_A_SERVER))
        length = s.random.choice(LENGTHS)
        Chain(source, number, seed).run(length, length <= EACH_LENGTH_MAX and s.random.random() < 0.4)
    s.say("%s", source.storm.summary())


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11", 10))
