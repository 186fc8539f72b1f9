/* restore/page_stream.c: see page_stream.h. */
#include "restore/page_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/workers.h"
#include "restore/page_range.h"

enum {
    RANGE_BYTES = 32 << 20, /* work item of a thread */
    /* Likewise, when there is more than one archive: what threads work on then lies close together, mostly in the same chunks
     * of those archives that hold little. */
    RANGE_BYTES_OF_CHAIN = 4 << 20,
};

/* One range of one file. */
struct range {
    uint32_t space; /* index in the layout */
    uint32_t part;  /* which range_bytes() of the file */
};

/* What the first look at a file tells; made before any range of it is written. */
struct file_facts {
    struct space_format format;
    struct space_key key; /* of an encrypted tablespace */
    uint64_t size;        /* of the recovered file */
    bool exists;
};

struct stream {
    const struct layout *layout;
    const struct page_stream_options *options;
    struct page_range_env env;
    struct file_facts *facts; /* one a space_plan */
    struct range *ranges;
    size_t n_ranges, cap_ranges;
    _Atomic size_t next_space, next_range;
    _Atomic uint64_t pages_recovered, bytes_written;
};

/* What a thread writes to. */
struct output {
    struct stream *stream;
    const struct space_plan *space;
    const struct file_facts *facts;
    int fd;
};

/* --- what a file is: its page 0, recovered --- */

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* No server makes a file of its own smaller than four logical pages, whatever page 0 says of a ROW_FORMAT=COMPRESSED table
 * with small pages, and its recovery refuses one that is (MariaDB 10.11.19, by experiment). */
static uint64_t recovered_size(const struct space_plan *p, const struct space_format *format,
                               uint32_t fsp_size)
{
    const uint64_t pages = fsp_size > p->first_page ? fsp_size - p->first_page : 0;
    const uint64_t least = p->id ? 4 * (uint64_t)format->page_size : 0;
    const uint64_t by_header = max_u64(pages * format->physical, least);
    if (!p->last_of_space)
        return p->base_size;
    return p->was_cut ? by_header : max_u64(by_header, p->base_size);
}

/* Facts of the file at index i; further files of the system tablespace take theirs from the first. */
static struct err *learn_file(struct stream *s, size_t i)
{
    const struct space_plan *p = &s->layout->spaces[i];
    struct file_facts *f = &s->facts[i];
    AUTO_FREE uint8_t *page = mem_alloc_aligned(s->options->page_size);
    const struct space_plan *first = p;
    while (first->first_page)
        first--;
    TRY(page_range_page_0(page, &s->env, first));
    const bool zero = bytes_are_zero(page, s->options->page_size);
    if (zero && !p->parts)
        return NULL; /* created in the redo, but nothing was written yet when the backup ended */
    if (zero)
        return err_make(CORRUPT, "%s: page 0 is missing", p->name);
    TRY_AT(space_format_decode(&f->format, be32(page + FSP_FLAGS), s->options->page_size),
           "%s: page 0", p->name);
    if (be32(page + FSP_SPACE_ID) != p->id)
        return err_make(CORRUPT, "%s: page 0 says space id %" PRIu32 ", not %" PRIu32, p->name,
                        be32(page + FSP_SPACE_ID), p->id);
    TRY_AT(space_key_find(&f->key, &f->format, page, s->options->keys), "%s", p->name);
    if (p->external && access(p->target, F_OK) == 0)
        return err_make(REFUSED, "%s: exists already", p->target);
    f->size = recovered_size(p, &f->format, be32(page + FSP_SIZE));
    f->exists = true;
    return NULL;
}

static struct err *learn_work(void *ctx, bool *more)
{
    struct stream *s = ctx;
    const size_t i = atomic_fetch_add(&s->next_space, 1);
    if (i >= s->layout->n) {
        *more = false;
        return NULL;
    }
    TRY(signals_check());
    return learn_file(s, i);
}

/* Each range of a file elsewhere costs an fsync. */
static uint64_t range_bytes(const struct stream *s, const struct space_plan *p)
{
    return s->options->chain->n > 1 && !p->external ? RANGE_BYTES_OF_CHAIN : RANGE_BYTES;
}

static void cut_into_ranges(struct stream *s)
{
    for (size_t i = 0; i < s->layout->n; i++) {
        if (!s->facts[i].exists)
            continue;
        const uint64_t len = range_bytes(s, &s->layout->spaces[i]);
        const uint64_t parts = (s->facts[i].size + len - 1) / len;
        for (uint64_t part = 0; part < parts; part++) {
            mem_grow(&s->ranges, &s->cap_ranges, s->n_ranges, sizeof *s->ranges);
            s->ranges[s->n_ranges++] = (struct range){(uint32_t)i, (uint32_t)part};
        }
    }
}

/* --- ranges --- */

static struct err *key_of(void *ctx, const struct space_key **key)
{
    const struct output *out = ctx;
    *key = &out->facts->key;
    return NULL;
}

static struct err *put(void *ctx, const uint8_t *data, size_t n, uint64_t at)
{
    const struct output *out = ctx;
    atomic_fetch_add(&out->stream->bytes_written, n);
    return file_pwrite(out->fd, data, n, at, out->space->target);
}

static struct err *write_range(struct stream *s, const struct range *r)
{
    struct output out = {
        .stream = s, .space = &s->layout->spaces[r->space], .facts = &s->facts[r->space]};
    AUTO_FD int fd = -1;
    const uint64_t len = range_bytes(s, out.space), size = out.facts->size;
    const uint64_t from = r->part * len, to = size - from < len ? size : from + len;
    const struct page_range range = {.space = out.space,
                                     .format = &out.facts->format,
                                     .from = from,
                                     .to = to,
                                     .in_pieces = true,
                                     .ctx = &out,
                                     .key = key_of,
                                     .put = put};
    uint64_t n_recovered;
    TRY(target_create(s->options->target, &fd, out.space->target, TARGET_SHARED, 0660));
    if (r->part == 0 && ftruncate(fd, (off_t)size))
        return err_os("%s: cannot set the size to %" PRIu64, out.space->target, size);
    out.fd = fd;
    TRY(page_range_run(&n_recovered, &s->env, &range));
    atomic_fetch_add(&s->pages_recovered, n_recovered);
    /* Start write-back now, so that the fsync at the end has little left to wait for. */
    if (!out.space->external)
        sync_file_range(fd, (off_t)from, (off_t)(to - from), SYNC_FILE_RANGE_WRITE);
    else /* another file system, which the sync of the target may not cover */
        TRY(file_fsync(fd, out.space->target));
    return NULL;
}

static struct err *range_work(void *ctx, bool *more)
{
    struct stream *s = ctx;
    const size_t i = atomic_fetch_add(&s->next_range, 1);
    if (i >= s->n_ranges) {
        *more = false;
        return NULL;
    }
    return write_range(s, &s->ranges[i]);
}

struct err *page_stream_run(struct page_stream_stats *out, const struct layout *layout,
                            const struct page_stream_options *options)
{
    const struct chain *chain = options->chain;
    struct stream s = {.layout = layout,
                       .options = options,
                       .env = {.chain = chain,
                               .group = options->group,
                               .family = options->family,
                               .page_size = options->page_size,
                               .redo_links = chain->n,
                               .progress = options->progress}};
    s.facts = mem_zalloc(layout->n * sizeof *s.facts);
    struct err *e = workers_run(options->parallel, learn_work, &s);
    if (!e) {
        cut_into_ranges(&s);
        uint64_t total = 0;
        for (size_t i = 0; i < layout->n; i++)
            total += s.facts[i].size;
        progress_phase(options->progress, "pages", total);
        e = workers_run(options->parallel, range_work, &s);
    }
    *out = (struct page_stream_stats){.pages_recovered = s.pages_recovered,
                                      .bytes_written = s.bytes_written};
    for (size_t i = 0; i < layout->n; i++)
        out->files += s.facts[i].exists;
    for (size_t i = 0; i < layout->n; i++)
        space_key_wipe(&s.facts[i].key);
    free(s.facts);
    free(s.ranges);
    return e;
}
