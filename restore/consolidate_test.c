/* restore/consolidate_test.c: what is in the full backup that is made out of a small chain: which redo was applied, what is kept for
 * a restore, and that a restore of it gives what one of the chain gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>

#include "archive/archive_file_test_util.h"
#include "restore/consolidate.h"
#include "restore/restore_test_util.h"

static const char NEW_ID[] = "20261103T000000Z-full";

static struct err *consolidate(struct bench *b, char **id)
{
    const struct consolidate_options o = {.repo = b->opened,
                                          .backup_id = "latest",
                                          .archive = {.codec = ARCHIVE_CODEC_ZSTD, .level = 1},
                                          .memory = 16 << 20,
                                          .parallel = 2};
    if (b->writer)
        finish(b);
    return consolidate_run(id, &o);
}

/* Consolidates what was made so far, and deletes it. */
static struct archive_reader *consolidated(struct bench *b)
{
    AUTO_FREE char *id = NULL, *path = mem_printf("%s/%s/backup.mbe", b->repo, NEW_ID);
    struct archive_reader *reader;
    must(consolidate(b, &id));
    assert_string_equal(id, NEW_ID);
    for (unsigned i = 0; i < b->n_finished; i++) {
        AUTO_FREE char *old = archive_path(b, i);
        assert_int_equal(unlink(old), 0);
    }
    must(archive_file_open(&reader, path));
    return reader;
}

static uint64_t stored_lsn(struct archive_reader *reader, const char *path, page_no_t no)
{
    uint8_t page[PAGE_SIZE];
    const int64_t entry = archive_reader_find(reader, path);
    assert_true(entry >= 0);
    assert_int_equal(archive_reader_entry(reader, (uint32_t)entry)->kind, ARCHIVE_SPACE);
    must(archive_read(reader, (uint32_t)entry, no * (uint64_t)PAGE_SIZE, page, sizeof page));
    return be64(page + 16);
}

static void only_the_older_redo_is_applied_and_only_to_older_images(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    add_space(b, 6, "db/b.ibd", 1);
    redo_write_byte(b, 5, 1, 2);
    const lsn_t first_end = redo_lsn(&b->log);
    redo_write_byte(b, 6, 1, 2);
    next_backup(b, FROM + 100);
    add_delta(b, 5, "db/a.ibd", 2);
    add_delta(b, 6, "db/b.ibd", 2);
    next_backup(b, FROM + 200);
    add_delta(b, 5, "db/a.ibd", 2);
    put_page(b, add_delta(b, 6, "db/b.ibd", 2), 6, 1, FROM + 190, 3);
    redo_write_byte(b, 5, 1, 4);
    const lsn_t end = redo_lsn(&b->log);
    AUTO(archive_reader) reader = consolidated(b);
    assert_int_equal(stored_lsn(reader, "db/a.ibd", 1), first_end);
    assert_int_equal(stored_lsn(reader, "db/a.ibd", 0), FROM - 1);
    assert_int_equal(stored_lsn(reader, "db/b.ibd", 1), FROM + 190);
    must(restore(b));
    assert_page(b, "db/a.ibd", 1, 5, end, 4);
    assert_page(b, "db/b.ibd", 1, 6, FROM + 190, 3);
}

static void page_that_only_older_redo_makes_is_stored(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    redo_new_page(b, 5, 2);
    redo_write_byte(b, 5, 2, 9);
    const lsn_t made = redo_lsn(&b->log);
    next_backup(b, FROM + 100);
    add_delta(b, 5, "db/a.ibd", 3);
    next_backup(b, FROM + 200);
    add_delta(b, 5, "db/a.ibd", 3);
    AUTO(archive_reader) reader = consolidated(b);
    assert_int_equal(stored_lsn(reader, "db/a.ibd", 2), made);
    must(restore(b));
    assert_page(b, "db/a.ibd", 2, 5, made, 9);
}

static void redo_before_an_import_is_not_applied(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 3);
    b->space_map = "{\"ghosts\":[],\"imports\":[{\"id\":5,\"lsn\":20020}]}";
    redo_new_page(b, 5, 1); /* of the tablespace that was discarded */
    assert_true(redo_lsn(&b->log) <= 20020);
    next_backup(b, FROM + 100);
    b->space_map = "{\"ghosts\":[],\"imports\":[]}";
    add_delta(b, 5, "db/a.ibd", 2);
    next_backup(b, FROM + 200);
    add_delta(b, 5, "db/a.ibd", 2);
    AUTO(archive_reader) reader = consolidated(b);
    assert_int_equal(stored_lsn(reader, "db/a.ibd", 1), FROM - 1);
}

static void plain_files_and_manifest_are_those_of_a_full_backup(void **state)
{
    struct bench *b = *state;
    json_error_t why;
    char text[11] = "";
    add_plain(b, "db/t.MYD", "some bytes");
    next_backup(b, FROM + 100);
    add_entry(b,
              (struct archive_attr){
                  .kind = ARCHIVE_PLAIN_DELTA, .path = "db/t.MYD", .size = 10, .mode = 0600},
              NULL);
    next_backup(b, FROM + 200);
    add_entry(b,
              (struct archive_attr){
                  .kind = ARCHIVE_PLAIN_DELTA, .path = "db/t.MYD", .size = 10, .mode = 0600},
              NULL);
    AUTO(archive_reader) reader = consolidated(b);
    const int64_t entry = archive_reader_find(reader, "db/t.MYD");
    assert_int_equal(archive_reader_entry(reader, (uint32_t)entry)->kind, ARCHIVE_PLAIN);
    must(archive_read(reader, (uint32_t)entry, 0, text, 10));
    assert_string_equal(text, "some bytes");
    json_auto_t *m = json_loads(archive_reader_manifest(reader), 0, &why);
    json_auto_t *expected =
        json_pack("{s:s, s:i, s:n}", "full", NEW_ID, "length", 1, "base_archive");
    json_auto_t *from = json_pack("[s,s,s]", b->ids[0], b->ids[1], b->ids[2]);
    assert_string_equal(json_string_value(json_object_get(m, "id")), NEW_ID);
    assert_string_equal(json_string_value(json_object_get(m, "type")), "full");
    assert_true(json_is_null(json_object_get(m, "base")));
    assert_true(json_equal(json_object_get(m, "chain"), expected));
    assert_true(json_equal(json_object_get(m, "consolidated_from"), from));
    const json_t *lsn = json_object_get(m, "lsn");
    assert_int_equal(json_integer_value(json_object_get(lsn, "from")), FROM + 200);
    assert_true(json_is_null(json_object_get(lsn, "base")));
}

static void assert_fails_without_trace(struct bench *b, enum err_kind kind, const char *text)
{
    AUTO_FREE char *id = NULL;
    struct err *e = consolidate(b, &id);
    assert_non_null(e);
    if (!strstr(e->message, text))
        fail_msg("\"%s\" expected in \"%s\"", text, e->message);
    assert_int_equal(e->kind, kind);
    err_free(e);
    DIR *d = opendir(b->repo);
    unsigned n = 0;
    for (const struct dirent *de; (de = readdir(d));)
        n += strcmp(de->d_name, ".") && strcmp(de->d_name, "..");
    closedir(d);
    assert_int_equal(n, b->n_finished + 1); /* and the marker */
}

static void a_full_backup_is_refused(void **state)
{
    assert_fails_without_trace(*state, ERR_REFUSED, "20261101T000000Z-full is a full one already");
}

static void damaged_redo_leaves_nothing(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    redo_write_byte(b, 5, 1, 2);
    b->log.bytes[b->log.len - 7] ^= 1;
    next_backup(b, FROM + 100);
    add_delta(b, 5, "db/a.ibd", 2);
    assert_fails_without_trace(b, ERR_CORRUPT, "20261101T000000Z-full/backup.mbe: mbe/redo: ");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(only_the_older_redo_is_applied_and_only_to_older_images),
        TEST(page_that_only_older_redo_makes_is_stored),
        TEST(redo_before_an_import_is_not_applied),
        TEST(plain_files_and_manifest_are_those_of_a_full_backup),
        TEST(a_full_backup_is_refused),
        TEST(damaged_redo_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
