/* engine/backup_run.h: the state of one backup, shared by backup.c and what differs between server families: how the copies
 * are made while the server runs, what is locked at the end, how the redo is kept. One struct of functions each:
 * backup_mariadb.c, backup_mysql.c. Internal to engine/. */
#ifndef MBE_ENGINE_BACKUP_RUN_H
#define MBE_ENGINE_BACKUP_RUN_H

#include "engine/backup.h"
#include "engine/backup_hash.h"
#include "engine/base_select.h"
#include "engine/datadir_guard.h"
#include "engine/lock_window.h"
#include "engine/mysql_settle.h"
#include "engine/pace.h"
#include "engine/plain_copy.h"
#include "engine/preflight.h"
#include "engine/redo_store.h"
#include "engine/space_set.h"
#include "engine/space_settle.h"
#include "engine/torn_pages.h"
#include "server/coords.h"

struct backup {
    const struct backup_options *options;
    const struct backup_family *family;
    char started[32];
    struct conn *locks; /* B4 */
    struct conn *queries;
    struct server_info server;
    struct datadir datadir;
    struct data_size size;
    struct file_mark system; /* the first file of the system tablespace */
    uint64_t last_index_id;  /* MySQL: see new_index.h */
    int64_t server_start;    /* seconds since 1970 */
    struct base base;        /* id NULL: this is a full backup */
    struct repo_draft *draft;
    struct archive_writer *writer;
    char *spool_path;
    struct tailer *tail;
    struct key_file *keys;
    struct copy_env env;
    struct pace *pace;
    struct space_set spaces;
    struct plain_set plain;
    struct listing listing;   /* the last one; after the lock: as it was under it */
    struct backup_hash *hash; /* NULL: none is wanted */
    struct coordinates coordinates;
    struct lock_times times;
    struct redo_span span;
    char *redo_key; /* for the manifest */
    uint32_t redo_key_version;
    struct ghosts ghosts;                /* MariaDB */
    struct mysql_connections mysql_conn; /* MySQL */
    struct mysql_settle settle;          /* MySQL */
    struct change_map *changes;          /* MySQL; NULL: everything is read */
    char *manifest;                      /* as it was written, at the end */
    struct tracking_state tracking;      /* MySQL: for the next backup */
    bool tracking_carried;               /* its reset point is the base's */
    size_t copies_before_reset;          /* how many there were when it was set */
    struct datadir_guard guard;          /* offline: see backup_offline.h */
    struct torn_pages torn;              /* likewise */
};

struct backup_family {
    enum tailer_log_kind log_kind;
    const char *log_name;  /* in datadir.log_dir */
    bool keeps_log;        /* its server can be told to keep its log until we have read it */
    bool tracks_pages;     /* its server can tell what it has written since a base */
    const char *sql_start; /* NULL, or what the connection that asks has to be told first */
    /* How far the server's redo log is. Asked before anything is done. */
    struct err *(*lsn_now)(struct conn *queries, lsn_t *lsn);
    void (*init)(
        struct backup *b); /* when everything is known about the server and the redo tail runs */
    void (*fini)(struct backup *b); /* NULL: nothing to do */
    /* Copies everything, while the server does what it likes. */
    struct err *(*copy)(struct backup *b);
    /* Locks, settles what DDL and writes have changed, reads coordinates and b->span.to, lets go. B1 to B4. */
    struct err *(*lock_window)(struct backup *b);
    /* Puts the redo up to b->span.to into the archive; *map is the space map's text. b->redo_key is set if it is encrypted. */
    struct err *(*store_redo)(struct backup *b, char **map);
    size_t (*count_tables)(const struct backup *b); /* for the manifest */
};
extern const struct backup_family backup_mariadb, backup_mysql;

/* The key file that was named; else the one that the server names. */
struct err *backup_load_keys(struct backup *b) MUST_CHECK;
/* Parts of both kinds of families. */
struct err *backup_mariadb_store_redo(struct backup *b, char **map) MUST_CHECK;
size_t backup_mariadb_count_tables(const struct backup *b);
struct err *backup_mysql_store_blocks(struct backup *b) MUST_CHECK;
size_t backup_mysql_count_tables(const struct backup *b);
/* Copies other engines' files in passes over new listings until little is left that changed; no lock is held. */
struct err *backup_copy_others(struct backup *b) MUST_CHECK;
/* b->listing is made anew. */
struct err *backup_list_again(struct backup *b) MUST_CHECK;
/* Stores what the engine notes for a restore, a check, or a later backup. */
struct err *backup_add_note(struct backup *b, const char *path, const void *data,
                            size_t len) MUST_CHECK;
/* For polls of long waits: a signal, a dead redo tail. */
struct err *backup_poll(void *ctx) MUST_CHECK;
/* The locks are gone: closes their connection. */
void backup_locks_are_gone(struct backup *b);
enum { BACKUP_TAIL_WAIT_SECONDS = 60 };

#endif
