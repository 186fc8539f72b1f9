#!/usr/bin/python3
"""A backup of a replica records where that replica stood in its own source's log; a server restored from it continues there,
as mbe-after-start.sql says: given as --init-file, it makes the GTIDs those of the backup.
"""
# timeout: 240

import re

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import Load
from harness.scenario import run
from replication_oracle import (after_start, catch_up, check_told, create_user, follow, follow_as_told, replica_options, replicas_own,
                                slave_status, words)

# Options of the replica, and how it begins with an empty binary log.
OPTIONS = {"mariadb": ["--log-slave-updates", "--gtid-strict-mode=1"], "mysql": ["--log-replica-updates"]}
RESET = {"mariadb": "reset master", "mysql": "reset binary logs and gtids"}
# What MySQL says at its start of relay logs that are in no backup, until it is told to forget them.
NO_RELAY_LOG = re.compile(r"\[MY-0(10544|11059|10426|10529)\]")


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour, port="loopback")
    create_user(source)
    replica = proof.start_source(s, "replica", flavour=flavour, port="loopback",
                                 options=["--server-id=2", *OPTIONS[source.family]])
    replica.sql(RESET[source.family])
    follow(replica, source)
    load = Load(source, s.seed).prepare().start()
    s.wait_until(lambda: int(slave_status(replica)[words(replica)["reached"][1]]) > 200000, 60, "the replica works")
    backup = s.mbe(replica).backup()
    load.wait_for_steps(100)
    load.stop()
    (recorded,) = backup.manifest["replicas"]
    s.check_equal((recorded["master_host"], recorded["master_port"]), ("127.0.0.1", source.port), "the replica's source")
    gtid = backup.manifest["gtid"]
    s.check(recorded["gtid_slave_pos"] or gtid.get("slave_pos") or gtid.get("executed"), "no GTID: %r", backup.manifest)
    catch_up(s, replica, source)

    for by_gtid in (True, False):
        again = s.restored(replica, backup, name="again-%s" % by_gtid, options=replica_options(source, 3), start=False)
        again.start("--init-file=" + after_start(again))
        check_told(s, again, gtid)
        follow_as_told(again, source, "To go on as the replica that was backed up", by_gtid)
        s.check_equal(slave_status(again)[words(again)["mode"]], words(again)["modes"][by_gtid], "how it was attached")
        catch_up(s, again, source)
        again.sql(words(again)["stop"])
        s.check_none(check.differences(check.read_state(source, replicas_own), check.read_state(again, replicas_own)),
                     "restored and caught up")
        s.check_none([p for p in check.health(again, s) if not NO_RELAY_LOG.search(p)], "restored replica")
        again.stop()


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
