/* server/row_stream.c: see row_stream.h. */
#include "server/row_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "server/conn_private.h"

/* What a value is fetched into at first; it grows when one is longer. */
enum { BYTES_FIRST_MAX = 16 << 10, BYTES_FIRST_MIN = 64 };

/* my_bool of MariaDB's library, bool of MySQL's. */
typedef __typeof__(*((MYSQL_BIND *)0)->is_null) library_bool;

struct column {
    enum row_kind kind;
    library_bool is_null, truncated;
    unsigned long length;
    union {
        uint64_t u;
        float f;
        double d;
        MYSQL_TIME time;
    } value;
    char *bytes;
    size_t cap;
};

struct row_stream {
    struct conn *conn;
    MYSQL_STMT *stmt;
    char *sql;
    size_t n;
    struct column *columns;
    MYSQL_BIND *binds;
    struct row_cell *cells;
    bool reading; /* rows are, or may be, on their way */
};

/* MariaDB's library keeps what ends a result in the middle (1412, a lost connection) with the connection alone. */
static struct err *stream_error(struct row_stream *s)
{
    MYSQL *mysql = s->conn->mysql;
    const unsigned n = mysql_stmt_errno(s->stmt);
    s->reading = false;
    return conn_statement_error(s->conn, s->sql, n ? n : mysql_errno(mysql),
                                n ? mysql_stmt_error(s->stmt) : mysql_error(mysql));
}

static bool type_is_known(enum enum_field_types type, enum row_kind kind)
{
    switch (type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
        return kind == ROW_INTEGER;
    case MYSQL_TYPE_FLOAT:
        return kind == ROW_FLOAT;
    case MYSQL_TYPE_DOUBLE:
        return kind == ROW_DOUBLE;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
        return kind == ROW_TIME;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_GEOMETRY:
    case MYSQL_TYPE_JSON:
        return kind == ROW_BYTES;
    default:
        return false;
    }
}

static void set_buffer(struct column *c, MYSQL_BIND *b, size_t size)
{
    c->bytes = mem_realloc(c->bytes, size);
    c->cap = size;
    b->buffer = c->bytes;
    b->buffer_length = size;
}

static void bind_column(struct row_stream *s, size_t i, const MYSQL_FIELD *field)
{
    struct column *c = &s->columns[i];
    MYSQL_BIND *b = &s->binds[i];
    b->is_null = &c->is_null;
    b->error = &c->truncated;
    b->length = &c->length;
    b->buffer = &c->value;
    b->buffer_length = sizeof c->value;
    switch (c->kind) {
    case ROW_INTEGER:
        b->buffer_type = MYSQL_TYPE_LONGLONG;
        b->is_unsigned = (field->flags & UNSIGNED_FLAG) != 0 || field->type == MYSQL_TYPE_YEAR;
        s->cells[i].is_unsigned = b->is_unsigned;
        return;
    case ROW_FLOAT:
        b->buffer_type = MYSQL_TYPE_FLOAT;
        return;
    case ROW_DOUBLE:
        b->buffer_type = MYSQL_TYPE_DOUBLE;
        return;
    case ROW_TIME:
        b->buffer_type = field->type == MYSQL_TYPE_NEWDATE ? MYSQL_TYPE_DATE : field->type;
        return;
    case ROW_BYTES:
        break;
    }
    b->buffer_type = MYSQL_TYPE_BLOB;
    set_buffer(c, b,
               field->length < BYTES_FIRST_MIN   ? BYTES_FIRST_MIN
               : field->length > BYTES_FIRST_MAX ? BYTES_FIRST_MAX
                                                 : field->length);
}

static struct err *bind(struct row_stream *s)
{
    return mysql_stmt_bind_result(s->stmt, s->binds) ? stream_error(s) : NULL;
}

static struct err *bind_all(struct row_stream *s, MYSQL_RES *columns)
{
    const MYSQL_FIELD *fields = mysql_fetch_fields(columns);
    if (mysql_num_fields(columns) != s->n)
        return err_make(FAILED, "%s: %u columns came, %zu were expected", s->sql,
                        mysql_num_fields(columns), s->n);
    for (size_t i = 0; i < s->n; i++) {
        if (!type_is_known(fields[i].type, s->columns[i].kind))
            return err_make(SERVER, "column %s is of a type (%d) that mbe cannot read",
                            fields[i].name, (int)fields[i].type);
        bind_column(s, i, &fields[i]);
    }
    return bind(s);
}

static struct err *execute(struct row_stream *s)
{
    s->stmt = mysql_stmt_init(s->conn->mysql);
    if (!s->stmt)
        return err_make(FAILED, "the client library is out of memory");
    if (mysql_stmt_prepare(s->stmt, s->sql, (unsigned long)strlen(s->sql)))
        return stream_error(s);
    MYSQL_RES *columns = mysql_stmt_result_metadata(s->stmt);
    if (!columns)
        return err_make(FAILED, "%s: gives no rows", s->sql);
    struct err *e = bind_all(s, columns);
    mysql_free_result(columns);
    TRY(e);
    s->reading = true;
    return mysql_stmt_execute(s->stmt) ? stream_error(s) : NULL;
}

struct err *row_stream_open(struct row_stream **out, struct conn *c, const char *sql,
                            const enum row_kind *kinds, size_t n)
{
    AUTO(row_stream) s = mem_zalloc(sizeof *s);
    s->conn = c;
    s->sql = mem_strdup(sql);
    s->n = n;
    s->columns = mem_zalloc(n * sizeof *s->columns);
    s->binds = mem_zalloc(n * sizeof *s->binds);
    s->cells = mem_zalloc(n * sizeof *s->cells);
    for (size_t i = 0; i < n; i++)
        s->columns[i].kind = kinds[i];
    TRY(execute(s));
    *out = s;
    s = NULL;
    return NULL;
}

/* The rest of values that were longer than their buffer. */
static struct err *fetch_long(struct row_stream *s)
{
    bool longer = false;
    for (size_t i = 0; i < s->n; i++) {
        struct column *c = &s->columns[i];
        if (c->kind != ROW_BYTES || c->is_null || c->length <= c->cap)
            continue;
        set_buffer(c, &s->binds[i], c->length + c->length / 4);
        if (mysql_stmt_fetch_column(s->stmt, &s->binds[i], (unsigned)i, 0))
            return stream_error(s);
        longer = true;
    }
    return longer ? bind(s) : NULL;
}

static void take_time(struct row_time *out, const MYSQL_TIME *t)
{
    *out = (struct row_time){.year = t->year,
                             .month = t->month,
                             .day = t->day,
                             .hour = t->hour,
                             .minute = t->minute,
                             .second = t->second,
                             .microsecond = (uint32_t)t->second_part,
                             .negative = t->neg != 0};
    if (t->time_type == MYSQL_TIMESTAMP_TIME) {
        out->hour += t->day * 24;
        out->year = out->month = out->day = 0;
    }
}

static void take_cell(struct row_cell *cell, const struct column *c)
{
    cell->is_null = c->is_null != 0;
    switch (c->kind) {
    case ROW_INTEGER:
        cell->u = c->value.u;
        return;
    case ROW_FLOAT:
        cell->f = c->value.f;
        return;
    case ROW_DOUBLE:
        cell->d = c->value.d;
        return;
    case ROW_TIME:
        if (!c->is_null)
            take_time(&cell->time, &c->value.time);
        return;
    case ROW_BYTES:
        cell->bytes.p = c->bytes;
        cell->bytes.n = c->length;
        return;
    }
}

struct err *row_stream_next(struct row_stream *s, const struct row_cell **cells)
{
    *cells = NULL;
    const int rc = mysql_stmt_fetch(s->stmt);
    if (rc == MYSQL_NO_DATA) {
        s->reading = false;
        return NULL;
    }
    if (rc && rc != MYSQL_DATA_TRUNCATED)
        return stream_error(s);
    TRY(fetch_long(
        s)); /* also when the library was told (report-data-truncation=0) not to tell of it */
    for (size_t i = 0; i < s->n; i++)
        take_cell(&s->cells[i], &s->columns[i]);
    *cells = s->cells;
    return NULL;
}

void row_stream_free(struct row_stream *s)
{
    if (!s)
        return;
    if (s->reading)
        conn_abandon(s->conn);
    if (s->stmt)
        mysql_stmt_close(s->stmt);
    for (size_t i = 0; s->columns && i < s->n; i++)
        free(s->columns[i].bytes);
    free(s->columns);
    free(s->binds);
    free(s->cells);
    free(s->sql);
    free(s);
}
