#!/usr/bin/python3
"""Backups while MariaDB 11.8 copies tables in ALTER TABLE and others write to them: what is restored is whole and can be used.

The other storms hold writers back during such a copy, see tests/harness/storm.py: their oracle needs a binary log that is true.
"""
# timeout: 300

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
    s.check_none(check.health(restored, s), "restored server")
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
