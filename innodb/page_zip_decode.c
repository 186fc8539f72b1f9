/* innodb/page_zip_decode.c: zip image to frame, see page_zip.h. */
#define ZLIB_CONST
#include <zlib.h>

#include "innodb/fil_page.h"
#include "innodb/index_page.h"
#include "innodb/page_zip_parts.h"
#include "innodb/types.h"

enum {
    PREV_PAGE = 8,
    LINK_NONE = 0,
};

struct unzip {
    struct page_zip_layout *layout;
    struct zip_records *records;
    uint8_t *frame;
    uint32_t page_size;
    const uint8_t *zip;
    uint32_t zip_size;
    uint32_t n_live;
    uint32_t heap_top;
    uint32_t n_known;    /* records that have a heap number */
    uint32_t n_streamed; /* records whose contents the stream holds */
};

static uint32_t dense(const struct unzip *u, uint32_t i)
{
    return be16(u->zip + u->zip_size - ZIP_SLOT * (i + 1));
}

/* --- dense directory -------------------------------------------------------------------------- */

static const char *read_dense(struct unzip *u)
{
    const uint32_t n = zip_header_n_dense(u->zip);
    uint32_t n_owned = 0;
    if (ZIP_STREAM + ZIP_SLOT * n >= u->zip_size)
        return "the directory of the compressed page is larger than the page";
    memset(u->records->kinds, ZIP_KIND_NONE, sizeof u->records->kinds);
    for (uint32_t i = 0; i < n; i++) {
        const bool live = i < u->n_live;
        const uint32_t slot = dense(u, i), r = slot & ZIP_SLOT_ORIGIN;
        if (r < COMP_HEAP + COMP_EXTRA || r > u->heap_top)
            return "the directory of the compressed page points outside the heap";
        if (!live && slot != r)
            return "the free list of the compressed page has flags";
        if (!zip_records_mark(u->records, r, live ? ZIP_KIND_LIVE : ZIP_KIND_FREE))
            return "the directory of the compressed page names a record twice";
        n_owned += !!(slot & ZIP_SLOT_OWNED);
    }
    if (n_owned + 2 != be16(u->zip + INDEX_N_SLOTS))
        return "the directory of the compressed page has another number of groups than its header";
    if (be16(u->zip + INDEX_FREE) != (n > u->n_live ? dense(u, u->n_live) : LINK_NONE))
        return "the free list of the compressed page does not begin where its header says";
    zip_records_sort(u->records);
    return NULL;
}

/* --- stream ----------------------------------------------------------------------------------- */

/* The zlib header, then the first block, ends of which Z_BLOCK stops at. */
static bool inflate_encoding(z_stream *z, uint8_t *out, uint32_t max)
{
    z->next_out = out;
    z->avail_out = max;
    return inflate(z, Z_BLOCK) == Z_OK && z->total_out == 0 && inflate(z, Z_BLOCK) == Z_OK;
}

/* Inflates both parts; the heap's bytes go to `heap`, *n of them. */
static const char *inflate_all(struct unzip *u, uint8_t *heap, uint32_t *n)
{
    uint8_t encoding[sizeof u->layout->encoding + 1];
    const uint32_t taken = ZIP_STREAM + ZIP_SLOT * u->records->n;
    z_stream z = {.next_in = (z_const Bytef *)u->zip + ZIP_STREAM, .avail_in = u->zip_size - taken};
    const char *why = NULL;
    if (inflateInit(&z) != Z_OK)
        return "not enough memory to decompress a page";
    if (!inflate_encoding(&z, encoding, sizeof encoding)) {
        why = "the compressed page has no readable field encoding";
    } else {
        why = zip_layout_read(u->layout, encoding, (uint32_t)z.total_out,
                              be16(u->zip + INDEX_LEVEL) == 0);
        const uLong before = z.total_out;
        z.next_out = heap;
        z.avail_out = u->heap_top - COMP_HEAP;
        if (!why && inflate(&z, Z_FINISH) != Z_STREAM_END)
            why = "the stream of the compressed page is damaged or longer than its heap";
        *n = (uint32_t)(z.total_out - before);
        u->layout->log_begin = (uint16_t)(ZIP_STREAM + z.total_in);
    }
    inflateEnd(&z);
    return why;
}

static void set_heap_no(struct unzip *u, uint32_t k)
{
    const uint32_t status = u->layout->leaf ? 0 : ZIP_STATUS_NODE;
    put_be16(u->frame + u->records->origins[k] - 4,
             (uint16_t)((k + ZIP_HEAP_NO_FIRST) << 3 | status));
}

/* Puts the stream's bytes where they belong. A record whose header begins where they end has its
 * contents in the log, like all above it. */
static const char *place_heap(struct unzip *u, const uint8_t *heap, uint32_t n)
{
    struct zip_shape shape;
    uint32_t at = COMP_HEAP, k = 0;
    for (; k < u->records->n; k++) {
        const uint32_t r = u->records->origins[k];
        if (r < at + COMP_EXTRA)
            return "records of the compressed page overlap";
        const uint32_t gap = r - COMP_EXTRA - at;
        if (gap > n)
            break;
        memcpy(u->frame + at, heap, gap);
        if (!zip_shape_in_frame(&shape, u->layout, u->frame, r, at,
                                zip_records_ceiling(u->records, k, u->heap_top)))
            return "a record of the compressed page does not fit its place";
        heap += gap;
        n -= gap;
        if (n == 0 && shape.visible)
            break;
        if (shape.visible > n)
            return "the stream of the compressed page ends inside a record";
        n -= zip_shape_fill(&shape, u->frame + r, heap);
        heap += shape.visible;
        at = r + shape.data;
    }
    u->n_streamed = k;
    if (n > u->heap_top - at)
        return "the stream of the compressed page is longer than its heap";
    memcpy(u->frame + at, heap, n);
    return NULL;
}

static const char *decode_stream(struct unzip *u)
{
    uint8_t heap[PAGE_ZIP_SIZE_MAX];
    uint32_t n;
    if (!zip_sizes_are_sane(u->page_size, u->zip_size))
        return "impossible sizes of a compressed page";
    const char *why = zip_header_check(u->zip, u->page_size);
    if (why)
        return why;
    u->n_live = be16(u->zip + INDEX_N_RECS);
    u->heap_top = be16(u->zip + INDEX_HEAP_TOP);
    memset(u->frame, 0, u->page_size);
    memcpy(u->frame, u->zip, ZIP_STREAM);
    if ((why = read_dense(u)) || (why = inflate_all(u, heap, &n)) || (why = place_heap(u, heap, n)))
        return why;
    for (uint32_t k = 0; k < u->n_streamed; k++)
        set_heap_no(u, k);
    return NULL;
}

const char *zip_decode_stream(struct page_zip_layout *layout, struct zip_records *records,
                              uint32_t *n_streamed, uint8_t *frame, uint32_t page_size,
                              const uint8_t *zip, uint32_t zip_size)
{
    struct unzip u = {.layout = layout,
                      .records = records,
                      .frame = frame,
                      .page_size = page_size,
                      .zip = zip,
                      .zip_size = zip_size};
    const char *why = decode_stream(&u);
    *n_streamed = u.n_streamed;
    return why;
}

/* --- modification log ------------------------------------------------------------------------- */

static const char *clear_record(struct unzip *u, uint32_t k)
{
    struct zip_shape shape;
    const uint32_t r = u->records->origins[k];
    if (!zip_shape_in_frame(&shape, u->layout, u->frame, r, zip_records_floor(u->records, k),
                            zip_records_ceiling(u->records, k, u->heap_top)))
        return "the modification log clears a record that does not fit its place";
    memset(u->frame + r, 0, shape.data);
    return NULL;
}

static const char *log_record(struct unzip *u, struct reader *log, uint32_t k)
{
    struct zip_shape shape;
    const uint32_t r = u->records->origins[k];
    if (!zip_shape_read(&shape, u->layout, log->p, 1, (uint32_t)rd_left(log)))
        return "the modification log holds a record that makes no sense";
    if (r < zip_records_floor(u->records, k) + COMP_EXTRA + shape.extra ||
        r + shape.data > zip_records_ceiling(u->records, k, u->heap_top))
        return "the modification log holds a record that does not fit its place";
    const uint8_t *extra = rd_bytes(log, shape.extra), *data = rd_bytes(log, shape.visible);
    if (!data)
        return "the modification log of the compressed page is cut off";
    for (uint32_t i = 0; i < shape.extra; i++)
        u->frame[r - COMP_EXTRA - 1 - i] = extra[i];
    zip_shape_fill(&shape, u->frame + r, data);
    return NULL;
}

static const char *log_entry(struct unzip *u, struct reader *log, uint32_t code)
{
    const bool clear = code & 1;
    const uint32_t number = code >> 1; /* heap number - 1 */
    if (number == 0 || number > u->records->n || number > u->n_known + 1 ||
        (clear && number > u->n_known))
        return "the modification log of the compressed page names an impossible record";
    if (number > u->n_known)
        u->n_known = number;
    set_heap_no(u, number - 1);
    return clear ? clear_record(u, number - 1) : log_record(u, log, number - 1);
}

static const char *apply_log(struct unzip *u)
{
    const uint32_t fixed = u->records->n * (ZIP_SLOT + zip_layout_width(u->layout));
    if (u->layout->log_begin + fixed >= u->zip_size)
        return "the stream of the compressed page overlaps its trailer";
    struct reader log =
        reader_of(u->zip + u->layout->log_begin, u->zip_size - fixed - u->layout->log_begin);
    u->n_known = u->n_streamed;
    for (;;) {
        uint32_t code = rd_u8(&log);
        if (code & 0x80)
            code = (code & 0x7F) << 8 | rd_u8(&log);
        if (log.ran_out)
            return "the modification log of the compressed page is cut off";
        if (code == 0)
            break;
        const char *why = log_entry(u, &log, code);
        if (why)
            return why;
    }
    u->layout->log_end = (uint16_t)(log.p - u->zip - 1);
    return u->n_known == u->records->n ? NULL : "the compressed page lacks some of its records";
}

/* --- trailer and links ------------------------------------------------------------------------ */

static const char *fill_holes(struct unzip *u)
{
    const uint32_t n = u->records->n, width = zip_layout_width(u->layout);
    uint32_t column = u->zip_size - n * ZIP_SLOT, blob = column - n * width;
    struct zip_shape shape;
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t r = u->records->origins[k];
        if (!zip_shape_in_frame(&shape, u->layout, u->frame, r, zip_records_floor(u->records, k),
                                zip_records_ceiling(u->records, k, u->heap_top)))
            return "a record of the compressed page does not fit its place";
        column -= width;
        for (uint32_t i = 0; i < shape.n_holes; i++) {
            const struct zip_hole *hole = &shape.holes[i];
            uint8_t *to = u->frame + r + hole->at;
            if (hole->len != ZIP_BLOB) {
                memcpy(to, u->zip + column, width);
            } else if (u->records->kinds[r] == ZIP_KIND_FREE) {
                memset(to, 0, ZIP_BLOB);
            } else {
                if (blob <= u->layout->log_end + (uint32_t)ZIP_BLOB)
                    return "the BLOB references of the compressed page overlap its log";
                memcpy(to, u->zip + (blob -= ZIP_BLOB), ZIP_BLOB);
            }
        }
    }
    u->layout->trailer = (uint16_t)blob;
    return NULL;
}

static void set_next(uint8_t *frame, uint32_t r, uint32_t next)
{
    put_be16(frame + r - 2, (uint16_t)(next ? next - r : 0));
}

static void set_slot(struct unzip *u, uint32_t i, uint32_t r)
{
    put_be16(u->frame + u->page_size - FIL_TRAILER - 2 * (i + 1), (uint16_t)r);
}

static const char *link_live(struct unzip *u)
{
    static const uint8_t ends[] = "\1\0\2\0\0infimum\0\0\0\013\0\0supremum";
    const bool leftmost = be32(u->zip + PREV_PAGE) == PAGE_NO_NONE;
    uint32_t prev = COMP_INFIMUM, owned = 1, slot = 1;
    memcpy(u->frame + INDEX_RECORDS, ends, sizeof ends - 1);
    set_slot(u, 0, COMP_INFIMUM);
    for (uint32_t i = 0; i < u->n_live; i++, owned++) {
        const uint32_t d = dense(u, i), r = d & ZIP_SLOT_ORIGIN;
        uint8_t info = d & ZIP_SLOT_DELETED ? ZIP_INFO_DELETED : 0;
        if (i == 0 && !u->layout->leaf && leftmost)
            info |= ZIP_INFO_MIN_REC;
        if (owned > INDEX_GROUP_MAX)
            break;
        if (d & ZIP_SLOT_OWNED) {
            info = (uint8_t)(info | owned);
            owned = 0;
            set_slot(u, slot++, r);
        }
        u->frame[r - COMP_EXTRA] = info;
        set_next(u->frame, prev, r);
        prev = r;
    }
    if (owned > INDEX_GROUP_MAX)
        return "a group in the directory of the compressed page is too large";
    set_next(u->frame, prev, COMP_SUPREMUM);
    u->frame[COMP_SUPREMUM - COMP_EXTRA] = (uint8_t)owned;
    set_slot(u, slot, COMP_SUPREMUM);
    return NULL;
}

static void link_free(struct unzip *u)
{
    for (uint32_t i = u->n_live; i < u->records->n; i++) {
        const uint32_t r = dense(u, i);
        u->frame[r - COMP_EXTRA] = 0;
        set_next(u->frame, r, i + 1 < u->records->n ? dense(u, i + 1) : LINK_NONE);
    }
}

const char *page_zip_decode(struct page_zip_layout *layout, uint8_t *frame, uint32_t page_size,
                            const uint8_t *zip, uint32_t zip_size)
{
    struct zip_records records;
    struct unzip u = {.layout = layout,
                      .records = &records,
                      .frame = frame,
                      .page_size = page_size,
                      .zip = zip,
                      .zip_size = zip_size};
    const char *why;
    if ((why = decode_stream(&u)) || (why = apply_log(&u)) || (why = fill_holes(&u)) ||
        (why = link_live(&u)))
        return why;
    link_free(&u);
    return NULL;
}
