/* innodb/redo_mysql_int.h: the variable-length integers of the MySQL redo log.
 *
 *   first byte   bytes  value
 *   0xxxxxxx         1  7 bits
 *   10xxxxxx         2  14 bits
 *   110xxxxx         3  21 bits
 *   1110xxxx         4  28 bits
 *   11110xxx         5  the 32 bits behind
 *   111110xx         2  10 bits | 0xFFFFFC00
 *   1111110x         3  17 bits | 0xFFFE0000
 *   11111110         4  the 24 bits behind | 0xFF000000
 *
 * Big-endian; unlike MariaDB's, a longer form does not start where the shorter one ends. The 64-bit forms are built from it:
 * "compressed64" is the high word so and the low word as 4 plain bytes; "much compressed64" is 0xFF, high word, low word, or
 * only the low word when the high one is 0. Fact: MySQL 9.7.4, a log of 44 MB without residue; 0xFFFFFFFE is FB FE. */
#ifndef MBE_INNODB_REDO_MYSQL_INT_H
#define MBE_INNODB_REDO_MYSQL_INT_H

#include "base/reader.h"

enum {
    COMPRESSED_MAX = 5, /* bytes */
    MUCH_COMPRESSED64_MAX = 1 + 2 * COMPRESSED_MAX,
};

/* Past the end, or a first byte of 0xFF: sets ran_out and returns 0, as the rest of reader.h. */
static inline uint32_t rd_compressed(struct reader *r)
{
    const uint32_t b = rd_u8(r);
    if (b < 0x80)
        return b;
    static const uint8_t more_of[16] = {
        [8] = 1, [9] = 1, [10] = 1, [11] = 1, [12] = 2, [13] = 2, [14] = 3};
    const unsigned more = b < 0xF0    ? more_of[b >> 4]
                          : b < 0xF8  ? 4
                          : b < 0xFC  ? 1
                          : b < 0xFE  ? 2
                          : b == 0xFE ? 3
                                      : 0;
    const uint8_t *p = rd_bytes(r, more);
    if (!p || !more) {
        r->ran_out = true;
        return 0;
    }
    uint32_t v = 0;
    for (unsigned i = 0; i < more; i++)
        v = v << 8 | p[i];
    if (b < 0xC0)
        return (b & 0x3F) << 8 | v;
    if (b < 0xE0)
        return (b & 0x1F) << 16 | v;
    if (b < 0xF0)
        return (b & 0x0F) << 24 | v;
    if (b < 0xF8)
        return v;
    if (b < 0xFC)
        return 0xFFFFFC00u | (b & 3) << 8 | v;
    if (b < 0xFE)
        return 0xFFFE0000u | (b & 1) << 16 | v;
    return 0xFF000000u | v;
}

static inline uint64_t rd_compressed64(struct reader *r)
{
    const uint64_t high = rd_compressed(r);
    return high << 32 | rd_be32(r);
}

static inline uint64_t rd_much_compressed64(struct reader *r)
{
    if (r->ran_out || !rd_left(r) || *r->p != 0xFF)
        return rd_compressed(r);
    rd_u8(r);
    const uint64_t high = rd_compressed(r);
    return high << 32 | rd_compressed(r);
}

/* Writes at most COMPRESSED_MAX bytes, returns how many. The forms for values near 2^32 are not made use of. */
static inline size_t put_compressed(uint8_t *p, uint32_t v)
{
    if (v < 1u << 7) {
        p[0] = (uint8_t)v;
        return 1;
    }
    if (v < 1u << 14) {
        put_be16(p, (uint16_t)(v | 0x8000));
        return 2;
    }
    if (v < 1u << 21) {
        p[0] = (uint8_t)(v >> 16 | 0xC0);
        put_be16(p + 1, (uint16_t)v);
        return 3;
    }
    if (v < 1u << 28) {
        put_be32(p, v | 0xE0000000u);
        return 4;
    }
    p[0] = 0xF0;
    put_be32(p + 1, v);
    return 5;
}

/* At most MUCH_COMPRESSED64_MAX bytes. */
static inline size_t put_much_compressed64(uint8_t *p, uint64_t v)
{
    if (v >> 32 == 0)
        return put_compressed(p, (uint32_t)v);
    p[0] = 0xFF;
    const size_t n = 1 + put_compressed(p + 1, (uint32_t)(v >> 32));
    return n + put_compressed(p + n, (uint32_t)v);
}

#endif
