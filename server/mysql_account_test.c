/* server/mysql_account_test.c: MySQL by account, against a real server (mysql_test_util.h): what a backup needs to be granted and what it is
 * refused, what a replica tells, connections over TCP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "server/coords.h"
#include "server/datadir_check.h"
#include "server/mysql.h"
#include "server/mysql_archive.h"
#include "server/mysql_consumer.h"
#include "server/mysql_dict.h"
#include "server/mysql_log_status.h"
#include "server/mysql_test_util.h"
#include "server/privileges.h"

/* Coordinates as an account sees them; the channel is there meanwhile. */
static struct coordinates coordinates_seen_by(struct conn *c)
{
    struct mysql_log_status s;
    struct coordinates at;
    ok(mysql_log_status_load(&s, dba));
    ok(coordinates_of_log_status(&at, &s, c));
    mysql_log_status_fini(&s);
    return at;
}

static void create_channel(void)
{
    ok(conn_exec(dba, "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'up.example', SOURCE_PORT = 3399,"
                      " SOURCE_LOG_FILE = 'bin.000009', SOURCE_LOG_POS = 1234"
                      " FOR CHANNEL 'west'"));
}

static void drop_channel(void)
{
    ok(conn_exec(dba, "DELETE FROM mysql.slave_worker_info"));
    ok(conn_exec(dba, "RESET REPLICA ALL FOR CHANNEL 'west'"));
}

/* As a thread of a channel leaves it. */
static void add_worker(unsigned id, const char *channel, const char *file, unsigned position)
{
    ok(conn_exec(dba,
                 "INSERT INTO mysql.slave_worker_info VALUES"
                 " (%u, '', 0, '%s', %u, '', 0, '', 0, 0, 0, '', '%s')",
                 id, file, position, channel));
}

static void a_replica_tells_its_source(void **state)
{
    NEEDS_SERVER;
    create_channel();
    ok(conn_exec(dba, "CREATE USER IF NOT EXISTS mbe_little IDENTIFIED BY 'pw'"));
    struct conn *weak = user_conn("mbe_little");
    struct coordinates at = coordinates_seen_by(dba), little = coordinates_seen_by(weak);
    conn_close(weak);
    ok(conn_exec(dba, "DROP USER mbe_little"));
    drop_channel();
    assert_int_equal(at.n_replicas, 1);
    assert_string_equal(at.replicas[0].connection_name, "west");
    assert_string_equal(at.replicas[0].master_host, "up.example");
    assert_int_equal(at.replicas[0].master_port, 3399);
    assert_string_equal(at.replicas[0].relay_master_log_file, "bin.000009");
    assert_int_equal(at.replicas[0].exec_master_log_pos, 1234);
    assert_string_equal(at.replicas[0].using_gtid, "0");
    assert_non_null(at.replicas[0].relay_log_file);
    assert_int_equal(little.n_replicas, 1);
    assert_string_equal(little.replicas[0].connection_name, "west");
    assert_null(little.replicas[0].master_host);
    coordinates_fini(&at);
    coordinates_fini(&little);
}

static void a_replica_is_where_its_foremost_thread_is(void **state)
{
    NEEDS_SERVER;
    create_channel();
    add_worker(1, "west", "bin.000009", 1111);
    add_worker(2, "west", "bin.000010", 500);
    add_worker(3, "west", "bin.000010", 700);
    add_worker(1, "east", "bin.000011", 4);
    struct coordinates at = coordinates_seen_by(dba);
    drop_channel();
    assert_string_equal(at.replicas[0].relay_master_log_file, "bin.000010");
    assert_int_equal(at.replicas[0].exec_master_log_pos, 700);
    coordinates_fini(&at);
}

static void threads_without_order_leave_no_place(void **state)
{
    NEEDS_SERVER;
    create_channel();
    add_worker(1, "west", "bin.000009", 1111);
    ok(conn_exec(dba, "SET GLOBAL replica_preserve_commit_order = OFF"));
    struct coordinates idle = coordinates_seen_by(dba); /* none is ahead */
    add_worker(2, "west", "bin.000009", 5678);
    struct coordinates unordered = coordinates_seen_by(dba);
    ok(conn_exec(dba, "SET GLOBAL replica_preserve_commit_order = ON"));
    drop_channel();
    assert_int_equal(idle.replicas[0].exec_master_log_pos, 1234);
    assert_string_equal(unordered.replicas[0].master_host, "up.example");
    assert_null(unordered.replicas[0].relay_master_log_file);
    assert_int_equal(unordered.replicas[0].exec_master_log_pos, 0);
    coordinates_fini(&idle);
    coordinates_fini(&unordered);
}

static void a_replica_takes_two_privileges_more(void **state)
{
    static const struct {
        const char *grant, *message, *hint; /* the last two NULL: enough now */
    } steps[] = {
        {"BACKUP_ADMIN, PROCESS, FLUSH_TABLES, SELECT ON *.*",
         "lacks the privilege REPLICATION CLIENT",
         "administrator: GRANT REPLICATION CLIENT ON *.* TO 'mbe_user'@'%';"},
        {"REPLICATION CLIENT ON *.*", NULL, NULL},
    };
    NEEDS_SERVER;
    create_channel();
    ok(conn_exec(dba, "CREATE USER mbe_user IDENTIFIED BY 'pw'"));
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        ok(conn_exec(dba, "GRANT %s TO mbe_user", steps[i].grant));
        struct conn *c = user_conn("mbe_user");
        struct server_info s = loaded(c);
        struct err *e = server_check_privileges(c, &s);
        conn_close(c);
        server_info_fini(&s);
        if (!steps[i].message)
            ok(e);
        else if (!e || !strstr(e->hint, steps[i].hint))
            fail_msg("step %zu: hint '%s'", i, e ? e->hint : "none");
        else
            fails(e, ERR_REFUSED, steps[i].message);
    }
    ok(conn_exec(dba, "REVOKE SELECT ON *.* FROM mbe_user"));
    ok(conn_exec(dba, "GRANT SELECT ON performance_schema.log_status TO mbe_user"));
    struct conn *c = user_conn("mbe_user");
    struct server_info s = loaded(c);
    struct err *e = server_check_privileges(c, &s);
    conn_close(c);
    server_info_fini(&s);
    ok(conn_exec(dba, "DROP USER mbe_user"));
    drop_channel();
    assert_non_null(e);
    assert_non_null(strstr(e->hint, "administrator: GRANT SELECT ON mysql.slave_worker_info TO"));
    fails(e, ERR_REFUSED, "lacks the privilege SELECT on mysql.slave_worker_info");
}

#define SELECT_STATUS "SELECT ON performance_schema.log_status"

static void a_missing_privilege_is_named_with_its_grant(void **state)
{
    static const struct {
        const char *global; /* granted on *.* */
        bool may_select;
        const char *message, *hint; /* NULL: enough */
    } cases[] = {
        {"BACKUP_ADMIN, PROCESS, FLUSH_TABLES", true, NULL, NULL},
        {"BACKUP_ADMIN, PROCESS, RELOAD", true, NULL, NULL},
        {"BACKUP_ADMIN, PROCESS, RELOAD, SELECT", false, NULL, NULL},
        {"PROCESS, FLUSH_TABLES", true, "lacks the privilege BACKUP_ADMIN",
         "administrator: GRANT BACKUP_ADMIN ON *.* TO 'mbe_user'@'%';"},
        {"BACKUP_ADMIN, FLUSH_TABLES", true, "lacks the privilege PROCESS",
         "GRANT PROCESS ON *.* TO"},
        {"BACKUP_ADMIN, PROCESS", true, "lacks the privilege FLUSH_TABLES",
         "GRANT FLUSH_TABLES ON *.* TO"},
        {"BACKUP_ADMIN, PROCESS, FLUSH_TABLES", false,
         "lacks the privilege SELECT on performance_schema.log_status",
         "administrator: GRANT SELECT ON performance_schema.log_status TO 'mbe_user'@'%';"},
        {"USAGE", false,
         "lacks the privileges BACKUP_ADMIN, PROCESS, FLUSH_TABLES, SELECT on "
         "performance_schema.log_status",
         "administrator: GRANT BACKUP_ADMIN, PROCESS, FLUSH_TABLES ON *.* TO 'mbe_user'@'%'; "
         "GRANT SELECT ON performance_schema.log_status TO 'mbe_user'@'%';"},
    };
    NEEDS_SERVER;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ok(conn_exec(dba, "CREATE USER mbe_user IDENTIFIED BY 'pw'"));
        ok(conn_exec(dba, "GRANT %s ON *.* TO mbe_user", cases[i].global));
        if (cases[i].may_select)
            ok(conn_exec(dba, "GRANT " SELECT_STATUS " TO mbe_user"));
        struct conn *c = user_conn("mbe_user");
        struct server_info s = loaded(c);
        struct err *e = server_check_privileges(c, &s);
        conn_close(c);
        server_info_fini(&s);
        ok(conn_exec(dba, "DROP USER mbe_user"));
        if (!cases[i].message) {
            ok(e);
            continue;
        }
        if (!e || !strstr(e->hint, cases[i].hint))
            fail_msg("case %zu: hint '%s'", i, e ? e->hint : "none");
        fails(e, ERR_REFUSED, cases[i].message);
    }
}

static void the_hint_is_all_it_takes_and_roles_count_when_active(void **state)
{
    NEEDS_SERVER;
    ok(conn_exec(dba, "CREATE ROLE mbe_role"));
    ok(conn_exec(dba, "GRANT BACKUP_ADMIN, PROCESS, FLUSH_TABLES ON *.* TO mbe_role"));
    ok(conn_exec(dba, "GRANT " SELECT_STATUS " TO mbe_role"));
    ok(conn_exec(dba, "CREATE USER mbe_user IDENTIFIED BY 'pw'"));
    ok(conn_exec(dba, "GRANT mbe_role TO mbe_user"));
    struct conn *c = user_conn("mbe_user");
    struct server_info s = loaded(c);
    struct err *inactive = server_check_privileges(c, &s);
    ok(conn_exec(c, "SET ROLE ALL"));
    struct err *active = server_check_privileges(c, &s);
    server_info_fini(&s);
    conn_close(c);
    ok(conn_exec(dba, "DROP USER mbe_user"));
    ok(conn_exec(dba, "DROP ROLE mbe_role"));
    fails(inactive, ERR_REFUSED,
          "lacks the privileges BACKUP_ADMIN, PROCESS, FLUSH_TABLES, SELECT");
    ok(active);
}

/* What a backup does with the least it may have, and that none of it takes a GTID or is written to
 * the binary log. */
static void everything_works_with_the_least_and_leaves_no_trace(void **state)
{
    NEEDS_SERVER;
    struct mysql_log_status before, after;
    struct mysql_traffic t;
    struct mysql_spaces spaces;
    struct mysql_datafiles files;
    struct coordinates at;
    bool timed_out, registered;

    ok(conn_exec(dba, "CREATE USER mbe_user IDENTIFIED BY 'pw'"));
    ok(conn_exec(dba, "GRANT BACKUP_ADMIN, PROCESS, FLUSH_TABLES ON *.* TO mbe_user"));
    ok(conn_exec(dba, "GRANT " SELECT_STATUS " TO mbe_user"));
    struct conn *c = user_conn("mbe_user");
    struct server_info s = loaded(c);
    assert_int_equal(s.keyring, KEYRING_UNKNOWN); /* may not ask */
    ok(mysql_log_status_load(&before, c));
    ok(server_check_privileges(c, &s));
    ok(server_check_datadir(c, &s, s.datadir));
    ok(mysql_consumer_register(c, &registered));
    assert_true(registered);
    ok(mysql_lock_instance(c, 5, &timed_out));
    assert_false(timed_out);
    ok(mysql_spaces_load(&spaces, c));
    assert_true(spaces.n > 3);
    ok(mysql_datafiles_load(&files, c));
    ok(mysql_stop_commits_if_quiet(c, 5, 1, &timed_out, &t));
    assert_false(timed_out);
    assert_false(t.knows_locks);
    ok(mysql_log_status_load(&after, c));
    ok(coordinates_of_log_status(&at, &after, c));
    ok(mysql_consumer_advance(c, after.lsn));
    ok(mysql_resume_commits(c));
    ok(mysql_flush_logs(c)); /* may not, and need not */
    assert_int_equal(conn_errno(c), DENIED);
    assert_true(conn_errno_is_denied(conn_errno(c)));
    ok(mysql_flush_logs(dba));
    ok(mysql_consumer_unregister(c));
    ok(mysql_unlock_instance(c));
    mysql_log_status_fini(&after);
    ok(mysql_log_status_load(&after, c));
    assert_string_equal(after.gtid_executed, before.gtid_executed);
    assert_string_equal(after.binlog_file, before.binlog_file);
    assert_int_equal(after.binlog_position, before.binlog_position);
    coordinates_fini(&at);
    mysql_traffic_fini(&t);
    mysql_spaces_fini(&spaces);
    mysql_datafiles_fini(&files);
    mysql_log_status_fini(&before);
    mysql_log_status_fini(&after);
    server_info_fini(&s);
    conn_close(c);
    ok(conn_exec(dba, "DROP USER mbe_user"));
}

static void what_is_not_granted_is_refused_by_the_server(void **state)
{
    NEEDS_SERVER;
    struct mysql_log_status status;
    struct mysql_spaces spaces;
    bool flag;
    ok(conn_exec(dba, "CREATE USER mbe_user IDENTIFIED BY 'pw'"));
    struct conn *c = user_conn("mbe_user");
    char *busy;
    struct err *archive = mysql_archive_start(&busy, c, "");
    const unsigned archive_errno = conn_errno(c);
    struct err *lock = mysql_lock_instance(c, 1, &flag);
    const unsigned lock_errno = conn_errno(c);
    struct err *stop = mysql_stop_commits(c, 1, &flag);
    const unsigned stop_errno = conn_errno(c);
    struct err *select = mysql_log_status_load(&status, c);
    const unsigned select_errno = conn_errno(c);
    struct err *consumer = mysql_consumer_register(c, &flag);
    const unsigned consumer_errno = conn_errno(c);
    struct err *list = mysql_spaces_load(&spaces, c);
    const unsigned list_errno = conn_errno(c);
    conn_close(c);
    ok(conn_exec(dba, "DROP USER mbe_user"));
    fails(lock, ERR_SERVER, "BACKUP_ADMIN");
    fails(stop, ERR_SERVER, "RELOAD or FLUSH_TABLES");
    fails(select, ERR_SERVER, "SELECT command denied");
    fails(consumer, ERR_SERVER, "BACKUP_ADMIN");
    fails(archive, ERR_SERVER, "INNODB_REDO_LOG_ARCHIVE");
    fails(list, ERR_SERVER, "PROCESS");
    assert_int_equal(lock_errno, DENIED);
    assert_int_equal(stop_errno, DENIED);
    assert_int_equal(select_errno, NO_SELECT);
    assert_int_equal(consumer_errno, DENIED);
    assert_int_equal(archive_errno, DENIED);
    assert_int_equal(list_errno, DENIED);
}

static unsigned port(void)
{
    AUTO_FREE char *text = NULL;
    ok(conn_query_text(dba, &text, "SELECT @@port"));
    return (unsigned)strtoul(text, NULL, 10);
}

/* The cipher of a connection, "" without TLS. */
static char *cipher_over_tcp(const char *option_file)
{
    AUTO_FREE char *password = mem_strdup("pw");
    const struct conn_options o = {.host = "127.0.0.1",
                                   .port = port(),
                                   .user = "mbe_user",
                                   .password = password,
                                   .defaults_file = option_file,
                                   .no_defaults = !option_file};
    AUTO(conn) c = NULL;
    char *cipher = NULL;
    struct rows rows;
    ok(conn_open(&c, &o));
    ok(conn_query(c, &rows, "SHOW SESSION STATUS LIKE 'Ssl_cipher'"));
    cipher = mem_strdup(rows_get(&rows, 0, "Value"));
    rows_fini(&rows);
    return cipher;
}

static void tcp_is_encrypted_as_the_option_files_say(void **state)
{
    static const char text[] = "[client]\nssl-mode=REQUIRED\n";
    NEEDS_SERVER;
    char path[] = "/tmp/mbe-mysql-test-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    ok(conn_exec(dba, "CREATE USER mbe_user IDENTIFIED WITH caching_sha2_password BY 'pw'"));
    AUTO_FREE char *cold = cipher_over_tcp(path); /* the server has no cached password yet */
    ok(conn_exec(dba, "FLUSH PRIVILEGES"));       /* forgets it */
    AUTO_FREE char *plain = cipher_over_tcp(NULL);
    ok(conn_exec(dba, "ALTER USER mbe_user REQUIRE SSL"));
    AUTO_FREE char *required = cipher_over_tcp(path);
    ok(conn_exec(dba, "DROP USER mbe_user"));
    unlink(path);
    assert_true(cold[0] && required[0]);
#ifdef MARIADB_PACKAGE_VERSION
    assert_string_equal(plain, "");
#else
    assert_non_null(plain);
#endif
}

static void the_datadir_is_proven_over_tcp_too(void **state)
{
    NEEDS_SERVER;
    struct server_info s = loaded(dba);
    AUTO(conn) c = NULL;
    const struct conn_options o = {
        .host = "127.0.0.1", .port = port(), .user = "root", .no_defaults = true};
    struct err *e = conn_open(&c, &o);
    ok(e);
    assert_int_equal(conn_peer_pid(c), 0);
    assert_true(conn_peer_pid(dba) > 1);
    ok(server_check_datadir(c, &s, s.datadir));
    ok(server_check_datadir(dba, &s, s.datadir));
    server_info_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replica_tells_its_source),
        cmocka_unit_test(a_replica_is_where_its_foremost_thread_is),
        cmocka_unit_test(threads_without_order_leave_no_place),
        cmocka_unit_test(a_replica_takes_two_privileges_more),
        cmocka_unit_test(a_missing_privilege_is_named_with_its_grant),
        cmocka_unit_test(the_hint_is_all_it_takes_and_roles_count_when_active),
        cmocka_unit_test(everything_works_with_the_least_and_leaves_no_trace),
        cmocka_unit_test(what_is_not_granted_is_refused_by_the_server),
        cmocka_unit_test(tcp_is_encrypted_as_the_option_files_say),
        cmocka_unit_test(the_datadir_is_proven_over_tcp_too),
    };
    return cmocka_run_group_tests(tests, find_server, leave_server);
}
