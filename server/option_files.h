/* server/option_files.h: the option files a client reads, gathered into one text for the client
 * library.
 *
 * The library cannot do it alone. MariaDB's (3.3.20, by experiment) ignores a file that is missing
 * or unreadable, knows no second file beside the given one, and looks only for "my.cnf" in a
 * directory named by !includedir, where Debian keeps every setting in other *.cnf files. What the
 * options mean, quotes and escapes, stays the library's business, but for one: it passes over
 * ssl-mode, the way MySQL's programs are told to use TLS, and would send everything in the clear.
 *
 *   ssl-mode          for MariaDB's library
 *   DISABLED          ssl-enforce=0
 *   PREFERRED         nothing: TLS when ssl-ca or the like is given, which is what it does
 *   REQUIRED          ssl-enforce=1; with ssl-ca it checks the certificate's issuer
 *   VERIFY_CA         as the next; it cannot leave out the host name
 *   VERIFY_IDENTITY   ssl-enforce=1 and ssl-verify-server-cert=1
 *
 * MySQL's library gets the line as it is. */
#ifndef MBE_SERVER_OPTION_FILES_H
#define MBE_SERVER_OPTION_FILES_H

#include "server/conn.h"

/* Files, in this order, later ones win:
 *   defaults_file alone, if given; else /etc/my.cnf, /etc/mysql/my.cnf, $MARIADB_HOME or
 *   $MYSQL_HOME /my.cnf, defaults_extra_file, ~/.my.cnf.
 * With both given: defaults_file, then defaults_extra_file. !include and !includedir are expanded.
 * The usual and the included files may be absent or unreadable, and are passed over, as every
 * client does, when everybody may write to them; for a file named by the user each of these is an
 * error of kind USAGE.
 *
 * *fd is a memory file (mode 0600) with the text; owned by caller; -1 with no_defaults. */
struct err *option_files_gather(int *fd, const struct conn_options *options) MUST_CHECK;

#endif
