/* restore/redo_scan.h: the first pass of a restore: reads the backup's redo once, front to back, and sorts what it says:
 * page records are grouped by page, file records make the table of names, truncations are noted.
 *
 * Invariants: the redo is contiguous from facts->from and ends exactly at facts->to, at the end of a mini-transaction. */
#ifndef MBE_RESTORE_REDO_SCAN_H
#define MBE_RESTORE_REDO_SCAN_H

#include "archive/reader.h"
#include "base/err.h"
#include "base/progress.h"
#include "innodb/file_ops.h"
#include "innodb/redo_counters.h"
#include "innodb/redo_group.h"
#include "restore/backup_facts.h"

/* The newest TRIM_PAGES of a space: everything before `lsn` about pages from `page` on is void. For an undo tablespace
 * that is every page (the whole file is made anew), for the system tablespace those that were cut off. */
struct redo_trim {
    space_id_t space;
    page_no_t page;
    lsn_t lsn;
};

struct redo_scan {
    const struct redo_family *family;
    struct redo_group *group; /* sealed */
    struct file_ops files;
    struct redo_trim *trims;
    size_t n_trims, cap_trims;
    struct redo_counters counters;
    uint64_t n_mtrs;
};

struct redo_scan_options {
    uint64_t memory; /* bytes of records held before they spill */
    const char *spill_dir;
    const struct keyring *keys; /* of an encrypted log; NULL: none */
    struct progress *progress;
};

/* CORRUPT: gap, unknown record (named, with its LSN), wrong end. */
struct err *redo_scan_run(struct redo_scan *out, struct archive_reader *reader,
                          const struct backup_facts *facts,
                          const struct redo_scan_options *options) MUST_CHECK;
/* NULL if the space was never cut. */
const struct redo_trim *redo_scan_trim(const struct redo_scan *s, space_id_t space);
void redo_scan_fini(struct redo_scan *s);

#endif
