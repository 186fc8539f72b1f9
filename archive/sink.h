/* archive/sink.h: where an archive's bytes go: a struct of functions. Nothing above it knows
 * which kind it is. Bytes are appended in order by one caller at a time (the writer serialises). */
#ifndef MBE_ARCHIVE_SINK_H
#define MBE_ARCHIVE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sink {
    MUST_CHECK struct err *(*append)(struct sink *s, const void *data, size_t n);
    /* Makes everything appended durable. After it no append follows. */
    MUST_CHECK struct err *(*commit)(struct sink *s);
    /* Makes what was appended so far durable; more may follow. NULL: it cannot. */
    MUST_CHECK struct err *(*sync)(struct sink *s);
    /* While a sink is held its appends do not wait for who takes the bytes: what is appended is kept on this machine and goes on
     * afterwards, in its order. It is held while the server is locked. To be called between appends. NULL: they never wait. */
    void (*hold)(struct sink *s, bool held);
    /* Releases; without commit what was written is abandoned. */
    void (*free)(struct sink *s);
};

/* Sink into the file `path` (must not exist). Starts write-back early so that commit's fsync is
 * short. Owned by caller. */
struct err *sink_file_open(struct sink **out, const char *path) MUST_CHECK;
/* The same into a file that such a sink has begun: behind its first `size` bytes, what follows them is dropped. IO when it has fewer. */
struct err *sink_file_resume(struct sink **out, const char *path, uint64_t size) MUST_CHECK;
/* Sink into what `fd` is: a pipe, a socket, a device, a file that is there. It is the sink's from now on. An append may wait for
 * who reads it, until a signal asks us to stop if `fd` does not block (O_NONBLOCK). What was written stays without commit too. Both kinds
 * hold back the last append, if it is a small one, until commit. */
void sink_fd_open(struct sink **out, int fd, const char *name);
/* A sink that can be held, in front of one that cannot, which is its own from now on. What is held is kept in a file without a name in
 * the directory `dir`. */
void sink_hold_open(struct sink **out, struct sink *below, const char *dir);

#endif
