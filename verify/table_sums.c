/* verify/table_sums.c: see table_sums.h. */
#include "verify/table_sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void table_sums_init(struct table_sums *s, size_t n_columns, bool has_key)
{
    *s = (struct table_sums){.n_columns = n_columns,
                             .columns = mem_zalloc(n_columns * sizeof *s->columns)};
    key_ranges_init(&s->ranges, !has_key);
}

void table_sums_fini(struct table_sums *s)
{
    free(s->columns);
    free(s->key);
    key_ranges_fini(&s->ranges);
    *s = (struct table_sums){0};
}

/* The key's values one behind the other. */
static const uint8_t *key_bytes(struct table_sums *s, const struct row_bytes *row,
                                const uint16_t *key, size_t n_key, size_t *n)
{
    if (n_key == 1)
        return row_value(row, key[0], n);
    *n = 0;
    for (size_t i = 0; i < n_key; i++) {
        size_t len;
        const uint8_t *value = row_value(row, key[i], &len);
        mem_grow(&s->key, &s->cap_key, *n + len, 1);
        memcpy(s->key + *n, value, len);
        *n += len;
    }
    return s->key;
}

void table_sums_add(struct table_sums *s, const struct row_bytes *row, const uint16_t *key,
                    size_t n_key)
{
    const struct hash128 hash = hash128_of(row->p, row->n, NULL, 0);
    size_t n = 0;
    const uint8_t *bytes = key_bytes(s, row, key, n_key, &n);
    s->rows++;
    hash128_add(&s->sum, hash);
    for (size_t i = 0; i < s->n_columns; i++) {
        size_t len;
        const uint8_t *value = row_value(row, i, &len);
        hash128_add(&s->columns[i], hash128_of(value, len, NULL, 0));
    }
    key_ranges_add(&s->ranges, bytes, n, hash);
}

void table_sums_append(struct table_sums *s, struct table_sums *behind)
{
    s->rows += behind->rows;
    hash128_add(&s->sum, behind->sum);
    for (size_t i = 0; i < s->n_columns; i++)
        hash128_add(&s->columns[i], behind->columns[i]);
    key_ranges_append(&s->ranges, &behind->ranges);
    table_sums_fini(behind);
}
