/* innodb/index_check.h: whether one B-tree page, uncompressed and in clear, is whole inside. Pure; the page may be garbage. What
 * columns the index has is not known here, and need not be. The layout is that of index_page.h.
 *
 * Of a whole page:
 *  C1 directory and heap do not overlap, and hold what the header says;
 *  C2 infimum and supremum are what they always are; the supremum ends the record list. (MariaDB: on a page of type 18 their
 *     texts are used otherwise.)
 *  C3 the record list has n_recs records, each of them once, of the page's kind: leaf records (status 0; MariaDB: or 4), or node
 *     pointers (1);
 *  C4 the directory names every record that owns others, in the order of the list, first infimum, last supremum; each owns
 *     exactly those behind the one before it, 8 at most;
 *  C5 each heap number from 2 on is that of one record, in the list or in the free list; they ascend with the address;
 *  C6 REDUNDANT, where records tell their size: they do not overlap, and the bytes between them are what `garbage` counts. In
 *     other formats: garbage is not more than the heap, and there is some where there are free records;
 *  C7 info bit 0x10 is on the first record of the first page of a level above the leaves, always. R-tree pages may have it there,
 *     and MariaDB's metadata record, which is the first of all leaf records. Nothing else has it;
 *  C8 above the leaves there is at least one record;
 *  C9 the index id of SDI pages (MySQL), and of no others, is all ones.
 * LAST_INSERT, DIRECTION, N_DIRECTION and MAX_TRX_ID are not looked at: hints, or of no structure.
 *
 * Facts: MySQL 9.7.4, MariaDB 10.11.19 and 11.8.6, by experiment: every page of many servers under load obeys them. */
#ifndef MBE_INNODB_INDEX_CHECK_H
#define MBE_INNODB_INDEX_CHECK_H

#include "innodb/index_page.h"
#include "innodb/types.h"

enum { INDEX_LEVEL_MAX = 50 };

/* A page and how it is to be read. */
struct index_checked {
    uint8_t *frame; /* not changed */
    uint32_t size;
    bool instant_metadata; /* MariaDB, see above */
};

/* What a page says of itself and its neighbours. */
struct index_facts {
    uint64_t index_id;
    page_no_t prev, next; /* PAGE_NO_NONE: none */
    uint16_t level, n_recs;
    bool rtree;
    bool root; /* it names segments of its own */
};

/* Where its records are: of heap number h, 2 <= h < n_heap, the origin. */
struct index_records {
    uint32_t n_heap;
    uint16_t origins[INDEX_HEAP_NO_MAX + 1];
};

/* Whether pages of that type are such pages. */
bool index_check_is_type(unsigned type, bool instant_metadata);
/* NULL, or a static sentence saying what is broken. *facts is filled in any case, *records only when NULL is returned. */
const char *index_check(struct index_facts *facts, struct index_records *records,
                        const struct index_checked *page);

/* Where in a node pointer the number of the child page is: the 4 bytes at `from` if to == from + 4; else somewhere in [from, to):
 * at the end of the record, which only the columns of the index would tell. */
struct index_child {
    uint32_t from, to;
};

/* Of a page above the leaves that index_check found whole: the record behind `r`, which is 0 to begin with; 0 at the end. */
uint32_t index_check_next(const struct index_checked *page, uint32_t r);
struct index_child index_check_child(const struct index_checked *page,
                                     const struct index_records *records, uint32_t r);

/* Whether an index page with this id is of the change buffer. How its pages hang together cannot be told from them: what is left over of
 * its tree stays an index page, in a list of free pages whose nodes lie where other indexes have the segments of their root; a page that
 * is taken back from there keeps the node. (MySQL 9.7.4, by experiment.) */
static inline bool index_is_change_buffer(space_id_t space, uint64_t index_id)
{
    return space == 0 && index_id == UINT64_C(0xFFFFFFFF00000000);
}

#endif
