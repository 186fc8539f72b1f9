/* cli/config_file_test.c: files that are right, and hostile ones with what is said of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dir_test_util.h"
#include "base/err_test_util.h"
#include "cli/config_file.h"

static struct config_file *parsed(const char *text)
{
    struct config_file *f = NULL;
    struct err *e = config_file_parse(&f, "x.cnf", text, strlen(text));
    if (e)
        fail_msg("%s", e->message);
    return f;
}

static void assert_value(const struct config_file *f, const char *kind, const char *name,
                         const char *key, const char *value, int line)
{
    const struct config_key *k = config_key_find(config_section_find(f, kind, name), key);
    assert_non_null(k);
    assert_int_equal(k->line, line);
    if (value)
        assert_string_equal(k->value, value);
    else
        assert_null(k->value);
}

static void keys_have_their_values_and_lines(void **state)
{
    (void)state;
    AUTO(config_file)
    f = parsed("# comment\n; another\n\n[defaults]\r\n  repo =  /backups \r\n"
               "[ task  nightly ]\nquiet\nempty=\nquoted = \" a # b; c \"\nequals = a=b \"c\" # d");
    assert_int_equal(f->n, 2);
    assert_value(f, "defaults", "", "repo", "/backups", 5);
    assert_value(f, "task", "nightly", "quiet", NULL, 7);
    assert_value(f, "task", "nightly", "empty", "", 8);
    assert_value(f, "task", "nightly", "quoted", " a # b; c ", 9);
    assert_value(f, "task", "nightly", "equals", "a=b \"c\" # d", 10);
    assert_null(config_key_find(config_section_find(f, "task", "nightly"), "repo"));
    assert_null(config_section_find(f, "task", ""));
}

#define NAMES "names of sections have 1 to 64 of a-z, A-Z, 0-9, '.', '_' and '-', and begin with a "
#define A_LINE "a line is KEY = VALUE, KEY, [SECTION] or a comment"

static const struct {
    const char *text, *message;
} bad[] = {
    {"repo = /r\n", "x.cnf:1: repo: no section has begun"},
    {"[defaults\n", "x.cnf:1: a section is written [KIND NAME], with nothing behind it"},
    {"[defaults] x\n", "x.cnf:1: a section is written [KIND NAME], with nothing behind it"},
    {"\n[]\n", "x.cnf:2: " NAMES "letter or digit"},
    {"[task ../etc]\n", "x.cnf:1: " NAMES "letter or digit"},
    {"[task -rf]\n", "x.cnf:1: " NAMES "letter or digit"},
    {"[task a b]\n", "x.cnf:1: " NAMES "letter or digit"},
    {"[task a]\n[task b]\n[task a]\n",
     "x.cnf:3: section [task a] comes twice, line 1 has it already"},
    {"[defaults]\n[defaults]", "x.cnf:2: section [defaults] comes twice, line 1 has it already"},
    {"[task a]\nrepo=1\n\nrepo=2\n", "x.cnf:4: repo comes twice, line 2 has it already"},
    {"[task a]\n= 1\n", "x.cnf:2: " A_LINE},
    {"[task a]\nre po = 1\n", "x.cnf:2: " A_LINE},
    {"[task a]\n!include /etc/x\n", "x.cnf:2: " A_LINE},
    {"[task a]\nx = \"abc\n",
     "x.cnf:2: x: the value begins with a quote and does not end with one"},
    {"[task a]\nx = \"\n", "x.cnf:2: x: the value begins with a quote and does not end with one"},
    {"[task a]\nx = \xC3\x28\n", "x.cnf:2: the line is no text in UTF-8"},
    {"# \xFF\xFE\n", "x.cnf:1: the line is no text in UTF-8"},
};

static void hostile_files_are_refused_by_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct config_file *f = NULL;
        assert_error(config_file_parse(&f, "x.cnf", bad[i].text, strlen(bad[i].text)), ERR_USAGE,
                     "%s", bad[i].message);
        assert_null(f);
    }
}

static void a_zero_byte_is_no_text(void **state)
{
    (void)state;
    static const char text[] = "[task a]\nx = a\0b\n";
    struct config_file *f = NULL;
    assert_error(config_file_parse(&f, "x.cnf", text, sizeof text - 1), ERR_USAGE,
                 "x.cnf:2: the line is no text in UTF-8");
}

static void a_line_has_4096_bytes_at_most(void **state)
{
    (void)state;
    char text[9 + 4097 + 1] = "[task a]\n";
    memset(text + 9, 'v', 4097);
    text[9] = 'x';
    text[10] = '=';
    struct config_file *f = NULL;
    assert_error(config_file_parse(&f, "x.cnf", text, 9 + 4097), ERR_USAGE,
                 "x.cnf:2: the line is longer than 4096 bytes");
    assert_null(config_file_parse(&f, "x.cnf", text, 9 + 4096));
    assert_int_equal(strlen(config_key_find(&f->sections[0], "x")->value), 4094);
    config_file_free(f);
}

static void what_others_can_change_is_not_run(void **state)
{
    static const struct {
        mode_t mode;
        bool is_refused, others_read;
    } cases[] = {{0600, false, false}, {0644, false, true}, {0640, false, true},
                 {0620, true, false},  {0602, true, false}, {0666, true, false}};
    AUTO_FREE char *path = mem_printf("%s/mbe.cnf", (char *)*state);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO(config_file) f = NULL;
        assert_null(file_replace(path, "[task a]\n", 9, 0600));
        assert_int_equal(chmod(path, cases[i].mode), 0);
        struct err *e = config_file_load(&f, path);
        if (cases[i].is_refused) {
            assert_error(
                e, ERR_REFUSED,
                "%s says what is run, and can be changed by others (mode %03o): chmod go-w", path,
                (unsigned)cases[i].mode);
        } else {
            assert_null(e);
            assert_int_equal(f->others_read, cases[i].others_read);
        }
    }
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct config_file *f = NULL;
    assert_error(config_file_load(&f, "/nowhere/mbe.cnf"), ERR_USAGE,
                 "configuration file: /nowhere/mbe.cnf: cannot open: No such file or directory");
    assert_error(config_file_load(&f, "/dev/zero"), ERR_USAGE,
                 "configuration file: /dev/zero: it is no file of 1048576 bytes or less");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_their_values_and_lines),
        cmocka_unit_test(hostile_files_are_refused_by_line),
        cmocka_unit_test(a_zero_byte_is_no_text),
        cmocka_unit_test(a_line_has_4096_bytes_at_most),
        cmocka_unit_test_setup_teardown(what_others_can_change_is_not_run, test_dir_make,
                                        test_dir_remove),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
