/* base/cold_read.c: see cold_read.h. All of it but the reading is advice: where it fails, the cache is left as it is. */
#include "base/cold_read.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static uint64_t page_bytes(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* First byte of the page that `at` is in. */
static uint64_t page_begin(uint64_t at)
{
    return at - at % page_bytes();
}

static size_t window_pages(const struct cold_window *w)
{
    return (size_t)((w->at + w->n - page_begin(w->at) + page_bytes() - 1) / page_bytes());
}

/* Fills w->resident. */
static bool ask(struct cold_window *w, int fd)
{
    const uint64_t begin = page_begin(w->at);
    const size_t len = (size_t)(w->at + w->n - begin);
    void *const map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, (off_t)begin);
    if (map == MAP_FAILED)
        return false;
    const bool told = mincore(map, len, w->resident) == 0;
    munmap(map, len);
    return told;
}

static void look(struct cold_window *w, int fd, uint64_t at, size_t n)
{
    struct stat st;
    const uint64_t size = fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
    const uint64_t left = at < size ? size - at : 0;
    w->at = at;
    w->n = left < n ? (size_t)left : n;
    w->cold = false;
    if (!w->n || !ask(w, fd)) {
        w->n = 0;
        return;
    }
    for (size_t i = 0, pages = window_pages(w); i < pages; i++)
        w->cold |= !(w->resident[i] & 1);
}

/* Every run of pages that were not in the cache. */
static void forget(const struct cold_window *w, int fd)
{
    const uint64_t page = page_bytes(), begin = page_begin(w->at);
    if (!w->n || !w->cold)
        return;
    const size_t pages = window_pages(w);
    for (size_t i = 0, end; i < pages; i = end + 1) {
        for (end = i; end < pages && !(w->resident[end] & 1);)
            end++;
        if (end > i)
            (void)posix_fadvise(fd, (off_t)(begin + i * page), (off_t)((end - i) * page),
                                POSIX_FADV_DONTNEED);
    }
}

static void stop_kernel(int fd)
{
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
}

bool cold_begin(int fd, size_t n)
{
    struct cold_window w;
    stop_kernel(fd);
    look(&w, fd, 0, n);
    return w.cold;
}

void cold_forget(int fd, size_t n)
{
    (void)posix_fadvise(fd, 0, (off_t)n, POSIX_FADV_DONTNEED);
}

void cold_reader_init(struct cold_reader *r, int fd)
{
    r->fd = fd;
    r->now.n = r->ahead.n = 0;
    stop_kernel(fd);
}

/* What is read ahead was not there before. */
static void overlay(struct cold_window *now, const struct cold_window *ahead)
{
    if (!now->n || !ahead->n || ahead->at != now->at)
        return;
    const size_t a = window_pages(now), b = window_pages(ahead);
    for (size_t i = 0; i < a && i < b; i++)
        now->resident[i] &= ahead->resident[i];
    now->cold |= ahead->cold;
}

static void begin_next(struct cold_reader *r, uint64_t at, size_t n)
{
    look(&r->ahead, r->fd, at, n);
    if (r->ahead.cold)
        (void)posix_fadvise(r->fd, (off_t)at, (off_t)r->ahead.n, POSIX_FADV_WILLNEED);
    else
        r->ahead.n = 0;
}

struct err *cold_read(struct cold_reader *r, void *buf, size_t n, uint64_t at, size_t next,
                      size_t *got, const char *path)
{
    assert(n <= COLD_READ_MAX && next <= COLD_READ_MAX);
    look(&r->now, r->fd, at, n);
    overlay(&r->now, &r->ahead);
    TRY(file_pread(r->fd, buf, n, at, got, path));
    if (r->ahead.at != at || r->ahead.n > r->now.n)
        forget(&r->ahead, r->fd); /* not all of it was asked for */
    r->ahead.n = 0;
    if (r->now.cold && next)
        begin_next(r, at + n, next);
    forget(&r->now, r->fd);
    return NULL;
}

void cold_reader_fini(struct cold_reader *r)
{
    forget(&r->ahead, r->fd);
    r->ahead.n = 0;
}
