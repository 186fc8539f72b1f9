/* verify/prune.h: which backups are to be kept. A pure function of the tree of backups, so that it can be tried on any tree.
 *
 *   P1 what a kept backup needs is kept: there is never an increment without its base
 *   P2 what is not good for a restore is kept (and told), and never counts as one of those to keep
 *   P3 of every server that is in the tree the newest good backup is kept
 *   P4 numbers of backups are counted for each server by itself
 *   P5 what is in use is kept, and what is pinned
 *   P6 pruned twice with the same rules, at one time, nothing goes the second time */
#ifndef MBE_VERIFY_PRUNE_H
#define MBE_VERIFY_PRUNE_H

#include "verify/lineage.h"

/* Numbers; 0: no such rule. By the calendar: the last backup of each of the newest so many days (weeks, from Monday; months; years) of
 * which there is one, in UTC, by the time in the id. Of the newest of a second a full one comes before an increment, which it
 * may have been made of. */
struct prune_rules {
    uint64_t keep_last;
    uint64_t keep_full; /* so many of the newest full backups, with all that is based on them */
    uint64_t keep_days; /* what is younger than so many days */
    uint64_t keep_daily, keep_weekly, keep_monthly, keep_yearly;
    uint64_t keep_verified; /* so many of the newest of those that were verified */
    int64_t now;            /* seconds since 1970 */
};

/* Each has an item for every row. */
struct prune_facts {
    const bool *in_use, *pinned;
    const bool *verified; /* its last verification that counts found nothing wrong */
};

enum prune_why {
    PRUNE_DELETE,
    PRUNE_KEEP_BROKEN,  /* P2 */
    PRUNE_KEEP_PINNED,  /* P5 */
    PRUNE_KEEP_IN_USE,  /* P5 */
    PRUNE_KEEP_FULL,    /* one of the newest keep_full */
    PRUNE_KEEP_OF_FULL, /* based on one of those: `by` */
    PRUNE_KEEP_YOUNG,   /* younger than keep_days, or of a time to come */
    PRUNE_KEEP_LAST,    /* one of the newest keep_last, and so on */
    PRUNE_KEEP_DAILY,
    PRUNE_KEEP_WEEKLY,
    PRUNE_KEEP_MONTHLY,
    PRUNE_KEEP_YEARLY,
    PRUNE_KEEP_VERIFIED,
    PRUNE_KEEP_NEWEST, /* P3 */
    PRUNE_KEEP_NEEDED, /* P1: `by` a kept one */
};

struct prune_verdict {
    enum prune_why why;
    size_t by; /* a row, or LINEAGE_NONE */
};

/* out[n]. Where the calendar does not count, newer is what finished later, by the clock of its server. */
void prune_decide(struct prune_verdict *out, const struct lineage *l,
                  const struct prune_facts *facts, const struct prune_rules *rules);

#endif
