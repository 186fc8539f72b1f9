/* archive/source_s3.c: see source_s3.h. */
#include "archive/source_s3.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum window_state { WINDOW_EMPTY, WINDOW_LOADING, WINDOW_LOADED };

struct window {
    enum window_state state;
    const struct source_s3 *owner; /* the others unless empty */
    uint64_t at, n;
    uint64_t used; /* when last, by the count */
    uint8_t *data;
};

struct s3_windows {
    pthread_mutex_t lock; /* guards all; the data of a window that is loading is its loader's */
    pthread_cond_t changed;
    struct window windows[SOURCE_S3_WINDOWS];
    uint64_t count, held; /* held: bytes of all of them */
};

struct source_s3 {
    struct source source;
    struct s3_client *client;
    struct s3_windows *pool;
    char *key, *name;
};

static struct source_s3 *self_of(struct source *s)
{
    return (struct source_s3 *)s; /* the first member */
}

/* ---- windows; but for the first two functions with their lock ---- */

struct s3_windows *s3_windows_new(void)
{
    struct s3_windows *p = mem_zalloc(sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    return p;
}

void s3_windows_free(struct s3_windows *p)
{
    if (!p)
        return;
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static bool is_of(const struct window *w, const struct source_s3 *s)
{
    return w->state != WINDOW_EMPTY && w->owner == s;
}

static void empty(struct s3_windows *p, struct window *w)
{
    free(w->data);
    p->held -= w->n;
    *w = (struct window){0};
}

static struct window *find(const struct source_s3 *s, uint64_t offset)
{
    for (int i = 0; i < SOURCE_S3_WINDOWS; i++) {
        struct window *w = &s->pool->windows[i];
        if (is_of(w, s) && offset >= w->at && offset - w->at < w->n)
            return w;
    }
    return NULL;
}

static struct window *first_in(struct s3_windows *p, enum window_state state)
{
    struct window *found = NULL;
    for (int i = 0; i < SOURCE_S3_WINDOWS; i++) {
        struct window *w = &p->windows[i];
        if (w->state == state && (!found || w->used < found->used))
            found = w;
    }
    return found;
}

/* An empty window, with memory for n bytes; those that were not used for longest make room. NULL while there are only such that
 * load. */
static struct window *make_room(struct s3_windows *p, uint64_t n)
{
    for (;;) {
        struct window *w = first_in(p, WINDOW_EMPTY);
        if (w && p->held + n <= SOURCE_S3_MEMORY)
            return w;
        struct window *oldest = first_in(p, WINDOW_LOADED);
        if (!oldest)
            return NULL;
        empty(p, oldest);
    }
}

/* Length of the window for `offset`. It goes on from one that ends there or not far before: a reader of one file leaves out the
 * chunks of others. */
static uint64_t length_for(const struct source_s3 *s, uint64_t offset)
{
    uint64_t length = SOURCE_S3_FIRST;
    for (int i = 0; i < SOURCE_S3_WINDOWS; i++) {
        const struct window *w = &s->pool->windows[i];
        const uint64_t end = w->at + w->n;
        if (is_of(w, s) && offset >= end && offset - end <= w->n && 2 * w->n > length)
            length = 2 * w->n;
    }
    return length < SOURCE_S3_LONGEST ? length : SOURCE_S3_LONGEST;
}

/* The index is at the end, and the first thing read is what stands behind it: there the window begins before what is asked for. */
static void place(const struct source_s3 *s, uint64_t offset, uint64_t *at, uint64_t *n)
{
    const uint64_t size = s->source.size, length = length_for(s, offset);
    const uint64_t tail = size < SOURCE_S3_FIRST ? 0 : size - SOURCE_S3_FIRST;
    *at = offset < tail ? offset : tail;
    *n = size - *at < length ? size - *at : length;
}

/* Into an empty window. The lock is given up meanwhile. */
static struct err *load(struct source_s3 *s, struct window *w, uint64_t at, uint64_t n)
{
    struct s3_windows *p = s->pool;
    *w = (struct window){WINDOW_LOADING, s, at, n, ++p->count, NULL};
    p->held += n;
    pthread_mutex_unlock(&p->lock);
    uint8_t *data = mem_alloc(n);
    struct err *e = s3_get_range(s->client, s->key, at, data, (size_t)n);
    pthread_mutex_lock(&p->lock);
    w->data = data;
    w->state = WINDOW_LOADED;
    if (e)
        empty(p, w);
    pthread_cond_broadcast(&p->changed);
    return e;
}

/* A window that has `offset`, loaded. */
static struct err *take_window(struct source_s3 *s, uint64_t offset, struct window **out)
{
    for (;;) {
        struct window *w = find(s, offset);
        if (w && w->state == WINDOW_LOADED) {
            w->used = ++s->pool->count;
            *out = w;
            return NULL;
        }
        uint64_t at, n;
        place(s, offset, &at, &n);
        if (!w && (w = make_room(s->pool, n)))
            TRY(load(s, w, at, n));
        else
            pthread_cond_wait(&s->pool->changed, &s->pool->lock);
    }
}

/* ---- the source ---- */

/* What one window has of [offset, offset + n), into buf. *got > 0 unless there is an error. */
static struct err *read_window(struct source_s3 *s, void *buf, size_t n, uint64_t offset,
                               size_t *got)
{
    struct window *w;
    pthread_mutex_lock(&s->pool->lock);
    struct err *e = take_window(s, offset, &w);
    if (!e) {
        const uint64_t there = w->at + w->n - offset;
        *got = n < there ? n : (size_t)there;
        memcpy(buf, w->data + (offset - w->at), *got);
    }
    pthread_mutex_unlock(&s->pool->lock);
    return e;
}

static struct err *s3_read_at(struct source *source, void *buf, size_t n, uint64_t offset,
                              size_t *got)
{
    *got = 0;
    if (offset >= source->size)
        return NULL;
    if (n > source->size - offset)
        n = (size_t)(source->size - offset);
    while (*got < n) {
        size_t k;
        TRY(read_window(self_of(source), (uint8_t *)buf + *got, n - *got, offset + *got, &k));
        *got += k;
    }
    return NULL;
}

/* Nothing is kept but the windows, and they go by age. */
static void s3_drop(struct source *s, uint64_t offset, uint64_t n)
{
    (void)s;
    (void)offset;
    (void)n;
}

static void s3_in_order(struct source *s)
{
    (void)s;
}

static void s3_free(struct source *source)
{
    struct source_s3 *s = self_of(source);
    pthread_mutex_lock(&s->pool->lock);
    for (int i = 0; i < SOURCE_S3_WINDOWS; i++)
        if (is_of(&s->pool->windows[i], s))
            empty(s->pool, &s->pool->windows[i]);
    pthread_cond_broadcast(&s->pool->changed);
    pthread_mutex_unlock(&s->pool->lock);
    free(s->key);
    free(s->name);
    free(s);
}

struct err *source_s3_open(struct source **out, struct s3_client *client,
                           struct s3_windows *windows, const char *key)
{
    bool found;
    uint64_t size;
    AUTO_FREE char *name = s3_client_name(client, key);
    TRY(s3_head(client, key, &found, &size));
    if (!found)
        return err_new_os(ENOENT, __FILE__, __LINE__, "%s: cannot open", name);
    struct source_s3 *s = mem_zalloc(sizeof *s);
    s->source = (struct source){.size = size,
                                .read_at = s3_read_at,
                                .drop = s3_drop,
                                .in_order = s3_in_order,
                                .free = s3_free};
    s->client = client;
    s->pool = windows;
    s->key = mem_strdup(key);
    s->source.name = s->name = name;
    name = NULL;
    *out = &s->source;
    return NULL;
}
