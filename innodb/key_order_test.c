/* innodb/key_order_test.c: order of keys by columns, NULLs and direction, and of strings, in both row formats. */
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

/* --- strings ---------------------------------------------------------------------------------- */

enum { GAP = 400, FIRST = 520 };

/* One of two records: its header below the 5 or 6 bytes, downwards, and its data. */
struct text {
    uint8_t header[4];
    uint32_t n_header;
    const char *data;
    uint32_t len;
};

static void new_page(bool comp)
{
    const uint32_t infimum = comp ? COMP_INFIMUM : REDUNDANT_INFIMUM;
    struct index_page ix = {page, SIZE, comp, 2};
    memset(page, 0, SIZE);
    index_page_create(page, SIZE, FIL_TYPE_INDEX, comp);
    put_be16(page + INDEX_HEAP_TOP, FIRST + 2 * GAP);
    index_page_set_next(&ix, infimum, FIRST);
    index_page_set_next(&ix, FIRST, FIRST + GAP);
    index_page_set_next(&ix, FIRST + GAP, comp ? COMP_SUPREMUM : REDUNDANT_SUPREMUM);
}

static void put_texts(const struct text *a, const struct text *b, uint32_t extra)
{
    const struct text *texts[2] = {a, b};
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t *p = page + FIRST + i * GAP;
        for (uint32_t k = 0; k < texts[i]->n_header; k++)
            p[-(int)(extra + 1 + k)] = texts[i]->header[k];
        memcpy(p, texts[i]->data, texts[i]->len);
    }
}

static const char *check_key(const struct key_columns *key)
{
    const struct index_checked checked = {page, SIZE, false};
    return key_order_check(&checked, key);
}

/* Of a COMPACT page with these two records, in this order, and then in the other one. */
static void expect_less(const struct key_columns *key, const struct text *a, const struct text *b)
{
    new_page(true);
    put_texts(a, b, COMP_EXTRA);
    assert_null(check_key(key));
    put_texts(b, a, COMP_EXTRA);
    assert_string_equal(check_key(key), "records are not in the order of their keys");
}

static struct text text_of(const char *s)
{
    return (struct text){{(uint8_t)strlen(s)}, 1, s, (uint32_t)strlen(s)};
}

static void strings_are_compared_byte_by_byte(void **state)
{
    const struct key_columns binary = {.n = 1, .columns = {{.kind = KEY_BINARY}}};
    const struct key_columns padded = {.n = 1, .columns = {{.kind = KEY_PADDED}}};
    const struct text ab = text_of("ab"), abc = text_of("abc"), b = text_of("b"),
                      tab = text_of("ab\t"), space = text_of("ab ");
    (void)state;
    expect_less(&binary, &ab, &abc);
    expect_less(&binary, &abc, &b);
    expect_less(&binary, &ab, &tab);
    expect_less(&binary, &ab, &space);
    expect_less(&padded, &ab, &abc);
    expect_less(&padded, &tab, &ab);
    expect_less(&padded, &space, &abc);
    put_texts(&space, &ab, COMP_EXTRA);
    assert_null(check_key(&padded));
    put_texts(&ab, &space, COMP_EXTRA);
    assert_null(check_key(&padded));
}

/* Behind the bits of nine nullable fields; the first column is one of them. */
static void lengths_come_behind_the_nulls(void **state)
{
    const struct key_columns key = {
        .n = 2,
        .n_nullable = 9,
        .columns = {{.kind = KEY_BINARY, .nullable = true}, {.kind = KEY_BINARY}}};
    const struct text null = {{1, 0, 2}, 3, "zz", 2}, ab_c = {{0, 0, 2, 1}, 4, "abc", 3},
                      ab_d = {{0, 0, 2, 1}, 4, "abd", 3}, abd = {{0, 0, 3, 0}, 4, "abd", 3};
    (void)state;
    expect_less(&key, &null, &ab_c);
    expect_less(&key, &ab_c, &ab_d);
    expect_less(&key, &ab_d, &abd);
}

static void a_long_length_has_two_bytes(void **state)
{
    const struct key_columns key = {.n = 2,
                                    .columns = {{.kind = KEY_BINARY, .is_long = true}, {.len = 1}}};
    const struct text one = {{1}, 1, "a1", 2}, two = {{0x80, 2}, 2, "aa0", 3};
    (void)state;
    expect_less(&key, &one, &two);
}

static void a_record_of_another_version_is_not_read(void **state)
{
    const struct key_columns key = {.n = 1, .columns = {{.kind = KEY_BINARY}}};
    const struct key_columns unknown = {
        .n = 1, .n_nullable = KEY_NULLABLE_UNKNOWN, .columns = {{.kind = KEY_BINARY}}};
    const struct text a = text_of("a"), b = text_of("b");
    (void)state;
    new_page(true);
    put_texts(&b, &a, COMP_EXTRA);
    assert_non_null(check_key(&key));
    assert_null(check_key(&unknown));
    page[FIRST - COMP_EXTRA] |= 0x40;
    assert_null(check_key(&key));
    page[FIRST - COMP_EXTRA] = 0x80;
    assert_null(check_key(&key));
    page[FIRST - COMP_EXTRA] = 0;
    page[FIRST + GAP - 3] |= 4;
    assert_null(check_key(&key));
}

static void redundant_records_tell_their_lengths(void **state)
{
    const struct key_columns key = {.n = 2,
                                    .n_nullable = KEY_NULLABLE_UNKNOWN,
                                    .columns = {{.kind = KEY_PADDED, .nullable = true},
                                                {.kind = KEY_BINARY, .descending = true}}};
    const struct text null = {{0x80 | 3, 4}, 2, "~~~z", 4}, a_z = {{1, 2}, 2, "az", 2},
                      a_b = {{1, 2}, 2, "ab", 2}, ab = {{2, 2}, 2, "ab", 2};
    const struct text *ordered[] = {&null, &a_z, &a_b, &ab};
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        new_page(false);
        for (uint32_t k = 0; k < 2; k++)
            page[FIRST + k * GAP - 3] |= 2 << 1 | 1; /* fields, short offsets */
        put_texts(ordered[i], ordered[i + 1], REDUNDANT_EXTRA);
        assert_null(check_key(&key));
        put_texts(ordered[i + 1], ordered[i], REDUNDANT_EXTRA);
        assert_non_null(check_key(&key));
    }
}

static void a_length_beyond_the_heap_is_out_of_order(void **state)
{
    const struct key_columns key = {.n = 1, .columns = {{.kind = KEY_BINARY, .is_long = true}}};
    const struct text a = text_of("a"), far = {{0xBF, 0xFF}, 2, "b", 1},
                      elsewhere = {{0xC0, 1}, 2, "b", 1};
    (void)state;
    new_page(true);
    put_texts(&a, &far, COMP_EXTRA);
    assert_non_null(check_key(&key));
    put_texts(&a, &elsewhere, COMP_EXTRA);
    assert_non_null(check_key(&key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_compared_one_by_one),
        cmocka_unit_test(the_first_of_all_has_no_key),
        cmocka_unit_test(a_record_that_is_too_short_is_out_of_order),
        cmocka_unit_test(strings_are_compared_byte_by_byte),
        cmocka_unit_test(lengths_come_behind_the_nulls),
        cmocka_unit_test(a_long_length_has_two_bytes),
        cmocka_unit_test(a_record_of_another_version_is_not_read),
        cmocka_unit_test(redundant_records_tell_their_lengths),
        cmocka_unit_test(a_length_beyond_the_heap_is_out_of_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
