/* restore/consolidate.h: makes a full backup out of a chain, in the repository, without a server: as old as the backup that the
 * chain ends with, and restored to the very same pages. */
#ifndef MBE_RESTORE_CONSOLIDATE_H
#define MBE_RESTORE_CONSOLIDATE_H

#include <stdint.h>

#include "archive/repo.h"
#include "archive/writer.h"
#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"

struct consolidate_options {
    struct repo *repo;
    const char *backup_id;                        /* the end of the chain, see chain_open */
    const char *keyring_file, *keyring_pass_file; /* or NULL: see key_file.h */
    struct archive_writer_options
        archive; /* of the new one; sealed and signed with the repository's keys, if it has them */
    uint64_t memory; /* bytes of redo held in memory before it spills into the repository */
    int parallel;    /* >= 1 */
    struct log *log;
    struct progress *progress;
};

/* *id: of the new backup, owned by caller. Errors: those of chain_open, REFUSED (a full backup; a signed one, and no key to sign with; an encrypted page that redo
 * changes, without its key), CORRUPT, IO. After an error nothing is left of the new backup, and the chain is as it was. */
struct err *consolidate_run(char **id, const struct consolidate_options *options) MUST_CHECK;

#endif
