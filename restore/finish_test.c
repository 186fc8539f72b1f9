/* restore/finish_test.c: the options file of a restored datadir. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/redo_mariadb.h"
#include "restore/finish.h"

static void must(struct err *e)
{
    if (e)
        fail_msg("%s", e->message);
}

/* The options file for a system tablespace of one file. Owned by caller. */
static char *config_of(uint32_t page_size, uint64_t file_size, char *setting)
{
    char top[] = "/tmp/mbe-finish-XXXXXX";
    assert_non_null(mkdtemp(top));
    char *dir = mem_printf("%s/data", top), *path = mem_printf("%s/%s", dir, FINISH_CONFIG);
    char version[] = "10.11.19", name[] = "ibdata1", *text;
    const struct backup_facts facts = {.family = &redo_family_mariadb,
                                       .page_size = page_size,
                                       .server_version = version,
                                       .data_file_path = setting,
                                       .from = 1 << 20,
                                       .to = 1 << 20};
    struct space_plan plan = {.name = name, .last_of_space = true, .base_size = file_size};
    const struct layout layout = {.spaces = &plan, .n = 1};
    const struct redo_scan redo = {0};
    struct target target = {0};
    size_t len;
    must(target_open(&target, dir, NULL, NULL, NULL));
    bool has_sql = true;
    must(finish_datadir(&has_sql, &target, &facts, &layout, &redo));
    assert_false(has_sql);
    must(file_read_all(&text, &len, path, 4096));
    target_fini(&target);
    char *command = mem_printf("rm -r '%s'", top);
    assert_int_equal(system(command), 0);
    free(command);
    free(path);
    free(dir);
    return text;
}

/* A server with large pages refuses to start on "5M", one with a smaller file than named does so too. */
static void growing_data_file_is_named_with_a_size_that_the_server_takes(void **state)
{
    (void)state;
    static const struct {
        uint32_t page_size, mib;
        const char *expected;
    } cases[] = {
        {4096, 12, "ibdata1:5M:autoextend"},   {16384, 76, "ibdata1:5M:autoextend"},
        {16384, 5, "ibdata1:5M:autoextend"},   {32768, 12, "ibdata1:6M:autoextend"},
        {65536, 76, "ibdata1:12M:autoextend"}, {65536, 12, "ibdata1:12M:autoextend"},
        {65536, 10, "ibdata1:5M:autoextend"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char setting[] = "ibdata1:12M:autoextend";
        char *text = config_of(cases[i].page_size, (uint64_t)cases[i].mib << 20, setting);
        char *line = mem_printf("\ninnodb_data_file_path=%s\n", cases[i].expected);
        if (!strstr(text, line))
            fail_msg("case %zu: %s", i, text);
        free(line);
        free(text);
    }
}

static void fixed_data_file_is_named_with_its_exact_size(void **state)
{
    (void)state;
    char setting[] = "ibdata1:10M";
    char *text = config_of(65536, 10 << 20, setting);
    assert_non_null(strstr(text, "\ninnodb_data_file_path=ibdata1:10240K\n"));
    free(text);
}

/* The server that finds "Backup" there drops what DDL has left; otherwise its DDL log decides. */
static void first_log_of_an_offline_backup_is_an_ordinary_one(void **state)
{
    (void)state;
    static const char *const creators[] = {"Backup 10.11.19", "MariaDB 10.11.19"};
    for (int offline = 0; offline < 2; offline++) {
        const struct redo_first_log what = {
            .end = 50000, .server_version = "10.11.19", .offline = offline};
        struct redo_log_header h;
        uint8_t *log;
        size_t len;
        lsn_t start;
        must(redo_family_mariadb.make_first_log(&log, &len, &start, &what));
        must(redo_log_header_parse(&h, log, REDO_START_OFFSET));
        assert_string_equal(h.creator, creators[offline]);
        assert_int_equal(start, 50000);
        free(log);
    }
}

/* --- which directories the server is told of --- */

static char *directories(const struct redo_family *family, const char *setting,
                         const char *external_dir, const char *path)
{
    AUTO_FREE char *own = mem_strdup(setting), *name = mem_strdup(path ? path : "db/a.ibd");
    const bool external = path != NULL;
    AUTO_FREE char *target =
        external ? layout_external_path(external_dir, path) : mem_strdup("/restored/db/a.ibd");
    struct backup_facts facts = {.family = family, .directories = own};
    struct space_plan space = {.id = 5, .name = name, .target = target, .external = external};
    struct layout layout = {.spaces = &space, .n = 1};
    return finish_directories(&facts, &layout, external_dir);
}

static void expect(const char *setting, const char *external_dir, const char *path,
                   const char *wanted)
{
    AUTO_FREE char *found = directories(&redo_family_mysql, setting, external_dir, path);
    if (!wanted) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_string_equal(found, wanted);
}

static void files_put_back_have_the_setting_of_the_source(void **state)
{
    (void)state;
    expect("/a/;/b;relative", "/", "/b/db/t.ibd", "/a;/b");
    expect("/a;/b", "/", NULL, "/a;/b");
}

static void files_elsewhere_have_the_directories_that_hold_one(void **state)
{
    (void)state;
    expect("/a;/b", "/else", "/b/db/t.ibd", "/else/b");
    expect("/a;/b", "/else", NULL, NULL);
}

static void a_file_in_no_named_directory_has_its_own(void **state)
{
    (void)state;
    expect("/a", "/", "/undo/x/u.ibu", "/a;/undo/x");
    expect("/a", "/", "/ab/t.ibd", "/a;/ab");
    expect("", "/else", "/c/t.ibd", "/else/c");
}

static void nothing_is_said_without_need(void **state)
{
    (void)state;
    expect("/a", NULL, NULL, NULL);
    expect("", "/", NULL, NULL);
    AUTO_FREE char *mariadb = directories(&redo_family_mariadb, "", "/", "/c/t.ibd");
    assert_null(mariadb);
}

static void a_name_that_would_end_the_line_is_left_out(void **state)
{
    (void)state;
    expect("/a\nskip_grant_tables;/b\"c", "/", NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growing_data_file_is_named_with_a_size_that_the_server_takes),
        cmocka_unit_test(fixed_data_file_is_named_with_its_exact_size),
        cmocka_unit_test(files_put_back_have_the_setting_of_the_source),
        cmocka_unit_test(files_elsewhere_have_the_directories_that_hold_one),
        cmocka_unit_test(a_file_in_no_named_directory_has_its_own),
        cmocka_unit_test(nothing_is_said_without_need),
        cmocka_unit_test(a_name_that_would_end_the_line_is_left_out),
        cmocka_unit_test(first_log_of_an_offline_backup_is_an_ordinary_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
