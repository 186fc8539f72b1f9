/* engine/backup_mariadb.c: what is MariaDB's of a backup; see backup_run.h. What is blocked when, and what becomes of each DDL:
 * docs/backup.md. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/aria_copy.h"
#include "engine/backup_run.h"
#include "engine/manifest.h"
#include "engine/space_copy.h"

static struct err *lsn_now(struct conn *queries, lsn_t *lsn)
{
    return conn_status_u64(queries, lsn, "Innodb_lsn_current");
}

static void init(struct backup *b)
{
    (void)b;
}

/* The second listing finds what was renamed behind the back of the first. */
static struct err *copy_spaces(struct backup *b)
{
    progress_phase(b->options->progress, "copy", b->size.spaces);
    for (int pass = 0; pass < 2; pass++) {
        TRY(backup_list_again(
            b)); /* B1: made while the tail runs, so every later rename is in the redo */
        TRY(space_set_copy_all(&b->spaces, &b->listing));
    }
    return NULL;
}

static struct err *copy(struct backup *b)
{
    TRY(copy_spaces(b));
    TRY(backup_copy_others(b));
    return space_settle_early(&b->spaces, &b->listing);
}

/* --- the lock window --- */

/* Everything up to lsn is in the spool afterwards. With innodb_flush_log_at_trx_commit=1 the statement makes the log durable,
 * so that the tail may read it; with 0 and 2 only the server's own flush does, once a second (MariaDB 10.11.19). */
static struct err *drain(struct backup *b, lsn_t lsn)
{
    TRY(conn_exec(b->queries, "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS"));
    return tailer_wait(b->tail, lsn, BACKUP_TAIL_WAIT_SECONDS);
}

/* A table that a waiting DDL holds could not be flushed by the server: coming again helps, mostly. */
static void look_for_unclosed(struct backup *b, bool may_let_go, bool *let_go)
{
    char **names = plain_set_unclosed(&b->plain);
    if (!names)
        return;
    *let_go = may_let_go;
    if (may_let_go)
        log_info(b->options->log, "lock", "%s is in use by a DDL that waits for us", names[0]);
    else
        for (size_t i = 0; names[i]; i++)
            log_warning(b->options->log, "lock",
                        "%s could not be flushed by the server: it needs repair after a restore",
                        names[i]);
    plain_names_free(names);
}

static struct err *under_block_ddl(void *ctx, bool may_let_go, bool *let_go)
{
    struct backup *b = ctx;
    uint64_t lsn;
    TRY(backup_list_again(b));
    TRY(plain_set_sync(&b->plain, &b->listing, PLAIN_FLUSHED));
    look_for_unclosed(b, may_let_go, let_go);
    if (*let_go)
        return NULL;
    TRY(lsn_now(b->queries, &lsn));
    TRY(drain(b, lsn));
    backup_hash_note(b);
    return space_settle(&b->spaces, &b->listing, b->queries, &b->ghosts);
}

/* B2, B3 */
static struct err *under_block_commit(void *ctx)
{
    struct backup *b = ctx;
    struct aria_control control;
    TRY(aria_control_read(&control, &b->env));
    TRY(plain_set_refresh(&b->plain));
    TRY(aria_copy_logs(&b->env, &control));
    TRY(coordinates_load(&b->coordinates, b->queries));
    TRY(lsn_now(b->queries, &b->span.to));
    tailer_end_at(b->tail, b->span.to);
    return backup_hash_take(b);
}

static struct err *between_locks(void *ctx)
{
    struct backup *b = ctx;
    TRY(backup_list_again(b));
    TRY(plain_set_sync(&b->plain, &b->listing, PLAIN_MOVING));
    return space_settle_early(&b->spaces, &b->listing);
}

static struct err *lock_window(struct backup *b)
{
    const struct lock_work work = {.under_block_ddl = under_block_ddl,
                                   .under_block_commit = under_block_commit,
                                   .between = between_locks,
                                   .poll = backup_poll,
                                   .ctx = b};
    const struct lock_times *t = &b->times;
    TRY(lock_window_run(&b->times, b->locks, b->options->lock_wait_seconds, &work,
                        b->options->log));
    backup_locks_are_gone(b);
    log_info(b->options->log, "lock",
             "%.3f s: flush wait %.3f, block_ddl wait %.3f, block_ddl %.3f, block_commit wait "
             "%.3f, block_commit %.3f; "
             "start wait %.3f, attempts %u",
             t->seconds, t->flush_wait, t->block_ddl_wait, t->block_ddl, t->block_commit_wait,
             t->block_commit, t->start_wait, t->attempts);
    return NULL;
}

/* --- the redo --- */

static struct err *store_redo(struct backup *b, char **map)
{
    /* B3: the redo up to there does not change any more, so no lock is needed to wait for it */
    TRY(drain(b, b->span.to));
    return backup_mariadb_store_redo(b, map);
}

struct err *backup_mariadb_store_redo(struct backup *b, char **map)
{
    err_free(tailer_stop(
        b->tail)); /* it has reached the end of the backup; a later error is none of ours */
    const struct file_ops *ops = tailer_file_ops(b->tail);
    struct err *e = space_set_settle_names(&b->spaces, ops);
    if (!e)
        e = manifest_space_map_json(map, &b->ghosts, &b->spaces, ops);
    tailer_release(b->tail);
    TRY(e);
    const struct redo_log_header *source = &tailer_origin(b->tail)->mariadb;
    if (source->encrypted) {
        b->redo_key = mem_printf("%" PRIu32, redo_log_key_id(source));
        b->redo_key_version = redo_log_key_version(source);
    }
    return redo_store(b->writer, b->spool_path, &b->span, source, b->server.version_number,
                      b->options->progress);
}

size_t backup_mariadb_count_tables(const struct backup *b)
{
    return plain_set_tables(&b->plain);
}

const struct backup_family backup_mariadb = {
    .log_kind = TAILER_MARIADB,
    .log_name = "ib_logfile0",
    .sql_start = "SET SESSION lock_wait_timeout = 0", /* B3 */
    .lsn_now = lsn_now,
    .init = init,
    .copy = copy,
    .lock_window = lock_window,
    .store_redo = store_redo,
    .count_tables = backup_mariadb_count_tables,
};
