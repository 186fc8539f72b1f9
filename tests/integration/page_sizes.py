#!/usr/bin/python3
"""A chain of backups under load is right at every InnoDB page size, 4 KiB to 64 KiB."""
# timeout: 600

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import proof
from harness.load import Load
from harness.scenario import run


def body(s, flavour):
    for size in (4, 8, 16, 32, 64):
        name = "%dk" % size
        source = proof.start_source(s, name, flavour=flavour, options=["--innodb-page-size=%dk" % size])
        load = Load(source, s.seed).prepare().start()
        mbe = s.mbe(source, repo=name + "-repo")
        for more in ((), ("--incremental",), ("--incremental",)):
            load.wait_for_steps(150)
            backup = mbe.backup("--parallel=2", *more)
        load.wait_for_steps(100)
        load.stop()
        s.check_equal(backup.manifest["chain"]["length"], 3, "length of the chain")
        s.check_equal(backup.manifest["server"]["page_size"], size * 1024, "page size in the manifest")
        mbe.verify("all")
        restored = proof.prove_by_replay(s, source, backup, name=name + "-restored")
        s.check_equal(int(restored.value("select @@innodb_page_size")), size * 1024, "page size of the restored server")
        proof.prove_restart(s, restored)
        restored.stop()
        source.stop()
        s.say("%s: equal", name)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
