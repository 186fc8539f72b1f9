/* archive/sink_file.c: the sinks into a file and into anything else that is open. Small appends (chunk headers) are held back and
 * go out with the large one behind them in one system call. Write-back is started window by window, so that commit has little
 * left to wait for. What has reached the disk leaves the file cache: nobody is about to read it, and the server on this machine
 * needs the room. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "archive/sink.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"

enum {
    HELD_MAX = 128 << 10,
    SMALL_MAX = 4096,
    WRITEBACK_WINDOW = 16 << 20,
    CACHED_BYTES = 4 * WRITEBACK_WINDOW, /* on their way to the disk, most likely */
    WAIT_MS = 500,
};

struct sink_file {
    struct sink sink;
    int fd;
    char *path; /* or what it is called in messages */
    bool regular;
    bool temporary; /* the file goes when the sink does */
    uint8_t *held;
    size_t n_held;
    uint64_t written, writeback_from, cached_from;
};

static struct sink_file *self_of(struct sink *s)
{
    return (struct sink_file *)s; /* the first member */
}

/* Whoever reads the pipe is slow, or has stopped. */
static struct err *wait_for_room(const struct sink_file *f)
{
    struct pollfd p = {.fd = f->fd, .events = POLLOUT};
    TRY(signals_check());
    (void)poll(&p, 1, WAIT_MS); /* what happened is seen by the next write */
    return NULL;
}

/* Writes what is held, then data. */
static struct err *write_out(struct sink_file *f, const void *data, size_t n)
{
    struct iovec parts[2] = {{f->held, f->n_held}, {(void *)(uintptr_t)data, n}};
    while (parts[0].iov_len + parts[1].iov_len) {
        const ssize_t done = writev(f->fd, parts, 2);
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return err_os("%s: cannot write", f->path);
        if (done < 0) {
            TRY(wait_for_room(f));
            continue;
        }
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
    if (n > HELD_MAX - f->n_held) {
        const bool large = n > SMALL_MAX;
        TRY(write_out(f, data, large ? n : 0));
        start_writeback(f);
        leave_cache(f);
        if (large)
            return NULL;
    }
    memcpy(f->held + f->n_held, data, n);
    f->n_held += n;
    return NULL;
}

static struct err *file_sync(struct sink *s)
{
    struct sink_file *f = self_of(s);
    TRY(write_out(f, f->held, 0)); /* what is held */
    return f->regular && fdatasync(f->fd) ? err_os("%s: cannot fdatasync", f->path) : NULL;
}

static struct err *file_commit(struct sink *s)
{
    struct sink_file *f = self_of(s);
    TRY(file_sync(s));
    (void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
    f->temporary = false;
    return NULL;
}

static void file_free(struct sink *s)
{
    struct sink_file *f = self_of(s);
    if (f->temporary)
        unlink(f->path);
    close(f->fd);
    free(f->held);
    free(f->path);
    free(f);
}

static struct sink_file *make(int fd, const char *path)
{
    struct stat st;
    struct sink_file *f = mem_zalloc(sizeof *f);
    *f = (struct sink_file){.sink = {.append = file_append,
                                     .commit = file_commit,
                                     .sync = file_sync,
                                     .free = file_free},
                            .fd = fd,
                            .path = mem_strdup(path),
                            .regular = !fstat(fd, &st) && S_ISREG(st.st_mode),
                            .held = mem_alloc(HELD_MAX)};
    return f;
}

struct err *sink_file_open(struct sink **out, const char *path)
{
    int fd;
    TRY(file_open(&fd, path, O_WRONLY | O_CREAT | O_EXCL, 0600));
    struct sink_file *f = make(fd, path);
    f->temporary = true;
    *out = &f->sink;
    return NULL;
}

struct err *sink_file_resume(struct sink **out, const char *path, uint64_t size)
{
    AUTO_FD int fd = -1;
    struct stat st;
    TRY(file_open(&fd, path, O_WRONLY | O_NOFOLLOW, 0));
    if (fstat(fd, &st))
        return err_os("%s: cannot stat", path);
    if ((uint64_t)st.st_size < size)
        return err_make(IO, "%s: has %" PRIu64 " bytes, and there were %" PRIu64, path,
                        (uint64_t)st.st_size, size);
    if (ftruncate(fd, (off_t)size) || lseek(fd, (off_t)size, SEEK_SET) < 0)
        return err_os("%s: cannot truncate", path);
    struct sink_file *f = make(fd, path);
    fd = -1;
    f->temporary = true;
    f->written = f->writeback_from = f->cached_from = size;
    *out = &f->sink;
    return NULL;
}

void sink_fd_open(struct sink **out, int fd, const char *name)
{
    *out = &make(fd, name)->sink;
}
