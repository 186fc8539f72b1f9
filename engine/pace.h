/* engine/pace.h: how fast files are read, all threads of a backup together: no faster than a rate, and slower while the server's
 * commits take too long.
 *
 * Rules:
 *  C1 What was read is paid for by waiting, behind the reading. The redo tail is never held back, for a log that is overwritten ends the
 *     backup; nor is anything once pace_end was called, which is before the lock.
 *  C2 Who waits is let go within a tenth of a second: by a signal and a dead redo tail (poll), by the failure of another thread
 *     (pace_lift), by a rate that has changed.
 *  C3 The pace file is read again each second. One that is not there says nothing; one that cannot be understood is told of, once, and
 *     changes nothing; but at the start it is an error.
 *  C4 That the server does not tell what a commit takes is an error at the start; later it is a warning, and the rate stays. */
#ifndef MBE_ENGINE_PACE_H
#define MBE_ENGINE_PACE_H

#include "base/log.h"
#include "engine/pace_settings.h"
#include "server/conn.h"
#include "server/version.h"

struct pace;

struct pace_options {
    struct pace_settings settings; /* of the command line */
    const char *file;              /* that says them again; NULL: none */
    struct conn_options conn;      /* for a connection of its own, if one is needed */
    enum server_flavour flavour;
    struct log *log;
    struct err *(*poll)(
        void *ctx); /* asked while somebody waits, by any thread; its error ends the waiting */
    void *poll_ctx;
};

/* Reads the file, asks the server for the first time: as far as the options want that. `options` is copied, its texts are borrowed. USAGE
 * for the file's text, REFUSED when the server does not tell what a commit takes. */
struct err *pace_open(struct pace **out, const struct pace_options *options) MUST_CHECK;
/* From now on a thread looks each second, if there is anything to look at. */
struct err *pace_start(struct pace *p) MUST_CHECK;
/* What it does then. For that thread, and where there is none. */
void pace_look(struct pace *p);
/* So many bytes were read from a file: waits as long as they take. NULL holds nobody back. Thread-safe. */
struct err *pace_take(struct pace *p, uint64_t bytes) MUST_CHECK;
/* Nobody is held back from now on. NULL is fine. Thread-safe. */
void pace_lift(struct pace *p);
/* The same, and what is watched is watched no longer: the thread and the connection are gone. */
void pace_end(struct pace *p);

struct pace_summary {
    struct pace_settings settings; /* as they were last */
    uint64_t bytes;                /* read */
    double seconds;                /* from the first of them to pace_end */
    double waited;                 /* of these: while any thread was held back */
    uint64_t
        lowest; /* bytes per second: how far commits that took too long have brought it down; 0: not at all */
};
/* After pace_end. */
void pace_summarize(struct pace_summary *out, const struct pace *p);
/* Bytes per second, all in all. */
static inline uint64_t pace_mean(const struct pace_summary *s)
{
    return s->seconds > 0 ? (uint64_t)((double)s->bytes / s->seconds) : 0;
}
void pace_free(struct pace *p); /* NULL is fine */

#endif
