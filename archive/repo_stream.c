/* archive/repo_stream.c: the repository "-": standard output of what takes a backup, standard input of what reads one. It is one
 * archive, and nothing beside it: no list, no record of verifications, no locks.
 *
 *  S1 An archive is opened by its end, and read in places. So what comes through a pipe is first written to a file without a
 *     name, in a directory that the options name; a regular file is read where it is.
 *  S2 The final record, without which an archive is not complete, goes out when nothing can fail any more but the writing of it.
 *  S3 Whoever reads our output may stall: then we wait, but a signal still ends us, and while the server is locked we do not wait. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/format.h"
#include "archive/repo_kind.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/temp_dir.h"

#define INPUT "standard input"
#define OUTPUT "standard output"

enum { BLOCK = 1 << 20 };
_Static_assert((int)BLOCK >= (int)ARCHIVE_HEADER_SIZE,
               "the header is looked at in the first block");

struct stream {
    struct repo repo;
    int fd; /* of the archive, whole and in a file; -1: it was not asked for yet */
    char *id;
};

struct stream_draft {
    struct repo_draft draft;
    struct temp_dir *dir;
    char *id;
    struct err *(*finish)(struct sink *s); /* the sink's commit, which is left to publish: S2 */
};

static struct stream *self_of(struct repo *r)
{
    return (struct stream *)r; /* the first member */
}

static struct err *stream_open(struct repo **out, const char *url,
                               const struct repo_options *options)
{
    (void)url;
    (void)options;
    struct stream *s = mem_zalloc(sizeof *s);
    s->repo.name = mem_strdup(INPUT);
    s->fd = -1;
    *out = &s->repo;
    return NULL;
}

static void stream_close(struct repo *r)
{
    struct stream *s = self_of(r);
    if (s->fd >= 0)
        close(s->fd);
    free(s->id);
    free(s);
}

/* --- standard input --- */

/* Fills `block` unless the stream ends before. */
static struct err *read_block(uint8_t *block, size_t *got)
{
    *got = 0;
    while (*got < BLOCK) {
        const ssize_t n = read(STDIN_FILENO, block + *got, BLOCK - *got);
        TRY(signals_check());
        if (n < 0 && errno != EINTR)
            return err_os(INPUT ": cannot read");
        if (n == 0)
            return NULL;
        *got += n > 0 ? (size_t)n : 0;
    }
    return NULL;
}

/* Before all of something else is copied. What is shorter is told to be cut off when it is opened; only its end tells one of a newer
 * mbe from one whose version was changed. */
static struct err *check_beginning(const uint8_t *block, size_t got)
{
    struct archive_header h;
    if (got < ARCHIVE_HEADER_SIZE)
        return NULL;
    struct err *e = archive_header_get(&h, block);
    if (e && e->kind != ERR_CORRUPT) {
        err_free(e);
        return NULL;
    }
    return err_hint(err_wrap(e, INPUT),
                    "It has to be an archive as mbe wrote it: not compressed or enciphered by "
                    "another program.");
}

static struct err *copy_blocks(int fd, const char *dir, struct progress *progress)
{
    AUTO_FREE uint8_t *block = mem_alloc_aligned(BLOCK);
    bool first = true;
    for (size_t got = BLOCK; got == BLOCK; first = false) {
        TRY(read_block(block, &got));
        if (first)
            TRY(check_beginning(block, got));
        TRY(err_hint(file_write(fd, block, got, dir),
                     "What comes through a pipe is kept there until it was read: name a directory "
                     "with more room with --tmp-dir=DIR."));
        progress_add(progress, got);
    }
    return NULL;
}

static struct err *spool(int *out, const struct repo_options *o)
{
    AUTO_FREE char *dir = NULL;
    AUTO_FD int fd = -1;
    TRY(temp_dir_parent(&dir, o->tmp_dir));
    TRY(file_open_nameless(&fd, dir));
    log_info(o->log, "stream", INPUT " is kept in %s until it was read", dir);
    progress_phase(o->progress, "read stream", 0);
    TRY(copy_blocks(fd, dir, o->progress));
    *out = fd;
    fd = -1;
    return NULL;
}

static struct err *take_input(int *out, const struct repo_options *o)
{
    struct stat st;
    if (isatty(STDIN_FILENO))
        return err_make(USAGE, INPUT " is a terminal, and an archive is to be read from it");
    if (fstat(STDIN_FILENO, &st))
        return err_os(INPUT ": cannot stat");
    if (!S_ISREG(st.st_mode) || lseek(STDIN_FILENO, 0, SEEK_CUR) != 0)
        return spool(out, o);
    *out = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    return *out < 0 ? err_os(INPUT ": cannot duplicate its descriptor") : NULL;
}

static struct err *read_id(char **out, const char *manifest)
{
    json_t *m = json_loads(manifest, JSON_REJECT_DUPLICATES, NULL);
    const char *id = json_string_value(json_object_get(m, "id"));
    *out = id && backup_id_is_valid(id) ? mem_strdup(id) : NULL;
    json_decref(m);
    return *out ? NULL : err_make(CORRUPT, INPUT ": manifest: it has no id of a backup");
}

static struct err *open_input(struct source **out, const struct stream *s)
{
    const int fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? err_os(INPUT ": cannot duplicate its descriptor")
                  : source_fd_open(out, fd, INPUT);
}

/* Until then nothing is read: what a command has to check first it can check first. */
static struct err *load(struct stream *s)
{
    struct source *source;
    AUTO(archive_reader) reader = NULL;
    if (s->id)
        return NULL;
    if (s->fd < 0)
        TRY(take_input(&s->fd, &s->repo.options));
    TRY(open_input(&source, s));
    TRY(archive_reader_open(&reader, source,
                            &(struct archive_unlock){.keys = s->repo.options.keys,
                                                     .public_keys = s->repo.options.public_keys}));
    return read_id(&s->id, archive_reader_manifest(reader));
}

static struct err *stream_list(struct backup_ids *out, struct repo *r)
{
    struct stream *s = self_of(r);
    TRY(load(s));
    backup_ids_add(out, mem_strdup(s->id));
    return NULL;
}

static struct err *stream_open_source(struct source **out, struct repo *r, const char *id)
{
    struct stream *s = self_of(r);
    TRY(load(s));
    if (strcmp(id, s->id))
        return err_new_os(ENOENT, __FILE__, __LINE__, INPUT ": is not backup %s", id);
    return open_input(out, s);
}

static struct err *stream_use(struct repo_use **out, struct repo *r, const char *id)
{
    (void)r;
    (void)id;
    *out = mem_zalloc(sizeof **out);
    return NULL;
}

static void stream_use_end(struct repo_use *u)
{
    free(u);
}

static struct err *stream_record_append(struct repo *r, const char *id, const char *line)
{
    (void)r;
    (void)id;
    (void)line;
    return NULL;
}

static struct err *stream_record_read(char **text, struct repo *r, const char *id)
{
    (void)r;
    (void)id;
    *text = mem_strdup("");
    return NULL;
}

/* --- standard output --- */

/* Of a pipe we get a description of our own where we may, so that it can be one that does not block (S3) without that being so for
 * others who have the pipe. */
static struct err *take_output(int *out)
{
    struct stat st;
    if (isatty(STDOUT_FILENO))
        return err_make(USAGE, OUTPUT " is a terminal, and an archive is to be written to it");
    if (fstat(STDOUT_FILENO, &st))
        return err_os(OUTPUT ": cannot stat");
    *out = S_ISFIFO(st.st_mode) ? open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (*out < 0)
        *out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    return *out < 0 ? err_os(OUTPUT ": cannot duplicate its descriptor") : NULL;
}

static void stream_draft_free(struct repo_draft *draft)
{
    struct stream_draft *d = (struct stream_draft *)draft; /* the first member */
    if (draft->sink)
        draft->sink->free(draft->sink);
    temp_dir_close(d->dir);
    free(d->id);
    free(d);
}

static struct err *commit_later(struct sink *s)
{
    (void)s;
    return NULL;
}

static struct err *open_draft(struct stream_draft *d, const struct repo_options *o)
{
    int fd;
    struct sink *pipe;
    TRY(repo_temp_dir(&d->dir, o));
    d->draft.dir = temp_dir_path(d->dir);
    TRY(take_output(&fd));
    sink_fd_open(&pipe, fd, OUTPUT);
    sink_hold_open(&d->draft.sink, pipe, d->draft.dir);
    d->finish = d->draft.sink->commit;
    d->draft.sink->commit = commit_later;
    return NULL;
}

static struct err *stream_begin(struct repo_draft **out, struct repo *r, const char *like,
                                const char *type)
{
    char now[BACKUP_STAMP_LEN + 1];
    backup_id_now(now);
    struct stream_draft *d = mem_zalloc(sizeof *d);
    d->id = backup_id_make(like ? like : now, type, 1);
    d->draft.id = d->id;
    struct err *e =
        d->id ? open_draft(d, &r->options) : err_make(FAILED, "\"%s\" is no type of backup", type);
    if (e) {
        stream_draft_free(&d->draft);
        return e;
    }
    *out = &d->draft;
    return NULL;
}

static struct err *stream_publish(struct repo_draft *draft)
{
    return ((struct stream_draft *)draft)->finish(draft->sink);
}

const struct repo_kind repo_kind_stream = {
    .is_stream = true,
    .open = stream_open,
    .close = stream_close,
    .list = stream_list,
    .open_source = stream_open_source,
    .use = stream_use,
    .use_end = stream_use_end,
    .record_append = stream_record_append,
    .record_read = stream_record_read,
    .begin = stream_begin,
    .publish = stream_publish,
    .draft_free = stream_draft_free,
};
