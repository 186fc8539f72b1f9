/* restore/finish_test.c: which directories a restored server is told of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "restore/finish.h"

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
        cmocka_unit_test(files_put_back_have_the_setting_of_the_source),
        cmocka_unit_test(files_elsewhere_have_the_directories_that_hold_one),
        cmocka_unit_test(a_file_in_no_named_directory_has_its_own),
        cmocka_unit_test(nothing_is_said_without_need),
        cmocka_unit_test(a_name_that_would_end_the_line_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
