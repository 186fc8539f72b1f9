/* verify/hash_pace.c: see hash_pace.h. */
#include "verify/hash_pace.h"

#include "base/clock.h"
#include "base/signals.h"

enum { SLEEP_MS_MAX = 100 };
static const double poll_seconds = 0.2;

void hash_pace_init(struct hash_pace *p)
{
    pthread_mutex_init(&p->lock, NULL);
    p->polled = clock_seconds();
    bucket_init(&p->bucket, p->polled);
}

void hash_pace_fini(struct hash_pace *p)
{
    pthread_mutex_destroy(&p->lock);
}

static double book(struct hash_pace *p, uint64_t bytes)
{
    pthread_mutex_lock(&p->lock);
    const double booking = bucket_book(&p->bucket, clock_seconds(), p->rate, bytes);
    pthread_mutex_unlock(&p->lock);
    return booking;
}

/* *wait: seconds until the rate allows to go on. */
static struct err *look(struct hash_pace *p, double booking, double *wait)
{
    const double now = clock_seconds();
    struct err *e = NULL;
    pthread_mutex_lock(&p->lock);
    *wait = bucket_wait(&p->bucket, now, p->rate, booking);
    if (p->poll && now - p->polled >= poll_seconds) {
        p->polled = now;
        e = p->poll(p->poll_ctx);
    }
    pthread_mutex_unlock(&p->lock);
    return e;
}

bool hash_pace_spare(struct hash_pace *p, uint64_t bytes)
{
    if (!p->cut)
        return true;
    pthread_mutex_lock(&p->lock);
    const bool enough = bytes <= p->spare;
    p->spare -= enough ? bytes : 0;
    pthread_mutex_unlock(&p->lock);
    return enough;
}

struct err *hash_pace_step(struct hash_pace *p, uint64_t bytes)
{
    const double booking = book(p, bytes);
    progress_add(p->progress, bytes);
    for (;;) {
        double wait;
        TRY(signals_check());
        TRY(look(p, booking, &wait));
        if (wait <= 0)
            return NULL;
        clock_sleep_ms(wait * 1000 > SLEEP_MS_MAX ? SLEEP_MS_MAX : 1 + (unsigned)(wait * 1000));
    }
}
