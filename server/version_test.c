/* server/version_test.c: which servers are accepted, and what the others are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "server/version.h"

static void mariadb_10_8_and_newer_is_accepted(void **state)
{
    static const struct {
        const char *version, *number;
    } cases[] = {
        {"10.11.19-MariaDB-0+deb12u1-log", "10.11.19"}, {"10.8.0-MariaDB", "10.8.0"},
        {"11.8.6-MariaDB-ubu2404", "11.8.6"},           {"12.0.1-mariadb", "12.0.1"},
        {"5.5.5-10.11.3-MariaDB", "10.11.3"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *number = NULL;
        assert_null(version_check(&number, cases[i].version, NULL));
        assert_string_equal(number, cases[i].number);
        free(number);
    }
}

static void other_servers_are_refused_by_name(void **state)
{
    static const struct {
        const char *version, *comment, *message;
    } cases[] = {
        {"8.4.3", "MySQL Community Server - GPL",
         "the server is MySQL 8.4.3 (MySQL Community Server - GPL), not MariaDB"},
        {"8.0.36-28", "Percona Server (GPL)",
         "the server is MySQL 8.0.36 (Percona Server (GPL)), not MariaDB"},
        {"5.6.24", NULL, "the server is MySQL 5.6.24 (5.6.24), not MariaDB"},
        {"10.7.8-MariaDB", NULL,
         "the server is MariaDB 10.7.8; supported is MariaDB 10.8 and newer"},
        {"10.5.23-MariaDB-log", "x", "the server is MariaDB 10.5.23; supported"},
        {"5.5.5-10.6.1-MariaDB", NULL, "the server is MariaDB 10.6.1; supported"},
        {"5.5.68-MariaDB", NULL, "the server is MariaDB 5.5.68; supported"},
        {"x-MariaDB", NULL, "the server's version 'x-MariaDB' is not understood"},
        {"", NULL, "the server is MySQL  (), not MariaDB"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *number = NULL;
        struct err *e = version_check(&number, cases[i].version, cases[i].comment);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_REFUSED);
        if (!strstr(e->message, cases[i].message))
            fail_msg("'%s': got '%s', expected '%s'", cases[i].version, e->message,
                     cases[i].message);
        assert_null(number);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mariadb_10_8_and_newer_is_accepted),
        cmocka_unit_test(other_servers_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
