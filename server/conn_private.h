/* server/conn_private.h: the connection from inside, for conn.c and row_stream.c alone. */
#ifndef MBE_SERVER_CONN_PRIVATE_H
#define MBE_SERVER_CONN_PRIVATE_H

#include <mysql.h>

#include "server/conn.h"

struct conn {
    MYSQL *mysql;
    unsigned last_errno;
};

/* SERVER: "<statement, cut>: <message> (error <number>)"; the number is remembered for conn_errno. */
struct err *conn_statement_error(struct conn *c, const char *sql, unsigned number,
                                 const char *message) MUST_CHECK;

#endif
