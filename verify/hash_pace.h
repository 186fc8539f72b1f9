/* verify/hash_pace.h: how fast rows are read, and whether to go on: one for all threads. */
#ifndef MBE_VERIFY_HASH_PACE_H
#define MBE_VERIFY_HASH_PACE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bucket.h"
#include "base/err.h"
#include "base/progress.h"

struct conn;

struct hash_pace {
    uint64_t rate; /* bytes per second; 0: no limit */
    /* NULL: a table may have any size. Else it has the statement ended that runs on this connection, whose rows go on coming until it
     * has: called once for each that asks for more than there is to spare. */
    struct err *(*cut)(void *ctx, const struct conn *c);
    void *cut_ctx;
    struct progress *progress;
    struct err *(*poll)(void *ctx); /* may be NULL; called by one thread at a time */
    void *poll_ctx;
    pthread_mutex_t lock; /* guards what follows */
    uint64_t
        spare; /* with cut: bytes that tables may have, all together, beyond what the server said */
    struct bucket bucket;
    double polled;
};

/* rate, progress, poll and poll_ctx are set by the caller. */
void hash_pace_init(struct hash_pace *p);
void hash_pace_fini(struct hash_pace *p);
/* After so many bytes: waits as long as the rate takes, asks poll a few times a second. INTERRUPTED by a signal, or poll's error. */
struct err *hash_pace_step(struct hash_pace *p, uint64_t bytes) MUST_CHECK;
/* Takes bytes that a table has beyond what the server said; false: so many are not to be read. */
bool hash_pace_spare(struct hash_pace *p, uint64_t bytes);

#endif
