/* archive/sink_hold.c: a sink in front of one whose appends may wait; see sink.h. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/sink.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

enum { BLOCK = 1 << 20 };

struct sink_hold {
    struct sink sink;
    struct sink *below; /* owned */
    char *dir;
    bool held;
    int fd;        /* a file without a name; -1: there was no need of it yet */
    uint64_t kept; /* bytes in it that the sink below has not got yet */
};

static struct sink_hold *self_of(struct sink *s)
{
    return (struct sink_hold *)s; /* the first member */
}

static struct err *keep(struct sink_hold *h, const void *data, size_t n)
{
    if (h->fd < 0)
        TRY(file_open_nameless(&h->fd, h->dir));
    TRY(file_pwrite(h->fd, data, n, h->kept, h->dir));
    h->kept += n;
    return NULL;
}

static struct err *pass_on(struct sink_hold *h)
{
    if (!h->kept)
        return NULL;
    AUTO_FREE uint8_t *block = mem_alloc_aligned(BLOCK);
    for (uint64_t at = 0; at < h->kept;) {
        const size_t n = h->kept - at < BLOCK ? (size_t)(h->kept - at) : BLOCK;
        size_t got;
        TRY(file_pread(h->fd, block, n, at, &got, h->dir));
        if (got < n)
            return err_make(IO, "%s: what was kept there is gone", h->dir);
        TRY(h->below->append(h->below, block, n));
        at += n;
    }
    h->kept = 0;
    return ftruncate(h->fd, 0) ? err_os("%s: cannot truncate what was kept there", h->dir) : NULL;
}

static struct err *hold_append(struct sink *s, const void *data, size_t n)
{
    struct sink_hold *h = self_of(s);
    if (h->held)
        return keep(h, data, n);
    TRY(pass_on(h));
    return h->below->append(h->below, data, n);
}

static struct err *hold_commit(struct sink *s)
{
    struct sink_hold *h = self_of(s);
    TRY(pass_on(h));
    return h->below->commit(h->below);
}

static void hold_set(struct sink *s, bool held)
{
    self_of(s)->held = held;
}

static void hold_free(struct sink *s)
{
    struct sink_hold *h = self_of(s);
    h->below->free(h->below);
    if (h->fd >= 0)
        close(h->fd);
    free(h->dir);
    free(h);
}

void sink_hold_open(struct sink **out, struct sink *below, const char *dir)
{
    struct sink_hold *h = mem_zalloc(sizeof *h);
    *h = (struct sink_hold){
        .sink = {.append = hold_append, .commit = hold_commit, .hold = hold_set, .free = hold_free},
        .below = below,
        .dir = mem_strdup(dir),
        .fd = -1};
    *out = &h->sink;
}
