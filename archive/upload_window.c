/* archive/upload_window.c: see upload_window.h. Byte i of the upload is at i modulo UPLOAD_WINDOW_MAX of the file. */
#include "archive/upload_window.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

struct err *upload_window_open(struct upload_window **out, const char *dir)
{
    int fd;
    TRY(file_open_nameless(&fd, dir));
    struct upload_window *w = mem_zalloc(sizeof *w);
    w->fd = fd;
    w->dir = mem_strdup(dir);
    *out = w;
    return NULL;
}

void upload_window_close(struct upload_window *w)
{
    if (!w)
        return;
    close(w->fd);
    free(w->dir);
    free(w);
}

uint64_t upload_window_room(const struct upload_window *w)
{
    return UPLOAD_WINDOW_MAX - (w->to - w->from);
}

/* Of n bytes from `at` on, how many come before the file's end. */
static size_t in_front_of_end(uint64_t at, size_t n)
{
    const uint64_t left = UPLOAD_WINDOW_MAX - at % UPLOAD_WINDOW_MAX;
    return n < left ? n : (size_t)left;
}

struct err *upload_window_put(struct upload_window *w, const void *data, size_t n)
{
    assert(n <= upload_window_room(w));
    const size_t first = in_front_of_end(w->to, n);
    TRY(file_pwrite(w->fd, data, first, w->to % UPLOAD_WINDOW_MAX, w->dir));
    TRY(file_pwrite(w->fd, (const char *)data + first, n - first, 0, w->dir));
    w->to += n;
    return NULL;
}

struct err *upload_window_get(const struct upload_window *w, void *out, size_t n, uint64_t at)
{
    assert(at >= w->from && at + n <= w->to);
    const size_t first = in_front_of_end(at, n);
    size_t got, rest;
    TRY(file_pread(w->fd, out, first, at % UPLOAD_WINDOW_MAX, &got, w->dir));
    TRY(file_pread(w->fd, (char *)out + first, n - first, 0, &rest, w->dir));
    return got + rest == n ? NULL : err_make(IO, "%s: what was kept there is gone", w->dir);
}
