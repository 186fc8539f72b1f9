/* server/privileges.c: see privileges.h; and server_check_privileges of mariadb.h. */
#include "server/privileges.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "server/mariadb.h"

/* Every name a privilege has or had, and what it gives; the first row of a bit is the name we
 * use. */
static const struct {
    const char *name;
    unsigned gives;
} names[] = {
    {"RELOAD", PRIV_RELOAD},
    {"BINLOG MONITOR", PRIV_BINLOG_MONITOR},
    {"SLAVE MONITOR", PRIV_SLAVE_MONITOR},
    {"REPLICA MONITOR", PRIV_SLAVE_MONITOR},
    {"REPLICATION CLIENT", PRIV_BINLOG_MONITOR},
    {"SUPER", PRIV_BINLOG_MONITOR | PRIV_SLAVE_MONITOR},
    {"ALL PRIVILEGES", PRIV_RELOAD | PRIV_BINLOG_MONITOR | PRIV_SLAVE_MONITOR},
};

enum { N_NAMES = sizeof names / sizeof names[0] };

static unsigned privilege_of(const char *name, size_t len)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (strlen(names[i].name) == len && !strncasecmp(names[i].name, name, len))
            return names[i].gives;
    return 0;
}

unsigned grant_privileges(const char *line)
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
        set |= privilege_of(p, (size_t)(end - p));
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
        if (!(set & names[i].gives))
            continue;
        char *longer = mem_printf("%s%s%s", out, out[0] ? ", " : "", names[i].name);
        free(out);
        out = longer;
        set &= ~names[i].gives;
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
static struct err *is_replica(struct conn *c, bool *replica)
{
    AUTO_FREE char *applied = NULL;
    uint64_t running = 0;
    TRY(conn_status_u64(c, &running, "Slaves_running"));
    TRY(conn_query_text(c, &applied, "SELECT @@GLOBAL.gtid_slave_pos"));
    *replica = running > 0 || (applied && applied[0]);
    return NULL;
}

static struct err *granted(struct conn *c, unsigned *set)
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
            *set |= grant_privileges(rows.cells[row * rows.n_cols]);
    rows_fini(&rows);
    return NULL;
}

struct err *server_check_privileges(struct conn *c, const struct server_info *s)
{
    AUTO_FREE char *user = NULL;
    bool replica = false;
    unsigned have = 0;

    TRY(granted(c, &have));
    TRY(is_replica(c, &replica));
    TRY(conn_query_text(c, &user, "SELECT CURRENT_USER()"));
    const unsigned need =
        PRIV_RELOAD | (s->log_bin ? PRIV_BINLOG_MONITOR : 0u) | (replica ? PRIV_SLAVE_MONITOR : 0u);
    const unsigned missing = need & ~have;
    if (!missing)
        return NULL;
    AUTO_FREE char *account = account_quoted(user ? user : "");
    AUTO_FREE char *list = privilege_names(missing);
    return err_hint(err_make(REFUSED, "account %s lacks the privilege%s %s", account,
                             strchr(list, ',') ? "s" : "", list),
                    "Run as an administrator: GRANT %s ON *.* TO %s;", list, account);
}
