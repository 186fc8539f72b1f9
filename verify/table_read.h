/* verify/table_read.h: hashes one table, or a stretch of its key, through one connection that has a snapshot. */
#ifndef MBE_VERIFY_TABLE_READ_H
#define MBE_VERIFY_TABLE_READ_H

#include "verify/hash_pace.h"
#include "verify/table_def.h"
#include "verify/table_sums.h"

/* Called with each row. */
typedef struct err *table_row_fn(void *ctx, const struct row_bytes *row);
/* Reads the rows that `where` (NULL: all) selects, in the order of the key. Errors of the server as conn_exec; others end it in the
 * middle, with the connection abandoned. */
struct err *table_read(struct conn *c, const struct listed_table *t, const struct table_def *d,
                       const char *where, struct hash_pace *pace, table_row_fn *on_row,
                       void *ctx) MUST_CHECK;
/* The same, summed up: *out is initialised here, owned by caller, empty after an error. */
struct err *table_sums_read(struct table_sums *out, struct conn *c, const struct listed_table *t,
                            const struct table_def *d, const char *where,
                            struct hash_pace *pace) MUST_CHECK;

#endif
