/* server/mysql.c: see mysql.h. */
#include "server/mysql.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Runs a statement that locks; *timed_out as in mysql_lock_instance. */
static struct err *lock(struct conn *c, const char *statement, unsigned wait_seconds,
                        bool *timed_out)
{
    *timed_out = false;
    TRY(conn_exec(c, "SET SESSION lock_wait_timeout = %u", wait_seconds ? wait_seconds : 1));
    struct err *e = conn_exec(c, "%s", statement);
    if (!e || !conn_lock_timed_out(c))
        return e;
    *timed_out = true;
    err_free(e);
    return NULL;
}

struct err *mysql_lock_instance(struct conn *c, unsigned wait_seconds, bool *timed_out)
{
    return lock(c, "LOCK INSTANCE FOR BACKUP", wait_seconds, timed_out);
}

struct err *mysql_unlock_instance(struct conn *c)
{
    return conn_exec(c, "UNLOCK INSTANCE");
}

/* See mysql.h: a failed one may hold the lock. */
struct err *mysql_stop_commits(struct conn *c, unsigned wait_seconds, bool *timed_out)
{
    struct err *e = lock(c, "FLUSH TABLES WITH READ LOCK", wait_seconds, timed_out);
    if (*timed_out || (e && !conn_errno_is_lost(conn_errno(c))))
        e = err_first(e, mysql_resume_commits(c));
    return e;
}

static uint64_t number(const char *text)
{
    return text ? strtoull(text, NULL, 10) : 0;
}

static struct err *load_locks(struct mysql_traffic *t, struct conn *c)
{
    struct rows rows;
    struct err *e = conn_query(c, &rows,
                               "SELECT SUM(LOCK_STATUS = 'GRANTED'"
                               " AND LOCK_TYPE = 'INTENTION_EXCLUSIVE'"
                               " AND OBJECT_TYPE = 'GLOBAL') AS writers,"
                               " SUM(LOCK_STATUS = 'PENDING' AND LOCK_TYPE = 'SHARED') AS waiters"
                               " FROM performance_schema.metadata_locks"
                               " WHERE OBJECT_TYPE IN ('GLOBAL', 'COMMIT')");
    t->knows_locks = !e;
    if (e && !conn_errno_is_denied(conn_errno(c)))
        return e;
    err_free(e);
    t->writers = number(rows_get(&rows, 0, "writers"));
    t->waiters = number(rows_get(&rows, 0, "waiters"));
    rows_fini(&rows);
    return NULL;
}

/* The server's own threads and those that only send a binary log hold no table. DDL that waits for the instance lock, which
 * our session may hold itself, is not waited for: see mysql_traffic.slow. */
static struct err *load_statements(struct mysql_traffic *t, struct conn *c)
{
    struct rows rows;
    TRY(conn_query(c, &rows,
                   "SELECT ID, TIME, LEFT(INFO, 80) AS INFO FROM performance_schema.processlist"
                   " WHERE COMMAND IN ('Query', 'Execute') AND TIME >= 1"
                   " AND ID <> CONNECTION_ID()"
                   " AND USER NOT IN ('system user', 'event_scheduler')"
                   " AND COALESCE(STATE, '') <> 'Waiting for backup lock'"
                   " ORDER BY TIME DESC"));
    t->slow = rows.n_rows;
    if (rows.n_rows) {
        const char *id = rows_get(&rows, 0, "ID");
        const char *info = rows_get(&rows, 0, "INFO");
        t->slow_seconds = number(rows_get(&rows, 0, "TIME"));
        t->example = mem_printf("process %s for %" PRIu64 " s: %s", id ? id : "?", t->slow_seconds,
                                info ? info : "?");
    }
    rows_fini(&rows);
    return NULL;
}

struct err *mysql_traffic_load(struct mysql_traffic *out, struct conn *c)
{
    *out = (struct mysql_traffic){0};
    TRY(load_locks(out, c));
    return load_statements(out, c);
}

void mysql_traffic_fini(struct mysql_traffic *t)
{
    free(t->example);
    *t = (struct mysql_traffic){0};
}

bool mysql_traffic_is_quiet(const struct mysql_traffic *t, unsigned slow_seconds)
{
    return t->slow_seconds < slow_seconds && !t->waiters;
}

struct err *mysql_stop_commits_if_quiet(struct conn *c, unsigned wait_seconds,
                                        unsigned slow_seconds, bool *timed_out,
                                        struct mysql_traffic *traffic)
{
    TRY(mysql_traffic_load(traffic, c));
    *timed_out = true;
    return mysql_traffic_is_quiet(traffic, slow_seconds)
               ? mysql_stop_commits(c, wait_seconds, timed_out)
               : NULL;
}

struct err *mysql_resume_commits(struct conn *c)
{
    return conn_exec(c, "UNLOCK TABLES");
}

struct err *mysql_flush_logs(struct conn *c)
{
    struct err *e = conn_exec(c, "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS");
    if (!e || !conn_errno_is_denied(conn_errno(c)))
        return e;
    err_free(e);
    return NULL;
}

struct err *mysql_sharp_checkpoint(struct conn *c, bool *made)
{
    struct err *e = conn_exec(c, "SELECT innodb_redo_log_sharp_checkpoint()");
    *made = !e;
    if (!e || (!conn_errno_is_no_function(conn_errno(c)) && !conn_errno_is_denied(conn_errno(c))))
        return e;
    err_free(e);
    return NULL;
}

struct err *mysql_check_redo_enabled(struct conn *c)
{
    struct rows rows;
    TRY(conn_query(c, &rows, "SHOW GLOBAL STATUS LIKE 'Innodb_redo_log_enabled'"));
    const char *value = rows_get(&rows, 0, "Value");
    const bool enabled = value && !strcasecmp(value, "ON");
    rows_fini(&rows);
    if (enabled)
        return NULL;
    return err_hint(err_make(REFUSED, "the server's redo log is disabled"),
                    "Run ALTER INSTANCE ENABLE INNODB REDO_LOG first: what changes while it is off "
                    "cannot be backed up.");
}
