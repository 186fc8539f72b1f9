/* server/row_stream_test.c: the stream over a client library that does as it is told: whole results, long values, and what ends a
 * result in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "server/conn_private.h"
#include "server/row_stream.h"

static const char sql[] = "SELECT id, v FROM d.t";
static const enum row_kind kinds[] = {ROW_INTEGER, ROW_BYTES};

/* What the library says and was told. Rows are (1, text), (2, text), ... */
static struct {
    enum enum_field_types second; /* type of the second column */
    unsigned columns;
    unsigned rows, fetched;
    const char *text;
    unsigned fails_at; /* the row that is not there any more; 0: none */
    unsigned statement_errno, connection_errno;
    unsigned prepare_errno;
    MYSQL_BIND *binds;
    unsigned abandoned, closed;
} library;

static MYSQL_FIELD fields[2];
static MYSQL mysql;
static struct conn conn = {.mysql = &mysql};
static char stand_in; /* for what is only handed around */

void conn_abandon(struct conn *c)
{
    assert_ptr_equal(c, &conn);
    library.abandoned++;
}

struct err *conn_statement_error(struct conn *c, const char *statement, unsigned number,
                                 const char *message)
{
    c->last_errno = number;
    return err_make(SERVER, "%s: %s (error %u)", statement, message, number);
}

MYSQL_STMT *STDCALL mysql_stmt_init(MYSQL *m)
{
    (void)m;
    return (MYSQL_STMT *)(void *)&stand_in;
}

int STDCALL mysql_stmt_prepare(MYSQL_STMT *s, const char *query, unsigned long length)
{
    (void)s;
    assert_string_equal(query, sql);
    assert_int_equal(length, strlen(sql));
    library.statement_errno = library.prepare_errno;
    return library.prepare_errno != 0;
}

MYSQL_RES *STDCALL mysql_stmt_result_metadata(MYSQL_STMT *s)
{
    (void)s;
    return (MYSQL_RES *)(void *)&stand_in;
}

MYSQL_FIELD *STDCALL mysql_fetch_fields(MYSQL_RES *r)
{
    (void)r;
    static char name[] = "v";
    fields[0].type = MYSQL_TYPE_LONG;
    fields[0].name = fields[1].name = name;
    fields[1].type = library.second;
    fields[1].length = 4;
    return fields;
}

unsigned int STDCALL mysql_num_fields(MYSQL_RES *r)
{
    (void)r;
    return library.columns;
}

void STDCALL mysql_free_result(MYSQL_RES *r)
{
    (void)r;
}

__typeof__(mysql_stmt_bind_result(NULL, NULL)) STDCALL mysql_stmt_bind_result(MYSQL_STMT *s,
                                                                              MYSQL_BIND *binds)
{
    (void)s;
    library.binds = binds;
    return 0;
}

int STDCALL mysql_stmt_execute(MYSQL_STMT *s)
{
    (void)s;
    return 0;
}

/* As much as the buffer takes. */
static int put_text(MYSQL_BIND *b)
{
    const size_t n = strlen(library.text);
    *b->length = n;
    memcpy(b->buffer, library.text, n < b->buffer_length ? n : b->buffer_length);
    return n > b->buffer_length;
}

int STDCALL mysql_stmt_fetch(MYSQL_STMT *s)
{
    (void)s;
    if (++library.fetched == library.fails_at)
        return 1;
    if (library.fetched > library.rows)
        return MYSQL_NO_DATA;
    const uint64_t id = library.fetched;
    memcpy(library.binds[0].buffer, &id, sizeof id);
    *library.binds[0].is_null = *library.binds[1].is_null = 0;
    return put_text(&library.binds[1]) ? MYSQL_DATA_TRUNCATED : 0;
}

int STDCALL mysql_stmt_fetch_column(MYSQL_STMT *s, MYSQL_BIND *b, unsigned int column,
                                    unsigned long offset)
{
    (void)s;
    assert_int_equal(column, 1);
    assert_int_equal(offset, 0);
    if (library.connection_errno)
        return 1;
    assert_int_equal(put_text(b), 0);
    return 0;
}

unsigned int STDCALL mysql_stmt_errno(MYSQL_STMT *s)
{
    (void)s;
    return library.statement_errno;
}

const char *STDCALL mysql_stmt_error(MYSQL_STMT *s)
{
    (void)s;
    return "of the statement";
}

unsigned int STDCALL mysql_errno(MYSQL *m)
{
    (void)m;
    return library.connection_errno;
}

const char *STDCALL mysql_error(MYSQL *m)
{
    (void)m;
    return "of the connection";
}

__typeof__(mysql_stmt_close(NULL)) STDCALL mysql_stmt_close(MYSQL_STMT *s)
{
    (void)s;
    library.closed++;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    memset(&library, 0, sizeof library);
    library.second = MYSQL_TYPE_VAR_STRING;
    library.columns = 2;
    library.rows = 3;
    library.text = "abc";
    conn.last_errno = 0;
    return 0;
}

static struct row_stream *opened(void)
{
    struct row_stream *s;
    assert_null(row_stream_open(&s, &conn, sql, kinds, 2));
    return s;
}

static void expect_row(struct row_stream *s, uint64_t id)
{
    const struct row_cell *cells;
    assert_null(row_stream_next(s, &cells));
    assert_non_null(cells);
    assert_int_equal(cells[0].u, id);
    assert_int_equal(cells[1].bytes.n, strlen(library.text));
    assert_memory_equal(cells[1].bytes.p, library.text, cells[1].bytes.n);
}

static void expect_error(struct err *e, enum err_kind kind, const char *text)
{
    assert_non_null(e);
    assert_int_equal(e->kind, kind);
    assert_non_null(strstr(e->message, text));
    err_free(e);
}

static void a_whole_result_leaves_the_connection_alone(void **state)
{
    (void)state;
    const struct row_cell *cells;
    struct row_stream *s = opened();
    for (uint64_t id = 1; id <= 3; id++)
        expect_row(s, id);
    assert_null(row_stream_next(s, &cells));
    assert_null(cells);
    row_stream_free(s);
    assert_int_equal(library.abandoned, 0);
    assert_int_equal(library.closed, 1);
}

static void rows_that_are_not_read_end_the_connection(void **state)
{
    (void)state;
    struct row_stream *s = opened();
    expect_row(s, 1);
    row_stream_free(s);
    assert_int_equal(library.abandoned, 1);
}

static void a_value_longer_than_its_buffer_is_whole(void **state)
{
    (void)state;
    char text[100000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    library.text = text;
    struct row_stream *s = opened();
    expect_row(s, 1);
    expect_row(s, 2);
    row_stream_free(s);
}

static void a_connection_lost_within_a_long_value(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    library.text = text;
    library.connection_errno = 2013;
    const struct row_cell *cells;
    struct row_stream *s = opened();
    expect_error(row_stream_next(s, &cells), ERR_SERVER, "of the connection (error 2013)");
    assert_null(cells);
    row_stream_free(s);
}

/* The library keeps it with the connection alone. */
static void a_connection_lost_between_rows(void **state)
{
    (void)state;
    library.fails_at = 2;
    library.connection_errno = 2013;
    const struct row_cell *cells;
    struct row_stream *s = opened();
    expect_row(s, 1);
    expect_error(row_stream_next(s, &cells), ERR_SERVER, "of the connection (error 2013)");
    assert_null(cells);
    assert_int_equal(conn.last_errno, 2013);
    row_stream_free(s);
    assert_int_equal(library.abandoned, 0); /* there is nothing left to wait for */
}

static void a_table_that_was_altered(void **state)
{
    (void)state;
    library.fails_at = 1;
    const struct row_cell *cells;
    struct row_stream *s = opened();
    library.statement_errno = 1412;
    expect_error(row_stream_next(s, &cells), ERR_SERVER, "of the statement (error 1412)");
    assert_int_equal(conn.last_errno, 1412);
    row_stream_free(s);
    assert_int_equal(library.abandoned, 0);
}

static void a_table_that_is_not_there(void **state)
{
    (void)state;
    struct row_stream *s;
    library.prepare_errno = 1146;
    expect_error(row_stream_open(&s, &conn, sql, kinds, 2), ERR_SERVER, "(error 1146)");
    assert_int_equal(library.abandoned, 0);
    assert_int_equal(library.closed, 1);
}

static void columns_that_were_not_asked_for(void **state)
{
    (void)state;
    struct row_stream *s;
    library.columns = 3;
    expect_error(row_stream_open(&s, &conn, sql, kinds, 2), ERR_FAILED, "3 columns came, 2 were");
    library.columns = 2;
    library.second = MYSQL_TYPE_DOUBLE;
    expect_error(row_stream_open(&s, &conn, sql, kinds, 2), ERR_SERVER, "column v is of a type");
    assert_int_equal(library.abandoned, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_whole_result_leaves_the_connection_alone, set_up),
        cmocka_unit_test_setup(rows_that_are_not_read_end_the_connection, set_up),
        cmocka_unit_test_setup(a_value_longer_than_its_buffer_is_whole, set_up),
        cmocka_unit_test_setup(a_connection_lost_within_a_long_value, set_up),
        cmocka_unit_test_setup(a_connection_lost_between_rows, set_up),
        cmocka_unit_test_setup(a_table_that_was_altered, set_up),
        cmocka_unit_test_setup(a_table_that_is_not_there, set_up),
        cmocka_unit_test_setup(columns_that_were_not_asked_for, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
