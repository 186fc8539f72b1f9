/* server/mysql_consumer.c: see mysql_consumer.h. */
#include "server/mysql_consumer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The value of a function: 0 when it did what was asked. */
static struct err *call(struct conn *c, const char *function, bool *done)
{
    AUTO_FREE char *value = NULL;
    TRY(conn_query_text(c, &value, "SELECT innodb_redo_log_consumer_%s", function));
    *done = value && !strcmp(value, "0");
    return NULL;
}

struct err *mysql_consumer_register(struct conn *c, bool *registered)
{
    *registered = false;
    struct err *e = call(c, "register()", registered);
    if (!e || !conn_errno_is_no_function(conn_errno(c)))
        return e;
    err_free(e);
    return err_make(SERVER, "the server has no function innodb_redo_log_consumer_register");
}

struct err *mysql_consumer_advance(struct conn *c, uint64_t lsn)
{
    AUTO_FREE char *function = mem_printf("advance(%" PRIu64 ")", lsn);
    bool done;
    TRY(call(c, function, &done));
    return done
               ? NULL
               : err_make(SERVER,
                          "the server does not keep its redo log for us any more (LSN %" PRIu64 ")",
                          lsn);
}

struct err *mysql_consumer_unregister(struct conn *c)
{
    bool done;
    TRY(call(c, "unregister()", &done));
    return done ? NULL : err_make(SERVER, "the server does not keep its redo log for us any more");
}
