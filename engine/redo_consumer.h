/* engine/redo_consumer.h: registration as the consumer of a MySQL server's redo log: the server then keeps every file that
 * the consumer has not read, from the checkpoint at registration on.
 *
 * There is one consumer for each server, and it is its session: it ends with the connection. What the consumer has not read
 * counts against the capacity of the log: at about 80 % of it the server stops *every writer*, without error or time limit,
 * until the consumer has advanced or is gone. So it is let go here when the tail stays further behind than LET_GO_PERCENT for
 * LET_GO_MS of its own running: one that was only stopped for a while has what it missed within moments, and would lose it if
 * it let go first. The thread that reads is the one that lets go: while it cannot write its spool, it cannot do that either.
 *
 * Facts: MySQL 9.7.4, by experiment. */
#ifndef MBE_ENGINE_REDO_CONSUMER_H
#define MBE_ENGINE_REDO_CONSUMER_H

#include <stdbool.h>

#include "base/log.h"
#include "innodb/types.h"
#include "server/conn.h"

struct redo_consumer {
    struct conn *conn; /* borrowed */
    struct log *log;
    bool registered;
    lsn_t told; /* how far the server knows us to be */
    double told_at, tended_at;
    unsigned behind_ms; /* for how long it has been too far behind */
};

/* To be called before the checkpoint is read: what is read afterwards is protected. While another session is
 * the consumer it is asked again for 2 seconds: that may be a backup that was killed just now. Not being registered is a warning;
 * only a lost connection is an error. */
struct err *redo_consumer_register(struct redo_consumer *c, struct conn *conn,
                                   struct log *log) MUST_CHECK;
/* Tells the server, now and then, that everything below lsn has been read; lets go when that is too far behind server_lsn. A
 * registration that the server has dropped is a warning. Does nothing unless registered. */
struct err *redo_consumer_tend(struct redo_consumer *c, lsn_t lsn, lsn_t server_lsn,
                               uint64_t capacity) MUST_CHECK;
/* The server keeps nothing for us from now on. Does nothing unless registered. */
void redo_consumer_leave(struct redo_consumer *c);

#endif
