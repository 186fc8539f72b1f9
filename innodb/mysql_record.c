/* innodb/mysql_record.c: see mysql_record.h. One walk over the fields of a COMPACT record serves both questions. */
#include "innodb/mysql_record.h"

#include "base/bytes.h"
#include "innodb/index_page.h"

enum {
    STATUS_MASK = 7,
    SYSTEM_RECORD_DATA = 8, /* "infimum\0", "supremum" */
    NODE_POINTER_CHILD = 4,
    TWO_BYTES = 0x80,
    NO_FIELD = UINT16_MAX,
};

/* --- COMPACT ---------------------------------------------------------------------------------- */

/* Which fields of the index a record stores. */
struct shape {
    bool by_version, by_count; /* at most one; else all */
    uint8_t version;
    uint32_t count;
};

static bool is_stored(const struct redo_mysql_field *f, uint32_t phys, const struct shape *s)
{
    if (s->by_count)
        return phys < s->count;
    if (!s->by_version)
        return true;
    const bool added_later = f->v_added != MYSQL_NO_VERSION && f->v_added > s->version;
    const bool dropped = f->v_dropped != MYSQL_NO_VERSION && f->v_dropped <= s->version;
    return !added_later && !dropped;
}

static const struct redo_mysql_field *field_at(const struct redo_mysql_index *ix, uint32_t phys)
{
    return &ix->fields[ix->logical[phys]];
}

static uint32_t null_bytes(const struct redo_mysql_index *ix, const struct shape *s)
{
    uint32_t n = 0;
    for (uint32_t q = 0; q < ix->n; q++) {
        const struct redo_mysql_field *f = field_at(ix, q);
        n += !(f->word & MYSQL_FIELD_NOT_NULL) && is_stored(f, q, s);
    }
    return (n + 7) / 8;
}

/* A walk down the header bytes of a record. */
struct walk {
    const struct mysql_record_area *area;
    int64_t nulls, lengths; /* next byte of either, going down */
    uint32_t null_bit;
    uint32_t data; /* bytes of the fields so far */
};

static bool next_byte(const struct walk *w, int64_t at, uint8_t *byte)
{
    if (at < (int64_t)w->area->low || at >= (int64_t)w->area->high)
        return false;
    *byte = w->area->p[at];
    return true;
}

static bool next_null(struct walk *w, bool *null)
{
    uint8_t byte;
    if (w->null_bit == 8) {
        w->nulls--;
        w->null_bit = 0;
    }
    if (!next_byte(w, w->nulls, &byte))
        return false;
    *null = byte >> w->null_bit++ & 1;
    return true;
}

static bool next_length(struct walk *w, unsigned word, uint32_t *len)
{
    uint8_t byte, low;
    *len = word & MYSQL_FIELD_LENGTH;
    if (*len != 0 && *len != MYSQL_FIELD_VARIABLE_BIG)
        return true;
    if (!next_byte(w, w->lengths--, &byte))
        return false;
    if (*len == 0 || !(byte & TWO_BYTES)) {
        *len = byte;
        return true;
    }
    if (!next_byte(w, w->lengths--, &low))
        return false;
    *len = (byte & 0x3Fu) << 8 | low;
    return true;
}

static bool walk_field(struct walk *w, const struct redo_mysql_field *f,
                       struct mysql_record_field *out)
{
    *out = (struct mysql_record_field){.at = w->data, .stored = true};
    if (!(f->word & MYSQL_FIELD_NOT_NULL) && !next_null(w, &out->null))
        return false;
    if (!out->null && !next_length(w, f->word, &out->len))
        return false;
    w->data += out->len;
    return true;
}

/* Reads what says which fields are stored; moves w->nulls behind it. */
static bool read_shape(struct shape *s, const struct redo_mysql_index *ix, struct walk *w,
                       uint8_t info)
{
    uint8_t high = 0, low = 0;
    *s = (struct shape){0};
    if (!ix->versioned && !ix->instant)
        return true;
    if (info & MYSQL_INFO_VERSION) {
        s->by_version = true;
        return next_byte(w, w->nulls--, &s->version);
    }
    if (info & MYSQL_INFO_INSTANT) {
        s->by_count = true;
        if (!next_byte(w, w->nulls--, &high))
            return false;
        s->count = high;
        if (!(high & TWO_BYTES))
            return true;
        s->count = (high & 0x7Fu) << 8;
        if (!next_byte(w, w->nulls--, &low))
            return false;
        s->count |= low;
        return true;
    }
    s->by_count = ix->instant;
    s->by_version = !ix->instant;
    s->count = ix->n_inst;
    return true;
}

static bool walk_ordinary(struct walk *w, const struct redo_mysql_index *ix, uint8_t info,
                          uint32_t wanted, struct mysql_record_field *found)
{
    struct shape s;
    if (!read_shape(&s, ix, w, info))
        return false;
    w->lengths = w->nulls - null_bytes(ix, &s);
    for (uint32_t q = 0; q < ix->n; q++) {
        const struct redo_mysql_field *f = field_at(ix, q);
        struct mysql_record_field field = {.at = w->data};
        if (is_stored(f, q, &s) && !walk_field(w, f, &field))
            return false;
        if (ix->logical[q] == wanted)
            *found = field;
    }
    return true;
}

static bool walk_node_pointer(struct walk *w, const struct redo_mysql_index *ix, uint32_t wanted,
                              struct mysql_record_field *found)
{
    const struct shape s = {
        .by_count = ix->instant, .by_version = ix->versioned && !ix->instant, .count = ix->n_inst};
    w->lengths = w->nulls - null_bytes(ix, &s);
    for (uint32_t i = 0; i < ix->n_uniq; i++) {
        struct mysql_record_field field;
        if (!walk_field(w, &ix->fields[i], &field))
            return false;
        if (i == wanted)
            *found = field;
    }
    w->data += NODE_POINTER_CHILD;
    return true;
}

static bool in_area(const struct mysql_record_area *area, uint32_t r,
                    const struct mysql_record_size *size)
{
    return size->extra <= r - area->low && size->data <= area->high - r;
}

static bool compact(struct mysql_record_size *out, const struct redo_mysql_index *ix,
                    const struct mysql_record_area *area, uint32_t r, uint32_t wanted,
                    struct mysql_record_field *found)
{
    const unsigned status = area->p[r - 3] & STATUS_MASK;
    struct walk w = {.area = area, .nulls = (int64_t)r - COMP_EXTRA - 1};
    if (status > MYSQL_STATUS_NODE_POINTER)
        *out = (struct mysql_record_size){COMP_EXTRA, SYSTEM_RECORD_DATA};
    else {
        if (status == MYSQL_STATUS_NODE_POINTER
                ? !walk_node_pointer(&w, ix, wanted, found)
                : !walk_ordinary(&w, ix, area->p[r - COMP_EXTRA], wanted, found))
            return false;
        const int64_t extra = (int64_t)r - (w.lengths + 1);
        if (extra > r)
            return false;
        *out = (struct mysql_record_size){(uint32_t)extra, w.data};
    }
    return in_area(area, r, out);
}

/* --- REDUNDANT -------------------------------------------------------------------------------- */

struct redundant {
    uint32_t n, width, fixed; /* stored fields, bytes of an end offset, bytes in front of them */
    uint8_t version;
};

static uint32_t end_entry(const struct redundant *d, uint32_t r, uint32_t i)
{
    return r - d->fixed - (i + 1) * d->width;
}

static uint32_t end_offset(const struct redundant *d, const uint8_t *p, uint32_t r, uint32_t i)
{
    const uint8_t *entry = p + end_entry(d, r, i);
    return d->width == 1 ? *entry & 0x7Fu : be16(entry) & 0x3FFFu;
}

static bool redundant(struct redundant *d, struct mysql_record_size *out,
                      const struct mysql_record_area *area, uint32_t r)
{
    const uint8_t *p = area->p + r;
    const bool versioned = *(p - REDUNDANT_EXTRA) & MYSQL_INFO_VERSION;
    *d = (struct redundant){.n = (be16(p - 4) & 0x7FE) >> 1,
                            .width = *(p - 3) & 1 ? 1 : 2,
                            .fixed = REDUNDANT_EXTRA + versioned};
    out->extra = d->fixed + d->n * d->width;
    if (d->n == 0 || out->extra > r - area->low)
        return false;
    if (versioned)
        d->version = *(p - REDUNDANT_EXTRA - 1);
    out->data = end_offset(d, area->p, r, d->n - 1);
    return in_area(area, r, out);
}

/* Place among the stored fields of the one with that logical position; NO_FIELD if it is not stored. */
static uint32_t stored_place(const struct redo_mysql_index *ix, const struct redundant *d,
                             uint32_t logical)
{
    const struct shape s = {.by_version = true, .version = d->version};
    uint32_t place = 0;
    if (!ix->versioned)
        return logical;
    if (logical >= ix->n || !is_stored(&ix->fields[logical], 0, &s))
        return NO_FIELD;
    for (uint32_t q = 0; q < ix->fields[logical].phys; q++)
        place += is_stored(field_at(ix, q), q, &s);
    return place;
}

static bool redundant_find(struct mysql_record_field *out, const struct redo_mysql_index *ix,
                           const struct mysql_record_area *area, uint32_t r, uint32_t logical)
{
    struct redundant d;
    struct mysql_record_size size;
    if (!redundant(&d, &size, area, r))
        return false;
    const uint32_t i = stored_place(ix, &d, logical);
    if (i >= d.n)
        return false;
    const uint32_t at = i ? end_offset(&d, area->p, r, i - 1) : 0;
    const uint32_t end = end_offset(&d, area->p, r, i);
    if (end < at || end > area->high - r)
        return false;
    *out = (struct mysql_record_field){
        .at = at, .len = end - at, .stored = true, .end_entry = end_entry(&d, r, i)};
    out->null = area->p[out->end_entry] & 0x80;
    return true;
}

/* --- both ------------------------------------------------------------------------------------- */

static bool header_fits(const struct redo_mysql_index *ix, const struct mysql_record_area *area,
                        uint32_t r)
{
    return r <= area->high && r >= area->low &&
           r - area->low >= (ix->comp ? COMP_EXTRA : REDUNDANT_EXTRA);
}

bool mysql_record_measure(struct mysql_record_size *out, const struct redo_mysql_index *ix,
                          const struct mysql_record_area *area, uint32_t r)
{
    struct mysql_record_field unused;
    struct redundant d;
    if (!header_fits(ix, area, r))
        return false;
    return ix->comp ? compact(out, ix, area, r, NO_FIELD, &unused) : redundant(&d, out, area, r);
}

bool mysql_record_find(struct mysql_record_field *out, const struct redo_mysql_index *ix,
                       const struct mysql_record_area *area, uint32_t r, uint32_t logical)
{
    struct mysql_record_size size;
    *out = (struct mysql_record_field){0};
    if (!header_fits(ix, area, r) || logical >= NO_FIELD)
        return false;
    if (!ix->comp)
        return redundant_find(out, ix, area, r, logical);
    return compact(&size, ix, area, r, logical, out) && out->stored;
}
