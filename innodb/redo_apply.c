/* innodb/redo_apply.c: see redo_apply.h. Changes of index pages: apply_index.c.
 *
 * Invariants:
 *  A1 No byte outside image[0, size) is read or written, whatever the image and the record hold.
 *  A2 Loops over what an image links together are bounded by what fits a page.
 *  A3 A record that does not fit is named, never bent to fit.
 *
 * The running offset o is 0 before a record that names its page; varints are those of
 * redo_varint.h.
 *
 *   INIT_PAGE   zeroes the page, sets page number, space id, FF as previous and next page; o = 24
 *   EXTENDED    subtype byte, body; o = 24. Never of pages 0 to 2 or of ROW_FORMAT=COMPRESSED pages
 *   WRITE       varint d; o += d; the rest of the body goes to o; o += its length
 *   MEMSET      varint d; o += d; varint n; the rest is a pattern that fills n bytes at o; o += n
 *   MEMMOVE     varint d; o += d; varint n; varint s; n bytes come from o + s/2 + 1 (s even) or
 *               o - s/2 - 1 (s odd) of the page as it is by now; o += n
 *   OPTION      a checksum for debugging; without effect
 *
 * Offsets below 8 are never changed by WRITE, MEMSET and MEMMOVE.
 *
 *   UNDO_INIT   empty undo page: type, header, empty list; what is between the header and 86 stays
 *   UNDO_APPEND the record goes to the free offset f = BE16 at 42, between two BE16: the offset
 *               behind all three, and f
 *
 * Facts: MariaDB 10.11.19 and 11.8.6: every page of crash images equal to the server's own
 * recovery. */
#include "innodb/redo_apply.h"

#include <string.h>

#include "base/bytes.h"
#include "innodb/apply_page.h"
#include "innodb/redo_varint.h"

enum {
    OFFSET_AFTER_INIT = 24,
    FIL_PREV_AND_NEXT = 8, /* 8 bytes */
    OFFSET_MIN = FIL_PREV_AND_NEXT,
    EXTENDED_PAGE_MIN = 3,
    UNDO_PAGE_TYPE = 38,
    UNDO_PAGE_START = 40,
    UNDO_PAGE_FREE = 42,
    UNDO_PAGE_NODE = 44, /* previous and next page: (page number, offset) */
    UNDO_PAGE_HDR_END = 56,
    UNDO_PAGE_CLEARED = 86,
    UNDO_RECORD_MIN = 3,
};

typedef const char *apply_fn(struct redo_page *page, const struct redo_record *rec);

static const char *apply_refuse(struct redo_page *page, const struct redo_record *rec)
{
    (void)page;
    (void)rec;
    return "the record is not one that changes a page";
}

const char *apply_ext_refuse(struct redo_page *page, struct reader *body)
{
    (void)page;
    (void)body;
    return "TRIM_PAGES does not change a page";
}

static const char *apply_init_page(struct redo_page *page, const struct redo_record *rec)
{
    memset(page->image, 0, page->size);
    put_be32(page->image + FIL_PAGE_NO, rec->page);
    memset(page->image + FIL_PREV_AND_NEXT, 0xFF, 8);
    put_be32(page->image + FIL_SPACE, rec->space);
    page->offset = OFFSET_AFTER_INIT;
    return NULL;
}

static const char *apply_option(struct redo_page *page, const struct redo_record *rec)
{
    (void)page;
    (void)rec;
    return NULL;
}

/* Advances the running offset by the varint in front of the body. */
static bool advance(struct redo_page *page, struct reader *r)
{
    const uint64_t at = (uint64_t)page->offset + rd_varint(r);
    if (r->ran_out || at < OFFSET_MIN || at > page->size)
        return false;
    page->offset = (uint32_t)at;
    return true;
}

static bool fits(const struct redo_page *page, uint32_t at, size_t n)
{
    return at <= page->size && n <= page->size - at;
}

static const char *apply_write(struct redo_page *page, const struct redo_record *rec)
{
    struct reader r = reader_of(rec->body, rec->body_len);
    if (!advance(page, &r))
        return "WRITE outside the page";
    const size_t n = rd_left(&r);
    if (n == 0)
        return "WRITE of no bytes";
    if (!fits(page, page->offset, n))
        return "WRITE beyond the end of the page";
    memcpy(page->image + page->offset, r.p, n);
    page->offset += (uint32_t)n;
    return NULL;
}

static const char *apply_memset(struct redo_page *page, const struct redo_record *rec)
{
    struct reader r = reader_of(rec->body, rec->body_len);
    if (!advance(page, &r))
        return "MEMSET outside the page";
    const uint32_t n = rd_varint(&r);
    const size_t pattern = rd_left(&r);
    if (r.ran_out || pattern == 0 || pattern > n)
        return "MEMSET without a pattern, or with one longer than its target";
    if (!fits(page, page->offset, n))
        return "MEMSET beyond the end of the page";
    uint8_t *to = page->image + page->offset;
    if (pattern == 1)
        memset(to, *r.p, n);
    else
        for (uint32_t i = 0; i < n; i++)
            to[i] = r.p[i % pattern];
    page->offset += n;
    return NULL;
}

static const char *apply_memmove(struct redo_page *page, const struct redo_record *rec)
{
    struct reader r = reader_of(rec->body, rec->body_len);
    if (!advance(page, &r))
        return "MEMMOVE outside the page";
    const uint32_t n = rd_varint(&r);
    const uint32_t s = rd_varint(&r);
    if (r.ran_out || rd_left(&r) != 0)
        return "MEMMOVE of the wrong length";
    const int64_t distance = (int64_t)(s >> 1) + 1;
    const int64_t from = (int64_t)page->offset + (s & 1 ? -distance : distance);
    if (from < OFFSET_MIN || from > page->size || !fits(page, (uint32_t)from, n))
        return "MEMMOVE from outside the page";
    if (!fits(page, page->offset, n))
        return "MEMMOVE beyond the end of the page";
    memmove(page->image + page->offset, page->image + from, n);
    page->offset += n;
    return NULL;
}

const char *apply_undo_init(struct redo_page *page, struct reader *body)
{
    uint8_t *p = page->image;
    if (rd_left(body) != 0)
        return "UNDO_INIT with a body";
    put_be16(p + FIL_TYPE, FIL_TYPE_UNDO);
    put_be16(p + UNDO_PAGE_TYPE, 0);
    put_be16(p + UNDO_PAGE_START, UNDO_PAGE_HDR_END);
    put_be16(p + UNDO_PAGE_FREE, UNDO_PAGE_HDR_END);
    for (uint8_t *link = p + UNDO_PAGE_NODE; link < p + UNDO_PAGE_HDR_END; link += 6) {
        put_be32(link, UINT32_MAX);
        put_be16(link + 4, 0);
    }
    memset(p + UNDO_PAGE_CLEARED, 0, page->size - FIL_TRAILER - UNDO_PAGE_CLEARED);
    return NULL;
}

const char *apply_undo_append(struct redo_page *page, struct reader *body)
{
    uint8_t *p = page->image;
    const size_t n = rd_left(body);
    const uint32_t at = be16(p + UNDO_PAGE_FREE);
    if (n < UNDO_RECORD_MIN)
        return "UNDO_APPEND of a record that is too short";
    if (at < UNDO_PAGE_HDR_END || at + n + 6 >= page->size - FIL_TRAILER)
        return "UNDO_APPEND does not fit behind the free offset of the page";
    const uint16_t next = (uint16_t)(at + 4 + n);
    put_be16(p + UNDO_PAGE_FREE, next);
    put_be16(p + at, next);
    memcpy(p + at + 2, body->p, n);
    put_be16(p + at + 2 + n, (uint16_t)at);
    return NULL;
}

static const char *apply_extended(struct redo_page *page, const struct redo_record *rec)
{
    static const char *(*const subtypes[])(struct redo_page *, struct reader *) = {
#define REDO_PAGE(id, name, apply)
#define REDO_EXT(id, name, apply) [id] = (apply),
#define REDO_FILE(id, name)
#include "innodb/redo_mariadb.def"
    };
    struct reader body = reader_of(rec->body, rec->body_len);
    const uint8_t subtype = rd_u8(&body);
    if (body.ran_out || subtype >= sizeof subtypes / sizeof subtypes[0])
        return "an EXTENDED record of unknown subtype";
    if (page->zip)
        return "an EXTENDED record of a ROW_FORMAT=COMPRESSED page";
    if (rec->page < EXTENDED_PAGE_MIN)
        return "an EXTENDED record of one of the first three pages";
    page->offset = OFFSET_AFTER_INIT;
    return subtypes[subtype](page, &body);
}

const char *redo_apply(struct redo_page *page, const struct redo_record *rec)
{
    static apply_fn *const types[] = {
#define REDO_PAGE(id, name, apply) [id] = (apply),
#define REDO_EXT(id, name, apply)
#define REDO_FILE(id, name)
#include "innodb/redo_mariadb.def"
    };
    if ((unsigned)rec->type >= sizeof types / sizeof types[0])
        return "not a page record";
    if (!rec->same_page)
        page->offset = 0;
    return types[rec->type](page, rec);
}

void redo_apply_end(struct redo_page *page, lsn_t mtr_end)
{
    put_be64(page->image + FIL_LSN, mtr_end);
}
