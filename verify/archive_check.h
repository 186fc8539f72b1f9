/* verify/archive_check.h: reads every chunk, the index, and every InnoDB page of a backup. */
#ifndef MBE_VERIFY_ARCHIVE_CHECK_H
#define MBE_VERIFY_ARCHIVE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"

struct archive_check_result {
    uint64_t bytes, pages, chunks_damaged, pages_damaged, entries;
    bool
        redo_unopened; /* the redo is encrypted, and was checked only as far as that goes without its key */
};

/* CORRUPT when anything is damaged; each damage is a log_error line first (at most 100). */
struct err *archive_check(struct archive_check_result *out, const char *archive_path, int parallel,
                          struct log *log, struct progress *progress) MUST_CHECK;

#endif
