/* engine/mysql_settle.h: copies MySQL's tablespaces while DDL runs, and settles under the lock what they are. The order of steps
 * is the invariant; what is decided in each, engine/mysql_judge.h says.
 *
 *  M1 The redo tail runs from before the first step to the backup's end LSN.
 *  M2 A *barrier* is LOCK INSTANCE FOR BACKUP, the end LSN of the redo and the list of discarded spaces read under it, UNLOCK
 *     INSTANCE, then the tail brought to that LSN. The lock waits for every DDL that runs, post-DDL deletions included, so what
 *     was built without redo before that LSN is in the files, visible to read(), when it is granted: no flush is needed.
 *  M3 The first file is opened after a barrier (mysql_settle_start). A build that was running at the redo's start may have
 *     logged its birth before it: nothing in our redo would tell of it.
 *  M4 Each copy is noted with the tail's LSN and the newest barrier *before* its file is opened; the id is taken from the page 0
 *     that the same descriptor reads.
 *  M5 A round (mysql_settle_round) is a barrier, then a listing, then what is suspect is copied with DDL running. It only makes
 *     the end cheaper: none is needed.
 *  M6 mysql_settle_final takes the lock and keeps it: LSN under it, tail to it; only then are files listed and looked at, the
 *     dictionary asked, the verdict spoken, and what is suspect copied. So every event of every DDL is known to the verdict, and
 *     files, names and dictionary agree.
 *  M7 Names are those of that listing. What the redo says about names is not executed.
 *  M8 Afterwards there is for every tablespace of the dictionary exactly one whole copy, or it is built from redo; nothing else
 *     is in the backup. Checked, not assumed.
 *  M9 The end LSN of the backup is read after the last copied byte, by the caller, who still holds the lock, and lets it go then:
 *     no page of a copy is newer.
 *
 * Waiting for the lock is bounded, and done in short tries with growing gaps: while it is waited for, new DDL queues behind it.
 * After an error the lock may be held: the caller closes the connection.
 *
 * Facts: MySQL 9.7.4, by experiment: without M3 an index built with LOCK=SHARED and a full-text index were lost; without any
 * error in the log of the restored server. */
#ifndef MBE_ENGINE_MYSQL_SETTLE_H
#define MBE_ENGINE_MYSQL_SETTLE_H

#include "engine/mysql_survey.h"
#include "engine/space_copy.h"
#include "server/conn.h"

/* What is asked of the server. Made by mysql_settle_calls; tests have their own. */
struct mysql_calls {
    /* LOCK INSTANCE FOR BACKUP. *timed_out: not granted in that time, and not held. */
    struct err *(*lock)(void *ctx, unsigned wait_seconds, bool *timed_out);
    struct err *(*unlock)(void *ctx);
    /* Under the lock: refuses when the redo log is turned off; else the LSN where it ends now, which is made to reach its
     * files. */
    struct err *(*end_lsn)(void *ctx, lsn_t *lsn);
    struct err *(*spaces)(void *ctx, struct mysql_spaces *out);
    struct err *(*datafiles)(void *ctx, struct mysql_datafiles *out);
    /* Its error ends all waiting: a signal, a dead redo tail. */
    struct err *(*poll)(void *ctx);
    void *ctx;
};

struct mysql_connections {
    struct conn *locks;   /* holds the lock and does nothing else */
    struct conn *queries; /* asks everything else */
    struct tailer *tail;
};
/* `c` is borrowed by the result. */
struct mysql_calls mysql_settle_calls(struct mysql_connections *c);

struct mysql_settle_times {
    double start_wait, round_wait, lock_wait; /* until the lock was granted, all tries */
    double settle;     /* final and confirm together, from granted to everything copied */
    unsigned attempts; /* tries of the last lock */
    unsigned finals;   /* calls of final and confirm */
    unsigned rounds;
    size_t final_copies; /* files copied under the lock */
    uint64_t final_bytes;
};

/* An undo tablespace that the restore makes from redo alone. */
struct created_space {
    space_id_t id;
    char *name;
};

struct mysql_settle {
    struct space_set *set;
    struct mysql_calls calls;
    unsigned lock_wait_seconds; /* for each lock, all tries together */
    struct listing listing;     /* the newest; after mysql_settle_final: as it was under the lock */
    struct mysql_settle_times times;
    struct created_space *created; /* by mysql_settle_final */
    size_t n_created, cap_created;
    double lock_granted; /* internal: clock */
};

/* Makes the set one of MySQL's. */
void mysql_settle_init(struct mysql_settle *s, struct space_set *set, struct mysql_calls calls,
                       unsigned lock_wait_seconds);
void mysql_settle_fini(struct mysql_settle *s);

/* M3. SERVER when the lock was not granted in time: the final lock would fail as well. */
struct err *mysql_settle_start(struct mysql_settle *s) MUST_CHECK;
/* Copies every tablespace there is, twice looking. */
struct err *mysql_settle_copy(struct mysql_settle *s) MUST_CHECK;
/* M5: up to `max` rounds, until one finds little to copy, or not less than the one before. */
struct err *mysql_settle_rounds(struct mysql_settle *s, unsigned max) MUST_CHECK;
/* M6 to M8; the lock is held afterwards. CORRUPT for a page or a tablespace that is damaged or missing (as space_copy.h,
 * mysql_judge.h), REFUSED where the dictionary does not tell which of two files is a space. */
struct err *mysql_settle_final(struct mysql_settle *s) MUST_CHECK;
/* The same once more with commits stopped, after the lock was let go for a moment, when there is little to do. *settled false,
 * and nothing was copied and the lock is not held: more than `most` bytes would have to be copied, or the lock was not granted at
 * once. Who holds it may wait for commits to go on (a purge thread that empties an undo tablespace does): waiting for it would be
 * waiting for ourselves. */
struct err *mysql_settle_confirm(struct mysql_settle *s, uint64_t most, bool *settled) MUST_CHECK;

#endif
