/* server/check_tables.h: CHECK TABLE ... EXTENDED of every table that a server has.
 *
 * A table that a server cannot check is counted as such, with a warning, and is no damage: its engine is not in this server, or its
 * tablespace was discarded by a DBA, as it was on the source. An engine without a check has nothing to say.
 *
 * MariaDB's EXTENDED warns of every deleted row whose history is over and which purge has not removed yet, as after a start on a restored
 * datadir. So purge is waited for; should it have more to do than there is time, tables are checked without EXTENDED. Facts: MariaDB 10.11,
 * 11.8, MySQL 9.7.4, by experiment. */
#ifndef MBE_SERVER_CHECK_TABLES_H
#define MBE_SERVER_CHECK_TABLES_H

#include <stdint.h>

#include "base/log.h"
#include "base/progress.h"
#include "server/conn.h"

struct check_tables_options {
    const struct conn_options *conn;
    int parallel;           /* connections */
    unsigned purge_seconds; /* how long purge is waited for */
    struct log *log;
    struct progress *progress;
};

struct check_tables_result {
    uint64_t checked; /* bad ones as well */
    uint64_t bad;
    uint64_t unchecked;
};

enum check_verdict { CHECK_SOUND, CHECK_UNABLE, CHECK_BAD };
/* What one line of CHECK TABLE's result means. Pure. */
enum check_verdict check_table_judge(const char *msg_type, const char *msg_text);

/* Base tables of all schemas but information_schema and performance_schema. Each complaint is a log
 * line, an error for what is bad. CORRUPT when there was one, whatever else failed; SERVER when a connection is lost. */
struct err *check_tables_run(struct check_tables_result *out,
                             const struct check_tables_options *options) MUST_CHECK;

#endif
