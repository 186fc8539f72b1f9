/* engine/backup.c: takes a full backup of a running MariaDB server: the phases, top to bottom.
 *
 * Invariants:
 *  B1 The redo tail runs before the first page is read and ends at one LSN, "to", read while commits are stopped. A page
 *     copied at any moment in between is brought to that LSN by the redo alone.
 *  B2 Other engines' files are of the moment of the lock: whatever changed since its copy is copied again under it.
 *     Order under BLOCK_COMMIT: Aria's control file, tables, Aria's logs, coordinates, LSN.
 *  B3 Nothing runs under BLOCK_COMMIT whose time grows with the data: what is copied there is what changed since
 *     BLOCK_DDL, and nothing opens a table, for a DDL that waits for us may hold it.
 *  B4 The connection with the locks does nothing else, and every way out of backup_full closes it: no lock outlives us.
 *  B5 An error anywhere, a signal, a lost connection, a dead tail: no backup. It is published only when all of it is
 *     durable.
 * What is blocked when, and what becomes of each DDL: docs/backup.md. */
#include "engine/backup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/catalog.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/signals.h"
#include "engine/aria_copy.h"
#include "engine/lock_window.h"
#include "engine/manifest.h"
#include "engine/plain_copy.h"
#include "engine/preflight.h"
#include "engine/redo_store.h"
#include "engine/space_copy.h"
#include "engine/space_settle.h"
#include "innodb/space_map.h"
#include "server/coords.h"

enum {
    PASSES_MAX = 5,          /* over the other engines' files, without a lock */
    LITTLE_BYTES = 16 << 20, /* a pass that copied no more than this was the last */
    TAIL_WAIT_SECONDS = 60,
};

struct backup {
    const struct backup_options *options;
    char started[32];
    struct conn *locks; /* B4 */
    struct conn *queries;
    struct server_info server;
    struct datadir datadir;
    struct data_size size;
    struct catalog_draft *draft;
    struct sink *sink;
    struct archive_writer *writer;
    char *spool_path;
    struct tailer *tail;
    struct copy_env env;
    struct space_set spaces;
    struct plain_set plain;
    struct listing listing; /* the last one; after the lock: as it was under BLOCK_DDL */
    struct ghosts ghosts;
    struct coordinates coordinates;
    struct lock_times times;
    struct redo_span span;
};

static void backup_init(struct backup *b, const struct backup_options *options)
{
    *b = (struct backup){.options = options};
    b->env = (struct copy_env){.datadir = &b->datadir,
                               .log = options->log,
                               .progress = options->progress,
                               .parallel = options->parallel,
                               .allow_corrupt = options->allow_corrupt};
    pthread_mutex_init(&b->env.lock, NULL);
    space_set_init(&b->spaces, &b->env);
    plain_set_init(&b->plain, &b->env);
    clock_utc(b->started);
}

static void backup_fini(struct backup *b)
{
    conn_close(b->locks); /* B4: first of all */
    conn_close(b->queries);
    tailer_free(b->tail);
    space_set_fini(&b->spaces);
    plain_set_fini(&b->plain);
    archive_writer_free(b->writer);
    if (b->sink)
        b->sink->free(b->sink);
    catalog_draft_free(b->draft);
    for (size_t i = 0; i < b->env.n_corrupt; i++)
        free(b->env.corrupt[i]);
    free(b->env.corrupt);
    pthread_mutex_destroy(&b->env.lock);
    listing_fini(&b->listing);
    coordinates_fini(&b->coordinates);
    datadir_fini(&b->datadir);
    server_info_fini(&b->server);
    free(b->ghosts.ids);
    free(b->spool_path);
}

static struct err *list_again(struct backup *b)
{
    listing_fini(&b->listing);
    return listing_make(&b->listing, &b->datadir);
}

/* --- phase 1: everything is there and allowed; the redo tail runs --- */

static struct err *check(struct backup *b)
{
    const struct backup_options *o = b->options;
    TRY(preflight_open_files(o->parallel));
    TRY(conn_open(&b->queries, &o->conn));
    TRY(preflight_server(&b->server, &b->datadir, b->queries, o->datadir));
    TRY(conn_exec(b->queries, "SET SESSION lock_wait_timeout = 0")); /* B3 */
    TRY(conn_open(&b->locks, &o->conn));
    TRY(list_again(b));
    b->size = preflight_data_size(&b->listing, &b->datadir);
    return preflight_free_space(o->repo, b->size.spaces + b->size.others, o->codec, o->log);
}

static struct err *begin(struct backup *b)
{
    const struct backup_options *o = b->options;
    const struct archive_writer_options how = {.codec = o->codec, .level = o->level};
    TRY(catalog_begin(&b->draft, o->repo, "full", o->log));
    TRY(sink_file_open(&b->sink, catalog_draft_archive(b->draft)));
    TRY(archive_writer_open(&b->writer, b->sink, &how));
    AUTO_FREE char *log_path = mem_printf("%s/ib_logfile0", b->datadir.log_dir);
    b->spool_path = mem_printf("%s/redo.spool", catalog_draft_dir(b->draft));
    const struct tailer_options tail = {
        .log_path = log_path, .spool_path = b->spool_path, .conn = o->conn, .log = o->log};
    TRY(tailer_open(&b->tail, &tail));
    b->env.writer = b->writer;
    b->env.tail = b->tail;
    b->span.from = tailer_start_lsn(b->tail);
    b->span.checkpoint_end = tailer_checkpoint_end(b->tail);
    uint64_t capacity;
    (void)tailer_headroom(b->tail, &capacity);
    log_info(o->log, "backup",
             "%s: MariaDB %s, %zu tablespaces (%" PRIu64 " MiB), %zu other files (%" PRIu64
             " MiB); redo from LSN %" PRIu64 ", log of %" PRIu64 " MiB",
             catalog_draft_id(b->draft), b->server.version_number, b->listing.n_spaces,
             b->size.spaces >> 20, b->listing.n_files, b->size.others >> 20, b->span.from,
             capacity >> 20);
    return NULL;
}

/* --- phase 2: everything is copied, while the server does what it likes --- */

/* The second listing finds what was renamed behind the back of the first. */
static struct err *copy_spaces(struct backup *b)
{
    progress_phase(b->options->progress, "copy", b->size.spaces);
    for (int pass = 0; pass < 2; pass++) {
        TRY(list_again(b)); /* B1: made while the tail runs, so every later rename is in the redo */
        TRY(space_set_copy_all(&b->spaces, &b->listing));
    }
    return NULL;
}

static struct err *copy_others(struct backup *b)
{
    progress_phase(b->options->progress, "other engines", b->size.others);
    for (int pass = 1; pass <= PASSES_MAX; pass++) {
        const uint64_t before = b->plain.bytes_last_pass;
        TRY(list_again(b));
        TRY(plain_set_sync(&b->plain, &b->listing, PLAIN_MOVING));
        log_debug(b->options->log, "copy", "pass %d: %zu files, %" PRIu64 " bytes", pass,
                  b->plain.files_last_pass, b->plain.bytes_last_pass);
        if (b->plain.bytes_last_pass <= LITTLE_BYTES ||
            (pass > 1 && b->plain.bytes_last_pass > before / 2))
            break;
    }
    return space_settle_early(&b->spaces, &b->listing);
}

/* --- phase 3: the lock window --- */

/* Everything up to lsn is in the spool afterwards. With innodb_flush_log_at_trx_commit=1 the statement makes the log durable,
 * so that the tail may read it; with 0 and 2 only the server's own flush does, once a second (MariaDB 10.11.19). */
static struct err *drain(struct backup *b, lsn_t lsn)
{
    TRY(conn_exec(b->queries, "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS"));
    return tailer_wait(b->tail, lsn, TAIL_WAIT_SECONDS);
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
    TRY(list_again(b));
    TRY(plain_set_sync(&b->plain, &b->listing, PLAIN_FLUSHED));
    look_for_unclosed(b, may_let_go, let_go);
    if (*let_go)
        return NULL;
    TRY(conn_status_u64(b->queries, &lsn, "Innodb_lsn_current"));
    TRY(drain(b, lsn));
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
    TRY(conn_status_u64(b->queries, &b->span.to, "Innodb_lsn_current"));
    tailer_end_at(b->tail, b->span.to);
    return NULL;
}

static struct err *between_locks(void *ctx)
{
    struct backup *b = ctx;
    TRY(list_again(b));
    TRY(plain_set_sync(&b->plain, &b->listing, PLAIN_MOVING));
    return space_settle_early(&b->spaces, &b->listing);
}

static struct err *poll_trouble(void *ctx)
{
    const struct backup *b = ctx;
    TRY(signals_check());
    return tailer_check(b->tail);
}

static struct err *lock_window(struct backup *b)
{
    const struct lock_work work = {.under_block_ddl = under_block_ddl,
                                   .under_block_commit = under_block_commit,
                                   .between = between_locks,
                                   .poll = poll_trouble,
                                   .ctx = b};
    const struct lock_times *t = &b->times;
    progress_phase(b->options->progress, "lock", 0);
    TRY(lock_window_run(&b->times, b->locks, b->options->lock_wait_seconds, &work,
                        b->options->log));
    conn_close(b->locks);
    b->locks = NULL;
    log_info(b->options->log, "lock",
             "%.3f s: flush wait %.3f, block_ddl wait %.3f, block_ddl %.3f, block_commit wait "
             "%.3f, block_commit %.3f; "
             "start wait %.3f, attempts %u",
             t->seconds, t->flush_wait, t->block_ddl_wait, t->block_ddl, t->block_commit_wait,
             t->block_commit, t->start_wait, t->attempts);
    return NULL;
}

/* --- phase 4: the redo, and what the restore has to know --- */

static struct err *add_text(struct backup *b, enum archive_kind kind, const char *path,
                            const char *text)
{
    const struct archive_attr attr = {
        .kind = kind, .path = path, .size = strlen(text), .mode = 0600};
    uint32_t entry;
    TRY(archive_entry_add(b->writer, &attr, &entry));
    for (uint64_t at = 0; at < attr.size; at += ARCHIVE_PIECE_MAX) {
        const uint64_t n = attr.size - at < ARCHIVE_PIECE_MAX ? attr.size - at : ARCHIVE_PIECE_MAX;
        TRY(archive_write(b->writer, entry, at, text + at, (size_t)n));
    }
    return archive_entry_set(b->writer, entry, &attr);
}

static struct err *add_directories(struct backup *b)
{
    for (size_t i = 0; i < b->listing.n_dirs; i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", b->datadir.root, b->listing.dirs[i]);
        struct archive_attr attr = {
            .kind = ARCHIVE_EMPTY_DIR, .path = b->listing.dirs[i], .mode = 0700};
        struct stat st;
        uint32_t entry;
        if (!stat(path, &st)) { /* dropped since the lock: it is in the backup all the same */
            attr.mode = st.st_mode & 07777;
            attr.mtime = st.st_mtime;
        }
        TRY(archive_entry_add(b->writer, &attr, &entry));
    }
    return NULL;
}

static struct err *store_redo(struct backup *b)
{
    const lsn_t wanted = b->span.to;
    AUTO_FREE char *map = NULL;
    progress_phase(b->options->progress, "redo", wanted - b->span.from);
    TRY(drain(
        b,
        wanted)); /* B3: the redo up to there does not change any more, so no lock is needed to wait for it */
    err_free(tailer_stop(
        b->tail)); /* it has reached the end of the backup; a later error is none of ours */
    const struct file_ops *ops = tailer_file_ops(b->tail);
    struct err *e = space_set_settle_names(&b->spaces, ops);
    if (!e)
        e = manifest_space_map_json(&map, &b->ghosts, &b->spaces, ops);
    tailer_release(b->tail);
    TRY(e);
    TRY(redo_store(b->writer, b->spool_path, &b->span, b->server.version_number,
                   b->options->progress));
    if (b->span.to != wanted)
        log_debug(b->options->log, "redo",
                  "cut at LSN %" PRIu64 ", the last boundary before %" PRIu64, b->span.to, wanted);
    TRY(add_text(b, ARCHIVE_SPACE_MAP, SPACE_MAP_PATH, map));
    return add_directories(b);
}

/* --- phase 5: durable, then listed --- */

static uint64_t count_files(const struct backup *b)
{
    uint64_t n = b->plain.n + b->env.n_files;
    for (size_t i = 0; i < b->spaces.n; i++)
        n += !b->spaces.items[i].dropped;
    return n;
}

static struct err *describe(struct backup *b, char **json)
{
    struct archive_writer_stats stats;
    char finished[32];
    char **unclosed = plain_set_unclosed(&b->plain);
    archive_writer_stats(b->writer, &stats);
    clock_utc(finished);
    const struct manifest m = {.id = catalog_draft_id(b->draft),
                               .started = b->started,
                               .finished = finished,
                               .server = &b->server,
                               .coordinates = &b->coordinates,
                               .lock = &b->times,
                               .from = b->span.from,
                               .to = b->span.to,
                               .bytes_read = b->env.bytes_read,
                               .bytes_stored = stats.bytes_stored,
                               .files = count_files(b),
                               .tables = plain_set_tables(&b->plain),
                               .pages_reread = b->env.pages_reread,
                               .log_resizes = tailer_resizes(b->tail),
                               .corrupt_pages = b->env.corrupt,
                               .n_corrupt = b->env.n_corrupt,
                               .needs_repair = unclosed};
    struct err *e = manifest_json(json, &m);
    plain_names_free(unclosed);
    return e;
}

static struct err *publish(struct backup *b)
{
    AUTO_FREE char *json = NULL;
    progress_phase(b->options->progress, "publish", 0);
    TRY(describe(b, &json));
    TRY(archive_writer_finish(b->writer, json));
    TRY(b->sink->commit(b->sink));
    TRY(signals_check());
    return catalog_publish(b->draft);
}

static struct err *run(struct backup *b)
{
    TRY(check(b));
    TRY(begin(b));
    TRY(copy_spaces(b));
    TRY(copy_others(b));
    TRY(lock_window(b));
    TRY(store_redo(b));
    return publish(b);
}

struct err *backup_full(const struct backup_options *options, char **id)
{
    struct backup b;
    backup_init(&b, options);
    struct err *e = run(&b);
    if (!e)
        *id = mem_strdup(catalog_draft_id(b.draft));
    backup_fini(&b);
    return e;
}
