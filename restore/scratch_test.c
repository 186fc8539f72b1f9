/* restore/scratch_test.c: a scratch directory is ours while it is in use, and gone afterwards, whoever has to see to that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/dir_test_util.h"
#include "base/file.h"
#include "base/mem.h"
#include "restore/scratch.h"

static size_t count(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *de;
    size_t n = 0;
    assert_non_null(d);
    while (!file_next_entry(&de, d, dir) && de)
        n++;
    closedir(d);
    return n;
}

static struct scratch *opened(const char *parent)
{
    struct scratch *s = NULL;
    struct err *e = scratch_open(&s, parent, 0, NULL);
    if (e)
        fail_msg("%s", e->message);
    return s;
}

/* The only directory in it, owned by caller. */
static char *only_one_in(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *de;
    assert_int_equal(count(dir), 1);
    assert_null(file_next_entry(&de, d, dir));
    char *path = mem_printf("%s/%s", dir, de->d_name);
    closedir(d);
    return path;
}

static void make_old(const char *path)
{
    const struct timeval long_ago[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    assert_int_equal(utimes(path, long_ago), 0);
}

static void it_is_gone_when_it_is_closed(void **state)
{
    struct scratch *s = opened(*state);
    AUTO_FREE char *deep = mem_printf("%s/a/b", scratch_data(s));
    assert_null(file_mkdirs(deep, 0700));
    assert_int_equal(access(scratch_run(s), R_OK | W_OK | X_OK), 0);
    assert_null(scratch_give_run(s, (uid_t)-1, (gid_t)-1));
    scratch_close(s);
    assert_int_equal(count(*state), 0);
}

static void what_a_killed_run_left_is_removed_by_the_next(void **state)
{
    const pid_t pid = fork();
    if (pid == 0) {
        struct scratch *s = NULL;
        struct err *e = scratch_open(&s, *state, 0, NULL);
        _exit(e ? 1 : 0); /* as killed: nothing is closed but the lock */
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    AUTO_FREE char *left = only_one_in(*state);
    scratch_close(opened(*state)); /* it may be one that is being made */
    assert_int_equal(count(*state), 1);
    make_old(left);
    scratch_close(opened(*state));
    assert_int_equal(count(*state), 0);
}

static void one_in_use_and_what_is_not_ours_stay(void **state)
{
    struct scratch *s = opened(*state);
    AUTO_FREE char *dir = only_one_in(*state), *other = mem_printf("%s/other", (char *)*state),
                   *alike = mem_printf("%s/mbe-scratch-file", (char *)*state);
    make_old(dir);
    assert_null(file_mkdirs(other, 0700));
    assert_null(file_replace(alike, "", 0, 0600));
    make_old(other);
    make_old(alike);
    scratch_close(opened(*state));
    assert_int_equal(count(*state), 3);
    scratch_close(s);
    assert_int_equal(count(*state), 2);
}

static void too_little_room_is_told_before_anything_is_made(void **state)
{
    struct scratch *s = NULL;
    struct err *e = scratch_open(&s, *state, UINT64_MAX, NULL);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_non_null(strstr(e->message, " free, and "));
    assert_non_null(strstr(e->hint, "--scratch=DIR"));
    err_free(e);
    assert_int_equal(count(*state), 0);
    e = scratch_open(&s, "/nowhere/at/all", 0, NULL);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_IO);
    assert_non_null(strstr(e->message, "/nowhere/at/all: "));
    err_free(e);
    assert_null(s);
}

static void without_a_parent_it_is_where_tmpdir_says(void **state)
{
    AUTO_FREE char *before = getenv("TMPDIR") ? mem_strdup(getenv("TMPDIR")) : NULL;
    assert_int_equal(setenv("TMPDIR", *state, 1), 0);
    struct scratch *s = opened(NULL);
    assert_int_equal(count(*state), 1);
    scratch_close(s);
    assert_int_equal(before ? setenv("TMPDIR", before, 1) : unsetenv("TMPDIR"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_gone_when_it_is_closed, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test_setup_teardown(what_a_killed_run_left_is_removed_by_the_next,
                                        test_dir_make, test_dir_remove),
        cmocka_unit_test_setup_teardown(one_in_use_and_what_is_not_ours_stay, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test_setup_teardown(too_little_room_is_told_before_anything_is_made,
                                        test_dir_make, test_dir_remove),
        cmocka_unit_test_setup_teardown(without_a_parent_it_is_where_tmpdir_says, test_dir_make,
                                        test_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
