/* innodb/index_page.c: see index_page.h. */
#include "innodb/index_page.h"

#include <string.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"

enum {
    N_HEAP_MIN = 2, /* infimum and supremum */
    TYPE_RTREE_LOW_BYTE = 0xBE,
    DIRECTION_LEFT = 1,
    DIRECTION_RIGHT = 2,
    DIRECTION_NONE = 5,
};

static const char broken_list[] = "the record list of the index page is broken";

void index_page_create(uint8_t *p, uint32_t size, unsigned type, bool comp)
{
    static const uint8_t records_comp[] = "\x01\x00\x02\x00\x0D"
                                          "infimum\0"
                                          "\x01\x00\x0B\x00\x00"
                                          "supremum";
    static const uint8_t records_redundant[] = "\x08\x01\x00\x00\x03\x00\x74"
                                               "infimum\0"
                                               "\x09\x01\x00\x08\x03\x00\x00"
                                               "supremum\0";
    _Static_assert(sizeof records_comp - 1 == COMP_HEAP - INDEX_RECORDS, "size of both records");
    _Static_assert(sizeof records_redundant - 1 == REDUNDANT_HEAP - INDEX_RECORDS,
                   "size of both records");
    const uint32_t heap = comp ? COMP_HEAP : REDUNDANT_HEAP;
    const uint32_t end = size - FIL_TRAILER;
    put_be16(p + FIL_TYPE, (uint16_t)type);
    memset(p + FIL_BODY, 0, INDEX_HEADER_INIT_END - FIL_BODY);
    put_be16(p + INDEX_N_SLOTS, 2);
    p[INDEX_DIRECTION] = DIRECTION_NONE;
    put_be16(p + INDEX_N_HEAP, (uint16_t)(comp ? INDEX_COMP_FLAG | 2 : 2));
    put_be16(p + INDEX_HEAP_TOP, (uint16_t)heap);
    memcpy(p + INDEX_RECORDS, comp ? records_comp : records_redundant, heap - INDEX_RECORDS);
    memset(p + heap, 0, end - heap);
    put_be16(p + end - 2, comp ? COMP_INFIMUM : REDUNDANT_INFIMUM);
    put_be16(p + end - 4, comp ? COMP_SUPREMUM : REDUNDANT_SUPREMUM);
}

const char *index_page_open(struct index_page *ix, uint8_t *p, uint32_t size, bool comp)
{
    const unsigned type = be16(p + FIL_TYPE);
    if (type != FIL_TYPE_INDEX && type != FIL_TYPE_RTREE && type != FIL_TYPE_INSTANT)
        return "a change of records, but the page is no index page";
    return index_page_open_any(ix, p, size, comp);
}

const char *index_page_open_any(struct index_page *ix, uint8_t *p, uint32_t size, bool comp)
{
    const uint32_t n_heap = be16(p + INDEX_N_HEAP);
    *ix =
        (struct index_page){.p = p, .size = size, .comp = comp, .n_slots = be16(p + INDEX_N_SLOTS)};
    if (comp != !!(n_heap & INDEX_COMP_FLAG))
        return "a change of records of another row format than the page has";
    const uint32_t room = size - FIL_TRAILER - index_page_heap_start(ix);
    if (ix->n_slots < 2 || ix->n_slots > room / 2)
        return "the directory of the index page is damaged";
    const uint32_t top = index_page_heap_top(ix);
    if ((n_heap & ~(uint32_t)INDEX_COMP_FLAG) < N_HEAP_MIN || top < index_page_heap_start(ix) ||
        top > index_page_directory(ix))
        return "the record heap of the index page is damaged";
    return NULL;
}

uint32_t index_page_infimum(const struct index_page *ix)
{
    return ix->comp ? COMP_INFIMUM : REDUNDANT_INFIMUM;
}

uint32_t index_page_supremum(const struct index_page *ix)
{
    return ix->comp ? COMP_SUPREMUM : REDUNDANT_SUPREMUM;
}

uint32_t index_page_heap_start(const struct index_page *ix)
{
    return ix->comp ? COMP_HEAP : REDUNDANT_HEAP;
}

uint32_t index_page_heap_top(const struct index_page *ix)
{
    return be16(ix->p + INDEX_HEAP_TOP);
}

static uint32_t slot_offset(const struct index_page *ix, uint32_t i)
{
    return ix->size - FIL_TRAILER - 2 * (i + 1);
}

uint32_t index_page_directory(const struct index_page *ix)
{
    return slot_offset(ix, ix->n_slots - 1);
}

bool index_page_is_record(const struct index_page *ix, uint32_t r)
{
    return r >= index_page_infimum(ix) && r <= index_page_heap_top(ix);
}

uint32_t index_page_next(const struct index_page *ix, uint32_t r)
{
    uint32_t next = be16(ix->p + r - 2);
    if (next && ix->comp)
        next = (r + next) & 0xFFFF;
    return index_page_is_record(ix, next) ? next : 0;
}

void index_page_set_next(struct index_page *ix, uint32_t r, uint32_t next)
{
    put_be16(ix->p + r - 2, (uint16_t)(ix->comp && next ? next - r : next));
}

static uint32_t n_owned_offset(const struct index_page *ix, uint32_t r)
{
    return r - (ix->comp ? COMP_EXTRA : REDUNDANT_EXTRA);
}

unsigned index_page_n_owned(const struct index_page *ix, uint32_t r)
{
    return ix->p[n_owned_offset(ix, r)] & 15;
}

void index_page_set_n_owned(struct index_page *ix, uint32_t r, unsigned n)
{
    uint8_t *p = ix->p + n_owned_offset(ix, r);
    *p = (uint8_t)((*p & 0xF0) | (n & 15));
}

uint32_t index_page_heap_no(const struct index_page *ix, uint32_t r)
{
    return be16(ix->p + r - (ix->comp ? 4 : 5)) >> 3;
}

void index_page_set_heap_no(struct index_page *ix, uint32_t r, uint32_t heap_no)
{
    uint8_t *p = ix->p + r - (ix->comp ? 4 : 5);
    put_be16(p, (uint16_t)((be16(p) & 7) | heap_no << 3));
}

uint32_t index_page_n_heap(const struct index_page *ix)
{
    return be16(ix->p + INDEX_N_HEAP) & ~(uint32_t)INDEX_COMP_FLAG;
}

bool index_page_redundant_size(const struct index_page *ix, uint32_t r, uint32_t *extra,
                               uint32_t *data)
{
    const uint32_t n_fields = (be16(ix->p + r - 4) & 0x7FE) >> 1;
    const uint32_t width = ix->p[r - 3] & 1 ? 1 : 2;
    *extra = REDUNDANT_EXTRA + n_fields * width;
    if (n_fields == 0 || r < REDUNDANT_HEAP + *extra)
        return false;
    const uint8_t *last = ix->p + r - *extra;
    *data = width == 1 ? *last & 0x7Fu : be16(last) & 0x3FFFu;
    return true;
}

uint32_t index_page_slot(const struct index_page *ix, uint32_t i)
{
    return be16(ix->p + slot_offset(ix, i));
}

void index_page_set_slot(struct index_page *ix, uint32_t i, uint32_t r)
{
    put_be16(ix->p + slot_offset(ix, i), (uint16_t)r);
}

bool index_page_owner(const struct index_page *ix, uint32_t r, uint32_t *owner, uint32_t *slot)
{
    uint32_t steps = index_page_n_heap(ix);
    while (r && index_page_n_owned(ix, r) == 0 && --steps)
        r = index_page_next(ix, r);
    if (!r || !steps)
        return false;
    *owner = r;
    for (*slot = ix->n_slots - 1; *slot > 0; --*slot)
        if (index_page_slot(ix, *slot) == r)
            return true;
    return false;
}

uint32_t index_page_prev(const struct index_page *ix, uint32_t r, uint32_t slot)
{
    uint32_t steps = index_page_n_heap(ix);
    uint32_t q = slot > 0 && slot < ix->n_slots ? index_page_slot(ix, slot - 1) : 0;
    if (!index_page_is_record(ix, q))
        return 0;
    while (q && steps--) {
        const uint32_t next = index_page_next(ix, q);
        if (next == r)
            return q;
        q = next;
    }
    return 0;
}

const char *index_page_split_slot(struct index_page *ix, uint32_t i)
{
    uint32_t r = index_page_slot(ix, i - 1);
    if (!index_page_is_record(ix, r))
        return "the directory of the index page points outside the heap";
    for (int k = 0; k < INDEX_GROUP_MIN && r; k++)
        r = index_page_next(ix, r);
    if (!r)
        return broken_list;
    const uint32_t low = index_page_directory(ix);
    if (low < index_page_heap_top(ix) + 2)
        return "no room for a slot in the directory of the index page";
    memmove(ix->p + low - 2, ix->p + low, slot_offset(ix, i) + 2 - low);
    put_be16(ix->p + INDEX_N_SLOTS, (uint16_t)++ix->n_slots);
    index_page_set_slot(ix, i, r);
    index_page_set_n_owned(ix, r, INDEX_GROUP_MIN);
    index_page_set_n_owned(ix, index_page_slot(ix, i + 1), INDEX_GROUP_MAX + 1 - INDEX_GROUP_MIN);
    return NULL;
}

static void remove_slot(struct index_page *ix, uint32_t i)
{
    const uint32_t low = index_page_directory(ix);
    memmove(ix->p + low + 2, ix->p + low, slot_offset(ix, i) - low);
    put_be16(ix->p + low, 0);
    put_be16(ix->p + INDEX_N_SLOTS, (uint16_t)--ix->n_slots);
}

const char *index_page_balance_slot(struct index_page *ix, uint32_t i)
{
    if (i + 1 == ix->n_slots)
        return NULL;
    const uint32_t r = index_page_slot(ix, i), up = index_page_slot(ix, i + 1);
    if (!index_page_is_record(ix, r) || !index_page_is_record(ix, up))
        return "the directory of the index page points outside the heap";
    const unsigned up_owns = index_page_n_owned(ix, up);
    if (up_owns <= INDEX_GROUP_MIN) {
        index_page_set_n_owned(ix, r, 0);
        index_page_set_n_owned(ix, up, up_owns + INDEX_GROUP_MIN - 1);
        remove_slot(ix, i);
        return NULL;
    }
    const uint32_t next = index_page_next(ix, r);
    if (!next)
        return broken_list;
    index_page_set_n_owned(ix, r, 0);
    index_page_set_n_owned(ix, next, INDEX_GROUP_MIN);
    index_page_set_slot(ix, i, next);
    index_page_set_n_owned(ix, up, up_owns - 1);
    return NULL;
}

const char *index_page_find_place(struct index_place *place, const struct index_page *ix,
                                  uint32_t prev)
{
    *place = (struct index_place){.prev = prev};
    if (!index_page_is_record(ix, prev))
        return "an insert behind a record outside the heap";
    place->next = index_page_next(ix, prev);
    if (!place->next || !index_page_owner(ix, place->next, &place->owner, &place->slot))
        return broken_list;
    if (index_page_n_owned(ix, place->owner) > INDEX_GROUP_MAX)
        return "a directory slot of the index page owns too many records";
    return NULL;
}

/* R-tree pages have no direction. */
static void note_direction(struct index_page *ix, const struct index_place *place, uint32_t last)
{
    uint8_t *direction = ix->p + INDEX_DIRECTION;
    const unsigned was = *direction & 7;
    if (ix->p[FIL_TYPE + 1] == TYPE_RTREE_LOW_BYTE)
        return;
    unsigned now = DIRECTION_NONE;
    if (last && last == place->prev && was != DIRECTION_LEFT)
        now = DIRECTION_RIGHT;
    else if (last && last == place->next && was != DIRECTION_RIGHT)
        now = DIRECTION_LEFT;
    *direction = (uint8_t)((*direction & ~7) | now);
    const uint16_t n = be16(ix->p + INDEX_N_DIRECTION);
    put_be16(ix->p + INDEX_N_DIRECTION, (uint16_t)(now == DIRECTION_NONE ? 0 : n + 1));
}

const char *index_page_link_in(struct index_page *ix, const struct index_place *place, uint32_t r)
{
    const uint32_t last = be16(ix->p + INDEX_LAST_INSERT);
    const unsigned owned = index_page_n_owned(ix, place->owner);
    put_be16(ix->p + INDEX_LAST_INSERT, (uint16_t)r);
    index_page_set_next(ix, place->prev, r);
    index_page_set_n_owned(ix, place->owner, owned + 1);
    note_direction(ix, place, last);
    put_be16(ix->p + INDEX_N_RECS, (uint16_t)(be16(ix->p + INDEX_N_RECS) + 1));
    return owned == INDEX_GROUP_MAX ? index_page_split_slot(ix, place->slot) : NULL;
}
