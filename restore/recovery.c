/* restore/recovery.c: see recovery.h. */
#include "restore/recovery.h"

#include <inttypes.h>

struct err *recovery_open(struct recovery *r, const struct recovery_options *options)
{
    *r = (struct recovery){.options = options};
    TRY(chain_open(&r->chain, options->repo, options->backup_id));
    TRY(chain_files_make(&r->files, &r->chain));
    TRY(backup_facts_load(&r->facts, &r->chain));
    TRY(key_file_open(&r->keys, r->facts.family, options->keyring_file,
                      options->keyring_pass_file));
    return redo_scan_check_keys(&r->chain, r->chain.n, key_file_keys(r->keys));
}

struct err *recovery_read_redo(struct recovery *r, const char *spill_dir)
{
    const struct recovery_options *options = r->options;
    const struct redo_scan_options o = {.memory = options->memory,
                                        .spill_dir = spill_dir,
                                        .keys = key_file_keys(r->keys),
                                        .progress = options->progress};
    struct redo_group_stats stats;
    uint64_t bytes = 0;
    for (size_t i = 0; i < r->chain.n; i++)
        bytes += r->chain.links[i].manifest.to - r->chain.links[i].manifest.from;
    progress_phase(options->progress, "redo", bytes);
    TRY(redo_scan_run(&r->redo, &r->chain, r->chain.n, &o));
    redo_group_stats(r->redo.group, &stats);
    log_info(options->log, options->task,
             "redo read: LSN %" PRIu64 " to %" PRIu64 ", %" PRIu64 " mini-transactions, %" PRIu64
             " spilled runs",
             r->chain.links[0].manifest.from, r->facts.to, r->redo.n_mtrs, stats.runs_spilled);
    return NULL;
}

struct page_range_env recovery_page_env(const struct recovery *r)
{
    return (struct page_range_env){.chain = &r->chain,
                                   .group = r->redo.group,
                                   .family = r->facts.family,
                                   .page_size = r->facts.page_size,
                                   .redo_links = r->chain.n,
                                   .progress = r->options->progress};
}

void recovery_fini(struct recovery *r)
{
    layout_fini(&r->layout);
    redo_scan_fini(&r->redo);
    key_file_free(r->keys);
    backup_facts_fini(&r->facts);
    chain_files_fini(&r->files);
    chain_close(&r->chain);
}
