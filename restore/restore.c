/* restore/restore.c: the phases of a restore, top to bottom.
 *
 * Invariants:
 *  R1 Nothing of the target is touched before every archive of the chain is known to be complete and the one that the next was
 *     made on, all that one says is changed is there to be changed, the keys of their redo are there, and, unless that is not
 *     wanted, every chunk of every archive is whole.
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
#include "restore/finish.h"
#include "restore/page_stream.h"
#include "restore/plain_files.h"
#include "restore/recovery.h"
#include "restore/target.h"
#include "verify/chain_check.h"

struct restore {
    const struct restore_options *options;
    struct recovery recovery;
    struct target target;
    bool has_sql; /* FINISH_SQL was written */
};

static struct err *write_pages(struct restore *r)
{
    struct recovery *from = &r->recovery;
    const struct page_range_env env = recovery_page_env(from);
    const struct page_stream_options o = {
        .target = &r->target, .keys = key_file_keys(from->keys), .parallel = r->options->parallel};
    struct page_stream_stats stats;
    TRY(layout_make(&from->layout, chain_last(&from->chain)->reader, &from->files, &from->facts,
                    &from->redo, r->target.dir, r->target.external_dir));
    TRY(page_stream_run(&stats, &from->layout, &env, &o));
    log_info(r->options->log, "restore",
             "%" PRIu64 " tablespace files, %" PRIu64 " MiB written, %" PRIu64 " pages recovered",
             stats.files, stats.bytes_written >> 20, stats.pages_recovered);
    return NULL;
}

static struct err *write_plain_files(struct restore *r)
{
    const struct plain_files_options o = {.chain = &r->recovery.chain,
                                          .files = &r->recovery.files,
                                          .layout = &r->recovery.layout,
                                          .target = &r->target,
                                          .parallel = r->options->parallel,
                                          .offline = r->recovery.facts.offline,
                                          .log = r->options->log,
                                          .progress = r->options->progress};
    uint64_t n_files;
    progress_phase(r->options->progress, "other engines",
                   plain_files_size(chain_last(&r->recovery.chain)->reader));
    TRY(plain_files_restore(&n_files, &o));
    log_info(r->options->log, "restore", "%" PRIu64 " files of other engines", n_files);
    return NULL;
}

/* Before there is a target. */
static struct err *check_archives(const struct restore *r)
{
    const struct restore_options *o = r->options;
    const struct chain_check_options check = {
        .parallel = o->parallel, .task = "restore", .log = o->log, .progress = o->progress};
    return o->check ? chain_check(&r->recovery.chain, &check) : NULL;
}

static struct err *run(struct restore *r, const struct recovery_options *recovery)
{
    const struct restore_options *o = r->options;
    struct recovery *from = &r->recovery;
    /* first of all: to read a stream, and all archives through, may take long */
    TRY(target_check(o->datadir, o->external_dir, o->user, o->group));
    TRY(recovery_open(from, recovery));
    TRY(check_archives(r));
    TRY(target_open(&r->target, o->datadir, o->external_dir, o->user, o->group));
    if (from->chain.n > 1)
        log_info(o->log, "restore", "backup %s rests on %s: %zu archives",
                 chain_last(&from->chain)->id, from->chain.links[0].id, from->chain.n);
    TRY(recovery_read_redo(from, r->target.dir));
    TRY(write_pages(r));
    TRY(write_plain_files(r));
    progress_phase(o->progress, "sync", 0);
    TRY(finish_datadir(&r->has_sql, &r->target, &from->facts, &from->layout, &from->redo));
    return target_commit(&r->target);
}

struct err *restore_run(const struct restore_options *options)
{
    const struct recovery_options recovery = {.repo = options->repo,
                                              .backup_id = options->backup_id,
                                              .keyring_file = options->keyring_file,
                                              .keyring_pass_file = options->keyring_pass_file,
                                              .memory = options->memory,
                                              .task = "restore",
                                              .log = options->log,
                                              .progress = options->progress};
    struct restore r = {.options = options, .target = {.fd = -1}};
    const double started = clock_seconds();
    struct err *e = chain_hint(run(&r, &recovery), &r.recovery.chain, options->repo);
    if (!e && r.has_sql)
        log_info(options->log, "restore",
                 "%s/" FINISH_SQL " tells the server its GTIDs, and what a replica needs",
                 options->datadir);
    if (!e)
        log_info(options->log, "restore", "backup %s restored to %s in %.1f s",
                 chain_last(&r.recovery.chain)->id, options->datadir, clock_seconds() - started);
    recovery_fini(&r.recovery);
    target_fini(&r.target);
    return e;
}
