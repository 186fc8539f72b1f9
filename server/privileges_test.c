/* server/privileges_test.c: what the lines of SHOW GRANTS give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "server/privileges.h"

enum {
    NONE = 0,
    MONITORS = PRIV_BINLOG_MONITOR | PRIV_SLAVE_MONITOR,
    EVERYTHING = PRIV_SELECT | PRIV_RELOAD | MONITORS,
};

static void lines_of_show_grants_give_what_the_server_gives(void **state)
{
    static const struct {
        const char *line;
        unsigned gives;
    } cases[] = {
        {"GRANT USAGE ON *.* TO `u`@`localhost` IDENTIFIED BY PASSWORD '*A9'", NONE},
        {"GRANT RELOAD ON *.* TO `u`@`%`", PRIV_RELOAD},
        {"GRANT SELECT, RELOAD, BINLOG MONITOR, SLAVE MONITOR ON *.* TO `lim`@`localhost`",
         EVERYTHING},
        {"GRANT REPLICATION CLIENT ON *.* TO `u`@`h`", PRIV_BINLOG_MONITOR},
        {"GRANT REPLICA MONITOR ON *.* TO `u`@`h`", PRIV_SLAVE_MONITOR},
        {"GRANT SUPER ON *.* TO `u`@`h`", MONITORS},
        {"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", EVERYTHING},
        {"GRANT BINLOG MONITOR ON *.* TO `r1`", PRIV_BINLOG_MONITOR},
        {"GRANT RELOAD ON *.* TO PUBLIC", PRIV_RELOAD},
        /* not for the whole server */
        {"GRANT ALL PRIVILEGES ON `db`.* TO `u`@`h`", NONE},
        {"GRANT SELECT (`a ON *.* TO `) ON `db`.`t` TO `u`@`h`", NONE},
        /* roles: named, not active; one with a name meant to deceive */
        {"GRANT `r1` TO `u`@`h`", NONE},
        {"GRANT `RELOAD ON *.* TO x` TO `u`@`h`", NONE},
        {"GRANT `x`, RELOAD ON *.* TO `u`@`h`", NONE},
        {"SET DEFAULT ROLE `r1` FOR `u`@`h`", NONE},
        {"GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION", NONE},
        /* names that only begin or end like ours */
        {"GRANT RELOADED, XRELOAD, SUPERB ON *.* TO `u`@`h`", NONE},
        {"GRANT  ON *.* TO `u`@`h`", NONE},
        {"GRANT", NONE},
        {"", NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (grant_privileges(FLAVOUR_MARIADB, cases[i].line) != cases[i].gives)
            fail_msg("'%s': got %u, expected %u", cases[i].line,
                     grant_privileges(FLAVOUR_MARIADB, cases[i].line), cases[i].gives);
}

static void mysql_joins_static_and_dynamic_privileges_in_its_own_ways(void **state)
{
    static const struct {
        const char *line;
        unsigned gives;
    } cases[] = {
        {"GRANT USAGE ON *.* TO `u`@`%`", NONE},
        {"GRANT SELECT, RELOAD, PROCESS, REPLICATION CLIENT, DROP ROLE ON *.* TO `u`@`%`",
         PRIV_SELECT | PRIV_RELOAD | PRIV_FLUSH_TABLES | PRIV_PROCESS | PRIV_REPLICATION_CLIENT},
        {"GRANT AUDIT_ADMIN,BACKUP_ADMIN,FLUSH_TABLES,XA_RECOVER_ADMIN ON *.* TO `u`@`%`",
         PRIV_BACKUP_ADMIN | PRIV_FLUSH_TABLES},
        {"GRANT SUPER ON *.* TO `u`@`h`", PRIV_REPLICATION_CLIENT},
        {"GRANT SELECT ON `performance_schema`.`log_status` TO `u`@`%`", NONE},
        {"GRANT ALL PRIVILEGES ON `db`.* TO `u`@`h`", NONE},
        {"GRANT `r`@`%` TO `u`@`%`", NONE},
        {"GRANT `BACKUP_ADMIN ON *.* TO x`@`%` TO `u`@`%`", NONE},
        {"GRANT PROXY ON ``@`` TO `root`@`localhost` WITH GRANT OPTION", NONE},
        /* MariaDB's alone */
        {"GRANT BINLOG MONITOR, SLAVE MONITOR ON *.* TO `u`@`h`", NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (grant_privileges(FLAVOUR_MYSQL, cases[i].line) != cases[i].gives)
            fail_msg("'%s': got %u, expected %u", cases[i].line,
                     grant_privileges(FLAVOUR_MYSQL, cases[i].line), cases[i].gives);
    assert_int_equal(grant_privileges(FLAVOUR_MARIADB, cases[2].line), NONE);
}

static void missing_privileges_are_named_as_grant_takes_them(void **state)
{
    static const struct {
        unsigned set;
        const char *names;
    } cases[] = {
        {PRIV_RELOAD, "RELOAD"},
        {PRIV_RELOAD | PRIV_BINLOG_MONITOR, "RELOAD, BINLOG MONITOR"},
        {EVERYTHING, "SELECT, RELOAD, BINLOG MONITOR, SLAVE MONITOR"},
        {PRIV_SLAVE_MONITOR, "SLAVE MONITOR"},
        {NONE, ""},
        {PRIV_BACKUP_ADMIN | PRIV_PROCESS | PRIV_FLUSH_TABLES,
         "BACKUP_ADMIN, PROCESS, FLUSH_TABLES"},
        {PRIV_REPLICATION_CLIENT, "REPLICATION CLIENT"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *names = privilege_names(cases[i].set);
        assert_string_equal(names, cases[i].names);
        free(names);
    }
}

static void accounts_are_quoted_for_sql(void **state)
{
    static const struct {
        const char *account, *quoted;
    } cases[] = {
        {"u@localhost", "'u'@'localhost'"},   {"u@%", "'u'@'%'"},
        {"a@b@10.0.0.%", "'a@b'@'10.0.0.%'"}, {"o'x\\y@h", "'o''x\\\\y'@'h'"},
        {"@localhost", "''@'localhost'"},     {"nobody", "'nobody'@'%'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *quoted = account_quoted(cases[i].account);
        assert_string_equal(quoted, cases[i].quoted);
        free(quoted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_show_grants_give_what_the_server_gives),
        cmocka_unit_test(mysql_joins_static_and_dynamic_privileges_in_its_own_ways),
        cmocka_unit_test(missing_privileges_are_named_as_grant_takes_them),
        cmocka_unit_test(accounts_are_quoted_for_sql),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
