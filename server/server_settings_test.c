/* server/server_settings_test.c: what of an option file is a setting of the server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "server/server_settings.h"

static struct server_info settings_of(const char *text)
{
    struct server_info s = {0};
    AUTO_FREE char *copy = mem_strdup(text);
    server_settings_take(&s, copy);
    return s;
}

static void options_count_in_the_groups_of_servers_alone(void **state)
{
    (void)state;
    static const struct {
        const char *group;
        bool counts;
    } cases[] = {
        {"[mysqld]", true},          {"[server]", true},          {"[mariadb]", true},
        {"[mariadbd]", true},        {"[mysqld-9.7]", true},      {"[mariadb-10.11]", true},
        {"[client]", false},         {"[mysqld_safe]", false},    {"[mysqldump]", false},
        {"[mariadb-client]", false}, {"[mariadb-backup]", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *text = mem_printf("%s\ninnodb_undo_directory=/u\n", cases[i].group);
        struct server_info s = settings_of(text);
        if ((s.innodb_undo_directory != NULL) != cases[i].counts)
            fail_msg("%s", cases[i].group);
        server_info_fini(&s);
    }
}

static void options_are_spelt_and_quoted_in_many_ways(void **state)
{
    (void)state;
    struct server_info s = settings_of("innodb_directories=/none\n"
                                       "[mysqld]\n"
                                       "# innodb-undo-directory=/comment\n"
                                       "; innodb-undo-directory=/comment\n"
                                       "  innodb-undo-directory = \"/a b#c\" # behind it\n"
                                       "innodb_data_file_path='ibdata1:12M;ibdata2:1M:autoextend'\n"
                                       "loose-aria-log-dir-path=/aria   # behind it\r\n"
                                       "innodb_log_group_home_dir=/first\n"
                                       "skip-networking\n"
                                       "no-such-option=1\n"
                                       "[client]\n"
                                       "innodb_log_group_home_dir=/other\n"
                                       "[mysqld]\n"
                                       "innodb_log_group_home_dir=/last\n");
    assert_null(s.innodb_directories);
    assert_string_equal(s.innodb_undo_directory, "/a b#c");
    assert_string_equal(s.innodb_data_file_path, "ibdata1:12M;ibdata2:1M:autoextend");
    assert_string_equal(s.aria_log_dir_path, "/aria");
    assert_string_equal(s.innodb_log_group_home_dir, "/last");
    server_info_fini(&s);
}

static void file_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct server_info s = {0};
    struct err *e = server_settings_load(&s, "/nonexistent/my.cnf");
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_USAGE);
    assert_non_null(strstr(e->message, "option file /nonexistent/my.cnf"));
    err_free(e);
    server_info_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_count_in_the_groups_of_servers_alone),
        cmocka_unit_test(options_are_spelt_and_quoted_in_many_ways),
        cmocka_unit_test(file_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
