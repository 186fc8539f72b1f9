/* innodb/redo_varint.h: the variable-length integers of the MariaDB redo log.
 *
 *   first byte   bytes  value
 *   0xxxxxxx         1  0 .. 127
 *   10xxxxxx         2  128 + 14 bits
 *   110xxxxx         3  16512 + 21 bits
 *   1110xxxx         4  2113664 + 28 bits
 *   11110000         5  270549120 + 32 bits, the sum fits 32 bits
 *
 * Big-endian; each length starts where the one before ends. Fact: MariaDB 10.11.19 logs up to 3
 * bytes by experiment, the longer forms by rule. */
#ifndef MBE_INNODB_REDO_VARINT_H
#define MBE_INNODB_REDO_VARINT_H

#include "base/reader.h"

/* Past the end, or a first byte above 0xF0: sets ran_out and returns 0, as the rest of reader.h. */
static inline uint32_t rd_varint(struct reader *r)
{
    const uint32_t b = rd_u8(r);
    if (b < 0x80)
        return b;
    const unsigned more = b < 0xC0 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : b == 0xF0 ? 4 : 0;
    const uint8_t *p = rd_bytes(r, more);
    if (!p || !more) {
        r->ran_out = true;
        return 0;
    }
    switch (more) {
    case 1:
        return 128 + ((b & 0x3F) << 8 | p[0]);
    case 2:
        return 16512 + ((b & 0x1F) << 16 | be16(p));
    case 3:
        return 2113664 + ((b & 0x0F) << 24 | (uint32_t)p[0] << 16 | be16(p + 1));
    default:
        if (be32(p) > UINT32_MAX - 270549120) {
            r->ran_out = true;
            return 0;
        }
        return 270549120 + be32(p);
    }
}

enum { REDO_VARINT_MAX = 5 };

/* Writes v in its only form; bytes used, at most REDO_VARINT_MAX. */
static inline unsigned put_varint(uint8_t *to, uint32_t v)
{
    if (v < 128) {
        to[0] = (uint8_t)v;
        return 1;
    }
    if (v < 16512) {
        put_be16(to, (uint16_t)(0x8000 | (v - 128)));
        return 2;
    }
    if (v < 2113664) {
        to[0] = (uint8_t)(0xC0 | (v - 16512) >> 16);
        put_be16(to + 1, (uint16_t)(v - 16512));
        return 3;
    }
    if (v < 270549120) {
        put_be32(to, 0xE0000000u | (v - 2113664));
        return 4;
    }
    to[0] = 0xF0;
    put_be32(to + 1, v - 270549120);
    return 5;
}

#endif
