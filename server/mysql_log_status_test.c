/* server/mysql_log_status_test.c: what MySQL's log_status says, and answers that say nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/mysql_log_status.h"

#define LOCAL                                                                     \
    "{\"gtid_executed\": \"a:1-5,\\nb:7\", \"binary_log_file\": \"bin.000002\", " \
    "\"binary_log_position\": 5000000000}"
#define CHANNELS                                                                  \
    "{\"channels\": [{\"channel_name\": \"\", \"relay_log_file\": \"r.000002\", " \
    "\"relay_log_position\": 371}, {\"channel_name\": \"west\"}]}"
#define NO_CHANNELS "{\"channels\": []}"
#define ENGINES "{\"InnoDB\": {\"LSN\": 19409570, \"LSN_checkpoint\": 19409560}}"

static void every_part_is_taken(void **state)
{
    struct mysql_log_status s;
    (void)state;
    assert_null(mysql_log_status_parse(&s, LOCAL, CHANNELS, ENGINES));
    assert_int_equal(s.lsn, 19409570);
    assert_int_equal(s.checkpoint_lsn, 19409560);
    assert_string_equal(s.binlog_file, "bin.000002");
    assert_int_equal(s.binlog_position, 5000000000);
    assert_string_equal(s.gtid_executed, "a:1-5,b:7");
    assert_int_equal(s.n_channels, 2);
    assert_string_equal(s.channels[0].name, "");
    assert_string_equal(s.channels[0].relay_log_file, "r.000002");
    assert_int_equal(s.channels[0].relay_log_position, 371);
    assert_string_equal(s.channels[1].name, "west");
    assert_null(s.channels[1].relay_log_file);
    mysql_log_status_fini(&s);
    assert_int_equal(s.n_channels, 0);
}

static void a_server_without_binary_log_has_no_file(void **state)
{
    static const char *const locals[] = {
        "{\"gtid_executed\": \"\"}",
        "{\"gtid_executed\": \"\", \"binary_log_file\": null, \"binary_log_position\": null}",
        "{\"gtid_executed\": \"\", \"binary_log_file\": \"\", \"binary_log_position\": 0}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof locals / sizeof locals[0]; i++) {
        struct mysql_log_status s;
        assert_null(mysql_log_status_parse(&s, locals[i], NO_CHANNELS, ENGINES));
        assert_null(s.binlog_file);
        assert_string_equal(s.gtid_executed, "");
        assert_int_equal(s.n_channels, 0);
        mysql_log_status_fini(&s);
    }
}

static void answers_that_say_too_little_are_errors(void **state)
{
    static const struct {
        const char *local, *replication, *engines, *message;
    } cases[] = {
        {NULL, NULL, NULL, "STORAGE_ENGINES"},
        {LOCAL, NO_CHANNELS, "{}", "STORAGE_ENGINES"},
        {LOCAL, NO_CHANNELS, "{\"InnoDB\": {\"LSN\": 1}}", "STORAGE_ENGINES"},
        {LOCAL, NO_CHANNELS, "{\"InnoDB\": {\"LSN\": \"1\", \"LSN_checkpoint\": 1}}", "LSN"},
        {LOCAL, NO_CHANNELS, "{\"InnoDB\": {\"LSN\": 1, \"LSN_checkpoint\": -1}}",
         "LSN_checkpoint"},
        {LOCAL, NO_CHANNELS, "{\"InnoDB\": {\"LSN\": 1, \"LSN_checkpoint\": 1}", "STORAGE_ENGINES"},
        {"{}", NO_CHANNELS, ENGINES, "LOCAL"},
        {"[]", NO_CHANNELS, ENGINES, "LOCAL"},
        {"{\"gtid_executed\": 7}", NO_CHANNELS, ENGINES, "gtid_executed"},
        {"{\"gtid_executed\": \"\", \"binary_log_file\": \"b\"}", NO_CHANNELS, ENGINES, "LOCAL"},
        {LOCAL, "{}", ENGINES, "REPLICATION"},
        {LOCAL, "{\"channels\": [{}]}", ENGINES, "REPLICATION"},
        {LOCAL, "{\"channels\": [7]}", ENGINES, "REPLICATION"},
        {LOCAL, "{\"channels\": [{\"channel_name\": \"\"}, {\"channel_name\": 1}]}", ENGINES,
         "channel_name"},
        {LOCAL, NULL, ENGINES, "REPLICATION"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mysql_log_status s;
        char expected[80];
        snprintf(expected, sizeof expected, "log_status: %s is not understood", cases[i].message);
        struct err *e =
            mysql_log_status_parse(&s, cases[i].local, cases[i].replication, cases[i].engines);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_SERVER);
        if (strcmp(e->message, expected) != 0)
            fail_msg("case %zu: got '%s', expected '%s'", i, e->message, expected);
        assert_null(s.channels);
        assert_null(s.gtid_executed);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_taken),
        cmocka_unit_test(a_server_without_binary_log_has_no_file),
        cmocka_unit_test(answers_that_say_too_little_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
