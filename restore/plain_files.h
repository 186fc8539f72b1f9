/* restore/plain_files.h: puts everything back that is no tablespace: files of the other engines, directories, symbolic
 * links, files that live outside the datadir, link files of tablespaces. What there is, and its attributes, the chain's last
 * archive says. */
#ifndef MBE_RESTORE_PLAIN_FILES_H
#define MBE_RESTORE_PLAIN_FILES_H

#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"
#include "restore/layout.h"
#include "restore/target.h"
#include "verify/chain_files.h"

struct plain_files_options {
    const struct chain *chain;
    const struct chain_files *files;
    const struct layout *layout;
    const struct target *target;
    int parallel;
    bool offline; /* what DDL has left is put back, too: its server finishes it or takes it back */
    struct log *log;
    struct progress *progress;
};

/* Bytes of all such files of an archive. */
uint64_t plain_files_size(const struct archive_reader *last);
/* Work files of DDL (#sql...), but of an offline backup, and stale link files are left out; the log tables of mysql/ are mended. */
struct err *plain_files_restore(uint64_t *n_files,
                                const struct plain_files_options *options) MUST_CHECK;

#endif
