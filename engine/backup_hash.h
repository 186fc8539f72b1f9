/* engine/backup_hash.h: hashes of all tables in the state that a backup is of (mbe backup --hash), see verify/hash_server.h.
 *
 *  T1 The connections are made and the tables listed before the lock. Under it, while commits are stopped and where the end LSN
 *     is read, every connection takes its snapshot, and small tables of other engines are read, if nobody holds them. The rest is
 *     hashed when all locks are gone and the redo is stored.
 *  T2 A snapshot then sees just what a restore brings back: a transaction whose commit is in the redo up to the end LSN was visible
 *     before commits were stopped, for a commit holds the lock that stops them until it is. What is open or XA PREPAREd at that
 *     LSN is in neither.
 *  T3 A name may come to another table before it is hashed, without an error: RENAME and EXCHANGE PARTITION move files, and no snapshot
 *     sees it. So each table is identified while its metadata lock is held, by what is known of its files as they were under the
 *     lock: table_names.h.
 *  T4 Rows of MyISAM, CSV, ARCHIVE and such of Aria as are not transactional are EXACT as well when all files that hold them have the
 *     stamps under which they were copied, looked at after the last row was read.
 *  T5 A table that was there at the end LSN is in the result, if only as not hashed. MySQL's list of tables is read in a snapshot; in
 *     MariaDB a table that was made between list and lock is found by its .frm.
 */
#ifndef MBE_ENGINE_BACKUP_HASH_H
#define MBE_ENGINE_BACKUP_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct backup;
struct backup_hash; /* NULL everywhere: no hashes are wanted */

/* For the manifest. */
struct backup_hash_summary {
    size_t tables, unsynchronised, not_hashed;
    uint64_t rows;
    double seconds; /* to hash, behind the lock */
};

/* Connects. NULL, when b->options->hash says so. REFUSED when the account may not read all tables. */
struct err *backup_hash_open(struct backup *b) MUST_CHECK;
void backup_hash_free(struct backup_hash *h);
/* Lists the tables. No lock is held. */
struct err *backup_hash_list(struct backup *b) MUST_CHECK;
/* MariaDB, while DDL is stopped, each time. */
void backup_hash_note(struct backup *b);
/* While commits are stopped. */
struct err *backup_hash_take(struct backup *b) MUST_CHECK;
/* Hashes, and puts the result into the archive. Names of tablespaces are settled, no lock is held. */
struct err *backup_hash_run(struct backup *b) MUST_CHECK;
/* After run; NULL when no hashes were wanted. Borrowed. */
const struct backup_hash_summary *backup_hash_summary(const struct backup *b);

#endif
