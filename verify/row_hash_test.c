/* verify/row_hash_test.c: canonical bytes of each class, and that what differs has other bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "verify/row_hash.h"
#include "verify/value_text.h"

/* The bytes of the only value of the row, in hex. */
static const char *hex(const struct row_bytes *r)
{
    static char out[256];
    assert_int_equal(r->n_values, 1);
    assert_int_equal(r->ends[0], r->n);
    assert_true(2 * r->n < sizeof out);
    for (size_t i = 0; i < r->n; i++)
        snprintf(out + 2 * i, 3, "%02x", r->p[i]);
    return out;
}

static void each_class_has_its_bytes(void **state)
{
    (void)state;
    struct row_bytes r = {0};
    const struct value_time t = {2026, 11, 27, 15, 4, 5, 6, false},
                            negative = {0, 0, 0, 838, 59, 58, 999999, true};
    static const uint8_t address[16] = {0x55, 0x0e, 0x84, 0x00, 0xe2, 0x9b, 0x41, 0xd4,
                                        0xa7, 0x16, 0x44, 0x66, 0x55, 0x44, 0,    1};
#define IS(call, expected)                      \
    do {                                        \
        row_bytes_reset(&r);                    \
        call;                                   \
        assert_string_equal(hex(&r), expected); \
    } while (0)
    IS(row_put_null(&r), "00");
    IS(row_put_unsigned(&r, 258), "010201000000000000");
    IS(row_put_signed(&r, 258), "010201000000000000");
    IS(row_put_signed(&r, -1), "02ffffffffffffffff");
    IS(row_put_unsigned(&r, UINT64_MAX), "01ffffffffffffffff");
    IS(row_put_float(&r, 1.5f), "030000c03f");
    IS(row_put_double(&r, -0.0), "040000000000000080");
    IS(row_put_decimal(&r, "-12.50", 6), "05060000002d31322e3530");
    IS(row_put_decimal(&r, "00012.50", 8), "050500000031322e3530");
    IS(row_put_decimal(&r, "-0.00", 5), "0504000000302e3030");
    IS(row_put_decimal(&r, "0000", 4), "050100000030");
    IS(row_put_time(&r, VALUE_DATE, &t), "06ea070b1b");
    IS(row_put_time(&r, VALUE_TIME, &negative), "0701460300003b3a3f420f00");
    IS(row_put_time(&r, VALUE_DATETIME, &t), "08ea070b1b0f040506000000");
    IS(row_put_time(&r, VALUE_TIMESTAMP, &t), "09ea070b1b0f040506000000");
    IS(row_put_year(&r, 2155), "0a6b08");
    IS(row_put_bit(&r, "\x01\x02\x03", 3), "0b0302010000000000");
    IS(row_put_bytes(&r, VALUE_STRING, "ab ", 3), "0c03000000616220");
    IS(row_put_bytes(&r, VALUE_STRING, "", 0), "0c00000000");
    IS(row_put_bytes(&r, VALUE_ENUM, "x", 1), "0d0100000078");
    IS(row_put_no_member(&r, VALUE_ENUM), "0e");
    IS(row_put_bytes(&r, VALUE_SET, "a,b", 3), "0f03000000612c62");
    IS(row_put_no_member(&r, VALUE_SET), "10");
    IS(row_put_bytes(&r, VALUE_GEOMETRY, "\1", 1), "110100000001");
    IS(row_put_address(&r, VALUE_UUID, address), "12550e8400e29b41d4a716446655440001");
    IS(assert_true(
           row_put_address_text(&r, VALUE_UUID, "550E8400-e29b-41d4-a716-446655440001", 36)),
       "12550e8400e29b41d4a716446655440001");
    IS(assert_true(row_put_address_text(&r, VALUE_INET6, "::ffff:1.2.3.4", 14)),
       "1300000000000000000000ffff01020304");
    IS(assert_true(row_put_address_text(&r, VALUE_INET4, "10.0.0.255", 10)), "140a0000ff");
    row_bytes_reset(&r);
    assert_false(row_put_address_text(&r, VALUE_UUID, "550e8400", 8));
    assert_false(row_put_address_text(&r, VALUE_INET4, "10.0.0", 6));
    assert_int_equal(r.n, 0);
    row_bytes_fini(&r);
}

/* It has no room for one: what lies behind its bytes stays as it is. */
static void a_decimal_without_digits_has_no_sign(void **state)
{
    (void)state;
    struct row_bytes r = {0};
    row_put_bytes(&r, VALUE_STRING, "longer", 6);
    row_bytes_reset(&r);
    r.p[5] = 'x';
    row_put_decimal(&r, "-", 1);
    assert_string_equal(hex(&r), "0500000000");
    assert_int_equal(r.p[5], 'x');
    row_bytes_fini(&r);
}

static void a_row_is_its_values_one_behind_the_other(void **state)
{
    (void)state;
    struct row_bytes a = {0}, b = {0};
    size_t n;
    row_put_bytes(&a, VALUE_STRING, "ab", 2);
    row_put_bytes(&a, VALUE_STRING, "c", 1);
    row_put_bytes(&b, VALUE_STRING, "a", 1);
    row_put_bytes(&b, VALUE_STRING, "bc", 2);
    assert_int_equal(a.n, b.n);
    assert_memory_not_equal(a.p, b.p, a.n);
    assert_memory_equal(row_value(&a, 1, &n), "\x0c\1\0\0\0c", 6);
    assert_int_equal(n, 6);
    row_bytes_reset(&a);
    assert_int_equal(a.n_values, 0);
    for (int i = 0; i < 5000; i++)
        row_put_signed(&a, i);
    assert_int_equal(a.n, 45000);
    assert_int_equal(a.ends[4999], 45000);
    row_bytes_fini(&a);
    row_bytes_fini(&b);
}

static void hashes_are_text_and_back(void **state)
{
    (void)state;
    char text[HASH128_TEXT];
    struct hash128 h = {.lo = 0x0123456789abcdef, .hi = 0xfedcba9876543210}, back;
    assert_string_equal(hash128_text(text, h), "fedcba98765432100123456789abcdef");
    assert_true(hash128_parse(&back, text));
    assert_true(hash128_equal(h, back));
    assert_false(hash128_parse(&back, NULL));
    assert_false(hash128_parse(&back, "fedcba98765432100123456789abcde"));
    assert_false(hash128_parse(&back, "fedcba98765432100123456789abcdef0"));
    assert_false(hash128_parse(&back, "FEDCBA98765432100123456789ABCDEF"));
    /* XXH3-128 of nothing, from the description of XXH3: the algorithm is the one that is documented. */
    assert_string_equal(hash128_text(text, hash128_of("", 0, NULL, 0)),
                        "99aa06d3014798d86001c324468d497f");
}

static void sums_carry(void **state)
{
    (void)state;
    struct hash128 sum = {.lo = UINT64_MAX, .hi = 1};
    hash128_add(&sum, (struct hash128){.lo = 2, .hi = 3});
    assert_int_equal(sum.lo, 1);
    assert_int_equal(sum.hi, 5);
}

static void classes_have_names_and_types(void **state)
{
    (void)state;
    enum value_class c;
    for (int i = 0; i < VALUE_CLASSES; i++) {
        assert_true(value_class_parse(&c, value_class_name((enum value_class)i)));
        assert_int_equal(c, i);
    }
    assert_false(value_class_parse(&c, "nothing"));
    assert_false(value_class_parse(&c, NULL));
    assert_true(value_class_of_type(&c, "json"));
    assert_int_equal(c, VALUE_STRING);
    assert_true(value_class_of_type(&c, "geomcollection"));
    assert_int_equal(c, VALUE_GEOMETRY);
    assert_false(value_class_of_type(&c, "xmltype"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_has_its_bytes),
        cmocka_unit_test(a_decimal_without_digits_has_no_sign),
        cmocka_unit_test(a_row_is_its_values_one_behind_the_other),
        cmocka_unit_test(hashes_are_text_and_back),
        cmocka_unit_test(sums_carry),
        cmocka_unit_test(classes_have_names_and_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
