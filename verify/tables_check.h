/* verify/tables_check.h: the tables of a server against the hashes that a backup holds of them (mbe backup --hash). */
#ifndef MBE_VERIFY_TABLES_CHECK_H
#define MBE_VERIFY_TABLES_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/reader.h"
#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"
#include "server/conn.h"

enum tables_check_server {
    TABLES_CHECK_PRIVATE, /* nobody else writes to it: no lock is needed, and every hash is exact */
    TABLES_CHECK_SHARED,  /* a short lock gives all connections one moment */
};

struct tables_check_options {
    enum tables_check_server server;
    int parallel;
    unsigned lock_wait_seconds; /* TABLES_CHECK_SHARED */
    struct log *log;
    struct progress *progress;
};

struct tables_check_result {
    bool has_hashes;   /* false: the backup holds none, and nothing was done */
    uint64_t compared; /* tables; different, missing and additional ones as well */
    uint64_t different;
    uint64_t unproven; /* neither equal nor different by proof: see hash_compare.h */
};

/* CORRUPT when a table differs, is missing or is there and should not be: each is a log_error line first, with what differs. SERVER,
 * REFUSED (privileges, for SHARED). */
struct err *tables_check_run(struct tables_check_result *out, struct archive_reader *backup,
                             const struct conn_options *conn,
                             const struct tables_check_options *options) MUST_CHECK;

#endif
