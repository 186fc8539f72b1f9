#!/usr/bin/python3
"""A table of wrong inputs: each ends with the documented status and a reason that names the thing, touches nothing, and lists nothing."""
# timeout: 240

import os
import re
import shutil

import _path                                    # noqa: F401  pylint: disable=unused-import
from encryption import MySqlKeys
from harness import proof
from harness.mbe import OPERATION_FAILED, REFUSED, USAGE
from harness.scenario import run

ACCOUNTS = {
    # name: grants, expected reason
    "mariadb": {
        "nothing": ((), "RELOAD"),
        "noreload": (("binlog monitor on *.*",), "RELOAD"),
        "nomonitor": (("reload on *.*",), "BINLOG MONITOR"),
    },
    "mysql": {
        "nothing": ((), "BACKUP_ADMIN, PROCESS, FLUSH_TABLES"),
        "noadmin": (("process, reload on *.*", "select on performance_schema.log_status"), "BACKUP_ADMIN"),
        "noprocess": (("backup_admin, flush_tables on *.*", "select on performance_schema.log_status"), "PROCESS"),
        "noflush": (("backup_admin, process on *.*", "select on performance_schema.log_status"), "FLUSH_TABLES"),
        "nostatus": (("backup_admin, process, reload on *.*",), "SELECT [oO][nN] performance_schema.log_status"),
    },
}
# What makes a server say that it is another one: only one family lets itself be told its version.
OTHER_VERSIONS = {
    "10.6.22-MariaDB": r"MariaDB 10\.6\.22; supported is MariaDB 10\.8 and newer, MySQL 8\.0\.30 and newer",
    "5.7.44-log": r"MySQL 5\.7\.44 \(.*\); supported is MariaDB 10\.8 and newer, MySQL 8\.0\.30 and newer",
}


def backup_case(s, mbe, title, args, status, *texts):
    """A backup with these arguments ends with the status and says all the texts."""
    before = mbe.ids()
    done = mbe.run("backup", *args, expect=status)
    missing = [t for t in texts if not re.search(t, done.err)]
    s.check(not missing, "%s: no %r in the reason: %s", title, missing, done)
    s.check(re.search(r"(?m)^mbe: ", done.err), "%s: no line that begins with mbe: %s", title, done)
    s.check_equal(done.out, "", title + ": stdout")
    s.check_equal(mbe.ids(), before, title + ": list")
    s.say("%s: %s", title, re.search(r"(?m)^mbe: (.*)", done.err)[1])
    return done


def server_cases(s, source, mbe):
    ours = mbe.option_file()
    base = ["--full", "--repo=" + mbe.repo, "--progress=none"]
    backup_case(s, mbe, "no server", [*base, "--no-defaults", "--user=root", "--socket=" + s.path("nobody.sock")],
                OPERATION_FAILED, r"nobody\.sock")
    backup_case(s, mbe, "no TCP server", [*base, "--no-defaults", "--user=root", "--host=127.0.0.1", "--port=1"], OPERATION_FAILED,
                r"127\.0\.0\.1")
    secret = "verysecret77"
    password_file = s.path("password")
    with open(password_file, "w", encoding="utf-8") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(secret + "\n")
    done = backup_case(s, mbe, "wrong password", [*base, "--no-defaults", "--user=nothing", "--socket=" + source.socket,
                                                 "--password-file=" + password_file], OPERATION_FAILED, "nothing", "1045|[Dd]enied")
    s.check(secret not in done.err, "the password is in the message: %s", done)
    s.check(secret not in str(os.listdir(mbe.repo) if os.path.isdir(mbe.repo) else ""), "the password is in the repository")
    done = backup_case(s, mbe, "wrong password in argv", [*base, "--no-defaults", "--user=nothing", "--socket=" + source.socket,
                                                         "--password=" + secret], OPERATION_FAILED, "nothing")
    s.check(secret not in done.err, "the password is in the message: %s", done)
    backup_case(s, mbe, "no option file", [*base, "--defaults-file=" + s.path("absent.cnf")], USAGE, r"absent\.cnf")
    backup_case(s, mbe, "no password file", [*base, "--defaults-file=" + ours, "--password-file=" + s.path("absent")],
                USAGE, "absent")
    for name, (grants, word) in ACCOUNTS[source.family].items():
        proof.create_account(source, name, "p", grants)
        limited = s.mbe(source, user=name, password="p")
        done = backup_case(s, mbe, "account " + name, [*base, "--defaults-file=" + limited.option_file()], REFUSED, word,
                           "(?s)hint: .*GRANT .*%s.* TO .*%s" % (word, name))
        # what the hint says, word for word, is all it takes
        source.sql(*re.findall("GRANT [^;]+;", done.err.partition("hint: ")[2]))
        limited.backup()


def least_privileges(s, source):
    """The account of the GRANT that mbe names is enough; nothing else is needed. Nothing of a backup is in the binary log."""
    proof.create_account(source, "enough", "p@ss #word")
    mbe = s.mbe(source, repo="least", user="enough", password="'p@ss #word'")
    before = position(source)
    backup = mbe.backup()
    s.check_equal(position(source), before, "binary log and GTIDs behind a backup of an idle server")
    s.check(backup.manifest["binlog"]["position"] == before[0][1], "recorded position: %r", backup.manifest["binlog"])


def position(source):
    gtids = {"mysql": "select @@global.gtid_executed", "mariadb": "select @@global.gtid_binlog_pos"}[source.family]
    return source.sql("show binary logs")[-1], source.value(gtids)


def datadir_cases(s, source, mbe):
    base = ["--full", "--repo=" + mbe.repo, "--progress=none", "--defaults-file=" + mbe.option_file()]
    backup_case(s, mbe, "absent datadir", [*base, "--datadir=" + s.path("no-such")], REFUSED,
                "no-such")
    os.mkdir(s.path("empty"))
    backup_case(s, mbe, "empty datadir", [*base, "--datadir=" + s.path("empty")], REFUSED, "empty")
    copy = s.path("copied")
    shutil.copytree(source.datadir, copy, ignore=shutil.ignore_patterns("performance_schema"))
    backup_case(s, mbe, "a copy of the datadir", [*base, "--datadir=" + copy], REFUSED, "copied")
    other = s.server("other").init().start()
    backup_case(s, mbe, "another server's datadir", [*base, "--datadir=" + other.datadir], REFUSED, "other")
    other.stop()


def repository_cases(s, mbe):
    base = ["--full", "--progress=none", "--defaults-file=" + mbe.option_file()]
    foreign = s.path("foreign")
    os.mkdir(foreign)
    with open(os.path.join(foreign, "precious"), "w", encoding="utf-8") as f:
        f.write("mine")
    backup_case(s, mbe, "not a repository", [*base, "--repo=" + foreign], REFUSED, "foreign")
    s.check_equal(os.listdir(foreign), ["precious"], "files of the foreign directory")
    backup_case(s, mbe, "repository below a file", [*base, "--repo=" + os.path.join(foreign, "precious", "repo")], OPERATION_FAILED,
                "precious")
    for verb, more in (("list", []), ("show", []), ("verify", []), ("restore", ["--datadir=" + s.path("t")]),
                       ("delete", ["--backup=20010101T000000Z-full"]), ("prune", ["--keep-full=1"])):
        done = mbe.run(verb, "--repo=" + foreign, *more, expect=REFUSED)
        s.check("foreign" in done.err, "%s: %s", verb, done)
        done = mbe.run(verb, "--repo=" + s.path("absent-repo"), *more, expect=REFUSED)
        s.check("absent-repo" in done.err, "%s: %s", verb, done)
    s.check(not os.path.exists(s.path("absent-repo")) and not os.path.exists(s.path("t")), "something was created")


def usage_cases(s, mbe):
    for title, args, word in (
            ("no verb", [], "usage|COMMAND|command"), ("unknown verb", ["frobnicate"], "frobnicate"),
            ("unknown option", ["backup", "--frobnicate"], "frobnicate"),
            ("no --full", ["backup", "--repo=" + mbe.repo], "full"), ("no --repo", ["backup", "--full"], "repo"),
            ("bad codec", ["backup", "--full", "--repo=x", "--compress=gzip"], "gzip"),
            ("bad level", ["backup", "--full", "--repo=x", "--compress=zstd:99"], "99"),
            ("zero threads", ["backup", "--full", "--repo=x", "--parallel=0"], "parallel"),
            ("too many threads", ["backup", "--full", "--repo=x", "--parallel=100000"], "parallel"),
            ("words for a number", ["backup", "--full", "--repo=x", "--lock-wait=soon"], "soon"),
            ("bad size", ["restore", "--repo=x", "--datadir=y", "--memory=lots"], "lots"),
            ("too little memory", ["restore", "--repo=x", "--datadir=y", "--memory=1K"], "memory|1K"),
            ("bad progress", ["backup", "--full", "--repo=x", "--progress=maybe"], "maybe"),
            ("surplus word", ["list", "--repo=" + mbe.repo, "surplus"], "surplus"),
            ("bad id", ["show", "--repo=" + mbe.repo, "--backup=../../etc"], "etc"),
            ("absent id", ["show", "--repo=" + mbe.repo, "--backup=20010101T000000Z-full"], "20010101T000000Z-full"),
            ("absent id to restore", ["restore", "--repo=" + mbe.repo, "--backup=20010101T000000Z-full", "--datadir=" + s.path("n")],
             "20010101T000000Z-full"),
            ("unknown owner", ["restore", "--repo=" + mbe.repo, "--user=nobody-of-that-name", "--datadir=" + s.path("n")],
             "nobody-of-that-name")):
        done = mbe.run(*args, expect=USAGE)
        s.check(re.search(word, done.err), "%s: no %r: %s", title, word, done)
        s.check_equal(done.out, "", title + ": stdout")
    s.check(not os.path.exists(s.path("n")) or not os.listdir(s.path("n")), "the target was filled")
    for args in (["--help"], ["--version"], *([v, "--help"] for v in ("backup", "restore", "verify", "list", "show", "delete", "prune"))):
        done = mbe.run(*args)
        s.check(done.out.strip() and not done.err, "%s: %s", args, done)


def mariadb_cases(s, source, mbe):
    base = ["--full", "--repo=" + mbe.repo, "--progress=none", "--defaults-file=" + mbe.option_file()]
    backup_case(s, mbe, "redo consumer", [*base, "--redo-consumer"], REFUSED, "--redo-consumer: MariaDB cannot")
    backup_case(s, mbe, "page tracking", [*base, "--change-map=page-tracking"], REFUSED, "--change-map=page-tracking: MariaDB has none")
    for version, text in OTHER_VERSIONS.items():
        source.stop()
        source.start("--version=" + version)
        backup_case(s, mbe, "version " + version, base, REFUSED, text)


def mysql_cases(s, source, mbe):
    base = ["--full", "--repo=" + mbe.repo, "--progress=none", "--defaults-file=" + mbe.option_file()]
    source.sql("alter instance disable innodb redo_log")
    backup_case(s, mbe, "redo log disabled", base, REFUSED, "redo log is disabled", "hint: .*ALTER INSTANCE ENABLE INNODB REDO_LOG")
    source.sql("alter instance enable innodb redo_log")
    mbe.backup()
    encrypted_cases(s)


def encrypted_cases(s):
    """Tables whose keys mbe cannot find; encrypted_redo does the same for redo logs."""
    server = s.server("encrypted", flavour="mysql-9.7")
    keys = MySqlKeys(s, server.installation)
    server.options += proof.source_options(server.installation)
    server.init()
    keys.place(server.datadir)
    server.start()
    server.sql("create database e", "create table e.secret (a int) encryption='Y'", "insert into e.secret values (1)")
    server.stop()       # all of it goes to the disk
    server.start()
    mbe = s.mbe(server, repo="encrypted-repo")
    base = ["--full", "--repo=" + mbe.repo, "--progress=none", "--defaults-file=" + mbe.option_file()]
    os.rename(keys.file, keys.file + ".away")
    backup_case(s, mbe, "encrypted table", base, REFUSED, r"e/secret\.ibd", "encrypted", "keyring-file")
    os.rename(keys.file + ".away", keys.file)
    mbe.backup("--keyring-file=" + keys.file)
    server.stop()


def target_cases(s, mbe):
    full = s.path("full")
    os.mkdir(full)
    with open(os.path.join(full, "precious"), "w", encoding="utf-8") as f:
        f.write("mine")
    done = mbe.restore(full, expect=REFUSED)
    s.check("full" in done.err and "not empty" in done.err, "target not empty: %s", done)
    s.check_equal(os.listdir(full), ["precious"], "files of the full directory")
    done = mbe.restore(os.path.join(full, "precious"), expect=None)
    s.check(done.status in (OPERATION_FAILED, REFUSED) and "precious" in done.err, "target is a file: %s", done)
    os.mkdir(s.path("blank"))
    mbe.restore(s.path("blank"))


def body(s, flavour):
    source = proof.start_source(s, flavour=flavour)
    source.sql("create database b", "create table b.t (a int) engine=innodb", "create table b.m (a int) engine=myisam")
    mbe = s.mbe(source)
    mbe.backup()
    server_cases(s, source, mbe)
    least_privileges(s, source)
    datadir_cases(s, source, mbe)
    repository_cases(s, mbe)
    usage_cases(s, mbe)
    target_cases(s, mbe)
    s.check_equal(proof.locked_out(source), None, "locks")
    {"mysql": mysql_cases, "mariadb": mariadb_cases}[source.family](s, source, mbe)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
