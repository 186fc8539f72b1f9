/* innodb/redo_counters.h: what the redo of MySQL says about tables and no page holds yet: AUTO_INCREMENT counters, and indexes that
 * were marked as corrupted. The server keeps it in memory and writes it to its dictionary much later; a log without it makes
 * tables start at 1 again (MySQL 9.7.4, by experiment).
 *
 * Of a table, a record with a higher version replaces what is known; one of the same version raises the counter and adds to the
 * list. Records of dropped tables do no harm: the server passes over tables it does not know. Not thread-safe. */
#ifndef MBE_INNODB_REDO_COUNTERS_H
#define MBE_INNODB_REDO_COUNTERS_H

#include <stddef.h>

#include "base/err.h"
#include "base/map64.h"
#include "innodb/redo_mysql.h"

struct redo_counters {
    struct map64 index; /* table id -> position in items */
    struct redo_mysql_counter *items;
    size_t n, cap;
    size_t *caps; /* of the lists */
    size_t cap_caps;
};

/* Takes in one TABLE_DYNAMIC_META record of the mini-transaction at lsn. CORRUPT when it makes no sense. */
struct err *redo_counters_add(struct redo_counters *c, const struct redo_record *rec,
                              lsn_t lsn) MUST_CHECK;
void redo_counters_fini(struct redo_counters *c);

#endif
