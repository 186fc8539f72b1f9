/* restore/target.c: see target.h. */
#include "restore/target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

enum { DIR_MODE = 0750, FILE_MODE = 0660 };

static const char marker_text[] = "This directory is the target of a restore that has not finished "
                                  "(or failed). It is no datadir.\n"
                                  "Remove it and restore again.\n";

static struct err *find_owner(struct target *t, const char *user, const char *group)
{
    t->uid = (uid_t)-1;
    t->gid = (gid_t)-1;
    if (user) {
        const struct passwd *pw = getpwnam(user);
        if (!pw)
            return err_make(USAGE, "--user: no such user: %s", user);
        t->uid = pw->pw_uid;
        t->gid = pw->pw_gid;
    }
    if (group) {
        const struct group *gr = getgrnam(group);
        if (!gr)
            return err_make(USAGE, "--group: no such group: %s", group);
        t->gid = gr->gr_gid;
    }
    return NULL;
}

/* lost+found is what a freshly made file system holds. */
static struct err *check_empty(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return err_os("%s: cannot open directory", dir);
    const struct dirent *de;
    struct err *e;
    while (!(e = file_next_entry(&de, d, dir)) && de && !strcmp(de->d_name, "lost+found"))
        ;
    closedir(d);
    if (e || !de)
        return e;
    AUTO_FREE char *marker = mem_printf("%s/" TARGET_MARKER, dir);
    return err_hint(err_make(REFUSED, "%s: the target directory is not empty", dir), "%s",
                    access(marker, F_OK) == 0
                        ? "An earlier restore into it did not finish. Remove it and try again."
                        : "mbe restores only into an empty or absent directory.");
}

static struct err *set_owner(const struct target *t, int fd, const char *path)
{
    if (t->uid == (uid_t)-1 && t->gid == (gid_t)-1)
        return NULL;
    return fchown(fd, t->uid, t->gid) ? err_os("%s: cannot set the owner", path) : NULL;
}

static struct err *make_marker(const struct target *t)
{
    AUTO_FREE char *path = mem_printf("%s/" TARGET_MARKER, t->dir);
    AUTO_FD int fd = -1;
    TRY(target_create(t, &fd, path, TARGET_FRESH, 0600));
    TRY(file_write(fd, marker_text, sizeof marker_text - 1, path));
    TRY(file_fsync(fd, path));
    return file_fsync(t->fd, t->dir);
}

static struct err *open_dir(struct target *t, const char *dir)
{
    TRY(file_mkdirs(dir, DIR_MODE));
    t->dir = realpath(dir, NULL);
    if (!t->dir)
        return err_os("%s: cannot resolve", dir);
    TRY(check_empty(t->dir));
    TRY(file_open(&t->fd, t->dir, O_RDONLY | O_DIRECTORY, 0));
    TRY(set_owner(t, t->fd, t->dir));
    return make_marker(t);
}

/* What is asked for, apart from the directory. */
static struct err *understand(struct target *t, const char *external_dir, const char *user,
                              const char *group)
{
    if (external_dir && external_dir[0] != '/')
        return err_make(USAGE, "--external-dir: not an absolute path: %s", external_dir);
    return find_owner(t, user, group);
}

struct err *target_check(const char *dir, const char *external_dir, const char *user,
                         const char *group)
{
    struct target t;
    TRY(understand(&t, external_dir, user, group));
    struct err *e = check_empty(dir);
    if (!e || e->os_errno != ENOENT)
        return e;
    err_free(e);
    return NULL;
}

struct err *target_open(struct target *out, const char *dir, const char *external_dir,
                        const char *user, const char *group)
{
    *out = (struct target){.fd = -1};
    struct err *e = understand(out, external_dir, user, group);
    if (!e && external_dir)
        out->external_dir = mem_strdup(external_dir);
    for (size_t n = out->external_dir ? strlen(out->external_dir) : 0;
         n > 1 && out->external_dir[n - 1] == '/'; n--)
        out->external_dir[n - 1] = '\0';
    if (!e)
        e = open_dir(out, dir);
    if (e)
        target_fini(out);
    return e;
}

struct err *target_mkdirs(const struct target *t, const char *path)
{
    AUTO_FREE char *p = mem_strdup(path);
    for (char *at = p + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        const char keep = *at;
        *at = '\0';
        const bool made = mkdir(p, DIR_MODE) == 0;
        if (!made && errno != EEXIST)
            return err_os("%s: cannot create directory", p);
        if (made && (t->uid != (uid_t)-1 || t->gid != (gid_t)-1) && chown(p, t->uid, t->gid))
            return err_os("%s: cannot set the owner", p);
        *at = keep;
        if (keep == '\0')
            return NULL;
    }
}

static struct err *mkdirs_for(const struct target *t, const char *path)
{
    AUTO_FREE char *dir = mem_strdup(path);
    char *slash = strrchr(dir, '/');
    if (!slash || slash == dir)
        return NULL;
    *slash = '\0';
    return target_mkdirs(t, dir);
}

struct err *target_create(const struct target *t, int *fd, const char *path, enum target_mode how,
                          mode_t mode)
{
    const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (how == TARGET_FRESH ? O_EXCL : 0);
    struct err *e = file_open(fd, path, flags, FILE_MODE);
    if (e && e->os_errno == ENOENT) {
        err_free(e);
        TRY(mkdirs_for(t, path));
        e = file_open(fd, path, flags, FILE_MODE);
    }
    if (e && e->os_errno == EEXIST) {
        err_free(e);
        return err_make(REFUSED, "%s: exists already", path);
    }
    TRY(e);
    if (fchmod(*fd, (mode & 0777) | 0600))
        return err_os("%s: cannot set the mode", path);
    return set_owner(t, *fd, path);
}

struct err *target_symlink(const struct target *t, const char *link_target, const char *path)
{
    TRY(mkdirs_for(t, path));
    if (symlink(link_target, path))
        return err_os("%s: cannot make the symbolic link", path);
    if ((t->uid != (uid_t)-1 || t->gid != (gid_t)-1) && lchown(path, t->uid, t->gid))
        return err_os("%s: cannot set the owner", path);
    return NULL;
}

struct err *target_write_file(const struct target *t, const char *name, const void *data, size_t n,
                              mode_t mode)
{
    AUTO_FREE char *path = mem_printf("%s/%s", t->dir, name);
    AUTO_FD int fd = -1;
    TRY(target_create(t, &fd, path, TARGET_FRESH, mode));
    return file_write(fd, data, n, path);
}

struct err *target_commit(struct target *t)
{
    if (syncfs(t->fd))
        return err_os("%s: cannot make the restored files durable", t->dir);
    return target_unmark(t->dir);
}

struct err *target_mark_again(const char *dir)
{
    AUTO_FREE char *marker = mem_printf("%s/" TARGET_MARKER, dir);
    return file_replace(marker, marker_text, sizeof marker_text - 1, 0600);
}

struct err *target_unmark(const char *dir)
{
    AUTO_FREE char *marker = mem_printf("%s/" TARGET_MARKER, dir);
    if (unlink(marker))
        return err_os("%s: cannot remove", marker);
    return file_fsync_dir(dir);
}

void target_fini(struct target *t)
{
    if (t->fd >= 0)
        close(t->fd);
    free(t->dir);
    free(t->external_dir);
    *t = (struct target){.fd = -1};
}
