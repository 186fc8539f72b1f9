/* server/option_files_test.c: what is gathered from option files, and which of them are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <mysql.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "server/option_files.h"

struct sandbox {
    char dir[32];
};

static int make_sandbox(void **state)
{
    struct sandbox *s = mem_zalloc(sizeof *s);
    strcpy(s->dir, "/tmp/option-files-XXXXXX");
    *state = s;
    return mkdtemp(s->dir) ? 0 : -1;
}

static int drop_sandbox(void **state)
{
    struct sandbox *s = *state;
    struct err *e = file_remove_tree(s->dir);
    const int rc = e ? -1 : 0;
    err_free(e);
    free(s);
    return rc;
}

static char *put(const struct sandbox *s, const char *name, mode_t mode, const char *text)
{
    char *path = mem_printf("%s/%s", s->dir, name);
    assert_null(file_mkdirs_for(path, 0700));
    assert_null(file_replace(path, text, strlen(text), 0600));
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static char *gathered(const struct conn_options *options)
{
    int fd = -1;
    size_t got;
    assert_null(option_files_gather(&fd, options));
    assert_true(fd >= 0);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char *text = mem_zalloc((size_t)st.st_size + 1);
    assert_null(file_pread(fd, text, (size_t)st.st_size, 0, &got, "memory"));
    close(fd);
    return text;
}

static void a_named_file_is_taken_alone_and_the_extra_file_behind_it(void **state)
{
    const struct sandbox *s = *state;
    AUTO_FREE char *one = put(s, "one.cnf", 0600, "# c\n [client]\r\nuser = a\n");
    AUTO_FREE char *two = put(s, "two.cnf", 0600, "[mbe]\npassword=\"p#1 x\"");
    AUTO_FREE char *only = gathered(&(struct conn_options){.defaults_file = one});
    AUTO_FREE char *both =
        gathered(&(struct conn_options){.defaults_file = one, .defaults_extra_file = two});
    assert_string_equal(only, "# c\n[client]\nuser = a\n");
    assert_string_equal(both, "# c\n[client]\nuser = a\n[mbe]\npassword=\"p#1 x\"\n");
}

static void includes_are_expanded_and_the_group_goes_on_behind_them(void **state)
{
    const struct sandbox *s = *state;
    free(put(s, "d/b.cnf", 0600, "[mbe]\nuser=b\n"));
    free(put(s, "d/a.cnf", 0600, "[client]\nuser=a\n"));
    free(put(s, "d/ignored.txt", 0600, "[client]\nuser=x\n"));
    free(put(s, "d/open.cnf", 0666, "[client]\nuser=anybody\n"));
    AUTO_FREE char *text = mem_printf(
        "[client]\n!includedir %s/d/ \n!include %s/absent.cnf\nport=1\n", s->dir, s->dir);
    AUTO_FREE char *main_file = put(s, "main.cnf", 0600, text);
    AUTO_FREE char *got = gathered(&(struct conn_options){.defaults_file = main_file});
    assert_string_equal(got,
                        "[client]\n[client]\nuser=a\n[mbe]\nuser=b\n[client]\n[client]\nport=1\n");
}

static void the_users_own_file_comes_last(void **state)
{
    const struct sandbox *s = *state;
    AUTO_FREE char *extra = put(s, "extra.cnf", 0600, "[client]\nuser=extra\n");
    free(put(s, ".my.cnf", 0600, "[client]\nuser=home\n"));
    free(put(s, "my.cnf", 0600, "[client]\nuser=installation\n"));
    setenv("HOME", s->dir, 1);
    setenv("MARIADB_HOME", s->dir, 1);
    AUTO_FREE char *got = gathered(&(struct conn_options){.defaults_extra_file = extra});
    const char *expected =
        "[client]\nuser=installation\n[client]\nuser=extra\n[client]\nuser=home\n";
    const size_t n = strlen(got), m = strlen(expected);
    assert_true(n >= m); /* what the machine has in /etc comes before */
    assert_string_equal(got + n - m, expected);
}

/* MySQL's library has the option and gets it as it stands. */
static void ssl_mode_is_translated_for_a_library_that_ignores_it(void **state)
{
    const struct sandbox *s = *state;
    static const struct {
        const char *line, *gathered;
    } cases[] = {
        {"ssl-mode=REQUIRED", "ssl-enforce=1\n"},
        {" ssl_mode = \"verify_identity\" ", "ssl-enforce=1\nssl-verify-server-cert=1\n"},
        {"ssl-mode=VERIFY_CA", "ssl-enforce=1\nssl-verify-server-cert=1\n"},
        {"ssl-mode=disabled", "ssl-enforce=0\n"},
        {"ssl-mode=PREFERRED", "\n"},
        {"ssl-modes=x", "ssl-modes=x\n"},
        {"ssl-mode", "ssl-mode\n"},
        {"user=ssl-mode=x", "user=ssl-mode=x\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *text = mem_printf("[client]\n%s\n", cases[i].line);
        AUTO_FREE char *path = put(s, "tls.cnf", 0600, text);
        AUTO_FREE char *found = gathered(&(struct conn_options){.defaults_file = path});
#ifdef MARIADB_PACKAGE_VERSION
        assert_string_equal(found + strlen("[client]\n"), cases[i].gathered);
#else
        assert_non_null(strstr(found, "ssl"));
        assert_null(strstr(found, "enforce"));
#endif
    }
}

static void an_unknown_ssl_mode_is_refused_with_its_place(void **state)
{
#ifdef MARIADB_PACKAGE_VERSION
    const struct sandbox *s = *state;
    AUTO_FREE char *path = put(s, "tls.cnf", 0600, "[client]\nssl-mode=REQUIERD\n");
    int fd;
    struct err *e = option_files_gather(&fd, &(struct conn_options){.defaults_file = path});
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_USAGE);
    assert_non_null(strstr(e->message, "tls.cnf: line 2: ssl-mode 'REQUIERD' is none of DISABLED"));
    err_free(e);
#else
    (void)state;
    skip(); /* MySQL's library says so itself */
#endif
}

static void a_named_file_that_cannot_serve_is_refused_with_its_name(void **state)
{
    static const struct {
        const char *name, *text, *message;
        mode_t mode;
    } cases[] = {
        {"open.cnf", "[client]\n", "open.cnf: everybody may write to it, so it is not read", 0666},
        {"stray.cnf", "\n# c\nuser=x\n", "stray.cnf: line 3: option outside of any group", 0600},
        {"group.cnf", "[client\n", "group.cnf: line 1: group name without a closing bracket", 0600},
        {"loop.cnf", "!include loop.cnf\n", "loop.cnf: files include each other more than 10 deep",
         0600},
    };
    const struct sandbox *s = *state;
    assert_int_equal(chdir(s->dir), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        free(put(s, cases[i].name, cases[i].mode, cases[i].text));
        int fd = 7;
        struct err *e =
            option_files_gather(&fd, &(struct conn_options){.defaults_file = cases[i].name});
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_USAGE);
        if (!strstr(e->message, cases[i].message))
            fail_msg("got '%s', expected '%s'", e->message, cases[i].message);
        assert_int_equal(fd, -1);
        err_free(e);
    }
    assert_int_equal(chdir("/"), 0);
}

static void absent_files_directories_and_binary_files_are_refused(void **state)
{
    const struct sandbox *s = *state;
    AUTO_FREE char *absent = mem_printf("%s/absent", s->dir);
    AUTO_FREE char *binary = mem_printf("%s/binary", s->dir);
    assert_null(file_replace(binary, "a\0b\n", 4, 0600));
    const struct {
        const char *path, *message;
    } cases[] = {
        {absent, "No such file or directory"},
        {s->dir, "not a regular file"},
        {binary, "line 1: not a text file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd;
        struct err *e =
            option_files_gather(&fd, &(struct conn_options){.defaults_extra_file = cases[i].path});
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_USAGE);
        assert_non_null(strstr(e->message, cases[i].path));
        assert_non_null(strstr(e->message, cases[i].message));
        err_free(e);
    }
}

static void no_defaults_reads_nothing_and_excludes_naming_a_file(void **state)
{
    int fd = 7;
    (void)state;
    assert_null(option_files_gather(&fd, &(struct conn_options){.no_defaults = true}));
    assert_int_equal(fd, -1);
    struct err *e =
        option_files_gather(&fd, &(struct conn_options){.no_defaults = true, .defaults_file = "x"});
    assert_non_null(e);
    assert_string_equal(e->message, "option files are both named and ruled out");
    err_free(e);
}

int main(void)
{
#define IN_SANDBOX(f) cmocka_unit_test_setup_teardown(f, make_sandbox, drop_sandbox)
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(a_named_file_is_taken_alone_and_the_extra_file_behind_it),
        IN_SANDBOX(includes_are_expanded_and_the_group_goes_on_behind_them),
        IN_SANDBOX(the_users_own_file_comes_last),
        IN_SANDBOX(ssl_mode_is_translated_for_a_library_that_ignores_it),
        IN_SANDBOX(an_unknown_ssl_mode_is_refused_with_its_place),
        IN_SANDBOX(a_named_file_that_cannot_serve_is_refused_with_its_name),
        IN_SANDBOX(absent_files_directories_and_binary_files_are_refused),
        cmocka_unit_test(no_defaults_reads_nothing_and_excludes_naming_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
