/* base/temp_dir.c: see temp_dir.h. */
#include "base/temp_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define PREFIX "mbe-scratch-"
#define DEFAULT_PARENT "/var/tmp"

enum { FRESH_SECONDS = 10 };

struct temp_dir {
    char *path;
    int lock;
    struct log *log;
};

struct err *temp_dir_parent(char **absolute, const char *named)
{
    const char *from_environment = getenv("TMPDIR");
    const char *parent = named                                   ? named
                         : from_environment && *from_environment ? from_environment
                                                                 : DEFAULT_PARENT;
    *absolute = realpath(parent, NULL);
    return *absolute ? NULL : err_os("%s: cannot be used for what is made meanwhile", parent);
}

/* --- what others left --- */

/* A directory of our user's whose lock nobody holds. One that was made just now may be about to get it. */
static bool is_abandoned(const char *dir)
{
    struct stat st;
    AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && !fstat(fd, &st) && st.st_uid == geteuid() &&
           time(NULL) - st.st_mtime > FRESH_SECONDS && !flock(fd, LOCK_EX | LOCK_NB);
}

static void remove_if_abandoned(const char *parent, const char *name, struct log *log)
{
    AUTO_FREE char *dir = mem_printf("%s/%s", parent, name);
    if (strncmp(name, PREFIX, strlen(PREFIX)) || !is_abandoned(dir))
        return;
    struct err *e = file_remove_tree(dir);
    if (!e)
        log_info(log, "scratch", "%s: removed what a killed run left", dir);
    err_free(e);
}

struct err *temp_dir_clean(const char *parent, struct log *log)
{
    DIR *d = opendir(parent);
    if (!d)
        return err_os("%s: cannot open directory", parent);
    const struct dirent *de;
    struct err *e;
    while (!(e = file_next_entry(&de, d, parent)) && de)
        remove_if_abandoned(parent, de->d_name, log);
    closedir(d);
    return e;
}

/* --- ours --- */

struct err *temp_dir_open(struct temp_dir **out, const char *parent, struct log *log)
{
    AUTO_FREE char *path = mem_printf("%s/" PREFIX "XXXXXX", parent);
    if (!mkdtemp(path))
        return err_os("%s: cannot make a directory in it", parent);
    AUTO(temp_dir) t = mem_zalloc(sizeof *t);
    t->lock = -1;
    t->log = log;
    t->path = path;
    path = NULL;
    TRY(file_open(&t->lock, t->path, O_RDONLY | O_DIRECTORY, 0));
    if (flock(t->lock, LOCK_EX | LOCK_NB))
        return err_os("%s: cannot lock", t->path);
    *out = t;
    t = NULL;
    return NULL;
}

const char *temp_dir_path(const struct temp_dir *t)
{
    return t->path;
}

void temp_dir_close(struct temp_dir *t)
{
    if (!t)
        return;
    struct err *e = file_remove_tree(t->path);
    if (e)
        log_warning(t->log, "scratch", "%s", e->message);
    err_free(e);
    if (t->lock >= 0)
        close(t->lock);
    free(t->path);
    free(t);
}
