/* engine/table_names.h: which tables there were when the backup ended, by the names of their files ("db/t"), and whether a name still
 * stands for the same table. See rules T3 to T5 of backup_hash.h.
 *
 *             a table is                      it is the same while
 *   MariaDB   a .frm that is no view's        the .frm has its stamps (a rename moves ctime), and its tablespaces are the very files
 *                                             (EXCHANGE PARTITION leaves the .frm alone)
 *   MySQL     its tablespaces                 these are the very files (inode, time of birth)
 *
 * Not known are tables of InnoDB without a tablespace of their own, but those of MySQL's schema `mysql`, where that is the rule and
 * nobody renames tables. */
#ifndef MBE_ENGINE_TABLE_NAMES_H
#define MBE_ENGINE_TABLE_NAMES_H

#include "engine/plain_copy.h"
#include "engine/space_set.h"
#include "verify/hash_server.h"

struct table_file; /* a tablespace */

struct table_names {
    const struct plain_set *plain;
    bool by_frm;  /* MariaDB */
    char **names; /* sorted, no name twice */
    bool *ticked;
    size_t n;
    struct table_file *files; /* sorted by name */
    size_t n_files;
};

/* MariaDB, while DDL is stopped: looks at the file of every tablespace. When it is called again, only the last time counts. */
void table_names_note(struct table_names *t, const struct listing *listing);
/* When all names are settled; what it is made of is borrowed. MySQL's tablespaces are known by their copies; listing: that of the
 * lock. Only MariaDB's names can be ticked off, as MySQL's own list of tables is that of the moment. */
void table_names_make(struct table_names *t, enum server_flavour flavour,
                      const struct space_set *spaces, const struct plain_set *plain,
                      const struct listing *listing);
void table_names_fini(struct table_names *t);

/* Looks at the files now. Thread-safe. */
enum hash_identity table_names_identify(const struct table_names *t, const char *table);

/* Ticks a table off, if it is there. */
void table_names_tick(struct table_names *t, const char *table);
/* The next one that was not ticked off, from *at (0 at first) on; NULL: no more. Borrowed. */
const char *table_names_unticked(const struct table_names *t, size_t *at);

#endif
