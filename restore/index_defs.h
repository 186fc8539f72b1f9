/* restore/index_defs.h: which indexes a server knows: where their roots are, and the leading columns of their keys. MySQL says so in each
 * tablespace (sdi.h; of a partitioned table in its first one), MariaDB in tables of the system tablespace (sys_tables.h).
 *
 * Threads: all but _missing and _free may be called by any at once. */
#ifndef MBE_RESTORE_INDEX_DEFS_H
#define MBE_RESTORE_INDEX_DEFS_H

#include <stdbool.h>

#include "base/err.h"
#include "innodb/key_order.h"
#include "innodb/types.h"

struct index_defs;

struct index_def {
    uint64_t id;
    space_id_t space;
    page_no_t root;
    struct key_columns key;
};

struct index_defs *index_defs_new(void);
void index_defs_free(struct index_defs *d);
/* A second definition of an index is left out. */
void index_defs_add(struct index_defs *d, const struct index_def *def);
/* Where definitions are, pages are damaged: there may be indexes that are not known. */
void index_defs_lost(struct index_defs *d);
/* Whether that index is known, or might be had nothing been lost. */
bool index_defs_may_know(struct index_defs *d, uint64_t id);
/* False if that index is not known. */
bool index_defs_key(struct index_defs *d, struct key_columns *key, uint64_t id);
/* Notes a root page that is there, or (INDEX_DAMAGED) a page that was reported, whatever it may be. */
#define INDEX_DAMAGED (UINT64_MAX - 1)
void index_defs_found(struct index_defs *d, space_id_t space, page_no_t root, uint64_t id);
/* Calls back for each index whose root is not where it is said to be; found: which index has its root there, or NULL. When all
 * threads are done. */
void index_defs_missing(const struct index_defs *d, void *ctx,
                        void (*missing)(void *ctx, const struct index_def *def,
                                        const uint64_t *found));

/* The indexes of one table by its SDI text, found in the tablespace `space`. What cannot be understood is left out, and what is not
 * about that tablespace: after an IMPORT it may be what another server wrote. NULL, or a static sentence saying why this is the
 * text of no table: then nothing is added. */
const char *index_defs_add_sdi(struct index_defs *d, space_id_t space, const char *text,
                               size_t len) MUST_CHECK;

#endif
