/* base/workers.c: see workers.h. */
#include "base/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct crew {
    workers_fn *work;
    void *ctx;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards error */
    struct err *error;
};

static void *run(void *arg)
{
    struct crew *c = arg;
    while (!atomic_load_explicit(&c->stop, memory_order_relaxed)) {
        bool more = true;
        struct err *e = c->work(c->ctx, &more);
        if (e) {
            pthread_mutex_lock(&c->lock);
            c->error = err_first(c->error, e);
            pthread_mutex_unlock(&c->lock);
            atomic_store(&c->stop, true);
        }
        if (!more)
            break;
    }
    return NULL;
}

struct err *workers_run(int n_threads, workers_fn *work, void *ctx)
{
    struct crew c = {.work = work, .ctx = ctx};
    pthread_mutex_init(&c.lock, NULL);
    pthread_t *threads = mem_alloc(sizeof *threads * (size_t)n_threads);
    int started = 0;
    while (started < n_threads - 1) {
        const int rc = pthread_create(&threads[started], NULL, run, &c);
        if (rc)
            break; /* fewer threads do the same work */
        started++;
    }
    run(&c);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    pthread_mutex_destroy(&c.lock);
    return c.error;
}
