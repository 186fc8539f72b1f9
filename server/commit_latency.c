/* server/commit_latency.c: see commit_latency.h. */
#include "server/commit_latency.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server/conn_private.h"
#include "server/privileges.h"

static const char statements_table[] =
    "performance_schema.events_statements_summary_global_by_event_name";
static const char files_table[] = "performance_schema.file_summary_by_event_name";

static const char *const events[N_COMMIT_SUMS] = {
    [COMMIT_STATEMENTS] = "statement/sql/commit",
    [COMMIT_REDO_SYNCS] = "wait/io/file/innodb/innodb_log_file",
    [COMMIT_BINLOG_SYNCS] = "wait/io/file/sql/binlog",
};

struct commit_latency {
    struct conn *conn;
    int line; /* the connection's socket once more: the client library may close its own at any time */
    enum server_flavour flavour;
    struct commit_sum sums[N_COMMIT_SUMS]; /* MySQL: of the last look */
};

static double mean_ms(const struct commit_sum *before, const struct commit_sum *after)
{
    if (after->n <= before->n || after->picoseconds < before->picoseconds)
        return 0;
    return (double)(after->picoseconds - before->picoseconds) / (double)(after->n - before->n) /
           1e9;
}

double commit_latency_between(const struct commit_sum before[N_COMMIT_SUMS],
                              const struct commit_sum after[N_COMMIT_SUMS])
{
    double ms[N_COMMIT_SUMS];
    for (int i = 0; i < N_COMMIT_SUMS; i++)
        ms[i] = mean_ms(&before[i], &after[i]);
    const double syncs = ms[COMMIT_REDO_SYNCS] + ms[COMMIT_BINLOG_SYNCS];
    return syncs > ms[COMMIT_STATEMENTS] ? syncs : ms[COMMIT_STATEMENTS];
}

/* An event that is not there leaves its sum 0. */
static void take_sums(struct commit_sum sums[N_COMMIT_SUMS], const struct rows *rows)
{
    memset(sums, 0, N_COMMIT_SUMS * sizeof *sums);
    for (size_t row = 0; row < rows->n_rows; row++) {
        const char *event = rows_get(rows, row, "event"), *n = rows_get(rows, row, "n");
        const char *picoseconds = rows_get(rows, row, "ps");
        for (int i = 0; event && n && picoseconds && i < N_COMMIT_SUMS; i++)
            if (!strcmp(event, events[i]))
                sums[i] =
                    (struct commit_sum){strtoull(n, NULL, 10), strtoull(picoseconds, NULL, 10)};
    }
}

static struct err *no_right(struct conn *c, struct err *e)
{
    AUTO_FREE char *user = NULL;
    struct err *later = conn_query_text(c, &user, "SELECT CURRENT_USER()");
    if (later)
        return err_first(e, later);
    e->kind = ERR_REFUSED;
    AUTO_FREE char *account = account_quoted(user ? user : "");
    return err_hint(e,
                    "Run as an administrator: GRANT SELECT ON %s TO %s; GRANT SELECT ON %s TO %s;",
                    statements_table, account, files_table, account);
}

static struct err *load_sums(struct conn *c, struct commit_sum sums[N_COMMIT_SUMS])
{
    struct rows rows;
    struct err *e = conn_query(c, &rows,
                               "SELECT EVENT_NAME AS event, COUNT_STAR AS n, SUM_TIMER_WAIT AS ps "
                               "FROM %s WHERE EVENT_NAME = '%s'"
                               " UNION ALL SELECT EVENT_NAME, COUNT_MISC, SUM_TIMER_MISC FROM %s "
                               "WHERE EVENT_NAME IN ('%s', '%s')",
                               statements_table, events[COMMIT_STATEMENTS], files_table,
                               events[COMMIT_REDO_SYNCS], events[COMMIT_BINLOG_SYNCS]);
    if (e && conn_errno_is_denied(conn_errno(c)))
        return no_right(c, e);
    TRY(e);
    take_sums(sums, &rows);
    rows_fini(&rows);
    return NULL;
}

/* A server that runs has synced its redo log: where that took no time, nobody has looked at a clock. */
static struct err *begin_mysql(struct commit_latency *l)
{
    TRY(load_sums(l->conn, l->sums));
    if (l->sums[COMMIT_REDO_SYNCS].picoseconds)
        return NULL;
    return err_hint(
        err_make(REFUSED, "performance_schema has no times of %s", events[COMMIT_REDO_SYNCS]),
        "It has to be on (performance_schema=ON), and the instrument enabled and timed "
        "in setup_instruments, with global_instrumentation in setup_consumers.");
}

static struct err *look_mysql(struct commit_latency *l, double *ms)
{
    struct commit_sum now[N_COMMIT_SUMS] = {{0}};
    TRY(load_sums(l->conn, now));
    *ms = commit_latency_between(l->sums, now);
    memcpy(l->sums, now, sizeof now);
    return NULL;
}

static struct err *look_mariadb(struct commit_latency *l, double *ms)
{
    const double since = clock_seconds();
    TRY(conn_exec(l->conn, "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS"));
    *ms = (clock_seconds() - since) * 1000;
    return NULL;
}

struct err *commit_latency_open(struct commit_latency **out, const struct conn_options *conn,
                                enum server_flavour flavour)
{
    AUTO(commit_latency) l = mem_zalloc(sizeof *l);
    double ms;
    l->flavour = flavour;
    l->line = -1;
    TRY(conn_open(&l->conn, conn));
    l->line = fcntl((int)l->conn->mysql->net.fd, F_DUPFD_CLOEXEC, 0);
    if (l->line < 0)
        return err_os("the connection to the server: cannot duplicate its descriptor");
    TRY(flavour == FLAVOUR_MYSQL ? begin_mysql(l) : look_mariadb(l, &ms));
    *out = l;
    l = NULL;
    return NULL;
}

struct err *commit_latency_look(struct commit_latency *l, double *ms)
{
    return l->flavour == FLAVOUR_MYSQL ? look_mysql(l, ms) : look_mariadb(l, ms);
}

void commit_latency_cut(struct commit_latency *l)
{
    shutdown(l->line, SHUT_RDWR);
}

void commit_latency_free(struct commit_latency *l)
{
    if (!l)
        return;
    conn_close(l->conn);
    if (l->line >= 0)
        close(l->line);
    free(l);
}
