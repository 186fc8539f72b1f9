/* engine/manifest.h: the two JSON texts of a backup: its manifest, which says what it is, and its space map
 * (innodb/space_map.h), which says what the redo alone does not. Keys and their meaning: docs/backup.md. */
#ifndef MBE_ENGINE_MANIFEST_H
#define MBE_ENGINE_MANIFEST_H

#include <stdbool.h>

#include "engine/backup_hash.h"
#include "engine/lock_window.h"
#include "engine/mysql_settle.h"
#include "engine/pace.h"
#include "engine/space_settle.h"
#include "innodb/file_ops.h"
#include "server/coords.h"
#include "server/server_info.h"

/* What an incremental backup is based on. */
struct manifest_base {
    const char *id;
    uint64_t archive_id;
    lsn_t to;
    const char *full_id;
    unsigned n_chain;       /* of the base */
    const char *change_map; /* how changed pages were found: "scan" */
    uint64_t bytes_changed;
};

struct manifest {
    const char *id;
    bool offline;                     /* of the files of a server that did not run */
    const struct manifest_base *base; /* NULL: the backup is a full one */
    const char *started, *finished;   /* UTC, as clock_utc writes it */
    const struct server_info *server;
    const struct coordinates *coordinates;
    const struct lock_times *lock;
    struct pace_summary pace;
    lsn_t from, to;
    const char *redo_key; /* that an encrypted redo log is opened with; NULL: it is not encrypted */
    uint32_t redo_key_version; /* 0: its keys have none */
    uint64_t bytes_read, bytes_stored, files, tables, pages_reread;
    unsigned log_resizes;
    char *const *corrupt_pages; /* n_corrupt texts */
    size_t n_corrupt;
    char *const *needs_repair;              /* NULL-terminated, or NULL */
    const struct backup_hash_summary *hash; /* NULL: tables were not hashed */
};

/* *out owned by caller. Texts that are not UTF-8 (file names) are written with their odd bytes as "?". */
struct err *manifest_json(char **out, const struct manifest *m) MUST_CHECK;
/* *out owned by caller. */
struct err *manifest_space_map_json(char **out, const struct ghosts *ghosts,
                                    const struct space_set *spaces,
                                    const struct file_ops *ops) MUST_CHECK;
/* A space whose redo below lsn is void. */
struct space_import {
    space_id_t id;
    lsn_t lsn;
};
/* The same for MySQL: what is built from redo alone, and what was imported. */
struct err *manifest_created_map_json(char **out, const struct created_space *created, size_t n,
                                      const struct space_import *imports,
                                      size_t n_imports) MUST_CHECK;

#endif
