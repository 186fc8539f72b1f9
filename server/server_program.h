/* server/server_program.h: the program of a server: which one on this machine can run on a given backup's files. */
#ifndef MBE_SERVER_SERVER_PROGRAM_H
#define MBE_SERVER_SERVER_PROGRAM_H

#include "base/err.h"
#include "server/version.h"

/* What a program's --version says of it: "mariadbd  Ver 10.11.19-MariaDB ... for debian-linux-gnu on x86_64 (Debian 12)". *number is
 * owned by caller. REFUSED when it is no server, or one that version_check refuses. Pure. */
struct err *server_program_parse(enum server_flavour *flavour, char **number,
                                 const char *text) MUST_CHECK;
/* Whether a server of version `number` runs on files of `wanted`, as they are: the same series (10.11, 9.7), and not an older release of
 * it. Pure. */
bool server_program_fits(const char *number, const char *wanted);

/* Finds a program for files of a server of this family and version. `given` (a path, or a script that runs one, see base/child.h) is
 * asked alone; else every program of the family's name in PATH and the usual places, the first one that fits. *path is owned by
 * caller. Each is run with --version, for ten seconds at most. REFUSED, with what was found, when none fits; IO when the given one
 * cannot be run. */
struct err *server_program_find(char **path, const char *given, enum server_flavour flavour,
                                const char *wanted) MUST_CHECK;

#endif
