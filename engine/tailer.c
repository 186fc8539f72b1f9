/* engine/tailer.c: see tailer.h for the invariants T1..T3. What is read and how: tail_source.h. */
#include "engine/tailer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "engine/tail_source.h"

static const struct tail_family *const families[] = {
    [TAILER_MARIADB] = &tail_mariadb,
    [TAILER_MYSQL] = &tail_mysql,
};

struct tailer {
    struct tail_source *source;
    char *spool_path;
    int spool_fd;
    _Atomic lsn_t lsn;
    atomic_bool stop, awaited, failed;
    _Atomic lsn_t end_lsn; /* what starts here or behind stays out of the tables */
    pthread_t thread;
    bool running, at_rest;
    pthread_mutex_t lock; /* guards the source's tables and error */
    pthread_cond_t moved; /* signalled with lock held when lsn or error changes */
    struct err *error;
};

/* T1: into the spool first, then into the tables, then known to those who wait. */
static struct err *take(struct tailer *t, const struct tail_find *found)
{
    lsn_t lsn = atomic_load(&t->lsn);
    TRY(file_pwrite(t->spool_fd, found->bytes, found->len, found->spool_offset, t->spool_path));
    pthread_mutex_lock(&t->lock);
    struct err *e = t->source->family->observe(t->source, found, &lsn, atomic_load(&t->end_lsn));
    atomic_store(&t->lsn, lsn);
    pthread_cond_broadcast(&t->moved);
    pthread_mutex_unlock(&t->lock);
    return e;
}

/* One look at the log. */
static struct err *step(struct tailer *t, bool *progress)
{
    struct tail_find found = {0};
    if (t->at_rest) /* nobody waits for this to end, but a signal */
        TRY(signals_check());
    TRY(t->source->family->look(t->source, atomic_load(&t->lsn), &found));
    *progress = found.len || found.moved;
    return found.len ? take(t, &found) : NULL;
}

static struct err *follow(struct tailer *t)
{
    const struct tail_family *family = t->source->family;
    while (!atomic_load(&t->stop) && atomic_load(&t->lsn) < atomic_load(&t->end_lsn)) {
        bool progress;
        TRY(step(t, &progress));
        if (progress)
            continue;
        if (t->at_rest)
            return family->check_end(t->source, atomic_load(&t->lsn));
        TRY(family->look_around(t->source, atomic_load(&t->lsn)));
        if (!atomic_load(&t->stop))
            clock_sleep_ms(atomic_load(&t->awaited) ? family->awaited_ms : family->idle_ms);
    }
    return NULL;
}

static void *thread_main(void *arg)
{
    struct tailer *t = arg;
    struct err *e = follow(t);
    t->source->family->leave(t->source);
    if (e) {
        pthread_mutex_lock(&t->lock);
        t->error = err_wrap(e, "redo tail");
        atomic_store(&t->failed, true);
        pthread_cond_broadcast(&t->moved);
        pthread_mutex_unlock(&t->lock);
    }
    return NULL;
}

static void init_sync(struct tailer *t)
{
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->moved, &attr);
    pthread_condattr_destroy(&attr);
}

struct err *tailer_open(struct tailer **out, const struct tailer_options *options)
{
    AUTO(tailer) t = mem_zalloc(sizeof *t);
    t->spool_fd = -1;
    t->spool_path = mem_strdup(options->spool_path);
    t->at_rest = options->at_rest;
    atomic_store(&t->end_lsn, UINT64_MAX);
    init_sync(t);
    TRY(families[options->log_kind]->open(&t->source, options));
    TRY(file_open(&t->spool_fd, t->spool_path, O_RDWR | O_CREAT | O_EXCL, 0600));
    atomic_store(&t->lsn, t->source->start_lsn);
    if (t->at_rest)
        page_watch_begin(&t->source->watch);
    const int rc = pthread_create(&t->thread, NULL, thread_main, t);
    if (rc)
        return err_new_os(rc, __FILE__, __LINE__, "cannot start the redo thread");
    t->running = true;
    *out = t;
    t = NULL;
    return NULL;
}

lsn_t tailer_start_lsn(const struct tailer *t)
{
    return t->source->start_lsn;
}

lsn_t tailer_checkpoint_end(const struct tailer *t)
{
    return t->source->checkpoint_end;
}

const struct tailer_origin *tailer_origin(const struct tailer *t)
{
    return &t->source->origin;
}

lsn_t tailer_lsn(const struct tailer *t)
{
    return atomic_load(&t->lsn);
}

uint64_t tailer_headroom(const struct tailer *t, uint64_t *capacity)
{
    *capacity = atomic_load(&t->source->capacity);
    if (t->at_rest)
        return UINT64_MAX; /* nobody overwrites it */
    return t->source->family->headroom(t->source, atomic_load(&t->lsn));
}

unsigned tailer_resizes(const struct tailer *t)
{
    return atomic_load(&t->source->resizes);
}

static struct err *error_copy(const struct err *e)
{
    if (!e)
        return NULL;
    struct err *copy = err_new(e->kind, e->file, e->line, "%s", e->message);
    return e->hint ? err_hint(copy, "%s", e->hint) : copy;
}

struct err *tailer_check(struct tailer *t)
{
    if (!atomic_load_explicit(&t->failed, memory_order_relaxed))
        return NULL;
    pthread_mutex_lock(&t->lock);
    struct err *e = error_copy(t->error);
    pthread_mutex_unlock(&t->lock);
    return e;
}

struct err *tailer_wait(struct tailer *t, lsn_t lsn, double timeout_seconds)
{
    const double end = clock_seconds() + timeout_seconds;
    struct err *e = NULL;
    atomic_store(&t->awaited, true);
    pthread_mutex_lock(&t->lock);
    while (!t->error && !signals_stop && atomic_load(&t->lsn) < lsn && clock_seconds() < end) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 100000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&t->moved, &t->lock, &until);
    }
    if (t->error)
        e = error_copy(t->error);
    else if (signals_stop)
        e = signals_check();
    else if (atomic_load(&t->lsn) < lsn)
        e = err_make(SERVER, "redo tail stays at LSN %" PRIu64 ", %" PRIu64 " expected for %.0f s",
                     atomic_load(&t->lsn), lsn, timeout_seconds);
    pthread_mutex_unlock(&t->lock);
    atomic_store(&t->awaited, false);
    return e;
}

const struct file_ops *tailer_file_ops(struct tailer *t)
{
    pthread_mutex_lock(&t->lock);
    return t->source->family->file_ops(t->source);
}

const struct ddl_events *tailer_ddl_events(struct tailer *t)
{
    pthread_mutex_lock(&t->lock);
    return t->source->family->ddl_events(t->source);
}

void tailer_release(struct tailer *t)
{
    pthread_mutex_unlock(&t->lock);
}

void tailer_watch_pages(struct tailer *t)
{
    pthread_mutex_lock(&t->lock);
    page_watch_begin(&t->source->watch);
    pthread_mutex_unlock(&t->lock);
}

void tailer_watch_until(struct tailer *t, lsn_t lsn)
{
    pthread_mutex_lock(&t->lock);
    t->source->watch.until = lsn;
    pthread_mutex_unlock(&t->lock);
}

const struct page_watch *tailer_watched(const struct tailer *t)
{
    return &t->source->watch;
}

void tailer_end_at(struct tailer *t, lsn_t lsn)
{
    atomic_store(&t->end_lsn, lsn);
}

static void join(struct tailer *t)
{
    if (t->running)
        pthread_join(t->thread, NULL);
    t->running = false;
}

struct err *tailer_wait_end(struct tailer *t)
{
    join(t);
    return tailer_check(t);
}

lsn_t tailer_seen_lsn(const struct tailer *t)
{
    return atomic_load(&t->source->server_lsn);
}

bool tailer_remade(const struct tailer *t, space_id_t space, page_no_t page)
{
    return page_watch_has(&t->source->watch, space, page);
}

static bool is_named(const char *name, const char *other)
{
    return other && !strcmp(name, other);
}

static bool mariadb_makes(const struct tailer *t, const struct file_ops *ops, const char *name)
{
    for (size_t i = 0; i < ops->n; i++) {
        const struct space_ops *o = &ops->items[i];
        if (is_named(name, o->created_as) ||
            (is_named(name, o->name) && (o->created || tailer_remade(t, o->id, 0))))
            return true;
    }
    return false;
}

static bool mysql_makes(const struct ddl_events *events, const char *name)
{
    for (size_t i = 0; i < events->n; i++) {
        const struct ddl_space *d = &events->spaces[i];
        if (is_named(name, d->created_as) ||
            (is_named(name, d->name) && (d->created || d->initialised)))
            return true;
    }
    return false;
}

bool tailer_makes(struct tailer *t, const char *name)
{
    const struct file_ops *ops = tailer_file_ops(t);
    const struct ddl_events *events = t->source->family->ddl_events(t->source);
    const bool makes = ops ? mariadb_makes(t, ops, name) : mysql_makes(events, name);
    tailer_release(t);
    return makes;
}

struct err *tailer_stop(struct tailer *t)
{
    atomic_store(&t->stop, true);
    join(t);
    return tailer_check(t);
}

void tailer_free(struct tailer *t)
{
    if (!t)
        return;
    err_free(tailer_stop(t));
    if (t->source) {
        page_watch_fini(&t->source->watch);
        t->source->family->free(t->source);
    }
    if (t->spool_fd >= 0)
        close(t->spool_fd);
    err_free(t->error);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->moved);
    free(t->spool_path);
    free(t);
}
