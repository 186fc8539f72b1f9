/* verify/hash_pace.c: see hash_pace.h. */
#include "verify/hash_pace.h"

#include "base/clock.h"
#include "base/signals.h"

enum { SLEEP_MS_MAX = 100 };
static const double poll_seconds = 0.2, burst_seconds = 0.1;

void hash_pace_init(struct hash_pace *p)
{
    pthread_mutex_init(&p->lock, NULL);
    p->due = p->polled = clock_seconds();
}

void hash_pace_fini(struct hash_pace *p)
{
    pthread_mutex_destroy(&p->lock);
}

/* Counts the bytes; seconds until the rate allows to go on. A time without reading earns nothing but a short burst. */
static double book(struct hash_pace *p, uint64_t bytes, struct err **e)
{
    const double now = clock_seconds();
    double wait = 0;
    pthread_mutex_lock(&p->lock);
    if (p->rate) {
        if (p->due < now - burst_seconds)
            p->due = now - burst_seconds;
        p->due += (double)bytes / (double)p->rate;
        wait = p->due - now;
    }
    if (p->poll && now - p->polled >= poll_seconds) {
        p->polled = now;
        *e = p->poll(p->poll_ctx);
    }
    pthread_mutex_unlock(&p->lock);
    return wait;
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
    progress_add(p->progress, bytes);
    for (;;) {
        struct err *e = NULL;
        TRY(signals_check());
        const double wait = book(p, bytes, &e);
        TRY(e);
        if (wait <= 0)
            return NULL;
        clock_sleep_ms(wait * 1000 > SLEEP_MS_MAX ? SLEEP_MS_MAX : 1 + (unsigned)(wait * 1000));
        bytes = 0;
    }
}
