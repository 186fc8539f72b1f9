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
    const struct page_verify_options o = {.recovery = {.repo = b->opened,
                                                       .backup_id = "latest",
                                                       .memory = 16 << 20,
                                                       .task = "verify"},
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
    add_copy(b, id, path, 2, pages);
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
    add_copy(b, 5, "db/a.ibd", 2, pages);
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
    add_copy(b, 5, "db/a.ibd", 2, pages);
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

/* --- sizes --- */

/* Page 0 of tablespace 5 says that it has so many pages. */
static void make_page_0(uint8_t *page, uint32_t n_pages)
{
    struct space_format f;
    must(space_format_decode(&f, FLAGS, PAGE_SIZE));
    make_page(page, 5, 0, FROM - 1, 0);
    put_be32(page + FSP_SIZE, n_pages);
    page_stamp(&f, page);
}

/* Tablespace 5 with n pages, of which every `step` pages one is stored, by what page 0 says of itself. */
static void add_sparse(struct bench *b, uint32_t n, uint32_t step)
{
    uint8_t page[PAGE_SIZE];
    const uint32_t entry = add_entry(b,
                                     (struct archive_attr){.kind = ARCHIVE_SPACE,
                                                           .path = "db/a.ibd",
                                                           .size = n * (uint64_t)PAGE_SIZE,
                                                           .mode = 0660,
                                                           .space_id = 5,
                                                           .page_size = PAGE_SIZE,
                                                           .space_flags = FLAGS,
                                                           .lsn_at_start = FROM},
                                     NULL);
    for (uint64_t no = 0; no < n; no += step) {
        if (no)
            make_page(page, 5, (page_no_t)no, FROM - 1, 0);
        else
            make_page_0(page, n);
        must(archive_write(b->writer, entry, no * PAGE_SIZE, page, sizeof page));
    }
}

static void assert_verdict(struct bench *b, const char *scratch, enum err_kind kind,
                           const char *text, uint64_t places)
{
    struct err *e = verify_with(b, scratch);
    assert_non_null(e);
    if (!strstr(e->message, text))
        fail_msg("\"%s\" expected in \"%s\"", text, e->message);
    assert_int_equal(e->kind, kind);
    assert_int_equal(result.damage, places);
    err_free(e);
}

static const char nowhere[] = "/nonexistent/mbe";
enum { LARGE = (64 << 20) / 32 + PAGE_SIZE }; /* pages: more than are kept in memory */

static void a_large_tablespace_goes_through_the_scratch_directory(void **state)
{
    struct bench *b = *state;
    add_sparse(b, LARGE, PAGE_SIZE);
    assert_verdict(b, nowhere, ERR_IO, "/nonexistent/mbe: cannot create a spill file", 0);
    must(verify(b));
    assert_int_equal(result.pages, 2 + LARGE / PAGE_SIZE);
}

static void one_that_has_no_room_does_not_keep_others_from_being_checked(void **state)
{
    struct bench *b = *state;
    add_sparse(b, LARGE, PAGE_SIZE);
    add_index(b, 6, "db/b.ibd", 3, true); /* damaged */
    assert_verdict(b, nowhere, ERR_CORRUPT,
                   "1 place of what it restores to is damaged: /nonexistent/mbe: cannot create", 1);
}

/* A server may have made the file that large; it is zeros. */
static void what_page_0_names_and_nothing_stores_takes_no_room(void **state)
{
    struct bench *b = *state;
    add_sparse(b, 4000000000, UINT32_MAX);
    must(verify_with(b, nowhere));
    assert_int_equal(result.pages, 3);
}

/* Where a page is used, the descriptors of all pages before it are there. */
static void a_size_that_cannot_be_is_damage(void **state)
{
    struct bench *b = *state;
    add_sparse(b, 4000000000, 3999999999);
    assert_verdict(b, nowhere, ERR_CORRUPT, "1 place of what it restores to is damaged", 1);
}

static void a_size_is_not_believed_before_the_checksum_of_its_page(void **state)
{
    struct bench *b = *state;
    uint8_t page[PAGE_SIZE];
    make_page_0(page, 2);
    put_be32(page + FSP_SIZE, 4000000000);
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
    add_index(b, 6, "db/b.ibd", 3, true); /* damaged, too */
    assert_verdict(b, nowhere, ERR_CORRUPT, "2 places of what it restores to are damaged", 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_good_backup_has_nothing_to_report),
        TEST(files_from_outside_the_datadir_are_checked_where_they_are),
        TEST(an_index_page_that_is_broken_is_damage_if_it_is_in_use),
        TEST(one_damage_does_not_hide_another),
        TEST(an_lsn_beyond_the_end_is_damage),
        TEST(the_dictionary_itself_is_never_being_removed),
        TEST(a_large_tablespace_goes_through_the_scratch_directory),
        TEST(one_that_has_no_room_does_not_keep_others_from_being_checked),
        TEST(what_page_0_names_and_nothing_stores_takes_no_room),
        TEST(a_size_that_cannot_be_is_damage),
        TEST(a_size_is_not_believed_before_the_checksum_of_its_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
