/* server/mysql_test.c: everything server/ asks of MySQL, against a real one.
 *
 * MBE_TEST_MYSQL names the socket of a server made for this: root without a password, which may do
 * everything, a binary log with GTIDs, TCP on 127.0.0.1, and a datadir that is seen from here.
 * Without it every test is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server/coords.h"
#include "server/datadir_check.h"
#include "server/mysql.h"
#include "server/mysql_archive.h"
#include "server/mysql_consumer.h"
#include "server/mysql_dict.h"
#include "server/mysql_log_status.h"
#include "server/page_track.h"
#include "server/privileges.h"

enum { DENIED = 1227, NO_SELECT = 1142, LOCK_TIMEOUT = 1205 };

static struct conn *dba; /* of the test alone; NULL: there is no server */

static const char *socket_path(void)
{
    return getenv("MBE_TEST_MYSQL");
}

static void ok(struct err *e)
{
    if (e)
        fail_msg("%s", e->message);
}

static void fails(struct err *e, enum err_kind kind, const char *message)
{
    assert_non_null(e);
    assert_int_equal(e->kind, kind);
    if (!strstr(e->message, message))
        fail_msg("got '%s', expected '%s'", e->message, message);
    err_free(e);
}

static struct conn *root_conn(void)
{
    struct conn *c = NULL;
    ok(conn_open(
        &c, &(struct conn_options){.socket = socket_path(), .user = "root", .no_defaults = true}));
    return c;
}

static struct conn *user_conn(const char *user)
{
    AUTO_FREE char *password = mem_strdup("pw");
    struct conn *c = NULL;
    ok(conn_open(
        &c, &(struct conn_options){
                .socket = socket_path(), .user = user, .password = password, .no_defaults = true}));
    return c;
}

static unsigned port(void)
{
    AUTO_FREE char *text = NULL;
    ok(conn_query_text(dba, &text, "SELECT @@port"));
    return (unsigned)strtoul(text, NULL, 10);
}

static int find_server(void **state)
{
    (void)state;
    if (!socket_path())
        return 0;
    dba = root_conn();
    ok(conn_exec(dba, "DROP DATABASE IF EXISTS mbe_test"));
    ok(conn_exec(dba, "CREATE DATABASE mbe_test"));
    ok(conn_exec(dba, "CREATE TABLE mbe_test.t (a INT PRIMARY KEY)"));
    ok(conn_exec(dba, "INSERT INTO mbe_test.t VALUES (1), (2), (3)"));
    return 0;
}

static int leave_server(void **state)
{
    (void)state;
    if (dba)
        ok(conn_exec(dba, "DROP DATABASE mbe_test"));
    conn_close(dba);
    return 0;
}

#define NEEDS_SERVER \
    (void)state;     \
    if (!dba)        \
    skip()

/* A statement that runs meanwhile. */
struct background {
    pthread_t thread;
    struct conn *conn;
    const char *sql;
    struct err *e;
};

static void *run_background(void *arg)
{
    struct background *b = arg;
    b->e = conn_exec(b->conn, "%s", b->sql);
    return NULL;
}

static void background_start(struct background *b, const char *sql)
{
    *b = (struct background){.conn = root_conn(), .sql = sql};
    assert_int_equal(pthread_create(&b->thread, NULL, run_background, b), 0);
}

static void background_end(struct background *b)
{
    assert_int_equal(pthread_join(b->thread, NULL), 0);
    ok(b->e);
    conn_close(b->conn);
}

/* Waits until a session is in a state, as the processlist names it. */
static void await_state(const char *like)
{
    for (int i = 0; i < 200; i++) {
        AUTO_FREE char *n = NULL;
        ok(conn_query_text(dba, &n,
                           "SELECT COUNT(*) FROM performance_schema.processlist"
                           " WHERE STATE LIKE '%s'",
                           like));
        if (strcmp(n, "0") != 0)
            return;
        clock_sleep_ms(50);
    }
    fail_msg("no session came to '%s'", like);
}

static struct server_info loaded(struct conn *c)
{
    struct server_info s;
    ok(server_info_load(&s, c));
    return s;
}

static void the_server_is_known_with_its_settings(void **state)
{
    NEEDS_SERVER;
    AUTO_FREE char *uuid = NULL;
    struct server_info s = loaded(dba);
    ok(conn_query_text(dba, &uuid, "SELECT @@server_uuid"));
    assert_int_equal(s.flavour, FLAVOUR_MYSQL);
    assert_string_equal(s.server_uuid, uuid);
    assert_null(s.server_uid);
    assert_int_equal(s.page_size, 16384);
    assert_string_equal(s.gtid_mode, "ON");
    assert_true(s.log_bin);
    assert_non_null(s.log_bin_basename);
    assert_non_null(s.innodb_undo_directory);
    assert_non_null(s.innodb_log_group_home_dir);
    assert_string_equal(s.lower_case_table_names, "0");
    assert_true(s.redo_capacity >= 8u << 20);
    assert_true(s.keyring != KEYRING_UNKNOWN);
    assert_false(s.encrypt_log);
    assert_false(s.wsrep_on);
    assert_true(s.datadir[0] == '/' && s.datadir[strlen(s.datadir) - 1] != '/');
    server_info_fini(&s);
}

static void the_start_of_the_server_is_the_same_whenever_it_is_asked(void **state)
{
    NEEDS_SERVER;
    AUTO_FREE char *now = NULL;
    int64_t first, later;
    ok(conn_query_text(dba, &now, "SELECT UNIX_TIMESTAMP()"));
    ok(server_start_time(&first, dba, FLAVOUR_MYSQL));
    assert_true(first > 0 && first <= strtoll(now, NULL, 10));
    for (int i = 0; i < 4; i++) {
        clock_sleep_ms(330);
        ok(server_start_time(&later, dba, FLAVOUR_MYSQL));
        assert_int_equal(later, first);
    }
}

static void page_tracking_is_begun_reset_and_ended(void **state)
{
    NEEDS_SERVER;
    bool present = true;
    uint64_t begin = 1, reset, again;
    ok(page_track_begin_lsn(dba, &present, &begin));
    assert_false(present);
    assert_int_equal(begin, 0);
    fails(page_track_reset(dba, &reset), ERR_SERVER, "mysqlbackup_page_track_set");
    ok(conn_exec(dba, "INSTALL COMPONENT 'file://component_mysqlbackup'"));
    ok(page_track_begin_lsn(dba, &present, &begin));
    assert_true(present);
    assert_int_equal(begin, 0);
    ok(page_track_reset(dba, &reset));
    assert_true(reset > 0);
    ok(page_track_begin_lsn(dba, &present, &begin));
    assert_int_equal(begin, reset);
    ok(page_track_reset(dba, &again)); /* too few pages were written for another point */
    assert_int_equal(again, reset);
    ok(page_track_end(dba));
    ok(page_track_begin_lsn(dba, &present, &begin));
    assert_int_equal(begin, 0);
    ok(conn_exec(dba, "CREATE USER page_track_probe@localhost IDENTIFIED BY 'pw'"));
    {
        AUTO(conn) c = user_conn("page_track_probe");
        int64_t start;
        fails(page_track_reset(c, &reset), ERR_SERVER, "BACKUP_ADMIN");
        ok(server_start_time(&start, c, FLAVOUR_MYSQL)); /* takes no privilege */
    }
    ok(conn_exec(dba, "DROP USER page_track_probe@localhost"));
    ok(conn_exec(dba, "UNINSTALL COMPONENT 'file://component_mysqlbackup'"));
}

static void a_checkpoint_is_made_when_asked_for_by_who_may(void **state)
{
    NEEDS_SERVER;
    struct mysql_log_status before;
    uint64_t checkpoint;
    bool made = false;
    ok(conn_exec(dba, "INSERT INTO mbe_test.t VALUES (4711)"));
    ok(mysql_log_status_load(&before, dba));
    ok(mysql_sharp_checkpoint(dba, &made));
    assert_true(made);
    ok(conn_status_u64(dba, &checkpoint, "Innodb_redo_log_checkpoint_lsn"));
    assert_true(checkpoint >= before.lsn);
    mysql_log_status_fini(&before);
    ok(conn_exec(dba, "DELETE FROM mbe_test.t WHERE a = 4711"));
    ok(conn_exec(dba, "CREATE USER checkpoint_probe@localhost IDENTIFIED BY 'pw'"));
    {
        AUTO(conn) c = user_conn("checkpoint_probe");
        ok(mysql_sharp_checkpoint(c, &made));
        assert_false(made);
    }
    ok(conn_exec(dba, "DROP USER checkpoint_probe@localhost"));
}

static void a_session_is_never_limited_and_keeps_no_transaction(void **state)
{
    NEEDS_SERVER;
    AUTO_FREE char *old = NULL, *values = NULL;
    ok(conn_query_text(dba, &old, "SELECT @@GLOBAL.autocommit"));
    ok(conn_exec(dba, "SET GLOBAL autocommit = 0, GLOBAL max_execution_time = 50"));
    AUTO(conn) c = root_conn();
    ok(conn_exec(dba, "SET GLOBAL autocommit = %s, GLOBAL max_execution_time = 0", old));
    ok(conn_query_text(c, &values,
                       "SELECT CONCAT_WS(' ', @@autocommit, @@max_execution_time, @@wait_timeout,"
                       " CONCAT('<', @@sql_mode, '>'))"));
    assert_string_equal(values, "1 0 2592000 <>");
}

static void a_disabled_redo_log_is_refused(void **state)
{
    NEEDS_SERVER;
    struct server_info s;
    ok(mysql_check_redo_enabled(dba));
    ok(conn_exec(dba, "ALTER INSTANCE DISABLE INNODB REDO_LOG"));
    struct err *at_load = server_info_load(&s, dba);
    struct err *later = mysql_check_redo_enabled(dba);
    ok(conn_exec(dba, "ALTER INSTANCE ENABLE INNODB REDO_LOG"));
    fails(at_load, ERR_REFUSED, "the server's redo log is disabled");
    fails(later, ERR_REFUSED, "the server's redo log is disabled");
    assert_null(s.version);
}

static void the_instance_lock_stops_ddl_until_it_is_let_go(void **state)
{
    NEEDS_SERVER;
    AUTO(conn) c = root_conn();
    bool timed_out = true;
    ok(mysql_lock_instance(c, 2, &timed_out));
    assert_false(timed_out);
    ok(conn_exec(dba, "SET SESSION lock_wait_timeout = 1"));
    ok(conn_exec(dba, "INSERT INTO mbe_test.t VALUES (10)"));
    fails(conn_exec(dba, "CREATE TABLE mbe_test.u (a INT)"), ERR_SERVER, "Lock wait timeout");
    assert_int_equal(conn_errno(dba), LOCK_TIMEOUT);
    assert_true(conn_lock_timed_out(dba));
    ok(mysql_unlock_instance(c));
    ok(conn_exec(dba, "CREATE TABLE mbe_test.u (a INT)"));
    ok(conn_exec(dba, "DROP TABLE mbe_test.u"));
}

static void the_instance_lock_is_waited_for_as_long_as_asked(void **state)
{
    NEEDS_SERVER;
    AUTO(conn) c = root_conn();
    AUTO(conn) reader = root_conn();
    struct background ddl;
    bool timed_out = false;
    ok(conn_exec(reader, "START TRANSACTION"));
    ok(conn_exec(reader, "SELECT * FROM mbe_test.t"));
    background_start(&ddl, "ALTER TABLE mbe_test.t ADD COLUMN b INT");
    await_state("Waiting for table metadata lock");
    const double since = clock_seconds();
    ok(mysql_lock_instance(c, 1, &timed_out));
    assert_true(timed_out);
    assert_true(clock_seconds() - since > 0.5 && clock_seconds() - since < 10);
    ok(conn_exec(reader, "ROLLBACK"));
    background_end(&ddl);
    ok(mysql_lock_instance(c, 10, &timed_out));
    assert_false(timed_out);
    ok(mysql_unlock_instance(c));
    ok(conn_exec(dba, "ALTER TABLE mbe_test.t DROP COLUMN b"));
}

static void commits_stop_and_resume(void **state)
{
    NEEDS_SERVER;
    AUTO(conn) c = root_conn();
    bool timed_out = true;
    struct mysql_traffic t;
    ok(mysql_stop_commits_if_quiet(c, 5, 1, &timed_out, &t));
    assert_false(timed_out);
    assert_true(t.knows_locks);
    assert_null(t.example);
    mysql_traffic_fini(&t);
    ok(conn_exec(dba, "SET SESSION lock_wait_timeout = 1"));
    fails(conn_exec(dba, "INSERT INTO mbe_test.t VALUES (20)"), ERR_SERVER, "Lock wait timeout");
    ok(mysql_resume_commits(c));
    ok(conn_exec(dba, "INSERT INTO mbe_test.t VALUES (20)"));
}

static void a_slow_statement_is_seen_and_not_queued_behind(void **state)
{
    NEEDS_SERVER;
    AUTO(conn) c = root_conn();
    struct background slow;
    struct mysql_traffic t = {0};
    bool timed_out = false;
    background_start(&slow, "SELECT SLEEP(2) FROM mbe_test.t WHERE a < 3");
    for (int i = 0; i < 100 && !t.slow; i++) {
        clock_sleep_ms(50);
        mysql_traffic_fini(&t);
        ok(mysql_traffic_load(&t, c));
    }
    assert_int_equal(t.slow, 1);
    assert_false(mysql_traffic_is_quiet(&t, 1));
    assert_true(mysql_traffic_is_quiet(&t, 10)); /* but not too old for the end */
    assert_non_null(strstr(t.example, "s: SELECT SLEEP(2) FROM mbe_test.t"));
    mysql_traffic_fini(&t);
    const double since = clock_seconds();
    ok(mysql_stop_commits_if_quiet(c, 5, 1, &timed_out, &t));
    assert_true(timed_out);
    assert_true(clock_seconds() - since < 0.9);
    mysql_traffic_fini(&t);
    ok(mysql_stop_commits(c, 1, &timed_out)); /* in vain: it reads a table */
    assert_true(timed_out);
    ok(mysql_stop_commits_if_quiet(c, 5, 10, &timed_out, &t));
    assert_false(timed_out);
    mysql_traffic_fini(&t);
    ok(mysql_resume_commits(c));
    background_end(&slow);
    ok(conn_exec(dba, "INSERT INTO mbe_test.t VALUES (30)"));
}

static void ddl_that_waits_for_our_instance_lock_does_not_put_commits_off(void **state)
{
    NEEDS_SERVER;
    enum { DEADLOCK = 1213 };
    AUTO(conn) c = root_conn();
    AUTO(conn) queries = root_conn();
    AUTO_FREE char *old = NULL;
    struct background ddl;
    struct mysql_traffic t = {0};
    bool timed_out = true;
    ok(mysql_lock_instance(c, 2, &timed_out));
    background_start(&ddl, "CREATE TABLE mbe_test.waits (a INT)");
    await_state("Waiting for backup lock");
    for (int i = 0; i < 100 && !old; i++) {
        clock_sleep_ms(50);
        ok(conn_query_text(queries, &old,
                           "SELECT 1 FROM performance_schema.processlist"
                           " WHERE STATE = 'Waiting for backup lock' AND TIME >= 1"));
    }
    assert_non_null(old);
    ok(mysql_stop_commits_if_quiet(c, 5, 1, &timed_out, &t));
    assert_false(timed_out);
    assert_int_equal(t.slow, 0);
    mysql_traffic_fini(&t);
    ok(mysql_resume_commits(c));
    ok(mysql_unlock_instance(c));
    assert_int_equal(pthread_join(ddl.thread, NULL), 0);
    assert_int_equal(conn_errno(ddl.conn), DEADLOCK);
    err_free(ddl.e);
    conn_close(ddl.conn);
}

static void writers_and_waiters_are_counted(void **state)
{
    NEEDS_SERVER;
    AUTO(conn) holder = root_conn();
    AUTO(conn) c = root_conn();
    struct background writer, waiter;
    struct mysql_traffic t;
    ok(conn_exec(holder, "START TRANSACTION"));
    ok(conn_exec(holder, "UPDATE mbe_test.t SET a = 100 WHERE a = 1"));
    background_start(&writer, "DELETE FROM mbe_test.t WHERE a = 1");
    await_state("updating");
    background_start(&waiter, "FLUSH TABLES WITH READ LOCK");
    await_state("Waiting for global read lock");
    ok(mysql_traffic_load(&t, c));
    assert_int_equal(t.writers, 1);
    assert_int_equal(t.waiters, 1);
    assert_false(mysql_traffic_is_quiet(&t, 1));
    mysql_traffic_fini(&t);
    ok(conn_exec(holder, "ROLLBACK"));
    background_end(&writer);
    background_end(&waiter);
}

/* Takes both locks, says so, and waits for its end. */
static void hold_locks(int fd)
{
    bool timed_out = true;
    struct conn *c = root_conn();
    if (mysql_lock_instance(c, 5, &timed_out) || timed_out ||
        mysql_stop_commits(c, 5, &timed_out) || timed_out || write(fd, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void locks_die_with_their_holder(void **state)
{
    NEEDS_SERVER;
    int fds[2];
    char byte;
    assert_int_equal(pipe(fds), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (!child)
        hold_locks(fds[1]);
    close(fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    close(fds[0]);
    ok(conn_exec(dba, "SET SESSION lock_wait_timeout = 1"));
    fails(conn_exec(dba, "CREATE TABLE mbe_test.v (a INT)"), ERR_SERVER, "Lock wait timeout");
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    ok(conn_exec(dba, "SET SESSION lock_wait_timeout = 5"));
    ok(conn_exec(dba, "CREATE TABLE mbe_test.v (a INT)"));
    ok(conn_exec(dba, "INSERT INTO mbe_test.v VALUES (1)"));
    ok(conn_exec(dba, "DROP TABLE mbe_test.v"));
}

static void there_is_one_consumer_and_it_goes_forward(void **state)
{
    NEEDS_SERVER;
    AUTO(conn) a = root_conn();
    AUTO(conn) b = root_conn();
    struct mysql_log_status s;
    bool registered = false;
    ok(mysql_log_status_load(&s, a));
    ok(mysql_consumer_register(a, &registered));
    assert_true(registered);
    ok(mysql_consumer_register(b, &registered));
    assert_false(registered);
    ok(mysql_consumer_advance(a, s.lsn));
    fails(mysql_consumer_advance(a, s.lsn - 512), ERR_SERVER, "does not keep its redo log for us");
    fails(mysql_consumer_advance(b, s.lsn), ERR_SERVER, "does not keep its redo log for us");
    fails(mysql_consumer_unregister(b), ERR_SERVER, "does not keep its redo log for us");
    ok(mysql_consumer_unregister(a));
    fails(mysql_consumer_advance(a, s.lsn), ERR_SERVER, "does not keep its redo log for us");
    ok(mysql_consumer_register(b, &registered));
    assert_true(registered);
    mysql_log_status_fini(&s);
}

static bool is_there(const char *path)
{
    return !access(path, F_OK);
}

/* Waits until the server has noticed that a session is gone. */
static void await_removal(const char *path)
{
    for (int i = 0; i < 500 && is_there(path); i++)
        clock_sleep_ms(10);
    assert_false(is_there(path));
}

static void there_is_one_archive_and_it_is_its_session_s(void **state)
{
    NEEDS_SERVER;
    char dir[] = "/tmp/mbe-mysql-test-XXXXXX";
    struct mysql_archive_places p;
    char *busy;
    assert_non_null(mkdtemp(dir));
    struct conn *a = root_conn();
    AUTO(conn) b = root_conn();
    ok(mysql_archive_places_load(&p, a));
    assert_int_equal(p.n, 0);
    fails(mysql_archive_start(&busy, a, ""), ERR_SERVER, "is NULL or empty");
    ok(conn_exec(dba, "SET GLOBAL innodb_redo_log_archive_dirs = ':/nowhere;it''s:%s'", dir));
    ok(mysql_archive_places_load(&p, a));
    assert_int_equal(p.n, 2);
    assert_string_equal(p.items[1].label, "it's");
    assert_string_equal(p.items[1].dir, dir);
    const char *path = p.items[1].path;
    fails(mysql_archive_start(&busy, a, "it"), ERR_SERVER, "Label 'it' not found");
    fails(mysql_archive_start(&busy, a, ""), ERR_SERVER, "does not exist or is not a directory");
    ok(mysql_archive_start(&busy, a, "it's"));
    assert_null(busy);
    assert_true(is_there(path));
    ok(mysql_archive_start(&busy, b, ""));
    assert_string_equal(busy, path);
    free(busy);
    fails(mysql_archive_stop(b), ERR_SERVER, "not been started by this session");
    ok(mysql_archive_stop(a));
    assert_true(is_there(path));
    fails(mysql_archive_start(&busy, a, "it's"), ERR_SERVER, "File exists");
    assert_int_equal(unlink(path), 0);
    ok(mysql_archive_start(&busy, a, "it's"));
    assert_int_equal(unlink(path), 0); /* it goes on without */
    ok(mysql_archive_stop(a));
    ok(mysql_archive_start(&busy, a, "it's"));
    assert_true(is_there(path));
    conn_close(a);
    await_removal(path);
    assert_int_equal(rmdir(dir), 0);
    ok(conn_exec(dba, "SET GLOBAL innodb_redo_log_archive_dirs = DEFAULT"));
    mysql_archive_places_fini(&p);
}

static void the_log_status_is_what_the_server_shows(void **state)
{
    NEEDS_SERVER;
    struct mysql_log_status s;
    struct coordinates at;
    struct rows rows;
    bool timed_out;
    AUTO(conn) c = root_conn();
    ok(mysql_stop_commits(c, 5, &timed_out));
    ok(mysql_log_status_load(&s, c));
    ok(mysql_flush_logs(c));
    ok(conn_query(c, &rows, "SHOW BINARY LOG STATUS"));
    ok(coordinates_of_log_status(&at, &s, c));
    ok(mysql_resume_commits(c));
    assert_string_equal(at.binlog_file, rows_get(&rows, 0, "File"));
    assert_int_equal(at.binlog_position, strtoull(rows_get(&rows, 0, "Position"), NULL, 10));
    assert_string_equal(at.gtid_executed, rows_get(&rows, 0, "Executed_Gtid_Set"));
    assert_true(s.lsn >= s.checkpoint_lsn && s.checkpoint_lsn > 0);
    rows_fini(&rows);
    coordinates_fini(&at);
    mysql_log_status_fini(&s);
}

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

static const struct mysql_space *space_named(const struct mysql_spaces *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->items[i].name, name))
            return &s->items[i];
    fail_msg("no tablespace is named %s", name);
    return NULL;
}

static void make_spaces(void)
{
    ok(conn_exec(dba, "CREATE TABLE mbe_test.gone (a INT)"));
    ok(conn_exec(dba, "ALTER TABLE mbe_test.gone DISCARD TABLESPACE"));
    ok(conn_exec(dba, "CREATE TABLE mbe_test.p (a INT) PARTITION BY HASH (a) PARTITIONS 2"));
    ok(conn_exec(dba, "CREATE TABLESPACE mbe_general ADD DATAFILE 'mbe_general.ibd'"));
}

static void drop_spaces(void)
{
    ok(conn_exec(dba, "DROP TABLESPACE mbe_general"));
    ok(conn_exec(dba, "DROP TABLE mbe_test.gone, mbe_test.p"));
}

static void the_dictionary_names_every_tablespace(void **state)
{
    NEEDS_SERVER;
    struct mysql_spaces s;
    struct mysql_datafiles d;
    make_spaces();
    struct err *e = mysql_spaces_load(&s, dba);
    struct err *e2 = mysql_datafiles_load(&d, dba);
    drop_spaces();
    ok(e);
    ok(e2);
    const struct mysql_space *t = space_named(&s, "mbe_test/t");
    const struct mysql_space *general = space_named(&s, "mbe_general");
    assert_string_equal(t->state, "normal");
    assert_false(t->discarded);
    assert_false(t->encrypted);
    assert_string_equal(t->type, "Single");
    assert_string_equal(mysql_datafiles_path(&d, t->id), "./mbe_test/t.ibd");
    assert_true(space_named(&s, "mbe_test/gone")->discarded);
    assert_string_equal(general->type, "General");
    assert_string_equal(mysql_datafiles_path(&d, general->id), "mbe_general.ibd");
    assert_string_equal(space_named(&s, "innodb_undo_001")->type, "Undo");
    assert_string_equal(space_named(&s, "innodb_undo_001")->state, "active");
    (void)space_named(&s, "mbe_test/p#p#p1");
    assert_int_equal(space_named(&s, "mysql")->id, MYSQL_SPACE_DICTIONARY);
    for (size_t i = 0; i < s.n; i++) { /* by id, without the two that are no files to copy */
        assert_true(s.items[i].id > (i ? s.items[i - 1].id : 0));
        assert_int_not_equal(s.items[i].id, MYSQL_SPACE_TEMPORARY);
    }
    assert_null(mysql_datafiles_path(&d, 0xFFFFFFF0));
    mysql_spaces_fini(&s);
    mysql_datafiles_fini(&d);
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
        cmocka_unit_test(the_server_is_known_with_its_settings),
        cmocka_unit_test(the_start_of_the_server_is_the_same_whenever_it_is_asked),
        cmocka_unit_test(page_tracking_is_begun_reset_and_ended),
        cmocka_unit_test(a_checkpoint_is_made_when_asked_for_by_who_may),
        cmocka_unit_test(a_session_is_never_limited_and_keeps_no_transaction),
        cmocka_unit_test(a_disabled_redo_log_is_refused),
        cmocka_unit_test(the_instance_lock_stops_ddl_until_it_is_let_go),
        cmocka_unit_test(the_instance_lock_is_waited_for_as_long_as_asked),
        cmocka_unit_test(commits_stop_and_resume),
        cmocka_unit_test(a_slow_statement_is_seen_and_not_queued_behind),
        cmocka_unit_test(ddl_that_waits_for_our_instance_lock_does_not_put_commits_off),
        cmocka_unit_test(writers_and_waiters_are_counted),
        cmocka_unit_test(locks_die_with_their_holder),
        cmocka_unit_test(there_is_one_consumer_and_it_goes_forward),
        cmocka_unit_test(there_is_one_archive_and_it_is_its_session_s),
        cmocka_unit_test(the_log_status_is_what_the_server_shows),
        cmocka_unit_test(a_replica_tells_its_source),
        cmocka_unit_test(a_replica_is_where_its_foremost_thread_is),
        cmocka_unit_test(threads_without_order_leave_no_place),
        cmocka_unit_test(a_replica_takes_two_privileges_more),
        cmocka_unit_test(the_dictionary_names_every_tablespace),
        cmocka_unit_test(a_missing_privilege_is_named_with_its_grant),
        cmocka_unit_test(the_hint_is_all_it_takes_and_roles_count_when_active),
        cmocka_unit_test(everything_works_with_the_least_and_leaves_no_trace),
        cmocka_unit_test(what_is_not_granted_is_refused_by_the_server),
        cmocka_unit_test(tcp_is_encrypted_as_the_option_files_say),
        cmocka_unit_test(the_datadir_is_proven_over_tcp_too),
    };
    return cmocka_run_group_tests(tests, find_server, leave_server);
}
