/* restore/page_stream.c: see page_stream.h. */
#include "restore/page_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/workers.h"
#include "restore/restored_files.h"

/* Memory that a thread works in, while no thread does: the next range's need not be got from the system again, page by page. */
struct spare_window {
    struct spare_window *next;
};

struct stream {
    const struct page_stream_options *options;
    struct page_range_env env;
    struct restored_files files;
    _Atomic size_t next_file, next_range;
    _Atomic uint64_t pages_recovered, bytes_written;
    pthread_mutex_t lock; /* guards the list */
    struct spare_window *windows;
};

/* What a thread writes to. */
struct output {
    struct stream *stream;
    const struct restored_file *file;
    int fd;
};

static struct err *learn_work(void *ctx, bool *more)
{
    struct stream *s = ctx;
    const size_t i = atomic_fetch_add(&s->next_file, 1);
    if (i >= s->files.n) {
        *more = false;
        return NULL;
    }
    struct restored_file *f = &s->files.items[i];
    TRY(signals_check());
    TRY(restored_file_learn(f, &s->env, s->options->keys));
    if (f->exists && f->plan->external && access(f->plan->target, F_OK) == 0)
        return err_make(REFUSED, "%s: exists already", f->plan->target);
    return NULL;
}

/* --- ranges --- */

static struct err *key_of(void *ctx, const struct space_key **key)
{
    const struct output *out = ctx;
    *key = &out->file->key;
    return NULL;
}

static struct err *put(void *ctx, const uint8_t *data, size_t n, uint64_t at)
{
    const struct output *out = ctx;
    atomic_fetch_add(&out->stream->bytes_written, n);
    return file_pwrite(out->fd, data, n, at, out->file->plan->target);
}

static uint8_t *window_take(struct stream *s)
{
    pthread_mutex_lock(&s->lock);
    struct spare_window *w = s->windows;
    s->windows = w ? w->next : NULL;
    pthread_mutex_unlock(&s->lock);
    return w ? (uint8_t *)w : mem_alloc_aligned(PAGE_RANGE_WINDOW);
}

static void window_put(struct stream *s, uint8_t *window)
{
    struct spare_window *w = (void *)window;
    pthread_mutex_lock(&s->lock);
    w->next = s->windows;
    s->windows = w;
    pthread_mutex_unlock(&s->lock);
}

static void windows_free(struct stream *s)
{
    while (s->windows)
        free(window_take(s));
}

static struct err *write_range(struct stream *s, const struct restored_range *r, uint8_t *window)
{
    const struct restored_file *f = &s->files.items[r->file];
    const struct space_plan *plan = f->plan;
    struct output out = {.stream = s, .file = f};
    AUTO_FD int fd = -1;
    const struct page_range range = {.space = plan,
                                     .format = &f->format,
                                     .from = r->from,
                                     .to = r->to,
                                     .in_pieces = true,
                                     .window = window,
                                     .ctx = &out,
                                     .key = key_of,
                                     .put = put};
    uint64_t n_recovered;
    TRY(target_create(s->options->target, &fd, plan->target, TARGET_SHARED, 0660));
    if (r->from == 0 && ftruncate(fd, (off_t)f->size))
        return err_os("%s: cannot set the size to %" PRIu64, plan->target, f->size);
    out.fd = fd;
    TRY(page_range_run(&n_recovered, &s->env, &range));
    atomic_fetch_add(&s->pages_recovered, n_recovered);
    /* Start write-back now, so that the fsync at the end has little left to wait for. */
    if (!plan->external)
        sync_file_range(fd, (off_t)r->from, (off_t)(r->to - r->from), SYNC_FILE_RANGE_WRITE);
    else /* another file system, which the sync of the target may not cover */
        TRY(file_fsync(fd, plan->target));
    return NULL;
}

static struct err *range_work(void *ctx, bool *more)
{
    struct stream *s = ctx;
    const size_t i = atomic_fetch_add(&s->next_range, 1);
    if (i >= s->files.n_ranges) {
        *more = false;
        return NULL;
    }
    uint8_t *window = window_take(s);
    struct err *e = write_range(s, &s->files.ranges[i], window);
    window_put(s, window);
    return e;
}

struct err *page_stream_run(struct page_stream_stats *out, const struct layout *layout,
                            const struct page_range_env *env,
                            const struct page_stream_options *options)
{
    struct stream s = {.options = options, .env = *env};
    restored_files_init(&s.files, layout);
    pthread_mutex_init(&s.lock, NULL);
    struct err *e = workers_run(options->parallel, learn_work, &s);
    if (!e) {
        restored_files_cut(&s.files, env->chain->n);
        uint64_t total = 0;
        for (size_t i = 0; i < s.files.n; i++)
            total += s.files.items[i].size;
        progress_phase(env->progress, "pages", total);
        e = workers_run(options->parallel, range_work, &s);
    }
    *out = (struct page_stream_stats){.pages_recovered = s.pages_recovered,
                                      .bytes_written = s.bytes_written};
    for (size_t i = 0; i < s.files.n; i++)
        out->files += s.files.items[i].exists;
    restored_files_fini(&s.files);
    windows_free(&s);
    pthread_mutex_destroy(&s.lock);
    return e;
}
