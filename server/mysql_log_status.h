/* server/mysql_log_status.h: one reading of performance_schema.log_status: the end of the redo log,
 * the binary log and the GTIDs, as one cut of all of them.
 *
 *   column           JSON
 *   LOCAL            {"gtid_executed": "u:1-5", "binary_log_file": "b.000002",
 *                     "binary_log_position": 157}            without the last two: no binary log
 *   REPLICATION      {"channels": [{"channel_name": "", "relay_log_file": "r.000002",
 *                     "relay_log_position": 371}]}
 *   STORAGE_ENGINES  {"InnoDB": {"LSN": 19053711, "LSN_checkpoint": 19053711}}
 *
 * Facts: MySQL 9.7.4, by experiment. LSN is the end of the last mini-transaction in the server's
 * log buffer: the files may lag behind it, see mysql_flush_logs. Reading it takes BACKUP_ADMIN and
 * SELECT on the table, waits for no transaction, and changes nothing, no GTID either. */
#ifndef MBE_SERVER_MYSQL_LOG_STATUS_H
#define MBE_SERVER_MYSQL_LOG_STATUS_H

#include "server/conn.h"

struct mysql_log_status {
    uint64_t lsn, checkpoint_lsn;
    char *binlog_file; /* NULL when the server writes no binary log */
    uint64_t binlog_position;
    char *gtid_executed; /* without line breaks; "" when no GTID was used */
    size_t n_channels;   /* of a server that is or was a replica */
    struct mysql_channel {
        char *name, *relay_log_file; /* the file is NULL when the channel has none */
        uint64_t relay_log_position;
    } * channels;
};

/* SERVER when the server cannot answer or the answer is not understood; *out is empty then. */
struct err *mysql_log_status_load(struct mysql_log_status *out, struct conn *c) MUST_CHECK;
/* The same from the three columns; NULL for SQL NULL. Pure. */
struct err *mysql_log_status_parse(struct mysql_log_status *out, const char *local,
                                   const char *replication, const char *engines) MUST_CHECK;
void mysql_log_status_fini(struct mysql_log_status *s);

#endif
