/* innodb/tree_check.h: whether the index pages of one tablespace hang together. Pure; the pages were judged one by one before
 * (index_check.h), and may say anything of each other.
 *
 * Of every page that is in use, not marked free by its extent descriptor:
 *  T1 what it names as the next page is an index page in use, of the same index and level, which names it as the previous one; and
 *     the other way round;
 *  T2 an index has one root, which has no neighbours;
 *  T3 the node pointers of a level, page after page, lead to the pages of the level below, in the order in which those are linked;
 *     in an R-tree in any order. A node pointer is told from its page alone, see index_child: where the columns would be needed, it
 *     is enough that the number of the page that must come next is in its bytes;
 *  T4 a node pointer leads to every page but a root, and only one;
 *  T5 a node pointer that leads to a page of node pointers has the key of the first one there, byte for byte; not so the first of a
 *     level, whose key does not count, and in R-trees. (That of a leaf may be less than all keys there: records are removed from leaves
 *     without a word to the level above.)
 *
 * What a server leaves behind when it stops in the middle, or a backup ends there, is no damage:
 *  - an index that is being built has an empty root and pages that nothing leads to yet;
 *  - one that is being removed, which the dictionary has no longer, has lost pages that others still name: those are marked free.
 * The order of keys is not known here.
 *
 * Facts: MySQL 9.7.4, MariaDB 10.11.19 and 11.8.6, by experiment. */
#ifndef MBE_INNODB_TREE_CHECK_H
#define MBE_INNODB_TREE_CHECK_H

#include "base/err.h"
#include "innodb/index_check.h"

enum page_kind {
    PAGE_KIND_OTHER, /* not seen, empty, or no index page */
    PAGE_KIND_INDEX,
    PAGE_KIND_DAMAGED, /* was reported: nothing more is said of it. Its index and level may be right */
};

enum page_use {
    PAGE_USE_UNKNOWN,
    PAGE_USE_FREE,
    PAGE_USE_USED,
};

/* 32 bytes for each page of the tablespace. Zeros: nothing is known. */
struct page_fact {
    uint64_t index_id;
    page_no_t prev, next;
    page_no_t father; /* page whose node pointer leads here + 1; 0: none yet. tree_check's own */
    uint16_t level, n_recs;
    uint8_t kind; /* enum page_kind */
    uint8_t use;  /* enum page_use */
    bool rtree, root;
    bool followed; /* its node pointers were; tree_check's own */
};
_Static_assert(sizeof(struct page_fact) == 32, "what a page costs");

struct tree_check {
    struct page_fact *facts; /* n_pages */
    page_no_t n_pages;
    void *ctx;
    /* The logical image of a page of kind INDEX above the leaves; borrowed until the next call. A page may be asked for
     * more than once. */
    struct err *(*read)(void *ctx, struct index_checked *page, page_no_t no);
    /* Whether the server's dictionary has that index: nobody is removing it. */
    bool (*is_live)(void *ctx, uint64_t index_id);
    /* What is wrong with a page: a clause without its number. Borrowed. */
    void (*report)(void *ctx, page_no_t no, const char *what);
};

/* Errors are those of `read`. */
struct err *tree_check_run(const struct tree_check *t) MUST_CHECK;

#endif
