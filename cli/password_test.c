/* cli/password_test.c: passwords out of files and pipes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir_test_util.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "cli/password.h"

/* A password file with this content and mode; path owned by caller. */
static char *file_of(void **state, const void *content, size_t n, mode_t mode)
{
    char *path = mem_printf("%s/pw", (const char *)*state);
    assert_null(file_replace(path, content, n, mode));
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void the_first_line_is_the_password(void **state)
{
    static const struct {
        const char *content, *password;
    } cases[] = {
        {"secret", "secret"},
        {"secret\n", "secret"},
        {"secret\r\n", "secret"},
        {"two\nlines\n", "two"},
        {" blanks kept ", " blanks kept "},
        {"p\xC3\xA4ss\n", "p\xC3\xA4ss"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *path = file_of(state, cases[i].content, strlen(cases[i].content), 0600);
        const struct options o = {.password_file = path};
        char *password = NULL;
        assert_null(password_load(&password, &o, NULL));
        assert_string_equal(password, cases[i].password);
        password_free(password);
    }
}

static void what_cannot_be_a_password_is_refused_without_showing_it(void **state)
{
    char longest[2000];
    memset(longest, 's', sizeof longest);
    const struct {
        const char *content;
        size_t n;
        const char *message_end;
    } cases[] = {
        {"", 0, "/pw: the first line is empty"},
        {"\nsecret", 7, "/pw: the first line is empty"},
        {"se\0cret\n", 8, "/pw: the first line is no text"},
        {longest, sizeof longest, "/pw: the first line is longer than a password can be"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *path = file_of(state, cases[i].content, cases[i].n, 0600);
        const struct options o = {.password_file = path};
        char *password = NULL;
        struct err *e = password_load(&password, &o, NULL);
        assert_non_null(e);
        assert_non_null(strstr(e->message, cases[i].message_end));
        assert_int_equal(e->kind, ERR_USAGE);
        assert_null(password);
        err_free(e);
    }
}

static void a_missing_file_is_a_usage_error(void **state)
{
    AUTO_FREE char *path = mem_printf("%s/none", (const char *)*state);
    const struct options o = {.password_file = path};
    char *password = NULL;
    struct err *e = password_load(&password, &o, NULL);
    assert_non_null(e);
    AUTO_FREE char *want =
        mem_printf("--password-file: %s: cannot open: No such file or directory", path);
    assert_string_equal(e->message, want);
    assert_int_equal(err_kind_exit(e->kind), 2);
    err_free(e);
}

static void a_file_others_can_read_is_used_but_warned_of(void **state)
{
    static const struct {
        mode_t mode;
        bool warned;
    } cases[] = {{0600, false}, {0400, false}, {0640, true}, {0604, true}, {0620, true}};
    AUTO_FREE char *log_path = mem_printf("%s/log", (const char *)*state);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *path = file_of(state, "secret\n", 7, cases[i].mode);
        struct log *log = NULL;
        assert_null(log_open(&log, &(struct log_options){.file = log_path}));
        const struct options o = {.password_file = path};
        char *password = NULL;
        assert_null(password_load(&password, &o, log));
        log_close(log);
        assert_string_equal(password, "secret");
        password_free(password);
        AUTO_FREE char *text = NULL;
        size_t n;
        assert_null(file_read_all(&text, &n, log_path, 10000));
        assert_int_equal(strstr(text, "can be read or changed by others") != NULL, cases[i].warned);
        assert_null(strstr(text, "secret"));
        assert_int_equal(unlink(log_path), 0);
        assert_int_equal(unlink(path), 0);
    }
}

static void a_pipe_serves_as_a_file(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "secret\nmore", 11), 11);
    AUTO_FREE char *path = mem_printf("/dev/fd/%d", ends[0]);
    const struct options o = {.password_file = path};
    char *password = NULL;
    assert_null(password_load(&password, &o, NULL));
    assert_string_equal(password, "secret");
    password_free(password);
    close(ends[0]);
    close(ends[1]);
}

static void without_any_option_there_is_none_and_a_value_is_copied(void **state)
{
    (void)state;
    char text[] = "given";
    struct options o = {0};
    char *password = text;
    assert_null(password_load(&password, &o, NULL));
    assert_null(password);
    o.password.text = text;
    assert_null(password_load(&password, &o, NULL));
    assert_string_equal(password, "given");
    assert_ptr_not_equal(password, text);
    password_free(password);
}

static void a_signal_ends_the_wait_for_a_pipe(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    AUTO_FREE char *path = mem_printf("/dev/fd/%d", ends[0]);
    const struct options o = {.password_file = path};
    char *password = NULL;
    signals_install();
    raise(SIGTERM); /* came before the wait: must not be missed */
    struct err *e = password_load(&password, &o, NULL);
    signals_stop = 0;
    assert_non_null(e);
    assert_string_equal(e->message, "stopped by signal 15 (Terminated)");
    assert_null(password);
    err_free(e);
    close(ends[0]);
    close(ends[1]);
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, test_dir_make, test_dir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(the_first_line_is_the_password),
        SCRATCH_TEST(what_cannot_be_a_password_is_refused_without_showing_it),
        SCRATCH_TEST(a_missing_file_is_a_usage_error),
        SCRATCH_TEST(a_file_others_can_read_is_used_but_warned_of),
        cmocka_unit_test(a_pipe_serves_as_a_file),
        cmocka_unit_test(a_signal_ends_the_wait_for_a_pipe),
        cmocka_unit_test(without_any_option_there_is_none_and_a_value_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
