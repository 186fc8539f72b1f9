/* engine/lock_window.h: BACKUP STAGE START ... END on a connection of its own.
 *
 * Rules (each forced by an experiment, see docs/backup.md):
 *  W1 A stage is waited for in short tries with growing gaps: while START waits, all new DDL queues behind it, and while
 *     BLOCK_DDL waits, so do new writes of non-transactional tables.
 *  W2 When BLOCK_DDL or BLOCK_COMMIT was refused three times in a row, everything is let go and tried again from START:
 *     a writer stopped by FLUSH may hold what the DDL needs that we wait for, and no server detects that cycle.
 *  W3 All waiting and all gaps together are bounded by the caller's limit.
 *  W4 Success means END was answered: the connection lived all the time, and with it every lock.
 *  W5 After an error the locks last until the caller closes the connection. */
#ifndef MBE_ENGINE_LOCK_WINDOW_H
#define MBE_ENGINE_LOCK_WINDOW_H

#include <stdbool.h>

#include "base/log.h"
#include "server/conn.h"

struct lock_times {
    double
        seconds; /* from asking for FLUSH, the first stage that stops a writer, to the end of END; last round */
    double start_wait, flush_wait, block_ddl_wait,
        block_commit_wait; /* until the stage was granted, refusals included */
    double block_ddl;      /* work under BLOCK_DDL */
    double
        block_commit; /* from BLOCK_COMMIT granted to END answered: how long commits were stopped */
    double
        hash; /* part of block_commit: snapshots and small tables, see backup_hash.h; 0 without */
    unsigned attempts; /* rounds from START */
};

struct lock_work {
    /* Under BLOCK_DDL. May set *let_go (only if may_let_go): come again later. */
    struct err *(*under_block_ddl)(void *ctx, bool may_let_go, bool *let_go);
    struct err *(*under_block_commit)(void *ctx);
    /* After letting go, without any lock: bring the copies near to what is there. */
    struct err *(*between)(void *ctx);
    /* Asked between tries: its error ends the window (a signal, a dead redo tail). */
    struct err *(*poll)(void *ctx);
    void *ctx;
};

/* `c` runs nothing else. limit_seconds: W3. SERVER when a stage was not granted in that time, or the connection was lost. */
struct err *lock_window_run(struct lock_times *times, struct conn *c, unsigned limit_seconds,
                            const struct lock_work *work, struct log *log) MUST_CHECK;

#endif
