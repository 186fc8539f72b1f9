/* innodb/key_order.c: see key_order.h. */
#include "innodb/key_order.h"

#include <string.h>

#include "base/bytes.h"

enum {
    INFO_MIN_REC = 0x10,
    INFO_VERSION = 0x40, /* MySQL: there is a byte more */
    INFO_COUNT = 0x80,   /* MySQL: or one or two */
    STATUS_MASK = 7,
    STATUS_INSTANT = 4, /* MariaDB: likewise */
    NULLS_AT = 6,       /* before the origin */
    PAD = ' ',
};

struct value {
    const uint8_t *p; /* NULL: an SQL NULL */
    uint32_t len;
};

/* A record being read, column by column. */
struct record {
    const struct index_checked *page;
    bool comp;
    uint32_t r, at;                  /* origin, next column */
    uint32_t n_fields, width, extra; /* REDUNDANT */
    uint32_t field, n_nullable;
    uint32_t lengths; /* COMPACT: where the next length is; 0: not known */
};

enum key_kind key_collation_kind(uint32_t id, bool *wide)
{
    enum {
        UTF8MB4_BIN = 46,
        LATIN1_BIN = 47,
        BINARY = 63,
        ASCII_BIN = 65,
        UTF8MB3_BIN = 83,
        UTF8MB4_0900_BIN = 309,
    };
    *wide = id == UTF8MB4_BIN || id == UTF8MB3_BIN || id == UTF8MB4_0900_BIN;
    switch (id) {
    case BINARY:
    case UTF8MB4_0900_BIN:
        return KEY_BINARY;
    case UTF8MB4_BIN:
    case UTF8MB3_BIN:
    case LATIN1_BIN:
    case ASCII_BIN:
        return KEY_PADDED;
    default:
        return KEY_FIXED;
    }
}

/* Whether the lengths of its columns are where the number of nullable ones says. */
static bool has_plain_header(const uint8_t *p)
{
    return !(p[-COMP_EXTRA] & (INFO_VERSION | INFO_COUNT)) &&
           (p[-3] & STATUS_MASK) != STATUS_INSTANT;
}

static struct record record_of(const struct index_checked *page, const struct key_columns *key,
                               uint32_t r)
{
    const uint8_t *p = page->frame + r;
    struct record rec = {.page = page, .r = r, .at = r};
    rec.comp = be16(page->frame + INDEX_N_HEAP) & INDEX_COMP_FLAG;
    if (!rec.comp) {
        rec.n_fields = (be16(p - 4) & 0x7FE) >> 1;
        rec.width = p[-3] & 1 ? 1 : 2;
        rec.extra = REDUNDANT_EXTRA + (p[-REDUNDANT_EXTRA] & INFO_VERSION ? 1 : 0);
        return rec;
    }
    const uint32_t nulls = (key->n_nullable + 7u) / 8;
    if (key->n_nullable != KEY_NULLABLE_UNKNOWN && has_plain_header(p) && r > nulls + NULLS_AT)
        rec.lengths = r - NULLS_AT - nulls;
    return rec;
}

static bool is_null_comp(struct record *rec, const struct key_column *column)
{
    const uint8_t *p = rec->page->frame + rec->r;
    if (!column->nullable)
        return false;
    const uint32_t n = rec->n_nullable++;
    return p[-NULLS_AT - (int)(n / 8)] >> (n % 8) & 1;
}

/* The length of a variable column. False: it is none, or does not tell where the value is. */
static bool next_length(struct record *rec, const struct key_column *column, uint32_t *len)
{
    const uint8_t *f = rec->page->frame;
    if (rec->lengths <= INDEX_RECORDS + 1)
        return false;
    *len = f[rec->lengths--];
    if (!column->is_long || !(*len & 0x80))
        return true;
    const bool elsewhere = *len & 0x40;
    *len = (*len & 0x3F) << 8 | f[rec->lengths--];
    return !elsewhere;
}

/* False when the record is too short for the column. */
static bool next_value_comp(struct record *rec, const struct key_column *column,
                            struct value *value)
{
    const uint32_t top = be16(rec->page->frame + INDEX_HEAP_TOP);
    uint32_t len = column->len;
    *value = (struct value){NULL, 0};
    if (is_null_comp(rec, column))
        return true;
    if ((column->kind != KEY_FIXED && !next_length(rec, column, &len)) || len > top - rec->at)
        return false;
    *value = (struct value){rec->page->frame + rec->at, len};
    rec->at += len;
    return true;
}

/* A NULL keeps its room. */
static bool next_value_redundant(struct record *rec, struct value *value)
{
    const uint8_t *f = rec->page->frame;
    const uint32_t top = be16(f + INDEX_HEAP_TOP);
    if (rec->field >= rec->n_fields)
        return false;
    const uint8_t *p = f + rec->r - rec->extra - (size_t)(rec->field + 1) * rec->width;
    const uint32_t end = rec->r + (rec->width == 1 ? *p & 0x7Fu : be16(p) & 0x3FFFu);
    const bool null = *p & 0x80; /* of one byte or two */
    if (end < rec->at || end > top)
        return false;
    *value = (struct value){null ? NULL : f + rec->at, end - rec->at};
    rec->at = end;
    rec->field++;
    return true;
}

static bool next_value(struct record *rec, const struct key_column *column, struct value *value)
{
    return rec->comp ? next_value_comp(rec, column, value) : next_value_redundant(rec, value);
}

/* What the end of the longer one, which goes on where the other ends, makes of it. */
static int compare_tail(const uint8_t *tail, uint32_t len, enum key_kind kind)
{
    if (kind == KEY_BINARY)
        return len > 0;
    for (uint32_t i = 0; i < len; i++)
        if (tail[i] != PAD)
            return tail[i] < PAD ? -1 : 1;
    return 0;
}

static int compare_values(struct value a, struct value b, enum key_kind kind)
{
    if (!a.p || !b.p)
        return (a.p != NULL) - (b.p != NULL);
    const uint32_t both = a.len < b.len ? a.len : b.len;
    const int order = memcmp(a.p, b.p, both);
    if (order || kind == KEY_FIXED)
        return order;
    return a.len > both ? compare_tail(a.p + both, a.len - both, kind)
                        : -compare_tail(b.p + both, b.len - both, kind);
}

/* Whether b may come behind a. */
static bool in_order(const struct index_checked *page, const struct key_columns *key, uint32_t r_a,
                     uint32_t r_b)
{
    struct record a = record_of(page, key, r_a), b = record_of(page, key, r_b);
    for (uint32_t i = 0; i < key->n; i++) {
        const struct key_column *column = &key->columns[i];
        struct value value_a, value_b;
        if (column->kind != KEY_FIXED && a.comp && (!a.lengths || !b.lengths))
            return true;
        if (!next_value(&a, column, &value_a) || !next_value(&b, column, &value_b))
            return false;
        const int order = compare_values(value_a, value_b, column->kind);
        if (order)
            return (order < 0) != column->descending;
    }
    return true;
}

static bool is_first_of_all(const struct index_checked *page, uint32_t r)
{
    const bool comp = be16(page->frame + INDEX_N_HEAP) & INDEX_COMP_FLAG;
    return page->frame[r - (comp ? COMP_EXTRA : REDUNDANT_EXTRA)] & INFO_MIN_REC;
}

const char *key_order_check(const struct index_checked *page, const struct key_columns *key)
{
    uint32_t r = index_check_next(page, 0);
    if (r && is_first_of_all(page, r)) /* its key does not count */
        r = index_check_next(page, r);
    for (uint32_t next; r && key->n; r = next) {
        next = index_check_next(page, r);
        if (next && !in_order(page, key, r, next))
            return "records are not in the order of their keys";
    }
    return NULL;
}
