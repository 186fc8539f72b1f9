/* restore/page_recover.h: brings one page to the end of the backup's redo.
 *
 * Rules:
 *  - a mini-transaction changes a page iff the page's LSN is not above the mtr's start; INIT_PAGE always does;
 *  - a freed page may have left records behind that fit no image we have: a record that does not fit poisons the page
 *    until the next INIT_PAGE or FREE_PAGE; a page still poisoned at the end is damage;
 *  - a page that ends up freed keeps its stored image;
 *  - a live page must have a stored image or an INIT_PAGE: anything else means that a change is missing. */
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

/* Consumes all bundles of page `no` from the stream. `slot`: format->physical bytes, the stored image or zeros; holds the
 * recovered image, stamped, when *changed. key: of the tablespace, or NULL. `image` is the calling thread's. */
struct err *page_recover(const struct space_plan *space, const struct space_format *format,
                         page_no_t no, uint8_t *slot, struct redo_image *image,
                         const struct space_key *key, struct bundle_stream *stream,
                         bool *changed) MUST_CHECK;
/* Whether a truncation made the stored image void. */
bool page_is_trimmed(const struct space_plan *space, page_no_t no, const uint8_t *slot);

#endif
