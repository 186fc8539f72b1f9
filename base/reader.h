/* base/reader.h: sticky bounded cursor over untrusted bytes. Reading past the end returns 0 (or
 * NULL) and sets ran_out, which stays set: check it once at the end. */
#ifndef MBE_BASE_READER_H
#define MBE_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct reader {
    const uint8_t *p, *end;
    bool ran_out;
};

static inline struct reader reader_of(const void *data, size_t len)
{
    return (struct reader){.p = data, .end = (const uint8_t *)data + len};
}

static inline size_t rd_left(const struct reader *r)
{
    return (size_t)(r->end - r->p);
}

static inline const uint8_t *rd_bytes(struct reader *r, size_t n)
{
    if (r->ran_out || n > rd_left(r)) {
        r->ran_out = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    return p;
}

static inline uint8_t rd_u8(struct reader *r)
{
    const uint8_t *p = rd_bytes(r, 1);
    return p ? *p : 0;
}

#define READER_DEFINE_(order, bits)                                 \
    static inline uint##bits##_t rd_##order##bits(struct reader *r) \
    {                                                               \
        const uint8_t *p = rd_bytes(r, (bits) / 8);                 \
        return p ? order##bits(p) : 0;                              \
    }
READER_DEFINE_(be, 16)
READER_DEFINE_(be, 32)
READER_DEFINE_(be, 64)
READER_DEFINE_(le, 16)
READER_DEFINE_(le, 32)
READER_DEFINE_(le, 64)

#endif
