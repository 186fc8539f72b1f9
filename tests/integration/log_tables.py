#!/usr/bin/python3
"""The server logs every statement into mysql.general_log and mysql.slow_log, which no lock stops: in the restored server both are whole
CSV tables that open and check clean, with only whole rows.
"""
# timeout: 180

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof
from harness.load import Load
from harness.scenario import run


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour, options=["--log-output=TABLE", "--general-log=1", "--slow-query-log=1", "--long-query-time=0"])
    source.sql("select 'a line\nand another, with \"quotes\" and \\\\'")
    load = Load(source, s.seed, pause_seconds=0).prepare().start()
    for number in range(s.rounds(3)):
        load.wait_for_steps(200)
        backup = s.mbe(source, repo="repo%d" % number).backup()
        rows = {t: source.value("select count(*) from mysql." + t) for t in ("general_log", "slow_log")}
        restored = s.restored(source, backup, name="restored%d" % number,
                              options=[o for o in source.options if o.startswith("--plugin")])
        for table, most in rows.items():
            found = restored.value("select count(*) from mysql." + table)
            s.check(0 < found <= most, "%s: %r rows restored, the source has %r now", table, found, most)
            s.check_equal(restored.sql("check table mysql.%s extended" % table)[-1][3], "OK", table)
            bad = restored.value("select count(*) from mysql.%s where server_id is null or user_host=''" % table)
            s.check_equal(bad, 0, "%s: rows that are not whole" % table)
        s.check_none(check.health(restored, s), "restored server")
        restored.sql("set global log_output='TABLE', general_log=1")
        s.check(restored.value("select count(*) from mysql.general_log") > 0, "the restored log table takes no rows")
        s.check_none(check.log_problems(restored), "log of the restored server")
        restored.stop()
    load.stop()


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
