/* innodb/tablespace_test.c: flags of page 0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "innodb/tablespace.h"

static const struct {
    uint32_t flags, page_size;
    struct space_format want;
} good[] = {
    /* as MariaDB 10.11.19 wrote them */
    {0x15, 16384, {16384, 16384, true, false, 0, 0x15}},
    {0x13, 4096, {4096, 4096, true, false, 0, 0x13}},
    {0x17, 65536, {65536, 65536, true, false, 0, 0x17}},
    {0x35, 16384, {16384, 16384, true, false, 1, 0x35}},
    {0xd5, 16384, {16384, 16384, true, false, 6, 0xd5}},
    {0x0, 16384, {16384, 16384, false, false, 0, 0x0}},
    {0x21, 16384, {16384, 16384, false, false, 0, 0x21}},
    {0x10021, 16384, {16384, 16384, false, false, 0, 0x10021}},
    {0x23, 16384, {16384, 1024, false, true, 0, 0x23}},
    {0x27, 16384, {16384, 4096, false, true, 0, 0x27}},
    {0x2b, 16384, {16384, 16384, false, true, 0, 0x2b}},
    {0xe5, 4096, {4096, 2048, false, true, 0, 0xe5}},
    {0x1c0, 65536, {65536, 65536, false, false, 0, 0x1c0}},
    /* MySQL 5.7's DATA DIRECTORY and general tablespace bits */
    {0xc21, 16384, {16384, 16384, false, false, 0, 0xc21}},
};

static void flags_of_every_layout_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct space_format f;
        assert_null(space_format_decode(&f, good[i].flags, good[i].page_size));
        assert_int_equal(f.page_size, good[i].want.page_size);
        assert_int_equal(f.physical, good[i].want.physical);
        assert_int_equal(f.full_crc32, good[i].want.full_crc32);
        assert_int_equal(f.zip, good[i].want.zip);
        assert_int_equal(f.compression, good[i].want.compression);
        assert_int_equal(f.flags, good[i].flags);
    }
}

static const struct {
    uint32_t flags, page_size;
    const char *want;
} bad[] = {
    {0x15, 8192, "tablespace flags 0x15: page size is 16384, innodb_page_size is 8192"},
    {0x21, 4096, "tablespace flags 0x21: page size is 16384, innodb_page_size is 4096"},
    {0x12, 16384, "tablespace flags 0x12: no such page size"},
    {0x18, 16384, "tablespace flags 0x18: no such page size"},
    {0x1f, 16384, "tablespace flags 0x1f: no such page size"},
    {0x40, 16384, "tablespace flags 0x40: no such page size"},
    {0xf5, 16384, "tablespace flags 0xf5: no such compression algorithm"},
    {0x115, 16384, "tablespace flags 0x115: unknown bits"},
    {0x8000015, 16384, "tablespace flags 0x8000015: unknown bits"},
    {0x20021, 16384, "tablespace flags 0x20021: unknown bits"},
    {0x2d, 16384, "tablespace flags 0x2d: impossible ROW_FORMAT=COMPRESSED"},
    {0x7, 16384, "tablespace flags 0x7: impossible ROW_FORMAT=COMPRESSED"},
    {0x26, 16384, "tablespace flags 0x26: impossible ROW_FORMAT=COMPRESSED"},
    {0xe9, 4096, "tablespace flags 0xe9: impossible ROW_FORMAT=COMPRESSED"},
    {0x1a7, 32768, "tablespace flags 0x1a7: impossible ROW_FORMAT=COMPRESSED"},
    {0x10027, 16384, "tablespace flags 0x10027: impossible ROW_FORMAT=COMPRESSED"},
    {0x15, 0, "innodb_page_size 0 is none of 4096 ... 65536"},
    {0x15, 16383, "innodb_page_size 16383 is none of 4096 ... 65536"},
    {0x15, 131072, "innodb_page_size 131072 is none of 4096 ... 65536"},
};

static void senseless_flags_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct space_format f;
        struct err *e = space_format_decode(&f, bad[i].flags, bad[i].page_size);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_string_equal(e->message, bad[i].want);
        err_free(e);
    }
}

static void accepted_flags_always_give_a_usable_geometry(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags < 1u << 11; flags++)
        for (uint32_t size = 4096; size <= 65536; size *= 2) {
            struct space_format f;
            struct err *e = space_format_decode(&f, flags, size);
            if (!e) {
                assert_true(f.physical >= 1024 && f.physical <= size);
                assert_int_equal(f.physical & (f.physical - 1), 0);
                assert_true(f.zip || f.physical == size);
            }
            err_free(e);
        }
}

static void extents_are_one_megabyte_or_64_pages(void **state)
{
    (void)state;
    assert_int_equal(space_extent_pages(4096), 256);
    assert_int_equal(space_extent_pages(8192), 128);
    assert_int_equal(space_extent_pages(16384), 64);
    assert_int_equal(space_extent_pages(32768), 64);
    assert_int_equal(space_extent_pages(65536), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_of_every_layout_are_decoded),
        cmocka_unit_test(senseless_flags_are_named),
        cmocka_unit_test(accepted_flags_always_give_a_usable_geometry),
        cmocka_unit_test(extents_are_one_megabyte_or_64_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
