/* server/private_server.h: a server of our own on a datadir, for as long as it takes to look at what is in it.
 *
 *  P1 Nobody else reaches it: no network, a socket in a directory of ours, accounts not asked. Who answers there is what we started.
 *  P2 It changes nothing that it need not: no binary log, no replication, no events, no statistics, no repair of tables, no
 *     upgrade of the dictionary. What is left is its own recovery.
 *  P3 It is waited for with a bound, ends with us however we end (base/child.h), and is told to stop when we are.
 *
 * All but _conn is for the thread that started it. Facts: MariaDB 10.11, 11.8, MySQL 9.7.4, by experiment. */
#ifndef MBE_SERVER_PRIVATE_SERVER_H
#define MBE_SERVER_PRIVATE_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/log.h"
#include "server/conn.h"
#include "server/version.h"

struct private_server_options {
    const char *program; /* see server_program.h */
    enum server_flavour flavour;
    const char *datadir;       /* absolute */
    const char *defaults_file; /* the only option file it reads; NULL: none */
    const char *
        run_dir; /* absolute, empty, its user's: for socket, error log and temporary files. No longer than PRIVATE_SERVER_DIR_MAX */
    const char *keyring_file,
        *keyring_pass_file; /* MariaDB: of file_key_management, absolute; or NULL */
    uid_t uid; /* whom it runs as: the owner of the datadir; (uid_t)-1, (gid_t)-1: as we do */
    gid_t gid;
    bool
        may_upgrade; /* MySQL: a later release may change the dictionary; without it, it refuses to start */
    uint64_t memory; /* for its buffer pool */
    unsigned
        seconds; /* each wait for it lasts that long at most: for its start, for what it rolls back, for its end */
    struct log *log;
};

/* What a socket's path may have, less that of its name. */
enum { PRIVATE_SERVER_DIR_MAX = 90 };

struct private_server;

/* Starts it, waits until it answers and until no transaction is being rolled back. Owned by caller. FAILED when it ends or does not
 * answer in time: then the end of its log is in ours; IO when it cannot be run; INTERRUPTED. */
struct err *private_server_start(struct private_server **out,
                                 const struct private_server_options *options) MUST_CHECK;
/* How to connect to it; borrowed. */
const struct conn_options *private_server_conn(const struct private_server *s);
/* To be asked with the error, or NULL, of what was done with it: when we were told to stop, or it has ended, that is the reason
 * (INTERRUPTED, FAILED). */
struct err *private_server_explain(struct private_server *s, struct err *e) MUST_CHECK;
/* Stops it as a DBA would. FAILED when it does not stop in time, or not cleanly. */
struct err *private_server_stop(struct private_server *s) MUST_CHECK;
/* Ends it, with a few seconds to stop cleanly, if it still runs. NULL is fine. */
void private_server_free(struct private_server *s);
CLEANUP(private_server, private_server_free)

#endif
