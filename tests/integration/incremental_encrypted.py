#!/usr/bin/python3
"""Encrypted tablespaces and redo logs in a chain of increments: restored with the server's key file and replayed: equal. Consolidated
without it: refused, nothing is left; with it: a full backup that restores to the same pages.
"""
# timeout: 300

import _path                                    # noqa: F401  pylint: disable=unused-import
from encryption import KEYS, contains
from harness import proof
from harness.load import Load, archive_options
from harness.mbe import REFUSED
from harness.scenario import run
from incremental_chain import compare_restores

ENCRYPTED_LOG = {"mariadb": "--innodb-encrypt-log=ON", "mysql": "--innodb-redo-log-encrypt=ON"}


def body(s, flavour):
    source = s.server("source", flavour=flavour)
    keys = KEYS[source.family](s, source.installation)
    source.options += proof.source_options(source.installation, *keys.options, ENCRYPTED_LOG[source.family])
    source.init()
    keys.place(source.datadir)
    source.start()
    load = Load(source, s.seed).prepare()
    keys.encrypt(source)
    load.start()
    mbe = s.mbe(source)
    given = "--keyring-file=" + keys.file
    chain = [mbe.backup(given)]
    for _ in range(2):
        load.wait_for_steps(150)
        chain.append(mbe.backup("--incremental", given))
    load.stop()
    last = chain[-1]
    mbe.verify("all")
    options = [*archive_options(source.installation), *keys.options, ENCRYPTED_LOG[source.family]]
    proof.prove_by_replay(s, source, last, name="by-chain", extra=[given], before_start=keys.place, options=options)

    consolidate = ["consolidate", "--repo=" + mbe.repo, "--backup=" + last.id, "--progress=none"]
    before = mbe.ids()
    done = mbe.run(*consolidate, expect=REFUSED)
    s.check("ncrypt" in done.err or "INNODBKey" in done.err, "the refusal does not say why: %s", done)
    s.check_equal((mbe.ids(), mbe.leftovers()), (before, []), "after a refused consolidate")
    full = mbe.finished_backup(mbe.run(*consolidate, given))
    mbe.verify(full.id)
    s.check_none(contains(s.path("repo"), keys.secrets()), "keys in the repository")
    mbe.restore(s.path("chain-files"), given, backup=last.id)
    mbe.restore(s.path("full-files"), given, backup=full.id)
    compare_restores(s, mbe, last.id, s.path("chain-files"), s.path("full-files"), [keys.file])
    proof.prove_by_replay(s, source, full, name="by-full", extra=[given], before_start=keys.place, options=options)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
