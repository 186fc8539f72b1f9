/* restore/chain_restore_test.c: restores of small chains of backups made by hand: whose image a page gets, which redo counts,
 * what exists at the end; and what a broken chain is called, before the target is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "restore/restore_test_util.h"

static void page_that_is_zero_on_disk(const struct bench *b, const char *name, page_no_t no)
{
    char *path = mem_printf("%s/%s", b->target, name), *data;
    size_t len;
    must(file_read_all(&data, &len, path, 1 << 20));
    assert_true(len >= (no + 1) * (size_t)PAGE_SIZE);
    assert_true(bytes_are_zero((const uint8_t *)data + no * (size_t)PAGE_SIZE, PAGE_SIZE));
    free(data);
    free(path);
}

static void assert_text(const struct bench *b, const char *name, const char *text)
{
    char *path = mem_printf("%s/%s", b->target, name), *data;
    size_t len;
    must(file_read_all(&data, &len, path, 1 << 20));
    assert_int_equal(len, strlen(text));
    assert_memory_equal(data, text, len);
    free(data);
    free(path);
}

static void redo_free_page(struct bench *b, uint8_t space, uint8_t page)
{
    redo_put_record(&b->log, REDO_FREE_PAGE << 4, space, page, "", 0);
    redo_end_mtr(&b->log);
}

static void newest_image_wins_and_the_rest_is_as_it_was(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    next_backup(b, FROM + 100);
    put_page(b, add_delta(b, 5, "db/a.ibd", 2), 5, 1, FROM + 90, 2);
    next_backup(b, FROM + 200);
    put_page(b, add_delta(b, 5, "db/a.ibd", 3), 5, 2, FROM + 190, 3);
    next_backup(b, FROM + 300);
    add_delta(b, 5, "db/a.ibd", 3);
    must(restore(b));
    assert_page(b, "db/a.ibd", 0, 5, FROM - 1, 0);
    assert_page(b, "db/a.ibd", 1, 5, FROM + 90, 2);
    assert_page(b, "db/a.ibd", 2, 5, FROM + 190, 3);
}

static void page_that_became_zeros_is_zeros(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    next_backup(b, FROM + 100);
    put_zero_page(b, add_delta(b, 5, "db/a.ibd", 2), 1);
    next_backup(b, FROM + 200);
    add_delta(b, 5, "db/a.ibd", 2);
    must(restore(b));
    page_that_is_zero_on_disk(b, "db/a.ibd", 1);
}

static void redo_of_every_archive_is_applied_across_a_gap(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    add_space(b, 6, "db/b.ibd", 1);
    redo_write_byte(b, 5, 1, 2);
    const lsn_t first_end = redo_lsn(&b->log);
    next_backup(b, FROM + 100);
    add_delta(b, 5, "db/a.ibd", 2);
    add_delta(b, 6, "db/b.ibd", 2);
    redo_write_byte(b, 6, 1, 3);
    const lsn_t second_end = redo_lsn(&b->log);
    next_backup(b, FROM + 200);
    add_delta(b, 5, "db/a.ibd", 2);
    add_delta(b, 6, "db/b.ibd", 2);
    must(restore(b));
    assert_page(b, "db/a.ibd", 1, 5, first_end, 2);
    assert_page(b, "db/b.ibd", 1, 6, second_end, 3);
}

/* The second archive's redo begins with what the first one's ends with. APPENDed bytes would show a record that is applied
 * twice; here the one byte counts up through INIT_PAGE, which applies whatever the page's LSN. */
static void redo_that_two_archives_hold_is_applied_once(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    const lsn_t init_at = redo_lsn(&b->log);
    redo_new_page(b, 5, 1);
    redo_write_byte(b, 5, 1, 7);
    const lsn_t end = redo_lsn(&b->log);
    next_backup(b, init_at);
    put_page(b, add_delta(b, 5, "db/a.ibd", 2), 5, 1, end, 7);
    redo_new_page(b, 5, 1);
    redo_write_byte(b, 5, 1, 7);
    assert_int_equal(redo_lsn(&b->log), end);
    redo_write_byte(b, 5, 1, 8);
    const lsn_t last_end = redo_lsn(&b->log);
    must(restore(b));
    assert_page(b, "db/a.ibd", 1, 5, last_end, 8);
}

static void freed_in_an_older_redo_and_made_anew_unseen_page_is_the_new_one(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    redo_free_page(b, 5, 1);
    next_backup(b, FROM + 100);
    put_page(b, add_delta(b, 5, "db/a.ibd", 2), 5, 1, FROM + 90, 2);
    redo_write_byte(b, 5, 1, 3);
    const lsn_t end = redo_lsn(&b->log);
    must(restore(b));
    assert_page(b, "db/a.ibd", 1, 5, end, 3);
}

/* The same page, made by INIT_PAGE in the old redo: that one would count whatever the image's LSN. */
static void older_redo_makes_no_page_anew_that_a_newer_archive_has(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    redo_new_page(b, 5, 1);
    next_backup(b, FROM + 100);
    put_page(b, add_delta(b, 5, "db/a.ibd", 2), 5, 1, FROM + 90, 2);
    must(restore(b));
    assert_page(b, "db/a.ibd", 1, 5, FROM + 90, 2);
}

static void what_was_cut_off_does_not_come_back_when_the_file_grows(void **state)
{
    struct bench *b = *state;
    uint8_t pages[4 * PAGE_SIZE];
    for (page_no_t no = 0; no < 4; no++)
        make_page(pages + no * (size_t)PAGE_SIZE, 5, no, FROM - 1, 4);
    add_copy(b, 5, "db/a.ibd", sizeof pages / PAGE_SIZE, pages);
    redo_new_page(b, 5, 3);
    next_backup(b, FROM + 100);
    add_delta(b, 5, "db/a.ibd", 2);
    next_backup(b, FROM + 200);
    put_page(b, add_delta(b, 5, "db/a.ibd", 4), 5, 0, FROM + 190, 0);
    must(restore(b));
    page_that_is_zero_on_disk(b, "db/a.ibd", 2);
    page_that_is_zero_on_disk(b, "db/a.ibd", 3);
}

static void whole_copy_in_the_middle_ends_the_chain_of_a_space(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    redo_new_page(b, 5, 1);
    next_backup(b, FROM + 100);
    const uint32_t whole = add_copy(b, 5, "db/a.ibd", 2, NULL);
    put_page(b, whole, 5, 0, FROM - 5, 0);
    next_backup(b, FROM + 200);
    add_delta(b, 5, "db/a.ibd", 2);
    must(restore(b));
    assert_page(b, "db/a.ibd", 0, 5, FROM - 5, 0);
    page_that_is_zero_on_disk(b, "db/a.ibd", 1);
}

static void names_are_the_newest_and_what_was_dropped_stays_away(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 5);
    add_space(b, 6, "db/b.ibd", 6);
    add_space(b, 7, "db/c.ibd", 7);
    redo_write_byte(b, 7, 1, 8);
    redo_file(b, REDO_FILE_RENAME, 5, "./db/a.ibd\0./db/x.ibd", 21);
    add_plain(b, "db/c.frm", "dropped");
    next_backup(b, FROM + 200);
    add_delta(b, 5, "db/b.ibd", 2); /* renamed, twice, to what is now free */
    add_delta(b, 6, "other/b.ibd", 2);
    redo_file(b, REDO_FILE_RENAME, 6, "./other/b.ibd\0./other/d.ibd", 27);
    must(restore(b));
    assert_page(b, "db/b.ibd", 1, 5, FROM - 1, 5);
    assert_page(b, "other/d.ibd", 1, 6, FROM - 1, 6);
    assert_false(exists(b, "db/a.ibd"));
    assert_false(exists(b, "db/x.ibd"));
    assert_false(exists(b, "db/c.ibd"));
    assert_false(exists(b, "db/c.frm"));
}

static void space_that_the_last_redo_alone_knows_is_built(void **state)
{
    struct bench *b = *state;
    next_backup(b, FROM + 100);
    redo_file(b, REDO_FILE_CREATE, 9, "./db/n.ibd", 10);
    redo_new_space(b, 9, 2);
    redo_new_page(b, 9, 1);
    redo_write_byte(b, 9, 1, 4);
    const lsn_t end = redo_lsn(&b->log);
    must(restore(b));
    assert_page(b, "db/n.ibd", 1, 9, end, 4);
}

static void redo_before_an_import_in_an_older_backup_is_void(void **state)
{
    struct bench *b = *state;
    b->space_map = "{\"ghosts\":[],\"imports\":[{\"id\":5,\"lsn\":20100}]}";
    const uint32_t copy = add_entry(b,
                                    (struct archive_attr){.kind = ARCHIVE_SPACE,
                                                          .path = "db/a.ibd",
                                                          .size = 2 * PAGE_SIZE,
                                                          .space_id = 5,
                                                          .page_size = PAGE_SIZE,
                                                          .space_flags = FLAGS,
                                                          .lsn_at_start = FROM + 100},
                                    NULL);
    put_page(b, copy, 5, 0, FROM + 90, 0);
    put_page(b, copy, 5, 1, FROM + 90, 3);
    redo_new_page(b, 5, 1); /* of the tablespace that was discarded */
    next_backup(b, FROM + 300);
    b->space_map = "{\"ghosts\":[],\"imports\":[]}";
    add_delta(b, 5, "db/a.ibd", 2);
    must(restore(b));
    assert_page(b, "db/a.ibd", 1, 5, FROM + 90, 3);
}

static void plain_files_are_put_together_block_by_block(void **state)
{
    struct bench *b = *state;
    enum { BLOCK = 4096 };
    char text[3 * BLOCK + 1] = "", expected[2 * BLOCK + 101] = "";
    memset(text, 'a', BLOCK);
    memset(text + BLOCK, 'b', BLOCK);
    memset(text + 2 * BLOCK, 'c', BLOCK);
    add_plain(b, "db/t.MYD", text);
    add_plain(b, "db/t.MYI", "index");
    next_backup(b, FROM + 100);
    struct archive_attr attr = {
        .kind = ARCHIVE_PLAIN_DELTA, .path = "db/t.MYD", .size = 2 * BLOCK + 100, .mode = 0600};
    const uint32_t data = add_entry(b, attr, NULL);
    memset(expected, 'a', BLOCK);
    memset(expected + BLOCK, 'x', BLOCK);
    memset(expected + 2 * BLOCK, 'c', 100);
    must(archive_write(b->writer, data, BLOCK, expected + BLOCK, BLOCK));
    attr = (struct archive_attr){
        .kind = ARCHIVE_PLAIN_DELTA, .path = "db/t.MYI", .size = 5, .mode = 0600};
    add_entry(b, attr, NULL);
    must(restore(b));
    assert_text(b, "db/t.MYD", expected);
    assert_text(b, "db/t.MYI", "index");
}

/* --- a chain that is broken --- */

static void assert_broken(struct bench *b, enum err_kind kind, const char *text, const char *hint)
{
    if (b->writer)
        finish(b);
    struct err *e = restore(b);
    assert_non_null(e);
    if (!strstr(e->message, text))
        fail_msg("\"%s\" expected in \"%s\"", text, e->message);
    assert_int_equal(e->kind, kind);
    if (!strstr(e->hint ? e->hint : "", hint))
        fail_msg("\"%s\" expected in \"%s\"", hint, e->hint ? e->hint : "no hint");
    assert_false(exists(b, "."));
    err_free(e);
}

/* Three increments on a full backup. */
static void make_chain(struct bench *b)
{
    for (lsn_t from = FROM + 100; from <= FROM + 300; from += 100)
        next_backup(b, from);
    finish(b);
}

static void missing_link_is_named_with_what_can_be_restored(void **state)
{
    struct bench *b = *state;
    make_chain(b);
    char *path = archive_path(b, 2);
    assert_int_equal(unlink(path), 0);
    assert_broken(
        b, ERR_REFUSED,
        "backup 20261104T000000Z-incremental needs its base 20261103T000000Z-incremental, "
        "which is not in",
        "can be restored: 20261102T000000Z-incremental");
    free(path);
    path = archive_path(b, 0);
    assert_int_equal(unlink(path), 0);
    free(path);
    assert_broken(b, ERR_REFUSED, "is not in", "can be restored: none");
}

static void cut_link_is_named_with_what_can_be_restored(void **state)
{
    struct bench *b = *state;
    struct stat st;
    make_chain(b);
    char *path = archive_path(b, 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    assert_broken(b, ERR_CORRUPT, "needs its base 20261102T000000Z-incremental: ",
                  "can be restored: 20261101T000000Z-full");
    free(path);
}

static void foreign_link_is_refused(void **state)
{
    struct bench *b = *state;
    make_chain(b);
    char *from = archive_path(b, 0), *to = archive_path(b, 2), *data;
    size_t len;
    must(file_read_all(&data, &len, from, 1 << 20));
    must(file_replace(to, data, len, 0600));
    assert_broken(b, ERR_REFUSED, "but 20261103T000000Z-incremental is the archive 0x",
                  "can be restored: 20261102T000000Z-incremental");
    free(data);
    free(from);
    free(to);
}

static void lsn_that_does_not_go_on_is_damage(void **state)
{
    struct bench *b = *state;
    next_backup(b, FROM + 100);
    b->base_lsn++;
    assert_broken(b, ERR_CORRUPT, "contradict each other: LSN between them",
                  "20261101T000000Z-full");
}

/* --- damaged content --- */

enum { IN_FIRST_CHUNK = 300 };

/* A full backup and two increments. The first two store more than a chunk, so that the redo is in another one; what the second
 * does the third stores again, if `replaced`. */
static void make_contents(struct bench *b, bool replaced)
{
    enum { PAGES = 400 };
    const uint8_t page[PAGE_SIZE] = {7};
    AUTO_FREE char *text = mem_zalloc(ARCHIVE_PIECE_MAX);
    memset(text, 't', ARCHIVE_PIECE_MAX - 1);
    add_space(b, 5, "db/a.ibd", 3);
    add_plain(b, "db/t.MYD", text);
    for (lsn_t from = FROM + 100; from <= FROM + 200; from += 100) {
        next_backup(b, from);
        const uint32_t entry = add_delta(b, 5, "db/a.ibd", PAGES);
        for (page_no_t no = 2; no < PAGES && (from == FROM + 100 || replaced); no++)
            must(archive_write(b->writer, entry, no * (uint64_t)PAGE_SIZE, page, sizeof page));
    }
    finish(b);
}

static void flip(const struct bench *b, unsigned n, size_t at)
{
    AUTO_FREE char *path = archive_path(b, n), *data = NULL;
    size_t len;
    must(file_read_all(&data, &len, path, 16 << 20));
    data[at] ^= 1;
    must(file_replace(path, data, len, 0600));
}

/* Damage of archive n, which has n as the number of its day, with `text` in front of the archive's name. */
static void assert_damage(struct bench *b, unsigned n, const char *text, const char *hint)
{
    AUTO_FREE char *path = archive_path(b, n);
    AUTO_FREE char *expected = mem_printf("%s: %s: chunk 0 at offset 64: ", text, path);
    struct err *e = restore(b);
    assert_non_null(e);
    if (strncmp(e->message, expected, strlen(expected)))
        fail_msg("\"%s\" expected in \"%s\"", expected, e->message);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_string_equal(e->hint, hint);
    err_free(e);
}

static void damaged_content_is_named_before_there_is_a_target(void **state)
{
    struct bench *b = *state;
    make_contents(b, false);
    flip(b, 1, IN_FIRST_CHUNK);
    assert_damage(b, 1, "backup 20261102T000000Z-incremental: db/a.ibd",
                  "The newest backup before it that can be restored: 20261101T000000Z-full.");
    assert_false(exists(b, "."));
    flip(b, 0, IN_FIRST_CHUNK); /* the oldest one counts */
    assert_damage(b, 0, "backup 20261101T000000Z-full: db/t.MYD",
                  "The newest backup before it that can be restored: none.");
    assert_false(exists(b, "."));
}

static void unchecked_damage_is_named_when_it_is_read(void **state)
{
    struct bench *b = *state;
    make_contents(b, false);
    flip(b, 1, IN_FIRST_CHUNK);
    b->without_check = true;
    assert_damage(b, 1, "db/a.ibd",
                  "The newest backup before it that can be restored: 20261101T000000Z-full.");
    assert_true(exists(b, TARGET_MARKER));
}

static void damage_that_newer_archives_replace_is_found_by_the_check_alone(void **state)
{
    struct bench *b = *state;
    make_contents(b, true);
    flip(b, 1, IN_FIRST_CHUNK);
    assert_damage(b, 1, "backup 20261102T000000Z-incremental: db/a.ibd",
                  "The newest backup before it that can be restored: 20261101T000000Z-full.");
    assert_false(exists(b, "."));
    b->without_check = true;
    must(restore(b));
}

static void target_that_cannot_be_one_is_refused_before_the_check(void **state)
{
    struct bench *b = *state;
    make_contents(b, false);
    flip(b, 1, IN_FIRST_CHUNK);
    AUTO_FREE char *path = mem_printf("%s/precious", b->target);
    must(file_mkdirs(b->target, 0700));
    must(file_replace(path, "x", 1, 0600));
    struct err *e = restore(b);
    assert_non_null(e);
    assert_non_null(strstr(e->message, "not empty"));
    assert_int_equal(e->kind, ERR_REFUSED);
    err_free(e);
}

static void changes_of_nothing_are_damage(void **state)
{
    struct bench *b = *state;
    next_backup(b, FROM + 100);
    add_delta(b, 5, "db/a.ibd", 2);
    assert_broken(b, ERR_CORRUPT, "db/a.ibd: holds only changes, but backup 20261101T000000Z-full",
                  "");
}

static void changes_in_a_full_backup_are_damage(void **state)
{
    struct bench *b = *state;
    add_delta(b, 5, "db/a.ibd", 2);
    assert_broken(b, ERR_CORRUPT, "db/a.ibd: only changes of it are stored", "");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(newest_image_wins_and_the_rest_is_as_it_was),
        TEST(page_that_became_zeros_is_zeros),
        TEST(redo_of_every_archive_is_applied_across_a_gap),
        TEST(redo_that_two_archives_hold_is_applied_once),
        TEST(freed_in_an_older_redo_and_made_anew_unseen_page_is_the_new_one),
        TEST(older_redo_makes_no_page_anew_that_a_newer_archive_has),
        TEST(what_was_cut_off_does_not_come_back_when_the_file_grows),
        TEST(whole_copy_in_the_middle_ends_the_chain_of_a_space),
        TEST(names_are_the_newest_and_what_was_dropped_stays_away),
        TEST(space_that_the_last_redo_alone_knows_is_built),
        TEST(redo_before_an_import_in_an_older_backup_is_void),
        TEST(plain_files_are_put_together_block_by_block),
        TEST(missing_link_is_named_with_what_can_be_restored),
        TEST(cut_link_is_named_with_what_can_be_restored),
        TEST(foreign_link_is_refused),
        TEST(lsn_that_does_not_go_on_is_damage),
        TEST(damaged_content_is_named_before_there_is_a_target),
        TEST(unchecked_damage_is_named_when_it_is_read),
        TEST(damage_that_newer_archives_replace_is_found_by_the_check_alone),
        TEST(target_that_cannot_be_one_is_refused_before_the_check),
        TEST(changes_of_nothing_are_damage),
        TEST(changes_in_a_full_backup_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
