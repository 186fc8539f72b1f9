/* innodb/page_zip_encode.c: frame to zip image, see page_zip.h. */
#define ZLIB_CONST
#include <zlib.h>

#include "innodb/fil_page.h"
#include "innodb/index_page.h"
#include "innodb/page_zip_parts.h"

enum {
    LEVEL_DEFAULT = 6,
    MEMORY_MAX = 9, /* of deflate: the largest blocks, as the server */
    LEAVE_OUT_PARTS = 8,
    LOG_SHORT = 0x80, /* entry codes below take one byte */
};

struct zipper {
    const struct page_zip_layout *layout;
    const uint8_t *frame;
    uint32_t page_size, zip_size, heap_top;
    uint32_t trailer; /* bytes */
    uint32_t room;    /* for stream and log, without the 0 that ends it */
    struct zip_records records;
    uint16_t dense[ZIP_RECORDS_MAX];
    uint8_t out[PAGE_ZIP_SIZE_MAX];
};

/* --- the frame, checked ----------------------------------------------------------------------- */

static uint32_t next_of(const struct zipper *z, uint32_t r)
{
    const uint32_t next = be16(z->frame + r - 2);
    return next ? (r + next) & 0xFFFF : 0;
}

static bool is_record(const struct zipper *z, uint32_t r)
{
    return r >= COMP_HEAP + COMP_EXTRA && r <= z->heap_top;
}

static const char *gather_live(struct zipper *z, uint32_t n_live)
{
    uint32_t r = COMP_INFIMUM, n_owned = 0;
    for (uint32_t i = 0; i < n_live; i++) {
        r = next_of(z, r);
        if (!is_record(z, r) || !zip_records_mark(&z->records, r, ZIP_KIND_LIVE))
            return "the record list of the page to compress is broken";
        const uint8_t info = z->frame[r - COMP_EXTRA];
        const bool owner = info & 0x0F;
        z->dense[i] = (uint16_t)(r | (owner ? ZIP_SLOT_OWNED : 0) |
                                 (info & ZIP_INFO_DELETED ? ZIP_SLOT_DELETED : 0));
        n_owned += owner;
    }
    if (next_of(z, r) != COMP_SUPREMUM)
        return "the record list of the page to compress is longer than its header says";
    return n_owned + 2 == be16(z->frame + INDEX_N_SLOTS)
               ? NULL
               : "the directory of the page to compress has another number of groups than its list";
}

static const char *gather_free(struct zipper *z, uint32_t n_live, uint32_t n)
{
    uint32_t r = be16(z->frame + INDEX_FREE);
    for (uint32_t i = n_live; i < n; i++) {
        if (!is_record(z, r) || !zip_records_mark(&z->records, r, ZIP_KIND_FREE))
            return "the free list of the page to compress is broken";
        z->dense[i] = (uint16_t)r;
        r = next_of(z, r);
    }
    return r == 0 ? NULL : "the free list of the page to compress is longer than its heap";
}

/* Shape of record k, whose neighbours were checked by gather_shapes. */
static bool shape_of(struct zip_shape *out, const struct zipper *z, const uint8_t *frame,
                     uint32_t k)
{
    return zip_shape_in_frame(out, z->layout, frame, z->records.origins[k],
                              zip_records_floor(&z->records, k),
                              zip_records_ceiling(&z->records, k, z->heap_top));
}

static const char *gather_shapes(struct zipper *z)
{
    struct zip_shape shape;
    uint32_t n_blobs = 0, end = COMP_HEAP;
    for (uint32_t k = 0; k < z->records.n; k++) {
        const uint32_t r = z->records.origins[k];
        if (!shape_of(&shape, z, z->frame, k) || r - COMP_EXTRA - shape.extra < end)
            return "a record of the page to compress does not fit its place";
        if (be16(z->frame + r - 4) >> 3 != k + ZIP_HEAP_NO_FIRST)
            return "the heap numbers of the page to compress are not in the order of addresses";
        if (z->records.kinds[r] == ZIP_KIND_LIVE && z->layout->trx_id)
            n_blobs += shape.n_holes - 1;
        end = r + shape.data;
    }
    z->trailer = z->records.n * (ZIP_SLOT + zip_layout_width(z->layout)) + n_blobs * ZIP_BLOB;
    return NULL;
}

/* Everything about the frame: after it, all records are known to be sane. */
static const char *gather(struct zipper *z)
{
    const char *why = zip_header_check(z->frame, z->page_size);
    if (why)
        return why;
    const uint32_t n = zip_header_n_dense(z->frame), n_live = be16(z->frame + INDEX_N_RECS);
    if (n > ZIP_RECORDS_MAX)
        return "the page to compress has too many records";
    if (z->layout->leaf != (be16(z->frame + INDEX_LEVEL) == 0))
        return "the page to compress is of another level than its fields";
    z->heap_top = be16(z->frame + INDEX_HEAP_TOP);
    memset(z->records.kinds, ZIP_KIND_NONE, sizeof z->records.kinds);
    if ((why = gather_live(z, n_live)) || (why = gather_free(z, n_live, n)))
        return why;
    zip_records_sort(&z->records);
    return gather_shapes(z);
}

/* --- stream ----------------------------------------------------------------------------------- */

/* The heap with holes, up to where record n_records begins: bytes. */
static uint32_t pack_heap(const struct zipper *z, uint8_t *out, uint32_t n_records)
{
    struct zip_shape shape;
    uint32_t at = COMP_HEAP, n = 0;
    for (uint32_t k = 0; k <= n_records; k++) {
        const bool last = k == z->records.n;
        const uint32_t r = last ? z->heap_top : z->records.origins[k] - (uint32_t)COMP_EXTRA;
        uint32_t to = r;
        if (!last && shape_of(&shape, z, z->frame, k) && k == n_records)
            to -= shape.extra;
        memcpy(out + n, z->frame + at, to - at);
        n += to - at;
        if (k == n_records)
            break;
        n += zip_shape_pick(&shape, out + n, z->frame + r + COMP_EXTRA);
        at = r + COMP_EXTRA + shape.data;
    }
    return n;
}

static int window_bits(uint32_t page_size)
{
    return __builtin_ctz(page_size);
}

/* Bytes of the stream written behind the header, 0 if there is no room. */
static uint32_t deflate_heap(struct zipper *z, const uint8_t *heap, uint32_t n, int level,
                             int memory)
{
    z_stream s = {.next_out = z->out + ZIP_STREAM, .avail_out = z->room};
    bool fits = false;
    if (deflateInit2(&s, level, Z_DEFLATED, window_bits(z->page_size), memory,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    s.next_in = z->layout->encoding;
    s.avail_in = z->layout->encoding_len;
    if (deflate(&s, Z_FULL_FLUSH) == Z_OK && s.avail_in == 0 && s.avail_out > 0) {
        s.next_in = heap;
        s.avail_in = n;
        fits = deflate(&s, Z_FINISH) == Z_STREAM_END;
    }
    const uint32_t len = (uint32_t)s.total_out;
    deflateEnd(&s);
    return fits ? len : 0;
}

/* --- log and trailer -------------------------------------------------------------------------- */

static uint32_t entry_code_size(uint32_t code)
{
    return code < LOG_SHORT ? 1 : 2;
}

/* Appends one entry to the log at *at; false if there is no room. */
static bool log_put(struct zipper *z, uint32_t *at, uint32_t k, bool clear,
                    const struct zip_shape *shape)
{
    const uint32_t code = (k + 1) << 1 | clear;
    const uint32_t n = entry_code_size(code) + (clear ? 0 : shape->extra + shape->visible);
    const uint8_t *rec = z->frame + z->records.origins[k];
    if (*at + n > ZIP_STREAM + z->room)
        return false;
    uint8_t *p = z->out + *at;
    *at += n;
    if (code >= LOG_SHORT)
        *p++ = (uint8_t)(LOG_SHORT | code >> 8);
    *p++ = (uint8_t)code;
    if (clear)
        return true;
    for (uint32_t i = 0; i < shape->extra; i++)
        *p++ = rec[-COMP_EXTRA - 1 - (int)i];
    zip_shape_pick(shape, p, rec);
    return true;
}

/* Whether the frame's record has the same bytes in `base`; *cleared: whether zeroing makes it so. */
static bool record_is(const struct zipper *z, const struct zip_shape *shape, uint32_t k,
                      const uint8_t *base, bool *cleared)
{
    uint8_t is[PAGE_ZIP_SIZE_MAX], was[PAGE_ZIP_SIZE_MAX];
    const uint32_t r = z->records.origins[k], start = r - COMP_EXTRA - shape->extra;
    const bool same_extra = memcmp(z->frame + start, base + start, shape->extra) == 0;
    const uint32_t n = zip_shape_pick(shape, is, z->frame + r);
    zip_shape_pick(shape, was, base + r);
    *cleared = same_extra && bytes_are_zero(is, n);
    return same_extra && memcmp(is, was, n) == 0;
}

/* Notes what the stream, which says `base` and holds n_streamed records, does not say. Without
 * `exact`, free records stay as the stream has them. Returns the end of the log, 0 if there is no
 * room. */
static uint32_t write_log(struct zipper *z, uint32_t at, const uint8_t *base, uint32_t n_streamed,
                          bool exact)
{
    struct zip_shape shape;
    for (uint32_t k = 0; k < z->records.n; k++) {
        bool cleared = false;
        const bool streamed = k < n_streamed;
        if (streamed && !exact && z->records.kinds[z->records.origins[k]] == ZIP_KIND_FREE)
            continue;
        if (!shape_of(&shape, z, z->frame, k))
            return 0;
        if (streamed && record_is(z, &shape, k, base, &cleared))
            continue;
        if (!log_put(z, &at, k, cleared, &shape))
            return 0;
    }
    return at;
}

static void write_trailer(struct zipper *z)
{
    const uint32_t n = z->records.n, width = zip_layout_width(z->layout);
    struct zip_shape shape;
    uint32_t column = z->zip_size - n * ZIP_SLOT, blob = column - n * width;
    for (uint32_t i = 0; i < n; i++)
        put_be16(z->out + z->zip_size - ZIP_SLOT * (i + 1), z->dense[i]);
    for (uint32_t k = 0; k < n && width; k++) {
        const uint32_t r = z->records.origins[k];
        shape_of(&shape, z, z->frame, k);
        column -= width;
        for (uint32_t i = 0; i < shape.n_holes; i++) {
            const uint8_t *from = z->frame + r + shape.holes[i].at;
            if (shape.holes[i].len != ZIP_BLOB)
                memcpy(z->out + column, from, width);
            else if (z->records.kinds[r] == ZIP_KIND_LIVE)
                memcpy(z->out + (blob -= ZIP_BLOB), from, ZIP_BLOB);
        }
    }
}

/* Everything around stream and log, which end at `end`. */
static void finish(struct zipper *z, uint8_t *zip, uint32_t end)
{
    memcpy(z->out, z->frame, ZIP_STREAM);
    memset(z->out + end, 0, z->zip_size - z->trailer - end);
    write_trailer(z);
    memcpy(zip, z->out, z->zip_size);
}

/* --- the ways to make it fit ------------------------------------------------------------------ */

/* 1: the level asked for and the best first. Smaller memory makes shorter blocks, whose codes suit
 * heaps of unequal parts better. */
static uint32_t whole_stream(struct zipper *z, int level)
{
    static const struct {
        int level, memory;
    } others[] = {{9, MEMORY_MAX}, {8, MEMORY_MAX}, {7, MEMORY_MAX}, {6, MEMORY_MAX},
                  {9, 7},          {9, 6},          {9, 5},          {9, 4},
                  {9, 3},          {5, MEMORY_MAX}, {1, MEMORY_MAX}};
    uint8_t heap[PAGE_ZIP_SIZE_MAX];
    const uint32_t n = pack_heap(z, heap, z->records.n);
    uint32_t len = deflate_heap(z, heap, n, level, MEMORY_MAX);
    for (uint32_t i = 0; !len && i < sizeof others / sizeof others[0]; i++)
        len = deflate_heap(z, heap, n, others[i].level, others[i].memory);
    return len ? ZIP_STREAM + len : 0;
}

/* Whether the image made says of every record that is not free what the frame says. */
static bool is_faithful(struct zipper *z, uint32_t end)
{
    uint8_t image[PAGE_ZIP_SIZE_MAX], frame[PAGE_ZIP_SIZE_MAX];
    struct page_zip_layout layout;
    struct zip_shape shape;
    finish(z, image, end);
    if (page_zip_decode(&layout, frame, z->page_size, image, z->zip_size))
        return false;
    for (uint32_t k = 0; k < z->records.n; k++) {
        const uint32_t r = z->records.origins[k];
        if (z->records.kinds[r] == ZIP_KIND_FREE)
            continue;
        shape_of(&shape, z, z->frame, k);
        const uint32_t start = r - COMP_EXTRA - shape.extra;
        if (memcmp(frame + start, z->frame + start, r + shape.data - start) != 0)
            return false;
    }
    return true;
}

/* Whether the older image's stream can be read by the frame's directory. */
static bool is_same_heap(const struct zipper *z, const struct zip_records *old,
                         const struct page_zip_layout *layout, uint32_t n_streamed)
{
    return layout->encoding_len == z->layout->encoding_len && layout->leaf == z->layout->leaf &&
           memcmp(layout->encoding, z->layout->encoding, layout->encoding_len) == 0 &&
           n_streamed <= z->records.n &&
           memcmp(old->origins, z->records.origins, n_streamed * sizeof old->origins[0]) == 0;
}

/* 2: the stream of the older image. */
static uint32_t old_stream(struct zipper *z, const uint8_t *zip)
{
    struct page_zip_layout layout;
    struct zip_records old;
    uint8_t base[PAGE_ZIP_SIZE_MAX];
    uint32_t n_streamed = 0, end;
    if (zip_decode_stream(&layout, &old, &n_streamed, base, z->page_size, zip, z->zip_size) ||
        !is_same_heap(z, &old, &layout, n_streamed) || layout.log_begin > ZIP_STREAM + z->room)
        return 0;
    memcpy(z->out + ZIP_STREAM, zip + ZIP_STREAM, layout.log_begin - (uint32_t)ZIP_STREAM);
    end = write_log(z, layout.log_begin, base, n_streamed, true);
    if (!end)
        end = write_log(z, layout.log_begin, base, n_streamed, false);
    return end && is_faithful(z, end) ? end : 0;
}

/* 3: ever more of the heap's end in the log. */
static uint32_t short_stream(struct zipper *z, int level)
{
    uint8_t heap[PAGE_ZIP_SIZE_MAX];
    for (uint32_t part = 1; part <= LEAVE_OUT_PARTS; part++) {
        const uint32_t n_streamed = z->records.n - z->records.n * part / LEAVE_OUT_PARTS;
        const uint32_t n = pack_heap(z, heap, n_streamed);
        const uint32_t len = deflate_heap(z, heap, n, level, MEMORY_MAX);
        const uint32_t end = len ? write_log(z, ZIP_STREAM + len, z->frame, n_streamed, true) : 0;
        if (end && is_faithful(z, end))
            return end;
    }
    return 0;
}

const char *page_zip_encode(const struct page_zip_layout *layout, uint8_t *zip, uint32_t zip_size,
                            const uint8_t *frame, uint32_t page_size, int level)
{
    struct zipper z = {
        .layout = layout, .frame = frame, .page_size = page_size, .zip_size = zip_size};
    if (!zip_sizes_are_sane(page_size, zip_size))
        return "impossible sizes of a compressed page";
    const char *why = gather(&z);
    if (why)
        return why;
    if (ZIP_STREAM + 1 + z.trailer >= zip_size)
        return "the records of the page have no room in a compressed page";
    z.room = zip_size - ZIP_STREAM - 1 - z.trailer;
    const int first = level == PAGE_ZIP_NO_LEVEL ? LEVEL_DEFAULT : level;
    uint32_t end = whole_stream(&z, first);
    if (!end)
        end = old_stream(&z, zip);
    if (!end)
        end = short_stream(&z, first);
    if (!end)
        return "the page does not fit its compressed size";
    finish(&z, zip, end);
    return NULL;
}
