/* archive/repo_fanout.h: one backup into several repositories, of any kinds: each gets the same archive, under the same id.
 *
 * One that cannot take it is left out, and nothing else changes for the others. So it is at the beginning, on the way, and when
 * the backup is published; only when none is left it is an error. */
#ifndef MBE_ARCHIVE_REPO_FANOUT_H
#define MBE_ARCHIVE_REPO_FANOUT_H

#include <stddef.h>
#include <stdint.h>

#include "archive/repo.h"
#include "archive/sink_fanout.h"
#include "base/err.h"

/* Where a backup goes, and what became of it there. */
struct destination {
    struct repo *repo; /* borrowed */
    /* Its error, which is owned by who has the destination, and its bytes count; the rest is the draft's. */
    struct sink_branch branch;
};

struct repo_fanout_options {
    const char *tmp_dir; /* see repo_options; the draft's directory is there */
    uint64_t spill_max;  /* see sink_fanout.h */
    struct log *log;
};

/* Of one destination that is repo_begin. Of several, up to SINK_BRANCHES_MAX, it is a draft in each of them that has no error yet;
 * it is used and published as any other. The destinations are borrowed until it is freed. REFUSED when there is no id that is free in all:
 * two of them are one, most likely. */
struct err *repo_fanout_begin(struct repo_draft **out, struct destination *destinations, size_t n,
                              const char *type,
                              const struct repo_fanout_options *options) MUST_CHECK;
/* Not used yet; the repository is borrowed. */
void destination_init(struct destination *d, struct repo *repo);
void destination_fini(struct destination *d);
/* Leaves it out, because of e. */
void destination_fail(struct destination *d, struct err *e, struct log *log);
/* As sink_branches_error, of destinations. */
struct err *destinations_error(struct destination *destinations, size_t n) MUST_CHECK;

#endif
