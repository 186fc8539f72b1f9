/* server/version.h: what kind of server a version string speaks of. Pure. */
#ifndef MBE_SERVER_VERSION_H
#define MBE_SERVER_VERSION_H

#include "base/err.h"

/* Accepts MariaDB 10.8 and newer: *number is "10.11.19", owned by caller. REFUSED otherwise, naming
 * the server. `version` is @@version, `comment` @@version_comment (NULL is fine). */
struct err *version_check(char **number, const char *version, const char *comment) MUST_CHECK;

#endif
