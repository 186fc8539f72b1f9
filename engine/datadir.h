/* engine/datadir.h: what lies in a datadir: a listing of tablespaces and of the other engines' files. Reads directories
 * and .isl files only; knows no server. A listing is a moment's picture: files may come and go while it is made.
 *
 * What a file is, its name tells, by the family's rules (datadir.c):
 *
 *                    MariaDB                              MySQL
 *   tablespaces      ibd of databases, undoNNN in the     *.ibd, *.ibu, undo_NNN anywhere in the datadir, the undo directory,
 *                    undo directory, targets of .isl      innodb_directories and the directories of ibdata files; ibdata files
 *   other files      frm, MYD, MYI, MAD, CSV, ...         MYD, MYI, CSV, CSM, ARZ, MRG and the sdi beside them
 *   of the datadir   upgrade info, ib_buffer_pool         mysqld-auto.cnf, *.pem, upgrade history, ib_buffer_pool
 *   left out         work files of DDL (#sql*) but at rest, *.cfg of an export, redo, doublewrite, temporary tablespaces, *_trunc.log of
 *                    an undo truncation (MySQL), binary and relay logs, auto.cnf, sockets, pid files: all but the above in
 *                    the datadir itself, and everything there whose name begins with '#' or '.' */
#ifndef MBE_ENGINE_DATADIR_H
#define MBE_ENGINE_DATADIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "server/server_info.h"

struct listed_space {
    char *
        name; /* relative to the datadir, as the server names it: "db/t.ibd", "undo001", "ibdata1" */
    char *path;          /* where it really is */
    bool system;         /* a file of the system tablespace */
    bool external;       /* outside the datadir; name is the absolute path, as in the redo */
    uint32_t first_page; /* system only: page number of the file's first page */
};

struct listed_file {
    char *name; /* relative to the datadir */
    uint32_t
        unit_len; /* files of one table (.MYD + .MYI ...) share the first unit_len bytes of the name */
    bool known; /* extension belongs to an engine we know */
};

struct listing {
    struct listed_space *spaces; /* system files first, then undo, then sorted by name */
    size_t n_spaces, cap_spaces;
    struct listed_file *files; /* sorted by unit, then name */
    size_t n_files, cap_files;
    char **dirs; /* database directories, sorted */
    size_t n_dirs, cap_dirs;
};

struct datadir_rules;

/* Where the server keeps its InnoDB files, resolved once. */
struct datadir {
    const struct datadir_rules *rules; /* of the family; static */
    char *root;
    char *server_root; /* as the server calls it */
    char *undo_dir;
    char *log_dir; /* of ib_logfile0 */
    char *aria_log_dir;
    char *doublewrite_dir; /* MySQL; NULL on MariaDB */
    /* No server has it open. What DDL had not finished then is taken as it is, for the next server that starts takes it back or
     * finishes it: MariaDB's DDL log and work files of DDL. Set by the caller. */
    bool at_rest;
    char **system_paths; /* data files of the system tablespace, in order */
    char **system_names; /* base names, unique within the set */
    size_t n_system;
    char **space_dirs; /* MySQL: absolute; may hold tablespaces, below the datadir or not */
    size_t n_space_dirs;
    char **own_dirs; /* absolute: hold InnoDB's files or logs; no database even if below root */
    size_t n_own_dirs;
    uint32_t page_size;
};

/* root: --datadir, or NULL for the server's own. After an error too, call _fini. */
struct err *datadir_resolve(struct datadir *out, const struct server_info *server,
                            const char *root) MUST_CHECK;
void datadir_fini(struct datadir *d);

struct err *listing_make(struct listing *out, const struct datadir *d) MUST_CHECK;
/* Adds one tablespace that the listing has not found: `path` is where it really is. */
void listing_add_space(struct listing *l, const struct datadir *d, const char *path);
void listing_fini(struct listing *l);

/* A file or directory as a server variable or the dictionary names it, as it is reached from here: relative names start at the
 * datadir, and what lies below the server's datadir lies below ours when that is shown at another place. Owned by caller. */
char *datadir_path(const struct datadir *d, const char *name);

/* Sorts listed_file by unit, then name: the order of listing.files. */
int listed_file_compare(const struct listed_file *a, const struct listed_file *b);

#endif
