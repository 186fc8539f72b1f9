/* base/progress.c: see progress.h. The drawing thread wakes a few times a second; everything it
 * reads beyond the counter is behind one lock. */
#include "base/progress.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

enum { BAR_TICK_MS = 200, JSON_TICK_MS = 1000, BAR_CELLS_MIN = 5, BAR_CELLS_MAX = 24 };

struct progress {
    enum progress_mode mode;
    char *what;
    atomic_uint_fast64_t done;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* guards all below, and the order of lines */
    pthread_cond_t wake;
    bool stop;
    char *phase, *note;
    uint64_t total;
    double phase_began;
    double rate; /* bytes per second, smoothed; 0 until known */
    double seen_at;
    uint64_t seen_done;
};

/* What a line is made of. total == 0 and eta < 0 mean unknown. */
struct moment {
    uint64_t done, total;
    double rate, eta;
};

/* Half of the figure is as old as three seconds: steady to read, quick to follow a stall. */
static void follow_rate(struct progress *p, double now, uint64_t done)
{
    const double dt = now - p->seen_at;
    if (dt < 0.05)
        return;
    const double rate = (double)(done - p->seen_done) / dt;
    const double weight = p->rate > 0 ? dt / (dt + 4.3) : 1;
    p->rate += (rate - p->rate) * weight;
    p->seen_at = now;
    p->seen_done = done;
}

static struct moment look(struct progress *p)
{
    const double now = clock_seconds();
    const uint64_t done = atomic_load_explicit(&p->done, memory_order_relaxed);
    follow_rate(p, now, done);
    struct moment m = {.done = done, .total = p->total, .rate = p->rate, .eta = -1};
    if (m.total && done >= m.total)
        m.eta = 0;
    else if (m.total && p->rate > 0)
        m.eta = (double)(m.total - done) / p->rate;
    return m;
}

static void put(const char *line)
{
    err_free(file_write(STDERR_FILENO, line, strlen(line), "stderr"));
}

static void put_json(const struct progress *p, const struct moment *m)
{
    AUTO_FREE char *what = text_json(p->what);
    AUTO_FREE char *phase = text_json(p->phase);
    AUTO_FREE char *note = text_json(p->note);
    char total[24] = "null", eta[24] = "null";
    if (m->total)
        snprintf(total, sizeof total, "%llu", (unsigned long long)m->total);
    if (m->eta >= 0)
        snprintf(eta, sizeof eta, "%.0f", m->eta < 1e9 ? m->eta : 1e9);
    AUTO_FREE char *line =
        mem_printf("{\"event\":\"progress\",\"command\":%s,\"phase\":%s,\"done\":%llu,\"total\":%s,"
                   "\"rate\":%.0f,"
                   "\"eta\":%s,\"note\":%s}\n",
                   what, phase, (unsigned long long)m->done, total, m->rate, eta, note);
    put(line);
}

static size_t terminal_width(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20 ? w.ws_col : 80;
}

/* Shortens to at most n bytes, never inside a UTF-8 sequence. */
static void cut_to(char *text, size_t n)
{
    if (strlen(text) <= n)
        return;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--;
    text[n] = '\0';
}

/* "1.2 GiB of 3.0 GiB  310.0 MiB/s  eta 0:06" as far as known, owned by caller. */
static char *figures_of(const struct moment *m)
{
    char done[16], total[16], rate[16], eta[24];
    AUTO_FREE char *size =
        m->total  ? mem_printf("  %s of %s", text_bytes(done, m->done), text_bytes(total, m->total))
        : m->done ? mem_printf("  %s", text_bytes(done, m->done))
                  : mem_strdup("");
    AUTO_FREE char *speed =
        m->rate > 0 ? mem_printf("  %s/s", text_bytes(rate, (uint64_t)m->rate)) : mem_strdup("");
    if (m->eta > 0)
        return mem_printf("%s%s  eta %s", size, speed, text_duration(eta, m->eta));
    return mem_printf("%s%s", size, speed);
}

/* " [######......]  42%", owned by caller. `room` is what the other words leave of the line; the
 * widest figures are set aside, so that the bar keeps its length while they change. */
static char *cells_of(const struct moment *m, size_t room)
{
    if (!m->total)
        return mem_strdup("");
    const double part = m->done < m->total ? (double)m->done / (double)m->total : 1;
    const size_t around =
        sizeof " [] 100%" + sizeof "  999.9 MiB of 999.9 MiB  999.9 MiB/s  eta 0:00";
    const size_t n = room < around + BAR_CELLS_MIN   ? BAR_CELLS_MIN
                     : room > around + BAR_CELLS_MAX ? BAR_CELLS_MAX
                                                     : room - around;
    char cells[BAR_CELLS_MAX + 1] = {0};
    for (size_t i = 0; i < n; i++)
        cells[i] = i < (size_t)(part * (double)n) ? '#' : '.';
    return mem_printf(" [%s] %3d%%", cells, (int)(part * 100));
}

static void put_bar(const struct progress *p, const struct moment *m, const char *end)
{
    const size_t width = terminal_width() - 1; /* the last column would wrap */
    AUTO_FREE char *figures = figures_of(m);
    const size_t used = strlen(p->what) + 1 + strlen(p->phase);
    AUTO_FREE char *cells = cells_of(m, used < width ? width - used : 0);
    AUTO_FREE char *raw = mem_printf("%s %s%s%s%s%s", p->what, p->phase, cells, figures,
                                     p->note[0] ? "  " : "", p->note);
    AUTO_FREE char *text = text_one_line(raw);
    cut_to(text, width);
    AUTO_FREE char *line = mem_printf("\r%s\033[K%s", text, end);
    put(line);
}

static void draw(struct progress *p, bool last_of_phase)
{
    if (!p->phase[0])
        return;
    struct moment m = look(p);
    if (last_of_phase) { /* the whole phase's rate is the one worth keeping on the screen */
        const double seconds = clock_seconds() - p->phase_began;
        m.rate = seconds > 0.001 ? (double)m.done / seconds : 0;
        m.eta = m.total && m.done >= m.total ? 0 : -1;
    }
    if (p->mode == PROGRESS_JSON)
        put_json(p, &m);
    else
        put_bar(p, &m, last_of_phase ? "\n" : "");
}

static void *run(void *arg)
{
    struct progress *p = arg;
    const long tick = (p->mode == PROGRESS_JSON ? JSON_TICK_MS : BAR_TICK_MS) * 1000000L;
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += tick;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        int rc = 0;
        while (!p->stop && rc != ETIMEDOUT)
            rc = pthread_cond_timedwait(&p->wake, &p->lock, &until);
        if (!p->stop)
            draw(p, false);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct progress *progress_open(enum progress_mode mode, const char *what)
{
    if (mode == PROGRESS_NONE)
        return NULL;
    struct progress *p = mem_zalloc(sizeof *p);
    p->mode = mode;
    p->what = mem_strdup(what);
    p->phase = mem_strdup("");
    p->note = mem_strdup("");
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &attr);
    pthread_condattr_destroy(&attr);
    /* Without a thread only the first and the last line of each phase are drawn. */
    p->has_thread = pthread_create(&p->thread, NULL, run, p) == 0;
    return p;
}

void progress_phase(struct progress *p, const char *phase, uint64_t total_bytes)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    draw(p, true);
    free(p->phase);
    p->phase = mem_strdup(phase);
    free(p->note);
    p->note = mem_strdup("");
    p->total = total_bytes;
    atomic_store(&p->done, 0);
    p->rate = 0;
    p->seen_done = 0;
    p->phase_began = p->seen_at = clock_seconds();
    draw(p, false);
    pthread_mutex_unlock(&p->lock);
}

void progress_add(struct progress *p, uint64_t bytes)
{
    if (p)
        atomic_fetch_add_explicit(&p->done, bytes, memory_order_relaxed);
}

void progress_note(struct progress *p, const char *fmt, ...)
{
    if (!p)
        return;
    char *note = NULL;
    va_list ap;
    va_start(ap, fmt);
    const int n = vasprintf(&note, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    pthread_mutex_lock(&p->lock);
    free(p->note);
    p->note = note;
    pthread_mutex_unlock(&p->lock);
}

void progress_close(struct progress *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    if (p->has_thread)
        pthread_join(p->thread, NULL);
    draw(p, true);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->what);
    free(p->phase);
    free(p->note);
    free(p);
}
