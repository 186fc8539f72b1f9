/* server/table_file.h: what the files of a table are called: "db/t", each part encoded.
 *
 * Letters and digits of ASCII and "_" stand for themselves, other ASCII is "@" and four hex digits. Beyond ASCII letters of many
 * alphabets are "@" and two characters, anything else "@" and four hex digits: there the server is asked, MariaDB for the name in its
 * character set "filename", MySQL, which does not let that be used, for the path of the table's tablespace. A name that some system
 * has for a device (aux, con, nul, prn, com1 ... com9, lpt1 ... lpt9) has "@@@" behind it.
 * Facts: MySQL 9.7.4, MariaDB 10.11.19, by experiment. */
#ifndef MBE_SERVER_TABLE_FILE_H
#define MBE_SERVER_TABLE_FILE_H

#include "server/conn.h"
#include "server/server_info.h"

/* "db/t" without an extension; owned by caller; NULL when it cannot be known: MySQL, not ASCII, and no tablespace of its own. Names
 * are UTF-8. */
struct err *table_file_name(char **out, struct conn *c, enum server_flavour flavour,
                            const char *schema, const char *table) MUST_CHECK;
/* MariaDB: the other way round; both owned by caller. `file` has one "/". */
struct err *table_of_file(char **schema, char **table, struct conn *c, const char *file) MUST_CHECK;

#endif
