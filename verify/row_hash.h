/* verify/row_hash.h: the canonical bytes of a row, and sums of their hashes. Pure: knows no server and no page. The definition,
 * with its reasons, is docs/table-hash.md; this is its only implementation.
 *
 *   value    1 byte tag, then what follows it; integers little-endian
 *   NULL        0
 *   integer     1  u64 for 0 and above, 2  u64 two's complement below 0; neither width nor signedness of the column counts
 *   float       3  u32 IEEE bits           double   4  u64 IEEE bits
 *   decimal     5  u32 length, text: [-]digits[.digits], no needless leading zero, no sign of a zero
 *   date        6  u16 year, u8 month, u8 day
 *   time        7  u8 1 if negative, u32 hours, u8 minute, u8 second, u32 microseconds
 *   datetime    8  u16 year, u8 month, day, hour, minute, second, u32 microseconds
 *   timestamp   9  the same, of UTC
 *   year       10  u16
 *   bit        11  u64
 *   string     12  u32 length, bytes as stored in the column's own character set; JSON is a string
 *   enum       13  u32 length, text of the member; 14 (nothing follows) for the error value
 *   set        15  u32 length, texts of the members joined by commas; 16 for the set without a member
 *   geometry   17  u32 length, SRID (u32) and WKB
 *   uuid       18  16 bytes in the order of the text   inet6 19  16 bytes   inet4 20  4 bytes
 *
 *   row      its columns in table order, one behind the other; virtual generated ones left out
 *   hashes   of row or value: XXH3, 128 bits, no seed; of a table or column: sum of them mod 2^128 */
#ifndef MBE_VERIFY_ROW_HASH_H
#define MBE_VERIFY_ROW_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash128.h"

enum { HASH128_TEXT = 33 };
/* 32 hex digits, highest first; returns out. */
char *hash128_text(char out[HASH128_TEXT], struct hash128 h);
/* False, and *out is untouched, when text is not exactly that (lower case). NULL is not. */
bool hash128_parse(struct hash128 *out, const char *text);

/* What a column holds, as far as the hash is concerned. Part of a hash file, by name, and not of the hash. */
enum value_class {
    VALUE_INTEGER,
    VALUE_FLOAT,
    VALUE_DOUBLE,
    VALUE_DECIMAL,
    VALUE_DATE,
    VALUE_TIME,
    VALUE_DATETIME,
    VALUE_TIMESTAMP,
    VALUE_YEAR,
    VALUE_BIT,
    VALUE_STRING,
    VALUE_ENUM,
    VALUE_SET,
    VALUE_GEOMETRY,
    VALUE_UUID,
    VALUE_INET6,
    VALUE_INET4,
    VALUE_CLASSES,
};
/* "integer", "float", ... */
const char *value_class_name(enum value_class c);
/* False when there is no class of that name; NULL is none. */
bool value_class_parse(enum value_class *out, const char *name);
/* Class of a column by DATA_TYPE of information_schema.columns ("bigint", "varchar", ...); false for a type that is not known. */
bool value_class_of_type(enum value_class *out, const char *data_type);

/* Date and time of any class. hours may be above 24 in a time. What a class has no use for is ignored. */
struct value_time {
    uint32_t year, month, day, hour, minute, second, microsecond;
    bool negative;
};

/* Canonical bytes of the row at hand. Zero-initialise; row_bytes_fini. Used again for row after row. */
struct row_bytes {
    uint8_t *p;
    size_t n, cap;
    size_t *ends; /* where each value that was put ends */
    size_t n_values, cap_values;
};

void row_bytes_fini(struct row_bytes *r);
/* Begins the next row. */
void row_bytes_reset(struct row_bytes *r);
/* Each puts the next value. */
void row_put_null(struct row_bytes *r);
void row_put_unsigned(struct row_bytes *r, uint64_t v);
void row_put_signed(struct row_bytes *r, int64_t v);
void row_put_float(struct row_bytes *r, float v);
void row_put_double(struct row_bytes *r, double v);
/* `text` as any server prints a decimal: zeros in front are left out here. */
void row_put_decimal(struct row_bytes *r, const char *text, size_t n);
/* VALUE_DATE, _TIME, _DATETIME or _TIMESTAMP. */
void row_put_time(struct row_bytes *r, enum value_class c, const struct value_time *t);
void row_put_year(struct row_bytes *r, unsigned year);
/* `be`: the n (0 to 8) bytes of a BIT value, big-endian. */
void row_put_bit(struct row_bytes *r, const void *be, size_t n);
/* VALUE_STRING, _ENUM, _SET, _GEOMETRY; n < 4 GiB. */
void row_put_bytes(struct row_bytes *r, enum value_class c, const void *data, size_t n);
/* An ENUM's error value (number 0), or a SET without a member, whose text '' may be that of a member, too. */
void row_put_no_member(struct row_bytes *r, enum value_class c);
/* VALUE_UUID, _INET6 (16 bytes), _INET4 (4). */
void row_put_address(struct row_bytes *r, enum value_class c, const uint8_t *bytes);
/* The same from text ("550e8400-e29b-...", "2001:db8::1", "10.0.0.1"); false when it is none. */
bool row_put_address_text(struct row_bytes *r, enum value_class c, const char *text, size_t n);

/* Canonical bytes of a value, tag included, as they are. */
void row_put_copy(struct row_bytes *r, const uint8_t *value, size_t n);

/* Bytes of value i, tag included; borrowed. */
static inline const uint8_t *row_value(const struct row_bytes *r, size_t i, size_t *n)
{
    const size_t begin = i ? r->ends[i - 1] : 0;
    *n = r->ends[i] - begin;
    return r->p + begin;
}

/* XXH3, 64 bits, no seed. */
uint64_t hash64_of_bytes(const void *p, size_t n);

#endif
