/* restore/index_defs_sys.c: see index_defs_sys.h. Columns are found by a hash of their table's id and their name; so are the fields of an
 * index, by its id and their position. 64 bits of XXH3: two columns of a server never have the same one. */
#include "restore/index_defs_sys.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/map64.h"
#include "base/mem.h"

enum {
    TYPE_FULLTEXT = 32,
    TYPE_SPATIAL = 64,
    COLUMN_NULLABLE = 1 << 16, /* in the map of columns, beside the length */
    POSITION_SHIFT = 16,
    ROW_ID_SIZE = 6,
};

struct sys_join {
    struct map64 columns; /* hash -> length and COLUMN_NULLABLE; 0: does not sort by its bytes */
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

void sys_join_add(struct sys_join *j, enum sys_table table, const struct sys_row *row)
{
    switch (table) {
    case SYS_TABLE_COLUMNS:
        map64_put(&j->columns, hash_pair(row->id, hash_name(row)),
                  row->sorts ? row->column.len | (row->column.nullable ? COLUMN_NULLABLE : 0u) : 0);
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

/* The column at that position of the index's key. False: there is none, it is a prefix or descending, or its bytes do not sort. */
static bool find_column(struct key_column *column, const struct sys_join *j,
                        const struct sys_row *index, uint32_t i)
{
    uint64_t name, is;
    if (!map64_get(&j->fields, hash_pair(index->index, i), &name) &&
        !map64_get(&j->fields, hash_pair(index->index, (uint64_t)i << POSITION_SHIFT), &name))
        return false;
    if (!map64_get(&j->columns, hash_pair(index->id, name), &is) || !is)
        return false;
    *column = (struct key_column){.len = (uint16_t)is, .nullable = is & COLUMN_NULLABLE};
    return true;
}

void sys_join_finish(const struct sys_join *j, struct index_defs *defs)
{
    for (size_t i = 0; i < j->n; i++) {
        const struct sys_row *row = &j->indexes[i];
        struct index_def def = {.id = row->index, .space = row->space, .root = row->root};
        if (row->root == PAGE_NO_NONE || row->type & TYPE_FULLTEXT)
            continue;
        if (!row->n_fields)
            def.key = (struct key_columns){.n = 1, .columns = {{.len = ROW_ID_SIZE}}};
        while (row->n_fields && !(row->type & TYPE_SPATIAL) && def.key.n < KEY_COLUMNS_MAX &&
               find_column(&def.key.columns[def.key.n], j, row, def.key.n))
            def.key.n++;
        index_defs_add(defs, &def);
    }
}
