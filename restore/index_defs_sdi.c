/* restore/index_defs_sdi.c: indexes by MySQL's SDI. In the JSON text of a table:
 *
 *   dd_object.se_private_data   "instant_col=N;" of a table that an older server has added columns to without rebuilding it; so in
 *                         partitions[]
 *   dd_object.columns[]   name, type, collation_id, char_length (bytes, at most), is_nullable, is_virtual; se_private_data
 *                         "version_added=N;" or "version_dropped=N;" of a column that was added or dropped without rebuilding the table
 *   dd_object.indexes[]   se_private_data "id=N;root=N;space_id=N;...", elements[], all fields of a record: column_opx (place in
 *                         columns), length (bytes of the key part; 0xFFFFFFFF where the engine put it there: not used), order (2
 *                         ascending, 3 descending). The first index is the clustered one
 *   dd_object.partitions[].indexes[], and .subpartitions[] in each: se_private_data of the same indexes in the same order
 *
 * Some numbers are unsigned and have 64 bits, which the parser takes as reals only; those that are used are small.
 *
 * Facts: MySQL 9.7.4, by experiment. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "restore/index_defs.h"

enum {
    ORDER_DESCENDING = 3,
    SHORT_MAX = 255, /* bytes of a column whose length is a byte */
    NESTED_MAX = 2,  /* partitions, subpartitions */
    ROW_ID_SIZE = 6,
};
static int64_t small_number(const json_t *object, const char *key)
{
    const double value = json_number_value(json_object_get(object, key));
    return value >= 0 && value <= UINT32_MAX ? (int64_t)value : -1;
}

/* Types of one length whose stored bytes sort as their values; that length, 0: the key part says it. */
static bool sorts_by_bytes(const json_t *column, uint32_t *len)
{
    enum {
        TINY = 2,
        SHORT = 3,
        LONG = 4,
        LONGLONG = 9,
        INT24 = 10,
        YEAR = 14,
        NEWDATE = 15,
        BIT = 17,
        TIMESTAMP2 = 18,
        DATETIME2 = 19,
        TIME2 = 20,
        DECIMAL = 21,
        ENUM = 22,
        SET = 23,
    };
    *len = 0;
    switch (small_number(column, "type")) {
    case TINY:
        *len = 1;
        return true;
    case SHORT:
        *len = 2;
        return true;
    case INT24:
        *len = 3;
        return true;
    case LONG:
        *len = 4;
        return true;
    case LONGLONG:
        *len = 8;
        return true;
    case YEAR:
    case NEWDATE:
    case BIT:
    case TIMESTAMP2:
    case DATETIME2:
    case TIME2:
    case DECIMAL:
    case ENUM:
    case SET:
        return true;
    default:
        return false;
    }
}

/* Strings that are compared byte by byte. */
static bool is_plain_string(struct key_column *part, const json_t *column)
{
    enum { VARCHAR = 16, TINY_BLOB = 24, MEDIUM_BLOB, LONG_BLOB, BLOB, CHAR = 29 };
    const int64_t type = small_number(column, "type"), len = small_number(column, "char_length");
    const int64_t collation = small_number(column, "collation_id");
    bool wide;
    const enum key_kind kind =
        collation < 0 ? KEY_FIXED : key_collation_kind((uint32_t)collation, &wide);
    const bool is_blob = type >= TINY_BLOB && type <= BLOB;
    if (kind == KEY_FIXED || len <= 0 || (type != VARCHAR && type != CHAR && !is_blob))
        return false;
    part->kind = (uint8_t)(type == CHAR && !wide ? KEY_FIXED : kind);
    part->is_long = is_blob || len > SHORT_MAX;
    return true;
}

/* The row id that InnoDB gives to a table without a key. */
static bool is_row_id(const json_t *column)
{
    const char *name = json_string_value(json_object_get(column, "name"));
    return name && !strcmp(name, "DB_ROW_ID");
}

/* A number out of "id=157;root=4;"; false if it is not there. */
static bool number_of(const char *text, const char *name, uint64_t *value)
{
    const size_t n = strlen(name);
    for (const char *p = text; p && *p; p = strchr(p, ';') ? strchr(p, ';') + 1 : NULL)
        if (!strncmp(p, name, n) && p[n] == '=') {
            *value = strtoull(p + n + 1, NULL, 10);
            return true;
        }
    return false;
}

static const json_t *column_of(const json_t *element, const json_t *columns)
{
    const int64_t place = small_number(element, "column_opx");
    return place < 0 ? NULL : json_array_get(columns, (size_t)place);
}

static bool add_column(struct key_columns *key, const json_t *element, const json_t *columns)
{
    const json_t *column = column_of(element, columns);
    if (is_row_id(column) && key->n < KEY_COLUMNS_MAX) {
        key->columns[key->n++] = (struct key_column){.len = ROW_ID_SIZE};
        return true;
    }
    const int64_t said = small_number(element, "length");
    struct key_column part = {
        .len = (uint16_t)said,
        .nullable = json_is_true(json_object_get(column, "is_nullable")),
        .descending = small_number(element, "order") == ORDER_DESCENDING,
    };
    uint32_t len;
    if (!column || key->n == KEY_COLUMNS_MAX || said <= 0 || said > UINT16_MAX ||
        json_is_true(json_object_get(column, "is_virtual")))
        return false;
    if (sorts_by_bytes(column, &len) ? len && said != len : !is_plain_string(&part, column))
        return false;
    key->columns[key->n++] = part;
    return true;
}

/* Nullable fields of an index. */
static uint16_t count_nullable(const json_t *elements, const json_t *columns)
{
    uint16_t n = 0;
    size_t i;
    const json_t *element;
    json_array_foreach(elements, i, element)
    {
        const json_t *column = column_of(element, columns);
        if (!column || json_is_true(json_object_get(column, "is_virtual")) ||
            n == KEY_NULLABLE_UNKNOWN - 1)
            return KEY_NULLABLE_UNKNOWN;
        n = (uint16_t)(n + json_is_true(json_object_get(column, "is_nullable")));
    }
    return n;
}

static struct key_columns key_of(const json_t *index, const json_t *columns)
{
    const json_t *elements = json_object_get(index, "elements");
    struct key_columns key = {.n_nullable = count_nullable(elements, columns)};
    size_t i;
    const json_t *element;
    json_array_foreach(elements, i, element)
    {
        if (!add_column(&key, element, columns))
            break;
    }
    return key;
}

static bool says_any(const json_t *of, const char *a, const char *b)
{
    const char *text = json_string_value(json_object_get(of, "se_private_data"));
    uint64_t value;
    return number_of(text, a, &value) || number_of(text, b, &value);
}

/* Whether rows of the table, or of a part of it, may have other fields than it says: columns came or went without a rebuild. */
static bool is_versioned(const json_t *of, int depth)
{
    const char *const parts = depth == 0 ? "partitions" : "subpartitions";
    const json_t *item;
    size_t i;
    if (says_any(of, "instant_col", "instant_col"))
        return true;
    json_array_foreach(json_object_get(of, "columns"), i, item)
    {
        if (says_any(item, "version_added", "version_dropped"))
            return true;
    }
    if (depth == NESTED_MAX)
        return false;
    json_array_foreach(json_object_get(of, parts), i, item)
    {
        if (is_versioned(item, depth + 1))
            return true;
    }
    return false;
}

/* Where an index is: that of the table, or of a partition. */
static bool place_of(struct index_def *def, const json_t *index)
{
    const char *text = json_string_value(json_object_get(index, "se_private_data"));
    uint64_t root, space;
    if (!number_of(text, "id", &def->id) || !number_of(text, "root", &root) ||
        !number_of(text, "space_id", &space) || root >= PAGE_NO_NONE || space > UINT32_MAX)
        return false;
    def->root = (page_no_t)root;
    def->space = (space_id_t)space;
    return true;
}

struct table {
    struct index_defs *defs; /* NULL: it is only asked whether any index is in that space */
    space_id_t space;
    const struct key_columns *keys; /* of its indexes */
    size_t n;
};

/* The indexes of a table or a partition, and of what it is divided into. True: one of them is in the table's space. */
static bool walk_indexes(const struct table *t, const json_t *of, int depth)
{
    const char *const parts = depth == 0 ? "partitions" : "subpartitions";
    const json_t *item;
    bool here = false;
    size_t i;
    json_array_foreach(json_object_get(of, "indexes"), i, item)
    {
        struct index_def def;
        if (i >= t->n || !place_of(&def, item))
            continue;
        def.key = t->keys[i];
        here = here || def.space == t->space;
        if (t->defs)
            index_defs_add(t->defs, &def);
    }
    if (depth == NESTED_MAX)
        return here;
    json_array_foreach(json_object_get(of, parts), i, item)
    {
        here = walk_indexes(t, item, depth + 1) || here;
    }
    return here;
}

void index_defs_add_sdi(struct index_defs *d, space_id_t space, const char *text, size_t len)
{
    json_auto_t *root = json_loadb(text, len, JSON_DECODE_INT_AS_REAL, NULL);
    const json_t *table = json_object_get(root, "dd_object");
    const json_t *columns = json_object_get(table, "columns"),
                 *indexes = json_object_get(table, "indexes");
    const size_t n = json_array_size(indexes);
    AUTO_FREE struct key_columns *keys = mem_zalloc((n + 1) * sizeof *keys);
    struct table t = {.space = space, .keys = keys, .n = n};
    for (size_t i = 0; i < n; i++)
        keys[i] = key_of(json_array_get(indexes, i), columns);
    if (is_versioned(table, 0))
        keys[0].n_nullable = KEY_NULLABLE_UNKNOWN;
    if (!walk_indexes(&t, table, 0))
        return;
    t.defs = d;
    walk_indexes(&t, table, 0);
}
