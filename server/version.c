/* server/version.c: see version.h. */
#include "server/version.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* The oldest of each family has the redo log of today, see innodb/redo_mariadb.h and the files of
 * #innodb_redo, which MySQL 8.0.30 brought. */
static const struct {
    const char *text, *name;
    unsigned oldest[3];
} flavours[] = {
    [FLAVOUR_MARIADB] = {"mariadb", "MariaDB", {10, 8, 0}},
    [FLAVOUR_MYSQL] = {"mysql", "MySQL", {8, 0, 30}},
};

static const char supported[] = "supported is MariaDB 10.8 and newer, MySQL 8.0.30 and newer";

/* What MariaDB puts in front of its version for old replication clients. */
static const char replication_prefix[] = "5.5.5-";

const char *server_flavour_text(enum server_flavour f)
{
    return flavours[f].text;
}

const char *server_flavour_name(enum server_flavour f)
{
    return flavours[f].name;
}

bool server_flavour_of_text(enum server_flavour *out, const char *text)
{
    for (size_t i = 0; i < sizeof flavours / sizeof flavours[0]; i++)
        if (!strcmp(flavours[i].text, text)) {
            *out = (enum server_flavour)i;
            return true;
        }
    return false;
}

static bool is_older(const unsigned a[3], const unsigned b[3])
{
    for (int i = 0; i < 3; i++)
        if (a[i] != b[i])
            return a[i] < b[i];
    return false;
}

static enum server_flavour flavour_of(const char *version, const char *comment)
{
    const bool mariadb =
        strcasestr(version, "-mariadb") || (comment && strcasestr(comment, "mariadb"));
    return mariadb ? FLAVOUR_MARIADB : FLAVOUR_MYSQL;
}

struct err *version_check(enum server_flavour *flavour, char **number, const char *version,
                          const char *comment)
{
    const enum server_flavour f = flavour_of(version, comment);
    const char *name = flavours[f].name;
    unsigned parts[3] = {0};

    if (f == FLAVOUR_MARIADB && !strncmp(version, replication_prefix, strlen(replication_prefix)))
        version += strlen(replication_prefix);
    const int len = (int)strspn(version, "0123456789.");
    if (sscanf(version, "%3u.%3u.%3u", &parts[0], &parts[1], &parts[2]) < 2)
        return err_make(REFUSED, "the server's version '%s' is not understood", version);
    if (is_older(parts, flavours[f].oldest)) {
        const bool told = comment && comment[0] && f == FLAVOUR_MYSQL;
        return err_make(REFUSED, "the server is %s %.*s%s%s%s; %s", name, len, version,
                        told ? " (" : "", told ? comment : "", told ? ")" : "", supported);
    }
    *flavour = f;
    *number = mem_printf("%.*s", len, version);
    return NULL;
}
