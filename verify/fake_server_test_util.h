/* verify/fake_server_test_util.h: a server for tests, in place of server/conn.c and row_stream.c: one schema `d` with tables (id INT
 * PRIMARY KEY, v VARCHAR), of InnoDB or MyISAM, and something that goes wrong at one of them. It notes what it is told. Included once per
 * test program, after cmocka.h. */
#ifndef MBE_VERIFY_FAKE_SERVER_TEST_UTIL_H
#define MBE_VERIFY_FAKE_SERVER_TEST_UTIL_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/signals.h"
#include "server/conn.h"
#include "server/row_stream.h"

enum fault {
    FAULT_NONE,
    FAULT_LOST,    /* the connection, in the middle of the table's rows */
    FAULT_ALTERED, /* error 1412 there */
    FAULT_DROPPED, /* error 1146 when it is to be held */
    FAULT_MALFORMED, /* a value that its column cannot have: of a library that gives other than it was asked for */
    FAULT_STOP, /* a signal comes there */
};

enum { FAKE_TABLES = 4, FAKE_LOG_MAX = 64 << 10 };

struct fake_table {
    const char *name;
    bool plain;
    unsigned rows;
    unsigned other; /* id of a row with another value; 0: none */
    enum fault fault;
    unsigned number; /* its TABLE_ID */
    unsigned
        swaps_behind; /* its number is another one when this many statements were seen; 0: never */
};

/* One for each conn_options.host: "a", "b". */
struct fake_server {
    struct fake_table tables[FAKE_TABLES];
    size_t n;
    bool is_mysql, no_process;
    unsigned statements;
    char log[FAKE_LOG_MAX]; /* what it was told, a line for each statement */
    size_t n_log;
};

static struct fake_server fake_servers[2];
static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER; /* guards statements and log */

struct conn {
    struct fake_server *server;
    unsigned last_errno;
    bool lost;
};

struct row_stream {
    struct conn *conn;
    const struct fake_table *table;
    bool only_one;
    unsigned id, to;
    struct row_cell cells[2];
    char v[32];
    size_t n;
};

/* --- answers --- */

static void fake_note(struct conn *c, const char *statement)
{
    struct fake_server *s = c->server;
    pthread_mutex_lock(&fake_lock);
    s->statements++;
    const int n = snprintf(s->log + s->n_log, FAKE_LOG_MAX - s->n_log, "%s\n", statement);
    if (n > 0 && s->n_log + (size_t)n < FAKE_LOG_MAX)
        s->n_log += (size_t)n;
    pthread_mutex_unlock(&fake_lock);
}

static struct err *fake_error(struct conn *c, unsigned number, const char *statement)
{
    c->last_errno = number;
    c->lost = c->lost || number == 2013;
    return err_make(SERVER, "%.20s: (error %u)", statement, number);
}

/* The table that a statement names as `d`.`t`; NULL: none of them. */
static struct fake_table *fake_named(struct fake_server *s, const char *statement)
{
    for (size_t i = 0; i < s->n; i++) {
        AUTO_FREE char *name = mem_printf("`d`.`%s`", s->tables[i].name);
        if (strstr(statement, name))
            return &s->tables[i];
    }
    return NULL;
}

static void fake_begin(struct rows *out, size_t n_cols, const char *const *names)
{
    out->n_cols = n_cols;
    out->names = mem_zalloc(n_cols * sizeof *out->names);
    for (size_t i = 0; i < n_cols; i++)
        out->names[i] = mem_strdup(names[i]);
}

static void fake_row(struct rows *out, const char *const *cells)
{
    out->cells = mem_realloc(out->cells, (out->n_rows + 1) * out->n_cols * sizeof *out->cells);
    for (size_t i = 0; i < out->n_cols; i++)
        out->cells[out->n_rows * out->n_cols + i] = cells[i] ? mem_strdup(cells[i]) : NULL;
    out->n_rows++;
}

static void fake_ids(struct rows *out, const struct fake_server *s)
{
    fake_begin(out, 2, (const char *const[]){"NAME", "numbers"});
    for (size_t i = 0; i < s->n; i++) {
        const struct fake_table *t = &s->tables[i];
        const bool swapped = t->swaps_behind && s->statements > t->swaps_behind;
        AUTO_FREE char *name = mem_printf("d/%s", t->name),
                       *number = mem_printf("%u 1", t->number + swapped);
        fake_row(out, (const char *const[]){name, number});
    }
}

static void fake_answer(struct rows *out, const struct fake_server *s, const char *q)
{
    if (strstr(q, "SCHEMATA")) {
        fake_begin(out, 1, (const char *const[]){"SCHEMA_NAME"});
        fake_row(out, (const char *const[]){"d"});
    } else if (strstr(q, "TABLE_TYPE")) {
        fake_begin(out, 3, (const char *const[]){"TABLE_NAME", "TABLE_TYPE", "ENGINE"});
        for (size_t i = 0; i < s->n; i++)
            fake_row(out, (const char *const[]){s->tables[i].name, "BASE TABLE",
                                                s->tables[i].plain ? "MyISAM" : "InnoDB"});
    } else if (strstr(q, ".COLUMNS")) {
        fake_begin(out, 8, (const char *const[]){"", "", "", "", "", "", "", ""});
        for (size_t i = 0; i < s->n; i++) {
            const char *name = s->tables[i].name;
            fake_row(out,
                     (const char *const[]){name, "id", "int", "int(11)", "", NULL, NULL, NULL});
            fake_row(out, (const char *const[]){name, "v", "varchar", "varchar(20)", "", "latin1",
                                                NULL, "latin1_swedish_ci"});
        }
    } else if (strstr(q, "INNODB_SYS_TABLES")) {
        fake_ids(out, s);
    } else if (strstr(q, "@@version")) {
        fake_begin(out, 5, (const char *const[]){"v", "c", "version", "host", "id"});
        fake_row(out, (const char *const[]){"10.11.19-MariaDB", "", "10.11.19-MariaDB", "h", "1"});
    } else if (strstr(q, "SHOW INDEX")) {
        fake_begin(out, 6,
                   (const char *const[]){"Key_name", "Non_unique", "Column_name", "Collation",
                                         "Sub_part", "Null"});
        fake_row(out, (const char *const[]){"PRIMARY", "0", "id", "A", NULL, ""});
    } else if (strstr(q, "SHOW CREATE")) {
        fake_begin(out, 2, (const char *const[]){"Table", "Create Table"});
        fake_row(out, (const char *const[]){"t", "CREATE TABLE `t` (...)"});
    } else { /* sizes: not known */
        fake_begin(out, 2, (const char *const[]){"TABLE_NAME", "DATA_LENGTH"});
    }
}

/* --- server/conn.h --- */

struct err *conn_open(struct conn **out, const struct conn_options *options)
{
    *out = mem_zalloc(sizeof **out);
    (*out)->server = &fake_servers[options->host && !strcmp(options->host, "b")];
    return NULL;
}

void conn_close(struct conn *c)
{
    free(c);
}

uint64_t conn_id(const struct conn *c)
{
    return (uint64_t)(uintptr_t)c;
}

unsigned conn_errno(const struct conn *c)
{
    return c->last_errno;
}

bool conn_errno_is_lost(unsigned n)
{
    return n == 2013;
}

bool conn_errno_is_denied(unsigned n)
{
    return n == 1227;
}

bool conn_lock_timed_out(const struct conn *c)
{
    return c->last_errno == 1205;
}

static struct err *fake_run(struct conn *c, const char *q)
{
    const struct fake_table *t = fake_named(c->server, q);
    fake_note(c, q);
    if (c->lost)
        return fake_error(c, 2013, q);
    if (strstr(q, "INNODB_SYS_TABLES") && c->server->no_process)
        return fake_error(c, 1227, q);
    if (t && t->fault == FAULT_DROPPED && !strncmp(q, "SELECT 1", 8))
        return fake_error(c, 1146, q);
    return NULL;
}

__attribute__((format(printf, 1, 0))) static char *fake_text(const char *fmt, va_list ap)
{
    char *q = NULL;
    assert_true(vasprintf(&q, fmt, ap) >= 0);
    return q;
}

struct err *conn_exec(struct conn *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    AUTO_FREE char *q = fake_text(fmt, ap);
    va_end(ap);
    return fake_run(c, q);
}

struct err *conn_query(struct conn *c, struct rows *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    AUTO_FREE char *q = fake_text(fmt, ap);
    va_end(ap);
    *out = (struct rows){0};
    TRY(fake_run(c, q));
    fake_answer(out, c->server, q);
    return NULL;
}

struct err *conn_query_text(struct conn *c, char **out, const char *fmt, ...)
{
    *out = NULL;
    fake_note(c, fmt);
    if (strstr(fmt, "@@version"))
        *out = mem_strdup("10.11.19-MariaDB");
    return NULL;
}

struct err *conn_status_u64(struct conn *c, uint64_t *out, const char *name)
{
    (void)c;
    (void)out;
    return err_make(FAILED, "not to be asked: %s", name);
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
    for (size_t i = 0; i < r->n_cols && row < r->n_rows; i++)
        if (!strcmp(r->names[i], column))
            return r->cells[row * r->n_cols + i];
    return NULL;
}

/* --- server/row_stream.h --- */

struct err *row_stream_open(struct row_stream **out, struct conn *c, const char *sql,
                            const enum row_kind *kinds, size_t n)
{
    const struct fake_table *t = fake_named(c->server, sql);
    const char *where = strstr(sql, "WHERE `id` = ");
    fake_note(c, sql);
    assert_non_null(t);
    assert_int_equal(n, 2);
    assert_int_equal(kinds[0], ROW_INTEGER);
    if (c->lost)
        return fake_error(c, 2013, sql);
    struct row_stream *s = mem_zalloc(sizeof *s);
    s->conn = c;
    s->table = t;
    s->id = where ? (unsigned)strtoul(where + strlen("WHERE `id` = "), NULL, 10) - 1 : 0;
    s->to = where ? s->id + 1 : t->rows;
    *out = s;
    return NULL;
}

struct err *row_stream_next(struct row_stream *s, const struct row_cell **cells)
{
    const enum fault fault = s->table->fault;
    *cells = NULL;
    if (s->id == s->to)
        return NULL;
    s->id++;
    if (s->id > s->table->rows / 2 && fault == FAULT_LOST)
        return fake_error(s->conn, 2013, "SELECT");
    if (s->id > s->table->rows / 2 && fault == FAULT_ALTERED)
        return fake_error(s->conn, 1412, "SELECT");
    if (s->id > s->table->rows / 2 && fault == FAULT_MALFORMED)
        return err_make(FAILED, "a value of it is cut short");
    if (s->id > s->table->rows / 2 && fault == FAULT_STOP)
        signals_stop = SIGTERM;
    snprintf(s->v, sizeof s->v, "%s%u", s->id == s->table->other ? "other " : "", s->id);
    s->cells[0] = (struct row_cell){.u = s->id};
    s->cells[1] = (struct row_cell){.bytes = {s->v, strlen(s->v)}};
    *cells = s->cells;
    return NULL;
}

void row_stream_free(struct row_stream *s)
{
    free(s);
}

#endif
