#!/usr/bin/python3
"""A backup of a replica of two sources records where it stood in each one's log; a server restored from it continues there,
as mbe-after-start.sql says: given as --init-file, it makes the GTIDs those of the backup.
"""
# timeout: 240

import re
import threading

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import INNODB, Load
from harness.scenario import run
from replication_oracle import (after_start, attach_as_told, catch_up, check_told, create_user, follow, gtids_of, replica_options,
                                replicas_own, slave_status, words)

# Options of the replica, and how a server begins with an empty binary log.
OPTIONS = {"mariadb": ["--log-slave-updates", "--gtid-strict-mode=1"], "mysql": ["--log-replica-updates"]}
RESET = {"mariadb": "reset master", "mysql": "reset binary logs and gtids"}
# What MySQL says at its start of relay logs that are in no backup, until it is told to forget them.
NO_RELAY_LOG = re.compile(r"\[MY-0(10544|11059|10426|10529)\]")
# Of the second source, whose transactions are told from the first one's.
SECOND = {"mariadb": ["--server-id=5", "--gtid-domain-id=2"], "mysql": ["--server-id=5"]}


class Ticks:
    """A writer with a table of its own, for a second source."""

    def __init__(self, server):
        self.server = server
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)
        server.sql("create database ticks", "create table ticks.t (id int auto_increment primary key, a int) engine=innodb")

    def _work(self):
        while not self.stopping.wait(0.01):
            self.server.sql("insert into ticks.t(a) select count(*) from ticks.t as before_this")

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.stopping.set()
        self.thread.join(60)


def of_ticks(schema, _name):
    return schema == "ticks"


def but_ticks(schema, name):
    return replicas_own(schema, name) or of_ticks(schema, name)


def start_second(s, flavour):
    """Its accounts are the first one's: nothing of them is in its binary log."""
    second = proof.start_source(s, "second", flavour=flavour, port="loopback", options=SECOND[flavour.split("-", maxsplit=1)[0]])
    create_user(second)
    second.sql(RESET[second.family])
    return second


def check_place(s, source, recorded, executed):
    """MySQL passes over transactions that it has, by their GTIDs; where GTIDs are off, a place too early would have it apply them twice.
    So the recorded one is compared with the end of the last transaction that the backup has.
    """
    uuid = source.value("select @@server_uuid")
    last = max(n for u, n in gtids_of(executed.replace("\n", "")) if u == uuid)
    gtid, ends = None, {}
    for name in (r[0] for r in source.sql("show binary logs")):
        for _, _, kind, _, end, info in source.sql("show binlog events in '%s'" % name):
            gtid = int(re.search(r":(\d+)'", info)[1]) if kind == "Gtid" else gtid
            ends[gtid] = (name, end)
    s.check_equal((recorded["relay_master_log_file"], recorded["exec_master_log_pos"]), ends[last], "place of the transaction %d" % last)


def compare(s, again, source, second):
    s.check_none(check.differences(check.read_state(source, but_ticks), check.read_state(again, but_ticks)), "restored and caught up")
    s.check_none(check.differences(check.read_state(second, lambda *n: not of_ticks(*n)),
                                   check.read_state(again, lambda *n: not of_ticks(*n))), "the same of the second source")
    s.check_none([p for p in check.health(again, s) if not NO_RELAY_LOG.search(p)], "restored replica")


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour, port="loopback")
    create_user(source)
    second = start_second(s, flavour)
    replica = proof.start_source(s, "replica", flavour=flavour, port="loopback",
                                 options=["--server-id=2", *OPTIONS[source.family]])
    replica.sql(RESET[source.family])
    sources = {"first": source, "second": second}
    for channel, server in sources.items():
        follow(replica, server, channel)
    # transactions of other engines may overtake others on a replica; no position stands for that
    load = Load(source, s.seed, writers=INNODB).prepare().start()
    ticks = Ticks(second).start()
    for channel, enough in (("first", 200000), ("second", 5000)):
        s.wait_until(lambda c=channel, n=enough: int(slave_status(replica, c)[words(replica)["reached"][1]]) > n, 60, "the replica works")
    backup = s.mbe(replica).backup()
    load.wait_for_steps(100)
    load.stop()
    ticks.stop()
    recorded = {r["connection_name"]: r for r in backup.manifest["replicas"]}
    s.check_equal(sorted(recorded), ["first", "second"], "channels")
    gtid = backup.manifest["gtid"]
    for channel, server in sources.items():
        at = recorded[channel]
        s.check_equal((at["master_host"], at["master_port"]), ("127.0.0.1", server.port), "source " + channel)
        s.check(at["gtid_slave_pos"] or gtid.get("slave_pos") or gtid.get("executed"), "no GTID: %r", backup.manifest)
        if server.family == "mysql":
            check_place(s, server, at, gtid["executed"])
        catch_up(s, replica, server, channel)

    for by_gtid in (True, False):
        again = s.restored(replica, backup, name="again-%s" % by_gtid, options=replica_options(source, 3), start=False)
        again.start("--init-file=" + after_start(again))
        check_told(s, again, gtid)
        for channel, server in sources.items():
            attach_as_told(again, server, "To go on as the replica that was backed up", by_gtid, channel)
        for channel, server in sources.items():
            again.sql(words(again, channel)["start"])
            s.check_equal(slave_status(again, channel)[words(again)["mode"]], words(again)["modes"][by_gtid], "how it was attached")
            catch_up(s, again, server, channel)
            again.sql(words(again, channel)["stop"])
        compare(s, again, source, second)
        s.say("equal, by %s", "GTID" if by_gtid else "file and position")
        again.stop()


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
