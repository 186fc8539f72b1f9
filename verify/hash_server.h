/* verify/hash_server.h: hashes tables of a running server, all of them at one moment however busy it is.
 *
 *     hash_snapshot_open    connects and prepares; no lock is needed
 *     hash_snapshot_list    the tables as they are now: what is missing later was dropped, what is defined differently was altered. All
 *                           that can be known of those that plain will read
 *     (the caller stops commits)
 *     hash_snapshot_take    every connection sees the committed state of now, and goes on seeing it. Milliseconds
 *     hash_snapshot_plain   tables without transactions, as far as they are small
 *     (the caller lets commits go on)
 *     hash_snapshot_run     reads all the others at its own pace
 *     hash_snapshot_close   at any point
 *
 * Rules
 *  H1 take does nothing but START TRANSACTION WITH CONSISTENT SNAPSHOT (and a SAVEPOINT) on each connection. It waits for no lock of
 *     a table or row. It is only a common moment of all connections while no transaction can commit.
 *  H2 A table's metadata lock is held from its first to its last row only: the connections roll back to the savepoint behind each
 *     table. DDL on a table waits while that table is read, not longer.
 *  H3 What was created, altered, truncated or dropped around or after the moment has no hash (HASH_NOT), with the reason. Nobody
 *     is told of an error: that is DDL, not damage. So is a table that cannot be read (privilege, crashed, engine not known).
 *  H4 A table without transactions (and a SEQUENCE of MariaDB) is EXACT when plain read it, or when the caller knows that nothing was
 *     written to it since the moment (HASH_TABLE_RESTED), else UNSYNCHRONISED.
 *  H5 A lost connection, a signal or a full disk is an error: nothing is returned.
 *  H6 Memory does not grow with rows: a row, and KEY_RANGES_MAX ranges for each piece of the tables at hand.
 *
 *  H7 MySQL's list of tables is read in the snapshot, which shows the dictionary of the moment: nothing is missing in it, nothing is
 *     there that was not. MariaDB's is that of before and after.
 *  H8 Two tables that swap their names (RENAME), a partition and the table it is exchanged for: no error tells, and the wrong rows are
 *     read under a name. The caller can tell, by `identify`; else see H10.
 *  H9 While commits are stopped no catalog is asked: of each table that plain reads it is seen by SHOW CREATE TABLE that it is still
 *     the one of the list (known_def.h), and then its rows are read. Only one that was altered in between is asked for again.
 *
 *  H10 begin without `identify` notes the server's own numbers of its tables (table_ids.h) before the moment. They are looked at again
 *     behind the moment, behind the last table, and in between every second or more seldom, if a look is dear. A table whose numbers are
 *     not those of before, until it has been read, has no hash: it is another one, or was rebuilt or truncated. What is not noticed is a table that
 *     goes and comes back between two looks. What cannot be looked at (no privilege PROCESS, tables that share a
 *     tablespace on MySQL, other engines) is told once, in a warning.
 *
 * Facts: MySQL 9.7.4, MariaDB 10.11 and 11.8, by experiment; see docs/table-hash.md. */
#ifndef MBE_VERIFY_HASH_SERVER_H
#define MBE_VERIFY_HASH_SERVER_H

#include "base/cleanup.h"
#include "base/log.h"
#include "base/progress.h"
#include "server/conn.h"
#include "verify/hash_select.h"
#include "verify/hash_set.h"

/* What a caller that sees the server's files knows of a table whose rows were just read. */
enum hash_identity {
    HASH_TABLE_SAME,    /* it is the one that had this name at the moment */
    HASH_TABLE_RESTED,  /* and nothing was written to it since */
    HASH_TABLE_UNKNOWN, /* it cannot be told: UNSYNCHRONISED */
    HASH_TABLE_OTHER,   /* another table had the name: no hash */
};

struct hash_options {
    struct hash_select select;
    uint64_t
        throttle; /* bytes of rows per second, all connections together; 0: as fast as it goes */
    struct log *log;
    struct progress *progress;
    /* Asked between rows, a few times a second or more often, from every thread; its error ends everything. May be NULL: signals
     * are looked for in any case. */
    struct err *(*poll)(void *ctx);
    void *poll_ctx;
    /* H8. NULL: all are SAME. Called in run, from any thread, while the table's metadata lock is held; its error ends everything. */
    struct err *(*identify)(void *ctx, const char *schema, const char *table,
                            enum hash_identity *out);
    void *identify_ctx;
};

struct hash_snapshot;

/* n connections (1 to 256). `options` is copied; what it points to outlives the snapshot. */
struct err *hash_snapshot_open(struct hash_snapshot **out, const struct conn_options *conn,
                               unsigned n, const struct hash_options *options) MUST_CHECK;
void hash_snapshot_close(
    struct hash_snapshot *s); /* NULL is fine; never waits for the rest of a result */
CLEANUP(hash_snapshot, hash_snapshot_close)

/* Not to be called under a lock: with very many tables it takes seconds. plain_bytes: what plain may read: tables without transactions,
 * smallest first, as long as their data is that much or less in all, where a table counts for 64 KiB at least. */
struct err *hash_snapshot_list(struct hash_snapshot *s, uint64_t plain_bytes) MUST_CHECK;
/* H1. */
struct err *hash_snapshot_take(struct hash_snapshot *s) MUST_CHECK;
/* While nobody can write: the plain tables that list has chosen. H9. One that somebody holds is not waited for (MySQL: for a second).
 * What the server says of their sizes is little for ARCHIVE, and for many small numbers: all together they may have plain_bytes more
 * of canonical bytes than it says, and one that would have more is left out. Those that are left out are read by run, see H4. Not calling
 * it leaves out all. */
struct err *hash_snapshot_plain(struct hash_snapshot *s) MUST_CHECK;
/* Hashes what is left, with all connections, and gives the whole set, sorted; *out is owned by caller, empty after an error. Server
 * facts, selection and time are filled in, lsn and coordinates are the caller's. Once. */
struct err *hash_snapshot_run(struct hash_set *out, struct hash_snapshot *s) MUST_CHECK;

enum hash_moment {
    HASH_MOMENT_LOCKED, /* commits are stopped for the time of take and plain: everything is of one moment */
    HASH_MOMENT_NONE, /* no lock: each connection has a moment of its own. With one connection that is a moment for tables
                         * with transactions; otherwise everything is UNSYNCHRONISED */
};
/* Open, list, take and plain of a server of which nothing else is wanted, with the lock that it takes: asked for in short tries, for
 * lock_wait_seconds in all (hash_lock.h). run and close are to follow. SERVER when it was not granted, REFUSED when the account may
 * not ask for it. */
struct err *hash_snapshot_begin(struct hash_snapshot **out, const struct conn_options *conn,
                                unsigned n, enum hash_moment moment, unsigned lock_wait_seconds,
                                const struct hash_options *options) MUST_CHECK;
/* begin, run and close. */
struct err *hash_server(struct hash_set *out, const struct conn_options *conn, unsigned n,
                        enum hash_moment moment, unsigned lock_wait_seconds,
                        const struct hash_options *options) MUST_CHECK;

#endif
