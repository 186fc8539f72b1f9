/* verify/hash_locate.h: the very rows in which a table of two running servers differs. Both are read inside the snapshots that were
 * hashed, so that what is found is what the hashes have seen.
 *
 * With a key: the ranges that differ are read again and compared row by row, by key. Without: rows that are in a bucket that differs
 * are compared by their hashes, and named by their values. */
#ifndef MBE_VERIFY_HASH_LOCATE_H
#define MBE_VERIFY_HASH_LOCATE_H

#include "verify/hash_compare.h"
#include "verify/hash_server.h"

enum row_difference {
    ROW_ONLY_A,
    ROW_ONLY_B,
    ROW_DIFFERS, /* the same key, other values */
};

/* What is told of each row. Texts are borrowed for the length of the call. */
struct located_row {
    enum row_difference what;
    const char *row;     /* "`id`=5", or all values where there is no key */
    const char *columns; /* ROW_DIFFERS: "`a`: 5 and 6, `b`: NULL and 'x'"; else NULL */
    uint64_t times;      /* how often a row without a key is there more; 1 otherwise */
};
typedef struct err *located_row_fn(void *ctx, const struct located_row *row);

/* The rows of t, a table that both have and that differs, up to `most` of them. *more: there are more. FAILED when they cannot be told: other
 * columns, or more than four million rows of a side in one range, or in all buckets that differ, or 128 MiB of keys in a range. Whatever comes
 * back, the metadata locks are let go. */
struct err *hash_locate(const struct table_comparison *t, struct hash_snapshot *a,
                        struct hash_snapshot *b, size_t most, located_row_fn *on_row, void *ctx,
                        bool *more) MUST_CHECK;

/* A stretch of keys for people: "from `id`=5 to before `id`=70", "to before `id`=70", "from the beginning"; owned by caller. Of buckets
 * "bucket 3 of 16". */
char *range_text(const struct hashed_table *t, const struct range_difference *r);

#endif
