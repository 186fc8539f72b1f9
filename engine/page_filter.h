/* engine/page_filter.h: which pages of a tablespace file an incremental backup stores, and whether the file has the history that
 * its base knows.
 *
 * A page is stored if
 *  - its LSN is at or above the base's end ("at": what MySQL writes without redo may carry the current LSN, which may be just that. Or an older one:
 *    see new_index.h, and change_map.h for all that is in a map);
 *  - it is all zero: scrubbed, punched, or cut off and grown again since;
 *  - its LSN is 0 and the file was written since the base: IMPORT TABLESPACE gives that to the pages it rewrites in place (MariaDB);
 *  - it is page 0 of the system tablespace, which has a field that is written without any LSN (innodb/fil_page.h);
 *  - its checksum is wrong and the backup may go on all the same.
 * Everything else is as it was in the base. All of it is stored of a file that the base does not have: of another inode or birth
 * than the base noted, or where page 0's LSN went backwards. Where a file system keeps no birth, an inode may have been used again:
 * there, page 0's LSN must be below the base's end, too. */
#ifndef MBE_ENGINE_PAGE_FILTER_H
#define MBE_ENGINE_PAGE_FILTER_H

#include "engine/base_facts.h"

struct page_filter {
    const struct space_fact *base; /* NULL: every page is stored */
    lsn_t since;                   /* the base's end */
    bool stores_unlogged;          /* pages with LSN 0 too */
};

/* What is known of a file that was opened just now. */
struct filtered_file {
    space_id_t id;
    page_no_t first_page;
    uint32_t page_size;
    bool system;    /* of the system tablespace: may have no page 0 */
    lsn_t page_lsn; /* of page 0 */
    struct file_mark mark;
};

/* `base` may be NULL, and is borrowed. */
void page_filter_init(struct page_filter *f, const struct base_facts *base, lsn_t since,
                      const struct filtered_file *file);
/* Whether page `no`, of page_size bytes and not damaged, is stored. */
bool page_filter_stores(const struct page_filter *f, page_no_t no, const uint8_t *page);
enum { PAGE_HEAD_BYTES = 38 };
/* Whether the first PAGE_HEAD_BYTES of page `no` tell that it is as it was in the base: its own number and space id, and an LSN that
 * is neither 0 nor at or above the base's end. False, to be read whole: for anything else, and for the base's witness of part
 * `part`. (Some encrypted pages do not have their id in clear.)
 *
 * It is enough, even of a page that is just being written: a page that was changed between the base's end and the checkpoint that our
 * redo begins with was written whole by the time that checkpoint was known, and from then on has, in each of its sectors, what was
 * written then or later. What was changed later is in our redo.
 *
 * Its checksum is not verified: what is in the file cache says nothing of the disk, and reading it costs three times as much
 * (docs/backup.md). Every page that is read whole is verified. */
bool page_filter_knows(const struct page_filter *f, uint32_t part, page_no_t no,
                       const uint8_t *head);

/* The page with the highest LSN of one part of the file (base_facts.h), as pages of it are read in any order. */
struct witness_watch {
    uint32_t part;
    struct space_witness best;
};
/* Notes page `no` in the part, by its LSN alone. */
void witness_note(struct witness_watch *w, page_no_t no, lsn_t lsn);
/* Notes page `no` in the part, whole and not a copy of another one. REFUSED when it is older than the base saw it: as it may be
 * rightly for a while after a power failure, when the redo has what the file lost. That cannot be told from another history. */
struct err *witness_look(struct witness_watch *w, const struct page_filter *f, page_no_t no,
                         const uint8_t *page) MUST_CHECK;

#endif
