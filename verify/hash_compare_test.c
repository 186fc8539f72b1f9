/* verify/hash_compare_test.c: verdicts by state, and what is said of a difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "verify/hash_compare.h"
#include "verify/hash_test_util.h"

enum { ABSENT = -1 };

static void add(struct hash_set *s, int state, bool altered)
{
    if (state == ABSENT)
        return;
    struct hashed_table *t =
        test_table_add(s, &(struct test_table){"s", "t", 100, true, -1, altered ? 7 : -1});
    if (state != HASH_EXACT)
        hashed_table_mark(t, (enum hash_state)state, "a reason");
}

static void a_verdict_follows_from_both_states(void **state)
{
    (void)state;
    static const struct {
        int a, b;
        enum table_verdict same, other;
    } cases[] = {
        {HASH_EXACT, HASH_EXACT, TABLE_EQUAL, TABLE_DIFFERENT},
        {HASH_EXACT, HASH_UNSYNCHRONISED, TABLE_EQUAL, TABLE_UNPROVEN},
        {HASH_EXACT, HASH_NOT, TABLE_UNPROVEN, TABLE_UNPROVEN},
        {HASH_EXACT, ABSENT, TABLE_MISSING, TABLE_MISSING},
        {HASH_UNSYNCHRONISED, HASH_EXACT, TABLE_EQUAL, TABLE_UNPROVEN},
        {HASH_UNSYNCHRONISED, HASH_UNSYNCHRONISED, TABLE_EQUAL, TABLE_UNPROVEN},
        {HASH_UNSYNCHRONISED, HASH_NOT, TABLE_UNPROVEN, TABLE_UNPROVEN},
        {HASH_UNSYNCHRONISED, ABSENT, TABLE_UNPROVEN, TABLE_UNPROVEN},
        {HASH_NOT, HASH_EXACT, TABLE_UNPROVEN, TABLE_UNPROVEN},
        {HASH_NOT, HASH_NOT, TABLE_UNPROVEN, TABLE_UNPROVEN},
        {HASH_NOT, ABSENT, TABLE_UNPROVEN, TABLE_UNPROVEN},
        {ABSENT, HASH_EXACT, TABLE_EXTRA, TABLE_EXTRA},
        {ABSENT, HASH_UNSYNCHRONISED, TABLE_EXTRA, TABLE_EXTRA},
        {ABSENT, HASH_NOT, TABLE_EXTRA, TABLE_EXTRA},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int altered = 0; altered < 2; altered++) {
            struct hash_set a = {0}, b = {0};
            struct hash_comparison c;
            const enum table_verdict expected = altered ? cases[i].other : cases[i].same;
            add(&a, cases[i].a, false);
            add(&b, cases[i].b, altered);
            hash_compare(&c, &a, &b);
            assert_int_equal(c.n, 1);
            if (c.items[0].verdict != expected)
                fail_msg("case %zu: %s, not %s", i, table_verdict_name(c.items[0].verdict),
                         table_verdict_name(expected));
            assert_int_equal(c.counts[expected], 1);
            assert_int_equal(!c.items[0].reason, expected == TABLE_EQUAL);
            struct err *e = hash_comparison_error(&c, "the file", "the server");
            assert_int_equal(!e, expected == TABLE_EQUAL || expected == TABLE_UNPROVEN);
            err_free(e);
            hash_comparison_fini(&c);
            hash_set_fini(&a);
            hash_set_fini(&b);
        }
}

struct pair {
    struct hash_set a, b;
    struct hash_comparison c;
};

static void compare(struct pair *p, const struct test_table *a, const struct test_table *b)
{
    *p = (struct pair){0};
    test_table_add(&p->a, a);
    test_table_add(&p->b, b);
    hash_compare(&p->c, &p->a, &p->b);
}

static void pair_fini(struct pair *p)
{
    hash_comparison_fini(&p->c);
    hash_set_fini(&p->a);
    hash_set_fini(&p->b);
}

static int64_t key_of(const uint8_t *key)
{
    return key ? (int64_t)le64(key + 1) : -1;
}

static void an_altered_row_is_in_its_column_and_range(void **state)
{
    (void)state;
    for (int key = 0; key < 2; key++) {
        struct pair p;
        compare(&p, &(struct test_table){"s", "t", 100000, key, -1, -1},
                &(struct test_table){"s", "t", 100000, key, -1, 55555});
        const struct table_comparison *t = &p.c.items[0];
        assert_int_equal(t->verdict, TABLE_DIFFERENT);
        assert_false(t->column_differs[0]);
        assert_true(t->column_differs[1]);
        assert_true(t->ranges_known);
        if (key) {
            assert_string_equal(t->reason, "column `a`; 1 key range");
            assert_int_equal(t->n_ranges, 1);
            assert_in_range(key_of(t->ranges[0].from), 50000, 55555);
            assert_in_range(key_of(t->ranges[0].to), 55556, 62000);
            assert_int_equal(t->ranges[0].rows_a, t->ranges[0].rows_b);
        } else {
            assert_string_equal(t->reason,
                                "column `a`; 2 buckets"); /* the row's two hashes are in two */
        }
        pair_fini(&p);
    }
}

static void a_missing_row_is_in_one_range_even_where_one_begins(void **state)
{
    (void)state;
    static const int64_t rows[] = {0, 1776, 55555, 99999}; /* 1776 begins a range */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pair p;
        compare(&p, &(struct test_table){"s", "t", 100000, true, -1, -1},
                &(struct test_table){"s", "t", 100000, true, rows[i], -1});
        const struct table_comparison *t = &p.c.items[0];
        assert_string_equal(t->reason, "100000 and 99999 rows; columns `id`, `a`; 1 key range");
        assert_true(key_of(t->ranges[0].from) <= rows[i]);
        assert_true(!t->ranges[0].to || key_of(t->ranges[0].to) > rows[i]);
        assert_int_equal(t->ranges[0].rows_a, t->ranges[0].rows_b + 1);
        pair_fini(&p);
    }
}

static void lists_of_different_levels_are_compared(void **state)
{
    (void)state;
    struct pair p = {0};
    test_table_add(&p.a, &(struct test_table){"s", "t", 100000, true, -1, -1});
    struct hashed_table *b =
        test_table_add(&p.b, &(struct test_table){"s", "t", 100000, true, -1, 500});
    const size_t before = b->ranges.n;
    key_ranges_coarsen(&b->ranges, 13);
    assert_true(b->ranges.n < before / 4);
    hash_compare(&p.c, &p.a, &p.b);
    assert_string_equal(p.c.items[0].reason, "column `a`; 1 key range");
    pair_fini(&p);
}

static void keys_in_another_order_are_not_compared(void **state)
{
    (void)state;
    struct pair p = {0};
    test_table_add(&p.a, &(struct test_table){"s", "t", 100000, true, -1, -1});
    struct hashed_table *b =
        test_table_add(&p.b, &(struct test_table){"s", "t", 100000, true, -1, 500});
    const struct key_range swapped = b->ranges.items[5];
    b->ranges.items[5] = b->ranges.items[9];
    b->ranges.items[9] = swapped;
    hash_compare(&p.c, &p.a, &p.b);
    assert_false(p.c.items[0].ranges_known);
    assert_int_equal(p.c.items[0].n_ranges, 0);
    assert_string_equal(p.c.items[0].reason, "column `a`");
    pair_fini(&p);
}

static void other_columns_are_named(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        static const char *const expected[] = {"column 2 is `a` and `b``c`",
                                               "column `a` is of class integer and bit",
                                               "2 and 1 columns"};
        struct pair p = {0};
        test_table_add(&p.a, &(struct test_table){"s", "t", 10, true, -1, -1});
        struct hashed_table *b =
            test_table_add(&p.b, &(struct test_table){"s", "t", 10, true, -1, -1});
        if (i == 0) {
            free(b->columns[1].name);
            b->columns[1].name = mem_strdup("b`c");
        } else if (i == 1) {
            b->columns[1].value = VALUE_BIT;
        } else {
            free(b->columns[1].name);
            b->n_columns = 1;
        }
        hash_compare(&p.c, &p.a, &p.b);
        assert_int_equal(p.c.items[0].verdict, TABLE_DIFFERENT);
        assert_string_equal(p.c.items[0].reason, expected[i]);
        assert_null(p.c.items[0].column_differs);
        pair_fini(&p);
    }
}

static void values_that_changed_places_differ_in_no_column(void **state)
{
    (void)state;
    struct pair p = {0};
    test_table_add(&p.a, &(struct test_table){"s", "t", 10, true, -1, -1});
    struct hashed_table *b = test_table_add(&p.b, &(struct test_table){"s", "t", 10, true, -1, -1});
    b->sum.lo++;
    hash_compare(&p.c, &p.a, &p.b);
    assert_non_null(strstr(p.c.items[0].reason, "each column has the same values, in other rows"));
    pair_fini(&p);
}

static void an_error_names_the_first_tables(void **state)
{
    (void)state;
    struct hash_set a = {0}, b = {0};
    struct hash_comparison c;
    test_table_add(&a, &(struct test_table){"s", "a", 10, true, -1, -1});
    test_table_add(&a, &(struct test_table){"s", "b`\n", 10, true, -1, -1});
    test_table_add(&a, &(struct test_table){"s", "c", 10, true, -1, -1});
    test_table_add(&b, &(struct test_table){"s", "b`\n", 10, true, 3, -1});
    test_table_add(&b, &(struct test_table){"s", "c", 10, true, -1, -1});
    test_table_add(&b, &(struct test_table){"s", "d", 10, true, -1, -1});
    hash_compare(&c, &a, &b);
    struct err *e = hash_comparison_error(&c, "the file", "the server");
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_string_equal(
        e->message, "3 of 4 tables are not the same in the file and the server: `s`.`a` is missing "
                    "in the server, `s`.`b`` ` differs "
                    "(10 and 9 rows; columns `id`, `a`; 1 key range), `s`.`d` is not in the file");
    err_free(e);
    hash_comparison_fini(&c);
    hash_set_fini(&a);
    hash_set_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verdict_follows_from_both_states),
        cmocka_unit_test(an_altered_row_is_in_its_column_and_range),
        cmocka_unit_test(a_missing_row_is_in_one_range_even_where_one_begins),
        cmocka_unit_test(lists_of_different_levels_are_compared),
        cmocka_unit_test(keys_in_another_order_are_not_compared),
        cmocka_unit_test(other_columns_are_named),
        cmocka_unit_test(values_that_changed_places_differ_in_no_column),
        cmocka_unit_test(an_error_names_the_first_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
