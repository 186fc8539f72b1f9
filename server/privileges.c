/* server/privileges.c: see privileges.h. */
#include "server/privileges.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "server/mysql_log_status.h"

/* Every name a privilege has or had, and what it gives; the first row of a bit is the name we
 * use. */
static const struct {
    const char *name;
    unsigned mariadb, mysql;
} names[] = {
    {"BACKUP_ADMIN", 0, PRIV_BACKUP_ADMIN},
    {"PROCESS", 0, PRIV_PROCESS},
    {"FLUSH_TABLES", 0, PRIV_FLUSH_TABLES},
    {"SELECT", PRIV_SELECT, PRIV_SELECT},
    {"RELOAD", PRIV_RELOAD, PRIV_RELOAD | PRIV_FLUSH_TABLES},
    {"BINLOG MONITOR", PRIV_BINLOG_MONITOR, 0},
    {"SLAVE MONITOR", PRIV_SLAVE_MONITOR, 0},
    {"REPLICA MONITOR", PRIV_SLAVE_MONITOR, 0},
    {"REPLICATION CLIENT", PRIV_BINLOG_MONITOR, PRIV_REPLICATION_CLIENT},
    {"SUPER", PRIV_BINLOG_MONITOR | PRIV_SLAVE_MONITOR, PRIV_REPLICATION_CLIENT},
    {"ALL PRIVILEGES", PRIV_SELECT | PRIV_RELOAD | PRIV_BINLOG_MONITOR | PRIV_SLAVE_MONITOR,
     PRIV_SELECT | PRIV_RELOAD | PRIV_FLUSH_TABLES | PRIV_PROCESS | PRIV_REPLICATION_CLIENT |
         PRIV_BACKUP_ADMIN},
};

enum { N_NAMES = sizeof names / sizeof names[0] };

static unsigned privilege_of(enum server_flavour flavour, const char *name, size_t len)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (strlen(names[i].name) == len && !strncasecmp(names[i].name, name, len))
            return flavour == FLAVOUR_MYSQL ? names[i].mysql : names[i].mariadb;
    return 0;
}

unsigned grant_privileges(enum server_flavour flavour, const char *line)
{
    static const char grant[] = "GRANT ", everywhere[] = " ON *.* TO ";
    const char *stop = strstr(line, everywhere);
    unsigned set = 0;

    if (strncmp(line, grant, strlen(grant)) || !stop)
        return 0;
    const char *p = line + strlen(grant);
    if (memchr(p, '`', (size_t)(stop - p))) /* a role whose name looks like a grant */
        return 0;
    while (p < stop) {
        const char *comma = memchr(p, ',', (size_t)(stop - p));
        const char *end = comma ? comma : stop;
        set |= privilege_of(flavour, p, (size_t)(end - p));
        p = end + (comma ? 1 : 0);
        while (p < stop && *p == ' ')
            p++;
    }
    return set;
}

char *privilege_names(unsigned set)
{
    char *out = mem_strdup("");
    for (size_t i = 0; i < N_NAMES; i++) {
        const unsigned gives = names[i].mariadb | names[i].mysql;
        if (!(set & gives))
            continue;
        char *longer = mem_printf("%s%s%s", out, out[0] ? ", " : "", names[i].name);
        free(out);
        out = longer;
        set &= ~gives;
    }
    return out;
}

static char *quoted(const char *text, size_t len)
{
    char *out = mem_alloc(2 * len + 3), *p = out;
    *p++ = '\'';
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\'' || text[i] == '\\')
            *p++ = text[i];
        *p++ = text[i];
    }
    *p++ = '\'';
    *p = '\0';
    return out;
}

char *account_quoted(const char *current_user)
{
    const char *at = strrchr(current_user, '@');
    const char *end = current_user + strlen(current_user);
    AUTO_FREE char *user = quoted(current_user, (size_t)((at ? at : end) - current_user));
    AUTO_FREE char *host = at ? quoted(at + 1, (size_t)(end - at - 1)) : mem_strdup("'%'");
    return mem_printf("%s@%s", user, host);
}

/* Whether the server applies, or ever applied, another server's changes: whoever may not ask for
 * its replicas' state cannot see more than that. */
static struct err *mariadb_is_replica(bool *replica, struct conn *c)
{
    AUTO_FREE char *applied = NULL;
    uint64_t running = 0;
    TRY(conn_status_u64(c, &running, "Slaves_running"));
    TRY(conn_query_text(c, &applied, "SELECT @@GLOBAL.gtid_slave_pos"));
    *replica = running > 0 || (applied && applied[0]);
    return NULL;
}

struct err *server_privileges(unsigned *set, struct conn *c, const struct server_info *s)
{
    enum { SKIP_GRANT_TABLES = 1290 };
    struct rows rows;
    *set = 0;
    struct err *e = conn_query(c, &rows, "SHOW GRANTS");
    if (e && conn_errno(c) == SKIP_GRANT_TABLES) { /* everybody may do everything */
        err_free(e);
        *set = ~0u;
        return NULL;
    }
    TRY(e);
    for (size_t row = 0; row < rows.n_rows; row++)
        if (rows.cells[row * rows.n_cols])
            *set |= grant_privileges(s->flavour, rows.cells[row * rows.n_cols]);
    rows_fini(&rows);
    return NULL;
}

/* Whether SELECT on it is granted, by whatever grant. With LIMIT 0 nothing is read, and so nothing
 * but the table's own privilege is asked for. */
static struct err *may_select(bool *may, struct conn *c, const char *table)
{
    struct err *e = conn_exec(c, "SELECT 1 FROM %s LIMIT 0", table);
    *may = !e;
    if (e && !conn_errno_is_denied(conn_errno(c)))
        return e;
    err_free(e);
    return NULL;
}

static const char log_status[] = "performance_schema.log_status";
static const char worker_info[] = "mysql.slave_worker_info";

static struct err *mysql_is_replica(bool *replica, struct conn *c)
{
    struct mysql_log_status status;
    TRY(mysql_log_status_load(&status, c));
    *replica = status.n_channels > 0;
    mysql_log_status_fini(&status);
    return NULL;
}

/* "lacks the privilege", and how to give what is missing, `also` on that table. */
static struct err *lacks(struct conn *c, unsigned missing, const char *also)
{
    AUTO_FREE char *user = NULL;
    TRY(conn_query_text(c, &user, "SELECT CURRENT_USER()"));
    AUTO_FREE char *account = account_quoted(user ? user : "");
    AUTO_FREE char *list = privilege_names(missing);
    AUTO_FREE char *select = also ? mem_printf("SELECT on %s", also) : mem_strdup("");
    AUTO_FREE char *global =
        missing ? mem_printf("GRANT %s ON *.* TO %s;", list, account) : mem_strdup("");
    AUTO_FREE char *local =
        also ? mem_printf("GRANT SELECT ON %s TO %s;", also, account) : mem_strdup("");
    const char *comma = missing && also ? ", " : "";
    return err_hint(err_make(REFUSED, "account %s lacks the privilege%s %s%s%s", account,
                             strchr(list, ',') || comma[0] ? "s" : "", list, comma, select),
                    "Run as an administrator: %s%s%s", global, missing && also ? " " : "", local);
}

static struct err *check_mariadb(struct conn *c, const struct server_info *s, unsigned have)
{
    bool replica = false;
    TRY(mariadb_is_replica(&replica, c));
    const unsigned need =
        PRIV_RELOAD | (s->log_bin ? PRIV_BINLOG_MONITOR : 0u) | (replica ? PRIV_SLAVE_MONITOR : 0u);
    return need & ~have ? lacks(c, need & ~have, NULL) : NULL;
}

static struct err *check_mysql(struct conn *c, unsigned have)
{
    const unsigned need = PRIV_BACKUP_ADMIN | PRIV_PROCESS | PRIV_FLUSH_TABLES;
    bool may_read = false, replica = false;
    TRY(may_select(&may_read, c, log_status));
    if (need & ~have || !may_read)
        return lacks(c, need & ~have, may_read ? NULL : log_status);
    TRY(mysql_is_replica(&replica, c));
    if (!replica)
        return NULL;
    TRY(may_select(&may_read, c, worker_info));
    if (!(have & PRIV_REPLICATION_CLIENT) || !may_read)
        return lacks(c, PRIV_REPLICATION_CLIENT & ~have, may_read ? NULL : worker_info);
    return NULL;
}

struct err *server_check_privileges(struct conn *c, const struct server_info *s)
{
    unsigned have = 0;
    TRY(server_privileges(&have, c, s));
    return s->flavour == FLAVOUR_MYSQL ? check_mysql(c, have) : check_mariadb(c, s, have);
}

struct err *server_check_select(struct conn *c, const struct server_info *s)
{
    unsigned have = 0;
    TRY(server_privileges(&have, c, s));
    return have & PRIV_SELECT ? NULL : lacks(c, PRIV_SELECT, NULL);
}
