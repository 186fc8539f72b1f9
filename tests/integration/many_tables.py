#!/usr/bin/python3
"""20,000 tables with a limit of 1,024 open files: backup and restore work, and memory stays bounded."""
# timeout: 600

import os
import re
import shutil
import time

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.scenario import run

TABLES = 20000
INNODB = 1000           # tables of their own; and one of as many partitions in each schema
PARTITIONS = 800
SCHEMAS = 4
MEMORY_MB = 400
LIMIT = ["prlimit", "--nofile=1024:1024"]


def create(source):
    """InnoDB tables by SQL; MyISAM tables by copying the three files of one, which is all there is to a MyISAM table."""
    for n in range(SCHEMAS):
        source.sql("create database m%d" % n, "use m%d" % n, "set sql_log_bin=0",
                   *("create table i%d (id int primary key, a int) engine=innodb" % i for i in range(INNODB // SCHEMAS)),
                   *("insert into i%d values (%d,%d)" % (i, n, i) for i in range(0, INNODB // SCHEMAS, 50)),
                   "create table parts (id int primary key) engine=innodb partition by hash(id) partitions %d" % PARTITIONS,
                   "insert into parts select seq from seq_1_to_5000",
                   "create table y (id int primary key, a int) engine=myisam", "insert into y values (1,2),(3,4)", "flush tables")
        folder = os.path.join(source.datadir, "m%d" % n)
        for i in range((TABLES - INNODB) // SCHEMAS):
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
    for n in range(0, INNODB // SCHEMAS, 37):
        found.append(server.sql("select * from %s.i%d" % (schema, n)))
    found.append(server.sql("select count(*), sum(id) from %s.parts" % schema))
    for n in range(0, (TABLES - INNODB) // SCHEMAS, 371):
        found.append(server.sql("select * from %s.y%d" % (schema, n)))
    return found


def main(s):
    s.move_to_memory(2000)
    source = proof.start_source(s, options=["--innodb-page-size=4k", "--innodb-flush-log-at-trx-commit=0", "--innodb-stats-persistent=0",
                                            "--innodb-log-file-size=256M", "--innodb-flush-method=nosync", "--table-open-cache=400",
                                            "--skip-sync-frm"])
    create(source)
    s.say("tables are there")
    mbe = s.mbe(source)
    running = mbe.start_backup("--parallel=4", wrapper=LIMIT)
    peak = peak_megabytes(running)
    backup = mbe.finished_backup(running.wait())
    s.say("backup: %.1f s, %d MiB at most, locked %.2f s", backup.done.seconds, peak, backup.manifest["lock"]["seconds"])
    s.check(backup.manifest["tables"] >= TABLES, "tables: %r", backup.manifest["tables"])
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
    restored = s.server("restored", datadir=target, defaults=os.path.join(target, "mbe-my.cnf"),
                        options=["--innodb-flush-method=nosync"]).start()
    s.say("restored server is up")
    s.check_equal(restored.value(count), tables, "tables of the restored server")
    for n in range(SCHEMAS):
        s.check_equal(sample(restored, "m%d" % n), expected[n], "rows of schema m%d" % n)
    s.say("rows are equal")
    s.check_none(check.file_problems(restored) + check.log_problems(restored), "restored server")


run(main)
