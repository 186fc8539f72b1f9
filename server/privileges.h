/* server/privileges.h: what the account may do, as SHOW GRANTS says it, and what a backup takes.
 *
 * MariaDB            takes
 *   BACKUP STAGE           RELOAD; SUPER does not stand for it
 *   SHOW MASTER STATUS     BINLOG MONITOR or SUPER
 *   SHOW ALL SLAVES STATUS SLAVE MONITOR or SUPER
 * MySQL
 *   LOCK INSTANCE, consumer BACKUP_ADMIN
 *   log_status              BACKUP_ADMIN, and SELECT on performance_schema.log_status
 *   tablespaces of the dictionary, others' statements   PROCESS
 *   FLUSH TABLES WITH READ LOCK     FLUSH_TABLES or RELOAD
 *   FLUSH ENGINE LOGS               RELOAD
 *   SHOW REPLICA STATUS             REPLICATION CLIENT or SUPER
 *   where its threads stand         SELECT on mysql.slave_worker_info
 *   redo archiving                  INNODB_REDO_LOG_ARCHIVE; not checked, as it is not needed
 * Both               takes
 *   hashes of all tables   SELECT
 *
 * Facts: MariaDB 10.11.19, MySQL 9.7.4, by experiment. SHOW GRANTS without FOR lists the account's
 * own grants and those of its active roles (MariaDB: of the roles inside them, and of PUBLIC, too);
 * a role that is granted but not active appears only as "GRANT `r` TO `u`@`h`". MySQL joins static
 * privileges by ", " and dynamic ones, on a line of their own, by ",". */
#ifndef MBE_SERVER_PRIVILEGES_H
#define MBE_SERVER_PRIVILEGES_H

#include "server/server_info.h"

enum privilege {
    PRIV_RELOAD = 1 << 0,
    PRIV_BINLOG_MONITOR = 1 << 1, /* MariaDB */
    PRIV_SLAVE_MONITOR = 1 << 2,
    PRIV_BACKUP_ADMIN = 1 << 3, /* MySQL */
    PRIV_PROCESS = 1 << 4,
    PRIV_FLUSH_TABLES = 1 << 5,
    PRIV_REPLICATION_CLIENT = 1 << 6,
    PRIV_SELECT = 1 << 7, /* both */
};

/* Set of enum privilege that one line of SHOW GRANTS gives on a server of that family. Pure. */
unsigned grant_privileges(enum server_flavour flavour, const char *line);
/* "RELOAD, BINLOG MONITOR"; owned by caller. */
char *privilege_names(unsigned set);
/* "'u'@'h'" for an account as CURRENT_USER() shows it ("u@h"), quoted for SQL; owned by caller. */
char *account_quoted(const char *current_user);

/* *set: what the account may do, of enum privilege. */
struct err *server_privileges(unsigned *set, struct conn *c,
                              const struct server_info *s) MUST_CHECK;

/* Checks what a backup takes, active roles included.
 * MariaDB: RELOAD, BINLOG MONITOR (if log_bin), SLAVE MONITOR (if the server is or was a replica).
 * MySQL: BACKUP_ADMIN, PROCESS, FLUSH_TABLES, SELECT on log_status, and, if the server is or was a
 * replica, REPLICATION CLIENT and SELECT on slave_worker_info. Not RELOAD: see mysql_flush_logs.
 * REFUSED with the exact GRANT statements for this user in the hint. */
struct err *server_check_privileges(struct conn *c, const struct server_info *s) MUST_CHECK;
/* Whether the account may read all tables: SELECT on everything, for tables that it may not see are in no list. REFUSED as above. */
struct err *server_check_select(struct conn *c, const struct server_info *s) MUST_CHECK;

#endif
