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
#include "restore/page_recover.h"

enum {
    WINDOW_BYTES = 1 << 20, /* pages in memory of one thread */
    RANGE_BYTES = 32 << 20, /* work item of a thread */
    GRANULE = 4096, /* what is known to be stored or not: the archive's own unit of zero runs */
    N_GRANULES = WINDOW_BYTES / GRANULE,
};

/* One range of one file. */
struct range {
    uint32_t space; /* index in the layout */
    uint32_t part;  /* which RANGE_BYTES of the file */
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
    struct file_facts *facts; /* one a space_plan */
    struct range *ranges;
    size_t n_ranges, cap_ranges;
    _Atomic size_t next_space, next_range;
    _Atomic uint64_t pages_recovered, bytes_written;
};

/* A thread's view of the file it works on. */
struct window {
    struct stream *stream;
    const struct space_plan *space;
    const struct file_facts *facts;
    int fd;
    uint8_t *buf; /* WINDOW_BYTES from `at` on; zeros where not present */
    struct redo_image *image;
    bool present[N_GRANULES];
    uint64_t at; /* file offset */
    size_t len;
};

/* --- what a file is: its page 0, recovered --- */

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Recovers page 0 of a space that may be known from the redo alone; *zero when there is no such page. */
static struct err *recover_page_0(const struct stream *s, const struct space_plan *p, uint8_t *slot,
                                  bool *zero)
{
    const uint32_t page_size = s->options->page_size;
    struct space_format format = {.page_size = page_size,
                                  .physical = page_size,
                                  .full_crc32 = s->options->family->full_crc32};
    AUTO(redo_image) image = redo_image_new(s->options->family, page_size);
    memset(slot, 0, page_size);
    if (p->entry >= 0) {
        TRY_AT(space_format_decode(&format, p->base_flags, page_size), "%s", p->name);
        if (p->base_size >= format.physical)
            TRY(archive_read(s->options->reader, (uint32_t)p->entry, 0, slot, format.physical));
    }
    struct bundle_stream bundles;
    struct err *e = bundle_stream_open(&bundles, s->options->group, p->id, 0, 1);
    bool changed;
    if (!e && bundles.more)
        e = page_recover(p, &format, 0, slot, image, NULL, &bundles, &changed);
    bundle_stream_fini(&bundles);
    *zero = bytes_are_zero(slot, page_size);
    return e;
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
    return p->trim_lsn ? by_header : max_u64(by_header, p->base_size);
}

/* Facts of the file at index i; further files of the system tablespace take theirs from the first. */
static struct err *learn_file(struct stream *s, size_t i)
{
    const struct space_plan *p = &s->layout->spaces[i];
    struct file_facts *f = &s->facts[i];
    AUTO_FREE uint8_t *page = mem_alloc_aligned(s->options->page_size);
    bool zero = true;
    const struct space_plan *first = p;
    while (first->first_page)
        first--;
    TRY(recover_page_0(s, first, page, &zero));
    if (zero && p->entry < 0)
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

static void cut_into_ranges(struct stream *s)
{
    for (size_t i = 0; i < s->layout->n; i++) {
        if (!s->facts[i].exists)
            continue;
        const uint64_t parts = (s->facts[i].size + RANGE_BYTES - 1) / RANGE_BYTES;
        for (uint64_t part = 0; part < parts; part++) {
            mem_grow(&s->ranges, &s->cap_ranges, s->n_ranges, sizeof *s->ranges);
            s->ranges[s->n_ranges++] = (struct range){(uint32_t)i, (uint32_t)part};
        }
    }
}

/* --- one window of pages --- */

static void window_begin(struct window *w, uint64_t at, size_t len)
{
    w->at = at;
    w->len = len;
    memset(w->present, 0, sizeof w->present);
    memset(w->buf, 0, WINDOW_BYTES);
}

/* [from, to) are offsets in the window. */
static void mark(struct window *w, size_t from, size_t to, bool present)
{
    for (size_t g = from / GRANULE; g < (to + GRANULE - 1) / GRANULE; g++)
        w->present[g] = present;
}

static struct err *put(struct window *w, const uint8_t *data, size_t n, uint64_t at)
{
    atomic_fetch_add(&w->stream->bytes_written, n);
    return file_pwrite(w->fd, data, n, at, w->space->target);
}

/* Writes what is present, in the longest possible pieces. */
static struct err *window_write(struct window *w)
{
    for (size_t g = 0; g < N_GRANULES;) {
        size_t end = g;
        while (end < N_GRANULES && w->present[end])
            end++;
        const size_t from = g * GRANULE, to = end * GRANULE < w->len ? end * GRANULE : w->len;
        if (to > from)
            TRY(put(w, w->buf + from, to - from, w->at + from));
        g = end == g ? g + 1 : end;
    }
    return NULL;
}

static page_no_t window_page(const struct window *w, uint64_t offset)
{
    const uint32_t size = w->facts->format.physical;          /* never 0: space_format_decode */
    return w->space->first_page + (page_no_t)(offset / size); /* NOLINT(*-core.DivideZero) */
}

/* A truncated undo tablespace: pages from before that are void. */
static void drop_trimmed(struct window *w)
{
    const uint32_t size = w->facts->format.physical;
    for (size_t i = 0; w->space->trim_lsn && i + size <= w->len; i += size) {
        if (!page_is_trimmed(w->space, window_page(w, w->at + i), w->buf + i))
            continue;
        memset(w->buf + i, 0, size);
        mark(w, i, i + size, false);
    }
}

static struct err *apply_redo(struct window *w, struct bundle_stream *bundles)
{
    const uint32_t size = w->facts->format.physical;
    const page_no_t first = window_page(w, w->at), end = window_page(w, w->at + w->len);
    while (bundles->more && bundles->bundle.page < end) {
        const page_no_t no = bundles->bundle.page;
        uint8_t *slot = w->buf + (size_t)(no - first) * size;
        bool changed;
        TRY(page_recover(w->space, &w->facts->format, no, slot, w->image, &w->facts->key, bundles,
                         &changed));
        if (!changed)
            continue;
        mark(w, (size_t)(slot - w->buf), (size_t)(slot - w->buf) + size, true);
        atomic_fetch_add(&w->stream->pages_recovered, 1);
    }
    return NULL;
}

/* The archive's pieces of a range, with one piece of look-ahead. */
struct pieces {
    struct archive_cursor *cursor; /* NULL: no copy */
    uint64_t at, len;              /* what is left of the current piece; len 0: no more */
    const uint8_t *data;
};

static struct err *pieces_next(struct pieces *p)
{
    return archive_cursor_next(p->cursor, &p->at, &p->data, &p->len);
}

static struct err *pieces_consume(struct pieces *p, uint64_t n)
{
    if (n == p->len)
        return pieces_next(p);
    p->at += n;
    p->len -= n;
    if (p->data)
        p->data += n;
    return NULL;
}

/* Copies the pieces below `end` into the window. */
static struct err *window_fill(struct window *w, struct pieces *p)
{
    const uint64_t end = w->at + w->len;
    while (p->len && p->at < end) {
        const uint64_t n = p->len < end - p->at ? p->len : end - p->at;
        const size_t from = (size_t)(p->at - w->at);
        if (p->data) {
            memcpy(w->buf + from, p->data, (size_t)n);
            mark(w, from, from + (size_t)n, true);
        }
        TRY(pieces_consume(p, n));
    }
    return NULL;
}

/* Whether [at, at + len) is one stored piece that no redo touches: it can be written as it lies in the archive's buffer. */
static bool is_plain_piece(const struct window *w, const struct pieces *p,
                           const struct bundle_stream *bundles, uint64_t at, size_t len)
{
    return p->len >= len && p->at == at && p->data && !w->space->trim_lsn &&
           !(bundles->more && bundles->bundle.page < window_page(w, at + len));
}

static struct err *one_window(struct window *w, struct pieces *p, struct bundle_stream *bundles,
                              uint64_t at, size_t len)
{
    if (is_plain_piece(w, p, bundles, at, len)) {
        TRY(put(w, p->data, len, at));
        return pieces_consume(p, len);
    }
    window_begin(w, at, len);
    TRY(window_fill(w, p));
    drop_trimmed(w);
    TRY(apply_redo(w, bundles));
    return window_write(w);
}

/* --- ranges --- */

static struct err *stream_range(struct window *w, uint64_t from, uint64_t to)
{
    const struct page_stream_options *o = w->stream->options;
    AUTO(archive_cursor) cursor = NULL;
    struct pieces p = {0};
    if (w->space->entry >= 0 && from < w->space->base_size) {
        const uint64_t end = to < w->space->base_size ? to : w->space->base_size;
        TRY(archive_cursor_open(&cursor, o->reader, (uint32_t)w->space->entry, from, end - from));
        p.cursor = cursor;
        TRY(pieces_next(&p));
    }
    struct bundle_stream bundles;
    struct err *e = bundle_stream_open(&bundles, o->group, w->space->id, window_page(w, from),
                                       window_page(w, to));
    for (uint64_t at = from; at < to && !e; at += WINDOW_BYTES) {
        const size_t len = to - at < WINDOW_BYTES ? (size_t)(to - at) : WINDOW_BYTES;
        e = signals_check();
        if (!e)
            e = one_window(w, &p, &bundles, at, len);
        progress_add(o->progress, len);
    }
    bundle_stream_fini(&bundles);
    return e;
}

static struct err *write_range(struct stream *s, const struct range *r)
{
    struct window w = {
        .stream = s, .space = &s->layout->spaces[r->space], .facts = &s->facts[r->space]};
    AUTO_FD int fd = -1;
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(WINDOW_BYTES);
    AUTO(redo_image) image = redo_image_new(s->options->family, s->options->page_size);
    const uint64_t from = (uint64_t)r->part * RANGE_BYTES;
    const uint64_t to = w.facts->size - from < RANGE_BYTES ? w.facts->size : from + RANGE_BYTES;
    TRY(target_create(s->options->target, &fd, w.space->target, TARGET_SHARED, 0660));
    if (r->part == 0 && ftruncate(fd, (off_t)w.facts->size))
        return err_os("%s: cannot set the size to %" PRIu64, w.space->target, w.facts->size);
    w.fd = fd;
    w.buf = buf;
    w.image = image;
    TRY(stream_range(&w, from, to));
    /* Start write-back now, so that the fsync at the end has little left to wait for. */
    if (!w.space->external)
        sync_file_range(fd, (off_t)from, (off_t)(to - from), SYNC_FILE_RANGE_WRITE);
    else
        TRY(file_fsync(
            fd,
            w.space->target)); /* another file system, which the sync of the target may not cover */
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
    struct stream s = {.layout = layout, .options = options};
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
