/* engine/space_copy_test.c: tablespaces made by hand, whole, damaged, torn and foreign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cache_test_util.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "engine/space_copy_test_util.h"
#include "innodb/fil_page.h"

static void every_tablespace_is_copied_page_by_page(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_space(f, "undo001", 1, 3);
    ok(copy_all(f));
    assert_int_equal(space_set_find(&f->set, 5)->lsn_at_start, 777);
    assert_int_equal(f->env.bytes_read, (2 * PAGES + 3) * PAGE);
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "ibdata1", 0, PAGES);
    assert_holds(r, "d/a.ibd", 5, PAGES);
    assert_holds(r, "undo001", 1, 3);
    archive_reader_free(r);
}

static void file_of_several_ranges_is_whole(void **state)
{
    struct fixture *f = *state;
    const page_no_t n = 2 * (64 << 20) / PAGE + 7;
    AUTO_FREE char *path = mem_printf("%s/d/big.ibd", f->data);
    uint8_t page[PAGE];
    put_space(f, "d/big.ibd", 6, 1);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    make_page(page, 6, n - 1);
    ok(file_pwrite(fd, page, PAGE, (uint64_t)(n - 1) * PAGE, path));
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    const int64_t i = archive_reader_find(r, "d/big.ibd");
    uint8_t found[PAGE];
    assert_int_equal(archive_reader_entry(r, (uint32_t)i)->size, (uint64_t)n * PAGE);
    ok(archive_read(r, (uint32_t)i, (uint64_t)(n - 1) * PAGE, found, PAGE));
    assert_memory_equal(found, page, PAGE);
    archive_reader_free(r);
}

static void new_and_vanished_files_are_left_to_the_redo(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE uint8_t *zeros = mem_zalloc(4 * PAGE);
    AUTO_FREE char *gone = mem_printf("%s/d/gone.ibd", f->data);
    write_bytes(f->data, "d/new.ibd", zeros, 4 * PAGE);
    write_bytes(f->data, "d/empty.ibd", zeros, 0);
    zeros[PAGE / 2] = 1; /* page 1 of a compressed table, written before its page 0 */
    write_bytes(f->data, "d/packed.ibd", zeros, 4 * PAGE);
    put_space(f, "d/gone.ibd", 9, 2);
    struct listing l;
    ok(listing_make(&l, &f->datadir));
    assert_int_equal(unlink(gone), 0);
    ok(space_set_copy_all(&f->set, &l));
    listing_fini(&l);
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(archive_reader_n_entries(r), 1);
    archive_reader_free(r);
}

static void space_is_copied_once_under_whatever_name(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/a.ibd", 5, 4);
    ok(copy_all(f));
    AUTO_FREE char *from = mem_printf("%s/d/a.ibd", f->data),
                   *to = mem_printf("%s/d/b.ibd", f->data);
    assert_int_equal(rename(from, to), 0);
    ok(copy_all(f));
    struct archive_reader *r = archive_end(&f->archive);
    assert_int_equal(archive_reader_n_entries(r), 2);
    assert_true(archive_reader_find(r, "d/a.ibd") >= 0);
    archive_reader_free(r);
}

static void copy_again_takes_the_place_of_the_first(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/a.ibd", 5, 4);
    ok(copy_all(f));
    put_space(f, "d/a.ibd", 5, 9);
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    const struct listed_space l = {.name = (char *)(uintptr_t) "d/a.ibd", .path = path};
    ok(space_set_copy_one(&f->set, &l, SPACE_COPY_AGAIN));
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "d/a.ibd", 5, 9);
    archive_reader_free(r);
}

static void files_of_the_system_tablespace_are_copied_once_each(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE uint8_t *pages = make_space(0, 2 * PAGES);
    char spec[] = "ibdata1:320K;ibdata2:320K:autoextend";
    const struct server_info s = {
        .datadir = f->data, .page_size = PAGE, .innodb_data_file_path = spec};
    datadir_fini(&f->datadir);
    ok(datadir_resolve(&f->datadir, &s, NULL));
    write_bytes(f->data, "ibdata2", pages + PAGES * PAGE, PAGES * PAGE);
    ok(copy_all(f));
    ok(copy_all(f));
    assert_int_equal(f->set.n, 2);
    struct archive_reader *r = archive_end(&f->archive);
    const int64_t i = archive_reader_find(r, "ibdata2");
    assert_int_equal(archive_reader_entry(r, (uint32_t)i)->first_page, PAGES);
    assert_int_equal(archive_reader_entry(r, (uint32_t)i)->space_id, 0);
    archive_reader_free(r);
}

static void damage(struct fixture *f, const char *name, page_no_t no)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->data, name);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, "damage", 6, (uint64_t)no * PAGE + 300, path));
}

static void corrupt_page_is_named_and_fails_the_backup(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/a.ibd", 5, 10);
    damage(f, "d/a.ibd", 7);
    struct err *e = copy_all(f);
    assert_non_null(e);
    assert_non_null(strstr(e->hint, "--allow-corrupt"));
    error_is(e, CORRUPT, "d/a.ibd: page 7 at offset 114688: ");
    abandon(f);
}

static void corrupt_pages_are_listed_when_allowed(void **state)
{
    struct fixture *f = *state;
    put_space(f, "d/a.ibd", 5, 10);
    put_space(f, "d/b.ibd", 6, 10);
    damage(f, "d/a.ibd", 7);
    damage(f, "d/b.ibd", 0);
    f->env.allow_corrupt = true;
    ok(copy_all(f));
    assert_int_equal(f->env.n_corrupt, 2);
    const bool a_first = strstr(f->env.corrupt[0], "d/a.ibd") != NULL;
    assert_non_null(strstr(f->env.corrupt[!a_first], "d/a.ibd: page 7 at offset 114688: "));
    assert_non_null(strstr(f->env.corrupt[a_first], "d/b.ibd: page 0 at offset 0: "));
    archive_reader_free(archive_end(&f->archive));
}

/* Writes the page whole once it was seen torn. */
static void *mend_later(void *arg)
{
    struct fixture *f = arg;
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    AUTO_FREE uint8_t *page = mem_alloc(PAGE);
    AUTO_FD int fd = -1;
    make_page(page, 5, 7);
    for (const double end = clock_seconds() + 10; !f->env.pages_reread && clock_seconds() < end;)
        clock_sleep_ms(1);
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, page, PAGE, 7 * PAGE, path));
    return NULL;
}

static void torn_page_is_read_again(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    put_space(f, "d/a.ibd", 5, 10);
    damage(f, "d/a.ibd", 7);
    assert_int_equal(pthread_create(&thread, NULL, mend_later, f), 0);
    struct err *e = copy_all(f);
    pthread_join(thread, NULL);
    ok(e);
    assert_true(f->env.pages_reread > 0);
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "d/a.ibd", 5, 10);
    archive_reader_free(r);
}

static void pages_of_another_space_make_the_copy_suspect(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE uint8_t *pages = make_space(5, 10);
    make_page(pages + 7 * PAGE, 44, 7);
    make_page(pages + 8 * PAGE, 44, 8);
    write_bytes(f->data, "d/a.ibd", pages, 10 * PAGE);
    ok(copy_all(f));
    AUTO_FREE char *why =
        mem_printf("%s/d/a.ibd: page 7 at offset 114688: belongs to space 44, not 5", f->data);
    assert_string_equal(space_set_find(&f->set, 5)->suspect, why);
    archive_reader_free(archive_end(&f->archive));
}

/* MariaDB's checksum is over what is stored: no key is needed to tell that it is whole. */
static void encrypted_pages_are_copied_as_they_are(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE uint8_t *pages = make_space(5, 10);
    static const uint8_t crypt_data[] = {'s', 0x0e, 0x0c, 'R', 'E', 't', 1, 16};
    memcpy(pages + 10428, crypt_data, sizeof crypt_data);
    put_be32(pages + PAGE - 4, crc32c(0, pages, PAGE - 4));
    uint8_t *page = pages + 7 * PAGE;
    put_be32(page, 1); /* key version */
    put_be32(page + PAGE - 4, crc32c(0, page, PAGE - 4));
    write_bytes(f->data, "d/a.ibd", pages, 10 * PAGE);
    ok(copy_all(f));
    assert_int_equal(f->env.pages_reread, 0);
    AUTO(archive_reader) reader = archive_end(&f->archive);
    uint8_t stored[PAGE];
    const int64_t entry = archive_reader_find(reader, "d/a.ibd");
    assert_true(entry >= 0);
    ok(archive_read(reader, (uint32_t)entry, 7 * PAGE, stored, PAGE));
    assert_memory_equal(stored, page, PAGE);
}

static void reading_is_held_back(void **state)
{
    struct fixture *f = *state;
    struct test_pace pace;
    put_space(f, "d/a.ibd", 5, PAGES);
    test_pace_open(&pace, 1);
    f->env.pace = pace.pace;
    ok(copy_all(f));
    assert_true(pace.polls >= 1);
    pace_free(pace.pace);
    abandon(f);
}

static void who_is_held_back_is_let_go_when_another_thread_fails(void **state)
{
    struct fixture *f = *state;
    struct test_pace pace;
    put_space(f, "d/a.ibd", 5, PAGES);
    put_space(f, "d/b.ibd", 6, PAGES);
    damage(f, "d/b.ibd", 3);
    test_pace_open(&pace, 300);
    f->env.pace = pace.pace;
    f->env.parallel = 4;
    error_is(copy_all(f), CORRUPT, "d/b.ibd: page 3 at offset 49152");
    assert_true(pace.polls < 300);
    pace_free(pace.pace);
    abandon(f);
}

/* Page 0 of each file is kept for the second look at it. Skipped where files live in memory. */
static void what_was_not_in_the_file_cache_is_not_there_afterwards(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *path = mem_printf("%s/d/a.ibd", f->data);
    AUTO_FD int fd = -1;
    put_space(f, "d/a.ibd", 5, PAGES);
    ok(file_open(&fd, path, O_RDONLY, 0));
    if (!make_cold(fd)) {
        abandon(f);
        skip();
    }
    ok(copy_all(f));
    assert_true(cached_bytes(fd, 0, (size_t)PAGES * PAGE) <= PAGE);
    ok(copy_all(f));
    assert_int_equal(cached_bytes(fd, 0, (size_t)PAGES * PAGE), 0);
    ok(copy_all(f)); /* and so each time it is looked at */
    assert_int_equal(cached_bytes(fd, 0, (size_t)PAGES * PAGE), 0);
    abandon(f);
}

static void doublewrite_area_is_not_judged(void **state)
{
    struct fixture *f = *state;
    enum { N = 256 };
    AUTO_FREE uint8_t *pages = make_space(0, N);
    uint8_t *trx_sys = pages + 5 * PAGE;
    make_page(trx_sys, 0, 5);
    put_be32(trx_sys + PAGE - 200 + 10, 0x1FFFBD5F);
    put_be32(trx_sys + PAGE - 200 + 14, 64);
    put_be32(trx_sys + PAGE - 200 + 18, 128);
    put_be32(trx_sys + PAGE - 4, crc32c(0, trx_sys, PAGE - 4));
    memset(pages + 70 * PAGE, 0xab, PAGE);
    memset(pages + 191 * PAGE, 0xcd, PAGE);
    write_bytes(f->data, "ibdata1", pages, N * PAGE);
    ok(copy_all(f));
    assert_int_equal(f->env.pages_reread, 0);
    archive_reader_free(archive_end(&f->archive));
}

/* Else a file that IMPORT rewrote in place would be taken for what it was before. */
static void a_stamp_is_of_a_file_with_the_same_inode_and_times(void **state)
{
    (void)state;
    const struct stat like = {.st_dev = 1, .st_ino = 2, .st_mtim = {3, 4}, .st_ctim = {5, 6}};
    struct copied_space c = {
        .dev = 1, .mark = {.inode = 2, .mtime = {3, 4}, .ctime = {5, 6}, .proves = true}};
    struct stat other[6];
    for (size_t i = 0; i < 6; i++)
        other[i] = like;
    other[0].st_dev++;
    other[1].st_ino++;
    other[2].st_mtim.tv_sec++;
    other[3].st_mtim.tv_nsec++;
    other[4].st_ctim.tv_sec++;
    other[5].st_ctim.tv_nsec++;
    assert_true(space_stamp_is_of(&c, &like));
    for (size_t i = 0; i < 6; i++)
        assert_false(space_stamp_is_of(&c, &other[i]));
    c.mark.proves = false;
    assert_false(space_stamp_is_of(&c, &like));
}

static void copies_get_the_last_names_of_the_redo(void **state)
{
    struct fixture *f = *state;
    struct file_ops ops = {0};
    put_space(f, "d/a.ibd", 5, 3);
    put_space(f, "d/b.ibd", 6, 3);
    put_space(f, "d/c.ibd", 7, 3);
    put_space(f, "d/e.ibd", 8, 3);
    put_space(f, "undo001", 1, 3);
    ok(copy_all(f));
    static const struct {
        enum redo_type type;
        space_id_t id;
        const char *name;
    } records[] = {
        {REDO_FILE_MODIFY, 5, "./d/b.ibd"},         {REDO_FILE_MODIFY, 6, "./d/a.ibd"},
        {REDO_FILE_DELETE, 7, "./d/c.ibd"},         {REDO_FILE_MODIFY, 8, "/far/d/e.ibd"},
        {REDO_FILE_MODIFY, 1, "/some/dir/undo001"},
    };
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        const struct redo_record rec = {.type = records[i].type,
                                        .space = records[i].id,
                                        .body = (const uint8_t *)records[i].name,
                                        .body_len = (uint32_t)strlen(records[i].name)};
        ok(file_ops_add(&ops, &rec, 1000));
    }
    ok(space_set_settle_names(&f->set, &ops));
    file_ops_fini(&ops);
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "d/b.ibd", 5, 3);
    assert_holds(r, "d/a.ibd", 6, 3);
    assert_holds(r, "external/far/d/e.ibd", 8, 3);
    assert_holds(r, "undo001", 1, 3);
    assert_int_equal(archive_reader_find(r, "d/c.ibd"), -1);
    archive_reader_free(r);
}

static void unsafe_name_in_the_redo_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct file_ops ops = {0};
    const struct redo_record rec = {.type = REDO_FILE_MODIFY,
                                    .space = 5,
                                    .body = (const uint8_t *)"./d/../../x.ibd",
                                    .body_len = 15};
    put_space(f, "d/a.ibd", 5, 3);
    ok(copy_all(f));
    ok(file_ops_add(&ops, &rec, 1000));
    error_is(space_set_settle_names(&f->set, &ops), CORRUPT, "space 5 is named \"d/../../x.ibd\"");
    file_ops_fini(&ops);
    abandon(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* --- of a server that does not run --- */

/* Puts a page into slot `slot` of a doublewrite buffer. */
static void put_copy(struct fixture *f, size_t slot, const uint8_t *page)
{
    AUTO_FREE char *path = mem_printf("%s/#ib_16384_0.dblwr", f->data);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, path, O_WRONLY | O_CREAT, 0600));
    ok(file_pwrite(fd, page, PAGE, slot * PAGE, path));
}

/* The datadir is at rest; its doublewrite buffer is that of a file beside it. */
static void rest(struct fixture *f, struct torn_pages *torn)
{
    f->datadir.doublewrite_dir = mem_strdup(f->data);
    f->datadir.at_rest = true;
    ok(torn_pages_open(torn, &f->datadir));
    f->env.torn = torn;
    torn_pages_limit(torn, 100, 500);
    log_at_rest.seen = 500;
    log_at_rest.remade_space = UINT32_MAX;
    log_at_rest.made = NULL;
}

static void torn_page_at_rest_is_the_newest_whole_copy_of_the_doublewrite_buffer(void **state)
{
    struct fixture *f = *state;
    struct torn_pages torn;
    uint8_t page[PAGE];
    struct space_format format;
    ok(space_format_decode(&format, FULL_CRC32, PAGE));
    put_space(f, "d/a.ibd", 5, PAGES);
    damage(f, "d/a.ibd", 3);
    make_page(page, 6, 3); /* the same page of another space, newer */
    put_be64(page + 16, 499);
    page_stamp(&format, page);
    put_copy(f, 0, page);
    make_page(page, 5, 3); /* not whole, newest */
    put_be64(page + 16, 498);
    put_copy(f, 1, page);
    put_be64(page + 16, 400); /* older */
    page_stamp(&format, page);
    put_copy(f, 2, page);
    make_page(page, 5, 3);
    put_copy(f, 3, page);
    rest(f, &torn);
    ok(copy_all(f));
    assert_int_equal(torn.n_mended, 1);
    torn_pages_fini(&torn);
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "d/a.ibd", 5, PAGES);
    archive_reader_free(r);
}

static void torn_page_0_at_rest_is_taken_from_there_too(void **state)
{
    struct fixture *f = *state;
    struct torn_pages torn;
    uint8_t page[PAGE];
    put_space(f, "d/a.ibd", 5, PAGES);
    damage(f, "d/a.ibd", 0);
    make_page(page, 5, 0);
    put_copy(f, 0, page);
    rest(f, &torn);
    ok(copy_all(f));
    torn_pages_fini(&torn);
    struct archive_reader *r = archive_end(&f->archive);
    assert_holds(r, "d/a.ibd", 5, PAGES);
    archive_reader_free(r);
}

static void torn_page_at_rest_that_the_redo_makes_anew_is_zeros(void **state)
{
    struct fixture *f = *state;
    struct torn_pages torn;
    AUTO_FREE uint8_t *found = mem_alloc(PAGE);
    put_space(f, "d/a.ibd", 5, PAGES);
    damage(f, "d/a.ibd", 3);
    rest(f, &torn);
    log_at_rest.remade_space = 5;
    log_at_rest.remade_page = 3;
    ok(copy_all(f));
    torn_pages_fini(&torn);
    struct archive_reader *r = archive_end(&f->archive);
    ok(archive_read(r, (uint32_t)archive_reader_find(r, "d/a.ibd"), 3 * PAGE, found, PAGE));
    assert_true(bytes_are_zero(found, PAGE));
    archive_reader_free(r);
}

static void torn_page_at_rest_is_damage_otherwise(void **state)
{
    struct fixture *f = *state;
    struct torn_pages torn;
    put_space(f, "d/a.ibd", 5, PAGES);
    damage(f, "d/a.ibd", 3);
    rest(f, &torn);
    log_at_rest.remade_space = 5;
    log_at_rest.remade_page = 2;
    error_is(copy_all(f), CORRUPT, "d/a.ibd: page 3 at offset 49152");
    torn_pages_fini(&torn);
    abandon(f);
}

static void page_at_rest_that_is_newer_than_the_log_is_damage(void **state)
{
    struct fixture *f = *state;
    struct torn_pages torn;
    put_space(f, "d/a.ibd", 5, PAGES);
    rest(f, &torn);
    log_at_rest.seen = 499;
    error_is(copy_all(f), CORRUPT,
             "its LSN is 500, and the redo log ends at 499: the files are not of one moment");
    torn_pages_fini(&torn);
    abandon(f);
}

/* The copy of all fails, with that text. */
static void rest_is_damaged(struct fixture *f, const char *text)
{
    struct torn_pages torn;
    rest(f, &torn);
    error_is(copy_all(f), CORRUPT, text);
    torn_pages_fini(&torn);
    abandon(f);
}

static void file_at_rest_without_page_0_is_damage(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE uint8_t *pages = make_space(5, PAGES);
    memset(pages, 0, PAGE);
    write_bytes(f->data, "d/a.ibd", pages, PAGES * PAGE);
    rest_is_damaged(f, "d/a.ibd: page 0 at offset 0: all zero, and the redo log does not make");
}

static void empty_file_at_rest_is_damage(void **state)
{
    struct fixture *f = *state;
    write_bytes(f->data, "d/a.ibd", NULL, 0);
    rest_is_damaged(f, "d/a.ibd: page 0 at offset 0: the file is empty, and the redo log does not");
}

static void file_at_rest_without_page_0_that_the_redo_makes_is_left_to_it(void **state)
{
    struct fixture *f = *state;
    struct torn_pages torn;
    write_bytes(f->data, "d/a.ibd", NULL, 0);
    rest(f, &torn);
    log_at_rest.made = "d/a.ibd";
    ok(copy_all(f));
    torn_pages_fini(&torn);
    assert_null(space_set_find(&f->set, 5));
    abandon(f);
}

/* MySQL: its page 0 is missing while the server makes it anew, of which there is a note. */
static void undo_tablespace_at_rest_that_is_made_anew_is_left_to_the_server(void **state)
{
    struct fixture *f = *state;
    struct torn_pages torn;
    write_bytes(f->data, "undo001", NULL, 0);
    write_text(f->data, "undo_127_trunc.log", "");
    f->set.by_file = true;
    rest(f, &torn);
    ok(copy_all(f));
    torn_pages_fini(&torn);
    abandon(f);
}

static void undo_tablespace_at_rest_without_page_0_is_damage_otherwise(void **state)
{
    struct fixture *f = *state;
    write_bytes(f->data, "undo001", NULL, 0);
    f->set.by_file = true;
    rest_is_damaged(f, "undo001: page 0 at offset 0: the file is empty");
}

/* Puts a tablespace of PAGES pages by its page 0, and fewer in the file. */
static void put_cut_space(struct fixture *f, lsn_t page_lsn)
{
    struct space_format format;
    AUTO_FREE uint8_t *pages = make_space(5, PAGES);
    ok(space_format_decode(&format, FULL_CRC32, PAGE));
    put_be64(pages + FIL_LSN, page_lsn);
    page_stamp(&format, pages);
    write_bytes(f->data, "d/a.ibd", pages, (PAGES - 3) * PAGE);
}

#define CUT_OFF "d/a.ibd: page 17 at offset 278528: the file ends here, and page 0 says 20"

static void file_at_rest_whose_tail_is_cut_off_is_damage(void **state)
{
    struct fixture *f = *state;
    put_cut_space(f, 100);
    rest_is_damaged(f, CUT_OFF);
}

/* The file is made longer before page 0 says so. */
static void file_at_rest_is_as_long_as_a_page_0_since_the_checkpoint_says(void **state)
{
    struct fixture *f = *state;
    put_cut_space(f, 101); /* the checkpoint is at 100 */
    rest_is_damaged(f, CUT_OFF);
}

static void file_at_rest_whose_page_0_the_redo_makes_anew_may_be_short(void **state)
{
    struct fixture *f = *state;
    struct torn_pages torn;
    put_cut_space(f, 100);
    rest(f, &torn);
    log_at_rest.remade_space = 5;
    log_at_rest.remade_page = 0;
    ok(copy_all(f));
    torn_pages_fini(&torn);
    abandon(f);
}

/* Page 3 is torn, and a whole copy of it has this LSN. The redo is that from 100 to 500. */
static void copy_of_another_time_is_not_taken(struct fixture *f, lsn_t lsn)
{
    uint8_t page[PAGE];
    struct space_format format;
    ok(space_format_decode(&format, FULL_CRC32, PAGE));
    put_space(f, "d/a.ibd", 5, PAGES);
    damage(f, "d/a.ibd", 3);
    make_page(page, 5, 3);
    put_be64(page + FIL_LSN, lsn);
    page_stamp(&format, page);
    put_copy(f, 0, page);
    rest_is_damaged(f, "d/a.ibd: page 3 at offset 49152");
}

static void copy_from_before_the_checkpoint_is_not_taken(void **state)
{
    copy_of_another_time_is_not_taken(*state, 99);
}

static void copy_from_behind_the_end_of_the_log_is_not_taken(void **state)
{
    copy_of_another_time_is_not_taken(*state, 501);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_tablespace_is_copied_page_by_page),
        TEST(file_of_several_ranges_is_whole),
        TEST(new_and_vanished_files_are_left_to_the_redo),
        TEST(space_is_copied_once_under_whatever_name),
        TEST(copy_again_takes_the_place_of_the_first),
        TEST(files_of_the_system_tablespace_are_copied_once_each),
        TEST(corrupt_page_is_named_and_fails_the_backup),
        TEST(corrupt_pages_are_listed_when_allowed),
        TEST(torn_page_is_read_again),
        TEST(pages_of_another_space_make_the_copy_suspect),
        TEST(encrypted_pages_are_copied_as_they_are),
        TEST(reading_is_held_back),
        TEST(who_is_held_back_is_let_go_when_another_thread_fails),
        TEST(what_was_not_in_the_file_cache_is_not_there_afterwards),
        TEST(doublewrite_area_is_not_judged),
        cmocka_unit_test(a_stamp_is_of_a_file_with_the_same_inode_and_times),
        TEST(copies_get_the_last_names_of_the_redo),
        TEST(unsafe_name_in_the_redo_is_an_error),
        TEST(torn_page_at_rest_is_the_newest_whole_copy_of_the_doublewrite_buffer),
        TEST(torn_page_0_at_rest_is_taken_from_there_too),
        TEST(torn_page_at_rest_that_the_redo_makes_anew_is_zeros),
        TEST(torn_page_at_rest_is_damage_otherwise),
        TEST(page_at_rest_that_is_newer_than_the_log_is_damage),
        TEST(file_at_rest_without_page_0_is_damage),
        TEST(empty_file_at_rest_is_damage),
        TEST(file_at_rest_without_page_0_that_the_redo_makes_is_left_to_it),
        TEST(undo_tablespace_at_rest_that_is_made_anew_is_left_to_the_server),
        TEST(undo_tablespace_at_rest_without_page_0_is_damage_otherwise),
        TEST(file_at_rest_whose_tail_is_cut_off_is_damage),
        TEST(file_at_rest_is_as_long_as_a_page_0_since_the_checkpoint_says),
        TEST(file_at_rest_whose_page_0_the_redo_makes_anew_may_be_short),
        TEST(copy_from_before_the_checkpoint_is_not_taken),
        TEST(copy_from_behind_the_end_of_the_log_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
