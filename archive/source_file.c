/* archive/source_file.c: the source that is a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/source.h"
#include "base/file.h"
#include "base/mem.h"

struct source_file {
    struct source source;
    int fd;
    char *name;
};

static struct source_file *self_of(struct source *s)
{
    return (struct source_file *)s; /* the first member */
}

static struct err *file_read_at(struct source *s, void *buf, size_t n, uint64_t offset, size_t *got)
{
    return file_pread(self_of(s)->fd, buf, n, offset, got, s->name);
}

static void file_drop(struct source *s, uint64_t offset, uint64_t n)
{
    (void)posix_fadvise(self_of(s)->fd, (off_t)offset, (off_t)n, POSIX_FADV_DONTNEED);
}

static void file_in_order(struct source *s)
{
    (void)posix_fadvise(self_of(s)->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

static void file_free(struct source *s)
{
    struct source_file *f = self_of(s);
    close(f->fd);
    free(f->name);
    free(f);
}

struct err *source_fd_open(struct source **out, int fd, const char *name)
{
    struct stat st;
    if (fstat(fd, &st)) {
        struct err *e = err_os("%s: cannot stat", name);
        close(fd);
        return e;
    }
    struct source_file *f = mem_zalloc(sizeof *f);
    f->fd = fd;
    f->name = mem_strdup(name);
    f->source = (struct source){.name = f->name,
                                .size = (uint64_t)st.st_size,
                                .read_at = file_read_at,
                                .drop = file_drop,
                                .in_order = file_in_order,
                                .free = file_free};
    *out = &f->source;
    return NULL;
}

struct err *source_file_open(struct source **out, const char *path)
{
    int fd;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    return source_fd_open(out, fd, path);
}
