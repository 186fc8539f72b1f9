/* verify/hash_lock.h: stops commits and non-transactional writes for a moment, on a connection of its own.
 *
 *   MariaDB   BACKUP STAGE START, BLOCK_COMMIT ... END
 *   MySQL     FLUSH TABLES WITH READ LOCK ... UNLOCK TABLES
 *
 * Asked for in short tries with growing gaps, as in engine/lock_window.h: while one waits, others queue behind it. Nothing is held
 * after an error or hash_lock_close. */
#ifndef MBE_VERIFY_HASH_LOCK_H
#define MBE_VERIFY_HASH_LOCK_H

#include "base/log.h"
#include "server/conn.h"
#include "server/version.h"

struct hash_lock {
    struct conn *conn;
    enum server_flavour flavour;
    double granted; /* by clock_seconds */
};

/* SERVER when it was not granted within wait_seconds, REFUSED when the account may not ask for it. On an error nothing is open. */
struct err *hash_lock_open(struct hash_lock *out, const struct conn_options *conn,
                           unsigned wait_seconds, struct log *log) MUST_CHECK;
/* Lets go. SERVER when the lock was lost before: what was done under it is worth nothing. *seconds: how long it was held. */
struct err *hash_lock_release(struct hash_lock *l, double *seconds) MUST_CHECK;
void hash_lock_close(struct hash_lock *l);

#endif
