/* engine/offline_server_test.c: which server the files of a datadir are of, and which files must be there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/engine_test_util.h"
#include "engine/offline_server.h"
#include "innodb/doublewrite.h"
#include "innodb/redo_mariadb.h"
#include "innodb/redo_mysql.h"
#include "innodb/tablespace.h"

enum { PAGE = 16384, PAGES = 8, FULL_CRC32 = 0x15 };

struct fixture {
    char *dir;
    struct server_info server;
    struct datadir datadir;
};

/* ibdata1 of a MariaDB server; size: of the tablespace, in pages. */
static void put_system(const struct fixture *f, uint32_t size)
{
    AUTO_FREE uint8_t *pages = mem_zalloc(PAGES * PAGE);
    put_be32(pages + FSP_SIZE, size);
    put_be32(pages + FSP_FLAGS, FULL_CRC32);
    memset(pages + TRX_SYS_PAGE_NO * PAGE + 56, 0xFF, 128 * 8);
    write_bytes(f->dir, "ibdata1", pages, PAGES * PAGE);
}

static void put_mariadb_log(const struct fixture *f, const char *creator)
{
    uint8_t log[REDO_SYNTHETIC_SIZE];
    redo_log_synthetic_make(log, 50000, creator);
    write_bytes(f->dir, "ib_logfile0", log, sizeof log);
}

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    put_system(f, PAGES);
    put_mariadb_log(f, "MariaDB 10.11.6");
    *state = f;
    return 0;
}

static void let_go(struct fixture *f)
{
    server_info_fini(&f->server);
    datadir_fini(&f->datadir);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    let_go(f);
    remove_dir(f->dir);
    free(f);
    return 0;
}

static struct err *load(struct fixture *f, const char *defaults_file)
{
    return offline_server_load(&f->server, &f->datadir, f->dir, defaults_file);
}

static void remove_file(const struct fixture *f, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", f->dir, name);
    assert_int_equal(unlink(path), 0);
}

static void mariadb_is_known_by_its_log_and_its_page_size_by_its_flags(void **state)
{
    struct fixture *f = *state;
    ok(load(f, NULL));
    assert_int_equal(f->server.flavour, FLAVOUR_MARIADB);
    assert_int_equal(f->server.page_size, PAGE);
    assert_int_equal(f->datadir.page_size, PAGE);
    assert_string_equal(f->server.version, "10.11.6-MariaDB");
    assert_string_equal(f->server.version_number, "10.11.6");
    assert_true(f->datadir.at_rest);
}

static void newer_of_log_and_upgrade_info_is_the_version(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *creator, *info, *expected;
    } cases[] = {
        {"MariaDB 10.11.6", "10.11.19-MariaDB", "10.11.19"},
        {"MariaDB 11.8.2", "10.11.19-MariaDB", "11.8.2"},
        {"Backup 10.11.19", "10.9.8-MariaDB", "10.11.19"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_mariadb_log(f, cases[i].creator);
        write_text(f->dir, "mariadb_upgrade_info", cases[i].info);
        ok(load(f, NULL));
        assert_string_equal(f->server.version_number, cases[i].expected);
        let_go(f);
    }
}

static void mysql_is_known_by_its_directory_of_logs(void **state)
{
    struct fixture *f = *state;
    uint8_t head[MYSQL_REDO_HEADER_SIZE];
    AUTO_FREE uint8_t *file = mem_zalloc(MYSQL_REDO_FILE_MIN);
    redo_mysql_header_make(head, 7, 51200, 51212, "MySQL 9.7.4");
    memcpy(file, head, sizeof head);
    write_bytes(f->dir, "#innodb_redo/#ib_redo8", file, MYSQL_REDO_FILE_MIN);
    write_text(f->dir, "auto.cnf", "[auto]\nserver-uuid=11111111-2222-3333-4444-555555555555\n");
    ok(load(f, NULL));
    assert_int_equal(f->server.flavour, FLAVOUR_MYSQL);
    assert_string_equal(f->server.version, "9.7.4");
    assert_string_equal(f->server.server_uuid, "11111111-2222-3333-4444-555555555555");
}

static void what_is_not_there_is_named_with_its_setting(void **state)
{
    struct fixture *f = *state;
    struct err *e;
    remove_file(f, "ibdata1");
    e = load(f, NULL);
    assert_non_null(e);
    assert_non_null(strstr(e->hint, "innodb_data_file_path"));
    error_is(e, REFUSED, "ibdata1: there is no system tablespace");
    let_go(f);
    remove_file(f, "ib_logfile0");
    e = load(f, NULL);
    assert_non_null(e);
    assert_non_null(strstr(e->hint, "innodb_log_group_home_dir"));
    error_is(e, REFUSED, "has no redo log (neither #innodb_redo nor ib_logfile0)");
}

static void option_file_tells_where_it_is(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *cnf = mem_printf("%s/my.cnf", f->dir);
    AUTO_FREE char *text = mem_printf("[mysqld]\ninnodb_log_group_home_dir=%s/log\n", f->dir);
    AUTO_FREE char *from = mem_printf("%s/ib_logfile0", f->dir);
    AUTO_FREE char *to = mem_printf("%s/log/ib_logfile0", f->dir);
    write_text(f->dir, "my.cnf", text);
    write_text(f->dir, "log/x", "");
    assert_int_equal(rename(from, to), 0);
    ok(load(f, cnf));
    assert_string_equal(f->server.version_number, "10.11.6");
}

static void log_of_an_older_server_is_refused(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE uint8_t *log = mem_zalloc(REDO_START_OFFSET);
    put_be32(log, 103); /* 10.5 */
    write_bytes(f->dir, "ib_logfile0", log, REDO_START_OFFSET);
    struct err *e = load(f, NULL);
    assert_non_null(e);
    assert_true(e->kind == ERR_REFUSED || e->kind == ERR_CORRUPT);
    err_free(e);
}

static void further_file_of_the_system_tablespace_is_missed(void **state)
{
    struct fixture *f = *state;
    struct space_set copies = {0};
    put_system(f, PAGES + 1);
    ok(load(f, NULL));
    error_is(offline_server_check_copies(&f->server, &f->datadir, &copies), REFUSED,
             "the system tablespace has 9 pages, and its 1 file 8");
}

static void undo_tablespace_that_holds_rollback_segments_is_missed(void **state)
{
    struct fixture *f = *state;
    struct copied_space copy = {.id = 1};
    struct space_set copies = {0};
    AUTO_FREE char *path = mem_printf("%s/ibdata1", f->dir);
    AUTO_FD int fd = -1;
    uint8_t segment[8];
    put_be32(segment, 1);
    put_be32(segment + 4, 3);
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, segment, sizeof segment, TRX_SYS_PAGE_NO * PAGE + 56 + 5 * 8, path));
    ok(load(f, NULL));
    error_is(offline_server_check_copies(&f->server, &f->datadir, &copies), REFUSED,
             "undo tablespace 1 is not there");
    copies.items = &copy;
    copies.n = 1;
    map64_put(&copies.by_id, 1, 0);
    ok(offline_server_check_copies(&f->server, &f->datadir, &copies));
    map64_fini(&copies.by_id);
}

static void mysql_has_two_undo_tablespaces_or_a_note_that_it_makes_one(void **state)
{
    struct fixture *f = *state;
    struct copied_space first[] = {{.id = 0xFFFFFFEF}, {.id = 0xFFFFFFEE - 127}};
    struct space_set copies = {.items = first, .n = 2};
    ok(load(f, NULL));
    f->server.flavour = FLAVOUR_MYSQL;
    ok(offline_server_check_copies(&f->server, &f->datadir, &copies));
    assert_false(offline_undo_is_unfinished(&f->datadir, first[1].id));
    copies.n = 1;
    error_is(offline_server_check_copies(&f->server, &f->datadir, &copies), REFUSED,
             "undo tablespace 2 is not there");
    write_text(f->dir, "undo_2_trunc.log", "");
    ok(offline_server_check_copies(&f->server, &f->datadir, &copies));
    assert_true(offline_undo_is_unfinished(&f->datadir, first[1].id));
    assert_false(offline_undo_is_unfinished(&f->datadir, first[0].id));
    assert_false(offline_undo_is_unfinished(&f->datadir, 5));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(mariadb_is_known_by_its_log_and_its_page_size_by_its_flags),
        TEST(newer_of_log_and_upgrade_info_is_the_version),
        TEST(mysql_is_known_by_its_directory_of_logs),
        TEST(what_is_not_there_is_named_with_its_setting),
        TEST(option_file_tells_where_it_is),
        TEST(log_of_an_older_server_is_refused),
        TEST(further_file_of_the_system_tablespace_is_missed),
        TEST(undo_tablespace_that_holds_rollback_segments_is_missed),
        TEST(mysql_has_two_undo_tablespaces_or_a_note_that_it_makes_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
