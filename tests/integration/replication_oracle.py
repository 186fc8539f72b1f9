#!/usr/bin/python3
"""A backup taken under load and DDL, restored and attached as a replica at its recorded coordinates, catches up with the source
and then equals it table by table. By GTID and by file and position.
"""
# timeout: 600

import re

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof, storm as storms
from harness.load import Load, bank_problems
from harness.scenario import run

USER, PASSWORD = "replica", "r3plica!"


def slave_status(server):
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("show slave status")
        names = [d[0] for d in cursor.description or ()]
        row = cursor.fetchone()
    return dict(zip(names, row)) if row else {}


def attach(replica, source, backup, by_gtid):
    at = backup.manifest
    if by_gtid:
        # a session that may write to a server without a binary log of its own
        replica.sql("set global gtid_slave_pos='%s'" % at["gtid"]["binlog_pos"])
        place = "master_use_gtid=slave_pos"
    else:
        place = "master_log_file='%s', master_log_pos=%d, master_use_gtid=no" % backup.binlog
    replica.sql("change master to master_host='127.0.0.1', master_port=%d, master_user='%s', master_password='%s',"
                " master_connect_retry=1, %s" % (source.port, USER, PASSWORD, place), "start slave")


def catch_up(s, replica, source):
    end = source.sql("show master status")[0]

    def reached():
        now = slave_status(replica)
        error = now.get("Last_SQL_Error") or now.get("Last_IO_Error")
        s.check(not error, "replication: %s", error)
        return (now.get("Relay_Master_Log_File"), now.get("Exec_Master_Log_Pos")) == (end[0], end[1])
    s.wait_until(reached, 120, "the replica reaches %s:%s" % (end[0], end[1]))


def one_round(s, flavour, by_gtid):
    name = "gtid" if by_gtid else "position"
    source = proof.start_source(s, "source-" + name, flavour=flavour, port="loopback")
    source.sql("create user %s@'127.0.0.1' identified by '%s'" % (USER, PASSWORD),
               "grant replication slave on *.* to %s@'127.0.0.1'" % USER)
    load = Load(source, s.seed).prepare().start()
    storm = storms.Storm(source, s.seed + by_gtid, imports=False).prepare().start()
    storm.wait_for(25)
    backup = s.mbe(source, repo="repo-" + name).backup("--lock-wait=100")
    s.check(re.match(r"\d+-\d+-\d+", backup.manifest["gtid"]["binlog_pos"]), "gtid: %r", backup.manifest["gtid"])

    replica = s.restored(source, backup, name="replica-" + name, options=[
        *proof.source_options(source.installation), "--server-id=2", "--log-slave-updates", "--skip-slave-start"])
    s.check_none(check.health(replica, s), "restored server")
    s.check_none(bank_problems(replica), "bank right after the restore")
    attach(replica, source, backup, by_gtid)
    storm.wait_for(15)
    storm.stop()
    load.stop()
    catch_up(s, replica, source)
    replica.sql("stop slave")
    s.check_none(check.differences(check.read_state(source), check.read_state(replica)), "replica, against the source")
    s.check_none(check.health(replica, s), "replica")
    s.say("%s: equal; %s", name, storm.summary())
    replica.stop()
    source.stop()


def body(s, flavour):
    for by_gtid in (True, False):
        one_round(s, flavour, by_gtid)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
