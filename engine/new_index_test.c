/* engine/new_index_test.c: what the counter of index ids and a page say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/engine_test_util.h"
#include "engine/new_index.h"
#include "innodb/fil_page.h"

enum { PAGE = 4096, LAST = 100 };

static void the_counter_is_read_from_page_7(void **state)
{
    static const struct {
        size_t size;
        uint32_t no;
        uint16_t type;
        uint64_t last;
    } cases[] = {
        {8 * PAGE, 7, FIL_TYPE_SYS, 1489},
        {8 * PAGE, 6, FIL_TYPE_SYS, 0}, /* no such page: every index is new */
        {8 * PAGE, 7, FIL_TYPE_INDEX, 0},
        {7 * PAGE + 60, 7, FIL_TYPE_SYS, 0},
    };
    (void)state;
    char *dir = make_dir();
    AUTO_FREE char *path = mem_printf("%s/ibdata1", dir);
    AUTO_FREE uint8_t *file = mem_zalloc(8 * PAGE);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *page = file + 7 * PAGE;
        uint64_t last = 4711;
        put_be32(page + FIL_PAGE_NO, cases[i].no);
        put_be16(page + FIL_TYPE, cases[i].type);
        put_be64(page + 54, 1489);
        write_bytes(dir, "ibdata1", file, cases[i].size);
        ok(new_index_last_id(&last, path, PAGE));
        assert_int_equal(last, cases[i].last);
    }
    remove_dir(dir);
}

static void a_page_tells_its_index(void **state)
{
    static const struct {
        uint16_t type;
        uint64_t id;
        enum index_age age;
    } cases[] = {
        {FIL_TYPE_INDEX, LAST, INDEX_KNOWN},
        {FIL_TYPE_INDEX, LAST + 1, INDEX_NEW},
        {FIL_TYPE_RTREE, LAST + 1, INDEX_NEW},
        {FIL_TYPE_RTREE, LAST, INDEX_KNOWN},
        {FIL_TYPE_SDI, UINT64_MAX, INDEX_KNOWN}, /* the dictionary's own, with redo */
        {FIL_TYPE_INDEX, UINT64_C(0xFFFFFFFF00000000), INDEX_KNOWN}, /* the change buffer */
        {FIL_TYPE_BLOB, LAST + 1, INDEX_KNOWN},
        {FIL_TYPE_PACKED, LAST, INDEX_UNCLEAR},
        {FIL_TYPE_ENCRYPTED, LAST, INDEX_UNCLEAR},
        {FIL_TYPE_PACKED_ENCRYPTED, LAST, INDEX_UNCLEAR},
        {FIL_TYPE_RTREE_ENCRYPTED, LAST, INDEX_UNCLEAR},
    };
    (void)state;
    struct space_format format;
    ok(space_format_decode(&format, 3 << 6 /* pages of 4096 bytes */, PAGE));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t page[PAGE] = {0};
        put_be16(page + FIL_TYPE, cases[i].type);
        put_be64(page + 66, cases[i].id);
        assert_int_equal(new_index_look(page, LAST), cases[i].age);
        if (cases[i].type == FIL_TYPE_PACKED) /* and cannot be unpacked */
            assert_int_equal(new_index_look_inside(&format, page, LAST), INDEX_NEW);
        else if (cases[i].age != INDEX_UNCLEAR)
            assert_int_equal(new_index_look_inside(&format, page, LAST), cases[i].age);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counter_is_read_from_page_7),
        cmocka_unit_test(a_page_tells_its_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
