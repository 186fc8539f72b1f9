/* verify/prune.h: which backups are to be kept. A pure function of the tree of backups, so that it can be tried on any tree.
 *
 *   P1 what a kept backup needs is kept: there is never an increment without its base
 *   P2 what is not good for a restore is kept (and told), and never counts as one of those to keep
 *   P3 of every server that is in the tree the newest good backup is kept
 *   P4 numbers of backups are counted for each server by itself
 *   P5 what is in use is kept */
#ifndef MBE_VERIFY_PRUNE_H
#define MBE_VERIFY_PRUNE_H

#include "verify/lineage.h"

struct prune_rules {
    uint64_t
        keep_full; /* so many of the newest full backups, with all that is based on them; 0: no such rule */
    uint64_t keep_days; /* what is younger than so many days; 0: no such rule */
    int64_t now;        /* seconds since 1970 */
};

enum prune_why {
    PRUNE_DELETE,
    PRUNE_KEEP_BROKEN,  /* P2 */
    PRUNE_KEEP_IN_USE,  /* P5 */
    PRUNE_KEEP_FULL,    /* one of the newest keep_full */
    PRUNE_KEEP_OF_FULL, /* based on one of those: `by` */
    PRUNE_KEEP_YOUNG,   /* younger than keep_days, or of a time to come */
    PRUNE_KEEP_LAST,    /* P3 */
    PRUNE_KEEP_NEEDED,  /* P1: `by` a kept one */
};

struct prune_verdict {
    enum prune_why why;
    size_t by; /* a row, or LINEAGE_NONE */
};

/* out[n]; in_use[n]. Newer is what finished later, by the clock of its server. */
void prune_decide(struct prune_verdict *out, const struct lineage *l, const bool *in_use,
                  const struct prune_rules *rules);

#endif
