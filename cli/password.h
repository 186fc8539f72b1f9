/* cli/password.h: the password of the connection, from wherever the user put it. */
#ifndef MBE_CLI_PASSWORD_H
#define MBE_CLI_PASSWORD_H

#include "base/log.h"
#include "cli/options.h"

/* *out (owned by caller, password_free) is NULL when none was given: the option files may have one.
 * Warns when a password file can be read by others. */
struct err *password_load(char **out, const struct options *o, struct log *log) MUST_CHECK;
/* Wipes and frees; NULL is fine. */
void password_free(char *password);

#endif
