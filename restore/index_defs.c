/* restore/index_defs.c: see index_defs.h. */
#include "restore/index_defs.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map64.h"
#include "base/mem.h"

struct index_defs {
    pthread_mutex_t lock; /* guards all below */
    struct index_def *items;
    size_t n, cap;
    struct map64 by_id; /* index id -> place in items */
    bool lost;          /* some are not known */
    struct map64 found; /* space << 32 | page -> index id */
};

struct index_defs *index_defs_new(void)
{
    struct index_defs *d = mem_zalloc(sizeof *d);
    pthread_mutex_init(&d->lock, NULL);
    return d;
}

void index_defs_free(struct index_defs *d)
{
    if (!d)
        return;
    pthread_mutex_destroy(&d->lock);
    map64_fini(&d->by_id);
    map64_fini(&d->found);
    free(d->items);
    free(d);
}

void index_defs_add(struct index_defs *d, const struct index_def *def)
{
    uint64_t i;
    pthread_mutex_lock(&d->lock);
    if (!map64_get(&d->by_id, def->id, &i)) {
        map64_put(&d->by_id, def->id, d->n);
        mem_grow(&d->items, &d->cap, d->n, sizeof *d->items);
        d->items[d->n++] = *def;
    }
    pthread_mutex_unlock(&d->lock);
}

void index_defs_lost(struct index_defs *d)
{
    pthread_mutex_lock(&d->lock);
    d->lost = true;
    pthread_mutex_unlock(&d->lock);
}

bool index_defs_may_know(struct index_defs *d, uint64_t id)
{
    uint64_t i;
    pthread_mutex_lock(&d->lock);
    const bool known = d->lost || map64_get(&d->by_id, id, &i);
    pthread_mutex_unlock(&d->lock);
    return known;
}

bool index_defs_key(struct index_defs *d, struct key_columns *key, uint64_t id)
{
    uint64_t i;
    pthread_mutex_lock(&d->lock);
    const bool known = map64_get(&d->by_id, id, &i);
    if (known)
        *key = d->items[i].key;
    pthread_mutex_unlock(&d->lock);
    return known;
}

static uint64_t place_of(space_id_t space, page_no_t page)
{
    return (uint64_t)space << 32 | page;
}

void index_defs_found(struct index_defs *d, space_id_t space, page_no_t root, uint64_t id)
{
    pthread_mutex_lock(&d->lock);
    map64_put(&d->found, place_of(space, root), id);
    pthread_mutex_unlock(&d->lock);
}

void index_defs_missing(const struct index_defs *d, void *ctx,
                        void (*missing)(void *ctx, const struct index_def *def,
                                        const uint64_t *found))
{
    for (size_t i = 0; i < d->n; i++) {
        const struct index_def *def = &d->items[i];
        uint64_t id;
        const bool found = map64_get(&d->found, place_of(def->space, def->root), &id);
        if (!found || (id != def->id && id != INDEX_DAMAGED))
            missing(ctx, def, found ? &id : NULL);
    }
}
