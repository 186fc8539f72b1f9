/* restore/page_verify.h: makes every page of a backup as a restore would, in memory, and checks it instead of writing it: the
 * level "pages" of mbe verify. What is checked is in space_verify.h; nothing is written but what exceeds the memory, to files
 * without a name in the scratch directory. */
#ifndef MBE_RESTORE_PAGE_VERIFY_H
#define MBE_RESTORE_PAGE_VERIFY_H

#include <stdint.h>

#include "base/err.h"
#include "restore/recovery.h"

struct page_verify_options {
    struct recovery_options recovery;
    const char *scratch; /* a directory */
    int parallel;        /* >= 1 */
};

struct page_verify_result {
    uint64_t spaces; /* tablespaces */
    uint64_t pages;  /* that are not empty */
    uint64_t damage; /* places */
};

/* CORRUPT when anything is damaged, each place is a log_error line first (at most 100); REFUSED without the keys that a restore
 * would need, too; USAGE, IO. */
struct err *page_verify_run(struct page_verify_result *out,
                            const struct page_verify_options *options) MUST_CHECK;

#endif
