/* verify/snapshot_table.h: one table of a snapshot that was hashed (hash_server.h), to be looked at again: for hash_locate.c. */
#ifndef MBE_VERIFY_SNAPSHOT_TABLE_H
#define MBE_VERIFY_SNAPSHOT_TABLE_H

#include "verify/hash_server.h"
#include "verify/table_read.h"

struct snapshot_table {
    struct hash_snapshot *snapshot;
    const struct listed_table *listed; /* borrowed from the snapshot */
    struct table_def def;
};

/* Holds the table's metadata lock on the snapshot's first connection until close, which is called whatever comes back. FAILED or
 * SERVER when it is not what was hashed any more. One table at a time. */
struct err *snapshot_table_open(struct snapshot_table *out, struct hash_snapshot *s,
                                const char *schema, const char *name) MUST_CHECK;
/* As table_read and table_sums_read. */
struct err *snapshot_table_read(const struct snapshot_table *t, const char *where,
                                table_row_fn *on_row, void *ctx) MUST_CHECK;
struct err *snapshot_table_sums(struct table_sums *out, const struct snapshot_table *t,
                                const char *where) MUST_CHECK;
struct err *snapshot_table_close(struct snapshot_table *t) MUST_CHECK;

#endif
