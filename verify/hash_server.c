/* verify/hash_server.c: see hash_server.h for the rules H1..H10. Tables are jobs, the largest first; a large one with a key is cut in pieces, which
 * any connection takes. */
#include "verify/hash_server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/workers.h"
#include "server/version.h"
#include "verify/hash_lock.h"
#include "verify/hash_pace.h"
#include "verify/known_def.h"
#include "verify/snapshot_table.h"
#include "verify/table_ids.h"
#include "verify/table_split.h"

enum {
    PIECE_BYTES = 16 << 20, /* of a table that is read by several connections */
    PIECES_MAX = 128,
    SPLIT_ROWS = 16 << 10,      /* the server walks over so many in milliseconds */
    LOCK_WAIT_SECONDS = 30,     /* for a table that DDL or LOCK TABLES holds */
    SMALL_BYTES = 1 << 20,      /* of tables for which the order of reading does not matter */
    PLAIN_BYTES_MIN = 64 << 10, /* what opening and asking is worth */
    PLAIN_BYTES_MAX = 64 << 20, /* read under the lock of hash_server, in all */
    LOOK_SECONDS = 1,           /* between two looks at the numbers of tables, at least: H10 */
    LOOK_SHARE = 20,            /* ... and so many times what one takes */
};

static const char other_table[] =
    "changed while hashing: another table has its name now, or it was made anew";

struct reader {
    struct conn *conn;
    bool has_savepoint;
    bool is_cut;         /* KILL QUERY was sent to it */
    struct reader *next; /* of those that are idle */
};

struct hash_snapshot {
    struct hash_options options;
    struct hash_pace pace;
    struct conn
        *questions; /* asks for definitions, outside of any transaction; used under `lock` */
    struct reader *readers;
    unsigned n;
    enum server_flavour flavour;
    bool lists_moment;        /* H7 */
    struct table_list before; /* the list of hash_snapshot_list */
    bool listed;
    struct job *plain; /* those that list has chosen, until they are read */
    size_t n_plain;
    uint64_t plain_spare; /* see hash_snapshot_plain */
    bool alone;           /* no moment in common */
    bool watching;        /* H10 */
    struct table_ids ids; /* as they were before the moment */
    double next_look;     /* by clock_seconds */
    struct hash_set done; /* what plain has read */
    char taken[32];
    pthread_mutex_t lock; /* guards questions, idle, the queue of jobs and the state of each job */
    pthread_cond_t changed;
    struct reader *idle;
    struct queue *queue; /* while jobs run */
};

struct piece {
    char *where;
    struct table_sums sums;
};

struct job {
    const struct listed_table *table;
    enum hash_state state; /* when all goes well */
    const char *why;       /* ... and that is not EXACT */
    struct known_def
        known; /* the definition; of a job that was begun it is there, whether its text is known or not */
    bool asked; /* for it, as one of many */
    struct piece *pieces;
    size_t n_pieces, taken, finished; /* pieces; those that nobody will read any more are both */
    bool opened, over;
    char *failed;          /* why it has no hash */
    size_t result;         /* of one that is over: its place in the set */
    uint64_t name, id;     /* H10; id 0: not known, or not to be watched */
    bool is_other, proven; /* by a look; proven: behind its last row */
};

struct queue {
    struct job *jobs;
    size_t n, next;   /* the next that nobody has begun */
    size_t first;     /* all before it are over */
    unsigned opening; /* jobs that will be cut in pieces, or not, in a moment */
    bool stop;
    bool trying; /* what cannot be read now is left out: see hash_snapshot_plain */
    struct hash_set *out;
};

static void job_fini(struct job *job)
{
    for (size_t i = 0; i < job->n_pieces; i++) {
        free(job->pieces[i].where);
        table_sums_fini(&job->pieces[i].sums);
    }
    free(job->pieces);
    known_def_fini(&job->known);
    free(job->failed);
    job->pieces = NULL;
    job->n_pieces = 0;
    job->failed = NULL;
}

static void free_plain(struct hash_snapshot *s)
{
    for (size_t i = 0; i < s->n_plain; i++)
        job_fini(&s->plain[i]);
    free(s->plain);
    s->plain = NULL;
    s->n_plain = 0;
}

/* --- open and close -------------------------------------------------------------------------------- */

/* What could change what is read, or end it, whatever the server's own settings are.
 *   time_zone, character_set_results    TIMESTAMP in UTC, strings as they are stored
 *   net_write_timeout                   a reader that is held back is no reason to lose patience
 *   idle_..._timeout                    nor is one that waits for its turn (MariaDB)
 *   information_schema_stats_expiry     sizes of now, not of yesterday (MySQL)
 *   show_gipk_...                       generated invisible primary keys are columns (MySQL) */
static const char reader_setup[] =
    "SET SESSION time_zone='+00:00', character_set_results=NULL, net_write_timeout=2592000,"
    " lock_wait_timeout=%d"
    " /*M!100300 , idle_transaction_timeout=0, idle_readonly_transaction_timeout=0 */"
    " /*!50708 , information_schema_stats_expiry=0,"
    " show_gipk_in_create_table_and_information_schema=ON */";

static struct err *open_conn(struct conn **out, const struct conn_options *options)
{
    AUTO(conn) c = NULL;
    TRY(conn_open(&c, options));
    TRY(conn_exec(c, reader_setup, LOCK_WAIT_SECONDS));
    TRY(conn_exec(c, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
    *out = c;
    c = NULL;
    return NULL;
}

static struct err *learn_family(struct hash_snapshot *s)
{
    AUTO_FREE char *version = NULL;
    TRY(conn_query_text(s->questions, &version, "SELECT @@version"));
    s->flavour = version && strstr(version, "MariaDB") ? FLAVOUR_MARIADB : FLAVOUR_MYSQL;
    s->lists_moment = s->flavour == FLAVOUR_MYSQL;
    return NULL;
}

struct err *hash_snapshot_open(struct hash_snapshot **out, const struct conn_options *conn,
                               unsigned n, const struct hash_options *options)
{
    AUTO(hash_snapshot) s = mem_zalloc(sizeof *s);
    s->options = *options;
    s->pace = (struct hash_pace){
        .progress = options->progress, .poll = options->poll, .poll_ctx = options->poll_ctx};
    hash_pace_init(&s->pace);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->readers = mem_zalloc(n * sizeof *s->readers);
    TRY(open_conn(&s->questions, conn));
    TRY(learn_family(s));
    for (s->n = 0; s->n < n; s->n++) {
        TRY(open_conn(&s->readers[s->n].conn, conn));
        s->readers[s->n].next = s->idle;
        s->idle = &s->readers[s->n];
    }
    *out = s;
    s = NULL;
    return NULL;
}

void hash_snapshot_close(struct hash_snapshot *s)
{
    if (!s)
        return;
    conn_close(s->questions);
    for (unsigned i = 0; i < s->n; i++)
        conn_close(s->readers[i].conn);
    free(s->readers);
    free_plain(s);
    table_list_fini(&s->before);
    table_ids_fini(&s->ids);
    hash_set_fini(&s->done);
    hash_pace_fini(&s->pace);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s);
}

/* How long any connection waits for a table. MySQL makes a second of 0. */
static struct err *set_lock_wait(struct hash_snapshot *s, int seconds)
{
    TRY(conn_exec(s->questions, "SET SESSION lock_wait_timeout=%d", seconds));
    for (unsigned i = 0; i < s->n; i++)
        TRY(conn_exec(s->readers[i].conn, "SET SESSION lock_wait_timeout=%d", seconds));
    return NULL;
}

/* MySQL, with PROCESS: which tables must not be opened. */
static struct err *load_spaces(struct mysql_spaces *out, struct hash_snapshot *s)
{
    *out = (struct mysql_spaces){0};
    if (!s->lists_moment)
        return NULL;
    struct err *e = mysql_spaces_load(out, s->questions);
    if (!e || !conn_errno_is_denied(conn_errno(s->questions)))
        return e;
    err_free(e);
    return NULL;
}

/* Under the lock, but for list. Jobs of one schema. */
static struct err *learn_defs(struct hash_snapshot *s, struct job *jobs, size_t n)
{
    AUTO_FREE const struct listed_table **tables = mem_alloc(n * sizeof *tables);
    AUTO_FREE struct known_def *defs = mem_alloc(n * sizeof *defs);
    for (size_t i = 0; i < n; i++) {
        tables[i] = jobs[i].table;
        jobs[i].asked = true;
    }
    TRY(known_defs_load(defs, s->questions, tables, n));
    for (size_t i = 0; i < n; i++)
        jobs[i].known = defs[i];
    return NULL;
}

/* How many jobs from jobs[0] on are worth a question of their own, of n. */
static size_t run_of_jobs(const struct hash_snapshot *s, const struct job *jobs, size_t n)
{
    const size_t most = s->lists_moment ? KNOWN_DEFS_MAX : 1; /* see known_def.h */
    size_t run = 0;
    while (run < n && run < most && !jobs[run].asked &&
           !strcmp(jobs[run].table->schema, jobs[0].table->schema))
        run++;
    return run;
}

static int compare_small_first(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    return (x->table->bytes > y->table->bytes) - (x->table->bytes < y->table->bytes);
}

static int compare_job_names(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    const int order = strcmp(x->table->schema, y->table->schema);
    return order ? order : strcmp(x->table->name, y->table->name);
}

static uint64_t worth(const struct listed_table *t)
{
    return t->bytes < PLAIN_BYTES_MIN ? PLAIN_BYTES_MIN : t->bytes;
}

static void choose_plain(struct hash_snapshot *s, uint64_t most_bytes)
{
    size_t n = 0;
    uint64_t bytes = 0;
    s->plain = mem_zalloc((s->before.n + 1) * sizeof *s->plain);
    s->plain_spare = most_bytes;
    for (size_t i = 0; i < s->before.n; i++)
        if (s->before.items[i].access == ACCESS_PLAIN)
            s->plain[n++] = (struct job){.table = &s->before.items[i], .state = HASH_EXACT};
    qsort(s->plain, n, sizeof *s->plain, compare_small_first);
    while (s->n_plain < n && worth(s->plain[s->n_plain].table) <= most_bytes - bytes)
        bytes += worth(s->plain[s->n_plain++].table);
    qsort(s->plain, s->n_plain, sizeof *s->plain, compare_job_names);
}

struct err *hash_snapshot_list(struct hash_snapshot *s, uint64_t plain_bytes)
{
    struct mysql_spaces spaces;
    TRY(load_spaces(&spaces, s));
    struct err *e = table_list_load(&s->before, s->questions, &s->options.select, &spaces, false);
    mysql_spaces_fini(&spaces);
    TRY(e);
    s->listed = true;
    TRY(table_list_plain_sizes(&s->before, s->questions, !s->lists_moment));
    choose_plain(s, plain_bytes);
    for (size_t i = 0, run; i < s->n_plain; i += run) {
        run = run_of_jobs(s, &s->plain[i], s->n_plain - i);
        TRY(learn_defs(s, &s->plain[i], run));
    }
    return set_lock_wait(s, 0); /* for plain */
}

struct err *hash_snapshot_take(struct hash_snapshot *s)
{
    for (unsigned i = 0; i < s->n; i++)
        TRY(conn_exec(s->readers[i].conn, "START TRANSACTION WITH CONSISTENT SNAPSHOT"));
    clock_utc(s->taken);
    return NULL;
}

/* --- one table -------------------------------------------------------------------------------------- */

static struct err *set_savepoint(struct reader *r)
{
    if (!r->has_savepoint)
        TRY(conn_exec(r->conn, "SAVEPOINT mbe"));
    r->has_savepoint = true;
    return NULL;
}

/* H2. From here on no DDL changes the table, until release. */
static struct err *hold(struct reader *r, const struct listed_table *t)
{
    AUTO_FREE char *name = table_sql_name(t->schema, t->name);
    TRY(set_savepoint(r));
    return conn_exec(r->conn, "SELECT 1 FROM %s LIMIT 0", name);
}

/* That there still is a savepoint says that the snapshot is the one of the moment. */
static struct err *release(struct reader *r)
{
    return err_wrap(conn_exec(r->conn, "ROLLBACK TO SAVEPOINT mbe"), "the snapshot was lost");
}

/* The definition of a table that is held, if it is still the one of the list. */
static struct err *load_def(struct hash_snapshot *s, struct table_def *out,
                            const struct listed_table *t)
{
    pthread_mutex_lock(&s->lock);
    struct err *e = table_def_load(out, s->questions, t);
    if (e && conn_errno_is_lost(conn_errno(s->questions)))
        e->kind = ERR_FAILED; /* not about this table */
    pthread_mutex_unlock(&s->lock);
    if (!e && out->definition != t->definition) {
        table_def_fini(out);
        e = err_make(SERVER, "altered meanwhile");
    }
    return e;
}

/* Before a table is opened. The definitions of those whose turn is next come with its own, where it is cheap to ask for many. */
static struct err *learn_next(struct hash_snapshot *s, struct job *job)
{
    struct err *e = NULL;
    pthread_mutex_lock(&s->lock);
    if (job->is_other) {
        e = err_make(SERVER, "%s", other_table);
    } else if (s->lists_moment && !job->asked) {
        const size_t left = (size_t)(s->queue->jobs + s->queue->n - job);
        e = learn_defs(s, job, run_of_jobs(s, job, left));
    }
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* Of a table that is held. */
static struct err *still_holds(bool *out, const struct job *job, struct reader *r)
{
    *out = false;
    return job->known.text ? known_def_holds(out, &job->known, r->conn, job->table) : NULL;
}

static struct err *define(struct hash_snapshot *s, struct reader *r, struct job *job)
{
    bool holds;
    TRY(still_holds(&holds, job, r));
    if (holds)
        return NULL;
    known_def_fini(&job->known);
    return load_def(s, &job->known.def, job->table);
}

static struct err *read_piece(struct hash_snapshot *s, struct reader *r, struct job *job,
                              const struct table_def *def, size_t i)
{
    return table_sums_read(&job->pieces[i].sums, r->conn, job->table, def, job->pieces[i].where,
                           &s->pace);
}

/* A piece of a table whose metadata lock was let go since it was cut. */
static struct err *hold_and_read_piece(struct hash_snapshot *s, struct reader *r, struct job *job,
                                       size_t i)
{
    bool holds;
    struct table_def def = {0};
    TRY(hold(r, job->table));
    TRY(still_holds(&holds, job, r));
    if (!holds)
        TRY(load_def(s, &def, job->table));
    struct err *e = read_piece(s, r, job, holds ? &job->known.def : &def, i);
    table_def_fini(&def);
    return e;
}

static size_t pieces_of(const struct hash_snapshot *s, const struct listed_table *t)
{
    const uint64_t pieces = t->bytes / PIECE_BYTES;
    if (s->n == 1 || t->access != ACCESS_SNAPSHOT || pieces < 2)
        return 1;
    return pieces > PIECES_MAX ? PIECES_MAX : (size_t)pieces;
}

static struct err *cut(struct hash_snapshot *s, struct reader *r, struct job *job)
{
    char **where;
    size_t n;
    const struct split_options options = {.parts = pieces_of(s, job->table), .rows = SPLIT_ROWS};
    TRY(table_split(&where, &n, r->conn, job->table, &job->known.def, &options, &s->pace));
    job->pieces = mem_zalloc(n * sizeof *job->pieces);
    for (size_t i = 0; i < n; i++)
        job->pieces[i].where = where[i];
    free(where);
    job->n_pieces = n;
    return NULL;
}

static struct err *open_job(struct hash_snapshot *s, struct reader *r, struct job *job)
{
    TRY(learn_next(s, job));
    TRY(hold(r, job->table));
    TRY(define(s, r, job));
    TRY(cut(s, r, job));
    return job->n_pieces == 1 ? read_piece(s, r, job, &job->known.def, 0) : NULL;
}

static void take_columns(struct hashed_table *out, struct job *job, const struct table_sums *sums)
{
    out->n_columns = job->known.def.n_columns;
    out->columns = mem_zalloc(out->n_columns * sizeof *out->columns);
    for (size_t i = 0; i < out->n_columns; i++) {
        struct table_column *c = &job->known.def.columns[i];
        out->columns[i] =
            (struct hashed_column){.name = c->name, .value = c->value, .sum = sums->columns[i]};
        c->name = NULL;
    }
    out->n_key = job->known.def.n_key;
    out->key = job->known.def.key;
    job->known.def.key = NULL;
}

/* All pieces are there. */
static void take_sums(struct hashed_table *out, struct job *job)
{
    struct table_sums *sums = &job->pieces[0].sums;
    for (size_t i = 1; i < job->n_pieces; i++)
        table_sums_append(sums, &job->pieces[i].sums);
    take_columns(out, job, sums);
    out->rows = sums->rows;
    out->sum = sums->sum;
    out->ranges = sums->ranges;
    sums->ranges = (struct key_ranges){0};
    key_ranges_finish(&out->ranges, out->rows);
    if (job->state == HASH_EXACT)
        out->state = HASH_EXACT;
    else
        hashed_table_mark(out, job->state, job->why);
}

static void tell_failure(const struct hash_snapshot *s, const struct hashed_table *t)
{
    AUTO_FREE char *reason = text_one_line(t->reason);
    log_warning(s->options.log, "hash", "%s.%s is not hashed: %s", t->schema, t->name, reason);
}

/* Under the lock. The job is over: its result goes to the set. */
static void close_job(struct hash_snapshot *s, struct job *job)
{
    job->over = true;
    if (job->failed && s->queue->trying) {
        job_fini(job);
        return;
    }
    job->result = s->queue->out->n;
    struct hashed_table *out = hash_set_add(s->queue->out, job->table->schema, job->table->name);
    out->engine = mem_strdup(job->table->engine);
    if (job->failed) {
        hashed_table_mark(out, HASH_NOT, job->failed);
        tell_failure(s, out);
    } else {
        take_sums(out, job);
    }
    job_fini(job);
}

/* --- jobs ------------------------------------------------------------------------------------------------ */

/* What a thread does next. */
struct work {
    struct job *job; /* NULL: nothing is left */
    bool opens;      /* begins the job; else reads one of its pieces */
    size_t piece;
    enum hash_identity identity; /* when it is done */
};

/* Under the lock. Pieces of tables that others have begun come first: fewer tables are open at a time. */
static bool find_work(struct queue *q, struct work *w)
{
    while (q->first < q->next && q->jobs[q->first].over)
        q->first++;
    for (size_t i = q->first; i < q->next; i++) {
        struct job *job = &q->jobs[i];
        if (job->opened && job->taken < job->n_pieces) {
            *w = (struct work){.job = job, .piece = job->taken++};
            return true;
        }
    }
    if (q->next == q->n)
        return false;
    *w = (struct work){.job = &q->jobs[q->next++], .opens = true};
    q->opening++;
    return true;
}

/* While another thread begins a job there may be pieces in a moment. */
static struct work next_work(struct hash_snapshot *s)
{
    struct work w = {0};
    pthread_mutex_lock(&s->lock);
    while (!s->queue->stop && !find_work(s->queue, &w) && s->queue->opening)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return w;
}

/* H8 */
static struct err *identify(const struct hash_snapshot *s, struct work *w)
{
    const struct hash_options *o = &s->options;
    const struct listed_table *t = w->job->table;
    if (!o->identify || s->queue->trying)
        return NULL;
    struct err *e = o->identify(o->identify_ctx, t->schema, t->name, &w->identity);
    if (e)
        e->kind = ERR_FAILED; /* not about this table */
    else if (w->identity == HASH_TABLE_OTHER)
        e = err_make(SERVER, "another table has its name now, or a part of it was exchanged");
    return e;
}

/* A KILL QUERY that comes when the statement has ended is for the next one: it had better be none that matters. */
static void settle(struct reader *r)
{
    if (r->is_cut)
        err_free(conn_exec(r->conn, "DO 0"));
    r->is_cut = false;
}

/* H3, H5: *failed, owned by caller, is why the table has no hash; any other error ends everything. */
static struct err *do_work(struct hash_snapshot *s, struct reader *r, struct work *w, char **failed)
{
    struct err *e = w->opens ? open_job(s, r, w->job) : hold_and_read_piece(s, r, w->job, w->piece);
    if (!e)
        e = identify(s, w);
    if (e && (e->kind != ERR_SERVER || conn_errno_is_lost(conn_errno(r->conn))))
        return err_wrap(e, "%s.%s", w->job->table->schema, w->job->table->name);
    if (e)
        *failed = mem_strdup(e->message);
    err_free(e);
    settle(r);
    return release(r);
}

/* What is known of the table says what its hash is worth. */
static void judge(struct job *job, enum hash_identity identity)
{
    if (job->state == HASH_EXACT && identity == HASH_TABLE_UNKNOWN) {
        job->state = HASH_UNSYNCHRONISED;
        job->why = "it has no file of its own that is known, and so cannot be told from another "
                   "one that got its name";
    } else if (job->state == HASH_UNSYNCHRONISED && identity == HASH_TABLE_RESTED) {
        job->state = HASH_EXACT;
    }
}

/* --- H10 --- */

/* Under the lock. What was read before this look and is the same is proven; what is another table is never read, or not kept. */
static struct err *look(struct hash_snapshot *s)
{
    struct queue *q = s->queue;
    struct table_ids now;
    bool denied;
    const double begun = clock_seconds();
    TRY_AT(table_ids_load(&now, &denied, s->questions, s->flavour), "numbers of tables");
    if (denied)
        return err_make(REFUSED, "the privilege PROCESS was taken away meanwhile");
    for (size_t i = 0; i < q->n; i++) {
        struct job *job = &q->jobs[i];
        if (!job->id || job->proven || job->is_other)
            continue;
        job->is_other = table_ids_find(&now, job->name) != job->id;
        job->proven = job->over && !job->is_other;
        if (!job->over || !job->is_other || q->out->items[job->result].state == HASH_NOT)
            continue;
        hashed_table_mark(&q->out->items[job->result], HASH_NOT, other_table);
        tell_failure(s, &q->out->items[job->result]);
    }
    table_ids_fini(&now);
    const double took = clock_seconds() - begun;
    s->next_look = begun + (took * LOOK_SHARE > LOOK_SECONDS ? took * LOOK_SHARE : LOOK_SECONDS);
    return NULL;
}

static struct err *look_if_due(struct hash_snapshot *s)
{
    const bool due = s->watching && !s->queue->trying && clock_seconds() >= s->next_look;
    return due ? look(s) : NULL;
}

/* Under the lock. */
static void end_work(struct hash_snapshot *s, const struct work *w, char *failed)
{
    struct job *job = w->job;
    if (w->opens) {
        s->queue->opening--;
        job->opened = true;
        job->taken = job->finished = job->n_pieces == 1;
    } else {
        job->finished++;
    }
    judge(job, w->identity);
    if (failed && !job->failed)
        job->failed = failed;
    else
        free(failed);
    if (job->is_other && !job->failed)
        job->failed = mem_strdup(other_table);
    if (job->failed) { /* the rest is not worth reading */
        job->finished += job->n_pieces - job->taken;
        job->taken = job->n_pieces;
    }
    if (job->finished == job->n_pieces)
        close_job(s, job);
}

static struct err *one_work(void *ctx, bool *more)
{
    struct hash_snapshot *s = ctx;
    struct work w = next_work(s);
    if (!w.job) {
        *more = false;
        return NULL;
    }
    char *failed = NULL;
    pthread_mutex_lock(&s->lock);
    struct reader *r = s->idle;
    s->idle = r->next;
    pthread_mutex_unlock(&s->lock);
    struct err *e = do_work(s, r, &w, &failed);
    pthread_mutex_lock(&s->lock);
    if (!e) {
        end_work(s, &w, failed);
        e = look_if_due(s);
    }
    if (e)
        s->queue->stop = true;
    r->next = s->idle;
    s->idle = r;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* The largest first, so that all connections end at about the same time; small ones by name, to be asked for together. */
static int compare_jobs(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    if (x->table->bytes < SMALL_BYTES && y->table->bytes < SMALL_BYTES)
        return compare_job_names(a, b);
    return compare_small_first(b, a);
}

static struct err *run_jobs(struct hash_snapshot *s, struct job *jobs, size_t n, bool trying,
                            struct hash_set *out)
{
    struct queue q = {.jobs = jobs, .n = n, .trying = trying, .out = out};
    if (n)
        qsort(jobs, n, sizeof *jobs, compare_jobs);
    s->queue = &q;
    const bool watching = s->watching && !trying;
    struct err *e = watching ? look(s) : NULL;
    if (!e && n)
        e = workers_run((int)s->n, one_work, s);
    if (!e && watching)
        e = look(s);
    s->queue = NULL;
    for (size_t i = 0; i < n; i++)
        job_fini(&jobs[i]);
    return e;
}

/* --- the tables of a server ------------------------------------------------------------------------------- */

/* An archive or a compressed table has more rows than its size says, and somebody waits for the lock. */
static struct err *end_statement(void *ctx, const struct conn *c)
{
    struct hash_snapshot *s = ctx;
    for (unsigned i = 0; i < s->n; i++)
        if (s->readers[i].conn == c) /* this thread's own */
            s->readers[i].is_cut = true;
    pthread_mutex_lock(&s->lock);
    struct err *e = conn_exec(s->questions, "KILL QUERY %llu", (unsigned long long)conn_id(c));
    pthread_mutex_unlock(&s->lock);
    return e;
}

struct err *hash_snapshot_plain(struct hash_snapshot *s)
{
    s->pace.cut = end_statement;
    s->pace.cut_ctx = s;
    s->pace.spare = s->plain_spare;
    TRY(run_jobs(s, s->plain, s->n_plain, true, &s->done));
    s->pace.cut = NULL;
    free_plain(s);
    hash_set_sort(&s->done);
    return NULL;
}

static void add_unhashed(struct hash_set *out, const struct listed_table *t, const char *reason)
{
    struct hashed_table *h = hash_set_add(out, t->schema, t->name);
    h->engine = mem_strdup(t->engine);
    hashed_table_mark(h, HASH_NOT, reason);
}

/* H3: what can be said of a table without reading it; NULL: it is to be read. */
static const char *why_not(const struct hash_snapshot *s, const struct listed_table *t)
{
    const struct listed_table *before = table_list_find(&s->before, t->schema, t->name);
    if (t->is_discarded)
        return "its tablespace is discarded";
    if (t->access == ACCESS_NONE)
        return t->engine[0] ? "tables of its engine hold nothing that could be compared later"
                            : "the server cannot open it";
    if (s->lists_moment)
        return NULL;
    if (s->listed && !before)
        return "created or renamed meanwhile";
    if (s->listed && before->definition != t->definition)
        return "altered meanwhile";
    return NULL;
}

/* The jobs of all tables that are there now; those without one go to the set. */
static size_t make_jobs(struct job *jobs, struct hash_set *out, const struct hash_snapshot *s,
                        const struct table_list *now)
{
    size_t n = 0;
    for (size_t i = 0; i < now->n; i++) {
        const struct listed_table *t = &now->items[i];
        const char *reason = why_not(s, t);
        if (hash_set_find(&s->done, t->schema, t->name))
            continue;
        if (reason)
            add_unhashed(out, t, reason);
        else if (t->access == ACCESS_SNAPSHOT)
            jobs[n++] = (struct job){.table = t, .state = HASH_EXACT};
        else
            jobs[n++] = (struct job){
                .table = t,
                .state = HASH_UNSYNCHRONISED,
                .why = "its engine has no transactions, and it was read without a lock"};
    }
    for (size_t i = 0; i < s->before.n && !s->lists_moment; i++) {
        const struct listed_table *t = &s->before.items[i];
        if (!table_list_find(now, t->schema, t->name) &&
            !hash_set_find(&s->done, t->schema, t->name))
            add_unhashed(out, t, "dropped or renamed meanwhile");
    }
    return n;
}

static void move_done(struct hash_set *out, struct hash_set *done)
{
    for (size_t i = 0; i < done->n; i++) {
        mem_grow(&out->items, &out->cap, out->n, sizeof *out->items);
        out->items[out->n++] = done->items[i];
    }
    done->n = 0;
}

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

static struct err *describe(struct hash_set *out, struct hash_snapshot *s)
{
    const struct hash_select *select = &s->options.select;
    struct rows rows;
    TRY(conn_query(s->questions, &rows,
                   "SELECT @@version AS version, @@hostname AS host, @@server_id AS id"));
    out->version = copy(rows_get(&rows, 0, "version"));
    out->flavour = mem_strdup(server_flavour_text(s->flavour));
    out->host = copy(rows_get(&rows, 0, "host"));
    out->server_id = copy(rows_get(&rows, 0, "id"));
    rows_fini(&rows);
    out->taken = mem_strdup(s->taken);
    out->databases = copy(select->databases);
    out->tables = copy(select->tables);
    out->ignore_databases = copy(select->ignore_databases);
    out->ignore_tables = copy(select->ignore_tables);
    out->system = select->system;
    return NULL;
}

/* H10: what is to be watched of the jobs. */
static struct err *begin_watching(struct hash_snapshot *s, struct job *jobs, size_t n)
{
    size_t unknown = 0;
    for (size_t i = 0; i < n && s->watching; i++) {
        const struct listed_table *t = jobs[i].table;
        const bool own = s->lists_moment && !strcmp(t->schema, "mysql"); /* all in one tablespace */
        if (t->access != ACCESS_SNAPSHOT || own)
            continue;
        TRY(table_ids_name(&jobs[i].name, s->questions, s->flavour, t->schema, t->name));
        jobs[i].id = table_ids_find(&s->ids, jobs[i].name);
        unknown += !jobs[i].id;
    }
    if (unknown)
        log_warning(s->options.log, "hash",
                    "%zu tables have no tablespace of their own, or are not of InnoDB: that none "
                    "of them got "
                    "another one's name meanwhile is not proven",
                    unknown);
    return NULL;
}

static struct err *hash_all(struct hash_set *out, struct hash_snapshot *s,
                            const struct table_list *now)
{
    AUTO_FREE struct job *jobs = mem_alloc(now->n * sizeof *jobs);
    uint64_t bytes = 0;
    const size_t n = make_jobs(jobs, out, s, now);
    TRY(begin_watching(s, jobs, n));
    s->pace.rate = s->options.throttle; /* not before: plain reads under a lock */
    for (size_t i = 0; i < n; i++)
        bytes += jobs[i].table->bytes;
    progress_phase(s->options.progress, "hash", bytes);
    TRY(run_jobs(s, jobs, n, false, out));
    move_done(out, &s->done);
    hash_set_sort(out);
    return describe(out, s);
}

/* Each connection saw a moment of its own. */
static void mark_all(struct hash_set *set)
{
    free(set->taken);
    set->taken = NULL;
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i].state == HASH_EXACT)
            hashed_table_mark(&set->items[i], HASH_UNSYNCHRONISED,
                              "read without a lock, at a moment of its own");
}

/* H7 */
static struct err *list_now(struct table_list *out, struct hash_snapshot *s)
{
    struct reader *r = s->idle;
    struct mysql_spaces spaces;
    if (!s->lists_moment)
        return table_list_load(out, s->questions, &s->options.select, NULL, true);
    TRY(set_savepoint(r));
    TRY(load_spaces(&spaces, s));
    struct err *e = table_list_load(out, r->conn, &s->options.select, &spaces, true);
    mysql_spaces_fini(&spaces);
    TRY(e);
    e = release(r);
    if (e)
        table_list_fini(out);
    return e;
}

struct err *hash_snapshot_run(struct hash_set *out, struct hash_snapshot *s)
{
    struct table_list now;
    *out = (struct hash_set){0};
    TRY(set_lock_wait(s, LOCK_WAIT_SECONDS));
    TRY(list_now(&now, s));
    struct err *e = hash_all(out, s, &now);
    table_list_fini(&now);
    if (e)
        hash_set_fini(out);
    else if (s->alone)
        mark_all(out);
    return e;
}

/* --- a server of which nothing else is wanted --------------------------------------------------------------- */

static struct err *take_locked(struct hash_snapshot *s, const struct conn_options *conn,
                               unsigned lock_wait_seconds)
{
    struct hash_lock lock;
    double seconds = 0;
    TRY(hash_lock_open(&lock, conn, lock_wait_seconds, s->options.log));
    struct err *e = hash_snapshot_take(s);
    if (!e)
        e = hash_snapshot_plain(s);
    if (!e)
        e = hash_lock_release(&lock, &seconds);
    hash_lock_close(&lock);
    if (!e)
        log_info(s->options.log, "hash", "commits were stopped for %.3f s", seconds);
    return e;
}

/* H10: of a caller that knows nothing of the files. */
static struct err *note_ids(struct hash_snapshot *s)
{
    bool denied;
    if (s->options.identify)
        return NULL;
    TRY_AT(table_ids_load(&s->ids, &denied, s->questions, s->flavour), "numbers of tables");
    s->watching = !denied;
    if (denied)
        log_warning(
            s->options.log, "hash",
            "without the privilege PROCESS it is not proven that no table got another one's name "
            "meanwhile (RENAME TABLE, EXCHANGE PARTITION)");
    return NULL;
}

struct err *hash_snapshot_begin(struct hash_snapshot **out, const struct conn_options *conn,
                                unsigned n, enum hash_moment moment, unsigned lock_wait_seconds,
                                const struct hash_options *options)
{
    AUTO(hash_snapshot) s = NULL;
    TRY(hash_snapshot_open(&s, conn, n, options));
    TRY(hash_snapshot_list(s, moment == HASH_MOMENT_LOCKED ? PLAIN_BYTES_MAX : 0));
    TRY(note_ids(s));
    s->alone = moment == HASH_MOMENT_NONE && n > 1;
    if (moment == HASH_MOMENT_LOCKED)
        TRY(take_locked(s, conn, lock_wait_seconds));
    else
        TRY(hash_snapshot_take(s));
    *out = s;
    s = NULL;
    return NULL;
}

struct err *hash_server(struct hash_set *out, const struct conn_options *conn, unsigned n,
                        enum hash_moment moment, unsigned lock_wait_seconds,
                        const struct hash_options *options)
{
    AUTO(hash_snapshot) s = NULL;
    *out = (struct hash_set){0};
    TRY(hash_snapshot_begin(&s, conn, n, moment, lock_wait_seconds, options));
    return hash_snapshot_run(out, s);
}

/* --- single rows -------------------------------------------------------------------------------------------- */

struct err *snapshot_table_open(struct snapshot_table *out, struct hash_snapshot *s,
                                const char *schema, const char *name)
{
    *out =
        (struct snapshot_table){.snapshot = s, .listed = table_list_find(&s->before, schema, name)};
    if (!out->listed)
        return err_make(FAILED, "the server does not have it");
    TRY(hold(&s->readers[0], out->listed));
    return load_def(s, &out->def, out->listed);
}

struct err *snapshot_table_read(const struct snapshot_table *t, const char *where,
                                table_row_fn *on_row, void *ctx)
{
    struct hash_snapshot *s = t->snapshot;
    return table_read(s->readers[0].conn, t->listed, &t->def, where, &s->pace, on_row, ctx);
}

struct err *snapshot_table_sums(struct table_sums *out, const struct snapshot_table *t,
                                const char *where)
{
    struct hash_snapshot *s = t->snapshot;
    return table_sums_read(out, s->readers[0].conn, t->listed, &t->def, where, &s->pace);
}

struct err *snapshot_table_close(struct snapshot_table *t)
{
    table_def_fini(&t->def);
    return t->listed ? release(&t->snapshot->readers[0]) : NULL;
}
