#!/usr/bin/python3
"""A backup taken under load and DDL, restored and attached as a replica at its recorded coordinates, catches up with the source
and then equals it table by table. By GTID and by file and position.
"""
# timeout: 600

import re
import subprocess

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof, storm as storms
from harness.load import Load, bank_problems
from harness.scenario import run

USER, PASSWORD = "replica", "r3plica!"


# What the families call the same things. {} is a channel (MariaDB: connection); the usual one has no name.
WORDS = {
    "mariadb": {"status": "show slave '{}' status", "end": "show master status", "start": "start slave '{}'", "stop": "stop slave '{}'",
                "change": "change master '{}' to master_host='127.0.0.1', master_port=%d, master_user='%s', master_password='%s',"
                          " master_connect_retry=1, %s",
                "position": "master_use_gtid=no, master_log_file='%s', master_log_pos=%d", "gtid": "master_use_gtid=slave_pos",
                "reached": ("Relay_Master_Log_File", "Exec_Master_Log_Pos"),
                "options": ["--log-slave-updates", "--skip-slave-start"]},
    # an account of caching_sha2_password, and no TLS: the password goes over with the source's key
    "mysql": {"status": "show replica status for channel '{}'", "end": "show binary log status",
              "start": "start replica for channel '{}'", "stop": "stop replica for channel '{}'",
              "change": "change replication source to source_host='127.0.0.1', source_port=%d, source_user='%s',"
                        " source_password='%s', source_connect_retry=1, get_source_public_key=1, %s for channel '{}'",
              "position": "source_auto_position=0, source_log_file='%s', source_log_pos=%d", "gtid": "source_auto_position=1",
              "reached": ("Relay_Source_Log_File", "Exec_Source_Log_Pos"),
              "options": ["--log-replica-updates", "--skip-replica-start"]},
}


def replicas_own(schema, table):
    """For check.read_state: where a MySQL replica has written down what its source is."""
    return (schema, table) == ("mysql", "slave_master_info")


def words(server, channel=""):
    return {name: text.replace("{}", channel) if isinstance(text, str) else text for name, text in WORDS[server.family].items()}


def replica_options(server, server_id):
    """Of a server restored from `server` that will be a replica."""
    return [*proof.source_options(server.installation), "--server-id=%d" % server_id, *words(server)["options"]]


def create_user(source):
    source.sql("create user %s@'127.0.0.1' identified by '%s'" % (USER, PASSWORD),
               "grant replication slave on *.* to %s@'127.0.0.1'" % USER)


def slave_status(server, channel=""):
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(words(server, channel)["status"])
        names = [d[0] for d in cursor.description or ()]
        row = cursor.fetchone()
    return dict(zip(names, row)) if row else {}


def follow(replica, source, position=None, channel=""):
    """Attaches it: at a file and position, or else by GTID."""
    calls = words(replica, channel)
    place = calls["position"] % position if position else calls["gtid"]
    replica.sql(calls["change"] % (source.port, USER, PASSWORD, place), calls["start"])


def attach(s, replica, source, backup, by_gtid):
    gtid = backup.manifest["gtid"]
    if source.family == "mysql":
        check_gtids(s, replica, source, gtid)
    elif by_gtid:
        # a session that may write to a server without a binary log of its own
        replica.sql("set global gtid_slave_pos='%s'" % gtid["binlog_pos"])
    follow(replica, source, None if by_gtid else backup.binlog)


def engine_gtids(server):
    """GTIDs (source, number) in the server's binary logs whose transactions InnoDB had a part in."""
    paths = proof.binlogs_from(server, server.sql("show binary logs")[0][0])
    text = subprocess.run([*server.installation.program("binlog"), "--no-defaults", "--base64-output=decode-rows", *paths],
                          capture_output=True, check=True).stdout.decode(errors="replace")
    parts = re.split(r"SET @@SESSION\.GTID_NEXT= '([^:']*):(\d+)'", text)[1:]
    return {(uuid, int(number)) for uuid, number, body in zip(parts[::3], parts[1::3], parts[2::3])
            if re.search(r"Xid = |^XA ", body, re.M)}


def gtids_of(text):
    """Those (source, number) of a set without tags."""
    return {(source, n) for source, *intervals in (part.strip().split(":") for part in text.split(",") if part)
            for low, _, high in (i.partition("-") for i in intervals) for n in range(int(low), int(high or low) + 1)}


def check_gtids(s, restored, source, gtid):
    """A restored MySQL server has its GTIDs itself: those of the backup and no other. It keeps them with the transactions of InnoDB;
    those of transactions of other engines are in the binary log first, which no backup has, and in a table a little later. So the
    newest of these have to be told, as gtid_slave_pos has in MariaDB.
    """
    executed = gtid["executed"].replace("\n", "")
    have = restored.value("select @@gtid_executed").replace("\n", "")
    s.check(restored.value("select gtid_subset(%s, %s)", (have, executed)),
            "GTIDs %s are more than those of the manifest, %s", have, executed)
    missing = restored.value("select gtid_subtract(%s, %s)", (executed, have)).replace("\n", "")
    s.check_none(sorted(gtids_of(missing) & engine_gtids(source)), "GTIDs of InnoDB's transactions that the restored server does not have")
    restored.sql("set global gtid_purged='%s'" % executed)
    s.check_equal(restored.value("select @@gtid_executed").replace("\n", ""), executed, "gtid_executed of the restored server")


def check_has_gtid(s, backup):
    gtid = backup.manifest["gtid"]
    known = re.match(r"\d+-\d+-\d+", gtid["binlog_pos"]) if gtid["binlog_pos"] else \
        re.match(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:1-\d+", gtid["executed"])
    s.check(known, "gtid: %r", gtid)


def catch_up(s, replica, source, channel=""):
    end = source.sql(words(source)["end"])[0]

    def reached():
        now = slave_status(replica, channel)
        error = now.get("Last_SQL_Error") or now.get("Last_IO_Error")
        s.check(not error, "replication: %s", error)
        return tuple(now.get(name) for name in words(replica)["reached"]) == (end[0], end[1])
    s.wait_until(reached, 120, "the replica reaches %s:%s" % (end[0], end[1]))


def one_round(s, flavour, by_gtid):
    name = "gtid" if by_gtid else "position"
    source = proof.start_source(s, "source-" + name, flavour=flavour, port="loopback")
    create_user(source)
    load = Load(source, s.seed).prepare().start()
    storm = storms.Storm(source, s.seed + by_gtid, imports=False).prepare().start()
    storm.wait_for(25)
    backup = s.mbe(source, repo="repo-" + name).backup("--lock-wait=100")
    check_has_gtid(s, backup)

    replica = s.restored(source, backup, name="replica-" + name, options=replica_options(source, 2))
    s.check_none(check.health(replica, s), "restored server")
    s.check_none(bank_problems(replica), "bank right after the restore")
    attach(s, replica, source, backup, by_gtid)
    storm.wait_for(15)
    storm.stop()
    load.stop()
    catch_up(s, replica, source)
    replica.sql(words(replica)["stop"])
    s.check_none(check.differences(check.read_state(source, replicas_own), check.read_state(replica, replicas_own)), "replica, against the source")
    s.check_none(check.health(replica, s), "replica")
    s.say("%s: equal; %s", name, storm.summary())
    replica.stop()
    source.stop()


def body(s, flavour):
    for by_gtid in (True, False):
        one_round(s, flavour, by_gtid)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
