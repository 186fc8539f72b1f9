/* server/datadir_check.h: does the server behind a connection run on a directory? */
#ifndef MBE_SERVER_DATADIR_CHECK_H
#define MBE_SERVER_DATADIR_CHECK_H

#include "server/server_info.h"

/* Proves that the server behind `c` runs on `datadir`, as it is seen from here. In this order:
 *  - MySQL: the server_uuid in the datadir's auto.cnf, if it is there, is the server's own;
 *  - who holds the POSIX lock on the datadir's ibdata1 or aria_log_control (a running server does
 *    on both; MySQL has ibdata1 and mysql.ibd) is the process at the other end of the local socket:
 *    proof. If another process holds it, or none while that one holds the files of its own
 *    @@datadir: REFUSED;
 *  - when processes cannot be compared (TCP, another pid namespace, a filesystem without locks),
 *    the newest checkpoint in the datadir's redo log must be the one the server says it made last.
 *    That proves the directory unless it is an exact copy of it and both servers are idle.
 * The pid file proves nothing: servers in containers and beside them use the same paths.
 * REFUSED says what does not match. Nothing is written. IO when the files cannot be read. */
struct err *server_check_datadir(struct conn *c, const struct server_info *s,
                                 const char *datadir) MUST_CHECK;

/* The server_uuid in the text of an auto.cnf, owned by caller; NULL if there is none. Pure. */
char *auto_cnf_uuid(const char *text);

#endif
