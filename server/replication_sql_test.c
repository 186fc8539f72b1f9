/* server/replication_sql_test.c: what a restored server is told, in both dialects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "server/replication_sql.h"

#define HEADER                                                                                   \
    "-- What a server on this restored datadir is to be told once, for replication. Written by " \
    "mbe.\n-- By a client, or with --init-file at the first start.\n"

/* A literal for a field that a server's answer would fill. */
static char *lit(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void expect(enum server_flavour flavour, const struct coordinates *c, const char *wanted)
{
    AUTO_FREE char *text = replication_sql(flavour, c);
    AUTO_FREE char *all = mem_printf(HEADER "%s", wanted);
    assert_non_null(text);
    assert_string_equal(text, all);
}

static void a_mysql_source_has_its_gtids_and_two_ways_to_follow_it(void **state)
{
    (void)state;
    const struct coordinates c = {.binlog_file = lit("binlog.000002"),
                                  .binlog_position = 5000000000,
                                  .gtid_executed = lit("a-1:1-5,\nb-2:1-7:tag:3")};
    expect(FLAVOUR_MYSQL, &c,
           "\nSET GLOBAL gtid_purged = 'a-1:1-5,\nb-2:1-7:tag:3';\n"
           "\n-- To follow the server that was backed up:\n"
           "-- CHANGE REPLICATION SOURCE TO SOURCE_HOST='...', SOURCE_USER='...', "
           "SOURCE_PASSWORD='...', SOURCE_AUTO_POSITION=1;\n"
           "-- CHANGE REPLICATION SOURCE TO SOURCE_HOST='...', SOURCE_USER='...', "
           "SOURCE_PASSWORD='...', SOURCE_AUTO_POSITION=0, SOURCE_LOG_FILE='binlog.000002', "
           "SOURCE_LOG_POS=5000000000;\n");
}

static void a_server_without_gtids_has_its_position(void **state)
{
    (void)state;
    const struct coordinates c = {
        .binlog_file = lit("b.1"), .binlog_position = 4, .gtid_executed = lit("")};
    expect(FLAVOUR_MYSQL, &c,
           "\n-- To follow the server that was backed up:\n"
           "-- CHANGE REPLICATION SOURCE TO SOURCE_HOST='...', SOURCE_USER='...', "
           "SOURCE_PASSWORD='...', SOURCE_AUTO_POSITION=0, SOURCE_LOG_FILE='b.1', "
           "SOURCE_LOG_POS=4;\n");
}

static void each_channel_of_a_mysql_replica_has_its_source(void **state)
{
    (void)state;
    struct replica_coordinates channels[] = {
        {.connection_name = lit(""),
         .master_host = lit("10.0.0.1"),
         .master_port = 3306,
         .using_gtid = lit("1")},
        {.connection_name = lit("it's"),
         .master_host = lit("h"),
         .relay_master_log_file = lit("x.000007"),
         .exec_master_log_pos = 154,
         .using_gtid = lit("0")},
        {.connection_name = lit("not seen")},
    };
    const struct coordinates c = {
        .gtid_executed = lit("a-1:1"), .n_replicas = 3, .replicas = channels};
    expect(FLAVOUR_MYSQL, &c,
           "\nSET GLOBAL gtid_purged = 'a-1:1';\n"
           "\n-- To go on as the replica that was backed up:\n"
           "-- RESET REPLICA FOR CHANNEL '';\n"
           "-- CHANGE REPLICATION SOURCE TO SOURCE_HOST='10.0.0.1', SOURCE_PORT=3306, "
           "SOURCE_USER='...', SOURCE_PASSWORD='...', SOURCE_AUTO_POSITION=1;\n"
           "\n-- To go on as the replica that was backed up:\n"
           "-- RESET REPLICA FOR CHANNEL 'it''s';\n"
           "-- CHANGE REPLICATION SOURCE TO SOURCE_HOST='h', SOURCE_USER='...', "
           "SOURCE_PASSWORD='...', SOURCE_AUTO_POSITION=0, SOURCE_LOG_FILE='x.000007', "
           "SOURCE_LOG_POS=154 FOR CHANNEL "
           "'it''s';\n");
}

static void a_mariadb_replica_has_its_own_position_and_that_of_its_source(void **state)
{
    (void)state;
    struct replica_coordinates connection = {.connection_name = lit("c"),
                                             .master_host = lit("h"),
                                             .master_port = 3307,
                                             .relay_master_log_file = lit("b.000001"),
                                             .exec_master_log_pos = 99,
                                             .gtid_slave_pos = lit("0-1-5"),
                                             .using_gtid = lit("Slave_Pos")};
    const struct coordinates c = {.gtid_current_pos = lit("0-1-5,1-2-9"),
                                  .gtid_binlog_pos = lit("1-2-9"),
                                  .n_replicas = 1,
                                  .replicas = &connection};
    expect(FLAVOUR_MARIADB, &c,
           "\nSET GLOBAL gtid_slave_pos = '0-1-5,1-2-9';\n"
           "\n-- To go on as the replica that was backed up:\n"
           "-- SET GLOBAL gtid_slave_pos = '0-1-5';\n"
           "-- CHANGE MASTER 'c' TO MASTER_HOST='h', MASTER_PORT=3307, MASTER_USER='...', "
           "MASTER_PASSWORD='...', MASTER_USE_GTID=slave_pos;\n"
           "-- CHANGE MASTER 'c' TO MASTER_HOST='h', MASTER_PORT=3307, MASTER_USER='...', "
           "MASTER_PASSWORD='...', MASTER_USE_GTID=no, MASTER_LOG_FILE='b.000001', "
           "MASTER_LOG_POS=99;\n");
}

/* A server whose id was changed has written all of its GTIDs, it says, as another one. */
static void mariadb_without_a_current_position_has_that_of_its_binary_log(void **state)
{
    (void)state;
    const struct coordinates c = {.gtid_current_pos = lit(""), .gtid_binlog_pos = lit("0-7-3")};
    expect(FLAVOUR_MARIADB, &c, "\nSET GLOBAL gtid_slave_pos = '0-7-3';\n");
}

static void nothing_is_said_where_there_is_nothing_to_say(void **state)
{
    (void)state;
    struct replica_coordinates hidden = {.connection_name = lit("not seen")};
    const struct coordinates none = {.gtid_executed = lit("")},
                             unseen = {.n_replicas = 1, .replicas = &hidden};
    assert_null(replication_sql(FLAVOUR_MYSQL, &none));
    assert_null(replication_sql(FLAVOUR_MYSQL, &unseen));
}

static void names_stay_in_their_quotes_and_on_their_line(void **state)
{
    (void)state;
    struct replica_coordinates evil = {.master_host = lit("a\\';\nDROP TABLE t;"),
                                       .gtid_slave_pos = lit("1'\nDROP"),
                                       .using_gtid = lit("Slave_Pos")};
    const struct coordinates c = {.n_replicas = 1, .replicas = &evil};
    AUTO_FREE char *text = replication_sql(FLAVOUR_MARIADB, &c);
    assert_non_null(strstr(text, "MASTER_HOST='a\\\\''; DROP TABLE t;', "));
    assert_non_null(strstr(text, "= '1'' DROP';"));
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        assert_true(!strncmp(line, "-- ", 3) || *line == '\n');
}

static void gtid_texts_have_no_quotes(void **state)
{
    (void)state;
    assert_true(replication_is_gtid_text(""));
    assert_true(replication_is_gtid_text("3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5:my_tag:7,\n"));
    assert_true(replication_is_gtid_text("0-1-5,1-1-7"));
    assert_false(replication_is_gtid_text("0-1-5'; DROP"));
    assert_false(replication_is_gtid_text("0-1-5\\"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mysql_source_has_its_gtids_and_two_ways_to_follow_it),
        cmocka_unit_test(a_server_without_gtids_has_its_position),
        cmocka_unit_test(each_channel_of_a_mysql_replica_has_its_source),
        cmocka_unit_test(a_mariadb_replica_has_its_own_position_and_that_of_its_source),
        cmocka_unit_test(mariadb_without_a_current_position_has_that_of_its_binary_log),
        cmocka_unit_test(nothing_is_said_where_there_is_nothing_to_say),
        cmocka_unit_test(names_stay_in_their_quotes_and_on_their_line),
        cmocka_unit_test(gtid_texts_have_no_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
