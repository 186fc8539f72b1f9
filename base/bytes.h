/* base/bytes.h: the only place that knows byte order. Loads and stores of unaligned integers; no
 * bounds are checked here, callers use base/reader.h for bytes they do not trust. */
#ifndef MBE_BASE_BYTES_H
#define MBE_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#define BYTES_DEFINE_(bits, swap_be, swap_le)                  \
    static inline uint##bits##_t be##bits(const void *p)       \
    {                                                          \
        uint##bits##_t v;                                      \
        memcpy(&v, p, sizeof v);                               \
        return swap_be(v);                                     \
    }                                                          \
    static inline void put_be##bits(void *p, uint##bits##_t v) \
    {                                                          \
        v = swap_be(v);                                        \
        memcpy(p, &v, sizeof v);                               \
    }                                                          \
    static inline uint##bits##_t le##bits(const void *p)       \
    {                                                          \
        uint##bits##_t v;                                      \
        memcpy(&v, p, sizeof v);                               \
        return swap_le(v);                                     \
    }                                                          \
    static inline void put_le##bits(void *p, uint##bits##_t v) \
    {                                                          \
        v = swap_le(v);                                        \
        memcpy(p, &v, sizeof v);                               \
    }

#define BYTES_SAME_(v) (v)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
BYTES_DEFINE_(16, __builtin_bswap16, BYTES_SAME_)
BYTES_DEFINE_(32, __builtin_bswap32, BYTES_SAME_)
BYTES_DEFINE_(64, __builtin_bswap64, BYTES_SAME_)
#else
BYTES_DEFINE_(16, BYTES_SAME_, __builtin_bswap16)
BYTES_DEFINE_(32, BYTES_SAME_, __builtin_bswap32)
BYTES_DEFINE_(64, BYTES_SAME_, __builtin_bswap64)
#endif

/* Whether n bytes are all zero. n may be 0. */
static inline int bytes_are_zero(const void *p, size_t n)
{
    const unsigned char *b = p;
    return n == 0 || (b[0] == 0 && memcmp(b, b + 1, n - 1) == 0);
}

#endif
