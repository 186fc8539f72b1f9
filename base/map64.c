/* base/map64.c: see map64.h. */
#include "base/map64.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t home(uint64_t key, size_t cap)
{
    return (size_t)((key * 0x9E3779B97F4A7C15u) >> 20) & (cap - 1);
}

static size_t find(const struct map64 *m, uint64_t key)
{
    size_t i = home(key, m->cap);
    while (m->used[i] && m->slots[2 * i] != key)
        i = (i + 1) & (m->cap - 1);
    return i;
}

static void grow(struct map64 *m)
{
    struct map64 bigger = {.cap = m->cap ? m->cap * 2 : 64};
    bigger.slots = mem_alloc(bigger.cap * 2 * sizeof *bigger.slots);
    bigger.used = mem_zalloc(bigger.cap);
    for (size_t i = 0; i < m->cap; i++)
        if (m->used[i])
            map64_put(&bigger, m->slots[2 * i], m->slots[2 * i + 1]);
    map64_fini(m);
    *m = bigger;
}

void map64_put(struct map64 *m, uint64_t key, uint64_t value)
{
    if ((m->n + 1) * 10 > m->cap * 7)
        grow(m);
    const size_t i = find(m, key);
    if (!m->used[i]) {
        m->used[i] = 1;
        m->slots[2 * i] = key;
        m->n++;
    }
    m->slots[2 * i + 1] = value;
}

bool map64_get(const struct map64 *m, uint64_t key, uint64_t *value)
{
    if (!m->cap)
        return false;
    const size_t i = find(m, key);
    if (!m->used[i])
        return false;
    *value = m->slots[2 * i + 1];
    return true;
}

void map64_fini(struct map64 *m)
{
    free(m->slots);
    free(m->used);
    *m = (struct map64){0};
}
