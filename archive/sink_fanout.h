/* archive/sink_fanout.h: several sinks as one. What is appended goes to each of them, at its own pace: each has a thread of its own.
 *
 * What has not been taken by all is kept: some of it in memory, and what only slow ones still want in a file without a name on this
 * machine, so that the fast ones go on. The file has a bound. Where it is reached, or where none of them keeps up, who appends
 * waits for the slowest: a slow one makes the others slow, and is never given up for that. One that fails is left out from then
 * on. */
#ifndef MBE_ARCHIVE_SINK_FANOUT_H
#define MBE_ARCHIVE_SINK_FANOUT_H

#include <stddef.h>
#include <stdint.h>

#include "archive/sink.h"
#include "base/err.h"
#include "base/log.h"

enum { SINK_BRANCHES_MAX = 16 };

/* One of the sinks, and what becomes of it. */
struct sink_branch {
    const char *name; /* for messages */
    /* Used by a thread of the fan-out until that is committed or freed; its owner frees it behind it. */
    struct sink *sink;
    /* NULL: it has all that was appended, and was committed. Else why it was left out. Owned by caller, and only to be looked at
     * when the fan-out was committed or freed, as is the number of bytes that it has taken. */
    struct err *error;
    uint64_t bytes;
};

struct sink_fanout_options {
    const char *dir; /* what is kept is in a file there */
    /* Bytes of it, but for what is appended while the sink is held: with that nobody waits. */
    uint64_t spill_max;
    struct log *log; /* one that fails, and a file that cannot be written, are told at once */
};

/* 1 to SINK_BRANCHES_MAX branches, without error, borrowed until it is freed. Small appends are gathered: a sink gets them later, and larger.
 *
 * Of the new sink: append fails when all branches have failed, with the kind of error of the first, and where what is held can be
 * kept nowhere. So does commit, which waits until each branch is committed or has failed. hold: appends wait for the file alone,
 * whatever its size. */
struct err *sink_fanout_open(struct sink **out, struct sink_branch *const *branches, size_t n,
                             const struct sink_fanout_options *options) MUST_CHECK;
/* Leaves a branch out because of e, which is the branch's from now on and names it. It is told as a warning. */
void sink_branch_fail(struct sink_branch *b, struct err *e, struct log *log);
/* NULL while one of them has no error; else an error of the kind of the first one's, which tells all. */
struct err *sink_branches_error(struct sink_branch *const *branches, size_t n) MUST_CHECK;

#endif
