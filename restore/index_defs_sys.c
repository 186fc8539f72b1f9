/* restore/index_defs_sys.c: see index_defs_sys.h. Columns are found by a hash of their table's id and their name; so are the fields of an
 * index, by its id and their position. 64 bits of XXH3: two columns of a server never have the same one. */
#include "restore/index_defs_sys.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/map64.h"
#include "base/mem.h"

enum {
    TYPE_CLUSTERED = 1,
    TYPE_FULLTEXT = 32,
    TYPE_SPATIAL = 64,
    COLUMN_NULLABLE = 1 << 16, /* in the map of columns, beside the length */
    COLUMN_LONG = 1 << 17,
    COLUMN_SORTS = 1 << 18,
    COLUMN_VIRTUAL = 1 << 19,
    COLUMN_KIND_SHIFT = 20,
    POSITION_SHIFT = 16,
    ROW_ID_SIZE = 6,
};

struct sys_join {
    struct map64 columns; /* hash -> see column_pack */
    struct map64 fields;  /* hash -> hash of its name */
    struct sys_row *indexes;
    size_t n, cap;
};

struct sys_join *sys_join_new(void)
{
    return mem_zalloc(sizeof(struct sys_join));
}

void sys_join_free(struct sys_join *j)
{
    if (!j)
        return;
    map64_fini(&j->columns);
    map64_fini(&j->fields);
    free(j->indexes);
    free(j);
}

static uint64_t hash_name(const struct sys_row *row)
{
    return XXH3_64bits(row->name, row->name_len);
}

static uint64_t hash_pair(uint64_t a, uint64_t b)
{
    const uint64_t both[2] = {a, b};
    return XXH3_64bits(both, sizeof both);
}

static uint64_t column_pack(const struct sys_row *row)
{
    const struct key_column *c = &row->column;
    return c->len | (c->nullable ? COLUMN_NULLABLE : 0u) | (c->is_long ? COLUMN_LONG : 0u) |
           (row->sorts ? COLUMN_SORTS : 0u) | (row->is_virtual ? COLUMN_VIRTUAL : 0u) |
           (uint32_t)c->kind << COLUMN_KIND_SHIFT;
}

static struct key_column column_unpack(uint64_t is)
{
    return (struct key_column){.len = (uint16_t)is,
                               .kind = (uint8_t)(is >> COLUMN_KIND_SHIFT),
                               .is_long = is & COLUMN_LONG,
                               .nullable = is & COLUMN_NULLABLE};
}

void sys_join_add(struct sys_join *j, enum sys_table table, const struct sys_row *row)
{
    switch (table) {
    case SYS_TABLE_COLUMNS:
        map64_put(&j->columns, hash_pair(row->id, hash_name(row)), column_pack(row));
        break;
    case SYS_TABLE_FIELDS:
        map64_put(&j->fields, hash_pair(row->id, row->pos), hash_name(row));
        break;
    case SYS_TABLE_INDEXES:
        mem_grow(&j->indexes, &j->cap, j->n, sizeof *j->indexes);
        j->indexes[j->n++] = *row;
        break;
    case SYS_TABLE_COUNT:
        break;
    }
}

/* The column at that position of the index's key, packed. False: there is none, or it is a prefix or descending. */
static bool find_column(uint64_t *is, const struct sys_join *j, const struct sys_row *index,
                        uint32_t i)
{
    uint64_t name;
    if (!map64_get(&j->fields, hash_pair(index->index, i), &name) &&
        !map64_get(&j->fields, hash_pair(index->index, (uint64_t)i << POSITION_SHIFT), &name))
        return false;
    return map64_get(&j->columns, hash_pair(index->id, name), is);
}

/* Nullable fields of an index: of a clustered one only its key is known here; others have those of the clustered key behind their
 * own, which are not nullable. */
static uint16_t count_nullable(const struct sys_join *j, const struct sys_row *index)
{
    uint16_t n = 0;
    uint64_t is;
    if (index->type & TYPE_CLUSTERED)
        return KEY_NULLABLE_UNKNOWN;
    for (uint32_t i = 0; i < index->n_fields; i++) {
        if (!find_column(&is, j, index, i) || is & COLUMN_VIRTUAL)
            return KEY_NULLABLE_UNKNOWN;
        n = (uint16_t)(n + (is & COLUMN_NULLABLE ? 1 : 0));
    }
    return n;
}

static struct key_columns key_of(const struct sys_join *j, const struct sys_row *index)
{
    struct key_columns key = {.n_nullable = count_nullable(j, index)};
    uint64_t is;
    if (!index->n_fields)
        return (struct key_columns){.n = 1, .columns = {{.len = ROW_ID_SIZE}}};
    while (key.n < KEY_COLUMNS_MAX && find_column(&is, j, index, key.n) && is & COLUMN_SORTS)
        key.columns[key.n++] = column_unpack(is);
    return key;
}

void sys_join_finish(const struct sys_join *j, struct index_defs *defs)
{
    for (size_t i = 0; i < j->n; i++) {
        const struct sys_row *row = &j->indexes[i];
        struct index_def def = {.id = row->index, .space = row->space, .root = row->root};
        if (row->root == PAGE_NO_NONE || row->type & TYPE_FULLTEXT)
            continue;
        if (!(row->type & TYPE_SPATIAL))
            def.key = key_of(j, row);
        index_defs_add(defs, &def);
    }
}
