/* verify/hash_lock.c: see hash_lock.h. */
#include "verify/hash_lock.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/signals.h"
#include "server/mariadb.h"
#include "server/mysql.h"

enum { TRY_SECONDS = 2, GAP_FIRST_MS = 100, GAP_MAX_MS = 2000, SLICE_MS = 50 };

static struct err *find_flavour(struct hash_lock *l)
{
    struct rows rows;
    AUTO_FREE char *number = NULL;
    TRY(conn_query(l->conn, &rows, "SELECT @@version AS v, @@version_comment AS c"));
    struct err *e =
        version_check(&l->flavour, &number, rows_get(&rows, 0, "v"), rows_get(&rows, 0, "c"));
    rows_fini(&rows);
    return e;
}

static struct err *try_mariadb(struct hash_lock *l, bool *timed_out)
{
    TRY(stage_enter(l->conn, STAGE_START, timed_out));
    if (*timed_out)
        return NULL;
    TRY(stage_enter(l->conn, STAGE_BLOCK_COMMIT, timed_out));
    bool ignored;
    return *timed_out ? stage_enter(l->conn, STAGE_END, &ignored) : NULL;
}

static struct err *try_mysql(struct hash_lock *l, unsigned slow_seconds, bool *timed_out,
                             struct log *log)
{
    struct mysql_traffic traffic;
    struct err *e =
        mysql_stop_commits_if_quiet(l->conn, TRY_SECONDS, slow_seconds, timed_out, &traffic);
    if (!e && *timed_out && traffic.example)
        log_info(log, "hash", "waiting for a quiet moment: %s", traffic.example);
    mysql_traffic_fini(&traffic);
    return e;
}

static struct err *pause_between(unsigned *gap_ms)
{
    for (unsigned slept = 0; slept < *gap_ms; slept += SLICE_MS) {
        TRY(signals_check());
        clock_sleep_ms(SLICE_MS);
    }
    *gap_ms = *gap_ms * 2 > GAP_MAX_MS ? GAP_MAX_MS : *gap_ms * 2;
    return NULL;
}

static struct err *denied(const struct hash_lock *l, struct err *e)
{
    if (!conn_errno_is_denied(conn_errno(l->conn)))
        return e;
    e->kind = ERR_REFUSED;
    return err_hint(e,
                    "Stopping commits for a moment takes %s. With --no-lock it is done without, "
                    "for tables that nobody writes to.",
                    l->flavour == FLAVOUR_MARIADB ? "RELOAD" : "FLUSH_TABLES or RELOAD");
}

static struct err *acquire(struct hash_lock *l, unsigned wait_seconds, struct log *log)
{
    const double begun = clock_seconds();
    unsigned gap_ms = GAP_FIRST_MS;
    TRY(find_flavour(l));
    TRY(conn_exec(l->conn, "SET SESSION lock_wait_timeout = %d", TRY_SECONDS));
    for (;;) {
        const unsigned slow = mysql_slow_seconds(clock_seconds() - begun, wait_seconds);
        bool timed_out = false;
        struct err *e = l->flavour == FLAVOUR_MARIADB ? try_mariadb(l, &timed_out)
                                                      : try_mysql(l, slow, &timed_out, log);
        if (e)
            return denied(l, e);
        if (!timed_out)
            break;
        if (clock_seconds() - begun >= wait_seconds)
            return err_hint(
                err_make(SERVER, "commits could not be stopped within %u seconds", wait_seconds),
                "A statement that runs on the server holds it up: see SHOW FULL PROCESSLIST; "
                "--lock-wait allows more.");
        TRY(pause_between(&gap_ms));
    }
    l->granted = clock_seconds();
    return NULL;
}

struct err *hash_lock_open(struct hash_lock *out, const struct conn_options *conn,
                           unsigned wait_seconds, struct log *log)
{
    *out = (struct hash_lock){0};
    TRY(conn_open(&out->conn, conn));
    struct err *e = acquire(out, wait_seconds, log);
    if (e)
        hash_lock_close(out);
    return e;
}

struct err *hash_lock_release(struct hash_lock *l, double *seconds)
{
    bool timed_out;
    struct err *e = l->flavour == FLAVOUR_MARIADB ? stage_enter(l->conn, STAGE_END, &timed_out)
                                                  : mysql_resume_commits(l->conn);
    *seconds = clock_seconds() - l->granted;
    return err_wrap(e, "the connection that held the lock was lost before the end");
}

void hash_lock_close(struct hash_lock *l)
{
    conn_close(l->conn);
    l->conn = NULL;
}
