/* verify/table_sums_test.c: sums do not depend on the order of rows, count them, and add up from parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "verify/table_sums.h"

/* The key is (b, a). */
static const uint16_t key[] = {1, 0};

static void add(struct table_sums *s, int64_t a, const char *b)
{
    struct row_bytes row = {0};
    row_put_signed(&row, a);
    row_put_bytes(&row, VALUE_STRING, b, strlen(b));
    table_sums_add(s, &row, key, s->ranges.buckets ? 0 : 2);
    row_bytes_fini(&row);
}

static void rows_count_and_their_order_does_not(void **state)
{
    (void)state;
    struct table_sums one, other, twice;
    table_sums_init(&one, 2, false);
    table_sums_init(&other, 2, false);
    table_sums_init(&twice, 2, false);
    for (int i = 0; i < 100; i++) {
        add(&one, i, "x");
        add(&other, 99 - i, "x");
        add(&twice, i, "x");
        add(&twice, i, "x");
    }
    assert_true(hash128_equal(one.sum, other.sum));
    assert_true(hash128_equal(one.columns[0], other.columns[0]));
    assert_false(hash128_equal(one.sum, twice.sum));
    assert_false(hash128_equal(twice.sum, (struct hash128){0})); /* as XOR would be */
    assert_int_equal(twice.rows, 200);
    table_sums_fini(&one);
    table_sums_fini(&other);
    table_sums_fini(&twice);
}

static void values_that_change_places_change_the_row_hash_alone(void **state)
{
    (void)state;
    struct table_sums one, other;
    table_sums_init(&one, 2, false);
    table_sums_init(&other, 2, false);
    add(&one, 1, "x");
    add(&one, 2, "y");
    add(&other, 1, "y");
    add(&other, 2, "x");
    assert_false(hash128_equal(one.sum, other.sum));
    assert_true(hash128_equal(one.columns[0], other.columns[0]));
    assert_true(hash128_equal(one.columns[1], other.columns[1]));
    table_sums_fini(&one);
    table_sums_fini(&other);
}

static void parts_add_up_with_their_ranges(void **state)
{
    (void)state;
    struct table_sums whole, part, rest;
    table_sums_init(&whole, 2, true);
    table_sums_init(&part, 2, true);
    table_sums_init(&rest, 2, true);
    for (int i = 0; i < 20000; i++) {
        add(&whole, i, "key");
        add(i < 7000 ? &part : &rest, i, "key");
    }
    table_sums_append(&part, &rest);
    assert_int_equal(part.rows, 20000);
    assert_true(hash128_equal(whole.sum, part.sum));
    assert_true(hash128_equal(whole.columns[1], part.columns[1]));
    assert_int_equal(whole.ranges.n, part.ranges.n);
    assert_true(whole.ranges.n > 5);
    for (size_t i = 0; i < whole.ranges.n; i++)
        assert_true(hash128_equal(whole.ranges.items[i].sum, part.ranges.items[i].sum));
    /* the key's columns in the order of the key: 'key', then the number */
    assert_int_equal(whole.ranges.items[1].key_len, 5 + 3 + 9);
    assert_int_equal(whole.ranges.items[1].key[0], 12);
    table_sums_fini(&whole);
    table_sums_fini(&part);
    assert_null(rest.columns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_count_and_their_order_does_not),
        cmocka_unit_test(values_that_change_places_change_the_row_hash_alone),
        cmocka_unit_test(parts_add_up_with_their_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
