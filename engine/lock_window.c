/* engine/lock_window.c: see lock_window.h for the rules W1..W5. */
#include "engine/lock_window.h"

#include "base/clock.h"
#include "server/mariadb.h"

enum {
    TRY_SECONDS = 2,     /* W1: lock_wait_timeout of one try */
    TRIES = 3,           /* W2 */
    LET_GO_FOR_WORK = 5, /* how often the work under BLOCK_DDL may ask to come again */
    GAP_FIRST_MS = 100,
    GAP_MAX_MS = 3000,
};

struct window {
    struct conn *conn;
    struct log *log;
    struct lock_times *times;
    double left;     /* W3: seconds of waiting left */
    unsigned gap_ms; /* next gap */
    unsigned let_go_for_work;
    double flush_asked;
    const struct lock_work *work;
};

/* W1: lets others through. */
static struct err *pause_between(struct window *w)
{
    const double since = clock_seconds();
    for (unsigned slept = 0; slept < w->gap_ms; slept += 50) {
        TRY(w->work->poll(w->work->ctx));
        clock_sleep_ms(50);
    }
    w->gap_ms = w->gap_ms * 2 > GAP_MAX_MS ? GAP_MAX_MS : w->gap_ms * 2;
    w->left -= clock_seconds() - since;
    return NULL;
}

/* One try. *waited grows by the time it took. */
static struct err *try_stage(struct window *w, enum stage stage, double *waited, bool *granted)
{
    const double since = clock_seconds();
    bool timed_out = false;
    TRY(w->work->poll(w->work->ctx));
    struct err *e = stage_enter(w->conn, stage, &timed_out);
    const double took = clock_seconds() - since;
    *waited += took;
    w->left -= took;
    *granted = !timed_out;
    return err_wrap(e, "BACKUP STAGE %s", stage_name(stage));
}

static struct err *check_limit(const struct window *w, enum stage stage, unsigned limit_seconds)
{
    if (w->left > 0)
        return NULL;
    return err_hint(err_make(SERVER, "BACKUP STAGE %s was not granted within %u seconds",
                             stage_name(stage), limit_seconds),
                    "A statement that runs on the server holds it up: see SHOW FULL PROCESSLIST; "
                    "--lock-wait allows more.");
}

/* At most `tries` tries (0: until the limit). *granted false: tried in vain. */
static struct err *enter(struct window *w, enum stage stage, unsigned tries, double *waited,
                         bool *granted, unsigned limit_seconds)
{
    for (unsigned i = 1;; i++) {
        TRY(try_stage(w, stage, waited, granted));
        if (*granted)
            return NULL;
        TRY(check_limit(w, stage, limit_seconds));
        log_info(w->log, "lock", "BACKUP STAGE %s not granted yet, try %u", stage_name(stage), i);
        if (i == tries)
            return NULL;
        TRY(pause_between(w));
    }
}

static struct err *end(struct window *w)
{
    bool timed_out = false;
    struct err *e = stage_enter(w->conn, STAGE_END, &timed_out);
    return err_wrap(e, "BACKUP STAGE END");
}

/* W2. */
static struct err *let_go(struct window *w)
{
    log_info(w->log, "lock", "letting go of all locks, to come again");
    TRY(end(w));
    TRY(pause_between(w));
    return w->work->between(w->work->ctx);
}

/* START, FLUSH, BLOCK_DDL and the work under it. *done false: let go. */
static struct err *climb(struct window *w, unsigned limit, bool *done)
{
    struct lock_times *t = w->times;
    bool granted, again = false;
    *done = false;
    TRY(enter(w, STAGE_START, 0, &t->start_wait, &granted, limit));
    w->flush_asked = clock_seconds();
    TRY(enter(w, STAGE_FLUSH, TRIES, &t->flush_wait, &granted, limit));
    if (!granted)
        return let_go(w);
    TRY(enter(w, STAGE_BLOCK_DDL, TRIES, &t->block_ddl_wait, &granted, limit));
    if (!granted)
        return let_go(w);
    const double since = clock_seconds();
    struct err *e =
        w->work->under_block_ddl(w->work->ctx, w->let_go_for_work < LET_GO_FOR_WORK, &again);
    t->block_ddl = clock_seconds() - since;
    TRY(e);
    if (again) {
        w->let_go_for_work++;
        return let_go(w);
    }
    *done = true;
    return NULL;
}

/* BLOCK_COMMIT, the work under it, END. *done false: let go. */
static struct err *finish(struct window *w, unsigned limit, bool *done)
{
    struct lock_times *t = w->times;
    TRY(enter(w, STAGE_BLOCK_COMMIT, TRIES, &t->block_commit_wait, done, limit));
    if (!*done)
        return let_go(w);
    const double since = clock_seconds();
    TRY(w->work->under_block_commit(w->work->ctx));
    struct err *e = end(w);
    if (e)
        return err_hint(err_wrap(e, "the connection that held the lock was lost before the end"),
                        "What was copied under it may be inconsistent and is thrown away.");
    t->block_commit = clock_seconds() - since;
    t->seconds = clock_seconds() - w->flush_asked;
    return NULL;
}

struct err *lock_window_run(struct lock_times *times, struct conn *c, unsigned limit_seconds,
                            const struct lock_work *work, struct log *log)
{
    struct window w = {.conn = c,
                       .log = log,
                       .times = times,
                       .work = work,
                       .left = limit_seconds,
                       .gap_ms = GAP_FIRST_MS};
    *times = (struct lock_times){0};
    TRY(conn_exec(c, "SET SESSION lock_wait_timeout = %d",
                  limit_seconds < TRY_SECONDS ? (int)limit_seconds : TRY_SECONDS));
    for (bool done = false; !done;) {
        times->attempts++;
        TRY(climb(&w, limit_seconds, &done));
        if (done)
            TRY(finish(&w, limit_seconds, &done));
    }
    return NULL;
}
