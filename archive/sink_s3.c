/* archive/sink_s3.c: see sink_s3.h.
 *
 * One part is filled by who appends; full ones wait in a queue for a lane. A part's memory goes when the store has it. Who appends waits
 * before he begins a part for which there is no memory, and finds the error there that a lane has met. */
#include "archive/sink_s3.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct part {
    struct part *next;
    unsigned number;
    size_t n, size;
    uint8_t data[];
};

struct sink_s3 {
    struct sink sink;
    struct s3_client *client;
    char *key, *id;
    struct part *filling; /* the appender's alone; NULL: none begun */
    unsigned n_parts;     /* begun */
    uint64_t size;
    pthread_t lanes[SINK_S3_LANES];
    int n_lanes;
    bool completed;

    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t changed;
    struct part *first, **end; /* full, oldest first */
    uint64_t held;             /* bytes of parts that exist */
    bool no_more;              /* nothing will be added to the queue */
    struct err *error;         /* of a lane; after one nothing is uploaded any more */
    atomic_bool
        failed; /* there was one, be it handed on, or all is given up: ends the lanes' requests */
    char *etags[S3_PARTS_MAX];
};

static struct sink_s3 *self_of(struct sink *s)
{
    return (struct sink_s3 *)s; /* the first member */
}

uint64_t sink_s3_part_size(unsigned number)
{
    uint64_t size = SINK_S3_FIRST_PART;
    for (unsigned i = SINK_S3_PARTS_OF_A_SIZE; i < number; i += SINK_S3_PARTS_OF_A_SIZE)
        size = size / 8 * 11;
    return size;
}

/* ---- lanes ---- */

/* The oldest full part, waited for; NULL: there will be none. */
static struct part *take_part(struct sink_s3 *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->first && !s->no_more && !s->failed)
        pthread_cond_wait(&s->changed, &s->lock);
    struct part *p = s->failed ? NULL : s->first;
    if (p && !(s->first = p->next))
        s->end = &s->first;
    pthread_mutex_unlock(&s->lock);
    return p;
}

static void part_done(struct sink_s3 *s, struct part *p, char *etag, struct err *e)
{
    pthread_mutex_lock(&s->lock);
    s->etags[p->number - 1] = etag;
    s->held -= p->size;
    if (s->failed) {
        err_free(e); /* the first one is why the others ended */
    } else {
        s->error = e;
        s->failed = e != NULL;
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    free(p);
}

static void *run_lane(void *arg)
{
    struct sink_s3 *s = arg;
    struct part *p;
    while ((p = take_part(s))) {
        char *etag = NULL;
        struct err *e =
            s3_upload_part(s->client, s->key, s->id, p->number, p->data, p->n, &s->failed, &etag);
        part_done(s, p, etag, e);
    }
    return NULL;
}

/* Lets the lanes end, with what is in the queue uploaded, or not when `failed`. */
static void join_lanes(struct sink_s3 *s)
{
    pthread_mutex_lock(&s->lock);
    s->no_more = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    for (; s->n_lanes; s->n_lanes--)
        pthread_join(s->lanes[s->n_lanes - 1], NULL);
}

static struct err *start_lanes(struct sink_s3 *s)
{
    while (s->n_lanes < SINK_S3_LANES && !pthread_create(&s->lanes[s->n_lanes], NULL, run_lane, s))
        s->n_lanes++; /* fewer do the same work */
    return s->n_lanes ? NULL : err_make(FAILED, "cannot start a thread for the upload");
}

/* ---- the appender's side ---- */

/* The first caller gets the lanes' error; others learn that there was one. */
static struct err *take_error(struct sink_s3 *s)
{
    struct err *e = s->error;
    s->error = NULL;
    if (!e && s->failed) {
        AUTO_FREE char *name = s3_client_name(s->client, s->key);
        e = err_make(FAILED, "%s: the upload has failed", name);
    }
    return e;
}

/* A part that is larger than all memory goes out while the next one is filled: there are two at least. */
static bool has_room(const struct sink_s3 *s, uint64_t size)
{
    return s->held + size <= SINK_S3_MEMORY || s->held <= size;
}

static struct err *begin_part(struct sink_s3 *s)
{
    if (s->n_parts == S3_PARTS_MAX) {
        AUTO_FREE char *name = s3_client_name(s->client, s->key);
        return err_make(FAILED, "%s: an object cannot have more than %d parts", name, S3_PARTS_MAX);
    }
    const uint64_t size = sink_s3_part_size(s->n_parts + 1);
    pthread_mutex_lock(&s->lock);
    while (!s->failed && !has_room(s, size))
        pthread_cond_wait(&s->changed, &s->lock);
    struct err *e = take_error(s);
    s->held += e ? 0 : size;
    pthread_mutex_unlock(&s->lock);
    if (e)
        return e;
    s->filling = mem_alloc(sizeof *s->filling + size);
    *s->filling = (struct part){.number = ++s->n_parts, .size = size};
    return NULL;
}

static void queue_part(struct sink_s3 *s)
{
    pthread_mutex_lock(&s->lock);
    *s->end = s->filling;
    s->end = &s->filling->next;
    s->filling = NULL;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static struct err *s3_append(struct sink *sink, const void *data, size_t n)
{
    struct sink_s3 *s = self_of(sink);
    for (const uint8_t *from = data; n;) {
        if (!s->filling)
            TRY(begin_part(s));
        struct part *p = s->filling;
        const size_t room = p->size - p->n, k = n < room ? n : room;
        memcpy(p->data + p->n, from, k);
        p->n += k;
        from += k;
        n -= k;
        s->size += k;
        if (p->n == p->size)
            queue_part(s);
    }
    return NULL;
}

static struct err *s3_commit(struct sink *sink)
{
    struct sink_s3 *s = self_of(sink);
    if (s->filling)
        queue_part(s);
    join_lanes(s);
    return take_error(s);
}

struct err *sink_s3_complete(struct sink *sink)
{
    struct sink_s3 *s = self_of(sink);
    TRY(s3_upload_complete(s->client, s->key, s->id, s->etags, s->n_parts, s->size));
    s->completed = true;
    return NULL;
}

static void give_up(struct sink_s3 *s)
{
    pthread_mutex_lock(&s->lock);
    s->failed = true;
    pthread_mutex_unlock(&s->lock);
    join_lanes(s);
    err_free(s->error);
    if (s->id) /* what cannot be aborted now is, by whoever deletes backups, some days later */
        err_free(s3_upload_abort(s->client, s->key, s->id));
}

static void s3_free(struct sink *sink)
{
    struct sink_s3 *s = self_of(sink);
    if (!s->completed)
        give_up(s);
    for (struct part *p = s->first, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    for (unsigned i = 0; i < s->n_parts; i++)
        free(s->etags[i]);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s->filling);
    free(s->key);
    free(s->id);
    free(s);
}

struct err *sink_s3_open(struct sink **out, struct s3_client *client, const char *key)
{
    struct sink_s3 *s = mem_zalloc(sizeof *s);
    s->sink = (struct sink){.append = s3_append, .commit = s3_commit, .free = s3_free};
    s->client = client;
    s->key = mem_strdup(key);
    s->end = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    struct err *e = s3_upload_begin(client, key, &s->id);
    if (!e)
        e = start_lanes(s);
    if (e) {
        s3_free(&s->sink);
        return e;
    }
    *out = &s->sink;
    return NULL;
}
