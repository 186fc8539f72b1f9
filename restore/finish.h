/* restore/finish.h: what makes the restored files a datadir: the redo log the server starts from, the options it needs, and
 * what it has to be told for replication (see server/replication_sql.h). */
#ifndef MBE_RESTORE_FINISH_H
#define MBE_RESTORE_FINISH_H

#include <stdbool.h>

#include "base/err.h"
#include "restore/backup_facts.h"
#include "restore/layout.h"
#include "restore/target.h"

#define FINISH_CONFIG "mbe-my.cnf"
#define FINISH_SQL "mbe-after-start.sql"

/* The server's setting innodb_directories: where it finds, and may put, tablespaces outside the datadir. The directories that
 * the source named, when such files are put back where they were (external_dir "/"), even if there are none now; those of them
 * that hold files, below external_dir, when they are not. And that of each such file in none of these. NULL: no setting. Owned
 * by caller. */
char *finish_directories(const struct backup_facts *facts, const struct layout *layout,
                         const char *external_dir);

/* Writes mbe-my.cnf, mbe-after-start.sql if there is anything to say (*has_sql), and, last, the redo log without which no server
 * starts. Not yet durable. */
struct err *finish_datadir(bool *has_sql, const struct target *target,
                           const struct backup_facts *facts, const struct layout *layout,
                           const struct redo_scan *redo) MUST_CHECK;

#endif
