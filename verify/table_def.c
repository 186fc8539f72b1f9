/* verify/table_def.c: see table_def.h. */
#include "verify/table_def.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "verify/table_def_rows.h"

enum { SET_MEMBERS_MAX = 64 };

/* Engines whose tables are read; any other is not. The key of those with `by_key` is the order their rows are stored in. */
static const struct {
    const char *engine;
    enum table_access access;
    bool by_key;
} engines[] = {
    {"InnoDB", ACCESS_SNAPSHOT, true},   {"ROCKSDB", ACCESS_SNAPSHOT, true},
    {"MyISAM", ACCESS_PLAIN, false},     {"Aria", ACCESS_PLAIN, false},
    {"CSV", ACCESS_PLAIN, false},        {"ARCHIVE", ACCESS_PLAIN, false},
    {"MRG_MyISAM", ACCESS_PLAIN, false}, {"MRG_MYISAM", ACCESS_PLAIN, false},
    {"BLACKHOLE", ACCESS_PLAIN, false},
};

enum table_access table_access_of(const char *engine, bool is_sequence)
{
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++)
        if (!strcmp(engines[i].engine, engine))
            return is_sequence ? ACCESS_PLAIN : engines[i].access;
    return ACCESS_NONE;
}

static bool is_stored_by_key(const char *engine)
{
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++)
        if (!strcmp(engines[i].engine, engine))
            return engines[i].by_key;
    return false;
}

/* --- SQL ---------------------------------------------------------------------------------------- */

char *sql_quoted_name(const char *name)
{
    char *out = mem_alloc(2 * strlen(name) + 3), *p = out;
    *p++ = '`';
    for (; *name; name++) {
        if (*name == '`')
            *p++ = '`';
        *p++ = *name;
    }
    *p++ = '`';
    *p = 0;
    return out;
}

char *table_sql_name(const char *schema, const char *name)
{
    AUTO_FREE char *first = sql_quoted_name(schema), *second = sql_quoted_name(name);
    return mem_printf("%s.%s", first, second);
}

char *sql_text(const char *text)
{
    char *out = mem_alloc(2 * strlen(text) + 3), *p = out;
    *p++ = '\'';
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            *p++ = '\\';
        *p++ = *text;
    }
    *p++ = '\'';
    *p = 0;
    return out;
}

static const char *cell(const struct rows *rows, size_t row, size_t col)
{
    const char *s = rows->cells[row * rows->n_cols + col];
    return s ? s : "";
}

/* --- the list ------------------------------------------------------------------------------------ */

static void table_fini(struct listed_table *t)
{
    free(t->schema);
    free(t->name);
    free(t->engine);
}

void table_list_fini(struct table_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        table_fini(&l->items[i]);
    free(l->items);
    *l = (struct table_list){0};
}

static int compare_names(const struct listed_table *a, const char *schema, const char *name)
{
    const int order = strcmp(a->schema, schema);
    return order ? order : strcmp(a->name, name);
}

static int compare_tables(const void *a, const void *b)
{
    const struct listed_table *y = b;
    return compare_names(a, y->schema, y->name);
}

static struct listed_table *find(const struct table_list *l, const char *schema, const char *name)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_names(&l->items[middle], schema, name);
        if (!order)
            return &l->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct listed_table *table_list_find(const struct table_list *l, const char *schema,
                                           const char *name)
{
    return find(l, schema, name);
}

enum { T_NAME, T_TYPE, T_ENGINE };

/* Whether "schema/name", or a partition of it, is the tablespace's name. */
static bool is_space_of(const char *space, const char *schema, const char *name)
{
    static const char part[] = "#p#";
    const size_t n = strlen(schema), m = strlen(name);
    return !strncmp(space, schema, n) && space[n] == '/' && !strncmp(space + n + 1, name, m) &&
           (!space[n + 1 + m] || !strncasecmp(space + n + 1 + m, part, strlen(part)));
}

static bool is_discarded(const struct mysql_spaces *spaces, const char *schema, const char *name)
{
    for (size_t i = 0; spaces && i < spaces->n; i++)
        if (spaces->items[i].discarded && is_space_of(spaces->items[i].name, schema, name))
            return true;
    return false;
}

static void add_table(struct table_list *l, const struct rows *rows, size_t row, const char *schema,
                      bool discarded)
{
    const char *engine = cell(rows, row, T_ENGINE), *type = cell(rows, row, T_TYPE);
    const bool sequence = !strcmp(type, "SEQUENCE");
    mem_grow(&l->items, &l->cap, l->n, sizeof *l->items);
    l->items[l->n++] = (struct listed_table){
        .schema = mem_strdup(schema),
        .name = mem_strdup(cell(rows, row, T_NAME)),
        .engine = mem_strdup(engine),
        .is_sequence = sequence,
        .is_versioned = !strcmp(type, "SYSTEM VERSIONED"),
        .is_discarded = discarded,
        .access = table_access_of(engine, sequence),
    };
}

static bool is_table(const char *type)
{
    return !strcmp(type, "BASE TABLE") || !strcmp(type, "SEQUENCE") ||
           !strcmp(type, "SYSTEM VERSIONED");
}

static struct err *add_tables(struct table_list *l, struct conn *c,
                              const struct hash_select *select, const struct mysql_spaces *spaces,
                              const char *schema)
{
    AUTO_FREE char *literal = sql_text(schema);
    struct rows rows;
    TRY(conn_query(c, &rows,
                   "SELECT TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES"
                   " WHERE TABLE_SCHEMA = %s",
                   literal));
    for (size_t i = 0; i < rows.n_rows; i++) {
        const char *name = cell(&rows, i, T_NAME);
        if (is_table(cell(&rows, i, T_TYPE)) && hash_select_takes(select, schema, name))
            add_table(l, &rows, i, schema, is_discarded(spaces, schema, name));
    }
    rows_fini(&rows);
    return NULL;
}

/* " AND TABLE_NAME NOT IN ('a','b')" for what is discarded in the schema; owned by caller. */
static char *without_discarded(const struct table_list *l, const char *schema)
{
    char *text = mem_strdup("");
    for (size_t i = 0; i < l->n; i++) {
        if (!l->items[i].is_discarded || strcmp(l->items[i].schema, schema))
            continue;
        AUTO_FREE char *name = sql_text(l->items[i].name), *before = text;
        text = mem_printf("%s AND TABLE_NAME <> %s", before, name);
    }
    return text;
}

/* `which`: a condition that begins with AND, or "". */
static struct err *add_sizes(struct table_list *l, struct conn *c, const char *schema,
                             const char *which)
{
    AUTO_FREE char *literal = sql_text(schema);
    struct rows rows;
    TRY(conn_query(c, &rows,
                   "SELECT TABLE_NAME, DATA_LENGTH FROM information_schema.TABLES"
                   " WHERE TABLE_SCHEMA = %s%s",
                   literal, which));
    for (size_t i = 0; i < rows.n_rows; i++) {
        struct listed_table *t = find(l, schema, cell(&rows, i, 0));
        if (t)
            t->bytes = strtoull(cell(&rows, i, 1), NULL, 10);
    }
    rows_fini(&rows);
    return NULL;
}

/* Those of COLUMN_CELLS. */
enum { C_TABLE, C_NAME, C_TYPE, C_FULL_TYPE, C_EXTRA, C_CHARSET, C_GENERATED, C_COLLATION };

static uint64_t definition_after(uint64_t before, const struct rows *rows, size_t row)
{
    AUTO_FREE char *line = mem_printf("%016lx %s\n%s\n%s\n%s", (unsigned long)before,
                                      cell(rows, row, C_NAME), cell(rows, row, C_FULL_TYPE),
                                      cell(rows, row, C_EXTRA), cell(rows, row, C_CHARSET));
    return hash64_of_bytes(line, strlen(line));
}

static struct err *add_definitions(struct table_list *l, struct conn *c, const char *schema)
{
    AUTO_FREE char *literal = sql_text(schema);
    struct rows rows;
    TRY(conn_query(c, &rows,
                   "SELECT " COLUMN_CELLS " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s"
                   " ORDER BY TABLE_NAME, ORDINAL_POSITION",
                   literal));
    for (size_t i = 0; i < rows.n_rows; i++) {
        struct listed_table *t = find(l, schema, cell(&rows, i, C_TABLE));
        if (t)
            t->definition = definition_after(t->definition, &rows, i);
    }
    rows_fini(&rows);
    return NULL;
}

static struct err *add_schemas(struct table_list *l, struct conn *c,
                               const struct hash_select *select, const struct mysql_spaces *spaces,
                               const struct rows *schemas, bool with_sizes)
{
    for (size_t i = 0; i < schemas->n_rows; i++)
        if (hash_select_takes_schema(select, cell(schemas, i, 0)))
            TRY(add_tables(l, c, select, spaces, cell(schemas, i, 0)));
    if (l->n)
        qsort(l->items, l->n, sizeof *l->items, compare_tables);
    for (size_t i = 0; i < schemas->n_rows; i++) {
        const char *schema = cell(schemas, i, 0);
        if (!hash_select_takes_schema(select, schema))
            continue;
        TRY(add_definitions(l, c, schema));
        if (!with_sizes)
            continue;
        AUTO_FREE char *without = without_discarded(l, schema);
        TRY(add_sizes(l, c, schema, without));
    }
    return NULL;
}

struct err *table_list_load(struct table_list *out, struct conn *c,
                            const struct hash_select *select, const struct mysql_spaces *spaces,
                            bool with_sizes)
{
    struct rows schemas;
    *out = (struct table_list){0};
    TRY(conn_query(c, &schemas, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA"));
    struct err *e = add_schemas(out, c, select, spaces, &schemas, with_sizes);
    rows_fini(&schemas);
    if (e)
        table_list_fini(out);
    return e;
}

struct err *table_list_plain_sizes(struct table_list *l, struct conn *c, bool one_by_one)
{
    const char *done = "";
    for (size_t i = 0; i < l->n; i++) {
        const struct listed_table *t = &l->items[i];
        if (t->access != ACCESS_PLAIN || (!one_by_one && !strcmp(t->schema, done)))
            continue;
        AUTO_FREE char *name = sql_text(t->name);
        AUTO_FREE char *which = one_by_one ? mem_printf(" AND TABLE_NAME = %s", name)
                                           : mem_strdup(" AND ENGINE <> 'InnoDB'");
        TRY(add_sizes(l, c, t->schema, which));
        done = t->schema;
    }
    return NULL;
}

/* --- one table ------------------------------------------------------------------------------------ */

void table_def_fini(struct table_def *d)
{
    for (size_t i = 0; i < d->n_columns; i++) {
        free(d->columns[i].name);
        free(d->columns[i].charset);
    }
    free(d->columns);
    free(d->key);
    free(d->key_name);
    *d = (struct table_def){0};
}

static enum row_kind kind_of(enum value_class c)
{
    switch (c) {
    case VALUE_INTEGER:
    case VALUE_YEAR:
        return ROW_INTEGER;
    case VALUE_FLOAT:
        return ROW_FLOAT;
    case VALUE_DOUBLE:
        return ROW_DOUBLE;
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_DATETIME:
    case VALUE_TIMESTAMP:
        return ROW_TIME;
    default:
        return ROW_BYTES;
    }
}

/* Place of '' among the members of enum('a','') or the like; -1: it is none. In COLUMN_TYPE a quote inside a member is doubled. */
static int empty_member(const char *full_type)
{
    const char *p = strchr(full_type, '(');
    for (int place = 0; p && *p && *++p == '\''; place++) {
        const char *begin = ++p;
        while (*p && (*p != '\'' || p[1] == '\''))
            p += *p == '\'' ? 2 : 1;
        if (p == begin)
            return place;
        p += *p == '\'';
    }
    return -1;
}

static struct err *add_column(struct table_def *d, const char *name, const char *type,
                              const char *full_type, const char *charset)
{
    enum value_class value;
    if (!value_class_of_type(&value, type))
        return err_make(SERVER, "column %s is of type %s, which mbe does not know", name, type);
    d->columns = mem_realloc(d->columns, (d->n_columns + 1) * sizeof *d->columns);
    d->columns[d->n_columns++] = (struct table_column){
        .name = mem_strdup(name),
        .charset = *charset ? mem_strdup(charset) : NULL,
        .value = value,
        .kind = kind_of(value),
        .empty_member = value == VALUE_ENUM || value == VALUE_SET ? empty_member(full_type) : -1,
        .is_hex = !strcmp(type, "vector"),
    };
    return NULL;
}

/* Of a table WITH SYSTEM VERSIONING that does not name the two columns itself they have these names, and are not listed. */
static struct err *add_period(struct table_def *d)
{
    TRY(add_column(d, "row_start", "timestamp", "", ""));
    return add_column(d, "row_end", "timestamp", "", "");
}

/* MariaDB's CHAR in a collation that does not pad: its index is sorted with the spaces at the end, and compared with a literal without
 * them, so that one row can be both below and above it (10.11.19, 11.8.6, by experiment). MySQL's are named otherwise, and right. */
static bool is_char_without_padding(const char *type, const char *collation)
{
    return !strcmp(type, "char") && strstr(collation, "nopad");
}

struct err *table_def_take_columns(struct table_def *d, const struct rows *rows,
                                   const struct listed_table *t)
{
    bool has_period = false;
    for (size_t i = 0; i < rows->n_rows; i++) {
        const char *extra = cell(rows, i, C_EXTRA);
        if (strcmp(cell(rows, i, C_TABLE),
                   t->name)) /* the server may not tell upper from lower case here */
            continue;
        d->definition = definition_after(d->definition, rows, i);
        if (strstr(extra, "VIRTUAL GENERATED"))
            continue;
        has_period = has_period || !strcmp(cell(rows, i, C_GENERATED), "ROW END");
        TRY(add_column(d, cell(rows, i, C_NAME), cell(rows, i, C_TYPE), cell(rows, i, C_FULL_TYPE),
                       cell(rows, i, C_CHARSET)));
        d->columns[d->n_columns - 1].no_ranges =
            is_char_without_padding(cell(rows, i, C_TYPE), cell(rows, i, C_COLLATION));
    }
    if (t->is_versioned && !has_period)
        TRY(add_period(d));
    return d->n_columns
               ? NULL
               : err_make(SERVER, "is not there any more, or none of its columns may be seen");
}

static struct err *load_columns(struct table_def *d, struct conn *c, const struct listed_table *t)
{
    AUTO_FREE char *schema = sql_text(t->schema), *name = sql_text(t->name);
    struct rows rows;
    TRY(conn_query(c, &rows,
                   "SELECT " COLUMN_CELLS " FROM information_schema.COLUMNS"
                   " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
                   schema, name));
    struct err *e = table_def_take_columns(d, &rows, t);
    rows_fini(&rows);
    return e;
}

/* Whether values of a class have one order, on the server and as literals, that a range can be asked for by. ENUM and SET are
 * ordered by number and compared as text; floats do not come back from a literal. */
static bool has_ranges(const struct table_column *c)
{
    switch (c->value) {
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
    case VALUE_ENUM:
    case VALUE_SET:
    case VALUE_GEOMETRY:
        return false;
    default:
        return !c->no_ranges;
    }
}

static bool find_column(const struct table_def *d, const char *name, uint16_t *at)
{
    for (size_t i = 0; name && i < d->n_columns; i++)
        if (!strcasecmp(d->columns[i].name, name)) {
            *at = (uint16_t)i;
            return true;
        }
    return false;
}

static bool equals(const char *a, const char *b)
{
    return a && !strcasecmp(a, b);
}

static bool is_primary(const struct rows *rows, size_t row)
{
    return equals(rows_get(rows, row, "Key_name"), "PRIMARY");
}

/* Behind the last row of the key that begins at `from`. */
static size_t key_end(const struct rows *rows, size_t from, size_t to)
{
    size_t end = from + 1;
    const char *name = rows_get(rows, from, "Key_name");
    while (end < to && name && equals(rows_get(rows, end, "Key_name"), name))
        end++;
    return end;
}

/* Whether the columns of the key, rows [from, to), are whole and never NULL. */
static bool is_whole(const struct rows *rows, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (rows_get(rows, i, "Sub_part") || equals(rows_get(rows, i, "Null"), "YES") ||
            !rows_get(rows, i, "Column_name"))
            return false;
    return true;
}

/* Whether rows may be stored by the key; they are by the first such one. */
static bool may_cluster(const struct rows *rows, size_t from, size_t to)
{
    return equals(rows_get(rows, from, "Non_unique"), "0") &&
           (is_primary(rows, from) || is_whole(rows, from, to));
}

/* The key, if ranges of it can be asked for. */
static void take_key(struct table_def *d, const struct rows *rows, size_t from, size_t to)
{
    bool usable = is_whole(rows, from, to);
    AUTO_FREE uint16_t *places = mem_alloc((to - from) * sizeof *places);
    for (size_t i = from; i < to && usable; i++)
        usable = find_column(d, rows_get(rows, i, "Column_name"), &places[i - from]) &&
                 has_ranges(&d->columns[places[i - from]]) &&
                 equals(rows_get(rows, i, "Collation"), "A");
    if (!usable)
        return;
    d->n_key = to - from;
    d->key = places;
    places = NULL;
    d->key_name = mem_strdup(rows_get(rows, from, "Key_name"));
}

bool table_def_has_key(const struct listed_table *t)
{
    return is_stored_by_key(t->engine) && !t->is_sequence && !t->is_versioned;
}

bool table_def_take_key(struct table_def *d, const struct rows *rows, size_t from, size_t to,
                        bool in_order)
{
    for (size_t end; from < to; from = end) {
        end = key_end(rows, from, to);
        if (!may_cluster(rows, from, end))
            continue;
        take_key(d, rows, from, end);
        if (in_order || is_primary(rows, from))
            return true;
        for (size_t other = end; other < to; other = end) {
            end = key_end(rows, other, to);
            if (may_cluster(rows, other, end))
                return false;
        }
        return true;
    }
    return true;
}

static struct err *load_key(struct table_def *d, struct conn *c, const struct listed_table *t)
{
    AUTO_FREE char *name = table_sql_name(t->schema, t->name);
    struct rows rows;
    if (!table_def_has_key(t))
        return NULL;
    TRY(conn_query(c, &rows, "SHOW INDEX FROM %s", name));
    table_def_take_key(d, &rows, 0, rows.n_rows, true);
    rows_fini(&rows);
    return NULL;
}

struct err *table_def_load(struct table_def *out, struct conn *c, const struct listed_table *t)
{
    *out = (struct table_def){0};
    struct err *e = load_columns(out, c, t);
    if (!e)
        e = load_key(out, c, t);
    if (e)
        table_def_fini(out);
    return e;
}

/* --- rows ------------------------------------------------------------------------------------------ */

struct text {
    char *p;
    size_t n, cap;
};

static void put(struct text *t, const char *s)
{
    const size_t n = strlen(s);
    mem_grow(&t->p, &t->cap, t->n + n, 1);
    memcpy(t->p + t->n, s, n + 1);
    t->n += n;
}

static void put_name(struct text *t, const char *before, const char *name, const char *after)
{
    AUTO_FREE char *quoted = sql_quoted_name(name);
    put(t, before);
    put(t, quoted);
    put(t, after);
}

char *table_select(const struct listed_table *t, const struct table_def *d, const char *where)
{
    struct text sql = {0};
    AUTO_FREE char *name = table_sql_name(t->schema, t->name);
    put(&sql, "SELECT /*M! SQL_NO_CACHE */ ");
    for (size_t i = 0; i < d->n_columns; i++)
        put_name(&sql,
                 d->columns[i].is_hex ? (i ? ", HEX(" : "HEX(")
                 : i                  ? ", "
                                      : "",
                 d->columns[i].name, d->columns[i].is_hex ? ")" : "");
    for (size_t i = 0; i < d->n_columns; i++)
        if (d->columns[i].empty_member >= 0)
            put_name(&sql, ", CAST(", d->columns[i].name, " AS UNSIGNED)");
    put(&sql, " FROM ");
    put(&sql, name);
    if (t->is_versioned)
        put(&sql, " FOR SYSTEM_TIME ALL");
    if (d->n_key)
        put_name(&sql, " FORCE INDEX (", d->key_name, ")");
    if (where) {
        put(&sql, " WHERE ");
        put(&sql, where);
    }
    for (size_t i = 0; i < d->n_key; i++)
        put_name(&sql, i ? ", " : " ORDER BY ", d->columns[d->key[i]].name, "");
    return sql.p;
}

enum row_kind *table_select_kinds(const struct table_def *d, size_t *n)
{
    enum row_kind *kinds = mem_alloc(2 * d->n_columns * sizeof *kinds);
    *n = d->n_columns;
    for (size_t i = 0; i < d->n_columns; i++) {
        kinds[i] = d->columns[i].kind;
        if (d->columns[i].empty_member >= 0)
            kinds[(*n)++] = ROW_INTEGER;
    }
    return kinds;
}

static bool put_hex(struct row_bytes *out, const char *p, size_t n)
{
    AUTO_FREE uint8_t *bytes = mem_alloc(n / 2);
    for (size_t i = 0; i < n; i++) {
        const char c = p[i];
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0 || n % 2)
            return false;
        bytes[i / 2] = (uint8_t)(i % 2 ? bytes[i / 2] | digit : digit << 4);
    }
    row_put_bytes(out, VALUE_STRING, bytes, n / 2);
    return true;
}

static void put_time(struct row_bytes *out, enum value_class c, const struct row_time *t)
{
    row_put_time(out, c,
                 &(struct value_time){.year = t->year,
                                      .month = t->month,
                                      .day = t->day,
                                      .hour = t->hour,
                                      .minute = t->minute,
                                      .second = t->second,
                                      .microsecond = t->microsecond,
                                      .negative = t->negative});
}

/* A comma as it is stored in that character set, *n bytes; NULL is one whose ASCII characters have one byte. */
static const char *comma_of(const char *charset, size_t *n)
{
    static const struct {
        const char *charset, *comma;
        size_t n;
    } wide[] = {
        {"ucs2", "\0,", 2}, {"utf16", "\0,", 2}, {"utf16le", ",\0", 2}, {"utf32", "\0\0\0,", 4}};
    for (size_t i = 0; charset && i < sizeof wide / sizeof wide[0]; i++)
        if (!strcmp(charset, wide[i].charset)) {
            *n = wide[i].n;
            return wide[i].comma;
        }
    *n = 1;
    return ",";
}

/* The bit of '' in a SET's number. There are 64 members at most: what says to have more has none that counts. */
static uint64_t empty_bit(const struct table_column *c)
{
    return c->value == VALUE_SET && c->empty_member >= 0 && c->empty_member < SET_MEMBERS_MAX
               ? UINT64_C(1) << c->empty_member
               : 0;
}

/* The server leaves out the comma behind '' when that is the first of several members: such a text could be that of another set. */
static void put_members(struct row_bytes *out, const struct table_column *c,
                        const struct row_cell *v, uint64_t number)
{
    if (!number) {
        row_put_no_member(out, c->value);
        return;
    }
    const uint64_t empty = empty_bit(c);
    if (number & empty && !(number & (empty - 1)) && number != empty) {
        size_t n;
        const char *comma = comma_of(c->charset, &n);
        AUTO_FREE char *text = mem_alloc(n + v->bytes.n); /* may have zeros in it: UCS-2 */
        memcpy(text, comma, n);
        memcpy(text + n, v->bytes.p, v->bytes.n);
        row_put_bytes(out, c->value, text, n + v->bytes.n);
        return;
    }
    row_put_bytes(out, c->value, v->bytes.p, v->bytes.n);
}

/* False for a value that its class cannot have. `number`: of an ENUM or SET, where its text does not tell. */
static bool put_value(struct row_bytes *out, const struct table_column *c, const struct row_cell *v,
                      uint64_t number)
{
    switch (c->value) {
    case VALUE_INTEGER:
        if (v->is_unsigned)
            row_put_unsigned(out, v->u);
        else
            row_put_signed(out, v->i);
        return true;
    case VALUE_YEAR:
        row_put_year(out, (unsigned)v->u);
        return true;
    case VALUE_FLOAT:
        row_put_float(out, v->f);
        return true;
    case VALUE_DOUBLE:
        row_put_double(out, v->d);
        return true;
    case VALUE_DECIMAL:
        row_put_decimal(out, v->bytes.p, v->bytes.n);
        return true;
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_DATETIME:
    case VALUE_TIMESTAMP:
        put_time(out, c->value, &v->time);
        return true;
    case VALUE_BIT:
        row_put_bit(out, v->bytes.p, v->bytes.n);
        return v->bytes.n <= 8;
    case VALUE_ENUM:
    case VALUE_SET:
        put_members(out, c, v, number);
        return true;
    case VALUE_UUID:
    case VALUE_INET6:
    case VALUE_INET4:
        return row_put_address_text(out, c->value, v->bytes.p, v->bytes.n);
    case VALUE_STRING:
    case VALUE_GEOMETRY:
        break;
    case VALUE_CLASSES:
        return false;
    }
    if (c->is_hex)
        return put_hex(out, v->bytes.p, v->bytes.n);
    row_put_bytes(out, c->value, v->bytes.p, v->bytes.n);
    return true;
}

struct err *table_row_bytes(struct row_bytes *out, const struct table_def *d,
                            const struct row_cell *cells)
{
    size_t extra = d->n_columns;
    row_bytes_reset(out);
    for (size_t i = 0; i < d->n_columns; i++) {
        const struct table_column *c = &d->columns[i];
        const uint64_t number = c->empty_member >= 0 ? cells[extra++].u : cells[i].bytes.n;
        if (cells[i].is_null)
            row_put_null(out);
        else if (!put_value(out, c, &cells[i], number))
            return err_make(FAILED, "column %s: a value that no %s has", c->name,
                            value_class_name(c->value));
    }
    return NULL;
}
