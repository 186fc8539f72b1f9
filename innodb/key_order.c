/* innodb/key_order.c: see key_order.h. */
#include "innodb/key_order.h"

#include <string.h>

#include "base/bytes.h"

enum {
    INFO_MIN_REC = 0x10,
    INFO_VERSION = 0x40,
    NULLS_AT = 6, /* before the origin */
};

struct value {
    const uint8_t *p; /* NULL: an SQL NULL */
};

/* A record being read, column by column. */
struct record {
    const struct index_checked *page;
    bool comp;
    uint32_t r, at;                  /* origin, next column */
    uint32_t n_fields, width, extra; /* REDUNDANT */
    uint32_t field, n_nullable;
};

static struct record record_of(const struct index_checked *page, uint32_t r)
{
    const uint8_t *p = page->frame + r;
    struct record rec = {.page = page, .r = r, .at = r};
    rec.comp = be16(page->frame + INDEX_N_HEAP) & INDEX_COMP_FLAG;
    if (!rec.comp) {
        rec.n_fields = (be16(p - 4) & 0x7FE) >> 1;
        rec.width = p[-3] & 1 ? 1 : 2;
        rec.extra = REDUNDANT_EXTRA + (p[-REDUNDANT_EXTRA] & INFO_VERSION ? 1 : 0);
    }
    return rec;
}

static bool is_null(struct record *rec, const struct key_column *column)
{
    const uint8_t *p = rec->page->frame + rec->r;
    if (!rec->comp) {
        const uint8_t *end = p - rec->extra - (size_t)(rec->field + 1) * rec->width;
        return *end & 0x80; /* of one byte or two */
    }
    if (!column->nullable)
        return false;
    const uint32_t n = rec->n_nullable++;
    return p[-NULLS_AT - (int)(n / 8)] >> (n % 8) & 1;
}

/* False when the record is too short for the column. */
static bool next_value(struct record *rec, const struct key_column *column, struct value *value)
{
    const uint32_t top = be16(rec->page->frame + INDEX_HEAP_TOP);
    if (!rec->comp && rec->field >= rec->n_fields)
        return false;
    const bool null = is_null(rec, column);
    value->p = null ? NULL : rec->page->frame + rec->at;
    if (!null || !rec->comp) { /* REDUNDANT keeps the room of a NULL */
        if (column->len > top - rec->at)
            return false;
        rec->at += column->len;
    }
    rec->field++;
    return true;
}

static int compare_values(struct value a, struct value b, size_t len)
{
    if (!a.p || !b.p)
        return (a.p != NULL) - (b.p != NULL);
    return memcmp(a.p, b.p, len);
}

/* Whether b may come behind a. */
static bool in_order(const struct index_checked *page, const struct key_columns *key, uint32_t r_a,
                     uint32_t r_b)
{
    struct record a = record_of(page, r_a), b = record_of(page, r_b);
    for (uint32_t i = 0; i < key->n; i++) {
        const struct key_column *column = &key->columns[i];
        struct value value_a, value_b;
        if (!next_value(&a, column, &value_a) || !next_value(&b, column, &value_b))
            return false;
        const int order = compare_values(value_a, value_b, column->len);
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
