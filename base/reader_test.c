/* base/reader_test.c: the cursor never leaves its bytes and never forgets that it was asked to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/reader.h"

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void integers_come_in_both_orders(void **state)
{
    (void)state;
    struct reader r = reader_of(bytes, sizeof bytes);
    assert_int_equal(rd_be16(&r), 0x0102);
    assert_int_equal(rd_le16(&r), 0x0403);
    assert_int_equal(rd_be32(&r), 0x05060708);
    assert_int_equal(rd_u8(&r), 9);
    assert_int_equal(rd_left(&r), 0);
    assert_false(r.ran_out);
    r = reader_of(bytes, sizeof bytes);
    assert_true(rd_le64(&r) == 0x0807060504030201u);
    r = reader_of(bytes + 1, 8);
    assert_true(rd_be64(&r) == 0x0203040506070809u);
    r = reader_of(bytes, 4);
    assert_int_equal(rd_le32(&r), 0x04030201);
    assert_false(r.ran_out);
}

static void running_out_gives_zero_and_sticks(void **state)
{
    (void)state;
    struct reader r = reader_of(bytes, 3);
    assert_int_equal(rd_be32(&r), 0);
    assert_true(r.ran_out);
    assert_int_equal(rd_u8(&r), 0); /* a byte is left, but not after this */
    assert_null(rd_bytes(&r, 0));
    assert_true(r.ran_out);
}

static void absurd_lengths_do_not_wrap(void **state)
{
    (void)state;
    static const size_t absurd[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX - 8, 10};
    for (size_t i = 0; i < sizeof absurd / sizeof absurd[0]; i++) {
        struct reader r = reader_of(bytes, sizeof bytes);
        rd_u8(&r);
        assert_null(rd_bytes(&r, absurd[i]));
        assert_true(r.ran_out);
        assert_ptr_equal(r.p, bytes + 1);
    }
}

static void an_empty_reader_gives_nothing_but_no_bytes(void **state)
{
    (void)state;
    struct reader r = reader_of(bytes, 0);
    assert_ptr_equal(rd_bytes(&r, 0), bytes);
    assert_false(r.ran_out);
    assert_int_equal(rd_u8(&r), 0);
    assert_true(r.ran_out);
}

/* The sanitizers and valgrind watch the exact allocation. */
static void random_reads_stay_inside(void **state)
{
    (void)state;
    unsigned seed = 20;
    for (int round = 0; round < 2000; round++) {
        seed = seed * 1664525u + 1013904223u;
        const size_t n = (seed >> 8) % 40;
        AUTO_FREE uint8_t *exact = mem_zalloc(n);
        struct reader r = reader_of(exact, n);
        size_t want = 0;
        while (!r.ran_out) {
            seed = seed * 1664525u + 1013904223u;
            const size_t take = 1 + (seed >> 24) % 9;
            const bool fits = want + take <= n;
            assert_int_equal(rd_bytes(&r, take) != NULL, fits);
            assert_int_equal(r.ran_out, !fits);
            want += take;
        }
    }
}

static void stores_and_loads_agree(void **state)
{
    (void)state;
    uint8_t b[9] = {0};
    put_be16(b + 1, 0xABCD);
    assert_int_equal(b[1], 0xAB);
    assert_int_equal(be16(b + 1), 0xABCD);
    put_le32(b + 1, 0x01020304);
    assert_int_equal(b[1], 4);
    assert_int_equal(le32(b + 1), 0x01020304);
    put_be64(b + 1, UINT64_MAX - 1);
    assert_int_equal(b[8], 0xFE);
    assert_true(be64(b + 1) == UINT64_MAX - 1);
    assert_false(bytes_are_zero(b, 9));
    assert_true(bytes_are_zero(b, 1));
    assert_true(bytes_are_zero(b, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_come_in_both_orders),
        cmocka_unit_test(running_out_gives_zero_and_sticks),
        cmocka_unit_test(absurd_lengths_do_not_wrap),
        cmocka_unit_test(an_empty_reader_gives_nothing_but_no_bytes),
        cmocka_unit_test(random_reads_stay_inside),
        cmocka_unit_test(stores_and_loads_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
