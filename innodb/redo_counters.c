/* innodb/redo_counters.c: see redo_counters.h. */
#include "innodb/redo_counters.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/mem.h"

enum { INDEX_ENTRY = 12 };

static struct redo_mysql_counter *find(struct redo_counters *c, uint64_t table_id)
{
    uint64_t at;
    if (map64_get(&c->index, table_id, &at))
        return &c->items[at];
    mem_grow(&c->items, &c->cap, c->n, sizeof *c->items);
    mem_grow(&c->caps, &c->cap_caps, c->n, sizeof *c->caps);
    c->caps[c->n] = 0;
    map64_put(&c->index, table_id, c->n);
    c->items[c->n] = (struct redo_mysql_counter){.table_id = table_id};
    return &c->items[c->n++];
}

static void add_corrupted(struct redo_mysql_counter *t, size_t *cap, space_id_t space, uint64_t id)
{
    for (size_t i = 0; i < t->n_corrupted; i++)
        if (t->corrupted[i].index_id == id && t->corrupted[i].space == space)
            return;
    mem_grow(&t->corrupted, cap, t->n_corrupted, sizeof *t->corrupted);
    t->corrupted[t->n_corrupted++] = (struct redo_mysql_corrupted){space, id};
}

struct err *redo_counters_add(struct redo_counters *c, const struct redo_record *rec, lsn_t lsn)
{
    struct redo_mysql_meta meta;
    TRY_AT(redo_mysql_meta(&meta, rec), "LSN %" PRIu64, lsn);
    struct redo_mysql_counter *t = find(c, meta.table_id);
    if (meta.version < t->version)
        return NULL;
    if (meta.version > t->version) {
        t->version = meta.version;
        t->counter = 0;
        t->n_corrupted = 0;
    }
    if (meta.kind == MYSQL_META_COUNTER && meta.counter > t->counter)
        t->counter = meta.counter;
    for (unsigned i = 0; i < meta.n_indexes; i++) {
        const uint8_t *entry = meta.index_ids + (size_t)i * INDEX_ENTRY;
        add_corrupted(t, &c->caps[t - c->items], be32(entry), be64(entry + 4));
    }
    return NULL;
}

void redo_counters_fini(struct redo_counters *c)
{
    map64_fini(&c->index);
    for (size_t i = 0; i < c->n; i++)
        free(c->items[i].corrupted);
    free(c->items);
    free(c->caps);
    *c = (struct redo_counters){0};
}
