/* archive/varint.h: integers of 1 to 10 bytes: seven bits a byte, lowest first, top bit set on
 * all but the last. Signed ones are zigzag-coded (0, -1, 1, -2, ... as 0, 1, 2, 3, ...). */
#ifndef MBE_ARCHIVE_VARINT_H
#define MBE_ARCHIVE_VARINT_H

#include <stdint.h>

#include "base/mem.h"
#include "base/reader.h"

/* Growing byte string; zero-initialise to start, free(p) to end. */
struct out_bytes {
    uint8_t *p;
    size_t n, cap;
};

static inline uint8_t *out_reserve(struct out_bytes *o, size_t n)
{
    mem_grow(&o->p, &o->cap, o->n + n, 1);
    uint8_t *p = o->p + o->n;
    o->n += n;
    return p;
}

static inline void out_bytes_put(struct out_bytes *o, const void *data, size_t n)
{
    if (n)
        memcpy(out_reserve(o, n), data, n);
}

static inline void out_varint(struct out_bytes *o, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *out_reserve(o, 1) = (uint8_t)(v | 0x80);
    *out_reserve(o, 1) = (uint8_t)v;
}

static inline void out_zigzag(struct out_bytes *o, int64_t v)
{
    out_varint(o, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

/* A number of more than 64 bits counts as running out. */
static inline uint64_t rd_varint(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t b = rd_u8(r);
        if (shift == 63 && b > 1)
            break;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80)
            return v;
    }
    r->ran_out = true;
    return 0;
}

static inline int64_t rd_zigzag(struct reader *r)
{
    const uint64_t v = rd_varint(r);
    return (int64_t)((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
}

/* A number of at most max; a larger one counts as running out. */
static inline uint64_t rd_varint_max(struct reader *r, uint64_t max)
{
    const uint64_t v = rd_varint(r);
    if (v <= max)
        return v;
    r->ran_out = true;
    return 0;
}

#endif
