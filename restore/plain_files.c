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
#include "restore/overlay.h"

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

static struct err *write_window(struct overlay *overlay, struct overlay_window *w, int fd,
                                const char *path)
{
    const uint8_t *data;
    TRY(overlay_whole(overlay, w->at, w->len, &data));
    if (data)
        return file_pwrite(fd, data, w->len, w->at, path);
    TRY(overlay_fill(overlay, w));
    for (size_t from = 0, to; overlay_next_run(w, &from, &to); from = to)
        TRY(file_pwrite(fd, w->buf + from, to - from, w->at + from, path));
    return NULL;
}

static struct err *write_content(const struct plain_files_options *o, uint32_t entry,
                                 const struct archive_attr *attr, int fd, const char *path)
{
    AUTO(overlay) overlay = NULL;
    const size_t cap = attr->size < OVERLAY_WINDOW ? (size_t)attr->size : OVERLAY_WINDOW;
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(cap);
    struct overlay_window w = {.buf = buf, .unit = OVERLAY_GRANULE};
    if (ftruncate(fd, (off_t)attr->size))
        return err_os("%s: cannot set the size", path);
    TRY(overlay_open(&overlay, o->chain, &o->files->of[entry], 0, attr->size));
    for (; w.at < attr->size; w.at += w.len) {
        w.len = attr->size - w.at < cap ? (size_t)(attr->size - w.at) : cap;
        TRY(signals_check());
        TRY(write_window(overlay, &w, fd, path));
        progress_add(o->progress, w.len);
    }
    return NULL;
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
    return archive_is_external(attr->kind) ? file_fsync(fd, path) : NULL;
}

static struct err *read_small(const struct plain_files_options *o, uint32_t entry, char *text,
                              size_t len)
{
    AUTO(overlay) overlay = NULL;
    struct overlay_window w = {.buf = (uint8_t *)text, .len = len, .unit = OVERLAY_GRANULE};
    TRY(overlay_open(&overlay, o->chain, &o->files->of[entry], 0, len));
    return overlay_fill(overlay, &w);
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
    TRY(read_small(o, entry, link, (size_t)attr->size));
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
    const struct archive_attr *attr = archive_reader_entry(chain_last(o->chain)->reader, i);
    const char *slash = strrchr(attr->path, '/');
    bool restored = true;
    if (!strncmp(attr->path, INTERNAL_PREFIX, strlen(INTERNAL_PREFIX)) ||
        (!o->offline && !strncmp(slash ? slash + 1 : attr->path, "#sql", 4)))
        return NULL;
    AUTO_FREE char *path = mem_printf("%s/%s", o->target->dir, attr->path);
    AUTO_FREE char *elsewhere = NULL;
    if (archive_is_external(attr->kind) || attr->kind == ARCHIVE_SYMLINK) {
        TRY(need_external(o, attr));
        elsewhere = layout_external_path(o->target->external_dir, attr->link_target);
    }
    switch (attr->kind) {
    case ARCHIVE_PLAIN:
    case ARCHIVE_PLAIN_DELTA:
        if (ends_with(attr->path, ".isl"))
            TRY(restore_isl(o, i, attr, path, &restored));
        else
            TRY(restore_file(o, i, attr, path));
        break;
    case ARCHIVE_EXTERNAL:
    case ARCHIVE_EXTERNAL_DELTA:
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
    if (i >= j->o->files->n) {
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

uint64_t plain_files_size(const struct archive_reader *last)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < archive_reader_n_entries(last); i++) {
        const struct archive_attr *attr = archive_reader_entry(last, i);
        if (attr->kind == ARCHIVE_PLAIN || attr->kind == ARCHIVE_PLAIN_DELTA ||
            archive_is_external(attr->kind))
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
