/* verify/hash_compare.h: two hash sets side by side: which tables are equal, and where those that are not differ. Pure.
 *
 *   a \ b             exact                unsynchronised       not hashed   absent
 *   exact             EQUAL or DIFFERENT   EQUAL or UNPROVEN    UNPROVEN     MISSING
 *   unsynchronised    EQUAL or UNPROVEN    EQUAL or UNPROVEN    UNPROVEN     UNPROVEN
 *   not hashed        UNPROVEN             UNPROVEN             UNPROVEN     UNPROVEN
 *   absent            EXTRA                EXTRA                EXTRA        -
 *
 * Equal are the number of rows, the names and classes of columns in their order, and the sums. Engine, ranges and the sums of
 * columns are not judged: they say where, not whether. */
#ifndef MBE_VERIFY_HASH_COMPARE_H
#define MBE_VERIFY_HASH_COMPARE_H

#include "verify/hash_set.h"

enum table_verdict {
    TABLE_EQUAL,
    TABLE_DIFFERENT,
    TABLE_MISSING,
    TABLE_EXTRA,
    TABLE_UNPROVEN,
    TABLE_VERDICTS
};
/* "equal", "different", "missing", "extra", "unproven" */
const char *table_verdict_name(enum table_verdict v);

/* A stretch of keys, [from, to), that holds different rows in a and b: canonical bytes as in key_ranges.h, borrowed; NULL: from the
 * beginning, to the end. Of buckets: from_bucket and to_bucket, of 2^bucket_level. */
struct range_difference {
    const uint8_t *from, *to;
    uint32_t from_len, to_len;
    unsigned bucket, bucket_level;
    uint64_t rows_a, rows_b;
};

struct table_comparison {
    enum table_verdict verdict;
    const struct hashed_table *a, *b; /* borrowed; NULL: absent */
    char *reason; /* for people, one line: what differs or why it is unproven; NULL when EQUAL */
    /* Of tables that differ (UNPROVEN ones, too) and have the same columns. */
    bool *column_differs; /* n_columns of a; NULL: not known */
    struct range_difference *ranges;
    size_t n_ranges;
    bool ranges_known; /* false: not comparable, see reason; then n_ranges is 0 */
};

struct hash_comparison {
    struct table_comparison *items; /* all tables of both, sorted by schema and name */
    size_t n;
    size_t counts[TABLE_VERDICTS];
};

/* Where two lists of ranges differ, as above, owned by caller (free). False, and nothing is given, when they cannot be compared: one
 * has buckets, or their keys come in different orders (collations that sort differently). */
bool key_ranges_compare(struct range_difference **out, size_t *n, const struct key_ranges *a,
                        const struct key_ranges *b);

/* Both sets are sorted and are borrowed as long as the result lives. Owned by caller. */
void hash_compare(struct hash_comparison *out, const struct hash_set *a, const struct hash_set *b);
void hash_comparison_fini(struct hash_comparison *c);
/* NULL when nothing is different, missing or extra; else CORRUPT: "2 of 17 tables differ: `a`.`t` (rows ...), ...", the first few
 * named. UNPROVEN tables are no error. a_name and b_name are for the message: "the backup", "the server". */
struct err *hash_comparison_error(const struct hash_comparison *c, const char *a_name,
                                  const char *b_name) MUST_CHECK;
/* "`schema`.`table`", backticks doubled, on one line; owned by caller. */
char *table_title(const char *schema, const char *name);

#endif
