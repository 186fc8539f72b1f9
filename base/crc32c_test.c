/* base/crc32c_test.c: published values, both ways against a bit-by-bit oracle, split sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/mem.h"

static uint32_t bitwise(uint32_t crc, const uint8_t *p, size_t n)
{
    uint32_t c = ~crc;
    while (n--) {
        c ^= *p++;
        for (int i = 0; i < 8; i++)
            c = c >> 1 ^ (c & 1 ? 0x82F63B78u : 0);
    }
    return ~c;
}

static uint8_t *random_bytes(size_t n, unsigned seed)
{
    uint8_t *p = mem_alloc(n);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
    return p;
}

/* RFC 3720, B.4, and the check value of the catalogue of CRCs. */
static void published_values_come_out(void **state)
{
    (void)state;
    uint8_t zeros[32], ones[32], up[32], down[32];
    memset(zeros, 0, sizeof zeros);
    memset(ones, 0xFF, sizeof ones);
    for (int i = 0; i < 32; i++) {
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    const struct {
        const void *data;
        size_t n;
        uint32_t want;
    } cases[] = {
        {"123456789", 9, 0xE3069283}, {zeros, 32, 0x8A9136AA}, {ones, 32, 0x62A8AB43},
        {up, 32, 0x46DD794E},         {down, 32, 0x113FDB5C},  {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(crc32c(0, cases[i].data, cases[i].n), cases[i].want);
        assert_int_equal(crc32c_tables(0, cases[i].data, cases[i].n), cases[i].want);
    }
}

static void every_length_and_alignment_agrees_with_the_oracle(void **state)
{
    (void)state;
    enum { SIZE = 40000 };
    AUTO_FREE uint8_t *data = random_bytes(SIZE, 1);
    for (size_t n = 0; n < 2200; n++) {
        const size_t at = n % 17;
        const uint32_t want = bitwise(0, data + at, n);
        assert_int_equal(crc32c(0, data + at, n), want);
        assert_int_equal(crc32c_tables(0, data + at, n), want);
    }
    /* around one, two and more rounds of each block length, and the lengths summed of real pages */
    static const size_t around[] = {3 * 1344, 3 * 5440, 6 * 5440, 4092, 8188, 16338, 16380, 32764};
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++)
        for (size_t n = around[i] - 9; n <= around[i] + 9; n++) {
            const uint32_t want = bitwise(7, data + n % 8, n);
            assert_int_equal(crc32c(7, data + n % 8, n), want);
            assert_int_equal(crc32c_tables(7, data + n % 8, n), want);
        }
}

static void a_sum_can_be_continued_at_any_place(void **state)
{
    (void)state;
    enum { SIZE = 17000 };
    AUTO_FREE uint8_t *data = random_bytes(SIZE, 2);
    const uint32_t whole = bitwise(0, data, SIZE);
    for (size_t cut = 0; cut <= SIZE; cut += 37) {
        assert_int_equal(crc32c(crc32c(0, data, cut), data + cut, SIZE - cut), whole);
        assert_int_equal(crc32c_tables(crc32c(0, data, cut), data + cut, SIZE - cut), whole);
    }
}

static void one_flipped_bit_changes_the_sum(void **state)
{
    (void)state;
    enum { SIZE = 16380 };
    AUTO_FREE uint8_t *data = random_bytes(SIZE, 3);
    const uint32_t whole = crc32c(0, data, SIZE);
    for (size_t bit = 0; bit < SIZE * 8; bit += 1009) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(crc32c(0, data, SIZE), whole);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values_come_out),
        cmocka_unit_test(every_length_and_alignment_agrees_with_the_oracle),
        cmocka_unit_test(a_sum_can_be_continued_at_any_place),
        cmocka_unit_test(one_flipped_bit_changes_the_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
