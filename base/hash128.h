/* base/hash128.h: hashes of 128 bits: XXH3, no seed. */
#ifndef MBE_BASE_HASH128_H
#define MBE_BASE_HASH128_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash128 {
    uint64_t lo, hi;
};

/* Of a, then b; either may be empty. */
struct hash128 hash128_of(const void *a, size_t n_a, const void *b, size_t n_b);

/* Modulo 2^128. */
static inline void hash128_add(struct hash128 *sum, struct hash128 h)
{
    sum->lo += h.lo;
    sum->hi += h.hi + (sum->lo < h.lo);
}

static inline bool hash128_equal(struct hash128 a, struct hash128 b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

#endif
