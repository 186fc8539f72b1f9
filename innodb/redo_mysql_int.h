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

#endif
