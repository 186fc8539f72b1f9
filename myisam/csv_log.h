/* myisam/csv_log.h: makes a copied CSV log table (mysql/general_log, mysql/slow_log) whole: the
 * server writes them at any time, under every lock, so a copy may end inside a row and its .CSM may
 * carry the dirty flag.
 *
 *   .CSV  rows end in a newline; newlines inside values are escaped
 *   .CSM  35 bytes: FE 01, LE64 rows at 2, 24 bytes kept, byte 34 dirty flag
 *
 * Facts: MariaDB 10.11.19, by experiment; the row count must be exact or CHECK TABLE reports the
 * table as corrupt. */
#ifndef MBE_MYISAM_CSV_LOG_H
#define MBE_MYISAM_CSV_LOG_H

#include "base/err.h"

/* Cuts csv_path behind its last newline, counts its rows, writes the count and a clean flag into
 * csm_path. Both files exist and are written in place (memory use is a fixed buffer). CORRUPT when
 * the .CSM is not one. */
struct err *csv_log_mend(const char *csv_path, const char *csm_path) MUST_CHECK;

#endif
