/* innodb/page_archive.h: the files in which a MySQL server with page tracking notes the pages that it writes, as
 * `#ib_archive/page_group_<LSN>/ib_page_<N>`. A group is what is tracked without a break; it begins at that LSN. Pure.
 *
 * A file is a reset block and up to 2043 data blocks of 16 KiB, whatever the server's page size. A block:
 *
 *   offset  size  order  meaning
 *        0     1         version, 1
 *        1     1         0 reset block, 1 data block
 *        2     4  big    CRC-32C of the data bytes
 *        6     2  big    how many data bytes there are
 *        8     8  big    data: stop LSN, the checkpoint with which the block was written last.
 *                        2^63-1 in a data block: it was filled while the server recovered from a crash, and what was lost is
 *                        not known. In a reset block it always stands
 *       16     8  big    data: LSN of the reset point within the block. 2^63-1: there is none. It may be one that was left in the
 *                        server's memory by the block that was 32 before: only the reset block tells which blocks have a point
 *       24     8  big    data: number of the block, counted over all files. Reset block: number of the file
 *       32               data: 8 bytes a page: space id, page number. Neither sorted nor unique.
 *                        Reset block: LSN of the file's first reset point (8), then for each point: data block (2), offset of
 *                        the first page behind it, counted from the start of that block (2)
 *
 * A page is noted when it is written to its file for the first time since the last reset point, in memory. With each checkpoint,
 * before that is told, what is in memory goes to these files, if any of it has its oldest change at or below that checkpoint; else
 * only blocks that are full do. A checkpoint with nothing new leaves no trace in them. The last block grows in place. So the pages that were changed since an LSN, up to a checkpoint that was known before the files were read, are
 * among those behind the last reset point at or below it, to the end.
 *
 * Facts: MySQL 9.7.4, by experiment; fixture in tests/data/page_archive/. Files behind the first (4 million pages) were not seen: whether
 * the points' block number goes on counting there is left open here. */
#ifndef MBE_INNODB_PAGE_ARCHIVE_H
#define MBE_INNODB_PAGE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "innodb/types.h"

enum {
    PAGE_ARCHIVE_BLOCK = 16384,      /* bytes */
    PAGE_ARCHIVE_FILE_BLOCKS = 2044, /* the reset block is one of them */
};

struct page_archive_block {
    bool is_reset;
    uint64_t number; /* of the data block, or of the reset block's file */
    lsn_t stop_lsn;
    lsn_t reset_lsn;     /* 0: none; else of a point, if the file's reset block has one here */
    const uint8_t *data; /* borrowed from the bytes */
    size_t len;          /* of data: whole entries */
};

/* Looks at PAGE_ARCHIVE_BLOCK bytes. CORRUPT for what is no whole block; one that is just being written may look so. */
struct err *page_archive_parse(struct page_archive_block *out, const uint8_t *bytes) MUST_CHECK;

/* The pages noted since an LSN. Blocks are put in, in the order of the files. */
struct page_archive_walk {
    lsn_t since;
    size_t max_ids;
    lsn_t begin;   /* reset point at or below `since` that the list begins with; 0: none was met */
    lsn_t stop;    /* stop LSN of the last data block; 0: none was met */
    uint64_t *ids; /* space << 32 | page: page_archive_id */
    size_t n_ids, cap_ids;
    /* internal */
    uint64_t file, next_block;
    lsn_t last_reset;
    uint8_t points[PAGE_ARCHIVE_BLOCK]; /* of the file */
    size_t n_points, next_point;
    bool in_file, has_room;
};

static inline uint64_t page_archive_id(space_id_t space, page_no_t page)
{
    return (uint64_t)space << 32 | page;
}

/* More than max_ids different pages are refused; it takes up to 16 bytes of memory for each. */
void page_archive_walk_init(struct page_archive_walk *w, lsn_t since, size_t max_ids);
/* The next block: a file's reset block, or a data block of that file. CORRUPT for a block that cannot stand here and for one that
 * says that pages were lost; REFUSED for too many pages. */
struct err *page_archive_walk_take(struct page_archive_walk *w,
                                   const struct page_archive_block *b) MUST_CHECK;
/* No more blocks come: sorts the ids, each once. */
struct err *page_archive_walk_end(struct page_archive_walk *w) MUST_CHECK;
void page_archive_walk_fini(struct page_archive_walk *w);

#endif
