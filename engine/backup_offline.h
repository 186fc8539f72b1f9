/* engine/backup_offline.h: what a backup of a server that does not run does otherwise; see backup_run.h. Stopped cleanly or killed, or a
 * snapshot of a file system: what there is are files of one moment, and what a server would make of them when it starts is what a
 * restore makes. Internal to engine/.
 *
 *  O1 Nothing is written to the datadir, whatever happens.
 *  O2 No server has it open, and none could change it meanwhile unnoticed (datadir_guard.h). A page that is newer than the end of the
 *     redo log means that the files are not of one moment: it is reported as damage.
 *  O3 The redo is that of the newest checkpoint up to the end that recovery would find. All of it is read before the first page.
 *  O4 A file has a page 0 and is as long as that says, or the redo makes page 0 anew (space_copy.h). A page is whole in its file, or in the doublewrite buffer, or is made anew by the redo; else it is damage (torn_pages.h).
 *  O5 Names are the redo's (MariaDB) or the files' (MySQL). What DDL had not ended is in the backup as it lies there, MariaDB's DDL log
 *     included: the server that starts on the restored files finishes it or takes it back, as it would have done here.
 *  O6 A file whose space the redo deletes at last is kept: a table that was imported since, or a file that recovery removes. Redo
 *     before the deletion is void for it.
 *  O7 It is no base for increments: where the log ends is not to be known for certain, as of a snapshot of a server that ran on. */
#ifndef MBE_ENGINE_BACKUP_OFFLINE_H
#define MBE_ENGINE_BACKUP_OFFLINE_H

#include "engine/backup_run.h"

/* Phase 1: which server it was, whether all its files are there, that nobody has them open. Sets b->family. */
struct err *backup_offline_check(struct backup *b) MUST_CHECK;

#endif
