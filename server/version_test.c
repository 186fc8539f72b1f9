/* server/version_test.c: which servers are accepted, and what the others are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "server/version.h"

static void supported_servers_are_told_apart(void **state)
{
    static const struct {
        const char *version, *comment;
        enum server_flavour flavour;
        const char *number;
    } cases[] = {
        {"10.11.19-MariaDB-0+deb12u1-log", NULL, FLAVOUR_MARIADB, "10.11.19"},
        {"10.8.0-MariaDB", NULL, FLAVOUR_MARIADB, "10.8.0"},
        {"11.8.6-MariaDB-ubu2404", "Ubuntu 24.04", FLAVOUR_MARIADB, "11.8.6"},
        {"12.0.1-mariadb", NULL, FLAVOUR_MARIADB, "12.0.1"},
        {"5.5.5-10.11.3-MariaDB", NULL, FLAVOUR_MARIADB, "10.11.3"},
        {"11.4.2", "mariadb.org binary distribution", FLAVOUR_MARIADB, "11.4.2"},
        {"9.7.4-2", "(Debian)", FLAVOUR_MYSQL, "9.7.4"},
        {"8.0.30", "MySQL Community Server - GPL", FLAVOUR_MYSQL, "8.0.30"},
        {"8.0.36-28", "Percona Server (GPL), Release 28", FLAVOUR_MYSQL, "8.0.36"},
        {"8.4.3", NULL, FLAVOUR_MYSQL, "8.4.3"},
        {"10.1.0", "MySQL Community Server - GPL", FLAVOUR_MYSQL, "10.1.0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *number = NULL;
        enum server_flavour flavour = FLAVOUR_MARIADB;
        assert_null(version_check(&flavour, &number, cases[i].version, cases[i].comment));
        assert_int_equal(flavour, cases[i].flavour);
        assert_string_equal(number, cases[i].number);
        free(number);
    }
}

static void other_servers_are_refused_by_name(void **state)
{
    static const struct {
        const char *version, *comment, *message;
    } cases[] = {
        {"8.0.29", "MySQL Community Server - GPL",
         "the server is MySQL 8.0.29 (MySQL Community Server - GPL); supported is MariaDB 10.8 and "
         "newer, MySQL 8.0.30 and newer"},
        {"5.7.44-48", "Percona Server (GPL)", "the server is MySQL 5.7.44 (Percona Server (GPL));"},
        {"5.6.24", NULL, "the server is MySQL 5.6.24; supported is"},
        {"8.0.11-TiDB-v7.5.0", "TiDB Server (Apache License 2.0)",
         "the server is MySQL 8.0.11 (TiDB Server"},
        {"10.7.8-MariaDB", NULL,
         "the server is MariaDB 10.7.8; supported is MariaDB 10.8 and newer"},
        {"10.5.23-MariaDB-log", "x", "the server is MariaDB 10.5.23; supported"},
        {"5.5.5-10.6.1-MariaDB", NULL, "the server is MariaDB 10.6.1; supported"},
        {"5.5.68-MariaDB", NULL, "the server is MariaDB 5.5.68; supported"},
        {"x-MariaDB", NULL, "the server's version 'x-MariaDB' is not understood"},
        {"9", NULL, "the server's version '9' is not understood"},
        {"", NULL, "the server's version '' is not understood"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *number = NULL;
        enum server_flavour flavour;
        struct err *e = version_check(&flavour, &number, cases[i].version, cases[i].comment);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_REFUSED);
        if (!strstr(e->message, cases[i].message))
            fail_msg("'%s': got '%s', expected '%s'", cases[i].version, e->message,
                     cases[i].message);
        assert_null(number);
        err_free(e);
    }
}

static void flavours_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(server_flavour_text(FLAVOUR_MARIADB), "mariadb");
    assert_string_equal(server_flavour_name(FLAVOUR_MARIADB), "MariaDB");
    assert_string_equal(server_flavour_text(FLAVOUR_MYSQL), "mysql");
    assert_string_equal(server_flavour_name(FLAVOUR_MYSQL), "MySQL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(supported_servers_are_told_apart),
        cmocka_unit_test(other_servers_are_refused_by_name),
        cmocka_unit_test(flavours_have_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
