#!/usr/bin/python3
"""Backups while MariaDB 11.8 copies tables in ALTER TABLE and others write to them: what is restored is whole and can be used.

The other storms hold writers back during such a copy, see tests/harness/storm.py: their oracle needs a binary log that is true.
"""
# timeout: 300

import re

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, proof, storm as storms
from harness.load import Load, archive_options, bank_problems
from harness.scenario import run
from storm import names_are_usable

FLAVOUR = "mariadb-11.8"
KINDS = ("create", "drop_create", "change_engine", "partition", "optimize", "rebuild", "add_index", "drop_index", "swap", "truncate",
         "tour_of_engines")


def copies(server):
    """ALTER TABLE statements that wait for nothing just now."""
    return server.value("select count(*) from information_schema.processlist where info like 'alter table%'"
                        " and state not like 'Waiting%'")


# The server's first start drops what an ALTER TABLE left, and leaves it to the next one while the rollback of a transaction that it
# recovered still has locks there.
DROPPED_LATER = re.compile(r"InnoDB: cannot drop \S*#sql-alter\S*: Lock wait timeout")


def problems_of(s, restored):
    """What check.health() finds, with a second start where the first one left something to it."""
    problems = check.health(restored, s)
    if not any(DROPPED_LATER.search(p) for p in problems):
        return problems
    since = len(restored.log())
    first = [p for p in check.log_problems(restored) if not DROPPED_LATER.search(p)]
    restored.stop()
    restored.start()
    return first + check.check_tables(restored) + check.file_problems(restored) + check.log_problems(restored, since)


def one_round(s, seed):
    source = proof.start_source(s, "source-%d" % seed, flavour=FLAVOUR)
    load = Load(source, seed, writers=("bank", "plain")).prepare().start()
    storm = storms.Storm(source, seed, ddl=3, dml=3, imports=False, kinds=KINDS, online=True).prepare().start()
    storm.wait_for(40)
    s.wait_until(lambda: copies(source), 60, "an ALTER TABLE at work")
    backup = s.mbe(source, repo="repo-%d" % seed).backup("--parallel=2", "--lock-wait=100")
    storm.stop()
    load.stop()
    source.stop()
    restored = s.restored(source, backup, name="restored-%d" % seed, options=archive_options(source.installation))
    s.check_none(problems_of(s, restored), "restored server")
    s.check_none(bank_problems(restored), "bank")
    names_are_usable(s, restored)
    proof.prove_restart(s, restored)
    s.check_none(check.file_problems(restored), "files after the restart")
    s.say("seed %d: %s", seed, storm.summary())
    restored.stop()


def body(s):
    for number in range(s.rounds(2)):
        one_round(s, s.seed + number)


if __name__ == "__main__":
    run(body)
