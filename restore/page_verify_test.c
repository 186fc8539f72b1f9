/* restore/page_verify_test.c: pages of small archives made by hand, checked as they would be restored; nothing is written. What is
 * right and wrong about one page is tested in innodb/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "innodb/fil_page.h"
#include "innodb/index_page.h"
#include "restore/page_verify.h"
#include "restore/restore_test_util.h"

static struct page_verify_result result;

static struct err *verify_with(struct bench *b, const char *scratch)
{
    const struct page_verify_options o = {
        .recovery = {.repo = b->repo, .backup_id = "latest", .memory = 16 << 20, .task = "verify"},
        .scratch = scratch,
        .parallel = 2};
    if (b->writer)
        finish(b);
    struct err *e = page_verify_run(&result, &o);
    assert_false(exists(b, "")); /* not even the directory */
    return e;
}

static struct err *verify(struct bench *b)
{
    return verify_with(b, "/tmp");
}

static void assert_damaged(struct bench *b, uint64_t places)
{
    struct err *e = verify(b);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_non_null(strstr(e->message, " of what it restores to "));
    assert_int_equal(result.damage, places);
    err_free(e);
}

/* A tablespace of 2 pages, whose page 1 is an empty index page of that type; `used` by its descriptor. */
static void add_index(struct bench *b, space_id_t id, const char *path, unsigned n_recs, bool used)
{
    uint8_t pages[2 * PAGE_SIZE], *page = pages + PAGE_SIZE;
    struct space_format f;
    must(space_format_decode(&f, FLAGS, PAGE_SIZE));
    make_page(pages, id, 0, FROM - 1, 0);
    make_page(page, id, 1, FROM - 1, 0);
    put_be32(pages + FSP_XDES + 20, used ? 2 : 1);
    memset(pages + FSP_XDES + 24, 0x55, 64); /* free, */
    pages[FSP_XDES + 24] = 0x50;             /* but for the first two */
    page_stamp(&f, pages);
    index_page_create(page, PAGE_SIZE, FIL_TYPE_INDEX, true);
    memset(page + 8, 0xFF, 8);
    put_be16(page + INDEX_N_RECS, (uint16_t)n_recs);
    memset(page + 74, 1, 20); /* segments */
    page_stamp(&f, page);
    add_entry(b,
              (struct archive_attr){.kind = ARCHIVE_SPACE,
                                    .path = path,
                                    .size = sizeof pages,
                                    .mode = 0660,
                                    .space_id = id,
                                    .page_size = PAGE_SIZE,
                                    .space_flags = FLAGS,
                                    .lsn_at_start = FROM},
              pages);
}

static void a_good_backup_has_nothing_to_report(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    add_index(b, 6, "db/b.ibd", 0, true);
    redo_write_byte(b, 5, 1, 2);
    must(verify(b));
    assert_int_equal(result.spaces, 3);
    assert_int_equal(result.pages, 6);
    assert_int_equal(result.damage, 0);
}

static void files_from_outside_the_datadir_are_checked_where_they_are(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "external/nowhere/a.ibd", 1);
    must(verify(b));
    assert_int_equal(result.spaces, 2);
}

static void an_index_page_that_is_broken_is_damage_if_it_is_in_use(void **state)
{
    struct bench *b = *state;
    add_index(b, 5, "db/used.ibd", 3, true);
    add_index(b, 6, "db/free.ibd", 3, false);
    assert_damaged(b, 1);
}

static void one_damage_does_not_hide_another(void **state)
{
    struct bench *b = *state;
    uint8_t pages[2 * PAGE_SIZE];
    make_page(pages, 5, 0, FROM - 1, 0);
    make_page(pages + PAGE_SIZE, 5, 2, FROM - 1, 0); /* another page's number */
    add_entry(b,
              (struct archive_attr){.kind = ARCHIVE_SPACE,
                                    .path = "db/a.ibd",
                                    .size = sizeof pages,
                                    .mode = 0660,
                                    .space_id = 5,
                                    .page_size = PAGE_SIZE,
                                    .space_flags = FLAGS,
                                    .lsn_at_start = FROM},
              pages);
    add_index(b, 6, "db/b.ibd", 3, true);
    add_space(b, 7, "db/c.ibd", 1);
    redo_write_byte(b, 7, 3, 2); /* of a page that is nowhere made */
    assert_damaged(b, 3);
}

static void an_lsn_beyond_the_end_is_damage(void **state)
{
    struct bench *b = *state;
    uint8_t pages[2 * PAGE_SIZE];
    make_page(pages, 5, 0, FROM - 1, 0);
    make_page(pages + PAGE_SIZE, 5, 1, UINT64_C(1) << 50, 0);
    add_entry(b,
              (struct archive_attr){.kind = ARCHIVE_SPACE,
                                    .path = "db/a.ibd",
                                    .size = sizeof pages,
                                    .mode = 0660,
                                    .space_id = 5,
                                    .page_size = PAGE_SIZE,
                                    .space_flags = FLAGS,
                                    .lsn_at_start = FROM},
              pages);
    assert_damaged(b, 1);
}

/* --- MariaDB's system tablespace ---------------------------------------------------------------- */

enum { SYS_PAGES = 12, SYS_ROOT = 8, SYS_LEAF = 9, SYS_FREE = 10 };

/* A page of index 1 with one record, which has no bytes. */
static void make_sys_page(uint8_t *page, page_no_t no, page_no_t prev)
{
    const uint32_t r = COMP_HEAP + COMP_EXTRA;
    struct index_page ix = {page, PAGE_SIZE, true, 2};
    index_page_create(page, PAGE_SIZE, FIL_TYPE_INDEX, true);
    put_be32(page + 8, prev);
    put_be32(page + 12, PAGE_NO_NONE);
    put_be64(page + INDEX_ID, 1);
    put_be16(page + INDEX_HEAP_TOP, r);
    put_be16(page + INDEX_N_HEAP, INDEX_COMP_FLAG | 3);
    put_be16(page + INDEX_N_RECS, 1);
    memset(page + 74, no == SYS_ROOT, 20); /* segments */
    index_page_set_next(&ix, COMP_INFIMUM, r);
    index_page_set_next(&ix, r, COMP_SUPREMUM);
    index_page_set_heap_no(&ix, r, 2);
    index_page_set_n_owned(&ix, COMP_SUPREMUM, 2);
}

/* No row says that SYS_TABLES is there: page 7 does. So a link to a freed page is none of an index that is being removed. */
static void the_dictionary_itself_is_never_being_removed(void **state)
{
    struct bench *b = *state;
    struct space_format f;
    uint8_t page[PAGE_SIZE];
    must(space_format_decode(&f, FLAGS, PAGE_SIZE));
    finish(b);
    begin(b, b->base_lsn);
    const uint32_t entry = add_delta(b, 0, "ibdata1", SYS_PAGES);
    for (page_no_t no = 0; no < SYS_PAGES; no++) {
        make_page(page, 0, no, FROM - 1, 0);
        if (no == 0) {
            put_be32(page + FSP_SIZE, SYS_PAGES);
            put_be32(page + FSP_XDES + 20, 2);
            page[FSP_XDES + 24 + SYS_FREE / 4] = 1 << SYS_FREE % 4 * 2;
        }
        if (no == 7) {
            memset(page + 70, 0xFF, 20);
            put_be32(page + 70, SYS_ROOT);
        }
        if (no == SYS_ROOT || no == SYS_LEAF)
            make_sys_page(page, no, no == SYS_LEAF ? SYS_FREE : PAGE_NO_NONE);
        page_stamp(&f, page);
        must(archive_write(b->writer, entry, no * (uint64_t)PAGE_SIZE, page, sizeof page));
    }
    assert_damaged(b, 2); /* the link, and that no node pointer leads to the leaf */
}

/* More pages than are kept in memory. */
static void a_large_tablespace_goes_through_the_scratch_directory(void **state)
{
    struct bench *b = *state;
    uint8_t page[PAGE_SIZE];
    struct space_format f;
    must(space_format_decode(&f, FLAGS, PAGE_SIZE));
    make_page(page, 5, 0, FROM - 1, 0);
    put_be32(page + FSP_SIZE, (64 << 20) / 32 + 1);
    page_stamp(&f, page);
    add_entry(b,
              (struct archive_attr){.kind = ARCHIVE_SPACE,
                                    .path = "db/a.ibd",
                                    .size = sizeof page,
                                    .mode = 0660,
                                    .space_id = 5,
                                    .page_size = PAGE_SIZE,
                                    .space_flags = FLAGS,
                                    .lsn_at_start = FROM},
              page);
    struct err *e = verify_with(b, "/nonexistent/mbe");
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_IO);
    assert_non_null(strstr(e->message, "/nonexistent/mbe: cannot create a spill file"));
    err_free(e);
    must(verify(b));
    assert_int_equal(result.pages, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_backup_has_nothing_to_report, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_from_outside_the_datadir_are_checked_where_they_are,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_index_page_that_is_broken_is_damage_if_it_is_in_use,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_damage_does_not_hide_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_lsn_beyond_the_end_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_dictionary_itself_is_never_being_removed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_large_tablespace_goes_through_the_scratch_directory,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
