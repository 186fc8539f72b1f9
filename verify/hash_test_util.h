/* verify/hash_test_util.h: hash sets made up for tests, with ranges that are true to their rows. */
#ifndef MBE_VERIFY_HASH_TEST_UTIL_H
#define MBE_VERIFY_HASH_TEST_UTIL_H

#include <stdlib.h>

#include "base/mem.h"
#include "verify/hash_set.h"
#include "verify/table_sums.h"

/* One table of integers (id, a), of which the row `id` is left out or has another a than id. */
struct test_table {
    const char *schema, *name;
    int64_t rows;
    bool has_key;
    int64_t without, altered; /* a row's id, or -1 */
};

static inline struct hashed_table *test_table_add(struct hash_set *s, const struct test_table *spec)
{
    static const uint16_t key[] = {0};
    static const char *const names[] = {"id", "a"};
    struct hashed_table *t = hash_set_add(s, spec->schema, spec->name);
    struct table_sums sums;
    struct row_bytes row = {0};
    table_sums_init(&sums, 2, spec->has_key);
    for (int64_t id = 0; id < spec->rows; id++) {
        row_bytes_reset(&row);
        row_put_signed(&row, id);
        row_put_signed(&row, id == spec->altered ? -1 : id);
        if (id != spec->without)
            table_sums_add(&sums, &row, key, spec->has_key);
    }
    row_bytes_fini(&row);
    t->state = HASH_EXACT;
    t->engine = mem_strdup("InnoDB");
    t->n_columns = 2;
    t->columns = mem_zalloc(2 * sizeof *t->columns);
    for (size_t i = 0; i < 2; i++)
        t->columns[i] =
            (struct hashed_column){mem_strdup(names[i]), VALUE_INTEGER, sums.columns[i]};
    t->n_key = spec->has_key;
    t->key = mem_zalloc(sizeof *t->key);
    t->rows = sums.rows;
    t->sum = sums.sum;
    t->ranges = sums.ranges;
    sums.ranges = (struct key_ranges){0};
    table_sums_fini(&sums);
    key_ranges_finish(&t->ranges, t->rows);
    return t;
}

#endif
