/* archive/sink.h: where an archive's bytes go: a struct of functions. Nothing above it knows
 * which kind it is. Bytes are appended in order by one caller at a time (the writer serialises). */
#ifndef MBE_ARCHIVE_SINK_H
#define MBE_ARCHIVE_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sink {
    MUST_CHECK struct err *(*append)(struct sink *s, const void *data, size_t n);
    /* Makes everything appended durable. After it no append follows. */
    MUST_CHECK struct err *(*commit)(struct sink *s);
    /* Releases; without commit what was written is abandoned. */
    void (*free)(struct sink *s);
};

/* Sink into the file `path` (must not exist). Starts write-back early so that commit's fsync is
 * short. Owned by caller. */
struct err *sink_file_open(struct sink **out, const char *path) MUST_CHECK;

#endif
