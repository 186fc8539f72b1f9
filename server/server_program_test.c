/* server/server_program_test.c: which programs are servers, of which family and release, and which one is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/dir_test_util.h"
#include "base/file.h"
#include "base/mem.h"
#include "server/server_program.h"

#define MARIADB_TEXT \
    "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)\n"
#define MYSQL_TEXT \
    "/usr/sbin/mysqld  Ver 9.7.4 for Linux on x86_64 (MySQL Community Server - GPL)\n"

static void assert_error(struct err *e, enum err_kind kind, const char *message)
{
    assert_non_null(e);
    if (!strstr(e->message, message))
        fail_msg("got '%s', expected '%s'", e->message, message);
    assert_int_equal(e->kind, kind);
    err_free(e);
}

static void a_version_is_read_from_what_a_server_says(void **state)
{
    (void)state;
    enum server_flavour flavour;
    char *number;
    assert_null(server_program_parse(&flavour, &number, MARIADB_TEXT));
    assert_int_equal(flavour, FLAVOUR_MARIADB);
    assert_string_equal(number, "10.11.19");
    free(number);
    assert_null(server_program_parse(&flavour, &number, MYSQL_TEXT));
    assert_int_equal(flavour, FLAVOUR_MYSQL);
    assert_string_equal(number, "9.7.4");
    free(number);
    assert_error(server_program_parse(&flavour, &number, "ls (GNU coreutils) 9.1\n"), ERR_REFUSED,
                 "does not say its version as a server does");
    assert_error(server_program_parse(&flavour, &number, ""), ERR_REFUSED, "does not say");
    assert_error(server_program_parse(&flavour, &number, "mysqld  Ver 5.7.44 for Linux"),
                 ERR_REFUSED, "the server is MySQL 5.7.44");
}

static void a_later_release_of_the_series_fits(void **state)
{
    (void)state;
    static const struct {
        const char *number, *wanted;
        bool fits;
    } cases[] = {
        {"10.11.19", "10.11.19", true},
        {"10.11.20", "10.11.19", true},
        {"10.11.18", "10.11.19", false},
        {"10.12.19", "10.11.19", false},
        {"11.8.9", "10.11.19", false},
        {"9.7.4", "9.7.4", true},
        {"9.6.4", "9.7.4", false},
        {"", "9.7.4", false},
        {"9.7.4", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (server_program_fits(cases[i].number, cases[i].wanted) != cases[i].fits)
            fail_msg("%s for %s", cases[i].number, cases[i].wanted);
}

/* ---- programs ---- */

/* A script of that name that does `body`; its path, owned by caller. */
static char *script(const char *dir, const char *name, const char *body)
{
    char *path = mem_printf("%s/%s", dir, name);
    AUTO_FREE char *text = mem_printf("#!/bin/sh\n%s\n", body);
    assert_null(file_mkdirs_for(path, 0700));
    assert_null(file_replace(path, text, strlen(text), 0700));
    return path;
}

static char *server(const char *dir, const char *name, const char *says)
{
    AUTO_FREE char *body = mem_printf("[ \"$1\" = --no-defaults ] || exit 1\necho '%s'", says);
    return script(dir, name, body);
}

static void the_named_one_must_fit(void **state)
{
    const char *dir = *state;
    AUTO_FREE char *mariadb = server(dir, "mariadbd", MARIADB_TEXT),
                   *mute = script(dir, "mute", ""), *fails = script(dir, "fails", "exit 9");
    AUTO_FREE char *path = NULL,
                   *message =
                       mem_printf("%s is MariaDB 10.11.19; the backup is of MySQL 9.7.4", mariadb);
    char *none = NULL;
    assert_null(server_program_find(&path, mariadb, FLAVOUR_MARIADB, "10.11.2"));
    assert_string_equal(path, mariadb);
    assert_error(server_program_find(&none, mariadb, FLAVOUR_MYSQL, "9.7.4"), ERR_REFUSED, message);
    assert_error(server_program_find(&none, mariadb, FLAVOUR_MARIADB, "10.11.20"), ERR_REFUSED,
                 "is MariaDB 10.11.19; the backup is of MariaDB 10.11.20");
    assert_error(server_program_find(&none, mute, FLAVOUR_MYSQL, "9.7.4"), ERR_REFUSED,
                 "does not say its version");
    assert_error(server_program_find(&none, fails, FLAVOUR_MYSQL, "9.7.4"), ERR_FAILED,
                 "ended with status 9");
    assert_error(server_program_find(&none, "/nowhere/mysqld", FLAVOUR_MYSQL, "9.7.4"), ERR_IO,
                 "--mysqld: /nowhere/mysqld: cannot be run: No such file or directory");
    assert_null(none);
}

static void the_first_in_path_that_fits_is_taken(void **state)
{
    const char *dir = *state;
    AUTO_FREE char *old_path = mem_strdup(getenv("PATH"));
    AUTO_FREE char *first = server(dir, "one/mysqld", MARIADB_TEXT),
                   *second = server(dir, "two/mysqld", MYSQL_TEXT),
                   *third = server(dir, "three/mysqld", MYSQL_TEXT), *path = NULL;
    AUTO_FREE char *search =
        mem_printf("%s/one:%s/none:%s/two:%s/three:%s", dir, dir, dir, dir, old_path);
    char *none = NULL;
    assert_int_equal(setenv("PATH", search, 1), 0);
    assert_null(server_program_find(&path, NULL, FLAVOUR_MYSQL, "9.7.3"));
    assert_string_equal(path, second);
    AUTO_FREE char *found = mem_printf("no server program for a backup of MySQL 8.8.0 was found: "
                                       "%s is MariaDB 10.11.19; %s is MySQL 9.7.4; %s is MySQL",
                                       first, second, third);
    assert_error(server_program_find(&none, NULL, FLAVOUR_MYSQL, "8.8.0"), ERR_REFUSED, found);
    assert_int_equal(setenv("PATH", old_path, 1), 0);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_read_from_what_a_server_says),
        cmocka_unit_test(a_later_release_of_the_series_fits),
        cmocka_unit_test_setup_teardown(the_named_one_must_fit, test_dir_make, test_dir_remove),
        cmocka_unit_test_setup_teardown(the_first_in_path_that_fits_is_taken, test_dir_make,
                                        test_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
