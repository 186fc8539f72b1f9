/* verify/key_ranges_test.c: that ranges of any level, of any parts put together, are those of one pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "verify/key_ranges.h"

static struct hash128 row_of(uint64_t i)
{
    return hash128_of(&i, sizeof i, NULL, 0);
}

/* Rows [from, to), but for `without`. */
static void fill(struct key_ranges *r, uint64_t from, uint64_t to, uint64_t without)
{
    for (uint64_t i = from; i < to; i++)
        if (i != without)
            key_ranges_add(r, &i, sizeof i, row_of(i));
}

static void assert_same(const struct key_ranges *a, const struct key_ranges *b)
{
    assert_int_equal(a->level, b->level);
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct key_range *x = &a->items[i], *y = &b->items[i];
        assert_int_equal(x->rows, y->rows);
        assert_true(hash128_equal(x->sum, y->sum));
        assert_int_equal(x->key_len, y->key_len);
        assert_int_equal(!x->key, !y->key);
        if (x->key)
            assert_memory_equal(x->key, y->key, x->key_len);
    }
}

enum { ROWS = 3000000 };

static void a_large_table_has_a_bounded_number_of_ranges(void **state)
{
    (void)state;
    struct key_ranges r;
    uint64_t rows = 0;
    key_ranges_init(&r, false);
    fill(&r, 0, ROWS, UINT64_MAX);
    assert_in_range(r.n, KEY_RANGES_MAX / 4, KEY_RANGES_MAX);
    assert_true(r.level > KEY_LEVEL_MIN);
    for (size_t i = 0; i < r.n; i++) {
        rows += r.items[i].rows;
        if (i)
            assert_true(r.items[i].key && r.items[i].zeros >= r.level &&
                        key_zeros(r.items[i].key, r.items[i].key_len) == r.items[i].zeros);
    }
    assert_null(r.items[0].key);
    assert_int_equal(rows, ROWS);
    key_ranges_fini(&r);
}

static void parts_put_together_are_one_pass(void **state)
{
    (void)state;
    for (int buckets = 0; buckets < 2; buckets++) {
        struct key_ranges whole, sum;
        key_ranges_init(&whole, buckets);
        key_ranges_init(&sum, buckets);
        fill(&whole, 0, ROWS, UINT64_MAX);
        for (uint64_t from = 0; from < ROWS; from += ROWS / 8) {
            struct key_ranges part;
            key_ranges_init(&part, buckets);
            fill(&part, from, from + ROWS / 8, UINT64_MAX);
            key_ranges_append(&sum, &part);
            assert_null(part.items);
        }
        assert_same(&whole, &sum);
        key_ranges_fini(&whole);
        key_ranges_fini(&sum);
    }
}

static void a_missing_row_changes_one_range(void **state)
{
    (void)state;
    for (int buckets = 0; buckets < 2; buckets++) {
        struct key_ranges a, b;
        size_t differ = 0;
        key_ranges_init(&a, buckets);
        key_ranges_init(&b, buckets);
        fill(&a, 0, 500000, UINT64_MAX);
        fill(&b, 0, 500000, 123456);
        assert_int_equal(a.n, b.n); /* 123456 begins no range */
        for (size_t i = 0; i < a.n; i++)
            differ += !hash128_equal(a.items[i].sum, b.items[i].sum);
        assert_int_equal(differ, 1);
        key_ranges_fini(&a);
        key_ranges_fini(&b);
    }
}

static void a_raised_level_is_that_of_the_start(void **state)
{
    (void)state;
    struct key_ranges a, b;
    key_ranges_init(&a, false);
    key_ranges_init(&b, false);
    b.level = 14;
    fill(&a, 0, 300000, UINT64_MAX);
    fill(&b, 0, 300000, UINT64_MAX);
    assert_true(a.level < 14);
    key_ranges_coarsen(&a, 12);
    key_ranges_coarsen(&a, 11); /* does nothing */
    assert_int_equal(a.level, 12);
    key_ranges_coarsen(&a, 14);
    assert_same(&a, &b);
    key_ranges_coarsen(&a, KEY_LEVEL_MAX);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.items[0].rows, 300000);
    key_ranges_fini(&a);
    key_ranges_fini(&b);
}

static void buckets_are_as_many_as_rows_are_worth(void **state)
{
    (void)state;
    static const struct {
        uint64_t rows;
        unsigned level;
    } cases[] = {{0, 0},    {2047, 0},   {2048, 1},   {4095, 1},
                 {4096, 2}, {262143, 7}, {262144, 8}, {1 << 30, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct key_ranges r;
        key_ranges_init(&r, true);
        fill(&r, 0, 1000, UINT64_MAX);
        key_ranges_finish(&r, cases[i].rows);
        assert_int_equal(r.level, cases[i].level);
        assert_int_equal(r.n, 1 << cases[i].level);
        struct hash128 sum = {0};
        for (size_t j = 0; j < r.n; j++)
            hash128_add(&sum, r.items[j].sum);
        struct hash128 expected = {0};
        for (uint64_t j = 0; j < 1000; j++)
            hash128_add(&expected, row_of(j));
        assert_true(hash128_equal(sum, expected));
        key_ranges_fini(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_table_has_a_bounded_number_of_ranges),
        cmocka_unit_test(parts_put_together_are_one_pass),
        cmocka_unit_test(a_missing_row_changes_one_range),
        cmocka_unit_test(a_raised_level_is_that_of_the_start),
        cmocka_unit_test(buckets_are_as_many_as_rows_are_worth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
