/* engine/datadir_guard.c: see datadir_guard.h. */
#include "engine/datadir_guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/file_mark.h"

/* The file must be there. Returns it. */
static struct err *add(struct datadir_guard *g, const char *path, struct guarded_file **out)
{
    mem_grow(&g->files, &g->cap, g->n, sizeof *g->files);
    struct guarded_file *f = &g->files[g->n++];
    *f = (struct guarded_file){.path = mem_strdup(path), .fd = -1};
    *out = f;
    return stat(path, &f->st) ? err_os("%s: cannot stat", path) : NULL;
}

static struct err *in_use(const struct guarded_file *f)
{
    struct flock holder = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    AUTO_FREE char *who = NULL;
    if (!fcntl(f->fd, F_OFD_GETLK, &holder) && holder.l_type != F_UNLCK && holder.l_pid > 0)
        who = mem_printf("process %ld", (long)holder.l_pid);
    return err_hint(err_make(REFUSED, "%s: a server has it open (%s)", f->path,
                             who ? who : "a process that cannot be seen from here"),
                    "Stop the server, or back it up while it runs: without --offline.");
}

static struct err *add_locked(struct datadir_guard *g, const char *path, struct log *log)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    struct guarded_file *f;
    TRY(add(g, path, &f));
    TRY(file_open(&f->fd, path, O_RDONLY, 0));
    if (!fcntl(f->fd, F_OFD_SETLK, &lock))
        return NULL;
    if (errno == EAGAIN || errno == EACCES)
        return in_use(f);
    log_warning(log, "backup", "%s: cannot be locked (%s): see to it that no server is started",
                path, strerror(errno));
    return NULL;
}

static struct err *add_log(struct datadir_guard *g, const char *path)
{
    struct guarded_file *f;
    const struct dirent *de;
    TRY(add(g, path, &f));
    if (!S_ISDIR(f->st.st_mode))
        return NULL;
    DIR *h = opendir(path);
    if (!h)
        return err_os("%s: cannot open directory", path);
    struct err *e;
    while (!(e = file_next_entry(&de, h, path)) && de) {
        AUTO_FREE char *name = mem_printf("%s/%s", path, de->d_name);
        e = add(g, name, &f);
        if (e)
            break;
    }
    closedir(h);
    return e;
}

struct err *datadir_guard_take(struct datadir_guard *g, const struct datadir *d,
                               const char *log_path, struct log *log)
{
    AUTO_FREE char *second = d->doublewrite_dir
                                 ? mem_printf("%s/mysql.ibd", d->root)
                                 : mem_printf("%s/aria_log_control", d->aria_log_dir);
    *g = (struct datadir_guard){0};
    for (size_t i = 0; i < d->n_system; i++)
        TRY(add_locked(g, d->system_paths[i], log));
    TRY(add_locked(g, second, log));
    return add_log(g, log_path);
}

struct err *datadir_guard_check(const struct datadir_guard *g)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct guarded_file *f = &g->files[i];
        struct stat st;
        const bool same = !stat(f->path, &st) && st.st_dev == f->st.st_dev &&
                          st.st_ino == f->st.st_ino && st.st_size == f->st.st_size &&
                          file_mark_same_time(st.st_mtim, f->st.st_mtim) &&
                          file_mark_same_time(st.st_ctim, f->st.st_ctim);
        if (!same)
            return err_hint(err_make(FAILED, "%s: was changed while it was read", f->path),
                            "No server may run on the datadir of a backup with --offline.");
    }
    return NULL;
}

void datadir_guard_fini(struct datadir_guard *g)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->files[i].fd >= 0)
            close(g->files[i].fd);
        free(g->files[i].path);
    }
    free(g->files);
    *g = (struct datadir_guard){0};
}
