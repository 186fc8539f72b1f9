/* restore/restore.h: turns an archive into a datadir on which the server starts: one pass, every page written once,
 * already recovered. */
#ifndef MBE_RESTORE_RESTORE_H
#define MBE_RESTORE_RESTORE_H

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"

struct restore_options {
    const char *archive_path; /* of the backup, see catalog_find */
    const char *backup_id;    /* for messages */
    const char *datadir;      /* target: absent or empty */
    const char *user, *group; /* owner of the files, or NULL */
    uint64_t memory;          /* bytes of redo held in memory before it spills */
    int parallel;             /* page writers, >= 1 */
    const char *
        external_dir; /* NULL: files outside the datadir go back to their absolute paths (must not exist);
                                  else below this directory */
    struct log *log;
    struct progress *progress;
};

/* Errors: REFUSED (target not empty), CORRUPT (archive), IO. After an error the target keeps the marker file
 * "mbe-restore-incomplete". */
struct err *restore_full(const struct restore_options *options) MUST_CHECK;

#endif
