/* restore/page_recover.h: brings one page to the end of the backup's redo.
 *
 * Rules:
 *  - a mini-transaction changes a page iff the page's LSN is not above the mtr's start; INIT_PAGE always does;
 *  - a freed page may have left records behind that fit no image we have: a record that does not fit poisons the page
 *    until the next INIT_PAGE or FREE_PAGE; a page still poisoned at the end is damage;
 *  - a page that ends up freed keeps its stored image;
 *  - a live page must have a stored image or an INIT_PAGE: anything else means that a change is missing;
 *  - redo that begins before the archive that the image is from is void: a page that was freed in an older archive's redo may
 *    have been made anew where no redo is kept, between two backups of a chain. */
#ifndef MBE_RESTORE_PAGE_RECOVER_H
#define MBE_RESTORE_PAGE_RECOVER_H

#include <stdbool.h>

#include "base/err.h"
#include "innodb/redo_family.h"
#include "innodb/redo_group.h"
#include "innodb/tablespace.h"
#include "restore/layout.h"

/* A cursor with one bundle of look-ahead. */
struct bundle_stream {
    struct redo_group_cursor *cursor; /* owned */
    struct redo_bundle bundle;
    bool more;
};

struct err *bundle_stream_open(struct bundle_stream *s, const struct redo_group *group,
                               space_id_t space, page_no_t page_from, page_no_t page_to) MUST_CHECK;
struct err *bundle_stream_next(struct bundle_stream *s) MUST_CHECK;
void bundle_stream_fini(struct bundle_stream *s);

/* What the pages of one file have in common; `image` is the calling thread's. */
struct page_file {
    const struct space_plan *space;
    const struct space_format *format;
    const struct space_key *key; /* of the tablespace, or NULL */
    struct redo_image *image;
};

/* Consumes all bundles of page `no` from the stream. `slot`: format->physical bytes, the stored image or zeros; holds the
 * recovered image, stamped, when *changed. void_below: where the redo begins that the image was read after: what is older is in
 * it, or was undone before. */
struct err *page_recover(const struct page_file *file, page_no_t no, uint8_t *slot,
                         lsn_t void_below, struct bundle_stream *stream, bool *changed) MUST_CHECK;
/* Whether a truncation made the stored image void. */
bool page_is_trimmed(const struct space_plan *space, page_no_t no, const uint8_t *slot);

#endif
