/* innodb/redo_merge.c: see redo_merge.h. */
#include "innodb/redo_merge.h"

#include <stdlib.h>

#include "base/mem.h"

/* First entry with a key not below `key`; with `or_equal`, above it. */
static const struct redo_entry *entry_bound(const struct redo_entry *entries, size_t n,
                                            uint64_t key, bool or_equal)
{
    while (n) {
        const size_t half = n / 2;
        const uint64_t k = entries[half].key;
        if (k < key || (or_equal && k == key)) {
            entries += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return entries;
}

struct err *redo_merge_init(struct redo_merge *m, struct redo_run *const *runs, size_t n_runs,
                            const struct redo_entry *entries, size_t n_entries, uint64_t first,
                            uint64_t last, size_t buffer_bytes)
{
    *m = (struct redo_merge){0};
    if (n_entries) {
        m->entry = entry_bound(entries, n_entries, first, false);
        m->entries_end = entry_bound(entries, n_entries, last, true);
    }
    if (n_runs)
        m->readers = mem_zalloc(n_runs * sizeof *m->readers);
    for (size_t i = 0; i < n_runs; i++) {
        struct redo_run_reader *r = &m->readers[m->n_readers++];
        TRY(redo_run_reader_init(r, runs[i], first, last, buffer_bytes));
        if (!r->more) {
            redo_run_reader_fini(r);
            m->n_readers--;
        }
    }
    return NULL;
}

/* Whether source i has a bundle, and its key. */
static bool source_key(const struct redo_merge *m, size_t i, uint64_t *key)
{
    if (i < m->n_readers) {
        *key = m->readers[i].key;
        return m->readers[i].more;
    }
    if (m->entry == m->entries_end)
        return false;
    *key = m->entry->key;
    return true;
}

static struct err *source_advance(struct redo_merge *m, size_t i)
{
    if (i < m->n_readers)
        return redo_run_reader_next(&m->readers[i]);
    m->entry++;
    return NULL;
}

static void source_bundle(const struct redo_merge *m, size_t i, struct redo_bundle *b)
{
    if (i < m->n_readers) {
        *b = m->readers[i].bundle;
        return;
    }
    const struct redo_entry_data *d = m->entry->data;
    *b = (struct redo_bundle){
        .space = (space_id_t)(m->entry->key >> 32),
        .page = (page_no_t)m->entry->key,
        .mtr_start = d->mtr_start,
        .mtr_end = d->mtr_start + d->mtr_len,
        .data = d->bytes,
        .len = d->len,
    };
}

/* The earliest of the sources with the lowest key. */
static bool pick_source(struct redo_merge *m)
{
    uint64_t key, lowest = 0;
    bool found = false;
    for (size_t i = 0; i <= m->n_readers; i++) {
        if (!source_key(m, i, &key) || (found && key >= lowest))
            continue;
        found = true;
        lowest = key;
        m->current = i;
    }
    return found;
}

struct err *redo_merge_next(struct redo_merge *m, struct redo_bundle *b, bool *more)
{
    uint64_t was = 0, key;
    bool same_key = false;
    *more = false;
    /* Only now, as the bundle handed out lives in the source. */
    if (m->started && source_key(m, m->current, &was)) {
        TRY(source_advance(m, m->current));
        same_key = source_key(m, m->current, &key) && key == was;
    }
    m->started = true;
    /* With the same key again it stays in front: the sources before it have none of that key left.
     */
    if (!same_key && !pick_source(m))
        return NULL;
    source_bundle(m, m->current, b);
    *more = true;
    return NULL;
}

void redo_merge_fini(struct redo_merge *m)
{
    for (size_t i = 0; i < m->n_readers; i++)
        redo_run_reader_fini(&m->readers[i]);
    free(m->readers);
    *m = (struct redo_merge){0};
}
