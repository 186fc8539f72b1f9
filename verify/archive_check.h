/* verify/archive_check.h: reads every chunk, the index, and every stored InnoDB page of a backup. */
#ifndef MBE_VERIFY_ARCHIVE_CHECK_H
#define MBE_VERIFY_ARCHIVE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"
#include "verify/chain.h"

struct archive_check_result {
    uint64_t bytes, pages, chunks_damaged, pages_damaged, entries;
    bool
        redo_unopened; /* the redo is encrypted, and was checked only as far as that goes without its key */
    bool
        unopened; /* the archive is sealed and there is no key: only its checksums, and its signature if that is wanted, were verified */
    bool is_signed; /* and was opened */
};

struct archive_check_options {
    /* What the archive rests on, itself last; NULL: nothing, or that cannot be opened. Of an increment the doublewrite area may
     * be known from a base only: without it the pages of the system tablespace are read, but not judged. */
    const struct chain *chain;
    int parallel;
    struct log *log;
    struct progress *progress;
};

/* Of the backup `id`. CORRUPT when anything is damaged; each damage is a log_error line first (at most 100). Of the chain only this one archive is
 * checked. */
struct err *archive_check(struct archive_check_result *out, struct repo *repo, const char *id,
                          const struct archive_check_options *options) MUST_CHECK;

#endif
