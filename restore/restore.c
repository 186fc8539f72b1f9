/* restore/restore.c: the phases of a restore, top to bottom.
 *
 * Invariants:
 *  R1 Nothing of the target is touched before every archive of the chain is known to be complete and the one that the next was
 *     made on, all that one says is changed is there to be changed, and the keys of their redo are there.
 *  R2 Every page is written once: its newest stored image, verified by the chunk's checksum, with all redo from that archive's
 *     checkpoint up to the backup's end LSN, and none beyond it, applied.
 *  R3 The target carries a marker from its first moment until everything is durable; the redo log without which no server
 *     starts is the last file made.
 *  R4 No name from the archive leaves the target, unless --external-dir says where such files go.
 *  R5 Memory: redo up to `memory`, a few MiB a thread, what the index of each archive takes, and in a chain the chunks that
 *     threads share: 256 MiB at most, or 2 MiB an archive if that is more. */
#include "restore/restore.h"

#include <inttypes.h>

#include "base/clock.h"
#include "restore/backup_facts.h"
#include "restore/finish.h"
#include "restore/layout.h"
#include "restore/page_stream.h"
#include "restore/plain_files.h"
#include "restore/redo_scan.h"
#include "restore/target.h"
#include "verify/chain_files.h"
#include "verify/key_file.h"

struct restore {
    const struct restore_options *options;
    struct chain chain;
    struct chain_files files;
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
    uint64_t bytes = 0;
    for (size_t i = 0; i < r->chain.n; i++)
        bytes += r->chain.links[i].manifest.to - r->chain.links[i].manifest.from;
    progress_phase(r->options->progress, "redo", bytes);
    TRY(redo_scan_run(&r->redo, &r->chain, r->chain.n, &o));
    redo_group_stats(r->redo.group, &stats);
    log_info(r->options->log, "restore",
             "redo read: LSN %" PRIu64 " to %" PRIu64 ", %" PRIu64 " mini-transactions, %" PRIu64
             " spilled runs",
             r->chain.links[0].manifest.from, r->facts.to, r->redo.n_mtrs, stats.runs_spilled);
    return NULL;
}

static struct err *write_pages(struct restore *r)
{
    const struct page_stream_options o = {.chain = &r->chain,
                                          .group = r->redo.group,
                                          .target = &r->target,
                                          .family = r->facts.family,
                                          .keys = key_file_keys(r->keys),
                                          .page_size = r->facts.page_size,
                                          .parallel = r->options->parallel,
                                          .progress = r->options->progress};
    struct page_stream_stats stats;
    TRY(layout_make(&r->layout, chain_last(&r->chain)->reader, &r->files, &r->facts, &r->redo,
                    r->target.dir, r->target.external_dir));
    TRY(page_stream_run(&stats, &r->layout, &o));
    log_info(r->options->log, "restore",
             "%" PRIu64 " tablespace files, %" PRIu64 " MiB written, %" PRIu64 " pages recovered",
             stats.files, stats.bytes_written >> 20, stats.pages_recovered);
    return NULL;
}

static struct err *write_plain_files(struct restore *r)
{
    const struct plain_files_options o = {.chain = &r->chain,
                                          .files = &r->files,
                                          .layout = &r->layout,
                                          .target = &r->target,
                                          .parallel = r->options->parallel,
                                          .log = r->options->log,
                                          .progress = r->options->progress};
    uint64_t n_files;
    progress_phase(r->options->progress, "other engines",
                   plain_files_size(chain_last(&r->chain)->reader));
    TRY(plain_files_restore(&n_files, &o));
    log_info(r->options->log, "restore", "%" PRIu64 " files of other engines", n_files);
    return NULL;
}

static struct err *run(struct restore *r)
{
    const struct restore_options *o = r->options;
    TRY(chain_open(&r->chain, o->repo, o->backup_id));
    TRY(chain_files_make(&r->files, &r->chain));
    TRY(backup_facts_load(&r->facts, &r->chain));
    TRY(key_file_open(&r->keys, r->facts.family, o->keyring_file, o->keyring_pass_file));
    TRY(redo_scan_check_keys(&r->chain, r->chain.n, key_file_keys(r->keys)));
    TRY(target_open(&r->target, o->datadir, o->external_dir, o->user, o->group));
    if (r->chain.n > 1)
        log_info(o->log, "restore", "backup %s rests on %s: %zu archives",
                 chain_last(&r->chain)->id, r->chain.links[0].id, r->chain.n);
    TRY(read_redo(r));
    TRY(write_pages(r));
    TRY(write_plain_files(r));
    progress_phase(o->progress, "sync", 0);
    TRY(finish_datadir(&r->has_sql, &r->target, &r->facts, &r->layout, &r->redo));
    return target_commit(&r->target);
}

struct err *restore_run(const struct restore_options *options)
{
    struct restore r = {.options = options, .target = {.fd = -1}};
    const double started = clock_seconds();
    struct err *e = chain_hint(run(&r), &r.chain, options->repo);
    if (!e && r.has_sql)
        log_info(options->log, "restore",
                 "%s/" FINISH_SQL " tells the server its GTIDs, and what a replica needs",
                 options->datadir);
    if (!e)
        log_info(options->log, "restore", "backup %s restored to %s in %.1f s",
                 chain_last(&r.chain)->id, options->datadir, clock_seconds() - started);
    layout_fini(&r.layout);
    redo_scan_fini(&r.redo);
    target_fini(&r.target);
    key_file_free(r.keys);
    backup_facts_fini(&r.facts);
    chain_files_fini(&r.files);
    chain_close(&r.chain);
    return e;
}
