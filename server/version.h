/* server/version.h: what kind of server a version string speaks of. Pure. */
#ifndef MBE_SERVER_VERSION_H
#define MBE_SERVER_VERSION_H

#include <stdbool.h>

#include "base/err.h"

/* The two families. MySQL is also what is built from it: Percona Server, Percona XtraDB Cluster. */
enum server_flavour {
    FLAVOUR_MARIADB,
    FLAVOUR_MYSQL,
};

/* "mariadb" as a manifest has it, "MariaDB" as people write it. */
const char *server_flavour_text(enum server_flavour f);
const char *server_flavour_name(enum server_flavour f);
/* What a manifest's word means; false if nothing. */
bool server_flavour_of_text(enum server_flavour *out, const char *text);

/* Accepts MariaDB 10.8 and newer, MySQL 8.0.30 and newer: *number is "10.11.19", owned by caller.
 * REFUSED otherwise, naming the server. `version` is @@version, `comment` @@version_comment (NULL
 * is fine). */
struct err *version_check(enum server_flavour *flavour, char **number, const char *version,
                          const char *comment) MUST_CHECK;

#endif
