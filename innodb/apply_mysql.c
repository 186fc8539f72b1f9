/* innodb/apply_mysql.c: see apply_mysql.h. Changes of records: apply_mysql_index.c.
 *
 * Invariants:
 *  A1 No byte outside the image is read or written, whatever the image and the record hold.
 *  A2 Loops over what an image links together are bounded by what fits a page.
 *  A3 A record that does not fit is named, never bent to fit.
 *
 * Bodies; c, c64: compressed integers of redo_mysql_int.h:
 *
 *   1BYTE 2BYTES 4BYTES  2 offset, c value; 8BYTES: c64. Of a zip page: offset in the image
 *   WRITE_STRING         2 offset, 2 n, n bytes
 *   INIT_FILE_PAGE       -; zeroes the page, LSN and links included; page number, space id
 *   IBUF_BITMAP_INIT     -; type 5, 4 zero bits for each page described, from byte 38
 *   UNDO_INIT            c type, 1 insert, 2 update; an undo page whose first record goes to 56
 *   UNDO_INSERT          2 n, n bytes, which go to the free offset f = BE16 at 42 between two BE16: the offset behind all
 *                        three, and f
 *   UNDO_ERASE_END       -; FF from the free offset to the trailer
 *   UNDO_HDR_CREATE      c64 trx id; a log header at the free offset, the last one linked to it
 *   UNDO_HDR_REUSE       c64 trx id; the log header at 86 again
 *   ZIP_WRITE_NODE_PTR   2 offset in the frame, 2 in the image, 4 bytes; ZIP_WRITE_BLOB_PTR: 20
 *   ZIP_WRITE_HEADER     1 offset, 1 n, n bytes, below 94, in both
 *   ZIP_PAGE_COMPRESS    a new image, see page_zip_apply_compress
 *   ..._NO_DATA          index, 1 zlib level: the server packed the frame as it is
 *
 * An undo log header h: 0 trx id (8), 16 whether there are delete marks (2), 18 first record (2), 20 flags (1), 21 whether
 * DDL (1), 30 next header (2), 32 previous (2); records begin at h + 46.
 *
 * Facts: MySQL 9.7.4: pages made from its log equal to what the server wrote. */
#include "innodb/apply_mysql.h"

#include <string.h>

#include "base/bytes.h"
#include "innodb/apply_mysql_page.h"
#include "innodb/fil_page.h"
#include "innodb/index_page.h"
#include "innodb/redo_mysql_int.h"

enum {
    UNDO_PAGE_TYPE = 38,
    UNDO_PAGE_START = 40,
    UNDO_PAGE_FREE = 42,
    UNDO_PAGE_HDR_END = 56,
    UNDO_SEG_STATE = 56,
    UNDO_SEG_LAST_LOG = 58,
    UNDO_SEG_HDR_END = 86,
    UNDO_STATE_ACTIVE = 1,

    UNDO_LOG_TRX_ID = 0,
    UNDO_LOG_DEL_MARKS = 16,
    UNDO_LOG_START = 18,
    UNDO_LOG_FLAGS = 20, /* 2 bytes with the one behind */
    UNDO_LOG_NEXT = 30,
    UNDO_LOG_PREV = 32,
    UNDO_LOG_HDR_SIZE = 46, /* without XID and GTID, whose room follows by byte writes */

    BITMAP_BYTES_PER_PAGE_BYTE = 2, /* 4 bits for each of as many pages as the page has bytes */
    NODE_POINTER_CHILD = 4,
    BLOB_REFERENCE = 20,
    ZLIB_LEVEL_MAX = 9,
};

/* --- the two forms of a page ------------------------------------------------------------------ */

static uint32_t image_size(const struct mysql_page *page)
{
    return page->zip ? page->zip_size : page->page_size;
}

const char *mysql_page_need_frame(struct mysql_page *page)
{
    if (!page->zip || page->frame_valid)
        return NULL;
    if (!page_zip_is_btree(page->zip))
        return "a change of records, but the page is no index page";
    const char *why =
        page_zip_decode(page->layout, page->frame, page->page_size, page->zip, page->zip_size);
    page->frame_valid = page->layout_valid = !why;
    return why;
}

void mysql_page_frame_changed(struct mysql_page *page)
{
    page->frame_newer = page->zip;
}

const char *mysql_page_pack(struct mysql_page *page, const struct redo_mysql_index *index,
                            unsigned level)
{
    const bool leaf = be16(page->frame + INDEX_LEVEL) == 0;
    if (!page->zip || level > ZLIB_LEVEL_MAX)
        return "a page that is packed, but is not of ROW_FORMAT=COMPRESSED";
    if (!page->layout_valid || page->layout->leaf != leaf) {
        const char *why = page_zip_layout_of_index(page->layout, index, leaf);
        page->layout_valid = !why;
        if (why)
            return why;
    }
    page->frame_newer = page_zip_encode(page->layout, page->zip, page->zip_size, page->frame,
                                        page->page_size, (int)level);
    return NULL;
}

/* --- bytes ------------------------------------------------------------------------------------ */

const char *mysql_body_end(const struct reader *body)
{
    return body->ran_out ? MYSQL_BODY_CUT_OFF : rd_left(body) ? MYSQL_BODY_TOO_LONG : NULL;
}

static const char *put_bytes(struct mysql_page *page, uint32_t at, const void *from, size_t n)
{
    const uint32_t size = image_size(page);
    if (at > size || n > size - at)
        return "a write beyond the end of the page";
    memcpy(redo_mysql_image(page) + at, from, n);
    return NULL;
}

static const char *put_value(struct mysql_page *page, struct mysql_change *c, size_t n)
{
    const uint32_t at = rd_be16(&c->body);
    const uint64_t value = n == 8 ? rd_compressed64(&c->body) : rd_compressed(&c->body);
    uint8_t bytes[8];
    const char *why = mysql_body_end(&c->body);
    if (why)
        return why;
    if (n < 8 && value >> 8 * n)
        return "a write of a value that is too large";
    put_be64(bytes, value);
    return put_bytes(page, at, bytes + 8 - n, n);
}

const char *apply_my_1byte(struct mysql_page *page, struct mysql_change *c)
{
    return put_value(page, c, 1);
}

const char *apply_my_2bytes(struct mysql_page *page, struct mysql_change *c)
{
    return put_value(page, c, 2);
}

const char *apply_my_4bytes(struct mysql_page *page, struct mysql_change *c)
{
    return put_value(page, c, 4);
}

const char *apply_my_8bytes(struct mysql_page *page, struct mysql_change *c)
{
    return put_value(page, c, 8);
}

const char *apply_my_write_string(struct mysql_page *page, struct mysql_change *c)
{
    const uint32_t at = rd_be16(&c->body), n = rd_be16(&c->body);
    const uint8_t *bytes = rd_bytes(&c->body, n);
    const char *why = mysql_body_end(&c->body);
    return why ? why : put_bytes(page, at, bytes, n);
}

const char *apply_my_init_file_page(struct mysql_page *page, struct mysql_change *c)
{
    uint8_t *p = redo_mysql_image(page);
    memset(p, 0, image_size(page));
    put_be32(p + FIL_PAGE_NO, c->rec->page);
    put_be32(p + FIL_SPACE, c->rec->space);
    page->frame_valid = page->frame_newer = page->layout_valid = false;
    return mysql_body_end(&c->body);
}

const char *apply_my_ibuf_bitmap_init(struct mysql_page *page, struct mysql_change *c)
{
    uint8_t *p = redo_mysql_image(page);
    put_be16(p + FIL_TYPE, FIL_TYPE_IBUF_BITMAP);
    memset(p + FIL_BODY, 0, image_size(page) / BITMAP_BYTES_PER_PAGE_BYTE);
    return mysql_body_end(&c->body);
}

/* --- undo pages ------------------------------------------------------------------------------- */

static const char no_room_for_undo[] = "an undo record or header that does not fit the undo page";

static bool undo_fits(const struct mysql_page *page, uint32_t from, uint32_t at, size_t n)
{
    const uint32_t end = page->page_size - FIL_TRAILER;
    return !page->zip && at >= from && at <= end && n <= end - at;
}

const char *apply_my_undo_init(struct mysql_page *page, struct mysql_change *c)
{
    const uint32_t type = rd_compressed(&c->body);
    const char *why = mysql_body_end(&c->body);
    if (why)
        return why;
    if (page->zip || type > UINT16_MAX)
        return "an undo page of a type that there is not";
    put_be16(page->frame + FIL_TYPE, FIL_TYPE_UNDO);
    put_be16(page->frame + UNDO_PAGE_TYPE, (uint16_t)type);
    put_be16(page->frame + UNDO_PAGE_START, UNDO_PAGE_HDR_END);
    put_be16(page->frame + UNDO_PAGE_FREE, UNDO_PAGE_HDR_END);
    return NULL;
}

const char *apply_my_undo_insert(struct mysql_page *page, struct mysql_change *c)
{
    uint8_t *p = page->frame;
    const uint32_t n = rd_be16(&c->body), at = be16(p + UNDO_PAGE_FREE);
    const uint8_t *bytes = rd_bytes(&c->body, n);
    const char *why = mysql_body_end(&c->body);
    if (why)
        return why;
    if (!undo_fits(page, UNDO_PAGE_HDR_END, at, n + 4))
        return no_room_for_undo;
    put_be16(p + at, (uint16_t)(at + 4 + n));
    memcpy(p + at + 2, bytes, n);
    put_be16(p + at + 2 + n, (uint16_t)at);
    put_be16(p + UNDO_PAGE_FREE, (uint16_t)(at + 4 + n));
    return NULL;
}

const char *apply_my_undo_erase_end(struct mysql_page *page, struct mysql_change *c)
{
    const uint32_t at = be16(page->frame + UNDO_PAGE_FREE);
    if (!undo_fits(page, UNDO_PAGE_HDR_END, at, 0))
        return no_room_for_undo;
    memset(page->frame + at, 0xFF, page->page_size - FIL_TRAILER - at);
    return mysql_body_end(&c->body);
}

/* What both forms of a new log header have in common. */
static void start_undo_log(uint8_t *p, uint32_t header, uint64_t trx_id)
{
    const uint16_t first = (uint16_t)(header + UNDO_LOG_HDR_SIZE);
    put_be16(p + UNDO_PAGE_START, first);
    put_be16(p + UNDO_PAGE_FREE, first);
    put_be16(p + UNDO_SEG_STATE, UNDO_STATE_ACTIVE);
    put_be64(p + header + UNDO_LOG_TRX_ID, trx_id);
    put_be16(p + header + UNDO_LOG_START, first);
    put_be16(p + header + UNDO_LOG_FLAGS, 0);
}

const char *apply_my_undo_hdr_create(struct mysql_page *page, struct mysql_change *c)
{
    uint8_t *p = page->frame;
    const uint64_t trx_id = rd_compressed64(&c->body);
    const uint32_t at = be16(p + UNDO_PAGE_FREE), prev = be16(p + UNDO_SEG_LAST_LOG);
    const char *why = mysql_body_end(&c->body);
    if (why)
        return why;
    if (!undo_fits(page, UNDO_SEG_HDR_END, at, UNDO_LOG_HDR_SIZE) ||
        (prev && !undo_fits(page, UNDO_SEG_HDR_END, prev, UNDO_LOG_HDR_SIZE)))
        return no_room_for_undo;
    if (prev)
        put_be16(p + prev + UNDO_LOG_NEXT, (uint16_t)at);
    start_undo_log(p, at, trx_id);
    put_be16(p + UNDO_SEG_LAST_LOG, (uint16_t)at);
    put_be16(p + at + UNDO_LOG_DEL_MARKS, 1);
    put_be16(p + at + UNDO_LOG_NEXT, 0);
    put_be16(p + at + UNDO_LOG_PREV, (uint16_t)prev);
    return NULL;
}

const char *apply_my_undo_hdr_reuse(struct mysql_page *page, struct mysql_change *c)
{
    const uint64_t trx_id = rd_compressed64(&c->body);
    const char *why = mysql_body_end(&c->body);
    if (why)
        return why;
    if (!undo_fits(page, UNDO_SEG_HDR_END, UNDO_SEG_HDR_END, UNDO_LOG_HDR_SIZE))
        return no_room_for_undo;
    start_undo_log(page->frame, UNDO_SEG_HDR_END, trx_id);
    return NULL;
}

/* --- ROW_FORMAT=COMPRESSED -------------------------------------------------------------------- */

static const char not_zip[] = "a change of a compressed page, but the page is none";

/* n bytes of a record that the server keeps outside the stream, in the frame and at their place in the image. Once the
 * frame is newer the image is made anew anyway, and the place may have moved. */
static const char *put_outside_stream(struct mysql_page *page, struct mysql_change *c, size_t n)
{
    const uint32_t at = rd_be16(&c->body), zip_at = rd_be16(&c->body);
    const uint8_t *bytes = rd_bytes(&c->body, n);
    const char *why = mysql_body_end(&c->body);
    if (!why)
        why = page->zip ? mysql_page_need_frame(page) : not_zip;
    if (why)
        return why;
    if (at < INDEX_RECORDS || at + n > page->page_size - FIL_TRAILER || zip_at < INDEX_RECORDS ||
        zip_at + n > page->zip_size)
        return "a pointer beyond the end of the page";
    memcpy(page->frame + at, bytes, n);
    if (!page->frame_newer)
        memcpy(page->zip + zip_at, bytes, n);
    return NULL;
}

const char *apply_my_zip_write_node_ptr(struct mysql_page *page, struct mysql_change *c)
{
    return put_outside_stream(page, c, NODE_POINTER_CHILD);
}

const char *apply_my_zip_write_blob_ptr(struct mysql_page *page, struct mysql_change *c)
{
    return put_outside_stream(page, c, BLOB_REFERENCE);
}

/* A page that was just initialised has no frame yet that could be decoded, hence the header of the image is enough. */
const char *apply_my_zip_write_header(struct mysql_page *page, struct mysql_change *c)
{
    const uint32_t at = rd_u8(&c->body), n = rd_u8(&c->body);
    const uint8_t *bytes = rd_bytes(&c->body, n);
    const char *why = mysql_body_end(&c->body);
    if (why)
        return why;
    if (!page->zip)
        return not_zip;
    if (n == 0 || at + n >= INDEX_RECORDS)
        return "a change of a page header that does not fit the header";
    memcpy(page->zip + at, bytes, n);
    if (page->frame_valid)
        memcpy(page->frame + at, bytes, n);
    return NULL;
}

const char *apply_my_zip_page_compress(struct mysql_page *page, struct mysql_change *c)
{
    if (!page->zip)
        return not_zip;
    page->frame_valid = page->frame_newer = page->layout_valid = false;
    const char *why = page_zip_apply_compress(page->zip, page->zip_size, &c->body);
    return why ? why : mysql_body_end(&c->body);
}

const char *apply_my_zip_page_compress_no_data(struct mysql_page *page, struct mysql_change *c)
{
    const unsigned level = rd_u8(&c->body);
    const char *why = mysql_body_end(&c->body);
    if (!why)
        why = page->zip ? mysql_page_need_frame(page) : not_zip;
    return why ? why : mysql_page_pack(page, c->index, level);
}

/* --- dispatch --------------------------------------------------------------------------------- */

const char *redo_mysql_apply(struct mysql_page *page, const struct redo_record *rec)
{
    static mysql_apply_fn *const types[] = {
#define X(id, name, kind, has_index, parse, apply) [id] = (apply),
#include "innodb/redo_mysql.def"
    };
    if (rec->type >= sizeof types / sizeof types[0] || !types[rec->type])
        return "not a record that changes a page";
    struct redo_mysql_index index;
    struct mysql_change c = {.rec = rec, .body = reader_of(rec->body, rec->body_len)};
    if (redo_mysql_has_index(rec->type)) {
        const char *why = redo_mysql_index_read(&index, &c.body, rec->type);
        if (why)
            return why;
        c.index = &index;
    }
    return types[rec->type](page, &c);
}

void redo_mysql_apply_end(struct mysql_page *page, lsn_t mtr_end)
{
    put_be64(redo_mysql_image(page) + FIL_LSN, mtr_end);
    if (page->zip && page->frame_valid)
        put_be64(page->frame + FIL_LSN, mtr_end);
}

const char *redo_mysql_apply_finish(struct mysql_page *page)
{
    if (!page->frame_newer)
        return NULL;
    if (!page->layout_valid)
        return "a compressed page whose index is nowhere described";
    const char *why = page_zip_encode(page->layout, page->zip, page->zip_size, page->frame,
                                      page->page_size, PAGE_ZIP_NO_LEVEL);
    page->frame_newer = why;
    return why;
}
