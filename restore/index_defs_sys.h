/* restore/index_defs_sys.h: indexes by MariaDB's tables of them, see sys_tables.h: rows in any order, joined at the end. */
#ifndef MBE_RESTORE_INDEX_DEFS_SYS_H
#define MBE_RESTORE_INDEX_DEFS_SYS_H

#include "base/cleanup.h"
#include "innodb/sys_tables.h"
#include "restore/index_defs.h"

struct sys_join;

struct sys_join *sys_join_new(void);
void sys_join_free(struct sys_join *j);
CLEANUP(sys_join, sys_join_free)
void sys_join_add(struct sys_join *j, enum sys_table table, const struct sys_row *row);
/* Adds each index that has a tree. */
void sys_join_finish(const struct sys_join *j, struct index_defs *defs);

#endif
