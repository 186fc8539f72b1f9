/* restore/scratch.c: see scratch.h. */
#include "restore/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define PREFIX "mbe-scratch-"
#define DEFAULT_PARENT "/var/tmp"

enum { FRESH_SECONDS = 10 };

struct scratch {
    char *dir, *data, *outside, *run;
    int lock;
    struct log *log;
};

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

static struct err *remove_abandoned(const char *parent, struct log *log)
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

static struct err *check_room(const char *parent, uint64_t bytes)
{
    struct statvfs fs;
    char needed[16], there[16];
    if (statvfs(parent, &fs))
        return err_os("%s: cannot be asked for its free space", parent);
    const uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (room >= bytes)
        return NULL;
    return err_hint(err_make(REFUSED, "%s: has %s free, and %s are needed", parent,
                             text_bytes(there, room), text_bytes(needed, bytes)),
                    "Name a directory with more room with --scratch=DIR.");
}

static struct err *make(struct scratch *s, const char *parent)
{
    char *dir = mem_printf("%s/" PREFIX "XXXXXX", parent);
    if (!mkdtemp(dir)) {
        struct err *e = err_os("%s: cannot make a directory in it", parent);
        free(dir);
        return e;
    }
    s->dir = dir;
    s->data = mem_printf("%s/data", dir);
    s->outside = mem_printf("%s/outside", dir);
    s->run = mem_printf("%s/run", dir);
    TRY(file_open(&s->lock, dir, O_RDONLY | O_DIRECTORY, 0));
    if (flock(s->lock, LOCK_EX | LOCK_NB))
        return err_os("%s: cannot lock", dir);
    TRY(file_mkdirs(s->run, 0700));
    if (fchmod(s->lock, 0711))
        return err_os("%s: cannot set the mode", dir);
    return NULL;
}

static struct err *find_parent(char **absolute, const char *parent)
{
    const char *from_environment = getenv("TMPDIR");
    if (!parent)
        parent = from_environment && *from_environment ? from_environment : DEFAULT_PARENT;
    *absolute = realpath(parent, NULL);
    return *absolute ? NULL : err_os("%s: cannot be used for what is made meanwhile", parent);
}

struct err *scratch_open(struct scratch **out, const char *parent, uint64_t bytes, struct log *log)
{
    AUTO_FREE char *absolute = NULL;
    AUTO(scratch) s = mem_zalloc(sizeof *s);
    s->lock = -1;
    s->log = log;
    TRY(find_parent(&absolute, parent));
    TRY(remove_abandoned(absolute, log));
    TRY(check_room(absolute, bytes));
    TRY(make(s, absolute));
    *out = s;
    s = NULL;
    return NULL;
}

struct err *scratch_give_run(const struct scratch *s, uid_t uid, gid_t gid)
{
    return chown(s->run, uid, gid) ? err_os("%s: cannot be given to user %u", s->run, (unsigned)uid)
                                   : NULL;
}

const char *scratch_data(const struct scratch *s)
{
    return s->data;
}

const char *scratch_outside(const struct scratch *s)
{
    return s->outside;
}

const char *scratch_run(const struct scratch *s)
{
    return s->run;
}

void scratch_close(struct scratch *s)
{
    if (!s)
        return;
    struct err *e = s->dir ? file_remove_tree(s->dir) : NULL;
    if (e)
        log_warning(s->log, "scratch", "%s", e->message);
    err_free(e);
    if (s->lock >= 0)
        close(s->lock);
    free(s->dir);
    free(s->data);
    free(s->outside);
    free(s->run);
    free(s);
}
