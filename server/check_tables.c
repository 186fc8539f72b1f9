/* server/check_tables.c: see check_tables.h. */
#include "server/check_tables.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/workers.h"

/* Columns of the result. */
enum { MSG_TYPE = 2, MSG_TEXT = 3, N_COLUMNS = 4 };
enum { STATEMENT_TIMEOUT = 1969 }; /* MariaDB: max_statement_time exceeded */

static const char list_tables[] =
    "SELECT table_schema, table_name FROM information_schema.tables"
    " WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE')"
    " AND table_schema NOT IN ('information_schema', 'performance_schema')"
    " ORDER BY table_schema, table_name";

struct check {
    const struct check_tables_options *options;
    struct rows tables;
    const char *how;      /* " EXTENDED" or "" */
    pthread_mutex_t lock; /* guards what follows */
    size_t next;
    struct check_tables_result result;
};

/* ---- one table ---- */

/* What begins a text that a table gets for what it is, not for what is in it. */
static const char *const unable[] = {
    "Unknown storage engine",
    "Tablespace has been discarded for table",
    "Tablespace is discarded for table", /* MySQL */
    "InnoDB: Tablespace is discarded for table",
};

static const char *const sound[] = {
    "OK",
    "Table is already up to date",
    "The storage engine for the table doesn't support check",
};

static bool begins_like_one(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strncmp(text, list[i], strlen(list[i])))
            return true;
    return false;
}

enum check_verdict check_table_judge(const char *msg_type, const char *msg_text)
{
    if (begins_like_one(msg_text, unable, sizeof unable / sizeof unable[0]))
        return CHECK_UNABLE;
    if (!strcasecmp(msg_type, "note") || !strcasecmp(msg_type, "info"))
        return CHECK_SOUND;
    return !strcasecmp(msg_type, "status") &&
                   begins_like_one(msg_text, sound, sizeof sound / sizeof sound[0])
               ? CHECK_SOUND
               : CHECK_BAD;
}

static char *identifier(const char *name)
{
    char *const quoted = mem_alloc(2 * strlen(name) + 3), *out = quoted;
    *out++ = '`';
    for (; *name; name++) {
        if (*name == '`')
            *out++ = '`';
        *out++ = *name;
    }
    *out++ = '`';
    *out = '\0';
    return quoted;
}

static const char *cell(const struct rows *r, size_t row, size_t col)
{
    const char *text = col < r->n_cols ? r->cells[row * r->n_cols + col] : NULL;
    return text ? text : "";
}

/* A table that cannot be checked gets a line for that, and one that calls it corrupt because of it. */
static enum check_verdict judge_all(const struct rows *r, const char *table, struct log *log)
{
    enum check_verdict verdict = CHECK_SOUND;
    for (size_t i = 0; i < r->n_rows && verdict != CHECK_UNABLE; i++) {
        const char *type = cell(r, i, MSG_TYPE), *text = cell(r, i, MSG_TEXT);
        const enum check_verdict v = check_table_judge(type, text);
        if (v == CHECK_UNABLE)
            log_warning(log, "check", "table %s cannot be checked here: %s", table, text);
        if (v == CHECK_BAD)
            log_error(log, "check", "table %s: %s: %s", table, type, text);
        verdict = v == CHECK_SOUND ? verdict : v;
    }
    return verdict;
}

static struct err *check_one(struct check *k, struct conn *c, const char *table)
{
    struct rows r;
    TRY_AT(conn_query(c, &r, "CHECK TABLE %s%s", table, k->how), "table %s", table);
    const bool understood = r.n_rows && r.n_cols == N_COLUMNS;
    const enum check_verdict v = judge_all(&r, table, k->options->log);
    rows_fini(&r);
    if (!understood)
        return err_make(SERVER, "table %s: CHECK TABLE has another result than is known", table);
    pthread_mutex_lock(&k->lock);
    k->result.checked += v != CHECK_UNABLE;
    k->result.unchecked += v == CHECK_UNABLE;
    k->result.bad += v == CHECK_BAD;
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

/* ---- all of them ---- */

static bool take(struct check *k, size_t *table)
{
    pthread_mutex_lock(&k->lock);
    *table = k->next;
    const bool is_one = k->next < k->tables.n_rows;
    k->next += is_one;
    pthread_mutex_unlock(&k->lock);
    return is_one;
}

static void leave_the_rest(struct check *k)
{
    pthread_mutex_lock(&k->lock);
    k->next = k->tables.n_rows;
    pthread_mutex_unlock(&k->lock);
}

/* One connection's share. */
static struct err *work(void *ctx, bool *more)
{
    struct check *k = ctx;
    AUTO(conn) c = NULL;
    size_t i;
    *more = false;
    struct err *e = conn_open(&c, k->options->conn);
    while (!e && take(k, &i)) {
        AUTO_FREE char *schema = identifier(cell(&k->tables, i, 0));
        AUTO_FREE char *name = identifier(cell(&k->tables, i, 1));
        AUTO_FREE char *table = mem_printf("%s.%s", schema, name);
        progress_note(k->options->progress, "%zu of %zu: %s", i + 1, k->tables.n_rows, table);
        e = err_first(signals_check(), check_one(k, c, table));
    }
    if (e)
        leave_the_rest(k);
    return e;
}

/* Transactions whose deleted rows are not all purged yet; 0 on MySQL, which has no such status. */
static struct err *count_unpurged(uint64_t *n, struct conn *c)
{
    struct rows r;
    TRY(conn_query(c, &r, "SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length'"));
    *n = r.n_rows ? strtoull(cell(&r, 0, 1), NULL, 10) : 0;
    rows_fini(&r);
    return NULL;
}

/* One step of purge's work. An idle server may not go on by itself (seen once, on MariaDB 11.8.9); the statement sets it to work and waits for it,
 * until it is ended for the time it takes. */
static struct err *purge(struct conn *c)
{
    struct err *e = conn_exec(c, "SET GLOBAL innodb_max_purge_lag_wait=0");
    if (!e || conn_errno(c) != STATEMENT_TIMEOUT)
        return e;
    err_free(e);
    return NULL;
}

/* *how: with EXTENDED, when there is nothing left to purge. */
static struct err *await_purge(const char **how, struct conn *c,
                               const struct check_tables_options *o)
{
    const double end = clock_seconds() + o->purge_seconds;
    uint64_t left;
    TRY(count_unpurged(&left, c));
    if (left)
        TRY(conn_exec(c, "SET SESSION max_statement_time=1"));
    while (left && clock_seconds() < end) {
        TRY(signals_check());
        TRY(purge(c));
        TRY(count_unpurged(&left, c));
    }
    *how = left ? "" : " EXTENDED";
    if (left)
        log_warning(o->log, "check",
                    "after %u s the server still has %" PRIu64
                    " transactions to purge: tables are checked without EXTENDED",
                    o->purge_seconds, left);
    return NULL;
}

/* The list is asked for on another connection, which has no limit of time. */
static struct err *prepare(struct check *k)
{
    AUTO(conn) c = NULL;
    AUTO(conn) list = NULL;
    TRY(conn_open(&c, k->options->conn));
    TRY(await_purge(&k->how, c, k->options));
    TRY(conn_open(&list, k->options->conn));
    return conn_query(list, &k->tables, "%s", list_tables);
}

struct err *check_tables_run(struct check_tables_result *out,
                             const struct check_tables_options *options)
{
    struct check k = {.options = options};
    pthread_mutex_init(&k.lock, NULL);
    progress_phase(options->progress, "check tables", 0);
    struct err *e = prepare(&k), *damage = NULL;
    if (!e)
        e = workers_run(options->parallel, work, &k);
    rows_fini(&k.tables);
    pthread_mutex_destroy(&k.lock);
    *out = k.result;
    if (k.result.bad)
        damage =
            err_make(CORRUPT, "CHECK TABLE finds %" PRIu64 " of %" PRIu64 " tables to be damaged",
                     k.result.bad, k.result.checked);
    return err_after(damage, e);
}
