/* engine/preflight.c: see preflight.h. */
#include "engine/preflight.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "server/datadir_check.h"
#include "server/privileges.h"

enum {
    FILES_PER_THREAD = 2, /* the file being copied, and one more: a link's target, a directory */
    FILES_BESIDES = 64,   /* connections, log, spool, archive, catalog, libraries */
    BEST_RATIO = 20,      /* no database compresses better than this, all in all */
};

struct err *preflight_server(struct server_info *server, struct datadir *datadir, struct conn *c,
                             const char *root)
{
    *datadir = (struct datadir){0};
    TRY(server_info_load(server, c));
    TRY(server_check_privileges(c, server));
    TRY(datadir_resolve(datadir, server, root));
    return server_check_datadir(c, server, datadir->root);
}

struct err *preflight_open_files(int parallel)
{
    const rlim_t need = (rlim_t)parallel * FILES_PER_THREAD + FILES_BESIDES;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return err_os("cannot read the limit of open files");
    if (limit.rlim_cur >= need)
        return NULL;
    const rlim_t hard = limit.rlim_max;
    limit.rlim_cur = need;
    if ((hard == RLIM_INFINITY || need <= hard) && !setrlimit(RLIMIT_NOFILE, &limit))
        return NULL;
    return err_hint(err_make(REFUSED, "the limit of open files is %ju, and %d threads need %ju",
                             (uintmax_t)hard, parallel, (uintmax_t)need),
                    "Raise it (ulimit -n) or lower --parallel.");
}

static uint64_t disk_bytes(const char *path)
{
    struct stat st;
    if (stat(path, &st))
        return 0;
    const uint64_t allocated = (uint64_t)st.st_blocks * 512;
    return allocated < (uint64_t)st.st_size ? allocated : (uint64_t)st.st_size;
}

struct data_size preflight_data_size(const struct listing *list, const struct datadir *datadir)
{
    struct data_size size = {0};
    for (size_t i = 0; i < list->n_spaces; i++)
        size.spaces += disk_bytes(list->spaces[i].path);
    for (size_t i = 0; i < list->n_files; i++) {
        AUTO_FREE char *path = mem_printf("%s/%s", datadir->root, list->files[i].name);
        size.others += disk_bytes(path);
    }
    return size;
}

enum space_outlook preflight_space_outlook(uint64_t data_bytes, uint64_t free_bytes,
                                           enum archive_codec codec)
{
    if (free_bytes >= data_bytes)
        return SPACE_FITS;
    const uint64_t least = codec == ARCHIVE_CODEC_NONE ? data_bytes - data_bytes / BEST_RATIO
                                                       : data_bytes / BEST_RATIO;
    return free_bytes < least ? SPACE_TOO_SMALL : SPACE_DOUBTFUL;
}

/* Free bytes where path is, or where its nearest existing ancestor is. */
static struct err *free_bytes_at(const char *path, uint64_t *bytes)
{
    AUTO_FREE char *p = mem_strdup(path);
    struct statvfs fs;
    while (statvfs(p, &fs)) {
        char *slash = strrchr(p, '/');
        if (errno != ENOENT || !strcmp(p, "/") || !strcmp(p, "."))
            return err_os("%s: cannot ask for free space", p);
        if (slash)
            slash[slash == p ? 1 : 0] = '\0';
        else
            strcpy(p, ".");
    }
    *bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return NULL;
}

struct err *preflight_free_space(const char *repo, uint64_t data_bytes, enum archive_codec codec,
                                 struct log *log)
{
    uint64_t bytes;
    TRY(free_bytes_at(repo, &bytes));
    switch (preflight_space_outlook(data_bytes, bytes, codec)) {
    case SPACE_TOO_SMALL:
        return err_hint(err_make(IO, "%s: %" PRIu64 " MiB free, and the data are %" PRIu64 " MiB",
                                 repo, bytes >> 20, data_bytes >> 20),
                        codec == ARCHIVE_CODEC_NONE
                            ? "Make room, or compress the backup (--compress=zstd)."
                            : "Make room.");
    case SPACE_DOUBTFUL:
        log_warning(log, "backup",
                    "%s: %" PRIu64 " MiB free, and the data are %" PRIu64 " MiB: it may not fit",
                    repo, bytes >> 20, data_bytes >> 20);
        return NULL;
    case SPACE_FITS:
        break;
    }
    return NULL;
}
