/* restore/target_test.c: what may be a target, and what it looks like until the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dir_test_util.h"
#include "base/file.h"
#include "base/mem.h"
#include "restore/target.h"

static void must(struct err *e)
{
    if (e)
        fail_msg("%s", e->message);
}

static bool exists(const char *dir, const char *name)
{
    char *path = mem_printf("%s/%s", dir, name);
    const bool yes = access(path, F_OK) == 0;
    free(path);
    return yes;
}

static void assert_refused(struct err *e, enum err_kind kind, const char *text, const char *hint)
{
    assert_non_null(e);
    assert_int_equal(e->kind, kind);
    assert_non_null(strstr(e->message, text));
    if (hint)
        assert_non_null(strstr(e->hint, hint));
    err_free(e);
}

static void marker_stays_until_commit(void **state)
{
    char *dir = mem_printf("%s/new/data", (const char *)*state);
    struct target t;
    must(target_open(&t, dir, NULL, NULL, NULL));
    assert_true(exists(dir, TARGET_MARKER));
    must(target_write_file(&t, "a", "x", 1, 0640));
    must(target_commit(&t));
    assert_false(exists(dir, TARGET_MARKER));
    assert_true(exists(dir, "a"));
    target_fini(&t);
    free(dir);
}

static void looking_at_a_target_makes_nothing(void **state)
{
    char *dir = mem_printf("%s/new/data", (const char *)*state);
    must(target_check(dir, NULL, NULL, NULL));
    assert_false(exists(*state, "new"));
    must(target_check(*state, "/", NULL, NULL));
    assert_false(exists(*state, TARGET_MARKER));
    assert_refused(target_check("/dev/null", NULL, NULL, NULL), ERR_IO, "/dev/null", NULL);
    assert_refused(target_check(dir, "relative", NULL, NULL), ERR_USAGE,
                   "not an absolute path: relative", NULL);
    assert_refused(target_check(dir, NULL, "no-such-user-here", NULL), ERR_USAGE, "no such user",
                   NULL);
    free(dir);
}

static void full_directory_is_refused_and_left_alone(void **state)
{
    const char *dir = *state;
    char *file = mem_printf("%s/precious", dir);
    must(file_replace(file, "x", 1, 0600));
    struct target t;
    assert_refused(target_open(&t, dir, NULL, NULL, NULL), ERR_REFUSED, "not empty",
                   "empty or absent");
    assert_refused(target_check(dir, NULL, NULL, NULL), ERR_REFUSED, "not empty",
                   "empty or absent");
    assert_true(exists(dir, "precious"));
    assert_false(exists(dir, TARGET_MARKER));
    free(file);
}

static void remains_of_a_restore_are_called_that(void **state)
{
    struct target t;
    must(target_open(&t, *state, NULL, NULL, NULL));
    target_fini(&t);
    assert_refused(target_open(&t, *state, NULL, NULL, NULL), ERR_REFUSED, "not empty",
                   "did not finish");
}

static void lost_and_found_is_no_content(void **state)
{
    char *dir = mem_printf("%s/lost+found", (const char *)*state);
    must(file_mkdirs(dir, 0700));
    struct target t;
    must(target_open(&t, *state, NULL, NULL, NULL));
    target_fini(&t);
    free(dir);
}

static void unknown_owner_is_a_usage_error(void **state)
{
    struct target t;
    char *dir = mem_printf("%s/new", (const char *)*state);
    assert_refused(target_open(&t, dir, NULL, "no-such-user-here", NULL), ERR_USAGE,
                   "no such user: no-such-user-here", NULL);
    assert_refused(target_open(&t, dir, NULL, NULL, "no-such-group-here"), ERR_USAGE,
                   "no such group", NULL);
    assert_refused(target_open(&t, dir, "relative", NULL, NULL), ERR_USAGE,
                   "not an absolute path: relative", NULL);
    assert_false(exists(*state, "new"));
    free(dir);
}

static void a_marker_that_is_back_means_the_same(void **state)
{
    struct target t;
    must(target_open(&t, *state, NULL, NULL, NULL));
    must(target_commit(&t));
    must(target_mark_again(t.dir));
    assert_true(exists(*state, TARGET_MARKER));
    struct target again;
    assert_refused(target_open(&again, *state, NULL, NULL, NULL), ERR_REFUSED, "is not empty",
                   "did not finish");
    must(target_unmark(t.dir));
    assert_false(exists(*state, TARGET_MARKER));
    target_fini(&t);
}

static void file_that_exists_is_not_overwritten(void **state)
{
    struct target t;
    int fd;
    must(target_open(&t, *state, NULL, NULL, NULL));
    must(target_write_file(&t, "db/a", "x", 1, 0640));
    char *path = mem_printf("%s/db/a", t.dir);
    assert_refused(target_create(&t, &fd, path, TARGET_FRESH, 0640), ERR_REFUSED, "exists already",
                   NULL);
    must(target_create(&t, &fd, path, TARGET_SHARED, 0640));
    close(fd);
    free(path);
    target_fini(&t);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, test_dir_make, test_dir_remove)
    const struct CMUnitTest tests[] = {
        TEST(marker_stays_until_commit),
        TEST(looking_at_a_target_makes_nothing),
        TEST(full_directory_is_refused_and_left_alone),
        TEST(remains_of_a_restore_are_called_that),
        TEST(lost_and_found_is_no_content),
        TEST(unknown_owner_is_a_usage_error),
        TEST(a_marker_that_is_back_means_the_same),
        TEST(file_that_exists_is_not_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
