/* server/mysql_test_util.h: what the tests against a real MySQL share. MBE_TEST_MYSQL names the socket of a server made for this: root
 * without a password, which may do everything, a binary log with GTIDs, TCP on 127.0.0.1, and a datadir that is seen from here. Without it
 * every test is skipped. Included once per test program, after cmocka.h. */
#ifndef MBE_SERVER_MYSQL_TEST_UTIL_H
#define MBE_SERVER_MYSQL_TEST_UTIL_H

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "server/conn.h"
#include "server/server_info.h"

enum { DENIED = 1227, NO_SELECT = 1142, LOCK_TIMEOUT = 1205 };

static struct conn *dba; /* of the test alone; NULL: there is no server */

static inline const char *socket_path(void)
{
    return getenv("MBE_TEST_MYSQL");
}

static inline void ok(struct err *e)
{
    if (e)
        fail_msg("%s", e->message);
}

static inline void fails(struct err *e, enum err_kind kind, const char *message)
{
    assert_non_null(e);
    assert_int_equal(e->kind, kind);
    if (!strstr(e->message, message))
        fail_msg("got '%s', expected '%s'", e->message, message);
    err_free(e);
}

static inline struct conn *root_conn(void)
{
    struct conn *c = NULL;
    ok(conn_open(
        &c, &(struct conn_options){.socket = socket_path(), .user = "root", .no_defaults = true}));
    return c;
}

static inline struct conn *user_conn(const char *user)
{
    AUTO_FREE char *password = mem_strdup("pw");
    struct conn *c = NULL;
    ok(conn_open(
        &c, &(struct conn_options){
                .socket = socket_path(), .user = user, .password = password, .no_defaults = true}));
    return c;
}

static inline int find_server(void **state)
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

static inline int leave_server(void **state)
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

static inline struct server_info loaded(struct conn *c)
{
    struct server_info s;
    ok(server_info_load(&s, c));
    return s;
}

#endif
