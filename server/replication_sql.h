/* server/replication_sql.h: what a restored server is to be told once, as SQL: the GTIDs of its data, and where replication goes
 * on. Pure.
 *
 *   MySQL     SET GLOBAL gtid_purged = '...'      gtid.executed of the backup
 *   MariaDB   SET GLOBAL gtid_slave_pos = '...'   gtid.current_pos, or gtid.binlog_pos where that says nothing
 *   commented out, for want of host or account:
 *             RESET REPLICA (MySQL), for the server would look for relay logs that are in no backup
 *             CHANGE REPLICATION SOURCE TO / CHANGE MASTER TO the server that was backed up, and each source that it had itself
 *
 * Facts: MySQL 9.7.4, MariaDB 10.11.19 and 11.8.6, by experiment. MySQL keeps the GTIDs of its newest transactions in the binary
 * log and may have them in no table yet; gtid_purged takes any set that holds the one it has, with gtid_mode=OFF too and with
 * transactions of the restored server's own in its new binary log, so that no RESET is needed. Both read such a file as
 * --init-file: comments are whole lines with "-- " in front, a statement may have many lines and ends with ';' at the end of one.
 * MySQL takes statements of about 64 KiB there, a client takes longer ones; what fails there is in the error log only.
 * CHANGE REPLICATION SOURCE is MySQL 8.0.23, RESET REPLICA 8.0.22. */
#ifndef MBE_SERVER_REPLICATION_SQL_H
#define MBE_SERVER_REPLICATION_SQL_H

#include "server/coords.h"
#include "server/version.h"

/* Owned by caller; NULL when the server had neither GTIDs nor a binary log nor a source. The GTID texts must be such
 * (replication_is_gtid_text); everything else is quoted. */
char *replication_sql(enum server_flavour flavour, const struct coordinates *c);
/* Whether the text, of either family, has no character that is in no GTID set or position. */
bool replication_is_gtid_text(const char *text);

#endif
