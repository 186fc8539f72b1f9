/* engine/offline_outside.h: MySQL: tablespaces of a server that does not run, in directories that were not looked into.
 *
 * Where a table with a DATA DIRECTORY, a general or an undo tablespace lies is known to the dictionary alone. Its tables are in mysql.ibd,
 * which is not read as such here: every text in a page of its indexes that is an absolute path, or one that leaves the datadir by "../", and ends in .ibd or .ibu is taken
 * for the name of one. Rows store such a name in one piece, as it is. Of a dropped table a name may be left. */
#ifndef MBE_ENGINE_OFFLINE_OUTSIDE_H
#define MBE_ENGINE_OFFLINE_OUTSIDE_H

#include "base/log.h"
#include "engine/datadir.h"
#include "verify/key_file.h"

/* REFUSED, naming the file, when there is one that the listing does not have. One that is not there is a warning. keys: NULL, or those of
 * an encrypted mysql.ibd. */
struct err *offline_outside_check(const struct datadir *d, const struct listing *list,
                                  struct key_file *keys, struct log *log) MUST_CHECK;

/* The first text in bytes [*at, n) that ends in .ibd or .ibu and has a slash among its first bytes, and *at behind it: *text is owned by
 * caller, NULL when there is none. What stands in front of a name in a row, a pointer of 7 bytes or a record's header, may look like a
 * part of it; a name in the midst of prose (the server's help has some) is none. Fact: MySQL 9.7.4, by experiment: mysql.tablespace_files. */
void offline_outside_next(char **text, const uint8_t *bytes, size_t n, size_t *at);

#endif
