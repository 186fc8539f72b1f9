/* server/privileges.h: reads the lines of SHOW GRANTS. Pure.
 *
 * Facts: MariaDB 10.11.19, by experiment. SHOW GRANTS without FOR lists the account's own grants,
 * those of its active role and of the roles inside it, and those of PUBLIC; a role that is granted
 * but not active appears only as "GRANT `r` TO `u`@`h`". BACKUP STAGE needs RELOAD, and SUPER does
 * not stand for it; SHOW MASTER STATUS takes BINLOG MONITOR or SUPER, SHOW ALL SLAVES STATUS takes
 * SLAVE MONITOR or SUPER. */
#ifndef MBE_SERVER_PRIVILEGES_H
#define MBE_SERVER_PRIVILEGES_H

enum privilege {
    PRIV_RELOAD = 1 << 0,
    PRIV_BINLOG_MONITOR = 1 << 1,
    PRIV_SLAVE_MONITOR = 1 << 2,
};

/* Set of enum privilege that one line of SHOW GRANTS gives. */
unsigned grant_privileges(const char *line);
/* "RELOAD, BINLOG MONITOR"; owned by caller. */
char *privilege_names(unsigned set);
/* "'u'@'h'" for an account as CURRENT_USER() shows it ("u@h"), quoted for SQL; owned by caller. */
char *account_quoted(const char *current_user);

#endif
