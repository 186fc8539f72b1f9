/* tests/fuzz/hash_set_fuzz.c: hostile files of table hashes: a set or an error; what was read is written and read again as the same,
 * and is equal to itself. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "verify/hash_compare.h"
#include "verify/value_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

/* Keys of ranges go to people and into statements. */
static void print_keys(const struct hashed_table *t)
{
    for (size_t i = 1; i < t->ranges.n && t->n_key; i++) {
        const struct key_range *r = &t->ranges.items[i];
        struct value_view v;
        for (uint32_t at = 0; at < r->key_len; at += (uint32_t)v.used) {
            expect(value_view(&v, r->key + at, r->key_len - at));
            free(value_print(&v, 16));
            free(value_literal(&v, "utf8mb4"));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hash_set first, second;
    struct hash_comparison c;
    char *text, *again;
    size_t n, n_again;
    if (!taken(hash_set_parse(&first, (const char *)data, size, "f")))
        return 0;
    hash_set_write(&text, &n, &first);
    expect(taken(hash_set_parse(&second, text, n, "f")));
    hash_set_write(&again, &n_again, &second);
    expect(n == n_again && !memcmp(text, again, n));
    hash_compare(&c, &first, &second);
    expect(c.counts[TABLE_EQUAL] + c.counts[TABLE_UNPROVEN] == first.n && c.n == first.n);
    for (size_t i = 0; i < first.n; i++)
        print_keys(&first.items[i]);
    hash_comparison_fini(&c);
    hash_set_fini(&first);
    hash_set_fini(&second);
    free(text);
    free(again);
    return 0;
}
