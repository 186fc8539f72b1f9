/* server/mariadb.h: MariaDB's backup stages. */
#ifndef MBE_SERVER_MARIADB_H
#define MBE_SERVER_MARIADB_H

#include "server/conn.h"

enum stage { STAGE_START, STAGE_FLUSH, STAGE_BLOCK_DDL, STAGE_BLOCK_COMMIT, STAGE_END };
const char *stage_name(enum stage s);
/* BACKUP STAGE <s>. *timed_out: lock wait timeout or deadlock (1205, 1213): the stage before still
 * holds and the call may be repeated; then the return is NULL. */
struct err *stage_enter(struct conn *c, enum stage s, bool *timed_out) MUST_CHECK;

#endif
