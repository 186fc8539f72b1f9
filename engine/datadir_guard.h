/* engine/datadir_guard.h: has a datadir for oneself while it is read: no server has it open, and none opens it meanwhile.
 *
 * A server holds write locks (fcntl) on the first file of its system tablespace, and MariaDB on aria_log_control, MySQL on mysql.ibd
 * (server/datadir_check.h). A read lock of ours, which needs no right to write and works on a read-only mount, keeps it from
 * starting: it says that it cannot lock the file. Where locks do not work, or the server is on another machine, the stamps
 * of these files and of the redo log tell in the end: no server starts without writing to them. */
#ifndef MBE_ENGINE_DATADIR_GUARD_H
#define MBE_ENGINE_DATADIR_GUARD_H

#include <sys/stat.h>

#include "base/err.h"
#include "base/log.h"
#include "engine/datadir.h"

struct datadir_guard {
    struct guarded_file {
        char *path;
        int fd; /* -1: not locked */
        struct stat st;
    } * files;
    size_t n, cap;
};

/* log_path: the redo log, a file or a directory of files. REFUSED when a server has the datadir open. After an error too, call
 * _fini, which lets go. */
struct err *datadir_guard_take(struct datadir_guard *g, const struct datadir *d,
                               const char *log_path, struct log *log) MUST_CHECK;
/* FAILED, naming the file, when one is not as it was. */
struct err *datadir_guard_check(const struct datadir_guard *g) MUST_CHECK;
void datadir_guard_fini(struct datadir_guard *g);

#endif
