#!/usr/bin/python3
"""A backup of a replica of two sources records where it stood in each one's log; a server restored from it continues there, by
file and position as well as by GTID.
"""
# timeout: 240

import threading

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import INNODB, Load
from harness.scenario import run
from replication_oracle import catch_up, check_gtids, create_user, follow, replica_options, replicas_own, slave_status, words

# Options of the replica, and how a server begins with an empty binary log.
OPTIONS = {"mariadb": ["--log-slave-updates", "--gtid-strict-mode=1"], "mysql": ["--log-replica-updates"]}
EMPTY = {"mariadb": "reset master", "mysql": "reset binary logs and gtids"}
# MySQL has it in tables whose replica a server is: a restored one looks for relay logs, which are in no backup, unless it is told not to.
WITHOUT_RELAY_LOGS = {"mariadb": [], "mysql": ["--relay-log-recovery"]}
FORGET = {"mariadb": [], "mysql": ["reset replica all"]}
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
    second.sql(EMPTY[second.family])
    return second


def compare(s, again, source, second):
    s.check_none(check.differences(check.read_state(source, but_ticks), check.read_state(again, but_ticks)), "restored and caught up")
    s.check_none(check.differences(check.read_state(second, lambda *n: not of_ticks(*n)),
                                   check.read_state(again, lambda *n: not of_ticks(*n))), "the same of the second source")
    s.check_none(check.health(again, s), "restored replica")


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour, port="loopback")
    create_user(source)
    second = start_second(s, flavour)
    replica = proof.start_source(s, "replica", flavour=flavour, port="loopback",
                                 options=["--server-id=2", *OPTIONS[source.family]])
    replica.sql(EMPTY[source.family])
    sources = {"first": source, "second": second}
    for channel, server in sources.items():
        follow(replica, server, channel=channel)
    # transactions of other engines may overtake others on a replica; no position stands for that
    load = Load(source, s.seed, writers=INNODB).prepare().start()
    ticks = Ticks(second).start()
    s.wait_until(lambda: int(slave_status(replica, "first")[words(replica)["reached"][1]]) > 200000, 60, "the replica works")
    s.wait_until(lambda: int(slave_status(replica, "second")[words(replica)["reached"][1]]) > 5000, 60, "of the second source, too")
    backup = s.mbe(replica).backup()
    load.wait_for_steps(100)
    load.stop()
    ticks.stop()
    recorded = {r["connection_name"]: r for r in backup.manifest["replicas"]}
    s.check_equal(sorted(recorded), ["first", "second"], "channels")
    gtid = backup.manifest["gtid"]
    for channel, server in sources.items():
        s.check_equal((recorded[channel]["master_host"], recorded[channel]["master_port"]), ("127.0.0.1", server.port), "source " + channel)
        s.check(recorded[channel]["gtid_slave_pos"] or gtid.get("slave_pos") or gtid.get("executed"), "no GTID: %r", backup.manifest)
        catch_up(s, replica, server, channel)

    for by_gtid in (True, False):
        again = s.restored(replica, backup, name="again-%s" % by_gtid, 
                           options=[*replica_options(source, 3), *WITHOUT_RELAY_LOGS[source.family]])
        again.sql(*FORGET[again.family])
        if source.family == "mysql":
            check_gtids(s, again, replica, gtid)
        elif by_gtid:
            again.sql("set global gtid_slave_pos='%s'" % gtid["slave_pos"])
        for channel, server in sources.items():
            at = recorded[channel]
            follow(again, server, None if by_gtid else (at["relay_master_log_file"], at["exec_master_log_pos"]), channel)
        for channel, server in sources.items():
            catch_up(s, again, server, channel)
            again.sql(words(again, channel)["stop"])
        compare(s, again, source, second)
        s.say("equal, by %s", "GTID" if by_gtid else "file and position")
        again.stop()


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
