/* innodb/mysql_btree.c: see mysql_btree.h. Every walk along the record list is bounded by the number of records that were
 * ever allocated on the page. */
#include "innodb/mysql_btree.h"

#include <string.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"

static const char broken_list[] = "the record list of the index page is broken";
static const char bad_record[] = "a record of the index page does not fit the index description";

bool mysql_btree_is_type(unsigned type)
{
    return type == FIL_TYPE_INDEX || type == FIL_TYPE_RTREE || type == FIL_TYPE_SDI;
}

static uint16_t header(const struct mysql_btree *t, uint32_t at)
{
    return be16(t->page.p + at);
}

const char *mysql_btree_open(struct mysql_btree *t, uint8_t *frame, uint32_t size,
                             const struct redo_mysql_index *index, bool zip)
{
    *t = (struct mysql_btree){
        .area = {frame, INDEX_RECORDS, size - FIL_TRAILER}, .index = index, .zip = zip};
    if (!mysql_btree_is_type(be16(frame + FIL_TYPE)))
        return "a change of records, but the page is no index page";
    const char *why = index_page_open_any(&t->page, frame, size, index->comp);
    const uint32_t n_heap = why ? 0 : index_page_n_heap(&t->page);
    if (!why && (n_heap > INDEX_HEAP_NO_MAX + 1u || header(t, INDEX_N_RECS) > n_heap))
        why = "the record counts of the index page are damaged";
    return why;
}

static bool measure(const struct mysql_btree *t, uint32_t r, struct mysql_record_size *size)
{
    return index_page_is_record(&t->page, r) && mysql_record_measure(size, t->index, &t->area, r);
}

static bool is_user_record(const struct mysql_btree *t, uint32_t r)
{
    return r > index_page_heap_start(&t->page) && index_page_is_record(&t->page, r);
}

static void set_header(struct mysql_btree *t, uint32_t at, uint32_t value)
{
    put_be16(t->page.p + at, (uint16_t)value);
}

uint32_t mysql_btree_last(const struct mysql_btree *t)
{
    return index_page_prev(&t->page, index_page_supremum(&t->page), t->page.n_slots - 1);
}

/* --- insert ----------------------------------------------------------------------------------- */

/* Where the room for a record of that size starts in the free record f; 0 if it does not fit there. */
static uint32_t room_in(const struct mysql_btree *t, uint32_t f, struct mysql_record_size have,
                        struct mysql_record_size want)
{
    const uint32_t start = f - have.extra;
    uint32_t shift = 0;
    if (t->zip) {
        if (want.extra > have.extra)
            return 0;
        shift = have.extra - want.extra;
    }
    return have.extra + have.data >= want.extra + want.data + shift ? start + shift : 0;
}

/* Takes the first free record if it fits; *start is 0 else. */
static const char *take_free(struct mysql_btree *t, struct mysql_record_size size, uint32_t *start,
                             uint32_t *heap_no)
{
    const uint32_t f = header(t, INDEX_FREE), garbage = header(t, INDEX_GARBAGE);
    struct mysql_record_size have;
    *start = 0;
    if (f == 0)
        return NULL;
    if (!is_user_record(t, f) || !measure(t, f, &have))
        return "the free list of the index page is damaged";
    *start = room_in(t, f, have, size);
    if (*start == 0)
        return NULL;
    if (garbage < size.extra + size.data)
        return "the garbage count of the index page is too small";
    *heap_no = index_page_heap_no(&t->page, f);
    set_header(t, INDEX_FREE, index_page_next(&t->page, f));
    set_header(t, INDEX_GARBAGE, garbage - (size.extra + size.data));
    return NULL;
}

static const char *take_heap(struct mysql_btree *t, struct mysql_record_size size, uint32_t *start,
                             uint32_t *heap_no)
{
    const uint32_t top = index_page_heap_top(&t->page);
    *start = top;
    *heap_no = index_page_n_heap(&t->page);
    if (size.extra + size.data > index_page_directory(&t->page) - top ||
        *heap_no > INDEX_HEAP_NO_MAX)
        return "no room on the index page for the inserted record";
    set_header(t, INDEX_HEAP_TOP, top + size.extra + size.data);
    set_header(t, INDEX_N_HEAP, header(t, INDEX_N_HEAP) + 1u);
    return NULL;
}

const char *mysql_btree_insert(struct mysql_btree *t, uint32_t prev, const uint8_t *image,
                               struct mysql_record_size size, uint32_t *origin)
{
    struct index_place place;
    uint32_t start, heap_no;
    const char *why = index_page_find_place(&place, &t->page, prev);
    if (!why)
        why = take_free(t, size, &start, &heap_no);
    if (!why && start == 0)
        why = take_heap(t, size, &start, &heap_no);
    if (why)
        return why;
    memmove(t->page.p + start, image, size.extra + size.data);
    *origin = start + size.extra;
    index_page_set_heap_no(&t->page, *origin, heap_no);
    index_page_set_n_owned(&t->page, *origin, 0);
    index_page_set_next(&t->page, *origin, place.next);
    return index_page_link_in(&t->page, &place, *origin);
}

/* --- delete ----------------------------------------------------------------------------------- */

const char *mysql_btree_delete(struct mysql_btree *t, uint32_t r)
{
    struct index_page *page = &t->page;
    struct mysql_record_size size;
    uint32_t owner, slot;
    if (!is_user_record(t, r))
        return "a delete of what is no user record";
    if (!measure(t, r, &size))
        return bad_record;
    if (!index_page_owner(page, r, &owner, &slot))
        return broken_list;
    const uint32_t prev = index_page_prev(page, r, slot), next = index_page_next(page, r);
    const uint32_t garbage = header(t, INDEX_GARBAGE) + size.extra + size.data;
    if (!prev || !next || header(t, INDEX_N_RECS) == 0 || garbage > UINT16_MAX)
        return broken_list;
    const unsigned owned = index_page_n_owned(page, owner) - 1;
    set_header(t, INDEX_LAST_INSERT, 0);
    index_page_set_next(page, prev, next);
    if (owner == r)
        index_page_set_slot(page, slot, prev);
    index_page_set_n_owned(page, owner == r ? prev : owner, owned);
    index_page_set_next(page, r, header(t, INDEX_FREE));
    set_header(t, INDEX_FREE, r);
    set_header(t, INDEX_GARBAGE, garbage);
    set_header(t, INDEX_N_RECS, header(t, INDEX_N_RECS) - 1u);
    return owned < INDEX_GROUP_MIN ? index_page_balance_slot(page, slot) : NULL;
}

static const char *delete_one_by_one(struct mysql_btree *t, uint32_t r)
{
    const uint32_t supremum = index_page_supremum(&t->page);
    while (r != supremum) {
        const uint32_t next = index_page_is_record(&t->page, r) ? index_page_next(&t->page, r) : 0;
        const char *why = mysql_btree_delete(t, r); /* at most n_recs times: each counts one off */
        if (why)
            return why;
        r = next;
    }
    return NULL;
}

struct tail {
    uint32_t last, n, bytes;
};

static bool measure_tail(const struct mysql_btree *t, uint32_t r, struct tail *tail)
{
    uint32_t steps = index_page_n_heap(&t->page);
    *tail = (struct tail){0};
    for (; r != index_page_supremum(&t->page); r = index_page_next(&t->page, r)) {
        struct mysql_record_size size;
        if (!steps-- || !is_user_record(t, r) || !measure(t, r, &size))
            return false;
        tail->last = r;
        tail->bytes += size.extra + size.data;
        tail->n++;
    }
    return true;
}

/* How many records of r's group, which `owner` owns, lie in front of r. */
static int owned_before(const struct index_page *page, uint32_t r, uint32_t owner)
{
    int n = (int)index_page_n_owned(page, owner) - 1;
    for (; r != owner && n >= 0; n--)
        r = index_page_next(page, r);
    return n;
}

const char *mysql_btree_delete_from(struct mysql_btree *t, uint32_t r)
{
    struct index_page *page = &t->page;
    const uint32_t supremum = index_page_supremum(page), n_recs = header(t, INDEX_N_RECS);
    struct tail tail;
    uint32_t owner, slot;
    if (t->zip || r == supremum)
        return delete_one_by_one(t, r);
    if (!is_user_record(t, r))
        return "a delete from what is no user record";
    if (!measure_tail(t, r, &tail))
        return bad_record;
    if (!index_page_owner(page, r, &owner, &slot))
        return broken_list;
    const uint32_t prev = index_page_prev(page, r, slot);
    const uint32_t garbage = header(t, INDEX_GARBAGE) + tail.bytes;
    const int owned = owned_before(page, r, owner);
    if (!prev || owned < 0 || tail.n > n_recs || garbage > UINT16_MAX)
        return broken_list;
    set_header(t, INDEX_LAST_INSERT, 0);
    index_page_set_slot(page, slot, supremum);
    index_page_set_n_owned(page, supremum, (unsigned)owned + 1);
    page->n_slots = slot + 1;
    set_header(t, INDEX_N_SLOTS, page->n_slots);
    index_page_set_next(page, prev, supremum);
    index_page_set_next(page, tail.last, header(t, INDEX_FREE));
    set_header(t, INDEX_FREE, r);
    set_header(t, INDEX_GARBAGE, garbage);
    set_header(t, INDEX_N_RECS, n_recs - tail.n);
    return NULL;
}

const char *mysql_btree_delete_before(struct mysql_btree *t, uint32_t r)
{
    const uint32_t infimum = index_page_infimum(&t->page);
    for (uint32_t first; (first = index_page_next(&t->page, infimum)) != r;) {
        const char *why = mysql_btree_delete(t, first);
        if (why)
            return why;
    }
    return NULL;
}

/* --- reorganise ------------------------------------------------------------------------------- */

const char *mysql_btree_reorganize(struct mysql_btree *t, uint8_t *old)
{
    struct index_page *page = &t->page;
    struct mysql_btree from = *t;
    uint32_t steps = index_page_n_heap(page), to = index_page_infimum(page);
    memcpy(old, page->p, page->size);
    from.page.p = from.area.p = old;
    index_page_create(page->p, page->size, be16(old + FIL_TYPE), page->comp);
    page->n_slots = header(t, INDEX_N_SLOTS);
    for (uint32_t r = index_page_next(&from.page, to); r != index_page_supremum(page);
         r = index_page_next(&from.page, r)) {
        struct mysql_record_size size;
        if (!steps-- || !is_user_record(&from, r))
            return broken_list;
        if (!measure(&from, r, &size))
            return bad_record;
        const char *why = mysql_btree_insert(t, to, old + r - size.extra, size, &to);
        if (why)
            return why;
    }
    if (header(t, INDEX_LEVEL) == 0)
        memcpy(page->p + INDEX_MAX_TRX_ID, old + INDEX_MAX_TRX_ID, 8);
    return NULL;
}
