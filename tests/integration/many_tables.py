#!/usr/bin/python3
"""20,000 tables (MySQL: 4,300, for each costs it milliseconds to make) with a limit of 1,024 open files: backup and restore work, and
memory stays bounded.
"""
# timeout: 600

import os
import re
import shutil
import time

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.scenario import run

SCHEMAS = 4
# In each schema: InnoDB tables of their own, partitions of one more, MyISAM tables.
SIZES = {"mariadb": (250, 800, 4750), "mysql": (50, 1000, 25)}
TABLES = {"mariadb": 20000, "mysql": 4300}      # as a manifest counts them: of MySQL, each partition
OPTIONS = {
    "mariadb": ["--innodb-log-file-size=256M", "--innodb-flush-method=nosync", "--skip-sync-frm"],
    "mysql": ["--innodb-redo-log-capacity=256M", "--innodb-flush-method=nosync", "--innodb-doublewrite=OFF"],
}
MEMORY_MB = 400
LIMIT = ["prlimit", "--nofile=1024:1024"]


def create(source):
    innodb, partitions, plain = SIZES[source.family]
    for n in range(SCHEMAS):
        source.sql("create database m%d" % n, "use m%d" % n, "set sql_log_bin=0",
                   *("create table i%d (id int primary key, a int) engine=innodb" % i for i in range(innodb)),
                   *("insert into i%d values (%d,%d)" % (i, n, i) for i in range(0, innodb, 25)),
                   "create table parts (id int primary key) engine=innodb partition by hash(id) partitions %d" % partitions,
                   "insert into parts select seq from " + source.numbers(5000),
                   "create table y (id int primary key, a int) engine=myisam", "insert into y values (1,2),(3,4)", "flush tables")
        create_plain(source, "m%d" % n, plain)


def create_plain(source, schema, count):
    """MariaDB: by copying the three files of one, which is all there is to a MyISAM table; MySQL has it in its dictionary, too."""
    if source.family == "mysql":
        source.sql("use " + schema, "set sql_log_bin=0", *("create table y%d engine=myisam as select * from y" % i for i in range(count)))
        return
    folder = os.path.join(source.datadir, schema)
    for i in range(count):
        for extension in (".frm", ".MYD", ".MYI"):
            shutil.copyfile(os.path.join(folder, "y" + extension), os.path.join(folder, "y%d%s" % (i, extension)))


def peak_megabytes(running):
    """Waits for the end; the highest resident size seen."""
    peak = 0
    while running.running():
        try:
            with open("/proc/%d/status" % running.pid, encoding="ascii") as f:
                found = re.search(r"VmHWM:\s*(\d+)", f.read())
            peak = max(peak, int(found[1]) if found else 0)
        except OSError:
            pass
        time.sleep(0.02)
    return peak // 1024


def sample(server, schema):
    """Rows of some tables of each engine."""
    found = []
    innodb, _, plain = SIZES[server.family]
    for n in range(0, innodb, 25):
        found.append(server.sql("select * from %s.i%d" % (schema, n)))
    found.append(server.sql("select count(*), sum(id) from %s.parts" % schema))
    for n in range(0, plain, plain // 12):
        found.append(server.sql("select * from %s.y%d" % (schema, n)))
    return found


def body(s, flavour):
    s.move_to_memory(2000)
    source = proof.start_source(s, flavour=flavour, options=[
        "--innodb-page-size=4k", "--innodb-flush-log-at-trx-commit=0", "--innodb-stats-persistent=0", "--table-open-cache=400",
        *OPTIONS[flavour.split("-", maxsplit=1)[0]]])
    create(source)
    s.say("tables are there")
    mbe = s.mbe(source)
    running = mbe.start_backup("--parallel=4", wrapper=LIMIT)
    peak = peak_megabytes(running)
    backup = mbe.finished_backup(running.wait())
    s.say("backup: %.1f s, %d MiB at most, locked %.2f s", backup.done.seconds, peak, backup.manifest["lock"]["seconds"])
    s.check(backup.manifest["tables"] >= TABLES[source.family], "tables: %r", backup.manifest["tables"])
    s.check(peak < MEMORY_MB, "the backup used %d MiB", peak)
    s.check(backup.manifest["lock"]["seconds"] < 20, "lock: %r", backup.manifest["lock"])

    target = s.path("restored", "data")
    os.makedirs(s.path("restored"))
    running = mbe.start("restore", "--repo=" + mbe.repo, "--datadir=" + target, "--progress=none", "--parallel=4", "--memory=64M",
                        wrapper=LIMIT)
    peak = peak_megabytes(running)
    done = running.wait()
    s.check_equal(done.status, 0, "restore: %s" % done)
    s.say("restore: %.1f s, %d MiB at most", done.seconds, peak)
    s.check(peak < MEMORY_MB, "the restore used %d MiB", peak)
    mbe.run("verify", "--repo=" + mbe.repo, "--progress=none", wrapper=LIMIT)

    s.say("verified")
    count = "select count(*) from information_schema.tables where table_schema like 'm_'"
    expected = [sample(source, "m%d" % n) for n in range(SCHEMAS)]
    tables = source.value(count)
    s.say("%d tables, %d samples", tables, sum(map(len, expected)))
    source.stop()
    restored = s.server("restored", flavour=flavour, datadir=target, defaults=os.path.join(target, "mbe-my.cnf"),
                        options=["--innodb-flush-method=nosync"]).start()
    s.say("restored server is up")
    s.check_equal(restored.value(count), tables, "tables of the restored server")
    for n in range(SCHEMAS):
        s.check_equal(sample(restored, "m%d" % n), expected[n], "rows of schema m%d" % n)
    s.say("rows are equal")
    s.check_none(check.file_problems(restored) + check.log_problems(restored), "restored server")


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
