/* restore/plain_files.c: see plain_files.h. */
#include "restore/plain_files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <errno.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/workers.h"
#include "myisam/csv_log.h"

#define INTERNAL_PREFIX "mbe/" /* entries that are the backup's own */
#define EXTERNAL_PREFIX "external/"

struct job {
    const struct plain_files_options *o;
    _Atomic uint32_t next;
    _Atomic uint64_t n_files;
};

static bool ends_with(const char *s, const char *tail)
{
    const size_t n = strlen(s), m = strlen(tail);
    return n >= m && !strcmp(s + n - m, tail);
}

static struct err *write_content(const struct plain_files_options *o, uint32_t entry,
                                 const struct archive_attr *attr, int fd, const char *path)
{
    AUTO(archive_cursor) cursor = NULL;
    if (ftruncate(fd, (off_t)attr->size))
        return err_os("%s: cannot set the size", path);
    TRY(archive_cursor_open(&cursor, o->reader, entry, 0, attr->size));
    for (;;) {
        uint64_t offset, len;
        const uint8_t *data;
        TRY(signals_check());
        TRY(archive_cursor_next(cursor, &offset, &data, &len));
        if (!len)
            return NULL;
        if (data)
            TRY(file_pwrite(fd, data, (size_t)len, offset, path));
        progress_add(o->progress, len);
    }
}

static struct err *restore_file(const struct plain_files_options *o, uint32_t entry,
                                const struct archive_attr *attr, const char *path)
{
    AUTO_FD int fd = -1;
    TRY(target_create(o->target, &fd, path, TARGET_FRESH, attr->mode));
    TRY(write_content(o, entry, attr, fd, path));
    const struct timespec times[2] = {{.tv_sec = attr->mtime}, {.tv_sec = attr->mtime}};
    if (futimens(fd, times))
        return err_os("%s: cannot set the time", path);
    return attr->kind == ARCHIVE_EXTERNAL ? file_fsync(fd, path) : NULL;
}

/* The link file of a DATA DIRECTORY tablespace, written for where that is now. The source leaves stale ones behind after
 * renames and drops: they would only cost errors at start. */
static struct err *restore_isl(const struct plain_files_options *o, uint32_t entry,
                               const struct archive_attr *attr, const char *path, bool *restored)
{
    char link[PATH_MAX + 1];
    *restored = false;
    if (attr->size == 0 || attr->size > PATH_MAX)
        return NULL;
    TRY(archive_read(o->reader, entry, 0, link, (size_t)attr->size));
    link[attr->size] = '\0';
    link[strcspn(link, "\r\n")] = '\0';
    const struct space_plan *space = layout_find_external(o->layout, link);
    if (!space) {
        log_info(o->log, "restore", "%s points to no tablespace of the backup and is left out",
                 attr->path);
        return NULL;
    }
    AUTO_FD int fd = -1;
    TRY(target_create(o->target, &fd, path, TARGET_FRESH, attr->mode));
    *restored = true;
    return file_write(fd, space->target, strlen(space->target), path);
}

static struct err *need_external(const struct plain_files_options *o,
                                 const struct archive_attr *attr)
{
    if (!attr->link_target || attr->link_target[0] != '/' ||
        !file_name_is_safe(attr->link_target + 1))
        return err_make(CORRUPT, "%s: its path outside the datadir is unsafe", attr->path);
    if (o->target->external_dir)
        return NULL;
    return err_hint(err_make(REFUSED, "%s lies outside the datadir", attr->link_target),
                    "Use --external-dir=DIR to restore such files below DIR, or --external-dir=/ "
                    "to put them back where "
                    "they were.");
}

static struct err *restore_entry(struct job *j, uint32_t i)
{
    const struct plain_files_options *o = j->o;
    const struct archive_attr *attr = archive_reader_entry(o->reader, i);
    const char *slash = strrchr(attr->path, '/');
    bool restored = true;
    if (!strncmp(attr->path, INTERNAL_PREFIX, strlen(INTERNAL_PREFIX)) ||
        !strncmp(slash ? slash + 1 : attr->path, "#sql", 4))
        return NULL;
    AUTO_FREE char *path = mem_printf("%s/%s", o->target->dir, attr->path);
    AUTO_FREE char *elsewhere = NULL;
    if (attr->kind == ARCHIVE_EXTERNAL || attr->kind == ARCHIVE_SYMLINK) {
        TRY(need_external(o, attr));
        elsewhere = layout_external_path(o->target->external_dir, attr->link_target);
    }
    switch (attr->kind) {
    case ARCHIVE_PLAIN:
        if (ends_with(attr->path, ".isl"))
            TRY(restore_isl(o, i, attr, path, &restored));
        else
            TRY(restore_file(o, i, attr, path));
        break;
    case ARCHIVE_EXTERNAL:
        TRY(restore_file(o, i, attr, elsewhere));
        break;
    case ARCHIVE_SYMLINK:
        TRY(target_symlink(o->target, elsewhere, path));
        break;
    case ARCHIVE_EMPTY_DIR:
        return target_mkdirs(o->target, path);
    default:
        return NULL;
    }
    j->n_files += restored;
    return NULL;
}

static struct err *work(void *ctx, bool *more)
{
    struct job *j = ctx;
    const uint32_t i = atomic_fetch_add(&j->next, 1);
    if (i >= archive_reader_n_entries(j->o->reader)) {
        *more = false;
        return NULL;
    }
    return restore_entry(j, i);
}

static struct err *mend_log_table(const struct target *t, const char *name)
{
    AUTO_FREE char *csv = mem_printf("%s/mysql/%s.CSV", t->dir, name);
    AUTO_FREE char *csm = mem_printf("%s/mysql/%s.CSM", t->dir, name);
    if (access(csv, F_OK) || access(csm, F_OK))
        return NULL; /* of another engine */
    return csv_log_mend(csv, csm);
}

uint64_t plain_files_size(const struct archive_reader *reader)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < archive_reader_n_entries(reader); i++) {
        const struct archive_attr *attr = archive_reader_entry(reader, i);
        if (attr->kind == ARCHIVE_PLAIN || attr->kind == ARCHIVE_EXTERNAL)
            n += attr->size;
    }
    return n;
}

struct err *plain_files_restore(uint64_t *n_files, const struct plain_files_options *options)
{
    struct job j = {.o = options};
    TRY(workers_run(options->parallel, work, &j));
    TRY(mend_log_table(options->target, "general_log"));
    TRY(mend_log_table(options->target, "slow_log"));
    *n_files = j.n_files;
    return NULL;
}
