/* base/mem.c: see mem.h. */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (!p) {
        fputs("mbe: out of memory\n", stderr);
        _Exit(1);
    }
    return p;
}

void *mem_alloc(size_t n)
{
    return must(malloc(n ? n : 1));
}

void *mem_zalloc(size_t n)
{
    return must(calloc(1, n ? n : 1));
}

void *mem_realloc(void *p, size_t n)
{
    return must(realloc(p, n ? n : 1));
}

void *mem_alloc_aligned(size_t n)
{
    void *p = NULL;
    if (posix_memalign(&p, 4096, n ? n : 1))
        p = NULL;
    return must(p);
}

char *mem_strdup(const char *s)
{
    return must(strdup(s));
}

char *mem_printf(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    const int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    return must(n < 0 ? NULL : s);
}

void mem_grow(void *items, size_t *cap, size_t n, size_t item_size)
{
    if (n < *cap)
        return;
    size_t want = *cap ? *cap * 2 : 16;
    while (want <= n)
        want *= 2;
    void **p = items;
    *p = must(want > SIZE_MAX / item_size ? NULL : realloc(*p, want * item_size));
    *cap = want;
}
