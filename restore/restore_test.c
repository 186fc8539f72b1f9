/* restore/restore_test.c: whole restores of small archives made by hand: what the rules of layout.h and redo_scan.h come
 * to in files, and what each kind of contradiction is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "innodb/redo_crypt_test_util.h"
#include "restore/restore_test_util.h"

static void copied_pages_are_brought_to_the_end_of_the_redo(void **state)
{
    struct bench *b = *state;
    struct stat st;
    add_space(b, 5, "db/a.ibd", 1);
    add_plain(b, "db/a.frm", "frm");
    redo_write_byte(b, 5, 1, 2);
    redo_write_byte(b, 5, 1, 3);
    const lsn_t end = redo_lsn(&b->log);
    must(restore(b));
    assert_page(b, "db/a.ibd", 1, 5, end, 3);
    assert_true(exists(b, "db/a.frm"));
    assert_true(exists(b, "mbe-my.cnf"));
    assert_false(exists(b, "mbe-after-start.sql")); /* nothing to say */
    assert_false(exists(b, TARGET_MARKER));
    assert_false(exists(b, "mbe"));
    char *log = mem_printf("%s/ib_logfile0", b->target);
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(st.st_size, REDO_SYNTHETIC_SIZE);
    free(log);
}

static void what_the_server_is_told_comes_from_the_manifest(void **state)
{
    struct bench *b = *state;
    size_t len;
    b->more = ",\"binlog\":{\"file\":\"binlog.000003\",\"position\":77},"
              "\"gtid\":{\"binlog_pos\":\"0-1-9\",\"current_pos\":\"0-1-9,2-1-5\"},"
              "\"replicas\":[{\"connection_name\":\"\",\"master_host\":\"h\",\"master_port\":3306,"
              "\"relay_master_log_file\":\"x.000001\",\"exec_master_log_pos\":4,"
              "\"gtid_slave_pos\":\"2-1-5\",\"using_gtid\":\"Slave_Pos\"}]";
    must(restore(b));
    AUTO_FREE char *path = mem_printf("%s/mbe-after-start.sql", b->target), *text = NULL;
    must(file_read_all(&text, &len, path, 4096));
    assert_non_null(strstr(text, "\nSET GLOBAL gtid_slave_pos = '0-1-9,2-1-5';\n"));
    assert_non_null(strstr(text, "MASTER_LOG_FILE='binlog.000003', MASTER_LOG_POS=77;\n"));
    assert_non_null(strstr(text, "\n-- SET GLOBAL gtid_slave_pos = '2-1-5';\n"));
    assert_non_null(strstr(text, "MASTER_HOST='h', MASTER_PORT=3306, "));
    assert_non_null(strstr(text, "MASTER_LOG_FILE='x.000001', MASTER_LOG_POS=4;\n"));
}

static void gtids_that_are_none_are_damage(void **state)
{
    struct bench *b = *state;
    b->more = ",\"gtid\":{\"executed\":\"0-1-9'; DROP TABLE t; \"}";
    assert_fails(b, ERR_CORRUPT, "manifest: gtid.executed is nothing of the kind");
}

static void names_follow_the_redo_even_in_a_cycle(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 0x55);
    add_space(b, 6, "db/b.ibd", 0x66);
    redo_file(b, REDO_FILE_RENAME, 5, "./db/a.ibd\0./db/t.ibd", 21);
    redo_file(b, REDO_FILE_RENAME, 6, "./db/b.ibd\0./db/a.ibd", 21);
    redo_file(b, REDO_FILE_RENAME, 5, "./db/t.ibd\0./db/b.ibd", 21);
    must(restore(b));
    assert_page(b, "db/b.ibd", 1, 5, FROM - 1, 0x55);
    assert_page(b, "db/a.ibd", 1, 6, FROM - 1, 0x66);
    assert_false(exists(b, "db/t.ibd"));
}

static void space_of_redo_alone_is_built_and_name_is_used_again(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    redo_file(b, REDO_FILE_DELETE, 5, "./db/a.ibd", 10);
    redo_file(b, REDO_FILE_CREATE, 9, "./db/a.ibd", 10);
    redo_new_space(b, 9, 3);
    redo_new_page(b, 9, 2);
    redo_write_byte(b, 9, 2, 7);
    const lsn_t end = redo_lsn(&b->log);
    must(restore(b));
    assert_page(b, "db/a.ibd", 2, 9, end, 7);
    char *path = mem_printf("%s/db/a.ibd", b->target);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 4 * PAGE_SIZE); /* no server makes a smaller one */
    free(path);
}

static void deleted_space_and_ghost_leave_no_file(void **state)
{
    struct bench *b = *state;
    b->space_map = "{\"ghosts\":[9],\"imports\":[]}";
    add_space(b, 5, "db/a.ibd", 1);
    redo_write_byte(b, 5, 1, 2);
    redo_file(b, REDO_FILE_DELETE, 5, "./db/a.ibd", 10);
    redo_file(b, REDO_FILE_CREATE, 9, "./db/g.ibd", 10);
    redo_new_space(b, 9, 2);
    must(restore(b));
    assert_false(exists(b, "db/a.ibd"));
    assert_false(exists(b, "db/g.ibd"));
}

static void redo_beyond_the_end_of_the_backup_is_not_applied(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    redo_write_byte(b, 5, 1, 2);
    b->manifest_to = redo_lsn(&b->log);
    redo_write_byte(b, 5, 1, 3);
    assert_fails(b, ERR_CORRUPT, "do not hold the redo from LSN 20000 to 20011");
}

static void external_space_needs_to_be_told_where(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "external/else/where/db/a.ibd", 1);
    assert_fails(b, ERR_REFUSED, "/else/where/db/a.ibd lies outside the datadir");
}

static void external_space_goes_below_external_dir_with_its_link(void **state)
{
    struct bench *b = *state;
    char *ext = mem_printf("%s/ext", b->dir);
    b->external_dir = ext;
    add_space(b, 5, "external/else/where/db/a.ibd", 1);
    add_plain(b, "db/a.isl", "/else/where/db/a.ibd");
    add_plain(b, "db/stale.isl", "/else/where/db/gone.ibd");
    must(restore(b));
    assert_page(b, "../ext/else/where/db/a.ibd", 1, 5, FROM - 1, 1);
    assert_false(exists(b, "db/stale.isl"));
    char *isl = mem_printf("%s/db/a.isl", b->target), *text,
         *want = mem_printf("%s/else/where/db/a.ibd", ext);
    size_t len;
    must(file_read_all(&text, &len, isl, 4096));
    assert_string_equal(text, want);
    free(text);
    free(isl);
    free(want);
    free(ext);
}

static void work_files_of_ddl_are_left_out(void **state)
{
    struct bench *b = *state;
    add_plain(b, "db/#sql-1_2.frm", "x");
    add_plain(b, "db/t.frm", "x");
    must(restore(b));
    assert_true(exists(b, "db/t.frm"));
    assert_false(exists(b, "db/#sql-1_2.frm"));
}

static void work_files_of_ddl_are_kept_of_an_offline_backup(void **state)
{
    struct bench *b = *state;
    b->more = ",\"offline\":true";
    add_plain(b, "db/#sql-1_2.frm", "x");
    must(restore(b));
    assert_true(exists(b, "db/#sql-1_2.frm"));
}

static void redo_of_an_unknown_space_is_damage(void **state)
{
    struct bench *b = *state;
    redo_write_byte(b, 77, 1, 2);
    assert_fails(b, ERR_CORRUPT, "tablespace 77 has redo, but the archive holds no copy of it");
}

static void two_spaces_of_one_name_are_damage(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    add_space(b, 6, "db/b.ibd", 1);
    redo_file(b, REDO_FILE_RENAME, 6, "./db/b.ibd\0./db/a.ibd", 21);
    assert_fails(b, ERR_CORRUPT, "tablespaces 5 and 6 both have the name db/a.ibd");
}

/* A second file of the system tablespace, of 2 pages. */
static void add_system_file(struct bench *b, page_no_t first_page)
{
    uint8_t pages[2 * PAGE_SIZE];
    make_page(pages, 0, first_page, FROM - 1, 7);
    make_page(pages + PAGE_SIZE, 0, first_page + 1, FROM - 1, 8);
    add_entry(b,
              (struct archive_attr){.kind = ARCHIVE_SPACE,
                                    .path = "ibdata2",
                                    .size = sizeof pages,
                                    .mode = 0660,
                                    .first_page = first_page,
                                    .page_size = PAGE_SIZE,
                                    .space_flags = FLAGS,
                                    .lsn_at_start = FROM},
              pages);
}

static void files_of_the_system_tablespace_follow_each_other(void **state)
{
    struct bench *b = *state;
    add_system_file(b, 2);
    must(restore(b));
    assert_page(b, "ibdata1", 1, 0, FROM - 1, 0);
    char *path = mem_printf("%s/ibdata2", b->target);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 2 * PAGE_SIZE);
    free(path);
}

static void files_of_the_system_tablespace_that_overlap_are_damage(void **state)
{
    struct bench *b = *state;
    add_system_file(b, 1); /* the first one has pages 0 and 1 */
    assert_fails(b, ERR_CORRUPT, "tablespace 0: ibdata1 does not end where ibdata2 begins");
}

static void a_gap_between_files_of_the_system_tablespace_is_damage(void **state)
{
    struct bench *b = *state;
    add_system_file(b, 4000000000);
    assert_fails(b, ERR_CORRUPT, "tablespace 0: ibdata1 does not end where ibdata2 begins");
}

static void name_that_leaves_the_target_is_damage(void **state)
{
    struct bench *b = *state;
    add_space(b, 5, "db/a.ibd", 1);
    redo_file(b, REDO_FILE_RENAME, 5, "./db/a.ibd\0./../a.ibd", 21);
    assert_fails(b, ERR_CORRUPT, "unsafe file name");
}

static void copy_from_before_an_import_is_damage(void **state)
{
    struct bench *b = *state;
    b->space_map = "{\"ghosts\":[],\"imports\":[{\"id\":5,\"lsn\":20001}]}";
    add_space(b, 5, "db/a.ibd", 1);
    assert_fails(b, ERR_CORRUPT, "before the tablespace was imported at 20001");
}

static void import_that_the_redo_does_not_tell_of_yet_is_restored(void **state)
{
    struct bench *b = *state;
    b->space_map = "{\"ghosts\":[],\"imports\":[{\"id\":5,\"lsn\":20000}]}";
    add_space(b, 5, "db/a.ibd", 1);
    redo_file(b, REDO_FILE_DELETE, 5, "./db/a.ibd", 10);
    must(restore(b));
    assert_page(b, "db/a.ibd", 1, 5, FROM - 1, 1);
}

static void missing_redo_is_damage(void **state)
{
    struct bench *b = *state;
    b->without_redo = true;
    assert_fails(b, ERR_CORRUPT, "mbe/redo: is missing in the archive");
}

static void redo_of_other_lsn_is_damage(void **state)
{
    struct bench *b = *state;
    b->manifest_from = FROM - 5;
    assert_fails(b, ERR_CORRUPT, "starts at LSN 20000, the manifest says 19995");
}

/* Found before there is a target. */
static void encrypted_redo_without_its_key_is_refused(void **state)
{
    struct bench *b = *state;
    struct mariadb_log l;
    mariadb_log_load(&l);
    redo_log_header_set_encryption(b->log.bytes, &l.header);
    assert_true(l.len <= sizeof b->log.bytes - b->log.len);
    memcpy(b->log.bytes + b->log.len, l.bytes, l.len);
    b->log.len += l.len;
    mariadb_log_free(&l);
    assert_fails(b, ERR_REFUSED,
                 "mbe/redo: the redo log is encrypted with version 1 of key 1, which is not given");
    assert_false(exists(b, "."));
}

static void other_flavour_is_refused(void **state)
{
    struct bench *b = *state;
    b->flavour = "postgres";
    assert_fails(b, ERR_REFUSED, "the backup is of a postgres server");
    assert_false(exists(b, "."));
}

static void broken_space_map_is_named(void **state)
{
    struct bench *b = *state;
    b->space_map = "{\"ghosts\":[\"x\"]}";
    assert_fails(b, ERR_CORRUPT, "ghosts[0] is no space id");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(copied_pages_are_brought_to_the_end_of_the_redo),
        TEST(what_the_server_is_told_comes_from_the_manifest),
        TEST(gtids_that_are_none_are_damage),
        TEST(names_follow_the_redo_even_in_a_cycle),
        TEST(space_of_redo_alone_is_built_and_name_is_used_again),
        TEST(deleted_space_and_ghost_leave_no_file),
        TEST(redo_beyond_the_end_of_the_backup_is_not_applied),
        TEST(external_space_needs_to_be_told_where),
        TEST(external_space_goes_below_external_dir_with_its_link),
        TEST(work_files_of_ddl_are_left_out),
        TEST(work_files_of_ddl_are_kept_of_an_offline_backup),
        TEST(redo_of_an_unknown_space_is_damage),
        TEST(two_spaces_of_one_name_are_damage),
        TEST(files_of_the_system_tablespace_follow_each_other),
        TEST(files_of_the_system_tablespace_that_overlap_are_damage),
        TEST(a_gap_between_files_of_the_system_tablespace_is_damage),
        TEST(name_that_leaves_the_target_is_damage),
        TEST(copy_from_before_an_import_is_damage),
        TEST(import_that_the_redo_does_not_tell_of_yet_is_restored),
        TEST(missing_redo_is_damage),
        TEST(redo_of_other_lsn_is_damage),
        TEST(encrypted_redo_without_its_key_is_refused),
        TEST(other_flavour_is_refused),
        TEST(broken_space_map_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
