"""Whether two servers hold the same, and whether one of them is sound.

A State is everything SQL shows of a server: for each table its definition and a hash over all rows, whatever their order;
each view, trigger, routine, event and database; accounts are rows of tables in schema mysql. Two of them are compared with
differences().
"""

import contextlib
import os
import re

import pymysql

HIDDEN = ("information_schema", "performance_schema", "sys")

# Written by the server itself in the background, past every lock and outside the binary log.
UNSTABLE = {("mysql", name) for name in (
    "innodb_table_stats", "innodb_index_stats", "general_log", "slow_log", "gtid_slave_pos", "table_stats", "column_stats",
    "index_stats", "transaction_registry", "gtid_executed", "slave_relay_log_info", "slave_worker_info")}

GEOMETRY = ("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
            "geometrycollection", "geomcollection")

# CHECK TABLE says these of tables that have nothing to check.
CHECK_NOTES = ("OK", "Table is already up to date", "The storage engine for the table doesn't support check")


def quoted(name):
    return "`%s`" % name.replace("`", "``")


def full_name(schema, table):
    return "%s.%s" % (quoted(schema), quoted(table))


class State:
    def __init__(self):
        self.tables = {}        # (schema, table): (kind, definition, rows, hash) or ("error", number, text)
        self.objects = {}       # (kind, schema, name): definition

    def rows(self):
        return sum(t[2] for t in self.tables.values() if t[0] != "error")


def _definition(cursor, what, name):
    try:
        cursor.execute("show create %s %s" % (what, name))
        row = cursor.fetchone()
    except pymysql.err.MySQLError as e:
        return "error %s" % (e.args[0],)
    texts = [str(x) for x in row]
    # where the counter stands is checked by the rows; that of rolled back rows differs from run to run
    # and a file outside the datadir may be restored to another place
    text = texts[{"trigger": 2, "procedure": 2, "function": 2, "event": 3}.get(what, 1)]
    if what == "trigger":  # a RENAME that fails and is taken back, which no binary log tells of, spells the table anew
        text = re.sub(r"(?i)\bon (?:`?\w+`?\.)?`?(\w+)`? for each row", r"on `\1` for each row", text)
    return re.sub(r" AUTO_INCREMENT=\d+|(?<=DIRECTORY = )'[^']*'|(?<=DIRECTORY=)'[^']*'", "", text)


def _row_hash(columns):
    cells = []
    for name, kind in columns:
        cell = quoted(name)
        if kind in GEOMETRY:
            cell = "concat(st_srid(%s),st_astext(%s))" % (cell, cell)
        cells.append("ifnull(hex(cast(%s as binary)),'-')" % cell)
    return "sha2(concat_ws('|',%s),256)" % ",".join(cells)


def table_hash(cursor, schema, table, columns, history=False):
    """(rows, hash): three sums over the hashes of all rows, so that the order of rows does not matter.

    Rows are summed, not counted: COUNT(*) asks the engine for its row counter, and the one of a transactional Aria table is wrong
    after a replay of several row events of one bulk insert into it while it was empty (10.11.19, without any backup).
    """
    cursor.execute(
        "select coalesce(sum(1),0), coalesce(bit_xor(cast(conv(substr(h,1,16),16,10) as unsigned)),0),"
        " coalesce(bit_xor(cast(conv(substr(h,17,16),16,10) as unsigned)),0), coalesce(sum(crc32(h)),0)"
        " from (select %s as h from %s%s) as rows_of_table" %
        (_row_hash(columns), full_name(schema, table), " for system_time all" if history else ""))
    row = cursor.fetchone()
    return int(row[0]), "%016x%016x-%d" % (int(row[1]), int(row[2]), int(row[3]))


def _columns(cursor):
    cursor.execute("select table_schema, table_name, column_name, data_type from information_schema.columns"
                   " where table_schema not in %s order by 1, 2, ordinal_position", (HIDDEN,))
    found = {}
    for schema, table, column, kind in cursor.fetchall():
        found.setdefault((schema, table), []).append((column, kind))
    return found


def _read_tables(cursor, state, skip):
    columns = _columns(cursor)
    cursor.execute("select table_schema, table_name, table_type, engine from information_schema.tables"
                   " where table_schema not in %s", (HIDDEN,))
    for schema, table, kind, engine in cursor.fetchall():
        name = (schema, table)
        if kind in ("VIEW", "SYSTEM VIEW") or name in UNSTABLE or skip(*name):
            continue
        definition = "" if schema == "mysql" else _definition(cursor, "table", full_name(*name))
        try:
            rows, digest = table_hash(cursor, schema, table, columns[name], kind == "SYSTEM VERSIONED")
            if engine == "MEMORY":
                rows, digest = 0, "memory"      # comes up empty, by nature
            state.tables[name] = ("%s %s" % (kind, engine), definition, rows, digest)
        except (pymysql.err.MySQLError, KeyError) as e:
            state.tables[name] = ("error", *e.args[:2])


def _read_objects(cursor, state, skip):
    lists = (("view", "select table_schema, table_name from information_schema.views"),
             ("trigger", "select trigger_schema, trigger_name from information_schema.triggers"),
             ("procedure", "select routine_schema, routine_name from information_schema.routines"
                           " where routine_type='PROCEDURE'"),
             ("function", "select routine_schema, routine_name from information_schema.routines"
                          " where routine_type='FUNCTION'"),
             ("event", "select event_schema, event_name from information_schema.events"),
             ("database", "select schema_name, schema_name from information_schema.schemata"))
    for kind, query in lists:
        cursor.execute(query)
        for schema, name in cursor.fetchall():
            if schema in HIDDEN or (schema == "mysql" and kind != "database") or skip(schema, name):
                continue
            path = quoted(name) if kind == "database" else full_name(schema, name)
            state.objects[(kind, schema, name)] = _definition(cursor, kind, path)


def read_state(server, skip=lambda schema, name: False):
    """skip(schema, name): True for what is left out."""
    state = State()
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("set session sql_mode='', lock_wait_timeout=20, group_concat_max_len=1000000")
        _read_tables(cursor, state, skip)
        _read_objects(cursor, state, skip)
    return state


def _shown(a, b):
    """Both values, without a long definition that they have in common."""
    if isinstance(a, tuple) and isinstance(b, tuple) and a[1] == b[1]:
        return (a[0], *a[2:]), (b[0], *b[2:])
    return a, b


def differences(expected, found):
    """One line per difference; nothing when the two are equal."""
    lines = []
    for what in ("tables", "objects"):
        a, b = getattr(expected, what), getattr(found, what)
        for name in sorted(set(a) | set(b)):
            label = "%s %s" % (what[:-1], ".".join(str(n) for n in name))
            if name not in b:
                lines.append("%s is missing: expected %r" % (label, a[name]))
            elif name not in a:
                lines.append("%s should not be there: %r" % (label, b[name]))
            elif a[name] != b[name]:
                lines.append("%s: expected %r\n        found %r" % (label, *_shown(a[name], b[name])))
    return lines


# --- one server -------------------------------------------------------------------------------------------------------

def check_tables(server, accept=()):
    """CHECK TABLE ... EXTENDED of every table; one line per complaint. accept: (schema, table) that may complain."""
    problems = []
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("select table_schema, table_name, engine from information_schema.tables"
                       " where table_schema not in %s and table_type in ('BASE TABLE','SYSTEM VERSIONED','SEQUENCE')", (HIDDEN,))
        for schema, table, engine in cursor.fetchall():
            if engine == "MEMORY" or (schema, table) in accept:
                continue
            try:
                cursor.execute("check table %s extended" % full_name(schema, table))
                bad = [(r[2], r[3]) for r in cursor.fetchall()
                       if r[2] in ("error", "warning") or (r[2] == "status" and r[3] not in CHECK_NOTES)]
            except pymysql.err.MySQLError as e:
                bad = [e.args]
            problems += ["check %s.%s (%s): %s" % (schema, table, engine, text) for text in bad]
    return problems


# What tables of other engines than InnoDB are stored in.
PLAIN_FILES = (".MYD", ".MYI", ".MAD", ".MAI", ".CSV", ".ARZ")

LOG_BAD = re.compile(r"\[ERROR\]|marked as crashed|not closed|repair|corrupt|zerofill|is missing|cannot be opened|"
                     r"future LSN|is in the future", re.I)
# Lines that tell nothing about the data.
LOG_HARMLESS = re.compile(r"Can't open and lock privilege|Incorrect definition of table mysql\.|Missing system table|"
                          r"mysql_upgrade|may be crashed|Could not find or open io_uring|io_uring|Event Scheduler|"
                          r"Slave (SQL|I/O)(?! error).*(killed|exiting)|Aborted connection|Got an error reading communication|"
                          # a statement that was refused
                          r"Cannot drop undo tablespace '\w+' because")


def log_problems(server, since=0):
    """Lines of the server's error log, from character `since` on, that a sound server does not write."""
    return ["log: " + line for line in server.log()[since:].splitlines()
            if LOG_BAD.search(line) and not LOG_HARMLESS.search(line)]


def _mariadb_file_problems(server):
    problems = []
    tables = server.sql("select name, table_id from information_schema.innodb_sys_tables")
    known = {name for name, _ in tables}
    ids = {"FTS_%016x" % table_id for _, table_id in tables}
    for folder, _, names in os.walk(server.datadir):
        place = os.path.relpath(folder, server.datadir)
        for name in names:
            stem, extension = os.path.splitext(name)
            table = re.split("#[Pp]#", stem)[0]
            if name.startswith("#sql"):
                problems.append("left over: %s/%s" % (place, name))
            elif extension == ".ibd" and "%s/%s" % (place, stem) not in known and name[:20] not in ids:
                # a full-text index that was being added at the lock: the server takes its tables back and leaves their files
                problems.append("no table for %s/%s" % (place, name))
            elif extension in PLAIN_FILES and not os.path.exists(os.path.join(folder, table + ".frm")):
                problems.append("no .frm for %s/%s" % (place, name))
    for name in sorted(known):  # full-text and vector (#i#) indexes have tables of their own, without a .frm
        table = re.split("#[Pp]#", name)[0]
        if "#sql" in name:
            problems.append("intermediate table in InnoDB's dictionary: " + name)
        elif "/" in name and "/FTS_" not in name and not re.search(r"#i#\d+$", name) and \
                not os.path.exists(os.path.join(server.datadir, table + ".frm")):
            problems.append("dictionary entry without a .frm: " + name)
    return problems


def _files(datadir):
    """Paths within the datadir of its files, without those that the server makes anew at each start."""
    for folder, folders, names in os.walk(datadir):
        folders[:] = [f for f in folders if f not in ("#innodb_redo", "#innodb_temp")]
        yield from (os.path.relpath(os.path.join(folder, name), datadir) for name in names)


def _mysql_file_problems(server):
    """The dictionary knows the path of each tablespace; tables of other engines have a NAME_ID.sdi beside their files, with the
    first 16 characters of their name.
    """
    # joined here: the server would read the second view anew for each row of the first
    paths = dict(server.sql("select file_id, file_name from information_schema.files where engine='InnoDB'"))
    spaces = [(name, paths[space], state) for space, name, state in
              server.sql("select space, name, state from information_schema.innodb_tablespaces") if space in paths]
    known = {os.path.normpath(os.path.join(server.datadir, path)): state for _, path, state in spaces}
    # a # of the user's own is written otherwise in a path
    problems = ["intermediate table in InnoDB's dictionary: " + name for name, path, _ in spaces if "#sql" in path]
    problems += ["no file for the tablespace in " + path for path, state in sorted(known.items())
                 if state not in ("discarded", None) and not os.path.exists(path)]
    files = set(_files(server.datadir))
    described = {re.sub(r"_\d+\.sdi$", "", name) for name in files if name.endswith(".sdi")}
    stored = {re.split("#[Pp]#", os.path.splitext(name)[0])[0] for name in files if name.endswith(PLAIN_FILES)}
    problems += ["left over: " + name for name in sorted(files) if os.path.basename(name).startswith("#sql")]
    problems += ["no tablespace for " + name for name in sorted(files) if name.endswith((".ibd", ".ibu")) and
                 os.path.normpath(os.path.join(server.datadir, name)) not in known]
    problems += ["no .sdi for the files of " + name for name in sorted(stored) if not any(
        name == stem or (name.startswith(stem) and len(os.path.basename(stem)) >= 16) for stem in described)]
    return problems


def file_problems(server):
    """Files without a table, tables without a file, and intermediate files of DDL."""
    return {"mariadb": _mariadb_file_problems, "mysql": _mysql_file_problems}[server.family](server)


def wait_for_rollback(server, scenario):
    """The server rolls open transactions back in the background; CHECK TABLE would see them. innodb_trx is a cache that is
    filled anew only when nobody has read it for 0.1 s."""
    def left():  # a prepared transaction stays, and the table does not say that it is one
        return int(server.value("select count(*) from information_schema.innodb_trx where trx_mysql_thread_id=0")) - \
            len(server.sql("xa recover"))

    scenario.wait_until(lambda: left() <= 0, 60, "rollback of open transactions", every=0.25)


def health(server, scenario, accept=()):
    """Everything wrong with a server that was started on a restored datadir."""
    wait_for_rollback(server, scenario)
    return check_tables(server, accept) + file_problems(server) + log_problems(server)
