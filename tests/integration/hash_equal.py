#!/usr/bin/python3
"""The same values have the same hash on MySQL and MariaDB, in every engine, row format and kind of table; any other value has another.

The corpus (harness/corpus.py) has every column type with its edge values. Each of its groups of columns is stored in every way there
is, on each server. Then each value of each column is changed, one at a time, in a table of its own: the table's hash changes, and that
column's, and no other column's.
"""
# timeout: 600

import contextlib
import json
import subprocess

import _path                                    # noqa: F401  pylint: disable=unused-import
from harness import corpus
from harness.scenario import Skip, run

UNCUT = {"boo"}      # which has two values only
UNKEYED = {"f", "fu", "d", "e", "ee", "em", "s", "se", "se2", "se2l", "se4"}       # docs/table-hash.md
FLAVOURS = ("mariadb-10.11", "mariadb-11.8", "mysql-9.7")


def hashes(mbe, *extra):
    """The document of `mbe hash` as {(schema, table): entry}."""
    done = mbe.run("hash", "--defaults-file=" + mbe.option_file(), "--json", "--progress=none", *extra)
    return {(t["schema"], t["table"]): t for t in json.loads(done.out)["tables"]}


def load_storages(server):
    server.sql("create database c")
    for group, columns in corpus.groups_of(server).items():
        for storage, (key, options) in corpus.storages(server, group).items():
            name = "c.%s_%s" % (group, storage)
            rows = corpus.row_count(columns)
            # the order rows came in is no part of a hash; a keyless table holds each row twice
            order = list(range(rows)) if storage != "compact" else list(range(rows - 1, -1, -1))
            twice = order * 2 if storage.endswith("keyless") or storage == "aria_dynamic" else order
            with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:
                cursor.execute(corpus.INSERT_MODE)
                cursor.execute(corpus.create(name, columns, key, options))
                cursor.execute(corpus.insert(name, columns, ids=twice))


COLLATIONS = {"mariadb": ("utf8mb4_unicode_ci", "utf8mb4_general_nopad_ci", "utf8mb4_unicode_nopad_ci"),
              "mysql": ("utf8mb4_0900_ai_ci", "utf8mb4_0900_as_cs", "utf8mb4_unicode_ci")}
ALL_COLLATIONS = ("utf8mb4_general_ci", "utf8mb4_bin", "latin1_swedish_ci", "latin1_german2_ci", "latin1_bin", "utf8mb4_czech_ci", "ucs2_general_ci")
LETTERS = ("a", "A", "b", "\u00e4", "\u00df", "ss", "c", "ch", "h", " ", "  ", "z", "'", "\\", "", "\u00e9", "9", "~")


def load_keys(server, random):
    """Tables whose key begins with a column of each type that a key can have, most values there more than once; and with strings of
    which many are equal in their collation."""
    server.sql("create database k")
    with contextlib.closing(server.connect(database="k")) as connection, connection.cursor() as cursor:
        cursor.execute(corpus.INSERT_MODE)
        for group in ("numbers", "times", "strings", "addresses"):
            for name, kind, values in corpus.groups_of(server).get(group, ()):
                if "compressed" in kind or "(0)" in kind:      # no key can have it
                    continue
                cursor.execute("create table %s (c %s not null, n int not null, primary key(c, n))" % (name, kind.replace(" null", "")))
                cursor.execute("insert into %s values %s" % (name, ", ".join(
                    "(%s, %d)" % (v, i) for i, v in enumerate(values * 3) if v != "null")))
        for collation in (*ALL_COLLATIONS, *COLLATIONS[server.family]):
            for kind in ("char", "varchar"):
                name = "%s_%s" % (kind, collation)
                cursor.execute("create table %s (c %s(12) character set %s collate %s not null, n int not null, primary key(c, n))" %
                               (name, kind, collation.split("_")[0], collation))
                cursor.executemany("insert into %s values (%%s, %%s)" % name,
                                   [("".join(random.choice(LETTERS) for _ in range(random.randrange(5))), i) for i in range(150)])


def check_parts(s, server, mbe):
    """What is cut in parts has the sums of the whole, wherever it is cut."""
    load_keys(server, s.random)
    done = subprocess.run([s.tool("split_check"), mbe.option_file(), "k"], capture_output=True, text=True, check=False)
    s.check(done.returncode == 0, "%s: %s", server.flavour, done.stderr)
    names = {what: {line.split()[-1] for line in done.stdout.splitlines() if line.startswith(what)} for what in ("not cut", "no key")}
    s.check_equal(names, {"not cut": UNCUT, "no key": UNKEYED | {"char_" + c for c in COLLATIONS[server.family] if "nopad" in c}}, "not cut")
    one, four = (hashes(mbe, "--databases=c,k", "--parallel=%d" % n) for n in (1, 4))
    s.check(one == four and len(one) > 100, "hashes by one and by four connections differ")
    s.say("%s: %s" % (server.flavour, done.stdout.splitlines()[-1]))


def what_counts(entry):
    return entry["rows"], entry["hash"], tuple(map(tuple, entry["columns"]))


def check_storages(s, found):
    """found: {flavour: hashes}. All tables of a group with the same rows are equal, on all servers."""
    seen = {}
    for flavour, tables in found.items():
        for (_, name), entry in tables.items():
            s.check(entry["state"] == "exact", "%s: %s is %s", flavour, name, entry)
            group, storage = name.split("_", 1)
            double = storage.endswith("keyless") or storage == "aria_dynamic"
            first = seen.setdefault((group, double), (flavour, name, what_counts(entry)))
            s.check(first[2] == what_counts(entry), "%s of %s and %s of %s differ:\n%s\n%s", first[1], first[0], name, flavour, first[2],
                    what_counts(entry))
    for group in ("numbers", "times", "strings", "blobs", "json", "shapes", "made"):
        single, double = seen[group, False][2], seen[group, True][2]
        s.check(double[0] == 2 * single[0] and double[1] != single[1], "rows that are there twice do not count: %s", group)
    s.say("%d tables in %d groups" % (sum(len(t) for t in found.values()), len(seen)))


def load_mutations(server, random):
    """A table of its own for each value that is put in the place of another: {table: (base, column)}."""
    server.sql("create database m")
    made = {}
    for group, columns in corpus.groups_of(server).items():
        rows = corpus.row_count(columns)
        with contextlib.closing(server.connect(database="m")) as connection, connection.cursor() as cursor:
            cursor.execute(corpus.INSERT_MODE)
            cursor.execute(corpus.create(group, columns, "primary key(id)", "engine=myisam"))
            cursor.execute(corpus.insert(group, columns))
            for column, _, values in columns:
                for i in range(len(values or ())):
                    row = random.choice([r for r in range(rows) if values[r % len(values)] != values[i]])
                    name = "%s_%s_%d" % (group, column, i)
                    cursor.execute(corpus.create(name, columns, "primary key(id)", "engine=myisam"))
                    cursor.execute(corpus.insert(name, columns))
                    cursor.execute("update %s set %s=%s where id=%d" % (name, column, values[i], row))
                    made[name] = (group, column)
    return made


def check_mutations(s, flavour, made, tables):
    for name, (base, column) in made.items():
        one, other = tables["m", base], tables["m", name]
        differ = {a[0] for a, b in zip(one["columns"], other["columns"]) if a != b}
        expected = {column} | ({"doubled"} if column == "base" else set())
        s.check(one["hash"] != other["hash"] and one["rows"] == other["rows"], "%s: %s has the hash of %s", flavour, name, base)
        s.check(differ == expected, "%s: of %s the columns %s differ", flavour, name, sorted(differ))
    s.say("%s: %d values changed, each found" % (flavour, len(made)))


def main(s):
    found = {}
    for flavour in FLAVOURS:
        try:
            server = s.server(flavour, flavour=flavour)
        except Skip as why:
            s.say("without %s: %s" % (flavour, why))
            continue
        server.init().start()
        mbe = s.mbe(server)
        load_storages(server)
        found[flavour] = hashes(mbe, "--databases=c", "--parallel=3")
        check_parts(s, server, mbe)
        made = load_mutations(server, s.random)
        check_mutations(s, flavour, made, hashes(mbe, "--databases=m", "--parallel=2"))
        server.stop()
    if len(found) < 2:
        raise Skip("fewer than two servers")
    check_storages(s, found)


run(main)
