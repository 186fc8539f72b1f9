/* innodb/file_ops.h: running table of what the redo's FILE_ records say about each tablespace.
 *
 * Rules (MariaDB 10.8+, proven under a storm of DDL):
 *  - the last of FILE_CREATE, FILE_MODIFY, FILE_RENAME(new) is the name of a space;
 *  - FILE_DELETE ends a space id, except that
 *  - FILE_MODIFY of a deleted id is ALTER TABLE ... IMPORT TABLESPACE: the id lives again, its pages were written
 *    without redo, everything logged for it before that LSN is void, and so is a copy begun before it. The record comes
 *    with the first change of the tablespace *after* the import; one that was not changed since leaves no trace here.
 * Not thread-safe. */
#ifndef MBE_INNODB_FILE_OPS_H
#define MBE_INNODB_FILE_OPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/map64.h"
#include "innodb/redo_mariadb.h"

struct space_ops {
    space_id_t id;
    bool created; /* FILE_CREATE seen: every page of it is in the redo */
    bool deleted;
    lsn_t import_lsn; /* 0: never imported */
    char *name;       /* without "./"; absolute for DATA DIRECTORY tables; NULL if never named */
    char *created_as; /* the name in FILE_CREATE, likewise; NULL: none */
};

struct file_ops {
    struct map64 index; /* id -> position in items */
    struct space_ops *items;
    size_t n, cap;
};

/* Takes in one file record of a mini-transaction that starts at lsn. Other types are ignored. */
struct err *file_ops_add(struct file_ops *ops, const struct redo_record *rec, lsn_t lsn) MUST_CHECK;
/* NULL if the redo never named the space. Borrowed until the next add. */
const struct space_ops *file_ops_find(const struct file_ops *ops, space_id_t id);
void file_ops_fini(struct file_ops *ops);

#endif
