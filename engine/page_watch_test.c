/* engine/page_watch_test.c: which pages are noted, and from where to where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/page_watch.h"
#include "innodb/page_archive.h"
#include "innodb/redo_mysql.h"

static void record(struct page_watch *w, unsigned type, space_id_t space, page_no_t page, lsn_t lsn)
{
    const struct redo_record rec = {.type = type, .space = space, .page = page};
    page_watch_record(w, &rec, lsn);
}

static void each_changed_page_is_noted_once(void **state)
{
    struct page_watch w = {0};
    (void)state;
    page_watch_begin(&w);
    record(&w, MYSQL_REDO_REC_INSERT, 5, 7, 100);
    record(&w, MYSQL_REDO_REC_INSERT, 5, 8, 100);
    record(&w, MYSQL_REDO_REC_INSERT, 5, 7, 110);
    record(&w, MYSQL_REDO_INIT_FILE_PAGE2, UINT32_MAX, UINT32_MAX, 120);
    assert_int_equal(w.n, 3);
    assert_true(w.ids[0] == page_archive_id(5, 7));
    assert_true(w.ids[1] == page_archive_id(5, 8));
    assert_true(w.ids[2] == page_archive_id(UINT32_MAX, UINT32_MAX));
    page_watch_fini(&w);
}

static void what_changes_no_page_is_passed_over(void **state)
{
    struct page_watch w = {0};
    (void)state;
    page_watch_begin(&w);
    record(&w, MYSQL_REDO_FILE_RENAME, 5, 0, 100);
    record(&w, MYSQL_REDO_TABLE_DYNAMIC_META, 5, 0, 100);
    record(&w, MYSQL_REDO_INDEX_LOAD, 5, 0, 100);
    assert_int_equal(w.n, 0);
    page_watch_fini(&w);
}

static void nothing_is_noted_before_and_behind(void **state)
{
    struct page_watch w = {0};
    (void)state;
    record(&w, MYSQL_REDO_REC_INSERT, 5, 1, 90);
    page_watch_begin(&w);
    record(&w, MYSQL_REDO_REC_INSERT, 5, 2, 99);
    w.until = 100;
    record(&w, MYSQL_REDO_REC_INSERT, 5, 3, 99);
    record(&w, MYSQL_REDO_REC_INSERT, 5, 4, 100);
    assert_int_equal(w.n, 2);
    page_watch_begin(&w);
    assert_int_equal(w.n, 0);
    page_watch_fini(&w);
}

static void too_many_pages_are_told(void **state)
{
    struct page_watch w = {0};
    (void)state;
    page_watch_begin(&w);
    for (page_no_t i = 0; i < PAGE_WATCH_MAX; i++)
        record(&w, MYSQL_REDO_REC_INSERT, 5, i, 100);
    record(&w, MYSQL_REDO_REC_INSERT, 5, 0, 100);
    assert_false(w.too_many);
    record(&w, MYSQL_REDO_REC_INSERT, 5, PAGE_WATCH_MAX, 100);
    assert_true(w.too_many);
    assert_int_equal(w.n, PAGE_WATCH_MAX);
    page_watch_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_changed_page_is_noted_once),
        cmocka_unit_test(what_changes_no_page_is_passed_over),
        cmocka_unit_test(nothing_is_noted_before_and_behind),
        cmocka_unit_test(too_many_pages_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
