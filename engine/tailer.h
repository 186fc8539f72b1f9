/* engine/tailer.h: follows the server's redo log from the newest checkpoint, in a thread of its own, into a local spool
 * file: the bare mini-transactions from start_lsn on, as in a linear log behind its header area (innodb/redo_mariadb.h).
 *
 * Invariants:
 *  T1 The spool is contiguous from start_lsn: whole, valid mini-transactions only.
 *  T2 Nothing ends beyond the server's flushed LSN as asked for *before* the bytes were read: past it the file may hold
 *     stale bytes of the log buffer that are whole, valid mini-transactions in every respect. An answer counts only if
 *     the file was not replaced by the time it came.
 *  T3 An overwritten log is an error that says by how much, never a gap.
 *  T4 A log resized while we read (new inode, new first_lsn) is followed: the old file is finished first. */
#ifndef MBE_ENGINE_TAILER_H
#define MBE_ENGINE_TAILER_H

#include "base/cleanup.h"
#include "base/log.h"
#include "innodb/file_ops.h"
#include "server/conn.h"

struct tailer;

struct tailer_options {
    const char *log_path;   /* .../ib_logfile0 */
    const char *spool_path; /* created */
    struct conn_options conn;
    struct log *log;
};

/* Opens the log, reads its newest checkpoint, connects, starts the thread. */
struct err *tailer_open(struct tailer **out, const struct tailer_options *options) MUST_CHECK;
/* First LSN of the spool: the checkpoint. */
lsn_t tailer_start_lsn(const struct tailer *t);
/* End LSN of that checkpoint: where its FILE_CHECKPOINT record is. */
lsn_t tailer_checkpoint_end(const struct tailer *t);
/* How far the spool reaches: always a mini-transaction boundary. */
lsn_t tailer_lsn(const struct tailer *t);
/* Bytes the server may still write before it overwrites what was not read; *capacity of the log. */
uint64_t tailer_headroom(const struct tailer *t, uint64_t *capacity);
unsigned tailer_resizes(const struct tailer *t);
/* Error of the thread, if it stopped (a copy; may be called again), else NULL. */
struct err *tailer_check(struct tailer *t) MUST_CHECK;
/* Waits until tailer_lsn >= lsn. SERVER after timeout_seconds. */
struct err *tailer_wait(struct tailer *t, lsn_t lsn, double timeout_seconds) MUST_CHECK;
/* The table of file records up to tailer_lsn, locked until tailer_ops_release (the tail pauses meanwhile). */
const struct file_ops *tailer_ops(struct tailer *t);
void tailer_ops_release(struct tailer *t);
/* The backup ends at this LSN: file records of later mini-transactions stay out of the table, and the thread ends when it is
 * there (tailer_wait). To be called before the locks are let go: the thread may be in the middle of a look at the log, and
 * what it reads there can hold the DDL that waited for them. */
void tailer_end_at(struct tailer *t, lsn_t lsn);
/* Ends the thread; the table of file records may be read without locking from then on. */
struct err *tailer_stop(struct tailer *t) MUST_CHECK;
void tailer_free(struct tailer *t);
CLEANUP(tailer, tailer_free)

#endif
