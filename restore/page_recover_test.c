/* restore/page_recover_test.c: the rules of page_recover.h, one test each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "innodb/page_check.h"
#include "restore/page_recover.h"

enum { PAGE_SIZE = 4096, FLAGS = 0x13, SPACE = 7, PAGE = 5, AT = 200 };

struct bench {
    struct redo_group *group;
    struct space_plan space;
    struct space_format format;
    uint8_t slot[PAGE_SIZE];
    struct redo_image *image;
    struct page_file file;
    lsn_t void_below;
    bool changed;
};

static void must(struct err *e)
{
    if (e)
        fail_msg("%s", e->message);
}

static int set_up(void **state)
{
    struct bench *b = mem_zalloc(sizeof *b);
    must(redo_group_new(&b->group, 1 << 20, "/tmp"));
    b->image = redo_image_new(&redo_family_mariadb, PAGE_SIZE);
    must(space_format_decode(&b->format, FLAGS, PAGE_SIZE));
    b->space =
        (struct space_plan){.id = SPACE, .name = mem_strdup("db/t.ibd"), .last_of_space = true};
    b->file = (struct page_file){.space = &b->space, .format = &b->format, .image = b->image};
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    redo_group_free(b->group);
    redo_image_free(b->image);
    free(b->space.name);
    free(b);
    return 0;
}

/* A stored page of this LSN with `fill` at AT. */
static void store_page(struct bench *b, lsn_t lsn, uint8_t fill)
{
    put_be32(b->slot + 4, PAGE);
    put_be64(b->slot + 16, lsn);
    put_be32(b->slot + 34, SPACE);
    b->slot[AT] = fill;
    page_stamp(&b->format, b->slot);
}

static void add(struct bench *b, enum redo_type type, const void *body, size_t len, lsn_t start,
                lsn_t end)
{
    const struct redo_record rec = {
        .type = type, .space = SPACE, .page = PAGE, .body = body, .body_len = (uint32_t)len};
    must(redo_group_add(b->group, &rec, start, end));
}

/* WRITE of one byte at AT: varint offset 200 = 0x80 0x48 (128 + 72), then the byte. */
static void add_write(struct bench *b, uint8_t value, lsn_t start, lsn_t end)
{
    const uint8_t body[] = {0x80, AT - 128, value};
    add(b, REDO_WRITE, body, sizeof body, start, end);
}

static struct err *recover(struct bench *b)
{
    struct bundle_stream s;
    must(redo_group_seal(b->group));
    must(bundle_stream_open(&s, b->group, SPACE, 0, UINT32_MAX));
    struct err *e = page_recover(&b->file, PAGE, b->slot, b->void_below, &s, &b->changed);
    if (!e)
        assert_false(s.more);
    bundle_stream_fini(&s);
    return e;
}

static void assert_whole(struct bench *b, lsn_t lsn, uint8_t fill)
{
    char why[160];
    assert_int_equal(page_check(&b->format, SPACE, PAGE, b->slot, why), PAGE_OK);
    assert_int_equal(be64(b->slot + 16), lsn);
    assert_int_equal(b->slot[AT], fill);
}

static void newer_mtr_is_applied_and_stamped(void **state)
{
    struct bench *b = *state;
    store_page(b, 1000, 1);
    add_write(b, 2, 1000, 1100);
    must(recover(b));
    assert_true(b->changed);
    assert_whole(b, 1100, 2);
}

static void mtr_that_the_image_holds_is_skipped(void **state)
{
    struct bench *b = *state;
    store_page(b, 1001, 1);
    add_write(b, 2, 1000, 1100);
    must(recover(b));
    assert_false(b->changed);
    assert_whole(b, 1001, 1);
}

static void second_part_of_one_mtr_is_not_taken_for_old(void **state)
{
    struct bench *b = *state;
    const struct redo_record other = {
        .type = REDO_INIT_PAGE, .space = SPACE, .page = PAGE + 1, .body = (const uint8_t *)""};
    store_page(b, 1000, 1);
    add_write(b, 2, 1000, 1100);
    must(redo_group_add(b->group, &other, 1000, 1100));
    add_write(b, 3, 1000, 1100);
    struct bundle_stream s;
    must(redo_group_seal(b->group));
    must(bundle_stream_open(&s, b->group, SPACE, 0, UINT32_MAX));
    must(page_recover(&b->file, PAGE, b->slot, b->void_below, &s, &b->changed));
    assert_true(s.more);
    assert_int_equal(s.bundle.page, PAGE + 1);
    bundle_stream_fini(&s);
    assert_whole(b, 1100, 3);
}

static void init_page_applies_whatever_the_image(void **state)
{
    struct bench *b = *state;
    store_page(b, 5000, 1);
    add(b, REDO_INIT_PAGE, "", 0, 1000, 1100);
    add_write(b, 2, 1100, 1200);
    must(recover(b));
    assert_whole(b, 1200, 2);
}

static void freed_page_keeps_its_stored_image(void **state)
{
    struct bench *b = *state;
    store_page(b, 1000, 1);
    add_write(b, 2, 1000, 1100);
    add(b, REDO_FREE_PAGE, "", 0, 1100, 1200);
    must(recover(b));
    assert_false(b->changed);
    assert_whole(b, 1000, 1);
}

static const uint8_t beyond_page[] = {0xC0, 0x7F, 0xFF, 0x55}; /* WRITE at 16512 + 32767 */

static void record_that_does_not_fit_a_freed_page_is_no_damage(void **state)
{
    struct bench *b = *state;
    store_page(b, 1000, 1);
    add(b, REDO_WRITE, beyond_page, sizeof beyond_page, 1000, 1100);
    add(b, REDO_FREE_PAGE, "", 0, 1100, 1200);
    must(recover(b));
    assert_false(b->changed);
}

static void record_that_does_not_fit_is_forgiven_by_init(void **state)
{
    struct bench *b = *state;
    store_page(b, 1000, 1);
    add(b, REDO_WRITE, beyond_page, sizeof beyond_page, 1000, 1100);
    add(b, REDO_INIT_PAGE, "", 0, 1100, 1200);
    add_write(b, 9, 1200, 1300);
    must(recover(b));
    assert_whole(b, 1300, 9);
}

static void record_that_does_not_fit_a_live_page_is_named(void **state)
{
    struct bench *b = *state;
    store_page(b, 1000, 1);
    add(b, REDO_WRITE, beyond_page, sizeof beyond_page, 1000, 1100);
    add_write(b, 2, 1100, 1200);
    struct err *e = recover(b);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_non_null(
        strstr(e->message, "db/t.ibd: page 5: redo of the mini-transaction at LSN 1000"));
    err_free(e);
}

static void live_page_without_image_or_init_is_damage(void **state)
{
    struct bench *b = *state;
    add_write(b, 2, 1000, 1100);
    struct err *e = recover(b);
    assert_non_null(e);
    assert_non_null(strstr(e->message, "never initialised"));
    err_free(e);
}

static void redo_from_before_an_import_is_void(void **state)
{
    struct bench *b = *state;
    b->space.void_below = 1100;
    store_page(b, 1000, 1);
    add_write(b, 2, 1000, 1100);
    must(recover(b));
    assert_false(b->changed);
    assert_whole(b, 1000, 1);
}

static void image_and_redo_from_before_a_truncation_are_void(void **state)
{
    struct bench *b = *state;
    b->space.trim_lsn = 2000;
    store_page(b, 1999, 1);
    assert_true(page_is_trimmed(&b->space, PAGE, b->slot));
    add_write(b, 2, 1999, 2000);
    add(b, REDO_INIT_PAGE, "", 0, 2000, 2100);
    must(recover(b));
    assert_whole(b, 2100, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(newer_mtr_is_applied_and_stamped),
        TEST(mtr_that_the_image_holds_is_skipped),
        TEST(second_part_of_one_mtr_is_not_taken_for_old),
        TEST(init_page_applies_whatever_the_image),
        TEST(freed_page_keeps_its_stored_image),
        TEST(record_that_does_not_fit_a_freed_page_is_no_damage),
        TEST(record_that_does_not_fit_is_forgiven_by_init),
        TEST(record_that_does_not_fit_a_live_page_is_named),
        TEST(live_page_without_image_or_init_is_damage),
        TEST(redo_from_before_an_import_is_void),
        TEST(image_and_redo_from_before_a_truncation_are_void),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
