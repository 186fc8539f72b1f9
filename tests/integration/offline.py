#!/usr/bin/python3
"""Backups of a server that does not run, with --offline: stopped, and killed under load, in the midst of DDL, behind an IMPORT
TABLESPACE. What is restored must be what the server itself makes of the same files. Refused while it runs; the datadir is only read.
"""
# timeout: 300

import contextlib
import os
import shutil
import subprocess
import threading
import time

import pymysql

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import check, mbe as mbe_module, storm as storms
from harness.load import Load, archive_options, bank_problems
from harness.scenario import run


def stamps(folder):
    """All that tells that a file was written to, or made."""
    found = {}
    for at, _, files in os.walk(folder):
        for path in (at, *(os.path.join(at, name) for name in files)):
            st = os.lstat(path)
            found[path] = (st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_mode)
    return found


def database_files(folder):
    """Names of what lies in the directories of databases, but for what a backup has no use for."""
    found = {os.path.relpath(os.path.join(at, name), folder) for at, _, files in os.walk(folder) for name in files if at != folder}
    return {path for path in found if path[0] != "#" and not path.endswith(".cfg")}


def read_only(datadir):
    """A command in front of another one, which then sees the datadir mounted read-only; None where that cannot be."""
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    wrapper = ["unshare", "--mount", "sh", "-c", script, datadir]
    done = subprocess.run([*wrapper, "sh", "-c", '! touch "$0"/x', datadir], capture_output=True, check=False)
    return wrapper if done.returncode == 0 else None


def check_running(s, mbe, server):
    done = mbe.run(*mbe.offline_args(server.datadir), expect=mbe_module.REFUSED)
    s.check("a server has it open (process %d)" % server.process.pid in done.err, "of a running server: %s", done)
    s.check_none(mbe.ids(), "backups of a running server")
    s.check(server.running(), "the server is gone")


def restored(s, server, backup, name):
    return s.restored(server, backup, name=name, options=server.options)


def stopped(s, mbe, server):
    """A server that was stopped: what it held is what the restored one holds."""
    state = check.read_state(server)
    check_running(s, mbe, server)
    s.check(server.stop(), "the server did not stop cleanly")
    before = stamps(server.datadir)
    wrapper = read_only(server.datadir)
    s.say("read-only mount: %s", "yes" if wrapper else "no, there can be none here")
    backup = mbe.backup_offline(server.datadir, wrapper=wrapper or ())
    s.check_equal(stamps(server.datadir), before, "files of the datadir")
    s.check_equal((backup.manifest["offline"], backup.manifest["type"]), (True, "full"), "manifest")
    s.check_equal(backup.manifest["server"]["version"].split("-")[0], server.value_of_version, "version")
    mbe.verify(backup.id, "--level=pages")
    again = restored(s, server, backup, "stopped")
    s.check_none(check.differences(state, check.read_state(again)), "stopped, backed up, restored")
    damaged(s, mbe, server, "w/account.ibd")
    s.check(again.stop(), "the restored server did not stop cleanly")


def put(path, at, data, length=None):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)
        if length is not None:
            f.truncate(length)


def damaged(s, mbe, server, name):
    """A table's file that is cut off, has no page 0, or a bad page of which the doublewrite buffer has a copy from before the server was
    stopped: the copy of the datadir is refused, by the name of the file."""
    page = 16384
    folder = s.path("damaged")
    shutil.copytree(server.datadir, folder)
    path = os.path.join(folder, name)
    with open(path, "rb") as f:
        whole = f.read()
    buffer = ("#ib_%d_0.dblwr" % page, 0) if server.family == "mysql" else ("ibdata1", 64 * page)
    put(os.path.join(folder, buffer[0]), buffer[1], whole[3 * page:4 * page])
    before = mbe.ids()
    for what, at, data, length in (("bad page", 3 * page + 200, b"bad!", len(whole)), ("tail cut off", 0, b"", len(whole) // 2),
                                   ("page 0 zeroed", 0, bytes(page), len(whole)), ("emptied", 0, b"", 0)):
        put(path, 0, whole)
        put(path, at, data, length)
        done = mbe.run(*mbe.offline_args(folder), expect=mbe_module.DAMAGE)
        s.check(name in done.err, "%s: %s is not named: %s", what, name, done)
    s.check_equal(mbe.ids(), before, "backups, of damaged files")
    shutil.rmtree(folder)


def import_tablespace(s, server):
    """The table d.imported is what d.exported is; nothing in the log says so."""
    server.sql("use d", "create table d.exported (id int primary key, a int) engine=innodb",
               "insert into d.exported select seq, seq from " + server.numbers(1000), "create table d.imported like d.exported",
               "alter table d.imported discard tablespace")
    with contextlib.closing(server.connect(database="d")) as connection, connection.cursor() as cursor:
        cursor.execute("flush tables exported for export")
        for ext in (".ibd", ".cfg"):
            shutil.copy(os.path.join(server.datadir, "d/exported" + ext), s.path("exported" + ext))
        cursor.execute("unlock tables")
    for ext in (".ibd", ".cfg"):
        shutil.copy(s.path("exported" + ext), os.path.join(server.datadir, "d/imported" + ext))
    server.sql("alter table d.imported import tablespace")


def alter_until_killed(server, engine):
    """An ALTER that copies a table, as far as it gets."""
    name = "d.copied_" + engine
    server.sql("use d", "create table %s (id int primary key, a varchar(200)) engine=%s" % (name, engine),
               "insert into %s select seq, repeat('x',200) from %s" % (name, server.numbers(50000)))

    def work():
        with contextlib.suppress(pymysql.err.MySQLError), contextlib.closing(server.connect()) as connection:
            while True:
                connection.cursor().execute("alter table %s engine=%s, algorithm=copy" % (name, engine))
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def kill_in_the_midst(s, server, load):
    storm = None
    if server.family == "mariadb":  # MySQL's: crash_recovery_mysql
        storm = storms.Storm(server, load.seed, ddl=1, dml=1, imports=False).prepare().start()
    load.start()
    load.wait_for_steps(60, seconds=60)
    threads = [alter_until_killed(server, engine) for engine in ("innodb", "myisam")]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(path.startswith("d/#sql") for path in database_files(server.datadir)):
        time.sleep(0.005)
    import_tablespace(s, server)  # as late as can be: no checkpoint shall be between DISCARD and the end
    server.kill()
    if storm:
        storm.stop()
    load.stop()
    for thread in threads:
        thread.join(60)


def killed(s, mbe, server, load):
    """A server that was killed: what it makes of its files itself is what the restored one holds."""
    server.start()
    server.sql("create database d")
    kill_in_the_midst(s, server, load)
    before = stamps(server.datadir)
    backup = mbe.backup_offline(server.datadir)
    s.check_equal(stamps(server.datadir), before, "files of the datadir of a killed server")
    mbe.verify(backup.id, "--level=pages")
    by_mbe = restored(s, server, backup, "killed")
    server.start()
    check.wait_for_rollback(server, s)
    check.wait_for_rollback(by_mbe, s)
    s.check_none(check.differences(check.read_state(server), check.read_state(by_mbe)), "killed, backed up, restored")
    by_us, by_server = database_files(by_mbe.datadir), database_files(server.datadir)
    s.check_none(sorted(by_us ^ by_server), "files of databases that one of them has")
    s.check_none(bank_problems(by_mbe), "bank")


def body(s, flavour):
    server = s.server("source", flavour=flavour)
    server.options += archive_options(server.installation)
    server.init().start()
    server.value_of_version = server.value("select version()").split("-")[0]
    load = Load(server, s.seed, writers=("bank", "rows", "special"))
    load.prepare(rows=100)
    mbe = s.mbe(server)
    stopped(s, mbe, server)
    killed(s, mbe, server, load)


if __name__ == "__main__":
    run(lambda s: body(s, "mariadb-10.11"))
