/* restore/page_range.h: recovers the pages of a range of one tablespace file: for each page the newest image in the chain of
 * archives, and on it the redo above that image. A MiB at a time, in page order; each page is given out once. */
#ifndef MBE_RESTORE_PAGE_RANGE_H
#define MBE_RESTORE_PAGE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/progress.h"
#include "innodb/redo_group.h"
#include "restore/layout.h"
#include "restore/overlay.h"
#include "verify/chain.h"

enum { PAGE_RANGE_WINDOW = OVERLAY_WINDOW };

/* What all ranges of a run have in common. */
struct page_range_env {
    const struct chain *chain;
    const struct redo_group *group;
    const struct redo_family *family;
    uint32_t page_size; /* innodb_page_size */
    size_t
        redo_links; /* pages whose image is from one of the chain's archives from here on are left as they are */
    struct progress *progress;
};

struct page_range {
    const struct space_plan *space;
    const struct space_format *format;
    uint64_t from, to; /* offsets in the file; a multiple of 1 MiB, and that or the file's end */
    bool in_pieces;    /* `put` may be given short pieces where that saves copying them together */
    void *ctx;
    /* The key of the tablespace: asked for once, when redo is about to change a page. */
    struct err *(*key)(void *ctx, const struct space_key **key);
    /* Takes the next bytes that are not zeros, or might not be; with whole_windows all of a MiB at once, zeros and all. Borrowed for
     * the call. */
    struct err *(*put)(void *ctx, const uint8_t *data, size_t len, uint64_t at);
    bool whole_windows;
    uint8_t *
        window; /* PAGE_RANGE_WINDOW bytes to work in, aligned to 4096; NULL: it gets some for itself */
    /* NULL, or takes the error of kind CORRUPT of a page that cannot be recovered: it is given out as it is stored, and what it
     * returns NULL for does not end the run. */
    struct err *(*lost)(void *ctx, page_no_t no, struct err *e);
};

/* *n_recovered: pages changed by redo. */
struct err *page_range_run(uint64_t *n_recovered, const struct page_range_env *env,
                           const struct page_range *range) MUST_CHECK;

/* Recovers page 0 of a space that may be known from the redo alone, as far as the env's redo goes. slot: env->page_size bytes,
 * aligned; zeros when there is no such page. */
struct err *page_range_page_0(uint8_t *slot, const struct page_range_env *env,
                              const struct space_plan *space) MUST_CHECK;

#endif
