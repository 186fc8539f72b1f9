/* server/server_settings.h: the settings of a server that does not run, from its option file: where it keeps its files, above all. */
#ifndef MBE_SERVER_SERVER_SETTINGS_H
#define MBE_SERVER_SERVER_SETTINGS_H

#include "server/server_info.h"

/* Puts what the file says about the members of *s into them, other options are passed over. Groups are those that servers of both
 * families read: [mysqld], [server], [mariadb], [mariadbd], and those with a version behind ("[mysqld-9.7]"), whatever the version. Included
 * files as in option_files.h. USAGE: the file cannot be read, or is none. */
struct err *server_settings_load(struct server_info *s, const char *path) MUST_CHECK;

/* One text of options, as it was gathered; changed in place. */
void server_settings_take(struct server_info *s, char *text);

#endif
