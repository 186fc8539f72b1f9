/* innodb/redo_merge.h: bundles of several sorted sources as one sorted stream; inside redo_group
 * only. A source is a run or the array in memory. Where keys are equal, the earlier source, which
 * holds older redo, comes first. */
#ifndef MBE_INNODB_REDO_MERGE_H
#define MBE_INNODB_REDO_MERGE_H

#include "innodb/redo_run.h"

/* A bundle in memory. */
struct redo_entry {
    uint64_t key; /* redo_bundle_key */
    const struct redo_entry_data *data;
};
struct redo_entry_data {
    lsn_t mtr_start;
    uint32_t mtr_len, len;
    uint8_t bytes[];
};

struct redo_merge {
    struct redo_run_reader *readers;
    size_t n_readers;
    const struct redo_entry *entry, *entries_end; /* newest source; within the range wanted */
    size_t current; /* source of the bundle handed out last: n_readers for the entries */
    bool started;
};

/* Stands before the first bundle with key in [first, last]. All arguments are borrowed. */
struct err *redo_merge_init(struct redo_merge *m, struct redo_run *const *runs, size_t n_runs,
                            const struct redo_entry *entries, size_t n_entries, uint64_t first,
                            uint64_t last, size_t buffer_bytes) MUST_CHECK;
/* *more false at the end. The bundle's data is borrowed until the next call. */
struct err *redo_merge_next(struct redo_merge *m, struct redo_bundle *b, bool *more) MUST_CHECK;
void redo_merge_fini(struct redo_merge *m);

#endif
