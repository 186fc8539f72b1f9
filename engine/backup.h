/* engine/backup.h: takes one full backup. */
#ifndef MBE_ENGINE_BACKUP_H
#define MBE_ENGINE_BACKUP_H

#include <stdbool.h>

#include "archive/writer.h"
#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"
#include "server/conn.h"

struct backup_options {
    const char *repo;
    const char *datadir; /* NULL: the server's own @@datadir */
    struct conn_options conn;
    int parallel; /* page readers, >= 1 */
    enum archive_codec codec;
    int level;
    unsigned lock_wait_seconds;                   /* how long a stage may be tried for in all */
    bool redo_consumer;                           /* MySQL: have the server keep its log for us */
    bool redo_archive;                            /* MySQL: use its redo archiving if possible */
    const char *keyring_file, *keyring_pass_file; /* or NULL: see verify/key_file.h */
    bool allow_corrupt; /* list corrupt pages, go on, mark the backup as damaged */
    struct log *log;
    struct progress *progress;
};

/* On success *id (owned by caller) is the published backup. */
struct err *backup_full(const struct backup_options *options, char **id) MUST_CHECK;

#endif
