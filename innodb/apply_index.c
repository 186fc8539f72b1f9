/* innodb/apply_index.c: redo_apply of the EXTENDED subtypes that change index pages; invariants
 * A1..A3 of redo_apply.c.
 *
 * INSERT: varints prev (origin of the preceding record, counted from the infimum), for
 * REUSE_DYNAMIC a signed shift, then
 *   REDUNDANT  h: info = h & 3, short offsets = h >> 2 & 1, n_fields = (h >> 3) + 1
 *   DYNAMIC    h: info = h & 3, status bit = h & 4 (on leaf pages; elsewhere 1: node pointer),
 *              header bytes given = h >> 3
 * then header_copy and data_copy: what the new record has in common with the one before it and
 * copies from there; the rest of the body is what is new: first of the header, then of the data.
 * HEAP takes space at the heap top, REUSE the first record of the free list.
 *
 * DELETE: varint prev; for DYNAMIC also header size (without the fixed 5 bytes) and data size. The
 * space goes to the free list, or back to the heap top if it was the last allocated there, and is
 * zeroed.
 *
 * Facts: as in redo_apply.c. */
#include "innodb/apply_page.h"

#include <string.h>

#include "base/bytes.h"
#include "innodb/index_page.h"
#include "innodb/redo_varint.h"

enum {
    STATUS_NODE_POINTER = 1,
};

static const char truncated[] = "a record that is cut off";
static const char broken_list[] = "the record list of the index page is broken";
static const char damaged_free_list[] = "the free list of the index page is damaged";

/* --- INIT_ROW_FORMAT -------------------------------------------------------------------------- */

static const char *init_index(struct redo_page *page, const struct reader *body, bool comp)
{
    if (rd_left(body) != 0)
        return "INIT_ROW_FORMAT with a body";
    index_page_create(page->image, page->size, FIL_TYPE_INDEX, comp);
    return NULL;
}

const char *apply_index_init_redundant(struct redo_page *page, struct reader *body)
{
    return init_index(page, body, false);
}

const char *apply_index_init_dynamic(struct redo_page *page, struct reader *body)
{
    return init_index(page, body, true);
}

/* --- INSERT ----------------------------------------------------------------------------------- */

/* A record to insert: what the log says, and where it goes. */
struct insert {
    struct index_place place;
    uint32_t extra, data; /* bytes before and behind its origin */
    uint32_t header_copy, data_copy;
    const uint8_t *literal;
    size_t literal_len;
    uint32_t start; /* where it is placed */
    uint32_t heap_no;
};

static const char *find_place(const struct index_page *ix, struct insert *in, uint32_t prev)
{
    if (prev > ix->size)
        return "an insert behind a record outside the page";
    return index_page_find_place(&in->place, ix, index_page_infimum(ix) + prev);
}

/* Whether what is copied from the preceding record lies within the page. `fixed` is copied or
 * skipped between both. */
static bool copies_fit(const struct index_page *ix, const struct insert *in, uint32_t fixed)
{
    return in->header_copy <= in->place.prev - fixed - FIL_BODY &&
           in->data_copy <= index_page_directory(ix) - in->place.prev;
}

static const char *place_on_heap(struct index_page *ix, struct insert *in)
{
    const uint32_t n_heap = be16(ix->p + INDEX_N_HEAP);
    in->start = index_page_heap_top(ix);
    in->heap_no = n_heap & ~(uint32_t)INDEX_COMP_FLAG;
    if (in->extra + in->data > index_page_directory(ix) - in->start ||
        in->heap_no > INDEX_HEAP_NO_MAX)
        return "no room on the index page for the inserted record";
    put_be16(ix->p + INDEX_N_HEAP, (uint16_t)(n_heap + 1));
    put_be16(ix->p + INDEX_HEAP_TOP, (uint16_t)(in->start + in->extra + in->data));
    return NULL;
}

/* Takes the first free record, whose space starts at `start`. */
static const char *place_on_free(struct index_page *ix, struct insert *in, int64_t start)
{
    const uint32_t free_rec = be16(ix->p + INDEX_FREE);
    const uint32_t garbage = be16(ix->p + INDEX_GARBAGE), size = in->extra + in->data;
    if (start < index_page_heap_start(ix) || start + size > index_page_heap_top(ix) ||
        garbage < size)
        return "the inserted record does not fit the free one that it is to take";
    const uint32_t next = be16(ix->p + free_rec - 2);
    in->start = (uint32_t)start;
    in->heap_no = index_page_heap_no(ix, free_rec);
    put_be16(ix->p + INDEX_GARBAGE, (uint16_t)(garbage - size));
    put_be16(ix->p + INDEX_FREE, (uint16_t)(ix->comp && next ? free_rec + next : next));
    return NULL;
}

struct redundant_header {
    uint8_t bytes[REDUNDANT_EXTRA + 2 * REDUNDANT_FIELDS_MAX];
};

/* Builds the bytes before the origin, all but the heap number; sets extra and data. */
static const char *make_redundant_header(const struct index_page *ix, struct insert *in, uint32_t h,
                                         struct redundant_header *header)
{
    const uint32_t n_fields = (h >> 3) + 1, is_short = h >> 2 & 1;
    if (n_fields > REDUNDANT_FIELDS_MAX)
        return "an inserted record of too many fields";
    in->extra = REDUNDANT_EXTRA + n_fields * (is_short ? 1 : 2);
    if (in->header_copy > in->extra - REDUNDANT_EXTRA || !copies_fit(ix, in, REDUNDANT_EXTRA))
        return "an insert that copies too much of the preceding record";
    const uint32_t copied = in->header_copy + REDUNDANT_EXTRA, given = in->extra - copied;
    if (given > in->literal_len)
        return truncated;
    uint8_t *image = header->bytes, *fixed = image + given + in->header_copy;
    memcpy(image, in->literal, given);
    memcpy(image + given, ix->p + in->place.prev - copied, copied);
    fixed[0] = (uint8_t)((h & 3) << 4);
    put_be16(fixed + 2, (uint16_t)((be16(fixed + 2) & 0xF800) | n_fields << 1 | is_short));
    in->data = is_short ? image[0] & 0x7Fu : be16(image) & 0x3FFFu;
    if ((uint64_t)given + in->data != in->literal_len + in->data_copy)
        return "an inserted record of the wrong length";
    in->literal += given;
    in->literal_len -= given;
    return NULL;
}

static const char *free_redundant(struct index_page *ix, struct insert *in)
{
    const uint32_t free_rec = be16(ix->p + INDEX_FREE);
    uint32_t extra, data;
    if (!index_page_is_record(ix, free_rec) ||
        !index_page_redundant_size(ix, free_rec, &extra, &data))
        return damaged_free_list;
    return place_on_free(ix, in, (int64_t)free_rec - extra);
}

static const char *insert_redundant(struct redo_page *page, struct reader *body, bool reuse)
{
    struct index_page ix;
    const char *why = index_page_open(&ix, page->image, page->size, false);
    if (why)
        return why;
    const uint32_t prev = rd_varint(body), h = rd_varint(body);
    struct insert in = {.header_copy = rd_varint(body)};
    in.data_copy = rd_varint(body);
    in.literal = body->p;
    in.literal_len = rd_left(body);
    struct redundant_header header;
    why = body->ran_out ? truncated : find_place(&ix, &in, prev);
    if (!why)
        why = make_redundant_header(&ix, &in, h, &header);
    if (!why)
        why = reuse ? free_redundant(&ix, &in) : place_on_heap(&ix, &in);
    if (why)
        return why;
    uint8_t *heap_no = header.bytes + in.extra - REDUNDANT_EXTRA + 1;
    put_be16(heap_no, (uint16_t)((be16(heap_no) & 7) | in.heap_no << 3));
    uint8_t *r = ix.p + in.start + in.extra;
    memcpy(ix.p + in.start, header.bytes, in.extra); /* its next record is that of prev */
    memmove(r, ix.p + in.place.prev, in.data_copy);
    memcpy(r + in.data_copy, in.literal, in.literal_len);
    return index_page_link_in(&ix, &in.place, in.start + in.extra);
}

static const char *free_dynamic(struct index_page *ix, struct insert *in, uint32_t shift)
{
    const uint32_t free_rec = be16(ix->p + INDEX_FREE);
    if (!index_page_is_record(ix, free_rec))
        return damaged_free_list;
    const int64_t distance = shift >> 1;
    return place_on_free(ix, in,
                         (int64_t)free_rec - in->extra + (shift & 1 ? -distance : distance));
}

/* Writes the record where it was placed. h as in the log. */
static void write_dynamic(struct index_page *ix, const struct insert *in, uint32_t h)
{
    const uint32_t given = h >> 3, r = in->start + in->extra;
    const uint32_t status = be16(ix->p + INDEX_LEVEL) == 0 ? h & 4 : STATUS_NODE_POINTER;
    uint8_t *to = ix->p + in->start;
    memcpy(to, in->literal, given);
    memmove(to + given, ix->p + in->place.prev - COMP_EXTRA - in->header_copy, in->header_copy);
    ix->p[r - COMP_EXTRA] = (uint8_t)((h & 3) << 4);
    put_be16(ix->p + r - 4, (uint16_t)(in->heap_no << 3 | status));
    index_page_set_next(ix, r, in->place.next);
    memmove(ix->p + r, ix->p + in->place.prev, in->data_copy);
    memcpy(ix->p + r + in->data_copy, in->literal + given, in->literal_len - given);
}

static const char *insert_dynamic(struct redo_page *page, struct reader *body, bool reuse)
{
    struct index_page ix;
    const char *why = index_page_open(&ix, page->image, page->size, true);
    if (why)
        return why;
    const uint32_t prev = rd_varint(body), shift = reuse ? rd_varint(body) : 0, h = rd_varint(body);
    struct insert in = {.header_copy = rd_varint(body)};
    in.data_copy = rd_varint(body);
    in.literal = body->p;
    in.literal_len = rd_left(body);
    if (body->ran_out || h >> 3 > in.literal_len)
        return truncated;
    why = find_place(&ix, &in, prev);
    if (why)
        return why;
    if (in.literal_len > ix.size || !copies_fit(&ix, &in, COMP_EXTRA))
        return "an insert that copies too much of the preceding record";
    in.extra = COMP_EXTRA + in.header_copy + (h >> 3);
    in.data = in.data_copy + (uint32_t)in.literal_len - (h >> 3);
    why = reuse ? free_dynamic(&ix, &in, shift) : place_on_heap(&ix, &in);
    if (why)
        return why;
    write_dynamic(&ix, &in, h);
    return index_page_link_in(&ix, &in.place, in.start + in.extra);
}

const char *apply_insert_heap_redundant(struct redo_page *page, struct reader *body)
{
    return insert_redundant(page, body, false);
}

const char *apply_insert_reuse_redundant(struct redo_page *page, struct reader *body)
{
    return insert_redundant(page, body, true);
}

const char *apply_insert_heap_dynamic(struct redo_page *page, struct reader *body)
{
    return insert_dynamic(page, body, false);
}

const char *apply_insert_reuse_dynamic(struct redo_page *page, struct reader *body)
{
    return insert_dynamic(page, body, true);
}

/* --- DELETE ----------------------------------------------------------------------------------- */

/* Gives the space of record r back and zeroes it. */
static const char *free_record(struct index_page *ix, uint32_t r, uint32_t extra, uint32_t data)
{
    const uint32_t n_heap = be16(ix->p + INDEX_N_HEAP), garbage = be16(ix->p + INDEX_GARBAGE);
    const uint32_t end = r + data;
    if (index_page_heap_no(ix, r) + 1 == (n_heap & ~(uint32_t)INDEX_COMP_FLAG)) {
        const uint32_t unused = index_page_heap_top(ix) - end;
        if (unused > garbage)
            return "the garbage count of the index page is too small";
        put_be16(ix->p + INDEX_HEAP_TOP, (uint16_t)(r - extra));
        put_be16(ix->p + INDEX_N_HEAP, (uint16_t)(n_heap - 1));
        put_be16(ix->p + INDEX_GARBAGE, (uint16_t)(garbage - unused));
        memset(ix->p + r - extra, 0, extra + data);
        return NULL;
    }
    if (garbage + extra + data > UINT16_MAX)
        return "the garbage count of the index page is too large";
    index_page_set_next(ix, r, be16(ix->p + INDEX_FREE));
    put_be16(ix->p + INDEX_FREE, (uint16_t)r);
    put_be16(ix->p + INDEX_GARBAGE, (uint16_t)(garbage + extra + data));
    memset(ix->p + r, 0, data);
    return NULL;
}

/* Deletes r, the record behind prev, whose sizes are known. */
static const char *delete_record(struct index_page *ix, uint32_t prev, uint32_t r, uint32_t extra,
                                 uint32_t data)
{
    const uint32_t next = index_page_next(ix, r), n_recs = be16(ix->p + INDEX_N_RECS);
    const uint32_t top = index_page_heap_top(ix);
    uint32_t owner, slot;
    if (extra > r - index_page_heap_start(ix) || data > top - r || n_recs == 0)
        return "the deleted record is not a user record within the heap";
    if (!next || !index_page_owner(ix, r, &owner, &slot))
        return broken_list;
    const unsigned owned = index_page_n_owned(ix, owner) - 1;
    if (owner == r) {
        owner = prev;
        index_page_set_slot(ix, slot, prev);
    }
    index_page_set_next(ix, prev, next);
    index_page_set_n_owned(ix, owner, owned);
    const char *why = free_record(ix, r, extra, data);
    if (why)
        return why;
    put_be16(ix->p + INDEX_LAST_INSERT, 0);
    put_be16(ix->p + INDEX_N_RECS, (uint16_t)(n_recs - 1));
    return owned < INDEX_GROUP_MIN ? index_page_balance_slot(ix, slot) : NULL;
}

/* Origin of the user record behind prev (counted from the infimum); 0 if there is none. */
static uint32_t record_behind(const struct index_page *ix, uint32_t prev)
{
    if (prev > ix->size || !index_page_is_record(ix, index_page_infimum(ix) + prev))
        return 0;
    const uint32_t r = index_page_next(ix, index_page_infimum(ix) + prev);
    return r >= index_page_heap_start(ix) ? r : 0;
}

const char *apply_delete_redundant(struct redo_page *page, struct reader *body)
{
    struct index_page ix;
    uint32_t extra, data;
    const char *why = index_page_open(&ix, page->image, page->size, false);
    if (why)
        return why;
    const uint32_t prev = rd_varint(body);
    if (body->ran_out || rd_left(body) != 0)
        return "a delete of the wrong length";
    const uint32_t r = record_behind(&ix, prev);
    if (!r || !index_page_redundant_size(&ix, r, &extra, &data))
        return broken_list;
    return delete_record(&ix, REDUNDANT_INFIMUM + prev, r, extra, data);
}

const char *apply_delete_dynamic(struct redo_page *page, struct reader *body)
{
    struct index_page ix;
    const char *why = index_page_open(&ix, page->image, page->size, true);
    if (why)
        return why;
    const uint32_t prev = rd_varint(body), header = rd_varint(body), data = rd_varint(body);
    if (body->ran_out || rd_left(body) != 0 || header > ix.size)
        return "a delete of the wrong length";
    const uint32_t r = record_behind(&ix, prev);
    if (!r)
        return broken_list;
    return delete_record(&ix, COMP_INFIMUM + prev, r, COMP_EXTRA + header, data);
}
