#!/usr/bin/python3
"""A backup taken under load and DDL, restored and attached as a replica at its recorded coordinates, catches up with the source
and then equals it table by table. By GTID with a full backup, by file and position with an increment.
"""
# timeout: 600

import os
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
                          " master_connect_retry=1, master_use_gtid=slave_pos",
                "port": "master_port", "more": ", master_connect_retry=1", "recorded": "current_pos", "executed": "gtid_slave_pos",
                "mode": "Using_Gtid", "modes": ("No", "Slave_Pos"),
                "reached": ("Relay_Master_Log_File", "Exec_Master_Log_Pos"),
                "options": ["--log-slave-updates", "--skip-slave-start"]},
    # an account of caching_sha2_password, and no TLS: the password goes over with the source's key
    "mysql": {"status": "show replica status for channel '{}'", "end": "show binary log status",
              "start": "start replica for channel '{}'", "stop": "stop replica for channel '{}'",
              "change": "change replication source to source_host='127.0.0.1', source_port=%d, source_user='%s',"
                        " source_password='%s', source_connect_retry=1, get_source_public_key=1, source_auto_position=1"
                        " for channel '{}'",
              "port": "source_port", "more": ", source_connect_retry=1, get_source_public_key=1", "recorded": "executed",
              "executed": "gtid_executed",
              "mode": "Auto_Position", "modes": (0, 1),
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


def follow(replica, source, channel=""):
    """Attaches it by GTID."""
    calls = words(replica, channel)
    replica.sql(calls["change"] % (source.port, USER, PASSWORD), calls["start"])


def after_start(restored):
    """Path of what a restored server is to be told."""
    return os.path.join(restored.datadir, "mbe-after-start.sql")


def tell(restored):
    """Has a client run it."""
    with open(after_start(restored), encoding="utf-8") as script:
        subprocess.run([*restored.installation.program("client"), "--no-defaults", "--user=root", "--socket=" + restored.socket],
                       stdin=script, check=True)


def check_told(s, restored, gtid):
    """The restored server has the GTIDs of the manifest and no other."""
    calls = words(restored)
    executed = {part.strip() for part in gtid[calls["recorded"]].split(",")}
    has = {part.strip() for part in restored.value("select @@" + calls["executed"]).split(",")}
    s.check_equal(has, executed, "%s of the restored server" % calls["executed"])


def attach_as_told(replica, source, heading, by_gtid, channel=""):
    """Attaches it with the statements below `heading` in that file, but does not start it; host and account filled in where they are
    left out.
    """
    calls = words(replica)
    with open(after_start(replica), encoding="utf-8") as script:
        blocks = [b.split("\n\n")[0] for b in script.read().split("-- %s:\n" % heading)[1:]]
    block = next(b for b in blocks if not channel or "'%s'" % channel in b)
    statements = [line[len("-- "):].rstrip(";") for line in block.splitlines()]
    (change,) = [st for st in statements if st.startswith("CHANGE") and ("_LOG_FILE" not in st) == by_gtid]
    for name, value in (("HOST", "127.0.0.1"), ("USER", USER), ("PASSWORD", PASSWORD)):
        change = change.replace("_%s='...'" % name, "_%s='%s'" % (name, value))
    if "_PORT=" not in change:
        change += ", %s=%d" % (calls["port"], source.port)
    before = [st for st in statements if st.startswith("RESET") or (by_gtid and st.startswith("SET"))]
    change, *named = change.partition(" FOR CHANNEL")
    replica.sql(*before, change + calls["more"] + "".join(named))


def attach(s, replica, source, backup, by_gtid):
    gtid = backup.manifest["gtid"]
    if source.family == "mysql":
        check_gtids(s, replica, source, gtid)
    if by_gtid or source.family == "mysql":
        tell(replica)
        check_told(s, replica, gtid)
    attach_as_told(replica, source, "To follow the server that was backed up", by_gtid)
    replica.sql(words(replica)["start"])


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
    newest of these have to be told, which mbe-after-start.sql does.
    """
    executed = gtid["executed"].replace("\n", "")
    have = restored.value("select @@gtid_executed").replace("\n", "")
    s.check(restored.value("select gtid_subset(%s, %s)", (have, executed)),
            "GTIDs %s are more than those of the manifest, %s", have, executed)
    missing = restored.value("select gtid_subtract(%s, %s)", (executed, have)).replace("\n", "")
    s.check_none(sorted(gtids_of(missing) & engine_gtids(source)), "GTIDs of InnoDB's transactions that the restored server does not have")


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
    mbe = s.mbe(source, repo="repo-" + name)
    backup = mbe.backup("--lock-wait=100")
    if not by_gtid:
        storm.wait_for(10)
        backup = mbe.backup("--lock-wait=100", "--incremental", "--require-base")
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
