/* restore/page_stream.h: streams the pages of every tablespace out of the chain of archives, applies the redo of each on the way and
 * writes each page once, recovered. Work is cut into ranges of pages and done by `parallel` threads; memory is a few MiB a
 * thread, whatever the size of the data. */
#ifndef MBE_RESTORE_PAGE_STREAM_H
#define MBE_RESTORE_PAGE_STREAM_H

#include "base/err.h"
#include "base/progress.h"
#include "innodb/redo_group.h"
#include "restore/layout.h"
#include "restore/target.h"
#include "verify/chain.h"

struct page_stream_options {
    const struct chain *chain;
    const struct redo_group *group;
    const struct target *target;
    const struct redo_family *family;
    const struct keyring *keys; /* of encrypted tablespaces; NULL: none */
    uint32_t page_size;         /* innodb_page_size */
    int parallel;
    struct progress *progress;
};

struct page_stream_stats {
    uint64_t pages_recovered; /* changed by redo */
    uint64_t bytes_written;
    uint64_t files;
};

/* Writes all files of the layout; directories are made as needed. */
struct err *page_stream_run(struct page_stream_stats *out, const struct layout *layout,
                            const struct page_stream_options *options) MUST_CHECK;

#endif
