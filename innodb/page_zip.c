/* innodb/page_zip.c: see page_zip.h. Field encoding, shapes of records, record 51. */
#include "innodb/page_zip.h"

#include "innodb/fil_page.h"
#include "innodb/index_page.h"
#include "innodb/page_zip_parts.h"
#include "innodb/types.h"

enum {
    CODE_BIG = 0x7E,       /* 0x7F when NOT NULL */
    CODE_TWO_BYTES = 0x80, /* bit of the first byte */
    CODE_MERGED_MAX = 768,
    CODE_LEN_MAX = 0x3FFF,
    COMPRESS_FIXED = 8, /* of record 51: previous and next page */
};

bool page_zip_is_btree(const uint8_t *zip)
{
    const unsigned type = be16(zip + FIL_TYPE);
    return type == FIL_TYPE_INDEX || type == FIL_TYPE_RTREE || type == FIL_TYPE_SDI;
}

/* --- sizes and headers ------------------------------------------------------------------------ */

bool zip_sizes_are_sane(uint32_t page_size, uint32_t zip_size)
{
    return page_size >= INNODB_PAGE_SIZE_MIN && page_size <= PAGE_ZIP_SIZE_MAX &&
           zip_size >= PAGE_ZIP_SIZE_MIN && zip_size <= page_size &&
           (page_size & (page_size - 1)) == 0 && (zip_size & (zip_size - 1)) == 0;
}

uint32_t zip_header_n_dense(const uint8_t *header)
{
    return (be16(header + INDEX_N_HEAP) & ~(uint32_t)INDEX_COMP_FLAG) - ZIP_HEAP_NO_FIRST;
}

const char *zip_header_check(const uint8_t *header, uint32_t page_size)
{
    const uint32_t n_heap = be16(header + INDEX_N_HEAP), top = be16(header + INDEX_HEAP_TOP);
    const uint32_t n_slots = be16(header + INDEX_N_SLOTS);
    if (!page_zip_is_btree(header))
        return "the page is no B-tree page";
    if (!(n_heap & INDEX_COMP_FLAG) || (n_heap & ~(uint32_t)INDEX_COMP_FLAG) < ZIP_HEAP_NO_FIRST)
        return "the B-tree page has no record heap of the compact form";
    if (n_slots < 2 || n_slots > page_size / 2)
        return "the directory of the B-tree page is damaged";
    if (top < COMP_HEAP || top + FIL_TRAILER + 2 * n_slots > page_size)
        return "the record heap of the B-tree page is damaged";
    if (be16(header + INDEX_N_RECS) > zip_header_n_dense(header))
        return "the B-tree page has more records than its heap holds";
    return NULL;
}

/* --- field encoding --------------------------------------------------------------------------- */

uint32_t zip_layout_width(const struct page_zip_layout *layout)
{
    if (!layout->leaf)
        return ZIP_CHILD;
    return layout->trx_id ? ZIP_SYS : 0;
}

static uint32_t code_read(struct reader *r, bool *two_bytes)
{
    const uint32_t b = rd_u8(r);
    *two_bytes = b & CODE_TWO_BYTES;
    return *two_bytes ? (b & ~(uint32_t)CODE_TWO_BYTES) << 8 | rd_u8(r) : b;
}

/* Only codes of one byte have other meanings than a length. */
static struct page_zip_field field_of_code(uint32_t code, bool two_bytes)
{
    const bool nullable = !(code & 1);
    if (!two_bytes && code <= 1)
        return (struct page_zip_field){.nullable = nullable};
    if (!two_bytes && code >= CODE_BIG)
        return (struct page_zip_field){.nullable = nullable, .big = true};
    return (struct page_zip_field){.fixed = (uint16_t)(code >> 1), .nullable = nullable};
}

/* The last value of the encoding. */
static const char *layout_finish(struct page_zip_layout *layout, uint32_t last)
{
    if (!layout->leaf) {
        if (last < layout->n_nullable)
            return "the fields of the compressed page have more nullable ones than the index";
        layout->n_nullable = (uint16_t)last;
        return NULL;
    }
    layout->trx_id = (uint16_t)last;
    if (last == 0)
        return NULL;
    if (last >= layout->n_fields || layout->fields[last].nullable ||
        layout->fields[last].fixed < ZIP_SYS)
        return "the field of the compressed page that should be DB_TRX_ID cannot be it";
    return NULL;
}

const char *zip_layout_read(struct page_zip_layout *layout, const uint8_t *encoding, uint32_t len,
                            bool leaf)
{
    struct reader r = reader_of(encoding, len);
    if (len == 0 || len > sizeof layout->encoding)
        return "the field encoding of the compressed page has an impossible length";
    layout->leaf = leaf;
    layout->n_fields = layout->n_nullable = layout->trx_id = 0;
    layout->encoding_len = (uint16_t)len;
    memcpy(layout->encoding, encoding, len);
    for (;;) {
        bool two_bytes;
        const uint32_t code = code_read(&r, &two_bytes);
        if (r.ran_out)
            return "the field encoding of the compressed page is cut off";
        if (rd_left(&r) == 0)
            return layout->n_fields ? layout_finish(layout, code)
                                    : "the compressed page has no fields";
        if (layout->n_fields == PAGE_ZIP_FIELDS_MAX)
            return "the compressed page has too many fields";
        if (two_bytes && code <= 1)
            return "the compressed page has a field without length";
        const struct page_zip_field f = field_of_code(code, two_bytes);
        layout->n_nullable = (uint16_t)(layout->n_nullable + f.nullable);
        layout->fields[layout->n_fields++] = f;
    }
}

struct encoding {
    uint8_t *p;
    uint32_t n_fields;
    uint32_t merged; /* length of the fixed NOT NULL fields not written yet */
};

static void code_write(struct encoding *e, uint32_t code, bool two_bytes)
{
    if (two_bytes)
        *e->p++ = (uint8_t)(CODE_TWO_BYTES | code >> 8);
    *e->p++ = (uint8_t)code;
}

static void field_write(struct encoding *e, uint32_t code)
{
    code_write(e, code, code > (CODE_BIG | 1));
    e->n_fields++;
}

static void fixed_write(struct encoding *e, uint32_t len, bool not_null)
{
    const uint32_t code = len << 1 | not_null;
    code_write(e, code, code >= CODE_BIG);
    e->n_fields++;
}

static void merged_write(struct encoding *e)
{
    if (e->merged)
        fixed_write(e, e->merged, true);
    e->merged = 0;
}

static void word_write(struct encoding *e, uint32_t word)
{
    const bool not_null = word & MYSQL_FIELD_NOT_NULL;
    const uint32_t len = word & MYSQL_FIELD_LENGTH;
    const bool variable = len == 0 || len == MYSQL_FIELD_VARIABLE_BIG;
    if (!variable && not_null) {
        if (e->merged + len > CODE_MERGED_MAX)
            merged_write(e);
        e->merged += len;
        return;
    }
    merged_write(e);
    if (variable)
        field_write(e, (len ? CODE_BIG : 0u) | not_null);
    else
        fixed_write(e, len, false);
}

static const char *index_check(const struct redo_mysql_index *index, uint32_t n)
{
    if (!index->comp || index->versioned || index->instant)
        return "the described index cannot be one of a COMPRESSED table";
    if (n == 0 || n > index->n || index->n > MYSQL_FIELDS_MAX)
        return "the described index has an impossible number of fields";
    for (uint32_t i = 0; i < index->n; i++) {
        const uint32_t len = index->fields[i].word & MYSQL_FIELD_LENGTH;
        if (len != MYSQL_FIELD_VARIABLE_BIG && len > CODE_LEN_MAX)
            return "the described index has a field longer than a page";
    }
    return NULL;
}

const char *page_zip_layout_of_index(struct page_zip_layout *layout,
                                     const struct redo_mysql_index *index, bool leaf)
{
    const uint32_t n = leaf ? index->n : index->n_uniq;
    const uint32_t trx_id = leaf && index->n_uniq < index->n ? index->n_uniq : 0;
    uint8_t bytes[sizeof layout->encoding];
    struct encoding e = {.p = bytes};
    uint32_t last = 0;
    const char *why = index_check(index, n);
    if (why)
        return why;
    for (uint32_t i = 0; i < n; i++) {
        if (trx_id && i == trx_id) {
            merged_write(&e);
            last = e.n_fields;
        }
        word_write(&e, index->fields[i].word);
    }
    merged_write(&e);
    for (uint32_t i = 0; !leaf && i < index->n; i++)
        last += !(index->fields[i].word & MYSQL_FIELD_NOT_NULL);
    code_write(&e, last, last >= CODE_TWO_BYTES);
    layout->log_begin = layout->log_end = 0;
    return zip_layout_read(layout, bytes, (uint32_t)(e.p - bytes), leaf);
}

/* --- shapes ----------------------------------------------------------------------------------- */

static bool add_hole(struct zip_shape *s, uint32_t at, uint32_t len)
{
    if (s->n_holes == ZIP_HOLES_MAX || at > PAGE_ZIP_SIZE_MAX)
        return false;
    s->holes[s->n_holes++] = (struct zip_hole){(uint16_t)at, (uint16_t)len};
    s->visible -= len;
    return true;
}

/* Length bytes of a variable field. */
static bool length_read(const struct page_zip_field *f, const uint8_t *p, int step, uint32_t avail,
                        uint32_t *at, uint32_t *len, bool *external)
{
    if (*at == avail)
        return false;
    *len = p[step * (int)(*at)++];
    if (!f->big || !(*len & 0x80))
        return true;
    if (*at == avail)
        return false;
    *external = *len & 0x40;
    *len = (*len & 0x3F) << 8 | p[step * (int)(*at)++];
    return true;
}

bool zip_shape_read(struct zip_shape *out, const struct page_zip_layout *layout, const uint8_t *p,
                    int step, uint32_t avail)
{
    uint32_t at = (layout->n_nullable + 7u) / 8, null = 0;
    out->data = out->visible = out->n_holes = 0;
    if (at > avail)
        return false;
    for (uint32_t i = 0; i < layout->n_fields; i++) {
        const struct page_zip_field *f = &layout->fields[i];
        uint32_t len = f->fixed;
        bool external = false;
        if (f->nullable) {
            const uint32_t bit = null++;
            if (p[step * (int)(bit >> 3)] >> (bit & 7) & 1)
                continue;
        }
        if (!len && !length_read(f, p, step, avail, &at, &len, &external))
            return false;
        out->visible += len;
        if (layout->trx_id && i == layout->trx_id && !add_hole(out, out->data, ZIP_SYS))
            return false;
        out->data += len;
        if (external &&
            (!layout->trx_id || len < ZIP_BLOB || !add_hole(out, out->data - ZIP_BLOB, ZIP_BLOB)))
            return false;
    }
    out->extra = at;
    if (layout->leaf)
        return out->data <= PAGE_ZIP_SIZE_MAX;
    out->visible += ZIP_CHILD;
    out->data += ZIP_CHILD;
    return add_hole(out, out->data - ZIP_CHILD, ZIP_CHILD);
}

bool zip_shape_in_frame(struct zip_shape *out, const struct page_zip_layout *layout,
                        const uint8_t *frame, uint32_t r, uint32_t floor, uint32_t ceiling)
{
    if (r < floor + COMP_EXTRA || r > ceiling)
        return false;
    return zip_shape_read(out, layout, frame + r - COMP_EXTRA - 1, -1, r - COMP_EXTRA - floor) &&
           out->data <= ceiling - r;
}

uint32_t zip_shape_pick(const struct zip_shape *shape, uint8_t *out, const uint8_t *data)
{
    uint32_t from = 0, n = 0;
    for (uint32_t i = 0; i <= shape->n_holes; i++) {
        const uint32_t to = i < shape->n_holes ? shape->holes[i].at : shape->data;
        memcpy(out + n, data + from, to - from);
        n += to - from;
        from = i < shape->n_holes ? to + shape->holes[i].len : to;
    }
    return n;
}

uint32_t zip_shape_fill(const struct zip_shape *shape, uint8_t *data, const uint8_t *in)
{
    uint32_t from = 0, n = 0;
    for (uint32_t i = 0; i <= shape->n_holes; i++) {
        const uint32_t to = i < shape->n_holes ? shape->holes[i].at : shape->data;
        memcpy(data + from, in + n, to - from);
        n += to - from;
        from = i < shape->n_holes ? to + shape->holes[i].len : to;
    }
    return n;
}

/* --- records ---------------------------------------------------------------------------------- */

bool zip_records_mark(struct zip_records *records, uint32_t origin, enum zip_kind kind)
{
    if (records->kinds[origin] != ZIP_KIND_NONE)
        return false;
    records->kinds[origin] = (uint8_t)kind;
    return true;
}

void zip_records_sort(struct zip_records *records)
{
    records->n = 0;
    for (uint32_t r = 0; r <= ZIP_SLOT_ORIGIN; r++)
        if (records->kinds[r] != ZIP_KIND_NONE)
            records->origins[records->n++] = (uint16_t)r;
}

uint32_t zip_records_floor(const struct zip_records *records, uint32_t k)
{
    return k ? records->origins[k - 1] : COMP_HEAP;
}

uint32_t zip_records_ceiling(const struct zip_records *records, uint32_t k, uint32_t heap_top)
{
    return k + 1 < records->n ? records->origins[k + 1] - (uint32_t)COMP_EXTRA : heap_top;
}

/* --- record 51 -------------------------------------------------------------------------------- */

const char *page_zip_apply_compress(uint8_t *zip, uint32_t zip_size, struct reader *body)
{
    const uint32_t n = rd_be16(body), trailer = rd_be16(body);
    const uint8_t *links = rd_bytes(body, COMPRESS_FIXED);
    const uint8_t *image = rd_bytes(body, n), *end = rd_bytes(body, trailer);
    if (body->ran_out)
        return "a compressed page image that is cut off";
    if (n < ZIP_STREAM - FIL_TYPE || FIL_TYPE + n + trailer > zip_size)
        return "a compressed page image that does not fit the page";
    memcpy(zip + FIL_PAGE_NO + 4, links, COMPRESS_FIXED);
    memcpy(zip + FIL_TYPE, image, n);
    memset(zip + FIL_TYPE + n, 0, zip_size - trailer - FIL_TYPE - n);
    memcpy(zip + zip_size - trailer, end, trailer);
    return NULL;
}
