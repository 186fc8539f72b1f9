/* engine/backup_mysql.c: what is MySQL's of a backup; see backup_run.h.
 *
 *  Y1 Tablespaces are settled by engine/mysql_settle.h. Its lock, LOCK INSTANCE FOR BACKUP, is held when the end is read: no DDL
 *     runs.
 *  Y2 Commits are stopped (FLUSH TABLES WITH READ LOCK) when there are tables of other engines, or a binary log: between what
 *     a transaction writes to that log and its commit in InnoDB, only this lock stands. And when tables are to be hashed: only so
 *     are the end LSN and several snapshots one moment. Never asked for behind a long statement (mysql_slow_seconds), and in short
 *     tries: meanwhile writes queue behind it. And never while we hold the instance lock: a DDL that waits for that one has a part
 *     of the global lock, and the server would end it with a deadlock. So the instance lock is let go for it and taken again
 *     under it; what DDL has done in between is settled then. It may not be free there: a purge thread that empties an undo
 *     tablespace has the instance lock first, then asks for a part of the global one, and waits for us (9.7.4, by experiment). Then
 *     commits go on at once, and all of it is tried again.
 *  Y3 The end of the backup is the LSN of performance_schema.log_status, read with coordinates and GTIDs in one statement, after
 *     the last copied byte. It is the end of a mini-transaction. The log files reach it later: see mysql_flush_logs.
 *  Y4 The server's log is on disk up to there before the backup is published. Else a power failure could give it another
 *     history from before that LSN on, which a backup based on this one would not tell from the old one.
 *  Y5 A map of changes (page_tracking.h) is complete for what was written without redo before the first barrier. What is copied
 *     by it is noted as of then (mysql_judge.h, R4); what is copied later, because something was written so behind it, is read
 *     and stored whole. For a page that is used again and written without redo keeps the LSN that it had in memory (9.7.4, by
 *     experiment) and may look older than the base. For the same reason all pages of the map are stored. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/backup_run.h"
#include "engine/manifest.h"
#include "server/mysql.h"
#include "server/mysql_log_status.h"

enum {
    ROUNDS_MAX = 2,
    TRY_SECONDS = 2, /* for which writes may queue behind a try */
    GAP_FIRST_MS = 100,
    GAP_MAX_MS = 2000,
    CONFIRM_TRIES = 5, /* after that, whatever there is to copy is copied with commits stopped */
    CONFIRM_BYTES = 16 << 20, /* with commits stopped */
    CHECKPOINT_SECONDS = 30,  /* for the server's next checkpoint, before everything is read */
};

static struct err *lsn_now(struct conn *queries, lsn_t *lsn)
{
    struct mysql_log_status status;
    TRY(mysql_log_status_load(&status, queries));
    *lsn = status.lsn;
    mysql_log_status_fini(&status);
    return NULL;
}

static void init(struct backup *b)
{
    b->mysql_conn =
        (struct mysql_connections){.locks = b->locks, .queries = b->queries, .tail = b->tail};
    mysql_settle_init(&b->settle, &b->spaces, mysql_settle_calls(&b->mysql_conn),
                      b->options->lock_wait_seconds);
}

static void fini(struct backup *b)
{
    mysql_settle_fini(&b->settle);
}

static struct page_tracking page_tracking_of(struct backup *b)
{
    return (struct page_tracking){.mode = b->options->change_map,
                                  .conn = b->queries,
                                  .datadir = b->datadir.root,
                                  .server_start = b->server_start,
                                  .log = b->options->log,
                                  .wait_seconds = CHECKPOINT_SECONDS,
                                  .poll = backup_poll,
                                  .ctx = b};
}

static struct err *load_changes(struct backup *b, const struct page_tracking *tracking)
{
    const struct tracked_base base = {.state = b->base.facts.tracking,
                                      .end = b->base.to,
                                      .server_start = b->base.facts.server_start};
    return b->base.id ? page_tracking_map(&b->changes, tracking, &base, b->spaces.barrier.lsn)
                      : NULL;
}

static struct err *copy(struct backup *b)
{
    const struct page_tracking tracking = page_tracking_of(b);
    TRY(page_tracking_check(&tracking));
    TRY(mysql_settle_start(&b->settle));
    TRY(load_changes(b, &tracking));
    progress_phase(b->options->progress, "copy", b->size.spaces);
    b->env.changes = b->changes;
    TRY(mysql_settle_copy(&b->settle));
    b->env.changes = NULL; /* Y5 */
    b->env.stores_whole = true;
    TRY(backup_copy_others(b));
    return mysql_settle_rounds(&b->settle, ROUNDS_MAX);
}

/* --- the lock window --- */

/* Whether the listing has tables of another engine than the server's own log tables. */
static bool has_other_engines(const struct listing *l)
{
    static const char *const extensions[] = {".MYD", ".MYI", ".MRG", ".CSV", ".ARZ"};
    for (size_t i = 0; i < l->n_files; i++) {
        const char *name = l->files[i].name, *dot = strrchr(name, '.');
        if (!dot || !strncmp(name, "mysql/", 6))
            continue;
        for (size_t k = 0; k < sizeof extensions / sizeof extensions[0]; k++)
            if (!strcmp(dot, extensions[k]))
                return true;
    }
    return false;
}

/* Y2 */
static struct err *stop_commits(struct backup *b)
{
    const double begun = clock_seconds();
    const unsigned most = b->options->lock_wait_seconds;
    unsigned gap_ms = GAP_FIRST_MS;
    for (unsigned tries = 1;; tries++) {
        const unsigned slow = mysql_slow_seconds(clock_seconds() - begun, most);
        struct mysql_traffic traffic;
        bool timed_out;
        struct err *e =
            mysql_stop_commits_if_quiet(b->locks, TRY_SECONDS, slow, &timed_out, &traffic);
        if (!e && timed_out && clock_seconds() - begun >= most)
            e = err_hint(
                err_make(SERVER, "FLUSH TABLES WITH READ LOCK was not granted within %u s%s%s",
                         most, traffic.example ? ": " : "", traffic.example ? traffic.example : ""),
                "Wait for that statement to end, or allow more time (--lock-wait).");
        else if (!e && timed_out)
            log_info(b->options->log, "lock",
                     "FLUSH TABLES WITH READ LOCK not granted yet, try %u%s%s", tries,
                     traffic.example ? ": " : "", traffic.example ? traffic.example : "");
        mysql_traffic_fini(&traffic);
        TRY(e);
        if (!timed_out) {
            b->times.flush_wait += clock_seconds() - begun;
            return NULL;
        }
        TRY(backup_poll(b));
        clock_sleep_ms(gap_ms);
        gap_ms = gap_ms * 2 > GAP_MAX_MS ? GAP_MAX_MS : gap_ms * 2;
    }
}

/* Y3 */
static struct err *read_end(struct backup *b)
{
    struct mysql_log_status status;
    TRY(mysql_log_status_load(&status, b->queries));
    struct err *e = coordinates_of_log_status(&b->coordinates, &status, b->queries);
    b->span.to = status.lsn;
    tailer_end_at(b->tail, status.lsn);
    mysql_log_status_fini(&status);
    return e;
}

static struct err *copy_changed_others(struct backup *b, bool frozen)
{
    if (!frozen)
        return plain_set_sync(&b->plain, &b->listing, PLAIN_MOVING);
    TRY(plain_set_sync(&b->plain, &b->listing, PLAIN_FLUSHED));
    return plain_set_refresh(&b->plain);
}

static void take_listing(struct backup *b)
{
    listing_fini(&b->listing);
    b->listing = b->settle.listing;
    b->settle.listing = (struct listing){0};
}

static struct err *unlock_instance(struct backup *b)
{
    TRY(mysql_unlock_instance(b->locks));
    b->times.block_ddl += clock_seconds() - b->settle.lock_granted;
    return NULL;
}

static struct err *resume_commits(struct backup *b, double stopped)
{
    TRY(mysql_resume_commits(b->locks));
    b->times.block_commit += clock_seconds() - stopped;
    return NULL;
}

/* Y2. The instance lock is held before and after. */
static struct err *stop_commits_too(struct backup *b, double *stopped)
{
    const double end = clock_seconds() + b->options->lock_wait_seconds;
    for (unsigned i = 1;; i++) {
        bool settled;
        TRY(unlock_instance(b));
        TRY(stop_commits(b));
        *stopped = clock_seconds();
        TRY(mysql_settle_confirm(&b->settle, i < CONFIRM_TRIES ? CONFIRM_BYTES : UINT64_MAX,
                                 &settled));
        if (settled)
            return NULL;
        TRY(resume_commits(b, *stopped));
        if (clock_seconds() >= end)
            return err_hint(err_make(SERVER,
                                     "LOCK INSTANCE FOR BACKUP was not granted within %u s with "
                                     "commits stopped",
                                     b->options->lock_wait_seconds),
                            "DDL, or the emptying of undo tablespaces, comes in between each time; "
                            "--lock-wait allows more.");
        log_info(b->options->log, "lock",
                 "DDL or undo truncation came between the two locks, try %u", i);
        TRY(mysql_settle_final(&b->settle));
    }
}

static void warn_of_lost_places(const struct backup *b)
{
    for (size_t i = 0; i < b->coordinates.n_replicas; i++) {
        const struct replica_coordinates *r = &b->coordinates.replicas[i];
        if (r->master_host && !r->relay_master_log_file)
            log_warning(b->options->log, "lock",
                        "replication channel '%s' has applied its source's transactions out of "
                        "order: only GTIDs, and no position in the source's binary log, tell how "
                        "far",
                        r->connection_name);
    }
}

/* P1, P5 of page_tracking.h */
static struct err *renew_tracking(struct backup *b)
{
    const struct page_tracking tracking = page_tracking_of(b);
    lsn_t now;
    tailer_watch_pages(b->tail);
    b->copies_before_reset = b->spaces.n;
    TRY(page_tracking_renew(&b->tracking, &b->tracking_carried, &tracking,
                            b->changes ? &b->base.facts.tracking : NULL));
    TRY(lsn_now(b->queries, &now));
    tailer_watch_until(b->tail, now);
    return NULL;
}

/* P5, when all copies have ended and the tail has. */
static void note_escaped(struct backup *b)
{
    const struct page_watch *watch = tailer_watched(b->tail);
    struct tracking_state *t = &b->tracking;
    if (b->tracking_carried)
        tracking_state_add_all(t, &b->base.facts.tracking);
    for (size_t i = 0; i < watch->n && !b->tracking_carried; i++)
        tracking_state_add_page(t, watch->ids[i]);
    for (size_t i = 0; i < b->spaces.n; i++) {
        const struct copied_space *c = &b->spaces.items[i];
        if (i >= b->copies_before_reset || (b->tracking_carried && !c->by_map))
            tracking_state_add_space(t, c->id);
    }
    t->knows_escaped = b->tracking_carried || !watch->too_many;
}

static struct err *lock_window(struct backup *b)
{
    struct lock_times *t = &b->times;
    double stopped = 0;
    TRY(renew_tracking(b));
    TRY(mysql_settle_final(&b->settle));
    take_listing(b);
    const bool stop = b->server.log_bin || has_other_engines(&b->listing) || b->hash;
    TRY(copy_changed_others(b, false));
    if (stop) {
        TRY(stop_commits_too(b, &stopped));
        take_listing(b);
        TRY(copy_changed_others(b, true));
    }
    TRY(read_end(b));
    TRY(backup_hash_take(b));
    if (stop)
        TRY(resume_commits(b, stopped));
    TRY(unlock_instance(b));
    backup_locks_are_gone(b);
    warn_of_lost_places(b);
    t->start_wait = b->settle.times.start_wait;
    t->block_ddl_wait = b->settle.times.lock_wait;
    t->attempts = b->settle.times.attempts;
    t->seconds = t->block_ddl;
    log_info(b->options->log, "lock",
             "DDL stopped for %.3f s (waited %.3f), commits for %.3f s (waited %.3f); start wait "
             "%.3f, rounds %u, files copied under the lock %zu, attempts %u",
             t->block_ddl, t->block_ddl_wait, t->block_commit, t->flush_wait, t->start_wait,
             b->settle.times.rounds, b->settle.times.final_copies, t->attempts);
    return NULL;
}

/* --- the redo --- */

/* Y4 */
static struct err *wait_until_durable(struct backup *b)
{
    const double end = clock_seconds() + BACKUP_TAIL_WAIT_SECONDS;
    for (;;) {
        lsn_t lsn;
        TRY(conn_status_u64(b->queries, &lsn, "Innodb_redo_log_flushed_to_disk_lsn"));
        if (lsn >= b->span.to)
            return NULL;
        if (clock_seconds() >= end)
            return err_make(SERVER,
                            "the server's redo log is on disk up to LSN %" PRIu64
                            " only, %d s after the backup's end at %" PRIu64,
                            lsn, BACKUP_TAIL_WAIT_SECONDS, b->span.to);
        TRY(backup_poll(b));
        clock_sleep_ms(20);
    }
}

struct err *backup_mysql_store_blocks(struct backup *b)
{
    const struct redo_origin_mysql *origin = &tailer_origin(b->tail)->mysql;
    char name[MYSQL_KEY_NAME_SIZE];
    TRY(redo_store_mysql(b->writer, b->spool_path, &b->span, origin, b->options->progress));
    if (!b->span.encrypted)
        return NULL;
    TRY(space_key_name_mysql(name, origin->header.key_record));
    b->redo_key = mem_strdup(name);
    return NULL;
}

static struct err *store_redo(struct backup *b, char **map)
{
    TRY(mysql_flush_logs(b->queries));
    TRY(tailer_wait(b->tail, b->span.to, BACKUP_TAIL_WAIT_SECONDS));
    TRY(wait_until_durable(b));
    err_free(tailer_stop(b->tail)); /* it has reached the end; a later error is none of ours */
    note_escaped(b);
    TRY(manifest_created_map_json(map, b->settle.created, b->settle.n_created, NULL, 0));
    return backup_mysql_store_blocks(b);
}

/* Tables of InnoDB have a tablespace each, or one a partition; those of other engines a .sdi file, those of
 * performance_schema too, which hold nothing. */
size_t backup_mysql_count_tables(const struct backup *b)
{
    static const char server_own[] = "performance_schema/";
    size_t n = 0;
    for (size_t i = 0; i < b->listing.n_files; i++) {
        const char *name = b->listing.files[i].name, *dot = strrchr(name, '.');
        n += dot && !strcmp(dot, ".sdi") && strncmp(name, server_own, strlen(server_own));
    }
    for (size_t i = 0; i < b->spaces.n; i++) {
        const struct copied_space *c = &b->spaces.items[i];
        const char *dot = strrchr(c->name, '.');
        n += !c->dropped && !c->system && strchr(c->name, '/') && dot && !strcmp(dot, ".ibd");
    }
    return n;
}

const struct backup_family backup_mysql = {
    .log_kind = TAILER_MYSQL,
    .log_name = "#innodb_redo",
    .keeps_log = true,
    .tracks_pages = true,
    .lsn_now = lsn_now,
    .init = init,
    .fini = fini,
    .copy = copy,
    .lock_window = lock_window,
    .store_redo = store_redo,
    .count_tables = backup_mysql_count_tables,
};
