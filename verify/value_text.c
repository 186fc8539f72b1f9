/* verify/value_text.c: see value_text.h. */
#include "verify/value_text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "verify/row_tags.h"

enum { COUNTED = -1, TAGS = TAG_INET4 + 1 };

/* Bytes behind each tag. */
static const struct {
    enum value_class value;
    int size;
} tags[TAGS] = {
    [TAG_NOT_NEGATIVE] = {VALUE_INTEGER, 8},
    [TAG_NEGATIVE] = {VALUE_INTEGER, 8},
    [TAG_FLOAT] = {VALUE_FLOAT, 4},
    [TAG_DOUBLE] = {VALUE_DOUBLE, 8},
    [TAG_DECIMAL] = {VALUE_DECIMAL, COUNTED},
    [TAG_DATE] = {VALUE_DATE, 4},
    [TAG_TIME] = {VALUE_TIME, 11},
    [TAG_DATETIME] = {VALUE_DATETIME, 11},
    [TAG_TIMESTAMP] = {VALUE_TIMESTAMP, 11},
    [TAG_YEAR] = {VALUE_YEAR, 2},
    [TAG_BIT] = {VALUE_BIT, 8},
    [TAG_STRING] = {VALUE_STRING, COUNTED},
    [TAG_ENUM] = {VALUE_ENUM, COUNTED},
    [TAG_ENUM_ERROR] = {VALUE_ENUM, 0},
    [TAG_SET] = {VALUE_SET, COUNTED},
    [TAG_SET_EMPTY] = {VALUE_SET, 0},
    [TAG_GEOMETRY] = {VALUE_GEOMETRY, COUNTED},
    [TAG_UUID] = {VALUE_UUID, 16},
    [TAG_INET6] = {VALUE_INET6, 16},
    [TAG_INET4] = {VALUE_INET4, 4},
};

/* [-]digits[.digits] */
static bool is_decimal(const uint8_t *p, size_t n)
{
    size_t digits = 0, dots = 0;
    for (size_t i = n && p[0] == '-'; i < n; i++) {
        digits += p[i] >= '0' && p[i] <= '9';
        dots += p[i] == '.';
        if (p[i] != '.' && (p[i] < '0' || p[i] > '9'))
            return false;
    }
    return digits && dots <= 1;
}

bool value_view(struct value_view *out, const uint8_t *p, size_t n)
{
    *out = (struct value_view){.used = 1};
    if (n == 0 || p[0] >= TAGS)
        return false;
    if (p[0] == TAG_NULL) {
        out->is_null = true;
        return true;
    }
    size_t head = 1, size = (size_t)tags[p[0]].size;
    if (tags[p[0]].size == COUNTED) {
        head = 5;
        if (n < head)
            return false;
        size = le32(p + 1);
    }
    if (size > n - head)
        return false;
    out->value = tags[p[0]].value;
    out->no_member = p[0] == TAG_ENUM_ERROR || p[0] == TAG_SET_EMPTY;
    out->data = p + head;
    out->n = size;
    out->used = head + size;
    if (p[0] == TAG_NEGATIVE || p[0] == TAG_NOT_NEGATIVE)
        return p[0] == TAG_NOT_NEGATIVE || le64(out->data) >> 63;
    return p[0] != TAG_DECIMAL || is_decimal(out->data, size);
}

/* --- as text ---------------------------------------------------------------------------------- */

static char *hex_of(const uint8_t *p, size_t n)
{
    char *out = mem_alloc(2 * n + 1);
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", p[i]);
    out[2 * n] = 0;
    return out;
}

static bool is_plain(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] < 0x20 || p[i] > 0x7e)
            return false;
    return true;
}

static char *integer_text(const struct value_view *v)
{
    const uint64_t number = le64(v->data);
    if (v->data[-1] == TAG_NEGATIVE)
        return mem_printf("%" PRId64, (int64_t)number);
    return mem_printf("%" PRIu64, number);
}

/* Without quotes. */
static char *time_text(const struct value_view *v)
{
    const uint8_t *p = v->data;
    const unsigned microsecond = v->n == 11 ? le32(p + 7) : 0;
    AUTO_FREE char *fraction = microsecond ? mem_printf(".%06u", microsecond) : mem_strdup("");
    if (v->value == VALUE_TIME)
        return mem_printf("%s%02u:%02u:%02u%s", p[0] ? "-" : "", le32(p + 1), p[5], p[6], fraction);
    if (v->value == VALUE_DATE)
        return mem_printf("%04u-%02u-%02u", le16(p), p[2], p[3]);
    return mem_printf("%04u-%02u-%02u %02u:%02u:%02u%s", le16(p), p[2], p[3], p[4], p[5], p[6],
                      fraction);
}

static char *address_text(const struct value_view *v)
{
    char out[INET6_ADDRSTRLEN];
    if (v->value != VALUE_UUID) {
        inet_ntop(v->value == VALUE_INET4 ? AF_INET : AF_INET6, v->data, out, sizeof out);
        return mem_strdup(out);
    }
    AUTO_FREE char *hex = hex_of(v->data, v->n);
    return mem_printf("%.8s-%.4s-%.4s-%.4s-%s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static char *float_text(const struct value_view *v)
{
    float f;
    double d;
    if (v->value == VALUE_FLOAT) {
        const uint32_t bits = le32(v->data);
        memcpy(&f, &bits, sizeof f);
        return mem_printf("%.9g", (double)f);
    }
    const uint64_t bits = le64(v->data);
    memcpy(&d, &bits, sizeof d);
    return mem_printf("%.17g", d);
}

static char *bytes_text(const struct value_view *v, size_t longest)
{
    const size_t n = longest && v->n > longest ? longest : v->n;
    AUTO_FREE char *more = n < v->n ? mem_printf("... (%zu bytes)", v->n) : mem_strdup("");
    if (v->value != VALUE_GEOMETRY && is_plain(v->data, n))
        return mem_printf("'%.*s'%s", (int)n, (const char *)v->data, more);
    AUTO_FREE char *hex = hex_of(v->data, n);
    return mem_printf("0x%s%s", hex, more);
}

static char *quoted(char *text)
{
    AUTO_FREE char *inside = text;
    return mem_printf("'%s'", inside);
}

char *value_print(const struct value_view *v, size_t longest)
{
    if (v->is_null)
        return mem_strdup("NULL");
    if (v->no_member)
        return mem_strdup(v->value == VALUE_ENUM ? "'' (error value)" : "'' (no member)");
    switch (v->value) {
    case VALUE_INTEGER:
        return integer_text(v);
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
        return float_text(v);
    case VALUE_DECIMAL:
        return mem_printf("%.*s", (int)v->n, (const char *)v->data);
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_DATETIME:
    case VALUE_TIMESTAMP:
        return quoted(time_text(v));
    case VALUE_YEAR:
        return mem_printf("%04u", le16(v->data));
    case VALUE_BIT:
        return mem_printf("%" PRIu64, le64(v->data));
    case VALUE_UUID:
    case VALUE_INET6:
    case VALUE_INET4:
        return quoted(address_text(v));
    case VALUE_STRING:
    case VALUE_ENUM:
    case VALUE_SET:
    case VALUE_GEOMETRY:
    case VALUE_CLASSES:
        break;
    }
    return bytes_text(v, longest);
}

/* A name that a character set can have; anything else is not put into a statement. */
static bool is_charset(const char *name)
{
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '_')
            return false;
    return true;
}

char *value_literal(const struct value_view *v, const char *charset)
{
    if (v->is_null || v->no_member)
        return NULL;
    switch (v->value) {
    case VALUE_FLOAT:
    case VALUE_DOUBLE:
    case VALUE_ENUM:
    case VALUE_SET:
    case VALUE_GEOMETRY:
    case VALUE_CLASSES:
        return NULL;
    case VALUE_STRING:
        break;
    default:
        return value_print(v, 0);
    }
    AUTO_FREE char *hex = hex_of(v->data, v->n);
    if (!charset)
        return mem_printf("X'%s'", hex);
    return is_charset(charset) ? mem_printf("_%s X'%s'", charset, hex) : NULL;
}
