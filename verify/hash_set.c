/* verify/hash_set.c: see hash_set.h. */
#include "verify/hash_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"

static void drop_hashes(struct hashed_table *t)
{
    for (size_t i = 0; i < t->n_columns; i++)
        free(t->columns[i].name);
    free(t->columns);
    free(t->key);
    key_ranges_fini(&t->ranges);
    t->columns = NULL;
    t->key = NULL;
    t->n_columns = t->n_key = 0;
    t->rows = 0;
    t->sum = (struct hash128){0};
}

void hashed_table_fini(struct hashed_table *t)
{
    drop_hashes(t);
    free(t->schema);
    free(t->name);
    free(t->engine);
    free(t->reason);
    *t = (struct hashed_table){0};
}

void hash_set_fini(struct hash_set *s)
{
    char *const texts[] = {
        s->flavour,   s->version, s->server_id,        s->host,          s->taken,      s->gtid,
        s->databases, s->tables,  s->ignore_databases, s->ignore_tables, s->binlog_file};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    for (size_t i = 0; i < s->n; i++)
        hashed_table_fini(&s->items[i]);
    free(s->items);
    *s = (struct hash_set){0};
}

struct hashed_table *hash_set_add(struct hash_set *s, const char *schema, const char *name)
{
    mem_grow(&s->items, &s->cap, s->n, sizeof *s->items);
    struct hashed_table *t = &s->items[s->n++];
    *t = (struct hashed_table){
        .schema = mem_strdup(schema), .name = mem_strdup(name), .state = HASH_NOT};
    return t;
}

void hashed_table_mark(struct hashed_table *t, enum hash_state state, const char *reason)
{
    char *line = text_one_line(reason); /* before the old one goes: it may be that */
    free(t->reason);
    t->state = state;
    t->reason = line;
    if (state == HASH_NOT)
        drop_hashes(t);
}

static int compare_names(const struct hashed_table *a, const char *schema, const char *name)
{
    const int order = strcmp(a->schema, schema);
    return order ? order : strcmp(a->name, name);
}

struct place {
    struct hashed_table table;
    size_t added;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    const int order = compare_names(&x->table, y->table.schema, y->table.name);
    return order ? order : (x->added > y->added) - (x->added < y->added);
}

void hash_set_sort(struct hash_set *s)
{
    AUTO_FREE struct place *places = mem_alloc(s->n * sizeof *places);
    const size_t n = s->n;
    for (size_t i = 0; i < n; i++)
        places[i] = (struct place){s->items[i], i};
    qsort(places, n, sizeof *places, compare_places);
    s->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct hashed_table *last = s->n ? &s->items[s->n - 1] : NULL;
        if (last && !compare_names(last, places[i].table.schema, places[i].table.name))
            hashed_table_fini(&places[i].table);
        else
            s->items[s->n++] = places[i].table;
    }
}

const struct hashed_table *hash_set_find(const struct hash_set *s, const char *schema,
                                         const char *name)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_names(&s->items[middle], schema, name);
        if (!order)
            return &s->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

size_t hash_set_count(const struct hash_set *s, enum hash_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->items[i].state == state;
    return n;
}

void hash_set_keep(struct hash_set *s, const struct hash_select *select)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (hash_select_takes(select, s->items[i].schema, s->items[i].name))
            s->items[kept++] = s->items[i];
        else
            hashed_table_fini(&s->items[i]);
    }
    s->n = kept;
}
