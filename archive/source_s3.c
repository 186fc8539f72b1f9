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
    uint64_t at, n; /* unless empty */
    uint64_t used;  /* when last, by the source's count */
    uint8_t *data;
    uint64_t cap; /* of data */
};

struct source_s3 {
    struct source source;
    struct s3_client *client;
    char *key, *name;
    pthread_mutex_t lock; /* guards the windows; the data of one that is loading is its loader's */
    pthread_cond_t loaded;
    struct window windows[SOURCE_S3_WINDOWS];
    uint64_t count;
};

static struct source_s3 *self_of(struct source *s)
{
    return (struct source_s3 *)s; /* the first member */
}

static struct window *find(struct source_s3 *s, uint64_t offset)
{
    for (int i = 0; i < SOURCE_S3_WINDOWS; i++) {
        struct window *w = &s->windows[i];
        if (w->state != WINDOW_EMPTY && offset >= w->at && offset - w->at < w->n)
            return w;
    }
    return NULL;
}

/* The window to give up for another: an empty one, or the one not used for longest; NULL while all are loading. */
static struct window *oldest(struct source_s3 *s)
{
    struct window *found = NULL;
    for (int i = 0; i < SOURCE_S3_WINDOWS; i++) {
        struct window *w = &s->windows[i];
        if (w->state == WINDOW_EMPTY)
            return w;
        if (w->state == WINDOW_LOADED && (!found || w->used < found->used))
            found = w;
    }
    return found;
}

/* Length of the window for `offset`. It goes on from one that ends there or not far before: a reader of one file leaves out the chunks of
 * others. */
static uint64_t length_for(const struct source_s3 *s, uint64_t offset)
{
    uint64_t length = SOURCE_S3_FIRST;
    for (int i = 0; i < SOURCE_S3_WINDOWS; i++) {
        const struct window *w = &s->windows[i];
        const uint64_t end = w->at + w->n;
        if (w->state != WINDOW_EMPTY && offset >= end && offset - end <= w->n && 2 * w->n > length)
            length = 2 * w->n;
    }
    return length < SOURCE_S3_LONGEST ? length : SOURCE_S3_LONGEST;
}

/* The index is at the end, and the first thing read is what stands behind it: there the window begins before what is asked for. */
static void place(const struct source_s3 *s, struct window *w, uint64_t offset)
{
    const uint64_t size = s->source.size, length = length_for(s, offset);
    const uint64_t tail = size < SOURCE_S3_FIRST ? 0 : size - SOURCE_S3_FIRST;
    w->at = offset < tail ? offset : tail;
    w->n = size - w->at < length ? size - w->at : length;
}

static void reserve(struct window *w)
{
    if (w->n <= w->cap)
        return;
    free(w->data);
    w->data = mem_alloc(w->n);
    w->cap = w->n;
}

/* Called with the lock, which is given up meanwhile. */
static struct err *load(struct source_s3 *s, struct window *w, uint64_t offset)
{
    place(s, w, offset);
    w->state = WINDOW_LOADING;
    pthread_mutex_unlock(&s->lock);
    reserve(w);
    struct err *e = s3_get_range(s->client, s->key, w->at, w->data, (size_t)w->n);
    pthread_mutex_lock(&s->lock);
    w->state = e ? WINDOW_EMPTY : WINDOW_LOADED;
    pthread_cond_broadcast(&s->loaded);
    return e;
}

/* With the lock, before and after: a window that has `offset`, loaded. */
static struct err *take_window(struct source_s3 *s, uint64_t offset, struct window **out)
{
    for (;;) {
        struct window *w = find(s, offset);
        if (w && w->state == WINDOW_LOADED) {
            w->used = ++s->count;
            *out = w;
            return NULL;
        }
        if (!w && (w = oldest(s)))
            TRY(load(s, w, offset));
        else
            pthread_cond_wait(&s->loaded, &s->lock);
    }
}

/* What one window has of [offset, offset + n), into buf. *got > 0 unless there is an error. */
static struct err *read_window(struct source_s3 *s, void *buf, size_t n, uint64_t offset,
                               size_t *got)
{
    struct window *w;
    pthread_mutex_lock(&s->lock);
    struct err *e = take_window(s, offset, &w);
    if (!e) {
        const uint64_t there = w->at + w->n - offset;
        *got = n < there ? n : (size_t)there;
        memcpy(buf, w->data + (offset - w->at), *got);
    }
    pthread_mutex_unlock(&s->lock);
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
    for (int i = 0; i < SOURCE_S3_WINDOWS; i++)
        free(s->windows[i].data);
    pthread_cond_destroy(&s->loaded);
    pthread_mutex_destroy(&s->lock);
    free(s->key);
    free(s->name);
    free(s);
}

struct err *source_s3_open(struct source **out, struct s3_client *client, const char *key)
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
    s->key = mem_strdup(key);
    s->source.name = s->name = name;
    name = NULL;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->loaded, NULL);
    *out = &s->source;
    return NULL;
}
