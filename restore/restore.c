/* restore/restore.c: the phases of a restore, top to bottom.
 *
 * Invariants:
 *  R1 Nothing of the target is touched before the archive is known to be complete, its manifest makes sense, and the key of its
 *     redo is there.
 *  R2 Every page is written once: its stored image, verified by the chunk's checksum, with all redo up to the backup's end
 *     LSN, and none beyond it, applied.
 *  R3 The target carries a marker from its first moment until everything is durable; the redo log without which no server
 *     starts is the last file made.
 *  R4 No name from the archive leaves the target, unless --external-dir says where such files go.
 *  R5 Memory: redo up to `memory`, a few MiB a thread, and what the index of the archive takes. */
#include "restore/restore.h"

#include <inttypes.h>

#include "archive/reader.h"
#include "base/clock.h"
#include "innodb/space_map.h"
#include "restore/backup_facts.h"
#include "restore/finish.h"
#include "restore/layout.h"
#include "restore/page_stream.h"
#include "restore/plain_files.h"
#include "restore/redo_scan.h"
#include "restore/target.h"
#include "verify/key_file.h"
#include "verify/redo_entry.h"

struct restore {
    const struct restore_options *options;
    struct archive_reader *reader;
    struct backup_facts facts;
    struct target target;
    struct key_file *keys;
    struct redo_scan redo;
    struct layout layout;
    bool has_sql; /* FINISH_SQL was written */
};

static struct err *read_redo(struct restore *r)
{
    const struct redo_scan_options o = {.memory = r->options->memory,
                                        .spill_dir = r->target.dir,
                                        .keys = key_file_keys(r->keys),
                                        .progress = r->options->progress};
    struct redo_group_stats stats;
    progress_phase(r->options->progress, "redo", r->facts.to - r->facts.from);
    TRY(redo_scan_run(&r->redo, r->reader, &r->facts, &o));
    redo_group_stats(r->redo.group, &stats);
    log_info(r->options->log, "restore",
             "redo read: LSN %" PRIu64 " to %" PRIu64 ", %" PRIu64 " mini-transactions, %" PRIu64
             " spilled runs",
             r->facts.from, r->facts.to, r->redo.n_mtrs, stats.runs_spilled);
    return NULL;
}

static struct err *write_pages(struct restore *r)
{
    const struct page_stream_options o = {.reader = r->reader,
                                          .group = r->redo.group,
                                          .target = &r->target,
                                          .family = r->facts.family,
                                          .keys = key_file_keys(r->keys),
                                          .page_size = r->facts.page_size,
                                          .parallel = r->options->parallel,
                                          .progress = r->options->progress};
    struct page_stream_stats stats;
    TRY(layout_make(&r->layout, r->reader, &r->facts, &r->redo, r->target.dir,
                    r->target.external_dir));
    TRY(page_stream_run(&stats, &r->layout, &o));
    log_info(r->options->log, "restore",
             "%" PRIu64 " tablespace files, %" PRIu64 " MiB written, %" PRIu64 " pages recovered",
             stats.files, stats.bytes_written >> 20, stats.pages_recovered);
    return NULL;
}

static struct err *write_plain_files(struct restore *r)
{
    const struct plain_files_options o = {.reader = r->reader,
                                          .layout = &r->layout,
                                          .target = &r->target,
                                          .parallel = r->options->parallel,
                                          .log = r->options->log,
                                          .progress = r->options->progress};
    uint64_t n_files;
    progress_phase(r->options->progress, "other engines", plain_files_size(r->reader));
    TRY(plain_files_restore(&n_files, &o));
    log_info(r->options->log, "restore", "%" PRIu64 " files of other engines", n_files);
    return NULL;
}

static struct err *run(struct restore *r)
{
    const struct restore_options *o = r->options;
    TRY(archive_reader_open(&r->reader, o->archive_path));
    TRY_AT(backup_facts_load(&r->facts, r->reader), "%s", o->archive_path);
    TRY(key_file_open(&r->keys, r->facts.family, o->keyring_file, o->keyring_pass_file));
    TRY_AT(redo_entry_check_key(r->reader, r->facts.family, key_file_keys(r->keys)), "%s",
           REDO_PATH);
    TRY(target_open(&r->target, o->datadir, o->external_dir, o->user, o->group));
    TRY(read_redo(r));
    TRY(write_pages(r));
    TRY(write_plain_files(r));
    progress_phase(o->progress, "sync", 0);
    TRY(finish_datadir(&r->has_sql, &r->target, &r->facts, &r->layout, &r->redo));
    return target_commit(&r->target);
}

struct err *restore_full(const struct restore_options *options)
{
    struct restore r = {.options = options, .target = {.fd = -1}};
    const double started = clock_seconds();
    struct err *e = run(&r);
    if (!e && r.has_sql)
        log_info(options->log, "restore",
                 "%s/" FINISH_SQL " tells the server its GTIDs, and what a replica needs",
                 options->datadir);
    if (!e)
        log_info(options->log, "restore", "backup %s restored to %s in %.1f s", options->backup_id,
                 options->datadir, clock_seconds() - started);
    layout_fini(&r.layout);
    redo_scan_fini(&r.redo);
    target_fini(&r.target);
    key_file_free(r.keys);
    backup_facts_fini(&r.facts);
    archive_reader_free(r.reader);
    return e;
}
