/* engine/pace.c: see pace.h. */
#include "engine/pace.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/pace_control.h"
#include "server/commit_latency.h"

enum { SLEEP_MS_MAX = 100, LOOK_SECONDS = 1, FILE_MAX = 64 << 10 };

struct pace {
    struct pace_options options;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t ends;
    bool lifted, ended;
    struct pace_settings settings;
    struct pace_control control;
    struct bucket bucket;
    double begun, finished; /* by clock_seconds; 0: not yet */
    uint64_t bytes, lowest;
    unsigned n_waiting;
    double waits_since, waited;
    struct commit_latency *latency; /* written, like the settings, by those who look alone */
    /* Not guarded: of those who look, and of nobody else. */
    pthread_t thread;
    bool has_thread;
    bool gave_up;    /* the server does not tell what a commit takes; until other settings come */
    char *complaint; /* of the file, that was told last */
    uint64_t seen_bytes;
    double seen_at;
};

static uint64_t lower(uint64_t a, uint64_t b)
{
    return !a || (b && b < a) ? b : a;
}

/* The lock is held. */
static uint64_t rate_of(const struct pace *p)
{
    return p->lifted ? 0 : lower(p->settings.rate, p->control.rate);
}

/* --- those who read --- */

static double book(struct pace *p, uint64_t bytes)
{
    const double now = clock_seconds();
    pthread_mutex_lock(&p->lock);
    p->bytes += bytes;
    if (!p->begun)
        p->begun = now;
    const double booking = bucket_book(&p->bucket, now, rate_of(p), bytes);
    pthread_mutex_unlock(&p->lock);
    return booking;
}

/* Seconds that are left to wait. */
static double left(struct pace *p, double booking)
{
    pthread_mutex_lock(&p->lock);
    const double seconds = bucket_wait(&p->bucket, clock_seconds(), rate_of(p), booking);
    pthread_mutex_unlock(&p->lock);
    return seconds;
}

static void wait_begins(struct pace *p)
{
    pthread_mutex_lock(&p->lock);
    if (!p->n_waiting++)
        p->waits_since = clock_seconds();
    pthread_mutex_unlock(&p->lock);
}

static void wait_ends(struct pace *p)
{
    pthread_mutex_lock(&p->lock);
    if (!--p->n_waiting)
        p->waited += clock_seconds() - p->waits_since;
    pthread_mutex_unlock(&p->lock);
}

struct err *pace_take(struct pace *p, uint64_t bytes)
{
    struct err *e = NULL;
    if (!p)
        return NULL;
    const double booking = book(p, bytes);
    double seconds = left(p, booking);
    if (seconds <= 0)
        return NULL;
    wait_begins(p);
    while (seconds > 0 && !e) {
        clock_sleep_ms(seconds * 1000 < SLEEP_MS_MAX ? 1 + (unsigned)(seconds * 1000)
                                                     : SLEEP_MS_MAX);
        e = p->options.poll(p->options.poll_ctx);
        seconds = left(p, booking);
    }
    wait_ends(p);
    return e;
}

void pace_lift(struct pace *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->lifted = true;
    pthread_mutex_unlock(&p->lock);
}

/* --- C3: the file --- */

static struct err *read_text(char **text, const char *path)
{
    struct stat st;
    size_t len;
    bool absent;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_make(USAGE, "%s: is no ordinary file", path);
    TRY(file_absent(file_read_all(text, &len, path, FILE_MAX), &absent));
    if (absent)
        *text = mem_strdup("");
    return NULL;
}

static void tell_settings(const struct pace *p, const struct pace_settings *s)
{
    char rate[16];
    if (s->rate)
        log_info(p->options.log, "pace", "%s: reading at most %s/s", p->options.file,
                 text_bytes(rate, s->rate));
    else
        log_info(p->options.log, "pace", "%s: reading at any rate", p->options.file);
    if (s->latency_ms)
        log_info(p->options.log, "pace", "%s: slower while a commit takes longer than %llu ms",
                 p->options.file, (unsigned long long)s->latency_ms);
}

static void take_settings(struct pace *p, const struct pace_settings *s)
{
    if (s->rate == p->settings.rate && s->latency_ms == p->settings.latency_ms)
        return;
    pthread_mutex_lock(&p->lock);
    p->settings = *s;
    if (!s->latency_ms)
        p->control.rate = 0;
    pthread_mutex_unlock(&p->lock);
    p->gave_up = false;
    tell_settings(p, s);
}

static struct err *read_file(struct pace *p)
{
    AUTO_FREE char *text = NULL;
    struct pace_settings s;
    TRY(read_text(&text, p->options.file));
    TRY_AT(pace_settings_parse(&s, &p->options.settings, text), "%s", p->options.file);
    take_settings(p, &s);
    return NULL;
}

/* Takes e. */
static void complain_once(struct pace *p, struct err *e)
{
    const bool known = e && p->complaint && !strcmp(e->message, p->complaint);
    if (e && !known)
        log_warning(p->options.log, "pace", "%s; the pace stays as it is", e->message);
    free(p->complaint);
    p->complaint = e ? mem_strdup(e->message) : NULL;
    err_free(e);
}

/* --- C4: what a commit takes --- */

static struct err *open_latency(struct pace *p)
{
    struct commit_latency *l;
    if (!p->settings.latency_ms || p->latency || p->gave_up)
        return NULL;
    TRY_AT(commit_latency_open(&l, &p->options.conn, p->options.flavour), "--pace");
    pthread_mutex_lock(&p->lock);
    p->latency = l;
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void close_latency(struct pace *p)
{
    pthread_mutex_lock(&p->lock);
    struct commit_latency *l = p->latency;
    p->latency = NULL;
    pthread_mutex_unlock(&p->lock);
    commit_latency_free(l);
}

/* Takes e. */
static void give_up(struct pace *p, struct err *e)
{
    pthread_mutex_lock(&p->lock);
    const bool ended = p->ended;
    pthread_mutex_unlock(&p->lock);
    if (!ended)
        log_warning(p->options.log, "pace", "%s; reading goes on at the rate of now", e->message);
    err_free(e);
    close_latency(p);
    p->gave_up = true;
}

/* Bytes that were read in a second since the last look. */
static uint64_t read_rate(struct pace *p)
{
    const double now = clock_seconds(), seconds = now - p->seen_at;
    const uint64_t bytes = p->bytes - p->seen_bytes;
    p->seen_at = now;
    p->seen_bytes = p->bytes;
    return seconds > 0 ? (uint64_t)((double)bytes / seconds) : 0;
}

static void control(struct pace *p, double ms)
{
    char rate[16];
    pthread_mutex_lock(&p->lock);
    const uint64_t before = p->control.rate;
    pace_control_step(&p->control, ms, p->settings.latency_ms, read_rate(p));
    const uint64_t after = p->control.rate;
    p->lowest = lower(p->lowest, after);
    pthread_mutex_unlock(&p->lock);
    if (after && (!before || after < before))
        log_info(p->options.log, "pace", "a commit takes %.1f ms: reading at most %s/s", ms,
                 text_bytes(rate, after));
    else if (before && !after)
        log_info(p->options.log, "pace", "a commit takes %.1f ms: reading at full speed again", ms);
}

static struct err *watch_latency(struct pace *p)
{
    double ms;
    TRY(open_latency(p));
    if (!p->settings.latency_ms || !p->latency)
        return NULL;
    TRY_AT(commit_latency_look(p->latency, &ms), "--pace");
    control(p, ms);
    return NULL;
}

void pace_look(struct pace *p)
{
    if (p->options.file)
        complain_once(p, read_file(p));
    struct err *e = watch_latency(p);
    if (e)
        give_up(p, e);
}

/* --- the thread --- */

/* False: it is to end. */
static bool rest(struct pace *p)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_SECONDS;
    pthread_mutex_lock(&p->lock);
    while (!p->ended && !rc)
        rc = pthread_cond_timedwait(&p->ends, &p->lock, &until);
    const bool ended = p->ended;
    pthread_mutex_unlock(&p->lock);
    return !ended;
}

static void *run(void *arg)
{
    struct pace *p = arg;
    while (rest(p))
        pace_look(p);
    return NULL;
}

struct err *pace_start(struct pace *p)
{
    if (!p->options.file && !p->settings.latency_ms)
        return NULL;
    const int rc = pthread_create(&p->thread, NULL, run, p);
    p->has_thread = rc == 0;
    return rc ? err_make(FAILED, "cannot start a thread for the pace: %s", strerror(rc)) : NULL;
}

static struct pace *pace_new(const struct pace_options *options)
{
    struct pace *p = mem_zalloc(sizeof *p);
    pthread_condattr_t attr;
    p->options = *options;
    p->settings = options->settings;
    p->seen_at = clock_seconds();
    bucket_init(&p->bucket, p->seen_at);
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->ends, &attr);
    pthread_condattr_destroy(&attr);
    return p;
}

struct err *pace_open(struct pace **out, const struct pace_options *options)
{
    struct pace *p = pace_new(options);
    struct err *e = options->file ? read_file(p) : NULL;
    if (!e)
        e = open_latency(p);
    if (e)
        pace_free(p);
    else
        *out = p;
    return e;
}

void pace_end(struct pace *p)
{
    pthread_mutex_lock(&p->lock);
    p->lifted = p->ended = true;
    if (!p->finished)
        p->finished = clock_seconds();
    if (p->latency)
        commit_latency_cut(p->latency);
    pthread_cond_signal(&p->ends);
    pthread_mutex_unlock(&p->lock);
    if (p->has_thread)
        pthread_join(p->thread, NULL);
    p->has_thread = false;
    close_latency(p);
}

void pace_summarize(struct pace_summary *out, const struct pace *p)
{
    *out = (struct pace_summary){.settings = p->settings,
                                 .bytes = p->bytes,
                                 .seconds = p->begun ? p->finished - p->begun : 0,
                                 .waited = p->waited,
                                 .lowest = p->lowest};
}

void pace_free(struct pace *p)
{
    if (!p)
        return;
    pace_end(p);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->ends);
    free(p->complaint);
    free(p);
}
