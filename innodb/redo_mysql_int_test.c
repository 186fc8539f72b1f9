/* innodb/redo_mysql_int_test.c: the integers of the MySQL redo log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "innodb/redo_mysql_int.h"

static void every_form_has_its_value(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[5];
        size_t n;
        uint32_t value;
    } cases[] = {
        {{0x00}, 1, 0},
        {{0x7F}, 1, 127},
        {{0x80, 0x80}, 2, 128},
        {{0x80, 0x01}, 2, 1}, /* longer than it need be */
        {{0xBF, 0xFF}, 2, 0x3FFF},
        {{0xC0, 0x40, 0x00}, 3, 0x4000},
        {{0xDF, 0xFF, 0xFF}, 3, 0x1FFFFF},
        {{0xE0, 0x20, 0x00, 0x00}, 4, 0x200000},
        {{0xEF, 0xFF, 0xFF, 0xFF}, 4, 0xFFFFFFF},
        {{0xF0, 0x10, 0x00, 0x00, 0x00}, 5, 0x10000000},
        {{0xF7, 0xFF, 0xFF, 0xFF, 0xFF}, 5, 0xFFFFFFFF},
        {{0xF8, 0x00}, 2, 0xFFFFFC00},
        {{0xFB, 0xFE}, 2, 0xFFFFFFFE}, /* the dictionary tablespace, as logged by 9.7.4 */
        {{0xFC, 0x00, 0x01}, 3, 0xFFFE0001},
        {{0xFD, 0x00, 0x00}, 3, 0xFFFF0000},
        {{0xFE, 0x12, 0x34, 0x56}, 4, 0xFF123456},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reader r = reader_of(cases[i].bytes, sizeof cases[i].bytes);
        assert_int_equal(rd_compressed(&r), cases[i].value);
        assert_int_equal(r.p - cases[i].bytes, cases[i].n);
        assert_false(r.ran_out);
        for (size_t n = 0; n < cases[i].n; n++) {
            r = reader_of(cases[i].bytes, n);
            assert_int_equal(rd_compressed(&r), 0);
            assert_true(r.ran_out);
        }
    }
}

static void no_integer_begins_with_ff(void **state)
{
    (void)state;
    struct reader r = reader_of("\xFF\1\2\3\4\5", 6);
    assert_int_equal(rd_compressed(&r), 0);
    assert_true(r.ran_out);
}

static void the_64_bit_forms_are_made_of_two(void **state)
{
    (void)state;
    struct reader r = reader_of("\x81\x02\x80\x00\x00\x01", 6);
    assert_true(rd_compressed64(&r) == 0x10280000001);
    assert_false(r.ran_out);
    r = reader_of("\xFF\x05\xC0\x40\x00", 5);
    assert_true(rd_much_compressed64(&r) == 0x500004000);
    assert_false(r.ran_out);
    r = reader_of("\x05\xC0", 2);
    assert_true(rd_much_compressed64(&r) == 5);
    assert_int_equal(rd_left(&r), 1);
    r = reader_of("\xFF\x05\xC0\x40", 4);
    rd_much_compressed64(&r);
    assert_true(r.ran_out);
    r = reader_of("", 0);
    assert_true(rd_much_compressed64(&r) == 0);
    assert_true(r.ran_out);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++)
        for (int delta = -1; delta <= 1; delta++) {
            const uint64_t v = (UINT64_C(1) << bit) + (uint64_t)delta;
            uint8_t bytes[MUCH_COMPRESSED64_MAX];
            struct reader r = reader_of(bytes, put_much_compressed64(bytes, v));
            assert_true(rd_much_compressed64(&r) == v);
            assert_true(!r.ran_out && !rd_left(&r));
            r = reader_of(bytes, put_compressed(bytes, (uint32_t)v));
            assert_int_equal(rd_compressed(&r), (uint32_t)v);
            assert_true(!r.ran_out && !rd_left(&r));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_has_its_value),
        cmocka_unit_test(no_integer_begins_with_ff),
        cmocka_unit_test(the_64_bit_forms_are_made_of_two),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
