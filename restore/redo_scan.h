/* restore/redo_scan.h: the first pass of a restore: reads the redo of every archive of the chain once, oldest first, front to
 * back, and sorts what it says: page records are grouped by page, file records make the table of names, truncations are noted.
 *
 * The redo of one archive is contiguous from its lsn.from and ends exactly at its lsn.to, at the end of a mini-transaction. That
 * of the next may begin before that: what both hold counts once. Or behind it: what was changed in between is in the next one's
 * pages, as they lay on disk after its checkpoint. Names, deletions and counters are those of the last archive's redo, all of it. */
#ifndef MBE_RESTORE_REDO_SCAN_H
#define MBE_RESTORE_REDO_SCAN_H

#include "base/err.h"
#include "base/map64.h"
#include "base/progress.h"
#include "innodb/file_ops.h"
#include "innodb/redo_counters.h"
#include "innodb/redo_group.h"
#include "verify/chain.h"

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
    struct file_ops files;    /* of the last archive's redo */
    struct map64 last_spaces; /* space id -> 1: has page records in the last archive's redo */
    struct redo_trim *trims;
    size_t n_trims, cap_trims;
    struct redo_counters counters;
    uint64_t n_mtrs; /* read */

    /* while it runs */
    bool last;       /* this is the last archive's redo */
    lsn_t done_to;   /* what begins below is known from the archive before */
    space_id_t seen; /* the last one put into last_spaces */
};

struct redo_scan_options {
    uint64_t memory; /* bytes of records held before they spill */
    const char *spill_dir;
    const struct keyring *keys; /* of an encrypted log; NULL: none */
    struct progress *progress;
};

/* The redo of the chain's first n archives; that of archive n - 1 is the last one. CORRUPT: gap, unknown record (named, with its
 * LSN), wrong end. */
struct err *redo_scan_run(struct redo_scan *out, const struct chain *chain, size_t n,
                          const struct redo_scan_options *options) MUST_CHECK;
/* Whether the keyring (NULL: none) has the keys of the redo of the oldest n archives, where that is encrypted. REFUSED, with the
 * archive's path, when not; reads little. */
struct err *redo_scan_check_keys(const struct chain *chain, size_t n,
                                 const struct keyring *keys) MUST_CHECK;
/* NULL if the space was never cut. */
const struct redo_trim *redo_scan_trim(const struct redo_scan *s, space_id_t space);
void redo_scan_fini(struct redo_scan *s);

#endif
