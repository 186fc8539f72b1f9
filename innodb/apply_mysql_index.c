/* innodb/apply_mysql_index.c: redo_mysql_apply of the records that change B-tree pages; invariants A1..A3 of apply_mysql.c.
 *
 * Bodies, behind the index description; c, c64: compressed integers of redo_mysql_int.h, r: 2 bytes, origin of a record:
 *
 *   REC_INSERT            r of the record in front, insert
 *   LIST_END_COPY_CREATED 4 n, n bytes of inserts, each behind the last record; no insert direction is left behind
 *   REC_DELETE, LIST_END_DELETE (r and all behind it), LIST_START_DELETE (all in front of r)   r
 *   REC_CLUST_DELETE_MARK 1 flags, 1 value, sys, r
 *   REC_SEC_DELETE_MARK   no description; 1 value, r
 *   REC_UPDATE_IN_PLACE   1 flags, sys, r, 1 info, c number of fields, each: c field, c length (FFFFFFFF: NULL), bytes
 *   PAGE_REORGANIZE       -; ZIP_PAGE_REORGANIZE: 1 zlib level
 *   REC_MIN_MARK          no description; r
 *   PAGE_CREATE...        no description; -
 *
 *   insert  c e; if e & 1: 1 info (high nibble) and status (low 3 bits), c bytes before the origin, c how much of the record
 *           in front leads; else all three as of the record in front; then its last e >> 1 bytes
 *   sys     c field of DB_TRX_ID, 7 DB_ROLL_PTR, c64 trx id; nothing to do if flags & 4
 *
 * Fields are named by logical position; those from 1023 on are virtual columns, which are not stored. Info bits 0x40 and
 * 0x80 say how the record is stored and are never changed.
 *
 * Facts: as in apply_mysql.c. */
#include "innodb/apply_mysql_page.h"

#include <string.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"
#include "innodb/mysql_btree.h"
#include "innodb/redo_mysql_int.h"

enum {
    DIRECTION_NONE = 5,
    INFO_MASK = 0xF0,
    STATUS_MASK = 7,
    FLAG_KEEP_SYS = 4,
    TRX_ID_LEN = 6,
    ROLL_PTR_LEN = 7,
    FIRST_VIRTUAL_FIELD = 1023,
    END_OFFSET_NULL = 0x80,
};

static const char bad_record[] = "a record of the index page does not fit the index description";
static const char no_record[] = "a change of a record that is not on the page";

static const char *open_btree(struct mysql_btree *t, struct mysql_page *page,
                              const struct mysql_change *c)
{
    const char *why = mysql_page_need_frame(page);
    if (why)
        return why;
    mysql_page_frame_changed(page);
    return mysql_btree_open(t, page->frame, page->page_size, c->index, page->zip);
}

/* Opens the page in the row format that it has, for records without a description. */
static const char *open_index_page(struct index_page *ix, struct mysql_page *page)
{
    const char *why = mysql_page_need_frame(page);
    if (why)
        return why;
    if (!mysql_btree_is_type(be16(page->frame + FIL_TYPE)))
        return "a change of records, but the page is no index page";
    mysql_page_frame_changed(page);
    const bool comp = be16(page->frame + INDEX_N_HEAP) & INDEX_COMP_FLAG;
    return index_page_open_any(ix, page->frame, page->page_size, comp);
}

static uint8_t *info_byte(const struct index_page *ix, uint32_t r)
{
    return ix->p + r - (ix->comp ? COMP_EXTRA : REDUNDANT_EXTRA);
}

/* --- PAGE_CREATE, REC_MIN_MARK ---------------------------------------------------------------- */

/* The frame of a zip page begins with the header of the image. */
static const char *create(struct mysql_page *page, const struct mysql_change *c, unsigned type,
                          bool comp)
{
    if (rd_left(&c->body))
        return MYSQL_BODY_TOO_LONG;
    if (page->zip && !page->frame_valid) {
        memset(page->frame, 0, page->page_size);
        memcpy(page->frame, page->zip, INDEX_RECORDS);
        page->frame_valid = true;
        page->layout_valid = false;
    }
    index_page_create(page->frame, page->page_size, type, comp);
    mysql_page_frame_changed(page);
    return NULL;
}

const char *apply_my_page_create(struct mysql_page *page, struct mysql_change *c)
{
    return create(page, c, FIL_TYPE_INDEX, false);
}

const char *apply_my_comp_page_create(struct mysql_page *page, struct mysql_change *c)
{
    return create(page, c, FIL_TYPE_INDEX, true);
}

const char *apply_my_page_create_rtree(struct mysql_page *page, struct mysql_change *c)
{
    return create(page, c, FIL_TYPE_RTREE, false);
}

const char *apply_my_comp_page_create_rtree(struct mysql_page *page, struct mysql_change *c)
{
    return create(page, c, FIL_TYPE_RTREE, true);
}

const char *apply_my_page_create_sdi(struct mysql_page *page, struct mysql_change *c)
{
    return create(page, c, FIL_TYPE_SDI, false);
}

const char *apply_my_comp_page_create_sdi(struct mysql_page *page, struct mysql_change *c)
{
    return create(page, c, FIL_TYPE_SDI, true);
}

static const char *min_mark(struct mysql_page *page, struct mysql_change *c, bool comp)
{
    struct index_page ix;
    const uint32_t r = rd_be16(&c->body);
    const char *why = mysql_body_end(&c->body);
    if (!why)
        why = open_index_page(&ix, page);
    if (why)
        return why;
    if (ix.comp != comp || !index_page_is_record(&ix, r))
        return no_record;
    *info_byte(&ix, r) |= MYSQL_INFO_MIN_REC;
    return NULL;
}

const char *apply_my_rec_min_mark(struct mysql_page *page, struct mysql_change *c)
{
    return min_mark(page, c, false);
}

const char *apply_my_comp_rec_min_mark(struct mysql_page *page, struct mysql_change *c)
{
    return min_mark(page, c, true);
}

/* --- inserts ---------------------------------------------------------------------------------- */

/* An insert as logged. */
struct insert {
    uint32_t extra, copied; /* bytes before the origin; bytes of the record in front */
    uint8_t info_status;
    bool inherits; /* the three above are those of the record in front */
    uint32_t n;
    const uint8_t *bytes;
};

static bool read_insert(struct insert *in, struct reader *r)
{
    const uint32_t e = rd_compressed(r);
    *in = (struct insert){.inherits = !(e & 1), .n = e >> 1};
    if (!in->inherits) {
        in->info_status = rd_u8(r);
        in->extra = rd_compressed(r);
        in->copied = rd_compressed(r);
    }
    in->bytes = rd_bytes(r, in->n);
    return !r->ran_out;
}

/* Takes what is inherited from the record in front. */
static const char *look_at_front(struct insert *in, const struct mysql_btree *t, uint32_t front,
                                 struct mysql_record_size *size)
{
    if (!index_page_is_record(&t->page, front))
        return no_record;
    if (!mysql_record_measure(size, t->index, &t->area, front))
        return bad_record;
    if (in->inherits) {
        if (in->n > size->extra + size->data)
            return "an insert of more bytes than the record in front has";
        const uint8_t *p = t->page.p + front;
        in->info_status = *info_byte(&t->page, front) & INFO_MASK;
        if (t->page.comp)
            in->info_status |= p[-3] & STATUS_MASK;
        in->extra = size->extra;
        in->copied = size->extra + size->data - in->n;
    }
    if (in->copied > size->extra + size->data)
        return "an insert that copies more than the record in front has";
    return NULL;
}

static void set_info_status(uint8_t *origin, uint8_t info_status, bool comp)
{
    uint8_t *info = origin - (comp ? COMP_EXTRA : REDUNDANT_EXTRA);
    *info = (uint8_t)((*info & ~INFO_MASK) | (info_status & INFO_MASK));
    if (comp)
        origin[-3] = (uint8_t)((origin[-3] & ~STATUS_MASK) | (info_status & STATUS_MASK));
}

/* Builds the new record in `image`, which has room for a page. */
static const char *build_record(uint8_t *image, struct mysql_record_size *size, struct insert *in,
                                const struct mysql_btree *t, uint32_t front)
{
    struct mysql_record_size front_size = {0};
    if (in->inherits || in->copied) {
        const char *why = look_at_front(in, t, front, &front_size);
        if (why)
            return why;
    }
    if (in->n > t->page.size - in->copied)
        return "an insert of more bytes than a page has";
    const uint32_t total = in->copied + in->n;
    if (in->extra < (t->page.comp ? COMP_EXTRA : REDUNDANT_EXTRA) || in->extra > total)
        return "an insert of a record without a header";
    if (in->copied)
        memcpy(image, t->page.p + front - front_size.extra, in->copied);
    memcpy(image + in->copied, in->bytes, in->n);
    set_info_status(image + in->extra, in->info_status, t->page.comp);
    const struct mysql_record_area area = {image, 0, total};
    if ((in->info_status & STATUS_MASK) > MYSQL_STATUS_NODE_POINTER && t->page.comp)
        return "an insert of a record that is neither row nor node pointer";
    if (!mysql_record_measure(size, t->index, &area, in->extra) || size->extra != in->extra)
        return "an inserted record that does not fit the index description";
    return NULL;
}

static const char *insert(struct mysql_btree *t, struct mysql_page *page, uint32_t front,
                          struct reader *body)
{
    struct insert in;
    struct mysql_record_size size;
    uint32_t origin;
    if (!read_insert(&in, body))
        return MYSQL_BODY_CUT_OFF;
    const char *why = build_record(page->scratch, &size, &in, t, front);
    return why ? why : mysql_btree_insert(t, front, page->scratch, size, &origin);
}

const char *apply_my_rec_insert(struct mysql_page *page, struct mysql_change *c)
{
    struct mysql_btree t;
    const uint32_t front = rd_be16(&c->body);
    const char *why = open_btree(&t, page, c);
    if (!why)
        why = insert(&t, page, front, &c->body);
    return why ? why : mysql_body_end(&c->body);
}

const char *apply_my_list_end_copy_created(struct mysql_page *page, struct mysql_change *c)
{
    struct mysql_btree t;
    const uint32_t n = rd_be32(&c->body);
    if (c->body.ran_out || n != rd_left(&c->body))
        return "a list of inserts that is longer or shorter than it says";
    const char *why = open_btree(&t, page, c);
    while (!why && rd_left(&c->body))
        why = insert(&t, page, mysql_btree_last(&t), &c->body);
    if (why)
        return why;
    put_be16(page->frame + INDEX_LAST_INSERT, 0);
    page->frame[INDEX_DIRECTION] = DIRECTION_NONE;
    put_be16(page->frame + INDEX_N_DIRECTION, 0);
    return NULL;
}

/* --- deletes, reorganisation ------------------------------------------------------------------ */

static const char *change_list(struct mysql_page *page, struct mysql_change *c,
                               const char *change(struct mysql_btree *t, uint32_t r))
{
    struct mysql_btree t;
    const uint32_t r = rd_be16(&c->body);
    const char *why = mysql_body_end(&c->body);
    if (!why)
        why = open_btree(&t, page, c);
    return why ? why : change(&t, r);
}

const char *apply_my_rec_delete(struct mysql_page *page, struct mysql_change *c)
{
    return change_list(page, c, mysql_btree_delete);
}

const char *apply_my_list_end_delete(struct mysql_page *page, struct mysql_change *c)
{
    return change_list(page, c, mysql_btree_delete_from);
}

const char *apply_my_list_start_delete(struct mysql_page *page, struct mysql_change *c)
{
    return change_list(page, c, mysql_btree_delete_before);
}

const char *apply_my_page_reorganize(struct mysql_page *page, struct mysql_change *c)
{
    struct mysql_btree t;
    const char *why = mysql_body_end(&c->body);
    if (!why)
        why = open_btree(&t, page, c);
    return why ? why : mysql_btree_reorganize(&t, page->scratch);
}

const char *apply_my_zip_page_reorganize(struct mysql_page *page, struct mysql_change *c)
{
    const unsigned level = rd_u8(&c->body);
    const char *why = c->body.ran_out ? MYSQL_BODY_CUT_OFF : apply_my_page_reorganize(page, c);
    return why ? why : mysql_page_pack(page, c->index, level);
}

/* --- changes in place ------------------------------------------------------------------------- */

struct sys_fields {
    uint32_t field;
    uint8_t bytes[TRX_ID_LEN + ROLL_PTR_LEN];
};

static bool read_sys(struct sys_fields *s, struct reader *r)
{
    uint8_t trx_id[8];
    s->field = rd_compressed(r);
    const uint8_t *roll_ptr = rd_bytes(r, ROLL_PTR_LEN);
    put_be64(trx_id, rd_compressed64(r));
    if (!roll_ptr || r->ran_out)
        return false;
    memcpy(s->bytes, trx_id + sizeof trx_id - TRX_ID_LEN, TRX_ID_LEN);
    memcpy(s->bytes + TRX_ID_LEN, roll_ptr, ROLL_PTR_LEN);
    return true;
}

static const char *write_sys(struct mysql_btree *t, uint32_t r, const struct sys_fields *s)
{
    struct mysql_record_field field;
    if (!mysql_record_find(&field, t->index, &t->area, r, s->field) ||
        sizeof s->bytes > t->area.high - r - field.at)
        return "a change of DB_TRX_ID, which the record has not";
    memcpy(t->page.p + r + field.at, s->bytes, sizeof s->bytes);
    return NULL;
}

static void mark_deleted(const struct index_page *ix, uint32_t r, uint8_t value)
{
    uint8_t *info = info_byte(ix, r);
    *info = (uint8_t)((*info & ~MYSQL_INFO_DELETED) | (value ? MYSQL_INFO_DELETED : 0));
}

const char *apply_my_rec_clust_delete_mark(struct mysql_page *page, struct mysql_change *c)
{
    struct mysql_btree t;
    struct sys_fields sys;
    const uint8_t flags = rd_u8(&c->body), value = rd_u8(&c->body);
    const bool has_sys = read_sys(&sys, &c->body);
    const uint32_t r = rd_be16(&c->body);
    const char *why = has_sys ? mysql_body_end(&c->body) : MYSQL_BODY_CUT_OFF;
    if (!why)
        why = open_btree(&t, page, c);
    if (why)
        return why;
    if (!index_page_is_record(&t.page, r))
        return no_record;
    mark_deleted(&t.page, r, value);
    return flags & FLAG_KEEP_SYS ? NULL : write_sys(&t, r, &sys);
}

const char *apply_my_rec_sec_delete_mark(struct mysql_page *page, struct mysql_change *c)
{
    struct index_page ix;
    const uint8_t value = rd_u8(&c->body);
    const uint32_t r = rd_be16(&c->body);
    const char *why = mysql_body_end(&c->body);
    if (!why)
        why = open_index_page(&ix, page);
    if (why)
        return why;
    if (!index_page_is_record(&ix, r))
        return no_record;
    mark_deleted(&ix, r, value);
    return NULL;
}

/* The description says nothing that is needed. */
const char *apply_my_comp_rec_sec_delete_mark(struct mysql_page *page, struct mysql_change *c)
{
    return apply_my_rec_sec_delete_mark(page, c);
}

static void set_info(const struct index_page *ix, uint32_t r, uint8_t info)
{
    const unsigned keep = ix->comp ? MYSQL_INFO_VERSION | MYSQL_INFO_INSTANT : MYSQL_INFO_VERSION;
    uint8_t *p = info_byte(ix, r);
    *p = (uint8_t)((*p & (keep | 0x0F)) | (info & INFO_MASK & ~keep));
}

/* value NULL: SQL NULL. */
static const char *write_field(struct mysql_btree *t, uint32_t r, uint32_t logical,
                               const uint8_t *value, uint32_t len)
{
    struct mysql_record_field field;
    if (!mysql_record_find(&field, t->index, &t->area, r, logical))
        return "an update of a field that the record has not";
    uint8_t *to = t->page.p + r + field.at;
    if (value ? len != field.len : t->page.comp && !field.null)
        return "an update in place that changes the length of a field";
    if (value)
        memcpy(to, value, len);
    else
        memset(to, 0, field.len);
    if (!t->page.comp && field.null != !value)
        t->page.p[field.end_entry] ^= END_OFFSET_NULL;
    return NULL;
}

static const char *write_fields(struct mysql_btree *t, uint32_t r, uint32_t n, struct reader *body)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t logical = rd_compressed(body), len = rd_compressed(body);
        const uint8_t *value = len == UINT32_MAX ? NULL : rd_bytes(body, len);
        if (body->ran_out)
            return MYSQL_BODY_CUT_OFF;
        const char *why =
            logical < FIRST_VIRTUAL_FIELD ? write_field(t, r, logical, value, len) : NULL;
        if (why)
            return why;
    }
    return mysql_body_end(body);
}

const char *apply_my_rec_update_in_place(struct mysql_page *page, struct mysql_change *c)
{
    struct mysql_btree t;
    struct sys_fields sys;
    const uint8_t flags = rd_u8(&c->body);
    const bool has_sys = read_sys(&sys, &c->body);
    const uint32_t r = rd_be16(&c->body);
    const uint8_t info = rd_u8(&c->body);
    const uint32_t n = rd_compressed(&c->body);
    const char *why = has_sys && !c->body.ran_out ? open_btree(&t, page, c) : MYSQL_BODY_CUT_OFF;
    if (why)
        return why;
    if (!index_page_is_record(&t.page, r))
        return no_record;
    if (!(flags & FLAG_KEEP_SYS)) {
        why = write_sys(&t, r, &sys);
        if (why)
            return why;
    }
    set_info(&t.page, r, info);
    return write_fields(&t, r, n, &c->body);
}
