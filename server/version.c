/* server/version.c: see version.h. */
#include "server/version.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum {
    OLDEST_MAJOR = 10,
    OLDEST_MINOR = 8, /* the redo log of today; see innodb/redo_mariadb.h */
};

/* What the server puts in front of its version for old replication clients. */
static const char replication_prefix[] = "5.5.5-";

struct err *version_check(char **number, const char *version, const char *comment)
{
    const char *suffix = strcasestr(version, "-mariadb");
    unsigned major = 0, minor = 0;

    if (suffix && !strncmp(version, replication_prefix, strlen(replication_prefix)))
        version += strlen(replication_prefix);
    size_t len = 0;
    while (isdigit((unsigned char)version[len]) || version[len] == '.')
        len++;
    if (!suffix)
        return err_make(
            REFUSED,
            "the server is MySQL %.*s (%s), not MariaDB; supported is MariaDB 10.8 and newer",
            (int)len, version, comment && comment[0] ? comment : version);
    if (sscanf(version, "%3u.%3u.", &major, &minor) != 2)
        return err_make(REFUSED, "the server's version '%s' is not understood", version);
    if (major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR))
        return err_make(REFUSED, "the server is MariaDB %.*s; supported is MariaDB 10.8 and newer",
                        (int)len, version);
    *number = mem_printf("%.*s", (int)len, version);
    return NULL;
}
