/* engine/tailer.h: follows the server's redo log from the newest checkpoint, in a thread of its own, into a local spool
 * file. What the spool holds is the family's:
 *
 * It is encrypted where the log is: nothing is written in clear that was not so before.
 *
 *   MariaDB  the bare mini-transactions from start_lsn on, as in a linear log behind its header area (innodb/redo_mariadb.h)
 *   MySQL    the blocks, as they are, from the one that holds start_lsn on (innodb/redo_mysql.h); the last of them may be
 *            partly filled, and reach beyond tailer_lsn
 *
 * Invariants:
 *  T1 The spool is contiguous: every mini-transaction up to tailer_lsn is whole and valid in it.
 *  T2 Nothing is taken that the server may yet take back. What bounds it is the family's matter: tail_mariadb.c, tail_mysql.c.
 *  T3 An overwritten log is an error that says by how much, never a gap. */
#ifndef MBE_ENGINE_TAILER_H
#define MBE_ENGINE_TAILER_H

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/page_watch.h"
#include "engine/redo_store.h"
#include "innodb/ddl_events.h"
#include "innodb/file_ops.h"
#include "server/conn.h"
#include "verify/key_file.h"

struct tailer;

enum tailer_log_kind {
    TAILER_MARIADB, /* log_path: .../ib_logfile0 */
    TAILER_MYSQL,   /* log_path: .../#innodb_redo */
};

struct tailer_options {
    enum tailer_log_kind log_kind;
    const char *log_path;
    const char *spool_path; /* created */
    struct conn_options conn;
    struct key_file *keys; /* of an encrypted log; NULL: none. Borrowed until tailer_stop */
    struct log *log;
    /* No server writes the log. Nobody is asked (no connection is opened), and the log ends where nothing whole follows, as for
     * the server's own recovery. See tailer_wait_end, tailer_remade. */
    bool at_rest;
    /* MySQL: have the server keep what was not read yet (needs BACKUP_ADMIN; one consumer for each server). It is let go
     * again before the server would have to wait for us. Not getting it is a warning. */
    bool register_consumer;
    /* MySQL: have the server archive its log, if it is set up for that, and go on in the archive when it has overwritten what
     * was not read yet (engine/redo_archive.h). Not getting it is no error. */
    bool redo_archive;
};

/* What the log's own header says of it. */
struct tailer_origin {
    struct redo_log_header mariadb;
    struct redo_origin_mysql mysql;
};

/* Opens the log, reads its newest checkpoint, connects, starts the thread. */
struct err *tailer_open(struct tailer **out, const struct tailer_options *options) MUST_CHECK;
/* The checkpoint: the spool begins there, or (MySQL) with the block that holds it. */
lsn_t tailer_start_lsn(const struct tailer *t);
/* End LSN of that checkpoint: where its FILE_CHECKPOINT record is. MySQL: the checkpoint itself. */
lsn_t tailer_checkpoint_end(const struct tailer *t);
/* To be asked when the thread has ended: a key may be found late. */
const struct tailer_origin *tailer_origin(const struct tailer *t);
/* How far the spool reaches: always a mini-transaction boundary. */
lsn_t tailer_lsn(const struct tailer *t);
/* Bytes the server may still write before it overwrites what was not read; *capacity of the log. */
uint64_t tailer_headroom(const struct tailer *t, uint64_t *capacity);
unsigned tailer_resizes(const struct tailer *t);
/* Error of the thread, if it stopped (a copy; may be called again), else NULL. */
struct err *tailer_check(struct tailer *t) MUST_CHECK;
/* Waits until tailer_lsn >= lsn. SERVER after timeout_seconds. */
struct err *tailer_wait(struct tailer *t, lsn_t lsn, double timeout_seconds) MUST_CHECK;
/* Of a log at rest: waits until all of it is in the spool; tailer_lsn is its end then. CORRUPT when that is before the checkpoint's. */
struct err *tailer_wait_end(struct tailer *t) MUST_CHECK;
/* ... and how far whole blocks of it were met, which MySQL's recovery need not have counted in full. */
lsn_t tailer_seen_lsn(const struct tailer *t);
/* Of a log at rest that was read: whether it makes the page anew, or leaves it freed, whatever the file holds. False as well when
 * it does so with more pages than are kept in mind. */
bool tailer_remade(const struct tailer *t, space_id_t space, page_no_t page);
/* ... whether it makes the tablespace whose file this is, from page 0 on: it creates it, under this name or one that was changed to it,
 * or makes its page 0 anew. name: as in a listing. */
bool tailer_makes(struct tailer *t, const char *name);
/* What the log up to tailer_lsn says about files, locked until tailer_release (the tail pauses meanwhile): file_ops for
 * MariaDB, ddl_events for MySQL; the other one is NULL. */
const struct file_ops *tailer_file_ops(struct tailer *t);
const struct ddl_events *tailer_ddl_events(struct tailer *t);
void tailer_release(struct tailer *t);
/* MySQL: from what is taken in next on, which may be older redo than that of now, the tail notes which pages are changed, up to the
 * LSN of tailer_watch_until. What was noted before is forgotten. */
void tailer_watch_pages(struct tailer *t);
void tailer_watch_until(struct tailer *t, lsn_t lsn);
/* What was noted, once the thread has ended (tailer_stop). Borrowed. */
const struct page_watch *tailer_watched(const struct tailer *t);
/* The backup ends at this LSN: later mini-transactions stay out of the tables, and the thread ends when it is
 * there (tailer_wait). To be called before the locks are let go: the thread may be in the middle of a look at the log, and
 * what it reads there can hold the DDL that waited for them. */
void tailer_end_at(struct tailer *t, lsn_t lsn);
/* Ends the thread; the tables may be read without locking from then on. */
struct err *tailer_stop(struct tailer *t) MUST_CHECK;
void tailer_free(struct tailer *t);
CLEANUP(tailer, tailer_free)

#endif
