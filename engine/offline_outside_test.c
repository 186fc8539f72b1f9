/* engine/offline_outside_test.c: names of tablespaces found in the bytes of an index page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/engine_test_util.h"
#include "engine/offline_outside.h"
#include "innodb/fil_page.h"
#include "innodb/page_check.h"

enum { PAGE = 16384 };

static void texts_are_found_with_what_stands_in_front(void **state)
{
    (void)state;
    static const char bytes[] = "\x80\x01/far/db/t.ibd\x02mysql.ibd\x05"
                                "SELECT name('/in/a/text.ibd')\x01"
                                "A./db/u.ibd\x00\x10/far/\xc3\xa9.ibu";
    static const char *const expected[] = {"\x80/far/db/t.ibd", "A./db/u.ibd", "/far/\xc3\xa9.ibu"};
    char *text;
    size_t at = 0;
    /* 0x80 is no control character, 0x01 is */
    offline_outside_next(&text, (const uint8_t *)bytes, sizeof bytes - 1, &at);
    assert_string_equal(text, expected[0] + 1);
    free(text);
    for (int i = 1; i < 3; i++) {
        offline_outside_next(&text, (const uint8_t *)bytes, sizeof bytes - 1, &at);
        assert_non_null(text);
        assert_string_equal(text, expected[i]);
        free(text);
    }
    offline_outside_next(&text, (const uint8_t *)bytes, sizeof bytes - 1, &at);
    assert_null(text);
    assert_int_equal(at, sizeof bytes - 1);
}

struct fixture {
    char *dir, *data;
    struct datadir datadir;
    struct listing listing;
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    f->data = mem_printf("%s/data", f->dir);
    write_text(f->data, "ibdata1", "");
    write_text(f->data, "db/t.ibd", "x");
    write_text(f->dir, "far/db/away.ibd", "x");
    write_text(f->dir, "far/db/general.ibd", "x");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    listing_fini(&f->listing);
    datadir_fini(&f->datadir);
    free(f->data);
    remove_dir(f->dir);
    free(f);
    return 0;
}

/* mysql.ibd with an index page that has these bytes in it. */
static void put_dictionary(const struct fixture *f, const char *bytes, size_t n)
{
    AUTO_FREE uint8_t *pages = mem_zalloc(2 * PAGE);
    const uint32_t flags = FSP_FLAG_SDI;
    struct space_format format;
    put_be32(pages + FIL_SPACE, 0xFFFFFFFE);
    put_be32(pages + FSP_SPACE_ID, 0xFFFFFFFE);
    put_be32(pages + FSP_FLAGS, flags);
    put_be16(pages + FIL_TYPE, FIL_TYPE_FSP_HDR);
    ok(space_format_decode(&format, flags, PAGE));
    put_be16(pages + PAGE + FIL_TYPE, FIL_TYPE_INDEX);
    memcpy(pages + PAGE + 200, bytes, n);
    write_bytes(f->data, "mysql.ibd", pages, 2 * PAGE);
}

static struct err *check(struct fixture *f, char *directories)
{
    const struct server_info s = {.flavour = FLAVOUR_MYSQL,
                                  .datadir = f->data,
                                  .page_size = PAGE,
                                  .innodb_directories = directories};
    ok(datadir_resolve(&f->datadir, &s, NULL));
    ok(listing_make(&f->listing, &f->datadir));
    return offline_outside_check(&f->datadir, &f->listing, NULL, NULL);
}

static void tablespace_in_no_directory_that_is_known_is_refused(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *bytes =
        mem_printf("\x01./db/t.ibd\x02./db/dropped.ibd\x03%s/far/db/away.ibd", f->dir);
    AUTO_FREE char *text = mem_printf("%s/far/db/away.ibd: the dictionary names", f->dir);
    put_dictionary(f, bytes, strlen(bytes));
    error_is(check(f, NULL), REFUSED, text);
}

static void tablespace_in_a_directory_that_is_named_is_fine(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *bytes =
        mem_printf("\x01%s/far/db/away.ibd\x02/%s/far/db/general.ibd", f->dir, f->dir);
    AUTO_FREE char *directories = mem_printf("%s/far", f->dir);
    put_dictionary(f, bytes, strlen(bytes));
    ok(check(f, directories));
}

/* "far" lies beside the datadir. */
static void relative_name_above_the_datadir_is_judged_as_one_outside(void **state)
{
    struct fixture *f = *state;
    static const char bytes[] =
        "\x01./db/t.ibd\x03../far/db/away.ibd\x05/../far/db/general.ibd\x02../far/gone.ibd";
    put_dictionary(f, bytes, sizeof bytes - 1);
    error_is(check(f, NULL), REFUSED, "/data/../far/db/away.ibd: the dictionary names");
    listing_fini(&f->listing);
    datadir_fini(&f->datadir);
    AUTO_FREE char *directories = mem_printf("%s/far", f->dir);
    ok(check(f, directories));
}

static void relative_name_is_not_taken_for_one_in_the_datadir(void **state)
{
    struct fixture *f = *state;
    static const char bytes[] = "\x03../db/t.ibd";
    write_text(f->dir, "db/t.ibd", "x");
    put_dictionary(f, bytes, sizeof bytes - 1);
    error_is(check(f, NULL), REFUSED, "/data/../db/t.ibd: the dictionary names");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_found_with_what_stands_in_front),
        TEST(tablespace_in_no_directory_that_is_known_is_refused),
        TEST(tablespace_in_a_directory_that_is_named_is_fine),
        TEST(relative_name_above_the_datadir_is_judged_as_one_outside),
        TEST(relative_name_is_not_taken_for_one_in_the_datadir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
