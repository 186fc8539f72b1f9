/* verify/value_text_test.c: values as text and as SQL, and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "verify/value_text.h"

static void expect(struct row_bytes *r, const char *print, const char *charset, const char *literal)
{
    struct value_view v;
    assert_true(value_view(&v, r->p, r->n));
    assert_int_equal(v.used, r->n);
    AUTO_FREE char *text = value_print(&v, 8), *sql = value_literal(&v, charset);
    assert_string_equal(text, print);
    if (literal)
        assert_string_equal(sql, literal);
    else
        assert_null(sql);
    for (size_t n = 0; n < r->n; n++) /* cut off anywhere */
        assert_false(value_view(&v, r->p, n));
    row_bytes_reset(r);
}

static void values_read_well_and_are_found_by_sql(void **state)
{
    (void)state;
    struct row_bytes r = {0};
    const struct value_time t = {2026, 1, 2, 3, 4, 5, 60, false},
                            negative = {0, 0, 0, 838, 59, 58, 0, true};
    const uint8_t address[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    row_put_null(&r);
    expect(&r, "NULL", NULL, NULL);
    row_put_signed(&r, INT64_MIN);
    expect(&r, "-9223372036854775808", NULL, "-9223372036854775808");
    row_put_unsigned(&r, UINT64_MAX);
    expect(&r, "18446744073709551615", NULL, "18446744073709551615");
    row_put_float(&r, 0.1f);
    expect(&r, "0.100000001", NULL, NULL);
    row_put_double(&r, -0.0);
    expect(&r, "-0", NULL, NULL);
    row_put_decimal(&r, "-1.50", 5);
    expect(&r, "-1.50", NULL, "-1.50");
    row_put_time(&r, VALUE_DATE, &t);
    expect(&r, "'2026-01-02'", NULL, "'2026-01-02'");
    row_put_time(&r, VALUE_TIME, &negative);
    expect(&r, "'-838:59:58'", NULL, "'-838:59:58'");
    row_put_time(&r, VALUE_TIMESTAMP, &t);
    expect(&r, "'2026-01-02 03:04:05.000060'", NULL, "'2026-01-02 03:04:05.000060'");
    row_put_year(&r, 0);
    expect(&r, "0000", NULL, "0000");
    row_put_bit(&r, "\1\2", 2);
    expect(&r, "258", NULL, "258");
    row_put_bytes(&r, VALUE_STRING, "it's", 4);
    expect(&r, "'it's'", "latin1", "_latin1 X'69742773'");
    row_put_bytes(&r, VALUE_STRING, "ab", 2);
    expect(&r, "'ab'", "utf8' OR 1", NULL); /* no such name gets into a statement */
    row_put_bytes(&r, VALUE_STRING, "a\n", 2);
    expect(&r, "0x610a", NULL, "X'610a'");
    row_put_bytes(&r, VALUE_STRING, "0123456789", 10);
    expect(&r, "'01234567'... (10 bytes)", NULL, "X'30313233343536373839'");
    row_put_bytes(&r, VALUE_ENUM, "x", 1);
    expect(&r, "'x'", "latin1", NULL);
    row_put_no_member(&r, VALUE_ENUM);
    expect(&r, "'' (error value)", NULL, NULL);
    row_put_no_member(&r, VALUE_SET);
    expect(&r, "'' (no member)", NULL, NULL);
    row_put_bytes(&r, VALUE_GEOMETRY, "abc", 3);
    expect(&r, "0x616263", NULL, NULL);
    row_put_address(&r, VALUE_UUID, address);
    expect(&r, "'20010db8-0000-0000-0000-000000000001'", NULL,
           "'20010db8-0000-0000-0000-000000000001'");
    row_put_address(&r, VALUE_INET6, address);
    expect(&r, "'2001:db8::1'", NULL, "'2001:db8::1'");
    row_put_address(&r, VALUE_INET4, address);
    expect(&r, "'32.1.13.184'", NULL, "'32.1.13.184'");
    row_bytes_fini(&r);
}

static void bytes_that_no_value_has_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        {"\x15", 1},         /* a tag above the last */
        {"\xff\0\0\0\0", 5}, /* far above */
        {"\x0c\xff\xff\xff\xff"
         "ab",
         7}, /* longer than what is there */
        {"\x0c\3\0\0\0"
         "ab",
         7},                       /* by one */
        {"\2\1\0\0\0\0\0\0\0", 9}, /* below 0, and is not */
        {"\5\0\0\0\0", 5},         /* decimals without a digit ... */
        {"\5\1\0\0\0-", 6},
        {"\5\3\0\0\0"
         "1'1",
         8}, /* ... and what would be SQL */
        {"\5\4\0\0\0"
         "1.1.",
         9},
    };
    struct value_view v;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (value_view(&v, (const uint8_t *)cases[i].bytes, cases[i].n))
            fail_msg("case %zu", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_read_well_and_are_found_by_sql),
        cmocka_unit_test(bytes_that_no_value_has_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
