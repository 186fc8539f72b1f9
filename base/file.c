/* base/file.c: see file.h. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/signals.h"

struct err *file_pread(int fd, void *buf, size_t n, uint64_t offset, size_t *got, const char *path)
{
    size_t done = 0;
    while (done < n) {
        const ssize_t r = pread(fd, (char *)buf + done, n - done, (off_t)(offset + done));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_os("%s: cannot read %zu bytes at %llu", path, n, (unsigned long long)offset);
        if (r == 0)
            break;
        done += (size_t)r;
    }
    *got = done;
    return NULL;
}

/* The signals are let in only while waiting, or one that came just before would be missed and the wait never end. */
struct err *file_wait_readable(int fd, const char *path)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    sigset_t all, as_it_was;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &as_it_was);
    struct err *e = signals_check();
    int ready = 0;
    while (!e && ready == 0) {
        ready = ppoll(&p, 1, NULL, &as_it_was);
        if (ready < 0 && errno == EINTR) {
            e = signals_check();
            ready = 0;
        } else if (ready < 0) {
            e = err_os("%s: cannot wait for it", path);
        }
    }
    pthread_sigmask(SIG_SETMASK, &as_it_was, NULL);
    return e;
}

struct err *file_pwrite(int fd, const void *buf, size_t n, uint64_t offset, const char *path)
{
    size_t done = 0;
    while (done < n) {
        const ssize_t r = pwrite(fd, (const char *)buf + done, n - done, (off_t)(offset + done));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_os("%s: cannot write %zu bytes at %llu", path, n,
                          (unsigned long long)offset);
        done += (size_t)r;
    }
    return NULL;
}

struct err *file_write(int fd, const void *buf, size_t n, const char *path)
{
    size_t done = 0;
    while (done < n) {
        const ssize_t r = write(fd, (const char *)buf + done, n - done);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_os("%s: cannot write", path);
        done += (size_t)r;
    }
    return NULL;
}

struct err *file_open(int *fd, const char *path, int flags, mode_t mode)
{
    *fd = open(path, flags | O_CLOEXEC, mode);
    return *fd < 0 ? err_os("%s: cannot open", path) : NULL;
}

/* File systems without O_TMPFILE get a name that is taken away at once. */
struct err *file_open_nameless(int *fd, const char *dir)
{
    *fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd >= 0)
        return NULL;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return err_os("%s: cannot create a spill file", dir);
    AUTO_FREE char *name = mem_printf("%s/.mbe-spill-XXXXXX", dir);
    *fd = mkostemp(name, O_CLOEXEC);
    if (*fd < 0)
        return err_os("%s: cannot create a spill file", dir);
    if (unlink(name))
        return err_os("%s: cannot unlink", name);
    return NULL;
}

struct err *file_absent(struct err *e, bool *absent)
{
    *absent = e && e->os_errno == ENOENT;
    if (!*absent)
        return e;
    err_free(e);
    return NULL;
}

struct err *file_fsync(int fd, const char *path)
{
    return fsync(fd) ? err_os("%s: cannot fsync", path) : NULL;
}

struct err *file_fsync_dir(const char *dir)
{
    AUTO_FD int fd = -1;
    TRY(file_open(&fd, dir, O_RDONLY | O_DIRECTORY, 0));
    return file_fsync(fd, dir);
}

struct err *file_mkdirs(const char *dir, mode_t mode)
{
    AUTO_FREE char *path = mem_strdup(dir);
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        const char keep = *p;
        *p = '\0';
        if (mkdir(path, mode) && errno != EEXIST)
            return err_os("%s: cannot create directory", path);
        *p = keep;
        if (keep == '\0')
            break;
    }
    struct stat st;
    if (stat(dir, &st))
        return err_os("%s: cannot stat", dir);
    if (!S_ISDIR(st.st_mode))
        return err_make(IO, "%s: is not a directory", dir);
    return NULL;
}

struct err *file_mkdirs_for(const char *path, mode_t mode)
{
    AUTO_FREE char *dir = mem_strdup(path);
    char *slash = strrchr(dir, '/');
    if (!slash || slash == dir)
        return NULL;
    *slash = '\0';
    return file_mkdirs(dir, mode);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

struct err *file_remove_tree(const char *path)
{
    if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
        return err_os("%s: cannot remove", path);
    return NULL;
}

struct err *file_read_all(char **data, size_t *len, const char *path, size_t max)
{
    AUTO_FD int fd = -1;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    struct stat st;
    if (fstat(fd, &st))
        return err_os("%s: cannot stat", path);
    if (st.st_size < 0 || (uint64_t)st.st_size > max)
        return err_make(IO, "%s: %lld bytes, more than the %zu expected", path,
                        (long long)st.st_size, max);
    AUTO_FREE char *buf = mem_alloc((size_t)st.st_size + 1);
    size_t got;
    TRY(file_pread(fd, buf, (size_t)st.st_size, 0, &got, path));
    buf[got] = '\0';
    *len = got;
    *data = buf;
    buf = NULL;
    return NULL;
}

/* The directory may be one that others write to: nobody knows the name beforehand, and what has it already is not opened. */
struct err *file_replace(const char *path, const void *data, size_t n, mode_t mode)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return err_os("cannot get random bytes for a name");
    AUTO_FREE char *tmp = mem_printf("%s.tmp-%016" PRIx64, path, random);
    AUTO_FD int fd = -1;
    TRY(file_open(&fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
    struct err *e = file_write(fd, data, n, tmp);
    if (!e)
        e = file_fsync(fd, tmp);
    if (!e && rename(tmp, path))
        e = err_os("%s: cannot rename to %s", tmp, path);
    if (e) {
        unlink(tmp);
        return e;
    }
    AUTO_FREE char *dir = mem_strdup(path);
    char *slash = strrchr(dir, '/');
    if (slash)
        *(slash == dir ? slash + 1 : slash) = '\0';
    return file_fsync_dir(slash ? dir : ".");
}

struct err *file_next_entry(const struct dirent **entry, DIR *d, const char *dir)
{
    do {
        errno = 0;
        *entry = readdir(d);
        if (!*entry)
            return errno ? err_os("%s: cannot read the directory", dir) : NULL;
    } while (!strcmp((*entry)->d_name, ".") || !strcmp((*entry)->d_name, ".."));
    return NULL;
}

bool file_name_is_safe(const char *name)
{
    if (!name[0] || name[0] == '/' || strlen(name) >= 4096)
        return false;
    for (const char *p = name; *p;) {
        const char *slash = strchrnul(p, '/');
        const size_t n = (size_t)(slash - p);
        if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        if (!*slash)
            return true;
        p = slash + 1;
    }
    return false; /* ends in a slash */
}
