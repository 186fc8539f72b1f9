/* engine/redo_consumer.c: see redo_consumer.h. */
#include "engine/redo_consumer.h"

#include <inttypes.h>

#include "base/clock.h"
#include "server/mysql_consumer.h"

enum {
    LET_GO_PERCENT = 70,
    LET_GO_MS = 500,
    STEP_MS = 50,         /* between two calls: what is more was no running */
    TELL_BYTES = 4 << 20, /* advance at least so often ... */
    TELL_PART = 16,       /* ... or each 1/16 of the capacity ... */
    TELL_SECONDS = 1,     /* ... or after so much time */
    ASK_TIMES = 20,       /* the server sees a little later that a killed backup is gone */
    ASK_AGAIN_MS = 100,
};

static bool is_lost(const struct redo_consumer *c)
{
    return conn_errno_is_lost(conn_errno(c->conn));
}

struct err *redo_consumer_register(struct redo_consumer *c, struct conn *conn, struct log *log)
{
    *c = (struct redo_consumer){.conn = conn, .log = log};
    struct err *why = NULL;
    for (int i = 0; i < ASK_TIMES && !why && !c->registered; i++) {
        if (i)
            clock_sleep_ms(ASK_AGAIN_MS);
        why = mysql_consumer_register(conn, &c->registered);
    }
    c->told_at = c->tended_at = clock_seconds();
    if (why && is_lost(c))
        return why;
    if (!c->registered)
        log_warning(log, "redo", "not registered as consumer of the redo log: %s",
                    why ? why->message : "another session is");
    err_free(why);
    return NULL;
}

static struct err *tell(struct redo_consumer *c, lsn_t lsn)
{
    struct err *why = mysql_consumer_advance(c->conn, lsn);
    if (why && is_lost(c))
        return why;
    c->told = lsn;
    c->told_at = clock_seconds();
    c->registered = !why;
    if (why)
        log_warning(c->log, "redo",
                    "no longer consumer of the redo log, what was not read may be overwritten: %s",
                    why->message);
    err_free(why);
    return NULL;
}

/* Whether it is too far behind, and has been for too long. */
static bool must_let_go(struct redo_consumer *c, lsn_t server_lsn, uint64_t capacity)
{
    const double now = clock_seconds(), passed = (now - c->tended_at) * 1000;
    c->tended_at = now;
    if (server_lsn <= c->told || server_lsn - c->told <= capacity / 100 * LET_GO_PERCENT) {
        c->behind_ms = 0;
        return false;
    }
    c->behind_ms += passed < STEP_MS ? (unsigned)passed + 1 : STEP_MS;
    return c->behind_ms > LET_GO_MS;
}

struct err *redo_consumer_tend(struct redo_consumer *c, lsn_t lsn, lsn_t server_lsn,
                               uint64_t capacity)
{
    if (!c->registered)
        return NULL;
    const uint64_t part = capacity / TELL_PART, step = part < TELL_BYTES ? part : TELL_BYTES;
    if (lsn - c->told >= step || clock_seconds() - c->told_at >= TELL_SECONDS)
        TRY(tell(c, lsn));
    if (!c->registered || !must_let_go(c, server_lsn, capacity))
        return NULL;
    log_warning(c->log, "redo",
                "%" PRIu64 " MiB behind, and the log holds %" PRIu64
                " MiB: no longer its consumer, so that the server need not wait for us",
                (server_lsn - c->told) >> 20, capacity >> 20);
    redo_consumer_leave(c);
    return NULL;
}

void redo_consumer_leave(struct redo_consumer *c)
{
    if (!c->registered)
        return;
    c->registered = false;
    err_free(mysql_consumer_unregister(c->conn)); /* the end of the connection does it as well */
}
