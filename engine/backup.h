/* engine/backup.h: takes one backup, full or incremental, of a server that runs; or a full one of the files of one that does not. */
#ifndef MBE_ENGINE_BACKUP_H
#define MBE_ENGINE_BACKUP_H

#include <stdbool.h>

#include "archive/repo_fanout.h"
#include "archive/writer.h"
#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"
#include "engine/pace_settings.h"
#include "engine/page_tracking.h"
#include "server/conn.h"

/* Whose tables are hashed in the state that the backup is of; see backup_hash.h. */
enum backup_hash_choice { BACKUP_HASH_NONE, BACKUP_HASH_TABLES, BACKUP_HASH_ALL };

struct backup_options {
    /* Where it goes; what becomes of it there is noted in them. Of several one that fails is left out, see repo_fanout.h. */
    struct destination *destinations;
    size_t n_destinations; /* 1 to SINK_BRANCHES_MAX */
    const char *tmp_dir;   /* of several: see repo_fanout.h */
    uint64_t spill_max;    /* likewise */
    const char *datadir;   /* NULL: the server's own @@datadir */
    /* No server runs: nothing is asked, `datadir` is what there is. Then it is a full backup, without hashes. */
    bool offline;
    const char
        *defaults_file; /* offline: the server's option file, or NULL: see offline_server.h */
    struct conn_options conn;
    int parallel; /* page readers, >= 1 */
    struct pace_settings
        pace; /* of reading before the lock; its rate is also that of rows that are hashed */
    const char *pace_file; /* or NULL: see pace_settings.h */
    enum archive_codec codec;
    int level;
    unsigned lock_wait_seconds;                   /* how long a stage may be tried for in all */
    bool redo_consumer;                           /* MySQL: have the server keep its log for us */
    bool redo_archive;                            /* MySQL: use its redo archiving if possible */
    const char *keyring_file, *keyring_pass_file; /* or NULL: see verify/key_file.h */
    bool allow_corrupt; /* list corrupt pages, go on, mark the backup as damaged */
    bool incremental;   /* store what changed since a base */
    const char *base;   /* an id, "latest", "latest-full"; NULL: latest, or none at all */
    bool require_base;  /* REFUSED, not a full backup, when `base` is NULL and there is no base */
    enum change_map_mode
        change_map; /* how changes are found; whether MySQL tracks them for the next backup */
    enum backup_hash_choice hash;
    struct log *log;
    struct progress *progress;
};

/* On success *id is the published backup, and *manifest the text of its manifest, both owned by caller: it is in every destination that
 * has no error. An incremental one for which there is no base, or none that is in all destinations, is a full one, with a warning that says
 * why, or REFUSED: where the base was named, or has to be there. */
struct err *backup_take(const struct backup_options *options, char **id,
                        char **manifest) MUST_CHECK;

#endif
