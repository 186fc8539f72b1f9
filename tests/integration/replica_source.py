#!/usr/bin/python3
"""A backup of a replica records where that replica stood in its own source's log; a server restored from it continues there."""
# timeout: 240

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import Load
from harness.scenario import run
from replication_oracle import catch_up, check_gtids, create_user, follow, replica_options, replicas_own, slave_status, words

# Options of the replica, how it begins with an empty binary log, and what a manifest calls its source's place.
OPTIONS = {"mariadb": ["--log-slave-updates", "--gtid-strict-mode=1"], "mysql": ["--log-replica-updates"]}
RESET = {"mariadb": "reset master", "mysql": "reset binary logs and gtids"}


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
        again = s.restored(replica, backup, name="again-%s" % by_gtid, options=replica_options(source, 3))
        if source.family == "mysql":
            check_gtids(s, again, replica, gtid)
        elif by_gtid:
            again.sql("set global gtid_slave_pos='%s'" % gtid["slave_pos"])
        follow(again, source, None if by_gtid else (recorded["relay_master_log_file"], recorded["exec_master_log_pos"]))
        catch_up(s, again, source)
        again.sql(words(again)["stop"])
        s.check_none(check.differences(check.read_state(source, replicas_own), check.read_state(again, replicas_own)),
                     "restored and caught up")
        s.check_none(check.health(again, s), "restored replica")
        again.stop()


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
