/* innodb/index_check.c: see index_check.h; C1 to C9 are the rules there. Every list is bounded by the heap numbers: a record that is
 * met twice ends it. */
#include "innodb/index_check.h"

#include <string.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"

enum {
    FIL_PREV = 8,
    FIL_NEXT = 12,
    SEGMENT_LEAF = 74, /* space, page, offset: 4, 4, 2 bytes */
    SEGMENT_TOP = 84,
    SEGMENT_SIZE = 10,
    STATUS_MASK = 7,
    STATUS_LEAF = 0,
    STATUS_NODE_POINTER = 1,
    STATUS_INSTANT = 4,
    INFO_MIN_REC = 0x10,
    INFO_DELETED = 0x20,
    INFO_MASK = 0xF0,
    INFO_VERSION = 0x40, /* MySQL: REDUNDANT records have another byte then */
    CHILD_SIZE = 4,
    MBR_SIZE = 32,     /* key of an R-tree's node pointers */
    SDI_KEY_SIZE = 12, /* of MySQL's SDI tree: type, id */
    HEAP_NO_FIRST = 2,
};

#define SDI_INDEX_ID UINT64_MAX

static const char record_list_broken[] = "the record list is broken";
static const char free_list_broken[] = "the free list is broken";

struct check {
    const struct index_checked *page;
    struct index_page ix;
    struct index_facts *facts;
    struct index_records *records;
    uint32_t heap_top;
};

bool index_check_is_type(unsigned type, bool instant_metadata)
{
    return type == FIL_TYPE_INDEX || type == FIL_TYPE_RTREE || type == FIL_TYPE_SDI ||
           (type == FIL_TYPE_INSTANT && instant_metadata);
}

static void read_facts(struct index_facts *f, const uint8_t *p)
{
    static const uint8_t nothing[SEGMENT_SIZE];
    *f = (struct index_facts){.index_id = be64(p + INDEX_ID),
                              .prev = be32(p + FIL_PREV),
                              .next = be32(p + FIL_NEXT),
                              .level = be16(p + INDEX_LEVEL),
                              .n_recs = be16(p + INDEX_N_RECS),
                              .rtree = be16(p + FIL_TYPE) == FIL_TYPE_RTREE,
                              .root = memcmp(p + SEGMENT_LEAF, nothing, SEGMENT_SIZE) != 0 &&
                                      memcmp(p + SEGMENT_TOP, nothing, SEGMENT_SIZE) != 0};
}

static unsigned info_bits(const struct check *c, uint32_t r)
{
    return c->ix.p[r - (c->ix.comp ? COMP_EXTRA : REDUNDANT_EXTRA)] & INFO_MASK;
}

static unsigned status_bits(const struct check *c, uint32_t r)
{
    return c->ix.p[r - 3] & STATUS_MASK;
}

/* --- infimum and supremum (C2) ---------------------------------------------------------------- */

static const char *check_ends(const struct check *c)
{
    const struct index_page *ix = &c->ix;
    const uint32_t infimum = index_page_infimum(ix), supremum = index_page_supremum(ix);
    const bool texts = be16(ix->p + FIL_TYPE) != FIL_TYPE_INSTANT;
    if (texts && (memcmp(ix->p + infimum, "infimum", 8) || memcmp(ix->p + supremum, "supremum", 8)))
        return "infimum or supremum is overwritten";
    if (index_page_heap_no(ix, infimum) != 0 || index_page_heap_no(ix, supremum) != 1 ||
        info_bits(c, infimum) || info_bits(c, supremum) || be16(ix->p + supremum - 2) != 0 ||
        (ix->comp && (status_bits(c, infimum) != 2 || status_bits(c, supremum) != 3)))
        return "infimum or supremum is damaged";
    return NULL;
}

/* --- heap numbers (C5) ------------------------------------------------------------------------ */

static bool is_user_record(const struct check *c, uint32_t r)
{
    const uint32_t least = c->ix.comp ? COMP_EXTRA : REDUNDANT_EXTRA + 1;
    return r >= index_page_heap_start(&c->ix) + least && r <= c->heap_top;
}

/* Whether this record was not met yet, and has a heap number that none before it had. */
static bool take_record(struct check *c, uint32_t r)
{
    if (!is_user_record(c, r))
        return false;
    const uint32_t heap_no = index_page_heap_no(&c->ix, r);
    if (heap_no < HEAP_NO_FIRST || heap_no >= c->records->n_heap || c->records->origins[heap_no])
        return false;
    c->records->origins[heap_no] = (uint16_t)r;
    return true;
}

static const char *check_heap_order(const struct check *c)
{
    const struct index_records *records = c->records;
    for (uint32_t h = HEAP_NO_FIRST; h < records->n_heap; h++) {
        if (!records->origins[h])
            return "a record is neither in the record list nor in the free list";
        if (h > HEAP_NO_FIRST &&
            records->origins[h] <
                records->origins[h - 1] + (c->ix.comp ? COMP_EXTRA : REDUNDANT_EXTRA + 1))
            return "heap numbers do not ascend with the address";
    }
    return NULL;
}

/* --- record list and directory (C3, C4, C7) --------------------------------------------------- */

static bool may_be_first_of_all(const struct check *c, bool first)
{
    const struct index_facts *f = c->facts;
    return first && f->prev == PAGE_NO_NONE &&
           (f->level > 0 || (c->page->instant_metadata && !f->rtree));
}

static const char *check_info(const struct check *c, uint32_t r, bool first)
{
    const struct index_facts *f = c->facts;
    const unsigned info = info_bits(c, r);
    const bool allowed = may_be_first_of_all(c, first);
    if (info & INFO_MIN_REC && !allowed)
        return "a record is marked as the first of all, and is not";
    if (allowed && f->level > 0 && !f->rtree && !(info & INFO_MIN_REC))
        return "the first node pointer of a level is not marked as such";
    if (info & ~(INFO_MIN_REC | INFO_DELETED) && (c->page->instant_metadata || f->level > 0))
        return "a record has flags that there are not";
    if (!c->ix.comp)
        return NULL;
    const unsigned status = status_bits(c, r);
    const bool fits =
        f->level ? status == STATUS_NODE_POINTER
                 : status == STATUS_LEAF || (status == STATUS_INSTANT && c->page->instant_metadata);
    return fits ? NULL : "a record is of another kind than the page's level says";
}

/* Position of the next record of a list; 0 at its end, UINT32_MAX when it leads nowhere. */
static uint32_t follow(const struct check *c, uint32_t r)
{
    const uint32_t next = be16(c->ix.p + r - 2) ? index_page_next(&c->ix, r) : 0;
    return be16(c->ix.p + r - 2) && !next ? UINT32_MAX : next;
}

static const char *check_list(struct check *c)
{
    const struct index_page *ix = &c->ix;
    const uint32_t infimum = index_page_infimum(ix), supremum = index_page_supremum(ix);
    uint32_t n = 0, slot = 1, owned = 0, r = infimum;
    if (index_page_slot(ix, 0) != infimum || index_page_n_owned(ix, infimum) != 1)
        return "the first slot of the directory is not the infimum's";
    while ((r = follow(c, r)) != supremum) {
        if (r == 0 || r == UINT32_MAX || !take_record(c, r))
            return record_list_broken;
        const char *why = check_info(c, r, n == 0);
        if (why)
            return why;
        n++;
        owned++;
        const unsigned says = index_page_n_owned(ix, r);
        if (!says)
            continue;
        if (says != owned || says > INDEX_GROUP_MAX || slot >= ix->n_slots ||
            index_page_slot(ix, slot) != r)
            return "the directory does not fit the record list";
        slot++;
        owned = 0;
    }
    if (slot != ix->n_slots - 1 || index_page_slot(ix, slot) != supremum ||
        index_page_n_owned(ix, supremum) != owned + 1 || owned + 1 > INDEX_GROUP_MAX)
        return "the directory does not fit the record list";
    return n == c->facts->n_recs
               ? NULL
               : "the record list has another number of records than the header says";
}

/* --- free list and space (C5, C6) ------------------------------------------------------------- */

static const char *check_free_list(struct check *c)
{
    const uint32_t n_free = c->records->n_heap - HEAP_NO_FIRST - c->facts->n_recs;
    uint32_t r = be16(c->ix.p + INDEX_FREE), n = 0;
    for (; r; r = follow(c, r), n++)
        if (r == UINT32_MAX || !take_record(c, r))
            return free_list_broken;
    return n == n_free ? NULL : "a record is neither in the record list nor in the free list";
}

static bool redundant_size(const struct check *c, uint32_t r, uint32_t *extra, uint32_t *data)
{
    const uint32_t version = info_bits(c, r) & INFO_VERSION ? 1 : 0;
    const uint8_t *p = c->ix.p;
    const uint32_t n_fields = (be16(p + r - 4) & 0x7FE) >> 1, width = p[r - 3] & 1 ? 1 : 2;
    *extra = REDUNDANT_EXTRA + version + n_fields * width;
    if (n_fields == 0 || *extra > r - REDUNDANT_HEAP)
        return false;
    const uint8_t *last = p + r - *extra;
    *data = width == 1 ? *last & 0x7Fu : be16(last) & 0x3FFFu;
    return *data <= c->heap_top - r;
}

static const char *check_redundant_records(const struct check *c)
{
    const uint32_t supremum = index_page_supremum(&c->ix);
    uint32_t end = REDUNDANT_HEAP, live = 0, extra, data;
    for (uint32_t h = HEAP_NO_FIRST; h < c->records->n_heap; h++) {
        const uint32_t r = c->records->origins[h];
        if (!redundant_size(c, r, &extra, &data) || r - extra < end)
            return "records overlap, or one has no sane size";
        end = r + data;
    }
    for (uint32_t r = follow(c, index_page_infimum(&c->ix)); r != supremum; r = follow(c, r))
        if (redundant_size(c, r, &extra, &data))
            live += extra + data;
    return c->heap_top - REDUNDANT_HEAP - live == be16(c->ix.p + INDEX_GARBAGE)
               ? NULL
               : "the count of free bytes is wrong";
}

static const char *check_space(const struct check *c)
{
    const uint32_t garbage = be16(c->ix.p + INDEX_GARBAGE);
    if (!c->ix.comp)
        return check_redundant_records(c);
    if (garbage > c->heap_top - COMP_HEAP || (be16(c->ix.p + INDEX_FREE) && !garbage))
        return "the count of free bytes is wrong";
    return NULL;
}

/* --- the page --------------------------------------------------------------------------------- */

static const char *check_header(struct check *c)
{
    const uint8_t *p = c->page->frame;
    const uint32_t n_heap = be16(p + INDEX_N_HEAP) & ~(uint32_t)INDEX_COMP_FLAG;
    const bool comp = be16(p + INDEX_N_HEAP) & INDEX_COMP_FLAG;
    const char *why = index_page_open_any(&c->ix, c->page->frame, c->page->size, comp);
    if (why)
        return why;
    if (n_heap > INDEX_HEAP_NO_MAX + 1u || (uint32_t)c->facts->n_recs + HEAP_NO_FIRST > n_heap ||
        c->facts->level > INDEX_LEVEL_MAX)
        return "the counts in the header of the page are damaged";
    if ((be16(p + FIL_TYPE) == FIL_TYPE_SDI) != (c->facts->index_id == SDI_INDEX_ID))
        return "the index id is not one of the page's type";
    if (c->facts->level > 0 && !c->facts->n_recs)
        return "a page above the leaves has no record";
    c->heap_top = index_page_heap_top(&c->ix);
    c->records->n_heap = n_heap;
    memset(c->records->origins, 0, n_heap * sizeof c->records->origins[0]);
    return NULL;
}

const char *index_check(struct index_facts *facts, struct index_records *records,
                        const struct index_checked *page)
{
    struct check c = {.page = page, .facts = facts, .records = records};
    read_facts(facts, page->frame);
    const char *why = check_header(&c);
    if (!why)
        why = check_ends(&c);
    if (!why)
        why = check_list(&c);
    if (!why)
        why = check_free_list(&c);
    if (!why)
        why = check_heap_order(&c);
    return why ? why : check_space(&c);
}

/* --- node pointers ---------------------------------------------------------------------------- */

static struct check reopened(const struct index_checked *page)
{
    const uint8_t *p = page->frame;
    return (struct check){
        .page = page,
        .ix = {.p = page->frame,
               .size = page->size,
               .comp = be16(p + INDEX_N_HEAP) & INDEX_COMP_FLAG,
               .n_slots = be16(p + INDEX_N_SLOTS)},
        .heap_top = be16(p + INDEX_HEAP_TOP),
    };
}

uint32_t index_check_next(const struct index_checked *page, uint32_t r)
{
    const struct check c = reopened(page);
    const uint32_t next = follow(&c, r ? r : index_page_infimum(&c.ix));
    return next == index_page_supremum(&c.ix) ? 0 : next;
}

struct index_child index_check_child(const struct index_checked *page,
                                     const struct index_records *records, uint32_t r)
{
    const struct check c = reopened(page);
    const unsigned type = be16(page->frame + FIL_TYPE);
    const uint32_t heap_no = index_page_heap_no(&c.ix, r);
    const uint32_t key = type == FIL_TYPE_RTREE ? MBR_SIZE
                         : type == FIL_TYPE_SDI ? SDI_KEY_SIZE
                                                : 0;
    uint32_t extra, data = 0, end = c.heap_top;
    if (!c.ix.comp) {
        if (!redundant_size(&c, r, &extra, &data) || data < CHILD_SIZE)
            return (struct index_child){r, r};
        return (struct index_child){r + data - CHILD_SIZE, r + data};
    }
    if (heap_no + 1 < records->n_heap)
        end = records->origins[heap_no + 1] - COMP_EXTRA;
    if (key && end - r >= key + CHILD_SIZE)
        return (struct index_child){r + key, r + key + CHILD_SIZE};
    return (struct index_child){r, end};
}
