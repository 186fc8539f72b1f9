/* innodb/key_order_test.c: order of keys by columns, NULLs and direction, in both row formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"
#include "innodb/key_order.h"

enum { SIZE = 4096, EXTRA = COMP_EXTRA + 1, DATA = 8 };

static uint8_t page[SIZE];

static uint32_t origin(uint32_t i)
{
    return COMP_HEAP + EXTRA + i * (EXTRA + DATA);
}

/* Records of a nullable integer and another one behind it, in the list's order; NULL is -1. */
static void make(const int64_t (*values)[2], uint32_t n)
{
    struct index_page ix = {page, SIZE, true, 2};
    memset(page, 0, SIZE);
    index_page_create(page, SIZE, FIL_TYPE_INDEX, true);
    put_be16(page + INDEX_HEAP_TOP, (uint16_t)(origin(n) - EXTRA));
    put_be16(page + INDEX_N_HEAP, (uint16_t)(INDEX_COMP_FLAG | (n + 2)));
    index_page_set_next(&ix, COMP_INFIMUM, n ? origin(0) : COMP_SUPREMUM);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *p = page + origin(i);
        page[origin(i) - EXTRA] = values[i][0] < 0;
        if (values[i][0] >= 0) {
            put_be32(p, (uint32_t)values[i][0]);
            p += 4;
        }
        put_be32(p, (uint32_t)values[i][1]);
        index_page_set_next(&ix, origin(i), i + 1 < n ? origin(i + 1) : COMP_SUPREMUM);
    }
}

static const char *check(bool descending)
{
    const struct index_checked checked = {page, SIZE, false};
    const struct key_columns key = {
        .n = 2, .columns = {{.len = 4, .nullable = true, .descending = descending}, {.len = 4}}};
    return key_order_check(&checked, &key);
}

static void columns_are_compared_one_by_one(void **state)
{
    static const int64_t good[][2] = {{-1, 4}, {-1, 9}, {1, 7}, {1, 8}, {2, 1}};
    static const int64_t second[][2] = {{-1, 9}, {-1, 4}, {1, 7}};
    static const int64_t first[][2] = {{2, 1}, {1, 7}};
    static const int64_t null[][2] = {{1, 7}, {-1, 9}};
    (void)state;
    make(good, 5);
    assert_null(check(false));
    assert_string_equal(check(true), "records are not in the order of their keys");
    make(second, 3);
    assert_non_null(check(false));
    make(first, 2);
    assert_non_null(check(false));
    assert_null(check(true));
    make(null, 2);
    assert_non_null(check(false));
    make(good, 0);
    assert_null(check(false));
}

static void the_first_of_all_has_no_key(void **state)
{
    static const int64_t values[][2] = {{9, 9}, {1, 1}, {2, 2}};
    (void)state;
    make(values, 3);
    assert_non_null(check(false));
    page[origin(0) - COMP_EXTRA] |= 0x10;
    assert_null(check(false));
}

/* Without its heap a record's columns do not reach beyond what is in use. */
static void a_record_that_is_too_short_is_out_of_order(void **state)
{
    static const int64_t values[][2] = {{1, 1}, {2, 2}};
    (void)state;
    make(values, 2);
    put_be16(page + INDEX_HEAP_TOP, (uint16_t)(origin(1) + 6));
    put_be32(page + origin(1), 1);
    assert_non_null(check(false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_compared_one_by_one),
        cmocka_unit_test(the_first_of_all_has_no_key),
        cmocka_unit_test(a_record_that_is_too_short_is_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
