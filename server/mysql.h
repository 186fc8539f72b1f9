/* server/mysql.h: what MySQL has for a hot backup: two locks and a flush. For who reads its redo log:
 * mysql_consumer.h, mysql_archive.h.
 *
 *   lock                        waits for                        stops meanwhile
 *   LOCK INSTANCE FOR BACKUP    running DDL                      DDL, accounts, undo truncation
 *   FLUSH TABLES WITH READ LOCK running writes, then every       writes, commits, DDL
 *                               statement with a table open,
 *                               then commits
 *
 * Both belong to the session and end with the connection, whatever becomes of us. A FLUSH
 * that times out in its second step keeps the global lock all the same: UNLOCK TABLES is sent behind
 * it, so that a call that times out leaves nothing behind. While the second waits, writes queue behind it, and in its second step
 * also reads of the tables it waits for: so it is asked for when the server is quiet, and in short
 * tries. It does not see that it waits for a statement that waits for a row which a session holds
 * that waits for it. Both may be held at once.
 *
 * None of this writes to the binary log or takes a GTID.
 * Facts: MySQL 9.7.4, by experiment. */
#ifndef MBE_SERVER_MYSQL_H
#define MBE_SERVER_MYSQL_H

#include "server/conn.h"

/* LOCK INSTANCE FOR BACKUP. *timed_out: not granted within wait_seconds (at least 1); the return is
 * NULL then, and the call may be repeated. The session's lock_wait_timeout is wait_seconds after
 * it. */
struct err *mysql_lock_instance(struct conn *c, unsigned wait_seconds, bool *timed_out) MUST_CHECK;
struct err *mysql_unlock_instance(struct conn *c) MUST_CHECK;

/* What mysql_stop_commits would wait for. */
struct mysql_traffic {
    bool knows_locks; /* may read metadata_locks */
    uint64_t writers; /* statements that write, also those that sleep on a row lock */
    uint64_t waiters; /* who waits for the global lock already */
    /* Statements that run for a second or longer. Not those that wait for the instance lock. They hold a part of the global
     * lock and may wait until we let the instance go, so they are no reason to put the end off: when the session of the
     * instance lock asks for the global lock, the server sees a deadlock and fails them (error 1213; 9.7.4, by experiment). */
    uint64_t slow;
    char *example;         /* of a slow one: "process 17 for 12 s: SELECT ...", or NULL */
    uint64_t slow_seconds; /* age of that one */
};
/* Looks, changes nothing. Without PROCESS it sees the account's own statements only. */
struct err *mysql_traffic_load(struct mysql_traffic *out, struct conn *c) MUST_CHECK;
void mysql_traffic_fini(struct mysql_traffic *t);
/* Whether the lock is likely to be granted soon: nobody waits for it, and no statement has been running for slow_seconds (at least 1)
 * or longer. */
bool mysql_traffic_is_quiet(const struct mysql_traffic *t, unsigned slow_seconds);

/* How old in seconds a statement has to be for FLUSH TABLES WITH READ LOCK not to be asked for beside it, when it has been waited for
 * so long. Writes queue behind a lock that waits for a statement: so none is asked for beside one that is likely to run on for
 * long. But where DDL always overlaps there is no moment without one that has been running for a second; in the second half of the
 * time that there is, it is asked for beside those that are younger than 10 seconds. */
static inline unsigned mysql_slow_seconds(double waited, unsigned lock_wait_seconds)
{
    enum { SLOW = 1, VERY_SLOW = 10 };
    return waited * 2 < lock_wait_seconds ? SLOW : VERY_SLOW;
}

/* FLUSH TABLES WITH READ LOCK, as above. After an error too nothing is held by it, as long as the
 * connection lives. */
struct err *mysql_stop_commits(struct conn *c, unsigned wait_seconds, bool *timed_out) MUST_CHECK;
/* The same, but not even tried, as if it had timed out, while mysql_traffic_is_quiet is false;
 * *traffic says why. Call mysql_traffic_fini on it whatever comes back. */
struct err *mysql_stop_commits_if_quiet(struct conn *c, unsigned wait_seconds,
                                        unsigned slow_seconds, bool *timed_out,
                                        struct mysql_traffic *traffic) MUST_CHECK;
/* UNLOCK TABLES. */
struct err *mysql_resume_commits(struct conn *c) MUST_CHECK;

/* Makes the redo log readable in its files up to the LSN that log_status gave before. Takes
 * RELOAD; without it nothing is done, and the server brings it there by itself within about a
 * second. */
struct err *mysql_flush_logs(struct conn *c) MUST_CHECK;

/* Has the server write all pages that are dirty now, and a checkpoint behind that: what it takes grows with them. *made false: the
 * server has no such function, or the account may not call it (BACKUP_ADMIN). Blocks no one; leaves a line in the server's log. */
struct err *mysql_sharp_checkpoint(struct conn *c, bool *made) MUST_CHECK;

/* REFUSED when the redo log is turned off now. ALTER INSTANCE DISABLE INNODB REDO_LOG is possible
 * whenever the instance lock is not held, also while a consumer is registered. */
struct err *mysql_check_redo_enabled(struct conn *c) MUST_CHECK;

#endif
