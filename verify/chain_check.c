/* verify/chain_check.c: see chain_check.h. Chunks are handed out in their order, so that when one is found damaged all before it
 * are being read or were. */
#include "verify/chain_check.h"

#include <inttypes.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/signals.h"
#include "base/workers.h"

enum { MEMORY_SHARE = 4 }; /* what is kept in the file cache: one part in so many of the memory */

struct place {
    size_t link;
    uint32_t chunk;
};

struct run {
    const struct chain *chain;
    struct progress *progress;
    enum archive_cache cache;
    pthread_mutex_t lock; /* guards all below */
    struct place next;
    struct err *error; /* of the place below, owned; then no more is handed out */
    struct place error_at;
};

static bool take(struct run *r, struct place *out)
{
    const struct chain *c = r->chain;
    pthread_mutex_lock(&r->lock);
    while (r->next.link < c->n &&
           r->next.chunk == archive_reader_n_chunks(c->links[r->next.link].reader))
        r->next = (struct place){.link = r->next.link + 1};
    const bool more = !r->error && r->next.link < c->n;
    *out = r->next;
    r->next.chunk += more ? 1 : 0;
    pthread_mutex_unlock(&r->lock);
    return more;
}

static bool is_before(const struct place *a, const struct place *b)
{
    return a->link != b->link ? a->link < b->link : a->chunk < b->chunk;
}

static void take_error(struct run *r, struct err *e, const struct place *at)
{
    pthread_mutex_lock(&r->lock);
    if (!r->error || is_before(at, &r->error_at)) {
        err_free(r->error);
        r->error = e;
        r->error_at = *at;
    } else {
        err_free(e);
    }
    pthread_mutex_unlock(&r->lock);
}

static struct err *check(const struct run *r, const struct place *at)
{
    const struct chain_link *l = &r->chain->links[at->link];
    struct err *e = archive_check_chunk(l->reader, at->chunk, r->cache);
    const char *file = e ? archive_reader_file_in(l->reader, at->chunk) : NULL;
    if (file)
        e = err_wrap(e, "%s", file);
    return err_wrap(e, "backup %s", l->id);
}

static struct err *work(void *ctx, bool *more)
{
    struct run *r = ctx;
    struct place at;
    TRY(signals_check());
    *more = take(r, &at);
    if (!*more)
        return NULL;
    struct err *e = check(r, &at);
    if (e)
        take_error(r, e, &at);
    progress_add(r->progress, archive_reader_chunk_bytes(r->chain->links[at.link].reader, at.chunk,
                                                         at.chunk + 1));
    return NULL;
}

static uint64_t stored_bytes(const struct chain *c)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < c->n; i++)
        sum += archive_reader_chunk_bytes(c->links[i].reader, 0,
                                          archive_reader_n_chunks(c->links[i].reader));
    return sum;
}

static uint64_t memory_bytes(void)
{
    const long n_pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return n_pages > 0 && page > 0 ? (uint64_t)n_pages * (uint64_t)page : 0;
}

struct err *chain_check(const struct chain *c, const struct chain_check_options *options)
{
    const uint64_t bytes = stored_bytes(c);
    struct run r = {.chain = c,
                    .progress = options->progress,
                    .cache = bytes > memory_bytes() / MEMORY_SHARE ? ARCHIVE_CACHE_DROP
                                                                   : ARCHIVE_CACHE_KEEP};
    const double started = clock_seconds();
    pthread_mutex_init(&r.lock, NULL);
    progress_phase(options->progress, "check", bytes);
    struct err *e = workers_run(options->parallel, work, &r);
    e = err_first(e, r.error);
    pthread_mutex_destroy(&r.lock);
    if (!e)
        log_info(options->log, options->task, "%zu archive%s checked, %" PRIu64 " MiB in %.1f s",
                 c->n, c->n == 1 ? "" : "s", bytes >> 20, clock_seconds() - started);
    return e;
}
