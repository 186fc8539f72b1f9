/* restore/restore.h: turns a backup, an increment with all that it rests on, into a datadir on which the
 * server starts: one pass, every page written once, already recovered. */
#ifndef MBE_RESTORE_RESTORE_H
#define MBE_RESTORE_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/repo.h"
#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"

struct restore_options {
    struct repo *repo;
    const char *backup_id;                        /* the backup, see chain_open */
    const char *datadir;                          /* target: absent or empty */
    const char *user, *group;                     /* owner of the files, or NULL */
    const char *keyring_file, *keyring_pass_file; /* or NULL: see key_file.h */
    uint64_t memory; /* bytes of redo held in memory before it spills */
    int parallel;    /* page writers, >= 1 */
    /* Absolute: files that lived outside the datadir go below it ("/": back to where they were, where
     * nothing may be by now). NULL: a backup that has such files is refused. */
    const char *external_dir;
    bool check; /* read all archives through before the target is touched: verify/chain_check.h */
    struct log *log;
    struct progress *progress;
};

/* Errors: REFUSED (target not empty, files outside the datadir, a missing link of the chain), CORRUPT
 * (archive), USAGE (unknown backup, unknown owner), IO. After an error the target, once it was made, keeps the marker file of
 * restore/target.h. */
struct err *restore_run(const struct restore_options *options) MUST_CHECK;

#endif
