/* archive/sink_file.c: the sink into a file. Small appends (chunk headers) are held back and go
 * out with the large one behind them in one system call. Write-back is started window by window,
 * so that commit has little left to wait for. What has reached the disk leaves the file cache: nobody is about to read it, and the server
 * on this machine needs the room. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "archive/sink.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    HELD_MAX = 128 << 10,
    WRITEBACK_WINDOW = 16 << 20,
    CACHED_BYTES = 4 * WRITEBACK_WINDOW, /* on their way to the disk, most likely */
};

struct sink_file {
    struct sink sink;
    int fd;
    char *path;
    uint8_t *held;
    size_t n_held;
    uint64_t written, writeback_from, cached_from;
    bool committed;
};

static struct sink_file *self_of(struct sink *s)
{
    return (struct sink_file *)s; /* the first member */
}

/* Writes what is held, then data. */
static struct err *write_out(struct sink_file *f, const void *data, size_t n)
{
    struct iovec parts[2] = {{f->held, f->n_held}, {(void *)(uintptr_t)data, n}};
    while (parts[0].iov_len + parts[1].iov_len) {
        const ssize_t done = writev(f->fd, parts, 2);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_os("%s: cannot write", f->path);
        f->written += (uint64_t)done;
        size_t left = (size_t)done;
        for (int i = 0; i < 2; i++) {
            const size_t k = left < parts[i].iov_len ? left : parts[i].iov_len;
            parts[i].iov_base = (char *)parts[i].iov_base + k;
            parts[i].iov_len -= k;
            left -= k;
        }
    }
    f->n_held = 0;
    return NULL;
}

static void start_writeback(struct sink_file *f)
{
    const uint64_t n = f->written - f->writeback_from;
    if (n < WRITEBACK_WINDOW)
        return;
    /* Advice only: file systems without it, and errors of the device, are left to fdatasync. */
    (void)sync_file_range(f->fd, (off_t)f->writeback_from, (off_t)n, SYNC_FILE_RANGE_WRITE);
    f->writeback_from = f->written;
}

/* Of what is still being written the kernel keeps its copy; commit comes back to that. */
static void leave_cache(struct sink_file *f)
{
    if (f->writeback_from - f->cached_from < 2 * CACHED_BYTES)
        return;
    const uint64_t n = f->writeback_from - CACHED_BYTES - f->cached_from;
    (void)posix_fadvise(f->fd, (off_t)f->cached_from, (off_t)n, POSIX_FADV_DONTNEED);
    f->cached_from += n;
}

static struct err *file_append(struct sink *s, const void *data, size_t n)
{
    struct sink_file *f = self_of(s);
    if (n <= HELD_MAX - f->n_held) {
        memcpy(f->held + f->n_held, data, n);
        f->n_held += n;
        return NULL;
    }
    TRY(write_out(f, data, n));
    start_writeback(f);
    leave_cache(f);
    return NULL;
}

static struct err *file_commit(struct sink *s)
{
    struct sink_file *f = self_of(s);
    TRY(write_out(f, f->held, 0)); /* what is held */
    if (fdatasync(f->fd))
        return err_os("%s: cannot fdatasync", f->path);
    (void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
    f->committed = true;
    return NULL;
}

static void file_free(struct sink *s)
{
    struct sink_file *f = self_of(s);
    if (!f->committed)
        unlink(f->path);
    close(f->fd);
    free(f->held);
    free(f->path);
    free(f);
}

struct err *sink_file_open(struct sink **out, const char *path)
{
    int fd;
    TRY(file_open(&fd, path, O_WRONLY | O_CREAT | O_EXCL, 0600));
    struct sink_file *f = mem_zalloc(sizeof *f);
    *f = (struct sink_file){
        .sink = {.append = file_append, .commit = file_commit, .free = file_free},
        .fd = fd,
        .path = mem_strdup(path),
        .held = mem_alloc(HELD_MAX)};
    *out = &f->sink;
    return NULL;
}
