/* cli/task_lock.c: see task_lock.h. Every run takes its locks in the order of their names: two that wait cannot wait for each other. */
#include "cli/task_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash128.h"
#include "base/mem.h"
#include "base/signals.h"

enum { POLL_MS = 100 };

struct task_lock {
    int *fds;
    size_t n, cap;
};

static bool is_directory(const char *repo)
{
    return !strstr(repo, "://");
}

/* One name for one repository, however it is written. Owned by caller. */
static char *name_of(const char *repo)
{
    char *real = is_directory(repo) ? realpath(repo, NULL) : NULL;
    char *name = real ? real : mem_strdup(repo);
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--)
        name[n - 1] = '\0';
    return name;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The first backup makes the directory anyhow. */
static struct err *make_directories(const struct task *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct task_step *s = &t->steps[i];
        if ((s->verb == VERB_BACKUP || s->verb == VERB_COPY) && is_directory(s->repo))
            TRY(file_mkdirs(s->repo, 0700));
    }
    return NULL;
}

static struct err *open_file(int *fd, const char *name)
{
    const char *tmpdir = getenv("TMPDIR");
    const char *dir = !access("/run/lock", W_OK) ? "/run/lock"
                      : tmpdir && *tmpdir        ? tmpdir
                                                 : "/var/tmp";
    const struct hash128 h = hash128_of(name, strlen(name), NULL, 0);
    AUTO_FREE char *path =
        mem_printf("%s/mbe-%u-%016" PRIx64 ".lock", dir, (unsigned)geteuid(), h.lo);
    struct stat st;
    TRY(file_open(fd, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    if (fstat(*fd, &st))
        return err_os("%s: cannot stat", path);
    return st.st_uid == geteuid() ? NULL : err_make(REFUSED, "%s: it is not yours", path);
}

/* Whether it is ours now; an error when the file cannot be locked at all. */
static struct err *try_lock(bool *locked, int fd, const char *name)
{
    *locked = !flock(fd, LOCK_EX | LOCK_NB);
    return *locked || errno == EWOULDBLOCK || errno == EINTR ? NULL
                                                             : err_os("%s: cannot lock", name);
}

static struct err *lock_fd(int fd, const char *name, double end)
{
    for (;;) {
        bool locked;
        TRY(try_lock(&locked, fd, name));
        if (locked)
            return NULL;
        if (clock_seconds() >= end)
            return err_hint(
                err_make(REFUSED, "%s: another run of a task uses this repository", name),
                "It can wait for that: wait=SECONDS in the configuration file.");
        TRY(signals_check());
        clock_sleep_ms(POLL_MS);
    }
}

/* *fd stays -1 where there is no such directory, or one that cannot be locked, as on NFS. */
static struct err *lock_directory(int *fd, const char *name, double end)
{
    bool absent;
    TRY(file_absent(file_open(fd, name, O_RDONLY | O_DIRECTORY, 0), &absent));
    struct err *e = absent ? NULL : lock_fd(*fd, name, end);
    if (!e || e->os_errno != EBADF)
        return e;
    err_free(e);
    close(*fd);
    *fd = -1;
    return NULL;
}

/* What could not be locked is closed with the others. */
static struct err *lock_one(struct task_lock *l, const char *name, double end)
{
    mem_grow(&l->fds, &l->cap, l->n, sizeof *l->fds);
    int *fd = &l->fds[l->n++];
    *fd = -1;
    if (is_directory(name))
        TRY(lock_directory(fd, name, end));
    if (*fd >= 0)
        return NULL;
    TRY(open_file(fd, name));
    return lock_fd(*fd, name, end);
}

static struct err *lock_all(struct task_lock *l, char **names, size_t n, double end)
{
    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            TRY(lock_one(l, names[i], end));
    return NULL;
}

struct err *task_lock_take(struct task_lock **out, const struct task *t, double wait)
{
    AUTO(task_lock) l = mem_zalloc(sizeof *l);
    AUTO_FREE char **names = mem_zalloc((t->n + 1) * sizeof *names);
    size_t n = 0;
    TRY(make_directories(t));
    for (size_t i = 0; i < t->n; i++)
        if (t->steps[i].repo)
            names[n++] = name_of(t->steps[i].repo);
    struct err *e = lock_all(l, names, n, clock_seconds() + wait);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    TRY(e);
    *out = l;
    l = NULL;
    return NULL;
}

void task_lock_free(struct task_lock *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++)
        if (l->fds[i] >= 0)
            close(l->fds[i]);
    free(l->fds);
    free(l);
}
