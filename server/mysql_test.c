/* server/mysql_test.c: what server/ asks of MySQL, against a real one (mysql_test_util.h): its settings, locks, page tracking, the redo
 * log's consumer and archive, log status, dictionary. What depends on the account is in mysql_account_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "server/coords.h"
#include "server/mysql.h"
#include "server/mysql_archive.h"
#include "server/mysql_consumer.h"
#include "server/mysql_dict.h"
#include "server/mysql_log_status.h"
#include "server/mysql_test_util.h"
#include "server/page_track.h"
#include "server/privileges.h"

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
        cmocka_unit_test(the_dictionary_names_every_tablespace),
    };
    return cmocka_run_group_tests(tests, find_server, leave_server);
}
