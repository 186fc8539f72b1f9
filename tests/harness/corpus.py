"""Every column type and its edge values, as SQL, for tests that hash tables: the same values on every server and engine.

A group is a set of columns that fits one table; each column has a list of values, and row i of a table takes value i modulo their
number. Values are expressions; what is written differently on a family is a dict. `None` as a type: the server has none such.
"""

INSERT_MODE = "set session sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00'"


def text(value, charset="utf8mb4"):
    """Text in a character set, whatever that of the session is."""
    return "convert(_utf8mb4 x'%s' using %s)" % (value.encode("utf-8").hex(), charset)


def binary(value):
    return "x'%s'" % value.hex()


def integers(bits, unsigned):
    low, high = (0, 2 ** bits - 1) if unsigned else (-2 ** (bits - 1), 2 ** (bits - 1) - 1)
    return [str(v) for v in (low, high, 0, 1, high // 2, low + 1)] + ["null"]


def wkt(shape, srid=0):
    return "st_geomfromtext('%s', %d)" % (shape, srid)


NUMBERS = [
    ("ti", "tinyint", integers(8, False)), ("tu", "tinyint unsigned", integers(8, True)),
    ("si", "smallint", integers(16, False)), ("su", "smallint unsigned", integers(16, True)),
    ("mi", "mediumint", integers(24, False)), ("mu", "mediumint unsigned", integers(24, True)),
    ("ii", "int", integers(32, False)), ("iu", "int unsigned", integers(32, True)),
    ("iz", "int(10) zerofill", ["0", "7", "4294967295", "null"]),
    ("bi", "bigint", integers(64, False)), ("bu", "bigint unsigned", integers(64, True)),
    ("f", "float", ["0e0", "1.1e0", "3.402823466e38", "-3.402823466e38", "1.175494351e-38", "16777217e0", "null"]),
    ("fu", "float(9,3)", ["0e0", "1.234", "-999999.999", "null"]),
    ("d", "double", ["0e0", "1.1e0", "1.7976931348623157e308", "-1.7976931348623157e308", "2.2250738585072014e-308",
                     "0.1e0", "9007199254740993e0", "null"]),
    ("n0", "decimal(10,0)", ["0", "-1", "9999999999", "-9999999999", "null"]),
    ("nz", "decimal(12,4) zerofill", ["0", "0.0001", "99999999.9999", "null"]),
    ("n65", "decimal(65,30)", ["0", "-0.000000000000000000000000000001", "9" * 35 + "." + "9" * 30, "-" + "9" * 35 + "." + "9" * 30,
                               "1.5", "null"]),
    ("b1", "bit(1)", ["b'0'", "b'1'", "null"]),
    ("b8", "bit(8)", ["b'0'", "b'10000000'", "b'11111111'", "null"]),
    ("b13", "bit(13)", ["b'0'", "b'1000000000001'", "b'1111111111111'", "null"]),
    ("b64", "bit(64)", ["b'0'", "b'1'", "b'" + "1" * 64 + "'", "null"]),
    ("boo", "boolean", ["true", "false", "null"]),
]

TIMES = [
    ("dt", "date", ["'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2024-02-31'", "'2024-00-10'", "'2026-11-27'", "null"]),
    ("t0", "time", ["'00:00:00'", "'-838:59:59'", "'838:59:59'", "'25:00:01'", "'-00:00:01'", "null"]),
    ("t1", "time(1)", ["'00:00:00'", "'-100:00:00.1'", "'23:59:59.9'", "null"]),
    ("t6", "time(6)", ["'00:00:00'", "'-838:59:58.999999'", "'838:59:58.999999'", "'-00:00:00.000001'", "'00:00:00.000001'", "null"]),
    ("d0", "datetime", ["'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'2024-02-31 10:11:12'", "null"]),
    ("d3", "datetime(3)", ["'2026-11-27 15:00:00.123'", "'2026-11-27 15:00:00'", "null"]),
    ("d6", "datetime(6)", ["'0000-00-00 00:00:00'", "'9999-12-31 23:59:59.999999'", "'2026-11-27 15:00:00.000001'", "null"]),
    ("s0", "timestamp null", ["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'2026-03-29 01:30:00'", "null"]),
    ("s6", "timestamp(6) null", ["'1970-01-01 00:00:01.000001'", "'2038-01-19 03:14:07.999999'", "'2026-11-27 15:00:00'", "null"]),
    ("y", "year", ["0", "1901", "2155", "2026", "null"]),
]

EMOJI = "\U0001f600\u00e4\u20aca"
STRINGS = [
    ("c", "char(10) character set latin1", ["''", "'a'", "' a'", "'abcdefghij'", text("\u00e4\u00f6\u00fc", "latin1"), "null"]),
    ("cm", "char(10) character set utf8mb4", ["''", text("a"), text(EMOJI), text(" x"), text("\U0001f600" * 10), "null"]),
    ("c0", "char(0) character set latin1", ["''", "null"]),
    ("v", "varchar(40) character set latin1", ["''", "'a'", "'a '", "'a  '", "' a'", "'A'", "null"]),
    ("vm", "varchar(40) character set utf8mb4", ["''", text(EMOJI), text(EMOJI + " "), text("a\u0308"), text("\u00e4"), "null"]),
    ("vn", "varchar(40) character set utf8mb4 collate utf8mb4_bin", ["''", text("a"), text("A"), text("a "), "null"]),
    ("u3", "varchar(20) character set utf8mb3", ["''", text("\u20ac", "utf8mb3"), "null"]),
    ("uc", "char(6) character set ucs2", ["''", text("\u20aca", "ucs2"), "null"]),
    ("u16", "varchar(20) character set utf16", ["''", text(EMOJI, "utf16"), "null"]),
    ("u16l", "char(6) character set utf16le", ["''", text("ab", "utf16le"), "null"]),
    ("u32", "varchar(20) character set utf32", ["''", text(EMOJI, "utf32"), "null"]),
    ("gbk", "char(6) character set gbk", ["''", text("\u4e2d\u6587", "gbk"), "null"]),
    ("sj", "varchar(20) character set sjis", ["''", text("\u65e5\u672c", "sjis"), "null"]),
    ("k8", "varchar(20) character set koi8r", ["''", text("\u0436", "koi8r"), "null"]),
    ("asc7", "varchar(20) character set ascii", ["''", "'~'", "null"]),
    ("bn", "binary(5)", [binary(b""), binary(b"a"), binary(b"a    "), binary(b"\xff\xff\xff\xff\xff"), "null"]),
    ("vb", "varbinary(40)", [binary(b""), binary(b"\0"), binary(b"a\0"), binary(b"a "), binary(bytes(range(40))), "null"]),
    ("e", "enum('a','b','c') character set latin1", ["'a'", "'c'", "'zzz'", "null"]),
    ("ee", "enum('a','','c') character set latin1", ["'a'", "''", "'zzz'", "'c'", "null"]),
    ("em", "enum('%s','x') character set utf8mb4" % EMOJI, ["1", "2", "null"]),
    ("s", "set('a','b','c') character set latin1", ["''", "'a'", "'a,c'", "'a,b,c'", "null"]),
    ("se", "set('','b') character set latin1", ["0", "1", "2", "3", "null"]),
    ("se2", "set('','b','c') character set ucs2", ["0", "1", "2", "3", "6", "7", "null"]),
    ("se2l", "set('','b') character set utf16le", ["0", "1", "2", "3", "null"]),
    ("se4", "set('','b') character set utf32", ["0", "1", "2", "3", "null"]),
]

BLOBS = [
    ("tb", "tinyblob", [binary(b""), binary(b"\0" * 255), binary(b"x"), "null"]),
    ("bb", "blob", [binary(b""), "repeat(x'00ff', 32767)", "repeat('y', 8000)", "null"]),
    ("mb", "mediumblob", [binary(b""), "repeat('z', 70000)", "repeat('z', 69999)", "null"]),
    ("lb", "longblob", [binary(b""), "repeat('l', 200000)", binary(b"l"), "null"]),
    ("tt", "tinytext character set utf8mb4", ["''", text(EMOJI * 20), "null"]),
    ("tx", "text character set latin1", ["''", "repeat('t ', 10000)", "'t '", "null"]),
    ("lt", "longtext character set utf8mb4", ["''", "repeat(%s, 20000)" % text("\U0001f600"), "null"]),
]

# As MySQL prints them, so that MariaDB, which keeps the text, has the same.
DOCUMENTS = ["{}", "[]", "null", "true", "1", "-1.5", "1e100", '"a\\u0001b"', '"%s"' % EMOJI, '{"a": 1, "bb": [true, null, {"c": ""}]}',
             "18446744073709551615", "0.1", '{"": "empty key"}']
JSON = [("j", "json", [text(d) for d in DOCUMENTS] + ["null"])]

SHAPES = [
    ("g", "geometry", [wkt("POINT(1 2)"), wkt("POINT(1 2)", 3857), wkt("LINESTRING(0 0,1 1)"), wkt("POLYGON((0 0,1 0,1 1,0 0))"),
                       wkt("GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,5 5))"), "null"]),
    ("p", "point", [wkt("POINT(0 0)"), wkt("POINT(-1.5 1e300)"), "null"]),
    ("mp", "multipolygon", [wkt("MULTIPOLYGON(((0 0,1 0,1 1,0 0)))"), "null"]),
    ("gc", "geometrycollection", [wkt("GEOMETRYCOLLECTION(POINT(1 2))"), "null"]),
]

# A virtual column is not hashed, a stored one is. The invisible one is.
MADE = [
    ("base", "int", ["1", "2", "null"]),
    ("doubled", "int as (base * 2) stored", None),
    ("virt", "int as (base * 3) virtual", None),
    ("hidden", "int invisible", ["7", "8", "null"]),
]

ADDRESSES = [
    ("u", "uuid", ["'550e8400-e29b-41d4-a716-446655440000'", "'00000000-0000-0000-0000-000000000000'",
                   "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'01890a5d-ac96-774b-bcce-b302099a8057'", "null"]),
    ("i6", "inet6", ["'::'", "'::1'", "'::ffff:1.2.3.4'", "'::1.2.3.4'", "'2001:db8::ff00:42:8329'", "null"]),
    ("i4", "inet4", ["'0.0.0.0'", "'255.255.255.255'", "'10.1.2.3'", "null"]),
    ("z", "varchar(200) compressed character set utf8mb4", ["''", "repeat('c', 200)", "'short'", "null"]),
    ("zb", "blob compressed", [binary(b""), "repeat('c', 9000)", "null"]),
]


# MariaDB (10.11, 11.8) stores 0 for it.
ZEROS = [("f", "float", ["0e0", "-0e0", "null"]), ("d", "double", ["0e0", "-0e0", "null"])]


def vector(server, values):
    import struct
    raw = binary(struct.pack("<3f", *values))
    return raw if server.family == "mariadb" else "cast(%s as binary)" % raw


VECTORS = ((0, 0, 0), (1.5, -2.25, 3e3), (-0.0, 1e-3, 7))

GROUPS = {"numbers": NUMBERS, "times": TIMES, "strings": STRINGS, "blobs": BLOBS, "json": JSON, "shapes": SHAPES, "made": MADE}


def groups_of(server):
    groups = dict(GROUPS)
    if server.family == "mariadb":
        groups["addresses"] = ADDRESSES
    else:
        groups["zeros"] = ZEROS
    if server.flavour != "mariadb-10.11":
        groups["vectors"] = [("vec", "vector(3)", [vector(server, v) for v in VECTORS] + ["null"])]
    return groups


def row_count(columns):
    """Enough for each value to be there, and some to be there twice beside others."""
    return 2 * max(len(values) for _, _, values in columns if values) + 3


def create(name, columns, key="primary key(id)", options=""):
    body = ", ".join("%s %s" % (column, kind) for column, kind, _ in columns)
    return "create table %s (id int not null, %s%s) %s" % (name, body, ", " + key if key else "", options)


def insert(name, columns, rows=None, ids=None):
    """One statement for all rows; a row's number is its id. `ids`: those rows instead, in that order."""
    filled = [(column, values) for column, _, values in columns if values]
    rows = ids if ids is not None else range(rows or row_count(columns))
    return "insert into %s (id, %s) values %s" % (
        name, ", ".join(column for column, _ in filled),
        ", ".join("(%d, %s)" % (i, ", ".join(values[i % len(values)] for _, values in filled)) for i in rows))


def storages(server, group):
    """What a table of a group can be stored as: {name: (key, options)}."""
    key = "primary key(id)"
    found = {"redundant": (key, "engine=innodb row_format=redundant"), "compact": (key, "engine=innodb row_format=compact"),
             "dynamic": (key, "engine=innodb row_format=dynamic"),
             "compressed": (key, "engine=innodb row_format=compressed key_block_size=8"),
             "unique": ("unique key(id)", "engine=innodb"), "keyless": ("", "engine=innodb"),
             "myisam": (key, "engine=myisam"), "myisam_keyless": ("", "engine=myisam")}
    if group != "shapes":
        found["parts"] = (key, "engine=innodb partition by hash(id) partitions 3")
    if server.family == "mariadb":
        found["aria"] = (key, "engine=aria transactional=1")
        found["aria_dynamic"] = ("", "engine=aria transactional=0 row_format=dynamic")
    if server.family == "mariadb" and group != "shapes":
        found["parts_myisam"] = (key, "engine=myisam partition by key(id) partitions 2")
    return found
