/* innodb/index_page.h: an uncompressed B-tree page: header, record list, directory, free list.
 * Bounded accessors for apply_index.c; the page may be garbage.
 *
 *   offset    size  order  meaning
 *       38       2  big    n_dir_slots
 *       40       2  big    heap top: first byte never used by a record
 *       42       2  big    n_heap: records ever allocated; bit 15: COMPACT or DYNAMIC ("comp")
 *       44       2  big    free: origin of the first free record, 0 none
 *       46       2  big    garbage: bytes in free records
 *       48       2  big    origin of the last inserted record, 0 none
 *       51       1         low 3 bits: direction of inserts, 1 left, 2 right, 5 none
 *       52       2  big    inserts in that direction
 *       54       2  big    n_recs: user records
 *       64       2  big    level, 0 leaf
 *       94                 infimum, supremum, then the heap from 120 (comp) or 125 (REDUNDANT)
 *   size-8-2(i+1)  2  big  slot i of the directory: origin of the last record of a group of 1 to 8;
 *                          slot 0 is the infimum
 *
 * A record is addressed by its origin r, its first data byte. Before it, going down:
 *   comp       r-2  next: relative, mod 65536, 0 at the end
 *              r-4  heap number << 3 | status
 *              r-5  info << 4 | n_owned
 *   REDUNDANT  r-2  next: absolute, 0 at the end
 *              r-4  low 11 bits: n_fields << 1 | short offsets
 *              r-5  13 bits: heap number
 *              r-6  info << 4 | n_owned
 *                   below: end offset of field 0, 1...; 1 byte each if short, else 2
 *
 * Facts: MariaDB 10.11.19 and 11.8.6, by page comparison with the server's own recovery. */
#ifndef MBE_INNODB_INDEX_PAGE_H
#define MBE_INNODB_INDEX_PAGE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    INDEX_N_SLOTS = 38,
    INDEX_HEAP_TOP = 40,
    INDEX_N_HEAP = 42,
    INDEX_FREE = 44,
    INDEX_GARBAGE = 46,
    INDEX_LAST_INSERT = 48,
    INDEX_DIRECTION = 51,
    INDEX_N_DIRECTION = 52,
    INDEX_N_RECS = 54,
    INDEX_MAX_TRX_ID = 56, /* 8 bytes */
    INDEX_LEVEL = 64,
    INDEX_ID = 66,              /* 8 bytes */
    INDEX_HEADER_INIT_END = 64, /* what INIT_ROW_FORMAT zeroes of the header */
    INDEX_RECORDS = 94,

    INDEX_COMP_FLAG = 0x8000,
    INDEX_GROUP_MIN = 4, /* records that a slot owns, but for the first and the last slot */
    INDEX_GROUP_MAX = 8,

    COMP_EXTRA = 5,
    COMP_INFIMUM = 99,
    COMP_SUPREMUM = 112,
    COMP_HEAP = 120,
    REDUNDANT_EXTRA = 6,
    REDUNDANT_INFIMUM = 101,
    REDUNDANT_SUPREMUM = 116,
    REDUNDANT_HEAP = 125,
    REDUNDANT_FIELDS_MAX = 1023,

    INDEX_HEAP_NO_MAX = 8191, /* 13 bits */
};

struct index_page {
    uint8_t *p;
    uint32_t size;
    bool comp;
    uint32_t n_slots;
};

/* Makes p an empty index page of that type. What is in front of the type, from 26 to 37, from 64 to 93, and the trailer
 * stay. */
void index_page_create(uint8_t *p, uint32_t size, unsigned type, bool comp);

/* NULL, or why p is no index page of this row format with a sane directory and heap. */
const char *index_page_open(struct index_page *ix, uint8_t *p, uint32_t size, bool comp);
/* The same of a page whose type the caller has judged. */
const char *index_page_open_any(struct index_page *ix, uint8_t *p, uint32_t size, bool comp);

uint32_t index_page_infimum(const struct index_page *ix);
uint32_t index_page_supremum(const struct index_page *ix);
uint32_t index_page_heap_start(const struct index_page *ix);
uint32_t index_page_heap_top(const struct index_page *ix);
/* Lowest byte of the directory: the heap ends here. */
uint32_t index_page_directory(const struct index_page *ix);

/* Whether r can be the origin of a record: everything up to 6 bytes before r is inside the page
 * then. */
bool index_page_is_record(const struct index_page *ix, uint32_t r);
/* Origin of the next record; 0 if there is none or it cannot be one. r is a record, as below. */
uint32_t index_page_next(const struct index_page *ix, uint32_t r);
void index_page_set_next(struct index_page *ix, uint32_t r, uint32_t next);
unsigned index_page_n_owned(const struct index_page *ix, uint32_t r);
void index_page_set_n_owned(struct index_page *ix, uint32_t r, unsigned n);
uint32_t index_page_heap_no(const struct index_page *ix, uint32_t r);
void index_page_set_heap_no(struct index_page *ix, uint32_t r, uint32_t heap_no);
/* Records ever allocated, infimum and supremum among them: no list on the page is longer. */
uint32_t index_page_n_heap(const struct index_page *ix);
/* Bytes before and behind the origin of a REDUNDANT record; false if they do not fit before it. */
bool index_page_redundant_size(const struct index_page *ix, uint32_t r, uint32_t *extra,
                               uint32_t *data);

uint32_t index_page_slot(const struct index_page *ix, uint32_t i);
void index_page_set_slot(struct index_page *ix, uint32_t i, uint32_t r);
/* First record from r on that owns a group; *slot its place in the directory. False if there is
 * none. */
bool index_page_owner(const struct index_page *ix, uint32_t r, uint32_t *owner, uint32_t *slot);
/* The record in front of r, which belongs to the group of that slot; 0 if there is none. */
uint32_t index_page_prev(const struct index_page *ix, uint32_t r, uint32_t slot);
/* Splits the group of 9 that slot i owns into 4 and 5. NULL, or why it cannot be. */
const char *index_page_split_slot(struct index_page *ix, uint32_t i);
/* Fills up the group of slot i, which has one record too few, from slot i + 1, or joins the two. */
const char *index_page_balance_slot(struct index_page *ix, uint32_t i);

/* Where a record is to be inserted: its neighbours, and the record that owns the group it joins. */
struct index_place {
    uint32_t prev, next, owner, slot;
};
/* Looks up what follows prev, which may be anything. NULL, or why nothing can be inserted there. */
const char *index_page_find_place(struct index_place *place, const struct index_page *ix,
                                  uint32_t prev);
/* Puts the written record r, whose next record is set, into list, directory and header. NULL, or why it cannot be. */
const char *index_page_link_in(struct index_page *ix, const struct index_place *place, uint32_t r);

#endif
