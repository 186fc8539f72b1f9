/* archive/repo_directory.c: the repository that is a directory, as a kind of repository: catalog.h does the work. */
#include <stdlib.h>
#include <unistd.h>

#include "archive/catalog.h"
#include "archive/repo_kind.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/temp_dir.h"

struct directory_use {
    struct repo_use use;
    int fd;
};

struct directory_draft {
    struct repo_draft draft;
    struct catalog_draft *catalog;
    struct temp_dir *elsewhere; /* or NULL */
};

struct directory_deletion {
    struct repo_deletion deletion;
    struct catalog_deletion *catalog;
};

static struct err *directory_open(struct repo **out, const char *url,
                                  const struct repo_options *options)
{
    (void)options;
    struct repo *r = mem_zalloc(sizeof *r);
    r->name = mem_strdup(url);
    r->directory = r->name;
    *out = r;
    return NULL;
}

static void directory_close(struct repo *r)
{
    free(r);
}

static struct err *directory_list(struct backup_ids *out, struct repo *r)
{
    return catalog_list(out, r->directory);
}

static struct err *directory_open_source(struct source **out, struct repo *r, const char *id)
{
    AUTO_FREE char *path = catalog_archive_path(r->directory, id);
    return source_file_open(out, path);
}

/* --- use and record --- */

static struct err *directory_use(struct repo_use **out, struct repo *r, const char *id)
{
    AUTO_FREE char *path = catalog_archive_path(r->directory, id);
    int fd;
    TRY(catalog_use(&fd, path));
    struct directory_use *u = mem_zalloc(sizeof *u);
    u->fd = fd;
    *out = &u->use;
    return NULL;
}

static void directory_use_end(struct repo_use *use)
{
    struct directory_use *u = (struct directory_use *)use; /* the first member, as below */
    close(u->fd);
    free(u);
}

static struct err *directory_record_append(struct repo *r, const char *id, const char *line)
{
    AUTO_FREE char *path = catalog_archive_path(r->directory, id);
    return catalog_record_append(path, line);
}

static struct err *directory_record_read(char **text, struct repo *r, const char *id)
{
    AUTO_FREE char *path = catalog_archive_path(r->directory, id);
    return catalog_record_read(text, path);
}

static struct err *directory_key_block_read(uint8_t *p, bool *there, struct repo *r, const char *id)
{
    AUTO_FREE char *path = catalog_archive_path(r->directory, id);
    return catalog_key_block_read(p, there, path);
}

static struct err *directory_key_block_replace(struct repo *r, const char *id, const uint8_t *p)
{
    AUTO_FREE char *path = catalog_archive_path(r->directory, id);
    return catalog_key_block_replace(path, p);
}

/* --- drafts --- */

static void directory_draft_free(struct repo_draft *draft)
{
    struct directory_draft *d = (struct directory_draft *)draft;
    if (draft->sink)
        draft->sink->free(draft->sink);
    catalog_draft_free(d->catalog);
    temp_dir_close(d->elsewhere);
    free(d);
}

/* What is needed for a while is in clear. Of a sealed archive it does not belong in the repository, which may be on another machine. */
static struct err *choose_dir(struct directory_draft *d, const struct repo_options *o)
{
    d->draft.dir = catalog_draft_dir(d->catalog);
    if (!o->keys)
        return NULL;
    TRY(repo_temp_dir(&d->elsewhere, o));
    d->draft.dir = temp_dir_path(d->elsewhere);
    return NULL;
}

static struct err *directory_begin(struct repo_draft **out, struct repo *r, const char *like,
                                   const char *type)
{
    struct directory_draft *d = mem_zalloc(sizeof *d);
    struct err *e = like ? catalog_begin_like(&d->catalog, r->directory, like, type, r->options.log)
                         : catalog_begin(&d->catalog, r->directory, type, r->options.log);
    if (!e)
        e = choose_dir(d, &r->options);
    if (!e)
        e = sink_file_open(&d->draft.sink, catalog_draft_archive(d->catalog));
    if (e) {
        directory_draft_free(&d->draft);
        return e;
    }
    d->draft.id = catalog_draft_id(d->catalog);
    *out = &d->draft;
    return NULL;
}

static struct err *directory_draft_make_resumable(struct repo_draft *draft)
{
    return catalog_draft_make_resumable(((struct directory_draft *)draft)->catalog);
}

/* A sink that was committed leaves its file where it is. What is not durable is appended again. */
static void directory_draft_leave(struct repo_draft *draft)
{
    struct directory_draft *d = (struct directory_draft *)draft;
    err_free(draft->sink->commit(draft->sink));
    draft->sink->free(draft->sink);
    catalog_draft_leave(d->catalog);
    temp_dir_close(d->elsewhere);
    free(d);
}

static struct err *directory_resume(struct repo_draft **out, uint64_t *published, struct repo *r,
                                    const char *id, uint64_t size)
{
    struct catalog_draft *catalog;
    *out = NULL;
    TRY(catalog_resume(&catalog, published, r->directory, id));
    if (!catalog)
        return NULL;
    struct directory_draft *d = mem_zalloc(sizeof *d);
    d->catalog = catalog;
    d->draft.id = catalog_draft_id(catalog);
    struct err *e = choose_dir(d, &r->options);
    if (!e)
        e = sink_file_resume(&d->draft.sink, catalog_draft_archive(catalog), size);
    if (e)
        directory_draft_free(&d->draft);
    else
        *out = &d->draft;
    return e;
}

static struct err *directory_publish(struct repo_draft *draft)
{
    return catalog_publish(((struct directory_draft *)draft)->catalog);
}

/* --- deletion --- */

static struct catalog_deletion *catalog_of(struct repo_deletion *d)
{
    return ((struct directory_deletion *)d)->catalog;
}

static struct err *directory_deletion_begin(struct repo_deletion **out, struct repo *r)
{
    struct catalog_deletion *catalog;
    TRY(catalog_deletion_begin(&catalog, r->directory, r->options.log));
    struct directory_deletion *d = mem_zalloc(sizeof *d);
    d->catalog = catalog;
    *out = &d->deletion;
    return NULL;
}

static struct err *directory_deletion_claim(struct repo_deletion *d, const char *id, bool *in_use)
{
    return catalog_deletion_claim(catalog_of(d), id, in_use);
}

static void directory_deletion_unclaim(struct repo_deletion *d)
{
    catalog_deletion_unclaim(catalog_of(d));
}

static struct err *directory_deletion_next(struct repo_deletion *d, const char **id)
{
    return catalog_deletion_next(catalog_of(d), id);
}

static struct err *directory_deletion_finish(struct repo_deletion *d)
{
    return catalog_deletion_finish(catalog_of(d));
}

static void directory_deletion_free(struct repo_deletion *d)
{
    catalog_deletion_free(catalog_of(d));
    free(d);
}

const struct repo_kind repo_kind_directory = {
    .open = directory_open,
    .close = directory_close,
    .list = directory_list,
    .open_source = directory_open_source,
    .use = directory_use,
    .use_end = directory_use_end,
    .record_append = directory_record_append,
    .record_read = directory_record_read,
    .key_block_read = directory_key_block_read,
    .key_block_replace = directory_key_block_replace,
    .begin = directory_begin,
    .publish = directory_publish,
    .draft_free = directory_draft_free,
    .draft_make_resumable = directory_draft_make_resumable,
    .draft_leave = directory_draft_leave,
    .resume = directory_resume,
    .deletion_begin = directory_deletion_begin,
    .deletion_claim = directory_deletion_claim,
    .deletion_unclaim = directory_deletion_unclaim,
    .deletion_next = directory_deletion_next,
    .deletion_finish = directory_deletion_finish,
    .deletion_free = directory_deletion_free,
};
