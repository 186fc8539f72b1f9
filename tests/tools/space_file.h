/* tests/tools/space_file.h: for the oracle's tools: the tablespace files of a datadir that no
 * server is using. Everything is learnt from the files themselves. */
#ifndef MBE_TESTS_TOOLS_SPACE_FILE_H
#define MBE_TESTS_TOOLS_SPACE_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/datadir.h"
#include "innodb/doublewrite.h"
#include "innodb/page_check.h"

struct space_file {
    const struct listed_space *listed; /* borrowed */
    int fd;
    struct space_format format;
    space_id_t id;
    page_no_t n_pages;
    struct stat st;
    struct doublewrite doublewrite; /* of the first system file */
    bool blank;                     /* page 0 is all zero or absent: nothing else is set */
};

static inline void space_file_close(struct space_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

/* Which family's datadir `root` is. */
static inline enum server_flavour space_file_flavour(const char *root)
{
    AUTO_FREE char *dir = mem_printf("%s/#innodb_redo", root);
    return access(dir, F_OK) ? FLAVOUR_MARIADB : FLAVOUR_MYSQL;
}

/* Resolves `root` as a datadir with that innodb_data_file_path (NULL: one file) and finds the page
 * size out. */
static inline struct err *space_file_datadir(struct datadir *out, const char *root,
                                             const char *data_file_path)
{
    AUTO_FREE char *spec = data_file_path ? mem_strdup(data_file_path) : NULL;
    AUTO_FREE char *dir = mem_strdup(root);
    const struct server_info server = {.flavour = space_file_flavour(root),
                                       .datadir = dir,
                                       .innodb_data_file_path = spec,
                                       .page_size = INNODB_PAGE_SIZE_MIN};
    uint8_t head[64];
    size_t got;
    AUTO_FD int fd = -1;
    TRY(datadir_resolve(out, &server, root));
    const char *path = out->system_paths[0];
    TRY(file_open(&fd, path, O_RDONLY, 0));
    TRY(file_pread(fd, head, sizeof head, 0, &got, path));
    if (got < sizeof head)
        return err_make(CORRUPT, "%s: %zu bytes", path, got);
    for (uint32_t size = INNODB_PAGE_SIZE_MIN; size <= INNODB_PAGE_SIZE_MAX; size *= 2) {
        struct space_format format;
        struct err *e = space_format_decode(&format, be32(head + FSP_FLAGS), size);
        if (!e) {
            out->page_size = size;
            return NULL;
        }
        err_free(e);
    }
    return err_make(CORRUPT, "%s: flags 0x%" PRIx32 " fit no page size", path,
                    be32(head + FSP_FLAGS));
}

/* Page `index` of the file; zeros behind its end. */
static inline struct err *space_file_read(const struct space_file *f, page_no_t index,
                                          uint8_t *page)
{
    const uint32_t size = f->format.physical;
    size_t got;
    memset(page, 0, size);
    return index < f->n_pages
               ? file_pread(f->fd, page, size, (uint64_t)index * size, &got, f->listed->path)
               : NULL;
}

static inline struct err *space_file_find_doublewrite(struct space_file *f)
{
    AUTO_FREE uint8_t *page = mem_alloc(f->format.physical);
    TRY(space_file_read(f, TRX_SYS_PAGE_NO, page));
    f->doublewrite = doublewrite_of(page, f->format.page_size);
    return NULL;
}

/* Opens a listed tablespace. Further files of the system tablespace get the format of the first. */
static inline struct err *space_file_open(struct space_file *f, const struct listed_space *listed,
                                          const struct datadir *d)
{
    uint8_t head[64];
    size_t got;
    AUTO_FD int first = -1;
    *f = (struct space_file){.listed = listed, .fd = -1};
    TRY(file_open(&f->fd, listed->path, O_RDONLY, 0));
    if (fstat(f->fd, &f->st))
        return err_os("%s: cannot stat", listed->path);
    const char *path = listed->system ? d->system_paths[0] : listed->path;
    TRY(file_open(&first, path, O_RDONLY, 0));
    TRY(file_pread(first, head, sizeof head, 0, &got, path));
    f->blank = got < sizeof head || bytes_are_zero(head, sizeof head);
    if (f->blank)
        return NULL;
    TRY_AT(space_format_decode(&f->format, be32(head + FSP_FLAGS), d->page_size), "%s", path);
    f->id = be32(head + FSP_SPACE_ID);
    f->n_pages = (page_no_t)((uint64_t)f->st.st_size / f->format.physical);
    return listed->system && !listed->first_page ? space_file_find_doublewrite(f) : NULL;
}

#endif
