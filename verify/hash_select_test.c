/* verify/hash_select_test.c: a table of lists, and what they take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "verify/hash_select.h"

static void lists_take_what_they_say(void **state)
{
    (void)state;
    static const struct {
        struct hash_select select;
        const char *schema, *table;
        bool taken;
    } cases[] = {
        {{0}, "shop", "t", true},
        {{0}, "mysql", "user", false},
        {{0}, "sys", "sys_config", false},
        {{0}, "performance_schema", "threads", false},
        {{.databases = "*"}, "mysql", "user", false},
        {{.databases = "mysq?"}, "mysql", "user", false},
        {{.databases = "a,mysql"}, "mysql", "user", true},
        {{.tables = "mysql.*"}, "mysql", "user", true},
        {{.tables = "mysql.*"}, "mysql", "slow_log", false},
        {{.tables = "mysql.slow_log"}, "mysql", "slow_log", true},
        {{.tables = "user"}, "mysql", "user", false},
        {{.system = true}, "mysql", "user", true},
        {{.system = true}, "mysql", "innodb_table_stats", false},
        {{.system = true}, "mysql", "gtid_slave_pos_InnoDB", false},
        {{.system = true}, "performance_schema", "threads", false},
        {{.databases = "shop"}, "shop", "t", true},
        {{.databases = "shop"}, "shop2", "t", false},
        {{.databases = "shop"}, "Shop", "t", false},
        {{.databases = "sh*p"}, "shop", "t", true},
        {{.databases = "sh*p"}, "shopxp", "t", true},
        {{.databases = "sh*p"}, "shopx", "t", false},
        {{.databases = "*"}, "shop", "t", true},
        {{.databases = "**a*b*c"}, "xxaxbxbxc", "t", true},
        {{.databases = "**a*b*c"}, "xxaxbxbx", "t", false},
        {{.databases = "s??p"}, "shop", "t", true},
        {{.databases = "s?p"}, "shop", "t", false},
        {{.databases = "s?p"}, "s\xc3\xb6p", "t", true},
        {{.databases = "s?p"}, "s\xf0\x9f\x98\x80p", "t", true},
        {{.databases = "a\\*b"}, "a*b", "t", true},
        {{.databases = "a\\*b"}, "axb", "t", false},
        {{.databases = "a\\,b"}, "a,b", "t", true},
        {{.databases = "a\\\\,b"}, "a\\", "t", true},
        {{.tables = "shop.t*"}, "shop", "t1", true},
        {{.tables = "shop.t*"}, "other", "t1", false},
        {{.tables = "t1"}, "any", "t1", true},
        {{.tables = "t1,*.u?"}, "any", "u2", true},
        {{.tables = "a\\.b.c"}, "a.b", "c", true},
        {{.tables = "a\\.b"}, "a", "b", false},
        {{.tables = "a\\.b"}, "x", "a.b", true},
        {{.ignore_databases = "shop"}, "shop", "t", false},
        {{.ignore_databases = "s*"}, "other", "t", true},
        {{.ignore_tables = "shop.t"}, "shop", "t", false},
        {{.ignore_tables = "shop.t"}, "shop", "t2", true},
        {{.tables = "shop.*", .ignore_tables = "*.tmp_*"}, "shop", "tmp_1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (hash_select_takes(&cases[i].select, cases[i].schema, cases[i].table) != cases[i].taken)
            fail_msg("case %zu: %s.%s", i, cases[i].schema, cases[i].table);
}

static void bad_lists_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *list, *message;
    } cases[] = {
        {NULL, NULL},
        {"a,b*", NULL},
        {"a\\\\", NULL},
        {"", "--tables: an empty pattern in ''"},
        {"a,", "--tables: an empty pattern in 'a,'"},
        {",a", "an empty pattern"},
        {"a.", "an empty pattern"},
        {".a", "an empty pattern"},
        {"a\\", "--tables: a backslash with nothing behind it in 'a\\'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err *e = hash_select_check(cases[i].list, "tables");
        if (!cases[i].message) {
            assert_null(e);
            continue;
        }
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_USAGE);
        assert_non_null(strstr(e->message, cases[i].message));
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_take_what_they_say),
        cmocka_unit_test(bad_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
