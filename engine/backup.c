/* engine/backup.c: takes a backup of a running server: the phases, top to bottom. Of one that does not run, too: backup_offline.h.
 *
 * Invariants:
 *  B1 The redo tail runs before the first page is read and ends at one LSN, "to", read while commits are stopped. A page
 *     copied at any moment in between is brought to that LSN by the redo alone.
 *  B2 Other engines' files are of the moment of the lock: whatever changed since its copy is copied again under it.
 *     MariaDB's order while commits are stopped: Aria's control file, tables, Aria's logs, coordinates, LSN.
 *  B3 Nothing runs while commits are stopped whose time grows with the data: what is copied there is what changed since
 *     DDL was stopped, held back by no pace (pace.h), and nothing opens a table, for a DDL that waits for us may hold it.
 *     (For hashes a few small tables are opened, and those that are held are not waited for: backup_hash.h.) Nor is anybody
 *     waited for who takes the archive's bytes.
 *  B4 The connection with the locks does nothing else, and every way out of backup_take closes it: no lock outlives us.
 *  B5 An error anywhere, a signal, a lost connection, a dead tail: no backup. It is published only when all of it is
 *     durable.
 *  B6 An incremental backup stores what is on disk and not below the base's end LSN; what is not on disk was changed behind the
 *     checkpoint that its redo begins with. What is not stored is in the base, of the same file with the same history. A tablespace
 *     that was not written since is not read (space_copy.h).
 * What is MariaDB's and what MySQL's: backup_run.h. What is blocked when, and what becomes of each DDL: docs/backup.md. */
#include "engine/backup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/text.h"
#include "engine/backup_offline.h"
#include "engine/manifest.h"
#include "engine/new_index.h"
#include "innodb/redo_family.h"
#include "innodb/space_map.h"
#include "verify/key_file.h"

enum {
    PASSES_MAX = 5,          /* over the other engines' files, without a lock */
    LITTLE_BYTES = 16 << 20, /* a pass that copied no more than this was the last */
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
    backup_hash_free(b->hash);
    conn_close(b->queries);
    pace_free(b->pace);
    tailer_free(b->tail);
    key_file_free(b->keys);
    space_set_fini(&b->spaces);
    plain_set_fini(&b->plain);
    archive_writer_free(b->writer);
    repo_draft_free(b->draft);
    for (size_t i = 0; i < b->env.n_corrupt; i++)
        free(b->env.corrupt[i]);
    free(b->env.corrupt);
    pthread_mutex_destroy(&b->env.lock);
    if (b->family && b->family->fini)
        b->family->fini(b);
    listing_fini(&b->listing);
    coordinates_fini(&b->coordinates);
    base_fini(&b->base);
    change_map_free(b->changes);
    tracking_state_fini(&b->tracking);
    datadir_fini(&b->datadir);
    server_info_fini(&b->server);
    torn_pages_fini(&b->torn);
    datadir_guard_fini(&b->guard);
    free(b->ghosts.ids);
    free(b->spool_path);
    free(b->redo_key);
    free(b->manifest);
}

struct err *backup_list_again(struct backup *b)
{
    listing_fini(&b->listing);
    return listing_make(&b->listing, &b->datadir);
}

/* --- phase 1: everything is there and allowed; the redo tail runs --- */

/* Where the server says that its keys are, owned by caller; NULL if it does not say so or the file is not there for us. A
 * relative path is one of the datadir, which is the working directory of a server that runs: there it writes its keys. (It
 * reads them, once, before it goes there.) Fact: MySQL 9.7.4, by experiment. */
static char *find_key_file(const struct backup *b)
{
    const char *said = b->server.keyring_data_file;
    if (!said)
        return NULL;
    char *path = *said == '/' ? mem_strdup(said) : mem_printf("%s/%s", b->datadir.root, said);
    if (!access(path, R_OK))
        return path;
    free(path);
    return NULL;
}

struct err *backup_load_keys(struct backup *b)
{
    const struct backup_options *o = b->options;
    const struct server_info *s = &b->server;
    AUTO_FREE char *found = o->keyring_file ? NULL : find_key_file(b);
    TRY(key_file_open(&b->keys, redo_family_find(server_flavour_text(s->flavour)),
                      o->keyring_file ? o->keyring_file : found, o->keyring_pass_file));
    b->env.keys = b->keys;
    if (!b->keys && s->encrypt_log)
        return err_hint(err_make(REFUSED,
                                 "the redo log is encrypted (%s is ON), and no key file is known",
                                 s->flavour == FLAVOUR_MYSQL ? "innodb_redo_log_encrypt"
                                                             : "innodb_encrypt_log"),
                        "Name the server's key file (--keyring-file).");
    return NULL;
}

/* What a later backup will ask of this one. */
static struct err *learn_lineage(struct backup *b)
{
    TRY(server_start_time(&b->server_start, b->queries, b->server.flavour));
    if (b->server.flavour == FLAVOUR_MYSQL)
        TRY(new_index_last_id(&b->last_index_id, b->datadir.system_paths[0], b->server.page_size));
    return file_mark_take(&b->system, b->datadir.system_paths[0]);
}

/* A destination that cannot be asked which backups it has is left out now, or no backup could be a base that is in all of them. One that
 * is not made yet can be asked. */
static struct err *ask_destination(struct destination *d, struct log *log)
{
    struct backup_ids list = {0};
    struct err *e = repo_list(&list, d->repo);
    backup_ids_fini(&list);
    if (!e || e->kind == ERR_INTERRUPTED)
        return e;
    if (e->kind == ERR_NO_REPOSITORY)
        err_free(e);
    else
        destination_fail(d, e, log);
    return NULL;
}

/* The first destination is where the base is looked for. */
static struct err *ask_destinations(struct base_query *q, const struct backup_options *o)
{
    for (size_t i = 0; i < o->n_destinations; i++) {
        struct destination *d = &o->destinations[i];
        if (o->n_destinations > 1)
            TRY(ask_destination(d, o->log));
        if (d->branch.error)
            continue;
        if (q->repo)
            q->others[q->n_others++] = d->repo;
        else
            q->repo = d->repo;
    }
    return destinations_error(o->destinations, o->n_destinations);
}

/* The base of an incremental backup, or why it is a full one. */
static struct err *choose_base(struct backup *b)
{
    const struct backup_options *o = b->options;
    AUTO_FREE char *why = NULL;
    struct base_query query = {.wanted = o->base ? o->base : "latest",
                               .server = &b->server,
                               .system = &b->system,
                               .log = o->log};
    TRY(ask_destinations(&query, o));
    TRY(b->family->lsn_now(b->queries, &query.lsn));
    TRY(base_select(&b->base, &why, &query));
    if (b->base.id) {
        b->env.base = &b->base.facts;
        b->env.base_lsn = b->base.to;
        b->env.base_same_run = b->base.facts.server_start == b->server_start;
        return NULL;
    }
    if (o->base || o->require_base)
        return err_hint(err_make(REFUSED, "no base for an incremental backup: %s", why),
                        "Take a full backup (--full).");
    log_warning(o->log, "backup", "taking a full backup: %s", why);
    return NULL;
}

/* How much an incremental backup will store cannot be known, nor how much room there is elsewhere. */
static struct err *check_space_of(const struct backup *b, struct destination *d)
{
    const struct backup_options *o = b->options;
    const char *dir = repo_directory(d->repo);
    struct err *e =
        dir ? preflight_free_space(dir, b->size.spaces + b->size.others, o->codec, o->log) : NULL;
    if (!e || o->n_destinations == 1)
        return e;
    destination_fail(d, e, o->log);
    return NULL;
}

static struct err *check_space(const struct backup *b)
{
    const struct backup_options *o = b->options;
    for (size_t i = 0; i < o->n_destinations && !b->base.id; i++)
        if (!o->destinations[i].branch.error)
            TRY(check_space_of(b, &o->destinations[i]));
    return destinations_error(o->destinations, o->n_destinations);
}

static struct err *open_pace(struct backup *b)
{
    const struct backup_options *o = b->options;
    const struct pace_options pace = {.settings = o->pace,
                                      .file = o->pace_file,
                                      .conn = o->conn,
                                      .flavour = b->server.flavour,
                                      .log = o->log,
                                      .poll = backup_poll,
                                      .poll_ctx = b};
    TRY(pace_open(&b->pace, &pace));
    b->env.pace = b->pace;
    return NULL;
}

static struct err *check(struct backup *b)
{
    const struct backup_options *o = b->options;
    TRY(preflight_open_files(o->parallel));
    TRY(conn_open(&b->queries, &o->conn));
    TRY(preflight_server(&b->server, &b->datadir, b->queries, o->datadir));
    b->family = b->server.flavour == FLAVOUR_MYSQL ? &backup_mysql : &backup_mariadb;
    if (o->redo_consumer && !b->family->keeps_log)
        return err_make(REFUSED, "--redo-consumer: %s cannot be told to keep its redo log",
                        server_flavour_name(b->server.flavour));
    if (o->change_map == CHANGE_MAP_PAGE_TRACKING && !b->family->tracks_pages)
        return err_make(REFUSED, "--change-map=page-tracking: %s has none",
                        server_flavour_name(b->server.flavour));
    TRY(backup_load_keys(b));
    if (b->family->sql_start)
        TRY(conn_exec(b->queries, "%s", b->family->sql_start));
    TRY(conn_open(&b->locks, &o->conn));
    TRY(backup_hash_open(b));
    TRY(backup_list_again(b));
    b->size = preflight_data_size(&b->listing, &b->datadir);
    TRY(learn_lineage(b));
    if (o->incremental)
        TRY(choose_base(b));
    return NULL;
}

static struct err *begin(struct backup *b)
{
    const struct backup_options *o = b->options;
    const struct archive_writer_options how = {
        .codec = o->codec,
        .level = o->level,
        .seal_with = repo_sealing_key(o->destinations[0].repo),
        .sign_with = repo_signing_key(o->destinations[0].repo)};
    const struct repo_fanout_options fanout = {
        .tmp_dir = o->tmp_dir, .spill_max = o->spill_max, .log = o->log};
    TRY(repo_fanout_begin(&b->draft, o->destinations, o->n_destinations,
                          b->base.id ? "incremental" : "full", &fanout));
    TRY(archive_writer_open(&b->writer, repo_draft_sink(b->draft), &how));
    AUTO_FREE char *log_path = mem_printf("%s/%s", b->datadir.log_dir, b->family->log_name);
    b->spool_path = mem_printf("%s/redo.spool", repo_draft_dir(b->draft));
    const struct tailer_options tail = {.log_kind = b->family->log_kind,
                                        .register_consumer = o->redo_consumer,
                                        .redo_archive = o->redo_archive,
                                        .log_path = log_path,
                                        .spool_path = b->spool_path,
                                        .conn = o->conn,
                                        .keys = b->keys,
                                        .log = o->log,
                                        .at_rest = o->offline};
    TRY(tailer_open(&b->tail, &tail));
    b->env.writer = b->writer;
    b->env.tail = b->tail;
    b->span.from = tailer_start_lsn(b->tail);
    b->span.checkpoint_end = tailer_checkpoint_end(b->tail);
    uint64_t capacity;
    (void)tailer_headroom(b->tail, &capacity);
    b->family->init(b);
    TRY(pace_start(b->pace));
    AUTO_FREE char *room =
        o->offline ? mem_strdup("") : mem_printf(", log of %" PRIu64 " MiB", capacity >> 20);
    log_info(o->log, "backup",
             "%s: %s %s, %zu tablespaces (%" PRIu64 " MiB), %zu other files (%" PRIu64
             " MiB); redo from LSN %" PRIu64 "%s",
             repo_draft_id(b->draft), server_flavour_text(b->server.flavour),
             b->server.version_number, b->listing.n_spaces, b->size.spaces >> 20,
             b->listing.n_files, b->size.others >> 20, b->span.from, room);
    if (b->base.id)
        log_info(o->log, "backup", "what changed since %s, LSN %" PRIu64, b->base.id, b->base.to);
    return NULL;
}

/* --- phase 2: everything is copied, while the server does what it likes --- */

struct err *backup_copy_others(struct backup *b)
{
    progress_phase(b->options->progress, "other engines", b->size.others);
    for (int pass = 1; pass <= PASSES_MAX; pass++) {
        const uint64_t before = b->plain.bytes_last_pass;
        TRY(backup_list_again(b));
        TRY(plain_set_sync(&b->plain, &b->listing, PLAIN_MOVING));
        log_debug(b->options->log, "copy", "pass %d: %zu files, %" PRIu64 " bytes", pass,
                  b->plain.files_last_pass, b->plain.bytes_last_pass);
        if (b->plain.bytes_last_pass <= LITTLE_BYTES ||
            (pass > 1 && b->plain.bytes_last_pass > before / 2))
            break;
    }
    return NULL;
}

/* --- phase 3: the lock window; from here on nobody is held back --- */

static void end_pace(struct backup *b)
{
    struct pace_summary s;
    char rate[16];
    pace_end(b->pace);
    pace_summarize(&s, b->pace);
    if (s.waited > 0)
        log_info(b->options->log, "pace", "files were read at %s/s, held back for %.1f s of %.1f s",
                 text_bytes(rate, pace_mean(&s)), s.waited, s.seconds);
}

struct err *backup_poll(void *ctx)
{
    const struct backup *b = ctx;
    TRY(signals_check());
    return tailer_check(b->tail);
}

void backup_locks_are_gone(struct backup *b)
{
    conn_close(b->locks);
    b->locks = NULL;
}

/* --- phase 4: the redo, and what the restore has to know --- */

struct err *backup_add_note(struct backup *b, const char *path, const void *data, size_t len)
{
    const struct archive_attr attr = {
        .kind = ARCHIVE_SPACE_MAP, .path = path, .size = len, .mode = 0600};
    const uint8_t *bytes = data;
    uint32_t entry;
    TRY(archive_entry_add(b->writer, &attr, &entry));
    for (uint64_t at = 0; at < attr.size; at += ARCHIVE_PIECE_MAX) {
        const uint64_t n = attr.size - at < ARCHIVE_PIECE_MAX ? attr.size - at : ARCHIVE_PIECE_MAX;
        TRY(archive_write(b->writer, entry, at, bytes + at, (size_t)n));
    }
    return archive_entry_set(b->writer, entry, &attr);
}

static struct err *add_base_facts(struct backup *b)
{
    struct out_bytes facts = {0};
    if (b->options->offline)
        return NULL; /* O7 */
    base_facts_put_head(&facts, b->server_start, &b->system);
    space_set_put_facts(&b->spaces, &facts);
    plain_set_put_facts(&b->plain, &facts);
    if (b->last_index_id)
        base_facts_put_last_index_id(&facts, b->last_index_id);
    if (b->tracking.begin && b->tracking.reset <= b->span.to)
        base_facts_put_tracking(&facts, &b->tracking);
    base_facts_put_end(&facts);
    struct err *e = backup_add_note(b, BASE_FACTS_PATH, facts.p, facts.n);
    free(facts.p);
    return e;
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
    TRY(b->family->store_redo(b, &map));
    if (b->span.to != wanted)
        log_debug(b->options->log, "redo",
                  "cut at LSN %" PRIu64 ", the last boundary before %" PRIu64, b->span.to, wanted);
    TRY(backup_add_note(b, SPACE_MAP_PATH, map, strlen(map)));
    TRY(add_base_facts(b));
    return add_directories(b);
}

/* --- phase 5: hashes, when they are wanted (backup_hash.h); then it is made durable, and is listed --- */

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
    struct pace_summary pace;
    archive_writer_stats(b->writer, &stats);
    pace_summarize(&pace, b->pace);
    clock_utc(finished);
    const struct manifest_base base = {.id = b->base.id,
                                       .archive_id = b->base.archive_id,
                                       .to = b->base.to,
                                       .full_id = b->base.full_id,
                                       .n_chain = b->base.n_chain,
                                       .change_map = b->changes ? "page-tracking" : "scan",
                                       .bytes_changed = b->env.bytes_changed};
    const struct manifest m = {.id = repo_draft_id(b->draft),
                               .offline = b->options->offline,
                               .base = b->base.id ? &base : NULL,
                               .started = b->started,
                               .finished = finished,
                               .server = &b->server,
                               .coordinates = &b->coordinates,
                               .lock = &b->times,
                               .pace = pace,
                               .from = b->span.from,
                               .to = b->span.to,
                               .redo_key = b->redo_key,
                               .redo_key_version = b->redo_key_version,
                               .bytes_read = b->env.bytes_read,
                               .bytes_stored = stats.bytes_stored,
                               .files = count_files(b),
                               .tables = b->family->count_tables(b),
                               .pages_reread = b->env.pages_reread,
                               .log_resizes = tailer_resizes(b->tail),
                               .corrupt_pages = b->env.corrupt,
                               .n_corrupt = b->env.n_corrupt,
                               .needs_repair = unclosed,
                               .hash = backup_hash_summary(b)};
    struct err *e = manifest_json(json, &m);
    plain_names_free(unclosed);
    return e;
}

static struct err *publish(struct backup *b)
{
    progress_phase(b->options->progress, "publish", 0);
    TRY(describe(b, &b->manifest));
    TRY(archive_writer_finish(b->writer, b->manifest));
    struct sink *sink = repo_draft_sink(b->draft);
    TRY(sink->commit(sink));
    TRY(signals_check());
    return repo_publish(b->draft);
}

/* B3 */
static void hold_sink(struct backup *b, bool held)
{
    struct sink *sink = repo_draft_sink(b->draft);
    if (sink->hold)
        sink->hold(sink, held);
}

static struct err *run(struct backup *b)
{
    TRY(b->options->offline ? backup_offline_check(b) : check(b));
    TRY(check_space(b));
    TRY(open_pace(b));
    TRY(begin(b));
    TRY(b->family->copy(b));
    end_pace(b);
    TRY(backup_hash_list(b));
    progress_phase(b->options->progress, "lock", 0);
    hold_sink(b, true);
    TRY(b->family->lock_window(b));
    hold_sink(b, false);
    TRY(store_redo(b));
    TRY(backup_hash_run(b));
    return publish(b);
}

struct err *backup_take(const struct backup_options *options, char **id, char **manifest)
{
    struct backup b;
    backup_init(&b, options);
    struct err *e = run(&b);
    if (!e) {
        *id = mem_strdup(repo_draft_id(b.draft));
        *manifest = b.manifest;
        b.manifest = NULL;
    }
    backup_fini(&b);
    return e;
}
