/* archive/source.h: where an archive's bytes come from: a struct of functions, the counterpart of sink.h. Nothing above it knows
 * which kind it is. The bytes are those of one finished archive: their number does not change. */
#ifndef MBE_ARCHIVE_SOURCE_H
#define MBE_ARCHIVE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct source {
    const char *name; /* for messages: a path, or what stands for one; the kind's */
    uint64_t size;
    /* Reads n bytes at `offset`; *got < n only at the end. Thread-safe. Errors name the source. */
    MUST_CHECK struct err *(*read_at)(struct source *s, void *buf, size_t n, uint64_t offset,
                                      size_t *got);
    /* Advice: these bytes will not be asked for again soon. Thread-safe. */
    void (*drop)(struct source *s, uint64_t offset, uint64_t n);
    /* Advice: what follows is read front to back. */
    void (*in_order)(struct source *s);
    void (*free)(struct source *s);
};

/* NULL is fine. */
static inline void source_free(struct source *s)
{
    if (s)
        s->free(s);
}
CLEANUP(source, source_free)

/* The file `path`. Owned by caller. */
struct err *source_file_open(struct source **out, const char *path) MUST_CHECK;
/* A regular file that is open; `fd` is the source's from now on, after an error too. Its first byte is the archive's. */
struct err *source_fd_open(struct source **out, int fd, const char *name) MUST_CHECK;

#endif
