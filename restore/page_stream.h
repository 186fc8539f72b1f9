/* restore/page_stream.h: streams the pages of every tablespace out of the chain of archives, applies the redo of each on the way and
 * writes each page once, recovered. Work is cut into ranges of pages and done by `parallel` threads; memory is a few MiB a
 * thread, whatever the size of the data. */
#ifndef MBE_RESTORE_PAGE_STREAM_H
#define MBE_RESTORE_PAGE_STREAM_H

#include "base/err.h"
#include "innodb/keyring.h"
#include "restore/layout.h"
#include "restore/page_range.h"
#include "restore/target.h"

struct page_stream_options {
    const struct target *target;
    const struct keyring *keys; /* of encrypted tablespaces; NULL: none */
    int parallel;
};

struct page_stream_stats {
    uint64_t pages_recovered; /* changed by redo */
    uint64_t bytes_written;
    uint64_t files;
};

/* Writes all files of the layout; directories are made as needed. */
struct err *page_stream_run(struct page_stream_stats *out, const struct layout *layout,
                            const struct page_range_env *env,
                            const struct page_stream_options *options) MUST_CHECK;

#endif
