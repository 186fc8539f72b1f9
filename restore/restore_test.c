/* restore/restore_test.c: whole restores of small archives made by hand: what the rules of layout.h and redo_scan.h come
 * to in files, and what each kind of contradiction is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/writer.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/page_check.h"
#include "innodb/redo_crypt_test_util.h"
#include "innodb/space_map.h"
#include "restore/restore.h"
#include "restore/target.h"

enum { PAGE_SIZE = 4096, FLAGS = 0x13, FROM = 20000, AT = 200 };

/* A redo log in the making. */
struct log_maker {
    uint8_t bytes[REDO_START_OFFSET + 8192];
    size_t len, mtr;
};

struct bench {
    char dir[64];
    char *repo_file, *target;
    struct archive_writer *writer;
    struct sink *sink;
    struct log_maker log;
    /* what a test may change before finish() */
    uint64_t manifest_from, manifest_to;
    const char *flavour, *space_map, *external_dir;
    const char *more; /* of the manifest */
    bool without_redo;
};

static void must(struct err *e)
{
    if (e)
        fail_msg("%s", e->message);
}

/* --- redo --- */

static lsn_t redo_lsn(const struct log_maker *l)
{
    return FROM + (l->len - REDO_START_OFFSET);
}

static void redo_put_record(struct log_maker *l, uint8_t type_bits, uint8_t space, uint8_t page,
                            const void *body, size_t n)
{
    const size_t len = n + 2;
    uint8_t *p = l->bytes + l->len;
    if (len <= 15) {
        *p++ = (uint8_t)(type_bits | len);
    } else {
        *p++ = type_bits;
        *p++ = (uint8_t)(len - 14);
    }
    *p++ = space;
    *p++ = page;
    memcpy(p, body, n);
    l->len = (size_t)(p - l->bytes) + n;
}

static void redo_end_mtr(struct log_maker *l)
{
    const uint32_t crc = crc32c(0, l->bytes + l->mtr, l->len - l->mtr);
    l->bytes[l->len] = 1;
    put_be32(l->bytes + l->len + 1, crc);
    l->len += 5;
    l->mtr = l->len;
}

static void redo_file(struct bench *b, enum redo_type type, uint8_t space, const char *body,
                      size_t n)
{
    redo_put_record(&b->log, (uint8_t)(type << 4), space, 0, body, n);
    redo_end_mtr(&b->log);
}

/* A mini-transaction that writes one byte at AT. */
static void redo_write_byte(struct bench *b, uint8_t space, uint8_t page, uint8_t value)
{
    const uint8_t body[] = {0x80, AT - 128, value};
    redo_put_record(&b->log, REDO_WRITE << 4, space, page, body, sizeof body);
    redo_end_mtr(&b->log);
}

/* A mini-transaction that makes page 0 of a new tablespace of n_pages pages. */
static void redo_new_space(struct bench *b, uint8_t space, uint8_t n_pages)
{
    uint8_t body[21] = {FSP_SPACE_ID};
    put_be32(body + 1, space);
    put_be32(body + 1 + FSP_SIZE - FSP_SPACE_ID, n_pages);
    put_be32(body + 1 + FSP_FLAGS - FSP_SPACE_ID, FLAGS);
    redo_put_record(&b->log, REDO_INIT_PAGE << 4, space, 0, "", 0);
    redo_put_record(&b->log, REDO_WRITE << 4, space, 0, body, sizeof body);
    redo_end_mtr(&b->log);
}

static void redo_new_page(struct bench *b, uint8_t space, uint8_t page)
{
    redo_put_record(&b->log, REDO_INIT_PAGE << 4, space, page, "", 0);
    redo_end_mtr(&b->log);
}

/* --- archive --- */

static uint32_t add_entry(struct bench *b, struct archive_attr attr, const void *data)
{
    uint32_t id;
    must(archive_entry_add(b->writer, &attr, &id));
    if (attr.size)
        must(archive_write(b->writer, id, 0, data, (size_t)attr.size));
    must(archive_entry_set(b->writer, id, &attr));
    return id;
}

static void make_page(uint8_t *page, space_id_t id, page_no_t no, lsn_t lsn, uint8_t fill)
{
    struct space_format f;
    must(space_format_decode(&f, FLAGS, PAGE_SIZE));
    memset(page, 0, PAGE_SIZE);
    put_be32(page + 4, no);
    put_be64(page + 16, lsn);
    put_be32(page + 34, id);
    if (no == 0) {
        put_be32(page + FSP_SPACE_ID, id);
        put_be32(page + FSP_SIZE, 2);
        put_be32(page + FSP_FLAGS, FLAGS);
    } else {
        page[AT] = fill;
    }
    page_stamp(&f, page);
}

/* A copy of two pages, both of LSN FROM - 1; byte AT of page 1 is `fill`. */
static void add_space(struct bench *b, space_id_t id, const char *path, uint8_t fill)
{
    uint8_t pages[2 * PAGE_SIZE];
    make_page(pages, id, 0, FROM - 1, 0);
    make_page(pages + PAGE_SIZE, id, 1, FROM - 1, fill);
    const bool external = !strncmp(path, "external/", 9);
    add_entry(b,
              (struct archive_attr){.kind = ARCHIVE_SPACE,
                                    .path = path,
                                    .link_target = external ? path + 8 : NULL,
                                    .size = sizeof pages,
                                    .mode = 0660,
                                    .space_id = id,
                                    .page_size = PAGE_SIZE,
                                    .space_flags = FLAGS,
                                    .lsn_at_start = FROM},
              pages);
}

static void add_plain(struct bench *b, const char *path, const char *text)
{
    add_entry(b,
              (struct archive_attr){.kind = ARCHIVE_PLAIN,
                                    .path = path,
                                    .size = strlen(text),
                                    .mode = 0640,
                                    .mtime = 1000000},
              text);
}

static int set_up(void **state)
{
    const struct archive_writer_options o = {.codec = ARCHIVE_CODEC_NONE};
    struct bench *b = mem_zalloc(sizeof *b);
    strcpy(b->dir, "/tmp/mbe-restore-XXXXXX");
    if (!mkdtemp(b->dir))
        return -1;
    b->repo_file = mem_printf("%s/backup.mbe", b->dir);
    b->target = mem_printf("%s/data", b->dir);
    b->flavour = "mariadb";
    b->more = "";
    b->space_map = "{\"ghosts\":[],\"imports\":[]}";
    b->manifest_from = FROM;
    b->log.len = b->log.mtr = REDO_START_OFFSET;
    redo_log_header_make(b->log.bytes, FROM, FROM, FROM, "Backup 10.11.19");
    must(sink_file_open(&b->sink, b->repo_file));
    must(archive_writer_open(&b->writer, b->sink, &o));
    add_space(b, 0, "ibdata1", 0);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    archive_writer_free(b->writer);
    b->sink->free(b->sink);
    struct err *e = file_remove_tree(b->dir);
    const int failed = e != NULL;
    err_free(e);
    free(b->repo_file);
    free(b->target);
    free(b);
    return failed;
}

static void finish(struct bench *b)
{
    char *manifest = mem_printf(
        "{\"id\":\"x\",\"server\":{\"flavour\":\"%s\",\"version\":\"10.11.19-MariaDB\","
        "\"page_size\":%d,"
        "\"innodb_data_file_path\":\"ibdata1:12M:autoextend\"},\"lsn\":{\"from\":%llu,"
        "\"to\":%llu}%s}",
        b->flavour, PAGE_SIZE, (unsigned long long)b->manifest_from,
        (unsigned long long)(b->manifest_to ? b->manifest_to : redo_lsn(&b->log)), b->more);
    if (!b->without_redo)
        add_entry(b,
                  (struct archive_attr){
                      .kind = ARCHIVE_REDO, .path = REDO_PATH, .size = b->log.len, .mode = 0600},
                  b->log.bytes);
    add_entry(b,
              (struct archive_attr){.kind = ARCHIVE_SPACE_MAP,
                                    .path = SPACE_MAP_PATH,
                                    .size = strlen(b->space_map),
                                    .mode = 0600},
              b->space_map);
    must(archive_writer_finish(b->writer, manifest));
    must(b->sink->commit(b->sink));
    free(manifest);
}

static struct err *restore(struct bench *b)
{
    const struct restore_options o = {.archive_path = b->repo_file,
                                      .backup_id = "x",
                                      .datadir = b->target,
                                      .memory = 16 << 20,
                                      .parallel = 2,
                                      .external_dir = b->external_dir};
    finish(b);
    return restore_full(&o);
}

/* --- expectations --- */

static bool exists(const struct bench *b, const char *name)
{
    char *path = mem_printf("%s/%s", b->target, name);
    const bool yes = access(path, F_OK) == 0;
    free(path);
    return yes;
}

static void assert_page(const struct bench *b, const char *name, page_no_t no, space_id_t id,
                        lsn_t lsn, uint8_t fill)
{
    char *path = mem_printf("%s/%s", b->target, name), *data, why[160];
    size_t len;
    struct space_format f;
    must(file_read_all(&data, &len, path, 1 << 20));
    must(space_format_decode(&f, FLAGS, PAGE_SIZE));
    assert_true(len >= (no + 1) * (size_t)PAGE_SIZE);
    const uint8_t *page = (const uint8_t *)data + no * (size_t)PAGE_SIZE;
    if (page_check(&f, id, no, page, why) != PAGE_OK)
        fail_msg("%s page %u: %s", name, no, why);
    assert_int_equal(be64(page + 16), lsn);
    assert_int_equal(page[AT], fill);
    free(data);
    free(path);
}

static void assert_fails(struct bench *b, enum err_kind kind, const char *text)
{
    struct err *e = restore(b);
    assert_non_null(e);
    if (!strstr(e->message, text))
        fail_msg("\"%s\" expected in \"%s\"", text, e->message);
    assert_int_equal(e->kind, kind);
    assert_true(!exists(b, "ibdata1") || exists(b, TARGET_MARKER));
    assert_false(exists(b, "ib_logfile0"));
    err_free(e);
}

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
        TEST(redo_of_an_unknown_space_is_damage),
        TEST(two_spaces_of_one_name_are_damage),
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
