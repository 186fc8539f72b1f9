/* restore/recovery.h: what making the pages of a backup rests on, be it to write them or to check them: the chain of archives, what
 * the last one says of itself, the keys, the redo by page, and which tablespace files there are. */
#ifndef MBE_RESTORE_RECOVERY_H
#define MBE_RESTORE_RECOVERY_H

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"
#include "restore/backup_facts.h"
#include "restore/layout.h"
#include "restore/page_range.h"
#include "restore/redo_scan.h"
#include "verify/chain_files.h"
#include "verify/key_file.h"

struct recovery_options {
    struct repo *repo;
    const char *backup_id;                        /* see chain_open */
    const char *keyring_file, *keyring_pass_file; /* or NULL: see key_file.h */
    uint64_t memory;  /* bytes of redo held in memory before it spills */
    const char *task; /* in log lines: "restore" */
    struct log *log;
    struct progress *progress;
};

struct recovery {
    const struct recovery_options *options;
    struct chain chain;
    struct chain_files files;
    struct backup_facts facts;
    struct key_file *keys;
    struct redo_scan redo; /* by recovery_read_redo */
    struct layout layout;  /* by the caller */
};

/* Opens all archives of the chain and checks that they fit together and that the keys of their redo are there. *r is to be given
 * to recovery_fini in any case. REFUSED (a missing link, a missing key), CORRUPT, USAGE (unknown backup), IO. */
struct err *recovery_open(struct recovery *r, const struct recovery_options *options) MUST_CHECK;
/* Reads and groups the redo of all archives. spill_dir: for what exceeds the memory, in files without a name. */
struct err *recovery_read_redo(struct recovery *r, const char *spill_dir) MUST_CHECK;
/* What ranges of pages are made from, when the redo was read; borrows from *r. */
struct page_range_env recovery_page_env(const struct recovery *r);
void recovery_fini(struct recovery *r);

#endif
