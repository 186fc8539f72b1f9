/* engine/copy_env.h: what all copying of one backup shares. */
#ifndef MBE_ENGINE_COPY_ENV_H
#define MBE_ENGINE_COPY_ENV_H

#include <pthread.h>
#include <stdatomic.h>

#include "archive/writer.h"
#include "base/log.h"
#include "base/progress.h"
#include "engine/base_facts.h"
#include "engine/change_map.h"
#include "engine/datadir.h"
#include "engine/pace.h"
#include "engine/tailer.h"
#include "engine/torn_pages.h"
#include "verify/key_file.h"

enum { CORRUPT_LISTED_MAX = 1000 };

struct copy_env {
    struct archive_writer *writer;
    struct tailer *tail;
    const struct datadir *datadir;
    struct log *log;
    struct progress *progress;
    struct pace *pace; /* of all reading of files but the redo; NULL: none */
    int parallel;
    bool allow_corrupt;
    struct torn_pages *torn;       /* of a server that does not run; NULL: one does */
    struct key_file *keys;         /* of encrypted tablespaces; NULL: none */
    const struct base_facts *base; /* of an incremental backup; NULL: everything is stored */
    lsn_t base_lsn;                /* its end */
    bool base_same_run;            /* the server was not restarted since */
    const struct change_map
        *changes; /* what was written since, of files that the base has; NULL: read all of them */
    bool
        stores_whole; /* of files that the base has, too: LSNs do not tell what was written to them */
    uint64_t n_files; /* copied outside the sets: Aria's control file and logs */
    _Atomic uint64_t bytes_read;
    _Atomic uint64_t bytes_changed; /* of those: stored, and not zeros of a tablespace */
    _Atomic uint64_t pages_reread;
    pthread_mutex_t lock; /* guards the list of corrupt pages */
    char **corrupt;       /* "db/t.ibd: page 7 at offset 114688: checksum ..." */
    size_t n_corrupt, cap_corrupt;
};

#endif
