/* verify/table_sums.h: what is summed up over the rows of a table, or of a part of one. Pure. */
#ifndef MBE_VERIFY_TABLE_SUMS_H
#define MBE_VERIFY_TABLE_SUMS_H

#include "verify/key_ranges.h"
#include "verify/row_hash.h"

struct table_sums {
    uint64_t rows;
    struct hash128 sum;
    struct hash128 *columns;
    size_t n_columns;
    struct key_ranges ranges;
    uint8_t *key; /* bytes of the last row's key, if it has several columns */
    size_t cap_key;
};

/* has_key: rows will come in the order of a key. */
void table_sums_init(struct table_sums *s, size_t n_columns, bool has_key);
void table_sums_fini(struct table_sums *s);
/* The next row, of n_columns values. key: places of its n_key columns; n_key 0 without a key. */
void table_sums_add(struct table_sums *s, const struct row_bytes *row, const uint16_t *key,
                    size_t n_key);
/* Adds the part behind s in the order of the key; `behind` is left empty. */
void table_sums_append(struct table_sums *s, struct table_sums *behind);

#endif
