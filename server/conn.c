/* server/conn.c: see conn.h. The client library may be MariaDB's or Oracle's; where their options
 * differ it is decided here, by the macros of their headers, and nowhere else. */
#include "server/conn_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "server/option_files.h"

#ifdef MARIADB_PACKAGE_VERSION
#define CLIENT_IS_MARIADB 1
#else
#define CLIENT_IS_MARIADB 0
#endif

enum {
    CONNECT_TIMEOUT_S = 10,
    /* Only ends a wait for a server that is gone without a word. Waits for locks are bounded by the
     * session's lock_wait_timeout, which is much shorter. */
    READ_TIMEOUT_S = 3600,
    WRITE_TIMEOUT_S = 60,
    SHOWN_STATEMENT_MAX = 80,
};

/* wait_timeout: a connection may wait for its turn as long as a copy takes. sql_select_limit,
 * sql_big_selects: all rows of whatever is asked. sql_mode and
 * sql_quote_show_create: so that SHOW GRANTS is quoted as we parse it. No limit for a statement; MySQL
 * knows the one, MariaDB the other, and neither runs what the other's comment holds: for MariaDB
 * 10.11.19 and 11.8 numbers 50700 to 50999 are MySQL's alone, for MySQL 9.7.4 "M" makes it a plain
 * comment. autocommit: MySQL's dictionary views read tables, and would keep a transaction open. */
static const char session_setup[] =
    "SET SESSION wait_timeout=2592000, sql_mode='', sql_quote_show_create=1,"
    " sql_select_limit=18446744073709551615, sql_big_selects=1"
    " /*M!100101 , max_statement_time=0 */"
    " /*!50708 , max_execution_time=0, autocommit=1 */";

#define NOT_REACHED                                                                        \
    "Is the server running and listening there? Check --socket, or --host and --port, or " \
    "[client] in the option files "                                                        \
    "(SELECT @@socket, @@port shows what is right)."

/* What to do about an error of connecting. */
static const struct {
    unsigned number;
    const char *hint;
} connect_hints[] = {
    {1040, "The server has no free connection; raise max_connections or try again later."},
    {1045, "User and password come from the command line or from [client] and [mbe] of the option "
           "files; check them there, "
           "and that this account may log in from this host. One that requires TLS is refused "
           "without it: see ssl-mode there."},
    {1698, "This account has no password login. Run mbe as the operating system user of the same "
           "name, or give the account "
           "a password."},
    {1130,
     "The server has no account for this host; create one, or connect through the local socket."},
    {2002, NOT_REACHED}, /* MariaDB's library for TCP as well */
    {2003, NOT_REACHED},
    {2005, "Check the name given with --host."},
    {2059,
     "The client library has no such authentication plugin: install it (Debian: libmariadb3 has "
     "caching_sha2_password.so), or say where it is with plugin-dir in [client] of the "
     "option files."},
    {2061, "Over TCP this account needs TLS or the server's RSA key: see ssl-ca in [client] of the "
           "option files, or connect through the local socket."},
    {3159,
     "The server takes TLS or the local socket only: put ssl-mode=REQUIRED into [client] of the "
     "option files, or give --socket."},
    {2026,
     "TLS settings (ssl-mode, ssl-ca, ssl-cert, ssl-key, ...) are taken from [client] and [mbe] of "
     "the option files. MariaDB's client library also checks the host name for "
     "ssl-mode=VERIFY_CA; ssl-mode=REQUIRED with ssl-ca checks the issuer alone."},
};

static const char *hint_for(unsigned number)
{
    for (size_t i = 0; i < sizeof connect_hints / sizeof connect_hints[0]; i++)
        if (connect_hints[i].number == number)
            return connect_hints[i].hint;
    return NULL;
}

static void library_init(void)
{
    /* The first mysql_init does this as well, but not safely when two threads come at once. Nothing
     * ends the library: what it holds goes with the process. */
    mysql_library_init(0, NULL, NULL);
}

static void set_number(MYSQL *mysql, enum mysql_option option, unsigned value)
{
    mysql_options(mysql, option, &value);
}

static void set_common_options(MYSQL *mysql)
{
    set_number(mysql, MYSQL_OPT_CONNECT_TIMEOUT, CONNECT_TIMEOUT_S);
    set_number(mysql, MYSQL_OPT_READ_TIMEOUT, READ_TIMEOUT_S);
    set_number(mysql, MYSQL_OPT_WRITE_TIMEOUT, WRITE_TIMEOUT_S);
    set_number(mysql, MYSQL_OPT_LOCAL_INFILE, 0); /* no server may ask us for files */
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

static bool is_local_name(const char *host)
{
    return !host || !host[0] || !strcmp(host, "localhost");
}

/* What the caller asked for; what comes from option files the library keeps to itself, and its
 * message names the rest. Never a password. */
static char *describe(const struct conn_options *o)
{
    AUTO_FREE char *as = o->user ? mem_printf(" as user '%s'", o->user) : mem_strdup("");
    AUTO_FREE char *port = o->port ? mem_printf(" on port %u", o->port) : mem_strdup("");

    if (o->socket && is_local_name(o->host))
        return mem_printf("the server at socket %s%s", o->socket, as);
    if (o->host && o->host[0])
        return mem_printf("the server on host %s%s%s", o->host, port, as);
    return mem_printf("the server%s%s", port, as);
}

static struct err *connect_error(MYSQL *mysql, const struct conn_options *o)
{
    const unsigned number = mysql_errno(mysql);
    AUTO_FREE char *where = describe(o);
    struct err *e =
        err_make(SERVER, "cannot connect to %s: %s (error %u)", where, mysql_error(mysql), number);
    const char *hint = hint_for(number);
    return hint ? err_hint(e, "%s", hint) : e;
}

static struct err *read_option_files(MYSQL *mysql, int fd)
{
    char path[64];
    if (fd < 0)
        return NULL;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (access(path, R_OK))
        return err_os("%s: cannot hand the option files to the client library", path);
    mysql_options(mysql, MYSQL_READ_DEFAULT_FILE, path);
    mysql_options(mysql, MYSQL_READ_DEFAULT_GROUP, "mbe");
    return NULL;
}

/* The option files are read inside mysql_real_connect, so that what they must not change is set
 * behind it. */
static struct err *prepare_session(struct conn *c)
{
#if CLIENT_IS_MARIADB
    const my_bool off = 0;
    mysql_options(c->mysql, MYSQL_OPT_RECONNECT, &off);
#endif
    if (mysql_set_character_set(c->mysql, "utf8mb4"))
        return err_make(SERVER, "cannot set the character set utf8mb4: %s", mysql_error(c->mysql));
    return conn_exec(c, session_setup);
}

struct err *conn_open(struct conn **out, const struct conn_options *o)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    AUTO_FD int files = -1;
    AUTO(conn) c = mem_zalloc(sizeof *c);
    const char *host = o->host;

    pthread_once(&once, library_init);
    TRY(option_files_gather(&files, o));
    c->mysql = mysql_init(NULL);
    if (!c->mysql)
        return err_make(FAILED, "the client library is out of memory");
    set_common_options(c->mysql);
    TRY(read_option_files(c->mysql, files));
    if (o->port && !o->socket && is_local_name(host))
        set_number(c->mysql, MYSQL_OPT_PROTOCOL, MYSQL_PROTOCOL_TCP);
    if (o->socket && !host)
        host = "localhost";
    if (!mysql_real_connect(c->mysql, host, o->user, o->password, NULL, o->port, o->socket, 0))
        return connect_error(c->mysql, o);
    TRY(prepare_session(c));
    *out = c;
    c = NULL;
    return NULL;
}

void conn_close(struct conn *c)
{
    if (!c)
        return;
    if (c->mysql)
        mysql_close(c->mysql);
    free(c);
}

void conn_abandon(struct conn *c)
{
    shutdown((int)c->mysql->net.fd, SHUT_RDWR);
}

uint64_t conn_id(const struct conn *c)
{
    return mysql_thread_id(c->mysql);
}

unsigned conn_errno(const struct conn *c)
{
    return c->last_errno;
}

bool conn_errno_is_lost(unsigned n)
{
    switch (n) {
    case 1053: /* server shutdown in progress */
    case 1158: /* the server's own network errors */
    case 1159:
    case 1160:
    case 1161:
    case 1927: /* connection was killed */
    case 2006: /* server has gone away */
    case 2013: /* lost connection during query */
    case 2055: /* the same, with the system's error */
    case 4031: /* disconnected by the server because of inactivity */
        return true;
    default:
        return false;
    }
}

bool conn_lock_timed_out(const struct conn *c)
{
    return c->last_errno == 1205 || c->last_errno == 1213;
}

bool conn_errno_is_denied(unsigned n)
{
    return n == 1044 || n == 1142 || n == 1143 || n == 1227; /* database, table, column, global */
}

int64_t conn_peer_pid(const struct conn *c)
{
    struct ucred peer = {0};
    socklen_t len = sizeof peer;
    if (getsockopt((int)c->mysql->net.fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
        len < sizeof peer)
        return 0;
    return peer.pid > 0 ? peer.pid : 0;
}

struct err *conn_statement_error(struct conn *c, const char *sql, unsigned number,
                                 const char *message)
{
    c->last_errno = number;
    return err_make(SERVER, "%.*s%s: %s (error %u)", SHOWN_STATEMENT_MAX, sql,
                    strlen(sql) > SHOWN_STATEMENT_MAX ? "..." : "", message, number);
}

static struct err *statement_error(struct conn *c, const char *sql)
{
    return conn_statement_error(c, sql, mysql_errno(c->mysql), mysql_error(c->mysql));
}

/* Runs a statement. *result is NULL if it has none, else owned by caller. */
static struct err *run(struct conn *c, const char *sql, MYSQL_RES **result)
{
    if (mysql_real_query(c->mysql, sql, (unsigned long)strlen(sql)))
        return statement_error(c, sql);
    *result = mysql_store_result(c->mysql);
    if (!*result && mysql_field_count(c->mysql))
        return statement_error(c, sql);
    return NULL;
}

__attribute__((format(printf, 1, 0))) static char *format(const char *fmt, va_list ap)
{
    char *sql = NULL;
    return vasprintf(&sql, fmt, ap) < 0 ? NULL : sql;
}

static struct err *no_memory(void)
{
    return err_make(FAILED, "out of memory for a statement");
}

struct err *conn_exec(struct conn *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    AUTO_FREE char *sql = format(fmt, ap);
    va_end(ap);
    MYSQL_RES *result = NULL;
    if (!sql)
        return no_memory();
    TRY(run(c, sql, &result));
    if (result)
        mysql_free_result(result);
    return NULL;
}

static void rows_take(struct rows *out, MYSQL_RES *result)
{
    const MYSQL_FIELD *fields = mysql_fetch_fields(result);
    out->n_cols = mysql_num_fields(result);
    out->n_rows = (size_t)mysql_num_rows(result);
    out->names = mem_zalloc(out->n_cols * sizeof *out->names);
    out->cells = mem_zalloc(out->n_rows * out->n_cols * sizeof *out->cells);
    for (size_t col = 0; col < out->n_cols; col++)
        out->names[col] = mem_strdup(fields[col].name);
    for (size_t row = 0; row < out->n_rows; row++) {
        const MYSQL_ROW cells = mysql_fetch_row(result);
        for (size_t col = 0; cells && col < out->n_cols; col++)
            if (cells[col])
                out->cells[row * out->n_cols + col] = mem_strdup(cells[col]);
    }
}

static struct err *query(struct conn *c, struct rows *out, const char *sql)
{
    MYSQL_RES *result = NULL;
    *out = (struct rows){0};
    TRY(run(c, sql, &result));
    if (!result)
        return NULL;
    rows_take(out, result);
    mysql_free_result(result);
    return NULL;
}

struct err *conn_query(struct conn *c, struct rows *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    AUTO_FREE char *sql = format(fmt, ap);
    va_end(ap);
    *out = (struct rows){0};
    return sql ? query(c, out, sql) : no_memory();
}

void rows_fini(struct rows *r)
{
    for (size_t i = 0; i < r->n_cols; i++)
        free(r->names[i]);
    for (size_t i = 0; i < r->n_rows * r->n_cols; i++)
        free(r->cells[i]);
    free(r->names);
    free(r->cells);
    *r = (struct rows){0};
}

const char *rows_get(const struct rows *r, size_t row, const char *column)
{
    if (row >= r->n_rows)
        return NULL;
    for (size_t i = 0; i < r->n_cols; i++)
        if (!strcasecmp(r->names[i], column))
            return r->cells[row * r->n_cols + i];
    return NULL;
}

struct err *conn_query_text(struct conn *c, char **out, const char *fmt, ...)
{
    struct rows rows;
    va_list ap;
    va_start(ap, fmt);
    AUTO_FREE char *sql = format(fmt, ap);
    va_end(ap);
    *out = NULL;
    if (!sql)
        return no_memory();
    TRY(query(c, &rows, sql));
    if (rows.n_rows && rows.n_cols && rows.cells[0])
        *out = mem_strdup(rows.cells[0]);
    rows_fini(&rows);
    return NULL;
}

struct err *conn_status_u64(struct conn *c, uint64_t *out, const char *name)
{
    struct rows rows;
    TRY(conn_query(c, &rows, "SHOW GLOBAL STATUS LIKE '%s'", name));
    const char *text = rows_get(&rows, 0, "Value");
    char *end = NULL;
    *out = text ? strtoull(text, &end, 10) : 0;
    const bool valid = text && end != text && !*end;
    rows_fini(&rows);
    return valid ? NULL : err_make(SERVER, "the server has no status value %s", name);
}
