/* server/row_stream.h: the rows of a SELECT, one after the other, over the binary protocol: values arrive as they are, FLOAT and
 * DOUBLE bit by bit, and nothing is kept but the row at hand.
 *
 * Facts: MariaDB 10.11 and 11.8, MySQL 9.7, by experiment. The text protocol rounds FLOAT; MariaDB's library (3.3) has no function for
 * MySQL's type VECTOR and would call a null pointer, so that a column of a type it does not know is refused. */
#ifndef MBE_SERVER_ROW_STREAM_H
#define MBE_SERVER_ROW_STREAM_H

#include "server/conn.h"

/* How a column is to arrive; it has to be of a type that can. */
enum row_kind {
    ROW_INTEGER, /* all integer types, YEAR */
    ROW_FLOAT,   /* FLOAT */
    ROW_DOUBLE,  /* DOUBLE */
    ROW_TIME,    /* DATE, TIME, DATETIME, TIMESTAMP */
    ROW_BYTES,   /* all others, DECIMAL and BIT included */
};

struct row_time {
    uint32_t year, month, day, hour, minute, second,
        microsecond; /* of a TIME hour is above 23 instead of a day */
    bool negative;
};

struct row_cell {
    bool is_null;
    bool is_unsigned; /* ROW_INTEGER: which of the two holds */
    union {
        uint64_t u;
        int64_t i;
        float f;
        double d;
        struct row_time time;
        struct {
            const char *p; /* not NUL-terminated */
            size_t n;
        } bytes;
    };
};

struct row_stream;

/* Runs `sql`, which gives as many columns as there are `kinds`. Nothing else can be asked of the connection until the stream is
 * freed. Errors as conn_exec. */
struct err *row_stream_open(struct row_stream **out, struct conn *c, const char *sql,
                            const enum row_kind *kinds, size_t n) MUST_CHECK;
/* The next row: *cells has n of them, borrowed until the next call; NULL behind the last row. */
struct err *row_stream_next(struct row_stream *s, const struct row_cell **cells) MUST_CHECK;
/* NULL is fine. Before the last row (and but for an error of row_stream_next) the connection is abandoned: conn_abandon. */
void row_stream_free(struct row_stream *s);
CLEANUP(row_stream, row_stream_free)

#endif
