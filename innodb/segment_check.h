/* innodb/segment_check.h: whether the extents and segments of one tablespace agree with each other and with the index pages in it. Pure;
 * what the pages say may be anything.
 *
 *   A list: a base of 16 bytes (BE32 length, first, last) and a node of 12 in each member (previous, next). An address is BE32 page,
 *   BE16 offset of the node, page 0xFFFFFFFF: none.
 *   Page 0:      62 free extents, 78 extents of single pages with room, 94 full ones; 118 and 134 pages of segment inodes, full and
 *                with room: bases
 *   Descriptor:  see space_use.h; 0 the segment (8), 8 its node
 *   Inode page:  type 3; 38 node. From 50 on inodes of 64 + 2 * (pages of an extent) bytes:
 *        0   8  big    segment; 0: not used
 *       12  16         bases of its extents: none of whose pages is used; 28 some; 44 all
 *       60   4  big    97937874
 *       64   4  big    each: single pages of the segment; 0xFFFFFFFF: none
 *   Root page of an index: 74 and 84 (BE32 tablespace, BE32 page, BE16 offset of an inode): segments of its leaves, and of all
 *                else: root and node pointers
 *
 *  S1 A list is as long as it says and ends where it says; each member names the one before it. Its extents have its state, and the
 *     segment of its inode.
 *  S2 No extent is in two lists; one that is initialised is in one.
 *  S3 A page that a segment has singly is in use, in an extent of such pages, and of no other segment. A segment has one inode.
 *  S4 A page of an index is in the segment that the root names for its level. One page of an index that is not is reported.
 *
 * An index that is being removed, which the dictionary has no longer, may have lost the segment of its leaves. What follows from a page
 * that cannot be read is not looked at. Counts of used pages are not checked. An extent of state 5 (MySQL)
 * is lent to a segment, and in one of its lists.
 *
 * Facts: MySQL 9.7.4, MariaDB 10.11.19 and 11.8.6, by experiment. */
#ifndef MBE_INNODB_SEGMENT_CHECK_H
#define MBE_INNODB_SEGMENT_CHECK_H

#include "base/err.h"
#include "innodb/tablespace.h"
#include "innodb/tree_check.h"

/* Where a member of a list is. */
struct list_address {
    page_no_t page; /* PAGE_NO_NONE: there is none */
    uint16_t offset;
};

/* What the descriptor of an extent says. Zeros: it was not seen. */
struct extent_fact {
    uint64_t segment;
    struct list_address prev, next;
    uint8_t state;
    bool seen;
    bool listed; /* segment_check's own */
};

/* How many facts there are of a tablespace of so many pages. */
size_t segment_n_extents(const struct space_format *format, page_no_t n_pages);
/* Takes what the descriptors of page `no` say (physical bytes, in clear; space_use_note has found them sane). */
void segment_note(struct extent_fact *extents, page_no_t n_pages, const struct space_format *format,
                  page_no_t no, const uint8_t *page);

struct segment_check {
    const struct space_format *format;
    space_id_t space;
    const struct page_fact *facts; /* of n_pages */
    page_no_t n_pages;
    struct extent_fact *extents;
    void *ctx;
    /* The logical image of a page (of a COMPRESSED one as it is stored), borrowed until the next call; NULL: it cannot be read. */
    struct err *(*read)(void *ctx, const uint8_t **page, page_no_t no);
    /* Whether the server's dictionary has that index: nobody is removing it. */
    bool (*is_live)(void *ctx, uint64_t index_id);
    /* What is wrong with a page: a clause without its number. Borrowed. */
    void (*report)(void *ctx, page_no_t no, const char *what);
};

/* Errors are those of `read`. */
struct err *segment_check_run(const struct segment_check *c) MUST_CHECK;

#endif
