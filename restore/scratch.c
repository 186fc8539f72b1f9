/* restore/scratch.c: see scratch.h. */
#include "restore/scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/temp_dir.h"
#include "base/text.h"

struct scratch {
    struct temp_dir *dir;
    char *data, *outside, *run;
};

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

static struct err *make(struct scratch *s, const char *parent, struct log *log)
{
    TRY(temp_dir_open(&s->dir, parent, log));
    const char *dir = temp_dir_path(s->dir);
    s->data = mem_printf("%s/data", dir);
    s->outside = mem_printf("%s/outside", dir);
    s->run = mem_printf("%s/run", dir);
    TRY(file_mkdirs(s->run, 0700));
    return chmod(dir, 0711) ? err_os("%s: cannot set the mode", dir) : NULL;
}

struct err *scratch_open(struct scratch **out, const char *parent, uint64_t bytes, struct log *log)
{
    AUTO_FREE char *absolute = NULL;
    AUTO(scratch) s = mem_zalloc(sizeof *s);
    TRY(temp_dir_parent(&absolute, parent));
    TRY(temp_dir_clean(absolute, log));
    TRY(check_room(absolute, bytes));
    TRY(make(s, absolute, log));
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
    temp_dir_close(s->dir);
    free(s->data);
    free(s->outside);
    free(s->run);
    free(s);
}
