/* server/commit_latency.h: how long a commit takes on the server just now, without committing anything there.
 *
 * MariaDB  The time of FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS (RELOAD, which a backup has): like a commit, it waits until InnoDB's log is as
 *          durable as innodb_flush_log_at_trx_commit asks for, in one group with the commits of that moment. Where nobody has written
 *          anything there is nothing to wait for. What the binary log adds with sync_binlog is not in it. It tells less than a commit takes,
 *          and rises and falls with it: median 2.3 ms where commits took 5.7, 19 ms where a busy disk had made that 25 (sync_binlog=0).
 *          performance_schema is off by default there, and does not know the redo log's files when it is on.
 * MySQL    What performance_schema has summed up since the last look: the mean time of a COMMIT statement, or of a sync of the redo
 *          log plus one of the binary log, whichever is longer. (COMMIT alone is not told of where every statement commits by itself, nor
 *          rightly where most transactions only read.) There the FLUSH would make the log durable whatever that setting says.
 *
 *   table, event                                                       columns
 *   events_statements_summary_global_by_event_name, statement/sql/commit    COUNT_STAR, SUM_TIMER_WAIT
 *   file_summary_by_event_name, wait/io/file/innodb/innodb_log_file         COUNT_MISC, SUM_TIMER_MISC: opening, closing and syncing
 *   file_summary_by_event_name, wait/io/file/sql/binlog                     the same
 *
 * Times are in picoseconds. On by default; each look takes SELECT on both tables. Where single commits took 12.2 ms the two syncs were
 * 9.7 ms of that; a COMMIT statement is counted with its whole time, be it spent waiting for FLUSH TABLES WITH READ LOCK.
 * Facts: MariaDB 10.11.19, MySQL 9.7.4, by experiment. */
#ifndef MBE_SERVER_COMMIT_LATENCY_H
#define MBE_SERVER_COMMIT_LATENCY_H

#include "server/conn.h"
#include "server/version.h"

struct commit_latency;

/* Connects, and looks for the first time. REFUSED, by name, when the server does not tell. */
struct err *commit_latency_open(struct commit_latency **out, const struct conn_options *conn,
                                enum server_flavour flavour) MUST_CHECK;
/* What a commit took since the last look; 0 when there was none. */
struct err *commit_latency_look(struct commit_latency *l, double *ms) MUST_CHECK;
/* From another thread: a look that waits for the server ends, with an error, and so does each one after it. */
void commit_latency_cut(struct commit_latency *l);
void commit_latency_free(struct commit_latency *l); /* NULL is fine */
CLEANUP(commit_latency, commit_latency_free)

/* MySQL's sums, in the order of the table above. */
enum { COMMIT_STATEMENTS, COMMIT_REDO_SYNCS, COMMIT_BINLOG_SYNCS, N_COMMIT_SUMS };
struct commit_sum {
    uint64_t n, picoseconds;
};
/* Milliseconds, from two looks at them. Sums that were set back meanwhile count as nothing. Pure. */
double commit_latency_between(const struct commit_sum before[N_COMMIT_SUMS],
                              const struct commit_sum after[N_COMMIT_SUMS]);

#endif
