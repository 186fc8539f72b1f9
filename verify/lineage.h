/* verify/lineage.h: which backup of a repository needs which. An incremental backup needs its base, that one its own, and
 * so on to a full one: a chain. Here all chains of a repository are one tree, read from the manifests; a backup that cannot
 * be read, or whose chain does not hold, is a row that says so. Whether a chain fits together in every respect is for those
 * to check who read it. */
#ifndef MBE_VERIFY_LINEAGE_H
#define MBE_VERIFY_LINEAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/repo.h"
#include "base/err.h"

#define LINEAGE_NONE SIZE_MAX /* no row */

struct lineage_row {
    char *id;
    char *error; /* why it cannot be read; NULL: it can, and so is known what stands next */
    bool
        unsure; /* with an error: it may be sound and need others all the same. It could not be read now, not by this mbe, or
                 not with this key or key block */

    bool full;
    bool damaged; /* it was taken with corrupt pages (--allow-corrupt) */
    char *
        server; /* a text that tells the server it is of from others: MySQL's server_uuid, MariaDB's server_uid, else the
                      data directory */
    char *base_id; /* NULL of a full one */
    uint64_t archive_id, base_archive_id;
    uint64_t to, base_lsn; /* where it ends, and where its base does by what it says; 0: unknown */
    char *
        unfit; /* why it is not to be taken for that backup all the same (chain_check_place), in words that continue "it ...";
                NULL: it may be */
    int64_t finished; /* the moment it is of, near enough: seconds since 1970 */

    /* made by lineage_link */
    size_t base;  /* row of its base; LINEAGE_NONE: it has none, or it is not there */
    size_t level; /* number of bases above it in this repository */
    char *
        broken; /* why it is not good for a restore, in words that continue "it ..."; NULL: it is */
    size_t full_row; /* the full one that its chain begins with; LINEAGE_NONE when broken */
    size_t n_chain;  /* archives that a restore reads; 0 when broken */

    /* For lists: {id, error}, or {id, type, base, chain, started, finished, bytes, lsn, server, damaged} of the manifest,
     * null where it says nothing, and whether it is sealed, and signed. NULL in tests. */
    json_t *facts;
};

/* Rows own their texts. */
struct lineage {
    size_t n, cap;
    struct lineage_row *rows; /* by id, oldest first */
    size_t *
        order; /* the tree: every row behind its base, and before the next row of its base's level */
};

/* REFUSED when there is no repository; what is wrong with a single backup is in its row. Backups that are deleted meanwhile
 * are left out. */
struct err *lineage_load(struct lineage *out, struct repo *repo) MUST_CHECK;
void lineage_fini(struct lineage *l);
/* Fills `order` and the rows' second half from the first half. */
void lineage_link(struct lineage *l);

/* Row of the backup with this id; USAGE when there is none. */
struct err *lineage_find(size_t *row, const struct lineage *l, const struct repo *repo,
                         const char *id) MUST_CHECK;
/* chosen[n]: adds every row that needs one of those chosen; returns how many that were. */
size_t lineage_add_dependents(const struct lineage *l, bool *chosen);

#endif
