#!/usr/bin/python3
"""A backup of a replica records where that replica stood in its own source's log; a server restored from it continues there."""
# timeout: 240

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import Load
from harness.scenario import run
from replication_oracle import PASSWORD, USER, catch_up, slave_status


def follow(replica, source, place):
    replica.sql("change master to master_host='127.0.0.1', master_port=%d, master_user='%s', master_password='%s',"
                " master_connect_retry=1, %s" % (source.port, USER, PASSWORD, place), "start slave")


def main(s):
    source = proof.start_source(s, port="loopback")
    source.sql("create user %s@'127.0.0.1' identified by '%s'" % (USER, PASSWORD),
               "grant replication slave on *.* to %s@'127.0.0.1'" % USER)
    replica = proof.start_source(s, "replica", options=["--server-id=2", "--log-slave-updates", "--gtid-strict-mode=1"], port="loopback")
    replica.sql("reset master")
    follow(replica, source, "master_use_gtid=slave_pos")
    load = Load(source, s.seed).prepare().start()
    s.wait_until(lambda: int(slave_status(replica)["Exec_Master_Log_Pos"]) > 200000, 60, "the replica works")
    backup = s.mbe(replica).backup()
    load.wait_for_steps(100)
    load.stop()
    (recorded,) = backup.manifest["replicas"]
    s.check_equal((recorded["master_host"], recorded["master_port"]), ("127.0.0.1", source.port), "the replica's source")
    s.check(recorded["gtid_slave_pos"] or backup.manifest["gtid"]["slave_pos"], "no GTID: %r", backup.manifest)
    catch_up(s, replica, source)

    for by_gtid in (True, False):
        again = s.restored(replica, backup, name="again-%s" % by_gtid, options=[
            *proof.source_options(source.installation), "--server-id=3", "--log-slave-updates", "--skip-slave-start"])
        if by_gtid:
            again.sql("set global gtid_slave_pos='%s'" % backup.manifest["gtid"]["slave_pos"])
        follow(again, source, "master_use_gtid=slave_pos" if by_gtid else "master_use_gtid=no, master_log_file='%s', master_log_pos=%d" %
               (recorded["relay_master_log_file"], recorded["exec_master_log_pos"]))
        catch_up(s, again, source)
        again.sql("stop slave")
        s.check_none(check.differences(check.read_state(source), check.read_state(again)), "restored and caught up")
        s.check_none(check.health(again, s), "restored replica")
        again.stop()


run(main)
