/* base/file_test.c: reads, writes, durable replacement, directory helpers; in a scratch directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir_test_util.h"
#include "base/file.h"
#include "base/mem.h"

#define OK(expr) assert_null(expr)

static char *in(void **state, const char *name)
{
    return mem_printf("%s/%s", (const char *)*state, name);
}

static void expect(struct err *e, int os_errno, const char *message_end)
{
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_IO);
    assert_int_equal(e->os_errno, os_errno);
    const size_t have = strlen(e->message), want = strlen(message_end);
    assert_true(have >= want);
    assert_string_equal(e->message + have - want, message_end);
    err_free(e);
}

static void reading_past_the_end_is_short_and_no_error(void **state)
{
    AUTO_FREE char *path = in(state, "f");
    AUTO_FD int fd = -1;
    OK(file_open(&fd, path, O_RDWR | O_CREAT, 0600));
    OK(file_pwrite(fd, "abcdef", 6, 2, path));
    char buf[16];
    size_t got;
    OK(file_pread(fd, buf, sizeof buf, 0, &got, path));
    assert_int_equal(got, 8);
    assert_memory_equal(buf, "\0\0abcdef", 8);
    OK(file_pread(fd, buf, sizeof buf, 100, &got, path));
    assert_int_equal(got, 0);
}

static void failures_name_the_path_and_carry_errno(void **state)
{
    AUTO_FREE char *missing = in(state, "missing");
    AUTO_FREE char *dir = in(state, "d");
    AUTO_FREE char *file = in(state, "plain");
    int fd;
    char *data;
    size_t len;
    expect(file_open(&fd, missing, O_RDONLY, 0), ENOENT,
           "missing: cannot open: No such file or directory");
    expect(file_read_all(&data, &len, missing, 10), ENOENT,
           "missing: cannot open: No such file or directory");
    expect(file_fsync_dir(missing), ENOENT, "missing: cannot open: No such file or directory");
    OK(file_mkdirs(dir, 0700));
    expect(file_open(&fd, dir, O_WRONLY, 0), EISDIR, "d: cannot open: Is a directory");
    OK(file_replace(file, "x", 1, 0600));
    expect(file_mkdirs(file, 0700), 0, "plain: is not a directory");
}

static void a_full_device_is_told_by_every_way_to_write(void **state)
{
    (void)state;
    AUTO_FD int fd = open("/dev/full", O_WRONLY);
    if (fd < 0)
        skip();
    expect(file_write(fd, "x", 1, "out"), ENOSPC, "out: cannot write: No space left on device");
    expect(file_pwrite(fd, "xy", 2, 7, "out"), ENOSPC,
           "out: cannot write 2 bytes at 7: No space left on device");
}

static void read_all_refuses_more_than_the_bound(void **state)
{
    AUTO_FREE char *path = in(state, "f");
    OK(file_replace(path, "12345", 5, 0600));
    AUTO_FREE char *data = NULL;
    size_t len;
    OK(file_read_all(&data, &len, path, 5));
    assert_int_equal(len, 5);
    assert_string_equal(data, "12345");
    char *untouched = NULL;
    expect(file_read_all(&untouched, &len, path, 4), 0, "f: 5 bytes, more than the 4 expected");
    assert_null(untouched);
}

static int n_entries(const char *dir)
{
    const struct dirent *de;
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (;; n++) {
        OK(file_next_entry(&de, d, dir));
        if (!de)
            break;
    }
    closedir(d);
    return n;
}

static void replace_leaves_the_new_content_its_mode_and_no_temporary_file(void **state)
{
    AUTO_FREE char *path = in(state, "f");
    OK(file_replace(path, "old content", 11, 0640));
    OK(file_replace(path, "new", 3, 0640));
    AUTO_FREE char *data = NULL;
    size_t len;
    OK(file_read_all(&data, &len, path, 100));
    assert_string_equal(data, "new");
    assert_int_equal(n_entries(*state), 1);
}

/* Whoever may write to the directory lays no traps there for who replaces a file in it. */
static void replace_writes_through_no_link(void **state)
{
    AUTO_FREE char *path = in(state, "f");
    AUTO_FREE char *trap = in(state, "f.tmp");
    AUTO_FREE char *victim = in(state, "victim");
    AUTO_FREE char *data = NULL, *untouched = NULL;
    size_t len;
    OK(file_replace(victim, "mine", 4, 0600));
    assert_int_equal(symlink(victim, path), 0);
    assert_int_equal(symlink(victim, trap), 0);
    OK(file_replace(path, "new", 3, 0600));
    OK(file_read_all(&data, &len, path, 100));
    assert_string_equal(data, "new");
    OK(file_read_all(&untouched, &len, victim, 100));
    assert_string_equal(untouched, "mine");
    assert_int_equal(access(trap, F_OK), 0);
}

static void replace_that_fails_keeps_the_old_content(void **state)
{
    AUTO_FREE char *dir = in(state, "target");
    AUTO_FREE char *inside = in(state, "target/keep");
    OK(file_mkdirs_for(inside, 0700));
    OK(file_replace(inside, "kept", 4, 0600));
    expect(file_replace(dir, "x", 1, 0600), EISDIR, "target: Is a directory");
    assert_int_equal(n_entries(*state), 1);
    assert_int_equal(access(inside, F_OK), 0);
}

static void what_is_absent_is_no_error_and_all_else_is(void **state)
{
    AUTO_FREE char *path = in(state, "nothing");
    int fd = -1;
    bool absent = false;
    OK(file_absent(file_open(&fd, path, O_RDONLY, 0), &absent));
    assert_true(absent);
    OK(file_absent(NULL, &absent));
    assert_false(absent);
    expect(file_absent(file_open(&fd, "/dev/null/x", O_RDONLY, 0), &absent), ENOTDIR,
           "Not a directory");
    assert_false(absent);
}

static void directories_are_made_all_the_way_and_again(void **state)
{
    AUTO_FREE char *deep = in(state, "a/b//c/");
    AUTO_FREE char *file = in(state, "x/y/file");
    AUTO_FREE char *parent = in(state, "x/y");
    OK(file_mkdirs(deep, 0700));
    OK(file_mkdirs(deep, 0700));
    OK(file_mkdirs_for(file, 0700));
    OK(file_mkdirs_for("no-slash", 0700));
    struct stat st;
    assert_int_equal(stat(parent, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(access(file, F_OK), -1);
}

static void removing_a_tree_does_not_follow_links(void **state)
{
    AUTO_FREE char *outside = in(state, "outside/file");
    AUTO_FREE char *outside_dir = in(state, "outside");
    AUTO_FREE char *tree = in(state, "tree");
    AUTO_FREE char *link = in(state, "tree/link");
    OK(file_mkdirs_for(outside, 0700));
    OK(file_replace(outside, "x", 1, 0600));
    OK(file_mkdirs(tree, 0700));
    assert_int_equal(symlink(outside_dir, link), 0);
    OK(file_remove_tree(tree));
    assert_int_equal(access(tree, F_OK), -1);
    assert_int_equal(access(outside, F_OK), 0);
    OK(file_remove_tree(tree));
}

static void entries_of_a_directory_come_once_without_the_dots(void **state)
{
    AUTO_FREE char *dir = in(state, "d");
    AUTO_FREE char *hidden = in(state, "d/.hidden");
    AUTO_FREE char *plain = in(state, "d/plain");
    const struct dirent *de;
    int n_hidden = 0, n_plain = 0;
    OK(file_mkdirs(dir, 0700));
    OK(file_replace(hidden, "", 0, 0600));
    OK(file_replace(plain, "", 0, 0600));
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (;;) {
        OK(file_next_entry(&de, d, dir));
        if (!de)
            break;
        n_hidden += !strcmp(de->d_name, ".hidden");
        n_plain += !strcmp(de->d_name, "plain");
        assert_true(n_hidden + n_plain <= 2 && de->d_name[1] != '\0');
    }
    assert_int_equal(n_hidden, 1);
    assert_int_equal(n_plain, 1);
    closedir(d);
}

/* What a failing disk does: the list must not just be short. */
static void listing_that_breaks_off_is_an_error(void **state)
{
    AUTO_FREE char *dir = in(state, "d");
    const struct dirent *de;
    OK(file_mkdirs(dir, 0700));
    DIR *d = opendir(dir);
    assert_non_null(d);
    const int other = open("/dev/null", O_RDONLY);
    assert_true(other >= 0);
    assert_true(dup2(other, dirfd(d)) >= 0);
    expect(file_next_entry(&de, d, dir), ENOTDIR, "d: cannot read the directory: Not a directory");
    close(other);
    closedir(d);
}

static void only_names_that_stay_below_are_safe(void **state)
{
    (void)state;
    static const char *const safe[] = {"a", "db/t1.ibd", "...", "a/..b", ".hidden", "a b/\xC3\xA4"};
    static const char *const unsafe[] = {"",     "/",      "/etc/passwd", "..", "../a",
                                         "a/..", "a/../b", "a//b",        "a/", "./a",
                                         "a/.",  ".",      "a/./b"};
    for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++)
        assert_true(file_name_is_safe(safe[i]));
    for (size_t i = 0; i < sizeof unsafe / sizeof unsafe[0]; i++)
        assert_false(file_name_is_safe(unsafe[i]));
    char name[4097];
    memset(name, 'a', sizeof name);
    name[4096] = '\0';
    assert_false(file_name_is_safe(name));
    name[4095] = '\0';
    assert_true(file_name_is_safe(name));
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, test_dir_make, test_dir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(reading_past_the_end_is_short_and_no_error),
        SCRATCH_TEST(failures_name_the_path_and_carry_errno),
        cmocka_unit_test(a_full_device_is_told_by_every_way_to_write),
        SCRATCH_TEST(read_all_refuses_more_than_the_bound),
        SCRATCH_TEST(replace_leaves_the_new_content_its_mode_and_no_temporary_file),
        SCRATCH_TEST(replace_writes_through_no_link),
        SCRATCH_TEST(replace_that_fails_keeps_the_old_content),
        SCRATCH_TEST(what_is_absent_is_no_error_and_all_else_is),
        SCRATCH_TEST(directories_are_made_all_the_way_and_again),
        SCRATCH_TEST(removing_a_tree_does_not_follow_links),
        SCRATCH_TEST(entries_of_a_directory_come_once_without_the_dots),
        SCRATCH_TEST(listing_that_breaks_off_is_an_error),
        cmocka_unit_test(only_names_that_stay_below_are_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
