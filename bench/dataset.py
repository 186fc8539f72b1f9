"""The dataset of the bench: rows that compress about as real ones do, in tables of two kinds.

sbtestN   what sysbench makes: a number, 120 and 60 characters of random digits. Compresses to about a half.
ordersN   an application's rows: names, mail addresses, dates, a status, a few words of text. Compresses better.
"""

import concurrent.futures
import contextlib
import itertools
import os
import time

from harness.servers import ServerFailed

BATCH_ROWS = 50000
TABLES = 4                  # of each kind
MYISAM_PERCENT = {"mariadb": 10, "mysql": 0}    # of the InnoDB data; CLONE leaves MyISAM out, so there is none beside it

DIGITS = "lpad(floor(rand() * 100000000000), 11, '0')"
KINDS = {
    "sbtest": (
        "id int unsigned primary key auto_increment, k int unsigned not null, c char(120) not null, pad char(60) not null, "
        "key k_1 (k)",
        "k, c, pad",
        "floor(rand() * 10000000), concat_ws('-', %s), concat_ws('-', %s)" %
        (", ".join([DIGITS] * 10), ", ".join([DIGITS] * 5))),
    "orders": (
        "id bigint unsigned primary key auto_increment, customer varchar(80) not null, email varchar(120) not null, "
        "placed datetime not null, status enum('new', 'paid', 'sent', 'back') not null, amount decimal(12, 2) not null, "
        "note varchar(400) not null, key (customer), key (placed)",
        "customer, email, placed, status, amount, note",
        "concat(elt(1 + floor(rand() * 8), 'Anna', 'Bram', 'Chloe', 'David', 'Emma', 'Farid', 'Grace', 'Hugo'), ' ', "
        "elt(1 + floor(rand() * 8), 'Jansen', 'Smith', 'Garcia', 'Okafor', 'Tanaka', 'Novak', 'Rossi', 'Khan'), ' ', "
        "floor(rand() * 100000)), "
        "concat('user', floor(rand() * 10000000), '@', elt(1 + floor(rand() * 3), 'example.com', 'example.org', 'example.net')), "
        "from_unixtime(1600000000 + floor(rand() * 150000000)), 1 + floor(rand() * 4), rand() * 5000, "
        "concat('Deliver to door ', floor(rand() * 900), ', ', elt(1 + floor(rand() * 4), 'ring twice', 'leave with the "
        "neighbour', 'call before arrival', 'no signature needed'), '; reference ', left(sha2(rand(), 256), 32), '.')"),
}


def data_bytes(datadir):
    """Bytes that a backup of the datadir has to carry: no redo, no temporary space, no binary log."""
    total = 0
    for path in data_files(datadir):
        total += os.stat(path).st_blocks * 512
    return total


def data_files(datadir):
    for folder, folders, names in os.walk(datadir):
        folders[:] = [f for f in folders if f not in ("#innodb_redo", "#innodb_temp")]
        for name in sorted(names):
            if not name.startswith(("ib_logfile", "ibtmp", "binlog")) and not name.endswith(".dblwr"):
                yield os.path.join(folder, name)


def bytes_of(datadir, engine):
    folder = os.path.join(datadir, "bench_" + engine)
    return sum(os.path.getsize(os.path.join(folder, n)) for n in os.listdir(folder))


def fill_kind(server, engine, kind, size):
    """Adds rows to the tables of one kind in turn until the files of the engine have `size` bytes."""
    _, columns, values = KINDS[kind]
    with contextlib.closing(server.connect(database="bench_" + engine)) as connection, connection.cursor() as cursor:
        cursor.execute("set sql_log_bin = 0")
        for number in itertools.cycle(range(1, TABLES + 1)):
            have = bytes_of(server.datadir, engine)
            if have >= size:
                return
            rows = min(BATCH_ROWS, (size - have) // 100 + 1)
            cursor.execute("insert into %s%d (%s) select %s from %s" % (kind, number, columns, values, server.numbers(rows)))


def fill_engine(server, engine, size, say):
    """Makes the tables of one engine and fills those of each kind on a connection of its own."""
    started = time.monotonic()
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("create database bench_" + engine)
        cursor.execute("use bench_" + engine)
        for kind in KINDS:
            for number in range(1, TABLES + 1):
                cursor.execute("create table %s%d (%s) engine=%s charset=latin1" % (kind, number, KINDS[kind][0], engine))
    with concurrent.futures.ThreadPoolExecutor(len(KINDS)) as pool:
        running = [pool.submit(fill_kind, server, engine, kind, size) for kind in KINDS]
        while concurrent.futures.wait(running, timeout=10, return_when=concurrent.futures.FIRST_EXCEPTION).not_done:
            say("%s: %d of %d MB" % (engine, bytes_of(server.datadir, engine) >> 20, size >> 20))
        for one in running:
            one.result()
    say("%s: %d MB in %d tables, %.0f s" % (engine, bytes_of(server.datadir, engine) >> 20, len(KINDS) * TABLES,
                                            time.monotonic() - started))


def settle(server):
    """A clean shutdown writes all dirty pages, so that every run begins with the same quiet files."""
    if not server.stop():
        raise ServerFailed("the server did not shut down cleanly after the data was made:\n" + server.log_tail())
    server.start()


def build(server, size, say):
    """An innodb schema of `size` bytes and a MyISAM one (MYISAM_PERCENT), plus the tables that the probes write to."""
    # until the restart below: so that the random keys find their pages in memory
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    server.sql("set global innodb_flush_log_at_trx_commit = 0",
               "set global innodb_buffer_pool_size = %d" % max(512 << 20, min(size, memory // 4)))
    fill_engine(server, "innodb", size, say)
    fill_engine(server, "myisam", size * MYISAM_PERCENT[server.family] // 100, say)
    server.sql("create database probe", "create table probe.innodb (a int primary key, b int) engine=innodb",
               "create table probe.myisam (a int primary key, b int) engine=myisam",
               "insert into probe.innodb values (1, 0)", "insert into probe.myisam values (1, 0)")
    settle(server)
