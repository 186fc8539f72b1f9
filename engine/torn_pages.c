/* engine/torn_pages.c: see torn_pages.h. */
#include "engine/torn_pages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/doublewrite.h"
#include "innodb/fil_page.h"
#include "innodb/page_compress.h"

/* Opens the file the copies are in; *file is its position. */
static struct err *open_file(struct torn_pages *t, const char *path, size_t *file)
{
    mem_grow(&t->files, &t->cap_files, t->n_files, sizeof *t->files);
    struct torn_file *f = &t->files[t->n_files];
    *f = (struct torn_file){.fd = -1, .path = mem_strdup(path)};
    *file = t->n_files++;
    return file_open(&f->fd, path, O_RDONLY, 0);
}

/* Notes the copies in up to n slots of page_size bytes from `at` on. */
static struct err *note_slots(struct torn_pages *t, size_t file, uint64_t at, uint64_t n,
                              uint32_t page_size)
{
    const struct torn_file *f = &t->files[file];
    for (uint64_t i = 0; i < n; i++, at += page_size) {
        uint8_t head[FIL_BODY];
        size_t got;
        TRY(file_pread(f->fd, head, sizeof head, at, &got, f->path));
        if (got < sizeof head)
            return NULL;
        if (bytes_are_zero(head, sizeof head))
            continue;
        mem_grow(&t->copies, &t->cap, t->n, sizeof *t->copies);
        t->copies[t->n++] = (struct torn_copy){
            .page = be32(head + FIL_PAGE_NO), .lsn = be64(head + FIL_LSN), .file = file, .at = at};
    }
    return NULL;
}

/* MariaDB. */
static struct err *note_extents(struct torn_pages *t, const struct datadir *d)
{
    const uint32_t size = d->page_size;
    AUTO_FREE uint8_t *trx_sys = mem_alloc(size);
    size_t file, got;
    TRY(open_file(t, d->system_paths[0], &file));
    TRY(file_pread(t->files[file].fd, trx_sys, size, (uint64_t)TRX_SYS_PAGE_NO * size, &got,
                   d->system_paths[0]));
    if (got < size)
        return NULL;
    const struct doublewrite area = doublewrite_of(trx_sys, size);
    for (int i = 0; i < 2; i++)
        if (area.first[i])
            TRY(note_slots(t, file, (uint64_t)area.first[i] * size, area.n_pages, size));
    return NULL;
}

static bool is_doublewrite_file(const char *name, uint32_t page_size)
{
    char prefix[32];
    const int n = snprintf(prefix, sizeof prefix, "#ib_%" PRIu32 "_", page_size);
    const char *dot = strrchr(name, '.');
    return !strncmp(name, prefix, (size_t)n) && dot && !strcmp(dot, ".dblwr");
}

/* MySQL. */
static struct err *note_files(struct torn_pages *t, const struct datadir *d)
{
    const char *const dir = d->doublewrite_dir;
    const struct dirent *de;
    struct err *e;
    DIR *h = opendir(dir);
    if (!h)
        return errno == ENOENT ? NULL : err_os("%s: cannot open directory", dir);
    while (!(e = file_next_entry(&de, h, dir)) && de) {
        size_t file;
        if (!is_doublewrite_file(de->d_name, d->page_size))
            continue;
        AUTO_FREE char *path = mem_printf("%s/%s", dir, de->d_name);
        e = open_file(t, path, &file);
        if (!e)
            e = note_slots(t, file, 0, UINT64_MAX, d->page_size);
        if (e)
            break;
    }
    closedir(h);
    return e;
}

struct err *torn_pages_open(struct torn_pages *t, const struct datadir *d)
{
    *t = (struct torn_pages){0};
    TRY(note_extents(t, d));
    return d->doublewrite_dir ? note_files(t, d) : NULL;
}

void torn_pages_fini(struct torn_pages *t)
{
    for (size_t i = 0; i < t->n_files; i++) {
        if (t->files[i].fd >= 0)
            close(t->files[i].fd);
        free(t->files[i].path);
    }
    free(t->files);
    free(t->copies);
    *t = (struct torn_pages){0};
}

void torn_pages_limit(struct torn_pages *t, lsn_t from, lsn_t to)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (t->copies[i].lsn >= from && t->copies[i].lsn <= to)
            t->copies[n++] = t->copies[i];
    t->n = n;
}

/* The space id in a whole page, where it is in clear, deciphered, or unpacked. An encrypted page of a space whose key is not known may be
 * any space's. */
static bool is_of_space(const struct space_key *key, const struct space_format *format,
                        space_id_t id, page_no_t no, const uint8_t *page, uint8_t *clear,
                        uint8_t *unpacked)
{
    if (!format->full_crc32)
        return be32(page + FIL_SPACE) == id;
    if (page_is_encrypted(format, page, no)) {
        struct err *e = key ? page_decrypt(key, format, page, clear) : NULL;
        const bool opened = key && !e;
        err_free(e);
        if (!opened)
            return false;
        page = clear;
    }
    if (page_is_compressed(format, page)) {
        struct err *e = page_decompress(format, page, unpacked);
        if (e) {
            err_free(e);
            return false;
        }
        page = unpacked;
    }
    return be32(page + FIL_SPACE) == id;
}

static bool has_any(const struct torn_pages *t, page_no_t no)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->copies[i].page == no)
            return true;
    return false;
}

struct err *torn_pages_mend(struct torn_pages *t, const struct space_key *key,
                            const struct space_format *format, space_id_t id, page_no_t no,
                            uint8_t *page, bool *found)
{
    const uint32_t size = format->physical;
    *found = false;
    if (!has_any(t, no)) /* as for most pages of zeros */
        return NULL;
    AUTO_FREE uint8_t *copy = mem_alloc_aligned(size);
    AUTO_FREE uint8_t *scratch = mem_alloc_aligned(size);
    AUTO_FREE uint8_t *unpacked = mem_alloc_aligned(format->page_size);
    lsn_t best = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct torn_copy *c = &t->copies[i];
        char why[PAGE_WHY_SIZE];
        size_t got;
        if (c->page != no || (*found && c->lsn <= best))
            continue;
        TRY(file_pread(t->files[c->file].fd, copy, size, c->at, &got, t->files[c->file].path));
        if (got < size || page_crypt_check(key, format, id, no, copy, scratch, why) != PAGE_OK ||
            !is_of_space(key, format, id, no, copy, scratch, unpacked))
            continue;
        memcpy(page, copy, size);
        best = c->lsn;
        *found = true;
    }
    if (*found)
        atomic_fetch_add(&t->n_mended, 1);
    return NULL;
}
