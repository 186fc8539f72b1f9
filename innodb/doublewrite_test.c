/* innodb/doublewrite_test.c: which pages are copies of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "innodb/doublewrite.h"

static uint8_t *trx_sys(uint32_t page_size, uint32_t magic, page_no_t first, page_no_t second)
{
    uint8_t *page = mem_zalloc(page_size);
    put_be32(page + page_size - 190, magic);
    put_be32(page + page_size - 186, first);
    put_be32(page + page_size - 182, second);
    return page;
}

static void two_extents_are_known_for_every_page_size(void **state)
{
    static const struct {
        uint32_t page_size, extent;
    } cases[] = {{4096, 256}, {8192, 128}, {16384, 64}, {32768, 64}, {65536, 64}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint32_t n = cases[i].extent;
        AUTO_FREE uint8_t *page = trx_sys(cases[i].page_size, 0x1FFFBD5F, n, 5 * n);
        const struct doublewrite d = doublewrite_of(page, cases[i].page_size);
        assert_false(doublewrite_has(&d, 0));
        assert_false(doublewrite_has(&d, n - 1));
        assert_true(doublewrite_has(&d, n));
        assert_true(doublewrite_has(&d, 2 * n - 1));
        assert_false(doublewrite_has(&d, 2 * n));
        assert_true(doublewrite_has(&d, 5 * n));
        assert_false(doublewrite_has(&d, 6 * n));
        assert_false(doublewrite_has(&d, UINT32_MAX));
    }
}

static void without_the_magic_there_is_no_area(void **state)
{
    AUTO_FREE uint8_t *page = trx_sys(16384, 0x1FFFBD5E, 64, 128);
    const struct doublewrite d = doublewrite_of(page, 16384);
    (void)state;
    assert_false(doublewrite_has(&d, 0));
    assert_false(doublewrite_has(&d, 64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_extents_are_known_for_every_page_size),
        cmocka_unit_test(without_the_magic_there_is_no_area),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
