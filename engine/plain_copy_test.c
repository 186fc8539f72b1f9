/* engine/plain_copy_test.c: when a file of another engine is copied again, and when not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "engine/engine_test_util.h"
#include "engine/plain_copy.h"

/* Linked instead of the tailer: there is no redo here. */
struct err *tailer_check(struct tailer *t)
{
    (void)t;
    return NULL;
}

struct fixture {
    char *dir, *data;
    struct datadir datadir;
    struct test_archive archive;
    struct copy_env env;
    struct plain_set set;
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    f->data = mem_printf("%s/data", f->dir);
    ok(file_mkdirs(f->data, 0700));
    write_text(f->data, "ibdata1", "");
    const struct server_info s = {.datadir = f->data, .page_size = 16384};
    ok(datadir_resolve(&f->datadir, &s, NULL));
    archive_begin(&f->archive, f->dir);
    f->env = (struct copy_env){.writer = f->archive.writer, .datadir = &f->datadir, .parallel = 2};
    plain_set_init(&f->set, &f->env);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    plain_set_fini(&f->set);
    datadir_fini(&f->datadir);
    free(f->data);
    remove_dir(f->dir);
    free(f);
    return 0;
}

/* Lists and brings the set up to date; how many files were copied. */
static size_t sync_now(struct fixture *f, enum plain_trust trust)
{
    struct listing l;
    ok(listing_make(&l, &f->datadir));
    ok(plain_set_sync(&f->set, &l, trust));
    listing_fini(&l);
    return f->set.files_last_pass;
}

static size_t refresh_now(struct fixture *f)
{
    ok(plain_set_refresh(&f->set));
    return f->set.files_last_pass;
}

/* Until every stamp is old enough to prove something. */
static void let_stamps_age(void)
{
    for (const double end = clock_seconds() + 1.05; clock_seconds() < end;)
        clock_sleep_ms(50);
}

static void write_index(struct fixture *f, const char *name, unsigned open_count)
{
    uint8_t head[64] = {0xfe, 0xfe, 7, 1};
    put_be16(head + 24, (uint16_t)open_count);
    write_bytes(f->data, name, head, sizeof head);
}

static void quiet_files_are_copied_once(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.frm", "definition");
    write_text(f->data, "d/db.opt", "options");
    let_stamps_age();
    assert_int_equal(sync_now(f, PLAIN_MOVING), 2);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 0);
    assert_int_equal(sync_now(f, PLAIN_FLUSHED), 0);
    assert_int_equal(refresh_now(f), 0);
    struct archive_reader *r = archive_end(&f->archive);
    assert_archived(r, "d/t.frm", "definition");
    assert_archived(r, "d/db.opt", "options");
    archive_reader_free(r);
}

static void young_stamp_proves_nothing(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.frm", "one");
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    archive_reader_free(archive_end(&f->archive));
}

static void back_dated_change_is_seen(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.frm", "one");
    set_age(f->data, "d/t.frm", 100);
    let_stamps_age();
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    write_text(f->data, "d/t.frm", "two");
    set_age(f->data, "d/t.frm", 100);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    struct archive_reader *r = archive_end(&f->archive);
    assert_archived(r, "d/t.frm", "two");
    archive_reader_free(r);
}

/* With myisam_use_mmap the data file's stamps lie. */
static void changed_index_copies_the_whole_table(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.MYD", "rows");
    write_index(f, "d/t.MYI", 0);
    write_text(f->data, "d/t.frm", "definition");
    write_text(f->data, "d/other.MYD", "rows");
    let_stamps_age();
    assert_int_equal(sync_now(f, PLAIN_MOVING), 4);
    write_index(f, "d/t.MYI", 0);
    assert_int_equal(sync_now(f, PLAIN_MOVING), 2);
    archive_reader_free(archive_end(&f->archive));
}

static void dropped_and_new_files_follow_the_listing(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/a.frm", "a");
    write_text(f->data, "d/c.frm", "c");
    sync_now(f, PLAIN_MOVING);
    AUTO_FREE char *a = mem_printf("%s/d/a.frm", f->data);
    assert_int_equal(unlink(a), 0);
    write_text(f->data, "d/b.frm", "b");
    sync_now(f, PLAIN_FLUSHED);
    assert_int_equal(f->set.n, 2);
    struct archive_reader *r = archive_end(&f->archive);
    assert_archived(r, "d/a.frm", NULL);
    assert_archived(r, "d/b.frm", "b");
    assert_archived(r, "d/c.frm", "c");
    archive_reader_free(r);
}

static void resting_files_need_one_tick_under_the_lock(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.MYD", "rows");
    write_index(f, "d/t.MYI", 0);
    assert_int_equal(sync_now(f, PLAIN_FLUSHED), 2);
    assert_int_equal(refresh_now(f), 0);
    write_index(f, "d/t.MYI", 0); /* a late close */
    assert_int_equal(refresh_now(f), 2);
    archive_reader_free(archive_end(&f->archive));
}

static void system_tables_in_use_wait_for_the_last_stage(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "mysql/user.MAD", "old");
    assert_int_equal(sync_now(f, PLAIN_MOVING), 1);
    write_text(f->data, "mysql/user.MAD", "new");
    assert_int_equal(sync_now(f, PLAIN_FLUSHED), 0);
    assert_int_equal(refresh_now(f), 1);
    struct archive_reader *r = archive_end(&f->archive);
    assert_archived(r, "mysql/user.MAD", "new");
    archive_reader_free(r);
}

static void large_log_table_is_not_copied_in_the_last_stage(void **state)
{
    struct fixture *f = *state;
    enum { LARGE = 17 << 20 };
    AUTO_FREE char *rows = mem_zalloc(LARGE);
    write_bytes(f->data, "mysql/general_log.CSV", rows, LARGE);
    write_text(f->data, "mysql/slow_log.CSV", "short");
    sync_now(f, PLAIN_MOVING);
    write_bytes(f->data, "mysql/general_log.CSV", rows, LARGE - 1);
    assert_int_equal(refresh_now(f), 1); /* slow_log, whose stamp is young */
    archive_reader_free(archive_end(&f->archive));
}

static void table_in_use_is_named_and_copied_again(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.MYD", "rows");
    write_index(f, "d/t.MYI", 1);
    write_index(f, "d/fine.MYI", 0);
    write_index(f, "mysql/help.MYI", 1); /* flushed at BLOCK_COMMIT */
    let_stamps_age();
    sync_now(f, PLAIN_FLUSHED);
    char **names = plain_set_unclosed(&f->set);
    assert_non_null(names);
    assert_string_equal(names[0], "d/t");
    assert_null(names[1]);
    plain_names_free(names);
    assert_int_equal(sync_now(f, PLAIN_FLUSHED), 2); /* we came back */
    write_index(f, "d/t.MYI", 0);
    sync_now(f, PLAIN_FLUSHED);
    assert_null(plain_set_unclosed(&f->set));
    archive_reader_free(archive_end(&f->archive));
}

static void data_directory_link_and_its_target_are_kept(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *target = mem_printf("%s/far/t.MYD", f->dir);
    AUTO_FREE char *link = mem_printf("%s/d/t.MYD", f->data);
    AUTO_FREE char *external = mem_printf("external%s", target);
    write_text(f->dir, "far/t.MYD", "rows");
    write_text(f->data, "d/t.frm", "definition");
    assert_int_equal(symlink(target, link), 0);
    sync_now(f, PLAIN_MOVING);
    struct archive_reader *r = archive_end(&f->archive);
    const int64_t i = archive_reader_find(r, "d/t.MYD");
    assert_true(i >= 0);
    assert_int_equal(archive_reader_entry(r, (uint32_t)i)->kind, ARCHIVE_SYMLINK);
    assert_string_equal(archive_reader_entry(r, (uint32_t)i)->link_target, target);
    assert_archived(r, external, "rows");
    archive_reader_free(r);
}

static void views_are_not_tables(void **state)
{
    struct fixture *f = *state;
    write_text(f->data, "d/t.frm", "\xfe\x01 table");
    write_text(f->data, "d/v.frm", "TYPE=VIEW\nquery=select 1\n");
    sync_now(f, PLAIN_MOVING);
    assert_int_equal(plain_set_tables(&f->set), 1);
    archive_reader_free(archive_end(&f->archive));
}

static void file_of_several_pieces_is_whole(void **state)
{
    struct fixture *f = *state;
    const size_t n = 2 * ARCHIVE_PIECE_MAX + 12345;
    AUTO_FREE char *rows = mem_alloc(n + 1);
    for (size_t i = 0; i < n; i++)
        rows[i] = (char)('a' + i % 23);
    rows[n] = '\0';
    write_bytes(f->data, "d/t.MYD", rows, n);
    sync_now(f, PLAIN_MOVING);
    assert_int_equal(f->set.bytes_last_pass, n);
    struct archive_reader *r = archive_end(&f->archive);
    assert_archived(r, "d/t.MYD", rows);
    archive_reader_free(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(quiet_files_are_copied_once),
        TEST(young_stamp_proves_nothing),
        TEST(back_dated_change_is_seen),
        TEST(changed_index_copies_the_whole_table),
        TEST(dropped_and_new_files_follow_the_listing),
        TEST(resting_files_need_one_tick_under_the_lock),
        TEST(system_tables_in_use_wait_for_the_last_stage),
        TEST(large_log_table_is_not_copied_in_the_last_stage),
        TEST(table_in_use_is_named_and_copied_again),
        TEST(data_directory_link_and_its_target_are_kept),
        TEST(views_are_not_tables),
        TEST(file_of_several_pieces_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
