/* verify/key_ranges.h: the parts of a table that are summed by themselves, so that a difference can be narrowed without a second pass.
 *
 * A table with a key is cut where its rows themselves say so: a row begins a range when the XXH3-64 of its key's canonical bytes
 * ends with at least `level` zero bits. Two servers cut the same rows at the same keys, whatever else is missing or added between
 * them. A level that is raised by one merges about every second range into the one before it, and gives exactly the ranges that
 * would have come of that level from the start: a list is kept below KEY_RANGES_MAX that way, and two of different levels are
 * compared at the higher one. Rows come in the order of the key.
 *
 * A table without a usable key has 2^level buckets by the top bits of the row hash instead; here a lower level is the coarser. */
#ifndef MBE_VERIFY_KEY_RANGES_H
#define MBE_VERIFY_KEY_RANGES_H

#include "verify/row_hash.h"

enum {
    KEY_RANGES_MAX = 1024,
    KEY_LEVEL_MIN = 10, /* 1,024 rows in a range, on average, or more */
    KEY_LEVEL_MAX = 65, /* above what any hash has: one range */
    KEY_BUCKET_LEVEL_MAX = 8,
    KEY_BYTES_MAX = 16 << 10, /* of the canonical key: more than any server has */
};

struct key_range {
    uint8_t *
        key; /* canonical bytes of the first row's key, its columns in the order of the key; NULL: begins with the table */
    uint32_t key_len;
    uint8_t zeros; /* at the end of the key's hash */
    uint64_t rows;
    struct hash128 sum;
};

struct key_ranges {
    bool buckets; /* no key: items are 2^level buckets */
    unsigned level;
    struct key_range *items;
    size_t n, cap;
};

/* For a table with a key (one range without a start, level KEY_LEVEL_MIN) or without (2^KEY_BUCKET_LEVEL_MAX buckets). */
void key_ranges_init(struct key_ranges *r, bool buckets);
void key_ranges_fini(struct key_ranges *r);
/* Trailing zero bits of a canonical key's hash. */
unsigned key_zeros(const void *key, size_t n);
/* The next row. `key` is that of a table with a key; ignored otherwise. */
void key_ranges_add(struct key_ranges *r, const void *key, size_t key_len, struct hash128 row);
/* Raises (buckets: lowers) the level; the other direction is not possible and does nothing. */
void key_ranges_coarsen(struct key_ranges *r, unsigned level);
/* What comes behind r in the order of the key (buckets: in any order) is added to it; `behind` is left empty. */
void key_ranges_append(struct key_ranges *r, struct key_ranges *behind);
/* After the last row: buckets become as few as so many rows are worth (2^level, at least 1,024 rows in each on average). */
void key_ranges_finish(struct key_ranges *r, uint64_t rows);

#endif
