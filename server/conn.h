/* server/conn.h: one connection to the server. All mysql_* calls live in server/. A connection
 * belongs to one thread. */
#ifndef MBE_SERVER_CONN_H
#define MBE_SERVER_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct conn_options {
    const char *
        defaults_file; /* read [client] and [mbe] of this file only; NULL: the usual option files */
    const char *defaults_extra_file;
    const char *host, *socket, *user;
    char *password; /* NULL: from the option files; never logged */
    unsigned port;  /* 0: default */
    bool no_defaults;
};

struct conn;

/* Connects. SERVER on failure, with the client's message, and a hint; USAGE for an option file that
 * cannot be read. Groups [client] and [mbe] are read, what is given here wins over them. An
 * explicit port with no host or "localhost" means TCP, an explicit socket with no host means that
 * socket. The session never times out while it is idle (a copy may take longer than the server's
 * wait_timeout), is never limited by max_statement_time and never reconnects by itself. */
struct err *conn_open(struct conn **out, const struct conn_options *options) MUST_CHECK;
void conn_close(struct conn *c); /* NULL is fine */
CLEANUP(conn, conn_close)

/* Cuts the line to the server, so that closing need not wait for the rest of a result that is being read; nothing else can be done
 * with the connection then. Locks and transactions end with it, as with any lost connection. */
void conn_abandon(struct conn *c);

/* The number that the server knows this connection by, for KILL. */
uint64_t conn_id(const struct conn *c);

/* Server error number behind the last failure of this connection (1205 lock wait timeout, 1213
 * deadlock, 1227 missing privilege, 2006 gone away, ...); 0 if none. */
unsigned conn_errno(const struct conn *c);
/* Whether an error number means that the connection is gone. */
bool conn_errno_is_lost(unsigned n);

/* Whether the last failure was an end of waiting for a lock (1205 timeout, 1213 deadlock): nothing
 * was locked by it, and the statement may be repeated. */
bool conn_lock_timed_out(const struct conn *c);
/* Whether an error number means that the account lacks a privilege. */
bool conn_errno_is_denied(unsigned n);
/* Whether an error number means that a function is not there. A session without a default database is told that it has none. */
static inline bool conn_errno_is_no_function(unsigned n)
{
    return n == 1046 || n == 1305;
}

/* Process at the other end of a local socket, as seen from here; 0 when it is not known (TCP,
 * another pid namespace). */
int64_t conn_peer_pid(const struct conn *c);

/* Runs a statement; a result set is read and thrown away. */
struct err *conn_exec(struct conn *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))) MUST_CHECK;

/* A whole result set in memory (small ones only). Strings NUL-terminated; NULL for SQL NULL. */
struct rows {
    size_t n_rows, n_cols;
    char **names; /* n_cols */
    char **cells; /* n_rows * n_cols, row-major */
};
struct err *conn_query(struct conn *c, struct rows *out, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))) MUST_CHECK;
void rows_fini(struct rows *r);
/* Cell by column name; NULL if absent or SQL NULL. */
const char *rows_get(const struct rows *r, size_t row, const char *column);
/* First cell of the first row as text (owned by caller; *out NULL if no row or SQL NULL). */
struct err *conn_query_text(struct conn *c, char **out, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))) MUST_CHECK;
/* Number from SHOW GLOBAL STATUS LIKE name. */
struct err *conn_status_u64(struct conn *c, uint64_t *out, const char *name) MUST_CHECK;

#endif
