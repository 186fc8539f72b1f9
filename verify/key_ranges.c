/* verify/key_ranges.c: see key_ranges.h. */
#include "verify/key_ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct key_range *push(struct key_ranges *r)
{
    mem_grow(&r->items, &r->cap, r->n, sizeof *r->items);
    r->items[r->n] = (struct key_range){0};
    return &r->items[r->n++];
}

void key_ranges_init(struct key_ranges *r, bool buckets)
{
    *r = (struct key_ranges){.buckets = buckets,
                             .level = buckets ? KEY_BUCKET_LEVEL_MAX : KEY_LEVEL_MIN};
    for (size_t i = 0; i < (buckets ? (size_t)1 << KEY_BUCKET_LEVEL_MAX : 1); i++)
        push(r);
}

void key_ranges_fini(struct key_ranges *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->items[i].key);
    free(r->items);
    *r = (struct key_ranges){0};
}

unsigned key_zeros(const void *key, size_t n)
{
    const uint64_t h = hash64_of_bytes(key, n);
    return h ? (unsigned)__builtin_ctzll(h) : 64;
}

static void add_range(struct key_range *to, const struct key_range *from)
{
    to->rows += from->rows;
    hash128_add(&to->sum, from->sum);
}

/* Each range that would not begin at this level goes into the one before it. */
static void merge_ranges(struct key_ranges *r)
{
    size_t kept = 1;
    for (size_t i = 1; i < r->n; i++) {
        if (r->items[i].zeros >= r->level) {
            r->items[kept++] = r->items[i];
            continue;
        }
        add_range(&r->items[kept - 1], &r->items[i]);
        free(r->items[i].key);
    }
    r->n = kept;
}

static void merge_buckets(struct key_ranges *r, unsigned level)
{
    const unsigned shift = r->level - level;
    for (size_t i = 1; i < r->n; i++) {
        struct key_range *to = &r->items[i >> shift];
        if (!(i & (((size_t)1 << shift) - 1)))
            *to = r->items[i];
        else
            add_range(to, &r->items[i]);
    }
    r->n = (size_t)1 << level;
    r->level = level;
}

void key_ranges_coarsen(struct key_ranges *r, unsigned level)
{
    if (r->buckets) {
        if (level < r->level)
            merge_buckets(r, level);
    } else if (level > r->level) {
        r->level = level;
        merge_ranges(r);
    }
}

static void limit(struct key_ranges *r)
{
    while (r->n > KEY_RANGES_MAX && r->level < KEY_LEVEL_MAX)
        key_ranges_coarsen(r, r->level + 1);
}

static void begin(struct key_ranges *r, const void *key, size_t key_len, unsigned zeros)
{
    struct key_range *range = push(r);
    range->key = mem_alloc(key_len);
    memcpy(range->key, key, key_len);
    range->key_len = (uint32_t)key_len;
    range->zeros = (uint8_t)zeros;
    limit(r);
}

void key_ranges_add(struct key_ranges *r, const void *key, size_t key_len, struct hash128 row)
{
    struct key_range *range;
    if (r->buckets) {
        range = &r->items[r->level ? row.hi >> (64 - r->level) : 0];
    } else {
        const unsigned zeros = key_zeros(key, key_len);
        if (zeros >= r->level)
            begin(r, key, key_len, zeros);
        range = &r->items[r->n - 1];
    }
    range->rows++;
    hash128_add(&range->sum, row);
}

void key_ranges_append(struct key_ranges *r, struct key_ranges *behind)
{
    key_ranges_coarsen(r, behind->level); /* at most one of the two does anything */
    key_ranges_coarsen(behind, r->level);
    if (r->buckets) {
        for (size_t i = 0; i < r->n; i++)
            add_range(&r->items[i], &behind->items[i]);
    } else {
        add_range(&r->items[r->n - 1], &behind->items[0]);
        for (size_t i = 1; i < behind->n; i++) {
            *push(r) = behind->items[i];
            behind->items[i].key = NULL;
        }
        limit(r);
    }
    key_ranges_fini(behind);
}

void key_ranges_finish(struct key_ranges *r, uint64_t rows)
{
    unsigned level = 0;
    if (!r->buckets)
        return;
    while (level < KEY_BUCKET_LEVEL_MAX && rows >> (KEY_LEVEL_MIN + level + 1))
        level++;
    key_ranges_coarsen(r, level);
}
