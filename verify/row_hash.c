/* verify/row_hash.c: see row_hash.h. XXH3 is compiled in: most values are a few bytes, and a call through the library would cost as
 * much as their hash. */
#include "verify/row_hash.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "verify/row_tags.h"

enum { UUID_BYTES = 16, INET6_BYTES = 16, INET4_BYTES = 4, ADDRESS_TEXT_MAX = 63 };

/* What information_schema.columns calls the type. */
static const struct {
    const char *type;
    enum value_class value;
} types[] = {
    {"tinyint", VALUE_INTEGER},
    {"smallint", VALUE_INTEGER},
    {"mediumint", VALUE_INTEGER},
    {"int", VALUE_INTEGER},
    {"bigint", VALUE_INTEGER},
    {"float", VALUE_FLOAT},
    {"double", VALUE_DOUBLE},
    {"decimal", VALUE_DECIMAL},
    {"date", VALUE_DATE},
    {"time", VALUE_TIME},
    {"datetime", VALUE_DATETIME},
    {"timestamp", VALUE_TIMESTAMP},
    {"year", VALUE_YEAR},
    {"bit", VALUE_BIT},
    {"char", VALUE_STRING},
    {"varchar", VALUE_STRING},
    {"binary", VALUE_STRING},
    {"varbinary", VALUE_STRING},
    {"tinytext", VALUE_STRING},
    {"text", VALUE_STRING},
    {"mediumtext", VALUE_STRING},
    {"longtext", VALUE_STRING},
    {"tinyblob", VALUE_STRING},
    {"blob", VALUE_STRING},
    {"mediumblob", VALUE_STRING},
    {"longblob", VALUE_STRING},
    {"json", VALUE_STRING},
    {"vector", VALUE_STRING},
    {"enum", VALUE_ENUM},
    {"set", VALUE_SET},
    {"geometry", VALUE_GEOMETRY},
    {"point", VALUE_GEOMETRY},
    {"linestring", VALUE_GEOMETRY},
    {"polygon", VALUE_GEOMETRY},
    {"multipoint", VALUE_GEOMETRY},
    {"multilinestring", VALUE_GEOMETRY},
    {"multipolygon", VALUE_GEOMETRY},
    {"geometrycollection", VALUE_GEOMETRY},
    {"geomcollection", VALUE_GEOMETRY},
    {"uuid", VALUE_UUID},
    {"inet6", VALUE_INET6},
    {"inet4", VALUE_INET4},
};

static const struct {
    const char *name;
    uint8_t tag;
} classes[VALUE_CLASSES] = {
    [VALUE_INTEGER] = {"integer", TAG_NOT_NEGATIVE},
    [VALUE_FLOAT] = {"float", TAG_FLOAT},
    [VALUE_DOUBLE] = {"double", TAG_DOUBLE},
    [VALUE_DECIMAL] = {"decimal", TAG_DECIMAL},
    [VALUE_DATE] = {"date", TAG_DATE},
    [VALUE_TIME] = {"time", TAG_TIME},
    [VALUE_DATETIME] = {"datetime", TAG_DATETIME},
    [VALUE_TIMESTAMP] = {"timestamp", TAG_TIMESTAMP},
    [VALUE_YEAR] = {"year", TAG_YEAR},
    [VALUE_BIT] = {"bit", TAG_BIT},
    [VALUE_STRING] = {"string", TAG_STRING},
    [VALUE_ENUM] = {"enum", TAG_ENUM},
    [VALUE_SET] = {"set", TAG_SET},
    [VALUE_GEOMETRY] = {"geometry", TAG_GEOMETRY},
    [VALUE_UUID] = {"uuid", TAG_UUID},
    [VALUE_INET6] = {"inet6", TAG_INET6},
    [VALUE_INET4] = {"inet4", TAG_INET4},
};

const char *value_class_name(enum value_class c)
{
    return classes[c].name;
}

bool value_class_parse(enum value_class *out, const char *name)
{
    for (int c = 0; name && c < VALUE_CLASSES; c++)
        if (!strcmp(classes[c].name, name)) {
            *out = (enum value_class)c;
            return true;
        }
    return false;
}

bool value_class_of_type(enum value_class *out, const char *data_type)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (!strcmp(types[i].type, data_type)) {
            *out = types[i].value;
            return true;
        }
    return false;
}

/* --- hashes ----------------------------------------------------------------------------------- */

uint64_t hash64_of_bytes(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}

char *hash128_text(char out[HASH128_TEXT], struct hash128 h)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        const uint64_t half = i < 16 ? h.hi : h.lo;
        out[i] = digits[half >> (60 - 4 * (i % 16)) & 15];
    }
    out[32] = 0;
    return out;
}

bool hash128_parse(struct hash128 *out, const char *text)
{
    struct hash128 h = {0};
    if (!text || strspn(text, "0123456789abcdef") != 32 || text[32])
        return false;
    for (int i = 0; i < 32; i++) {
        const uint64_t digit = (uint64_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
        uint64_t *half = i < 16 ? &h.hi : &h.lo;
        *half = *half << 4 | digit;
    }
    *out = h;
    return true;
}

/* --- rows ------------------------------------------------------------------------------------- */

void row_bytes_fini(struct row_bytes *r)
{
    free(r->p);
    free(r->ends);
    *r = (struct row_bytes){0};
}

void row_bytes_reset(struct row_bytes *r)
{
    r->n = 0;
    r->n_values = 0;
}

/* Room for a value of n bytes, tag included, which is counted as there. */
static inline uint8_t *put(struct row_bytes *r, size_t n)
{
    if (r->cap - r->n < n)
        mem_grow(&r->p, &r->cap, r->n + n, 1);
    if (r->n_values == r->cap_values)
        mem_grow(&r->ends, &r->cap_values, r->n_values, sizeof *r->ends);
    uint8_t *p = r->p + r->n;
    r->n += n;
    r->ends[r->n_values++] = r->n;
    return p;
}

void row_put_null(struct row_bytes *r)
{
    *put(r, 1) = TAG_NULL;
}

static void put_64(struct row_bytes *r, uint8_t tag, uint64_t v)
{
    uint8_t *p = put(r, 9);
    p[0] = tag;
    put_le64(p + 1, v);
}

void row_put_unsigned(struct row_bytes *r, uint64_t v)
{
    put_64(r, TAG_NOT_NEGATIVE, v);
}

void row_put_signed(struct row_bytes *r, int64_t v)
{
    put_64(r, v < 0 ? TAG_NEGATIVE : TAG_NOT_NEGATIVE, (uint64_t)v);
}

void row_put_float(struct row_bytes *r, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint8_t *p = put(r, 5);
    p[0] = TAG_FLOAT;
    put_le32(p + 1, bits);
}

void row_put_double(struct row_bytes *r, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_64(r, TAG_DOUBLE, bits);
}

static void put_counted(struct row_bytes *r, uint8_t tag, const void *data, size_t n)
{
    uint8_t *p = put(r, 5 + n);
    p[0] = tag;
    put_le32(p + 1, (uint32_t)n);
    if (n)
        memcpy(p + 5, data, n);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether a decimal has a digit that is not 0. */
static bool decimal_is_zero(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] >= '1' && text[i] <= '9')
            return false;
    return true;
}

void row_put_decimal(struct row_bytes *r, const char *text, size_t n)
{
    const bool minus = n && text[0] == '-' && !decimal_is_zero(text, n);
    const size_t sign = n && (text[0] == '-' || text[0] == '+');
    text += sign;
    n -= sign;
    while (n > 1 && text[0] == '0' && is_digit(text[1])) {
        text++;
        n--;
    }
    uint8_t *p = put(r, 5 + minus + n);
    p[0] = TAG_DECIMAL;
    put_le32(p + 1, (uint32_t)(minus + n));
    if (minus)
        p[5] = '-';
    if (n)
        memcpy(p + 5 + minus, text, n);
}

void row_put_time(struct row_bytes *r, enum value_class c, const struct value_time *t)
{
    const size_t size = c == VALUE_DATE ? 5 : 12;
    uint8_t *p = put(r, size);
    p[0] = classes[c].tag;
    if (c == VALUE_TIME) {
        p[1] = t->negative;
        put_le32(p + 2, t->hour);
        p[6] = (uint8_t)t->minute;
        p[7] = (uint8_t)t->second;
        put_le32(p + 8, t->microsecond);
        return;
    }
    put_le16(p + 1, (uint16_t)t->year);
    p[3] = (uint8_t)t->month;
    p[4] = (uint8_t)t->day;
    if (c == VALUE_DATE)
        return;
    p[5] = (uint8_t)t->hour;
    p[6] = (uint8_t)t->minute;
    p[7] = (uint8_t)t->second;
    put_le32(p + 8, t->microsecond);
}

void row_put_year(struct row_bytes *r, unsigned year)
{
    uint8_t *p = put(r, 3);
    p[0] = TAG_YEAR;
    put_le16(p + 1, (uint16_t)year);
}

void row_put_bit(struct row_bytes *r, const void *be, size_t n)
{
    const uint8_t *bytes = be;
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | bytes[i];
    put_64(r, TAG_BIT, v);
}

void row_put_bytes(struct row_bytes *r, enum value_class c, const void *data, size_t n)
{
    put_counted(r, classes[c].tag, data, n);
}

void row_put_no_member(struct row_bytes *r, enum value_class c)
{
    *put(r, 1) = c == VALUE_ENUM ? TAG_ENUM_ERROR : TAG_SET_EMPTY;
}

static size_t address_size(enum value_class c)
{
    return c == VALUE_INET4 ? INET4_BYTES : c == VALUE_INET6 ? INET6_BYTES : UUID_BYTES;
}

void row_put_address(struct row_bytes *r, enum value_class c, const uint8_t *bytes)
{
    const size_t n = address_size(c);
    uint8_t *p = put(r, 1 + n);
    p[0] = classes[c].tag;
    memcpy(p + 1, bytes, n);
}

static int hex_digit(char c)
{
    return is_digit(c)            ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* 32 hex digits, with dashes anywhere between two bytes. */
static bool uuid_parse(uint8_t out[UUID_BYTES], const char *text)
{
    for (int i = 0; i < UUID_BYTES; i++) {
        while (*text == '-')
            text++;
        const int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return !*text;
}

bool row_put_address_text(struct row_bytes *r, enum value_class c, const char *text, size_t n)
{
    char line[ADDRESS_TEXT_MAX + 1];
    uint8_t bytes[INET6_BYTES];
    if (n > ADDRESS_TEXT_MAX)
        return false;
    memcpy(line, text, n);
    line[n] = 0;
    const bool good = c == VALUE_UUID
                          ? uuid_parse(bytes, line)
                          : inet_pton(c == VALUE_INET4 ? AF_INET : AF_INET6, line, bytes) == 1;
    if (good)
        row_put_address(r, c, bytes);
    return good;
}

void row_put_copy(struct row_bytes *r, const uint8_t *value, size_t n)
{
    memcpy(put(r, n), value, n);
}
