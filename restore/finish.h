/* restore/finish.h: what makes the restored files a datadir: the redo log the server starts from, and the options it
 * needs. */
#ifndef MBE_RESTORE_FINISH_H
#define MBE_RESTORE_FINISH_H

#include "base/err.h"
#include "restore/backup_facts.h"
#include "restore/layout.h"
#include "restore/target.h"

#define FINISH_CONFIG "mbe-my.cnf"

/* The server's setting innodb_directories: where it finds, and may put, tablespaces outside the datadir. The directories that
 * the source named, when such files are put back where they were (external_dir "/"), even if there are none now; those of them
 * that hold files, below external_dir, when they are not. And that of each such file in none of these. NULL: no setting. Owned
 * by caller. */
char *finish_directories(const struct backup_facts *facts, const struct layout *layout,
                         const char *external_dir);

/* Writes mbe-my.cnf and, last, the redo log without which no server starts. Not yet durable. */
struct err *finish_datadir(const struct target *target, const struct backup_facts *facts,
                           const struct layout *layout, const struct redo_scan *redo) MUST_CHECK;

#endif
