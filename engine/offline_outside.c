/* engine/offline_outside.c: see offline_outside.h. */
#include "engine/offline_outside.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/fil_page.h"
#include "innodb/page_crypt.h"

enum {
    EXTENSION = 4,
    NAME_MAX_BYTES = 4096,
    FRONT_BYTES = 8, /* of a row, in front of a name: they may look like text */
};

static bool is_extension(const uint8_t *p)
{
    return !memcmp(p, ".ibd", EXTENSION) || !memcmp(p, ".ibu", EXTENSION);
}

/* Not a control character; names are in UTF-8. */
static bool is_text(uint8_t c)
{
    return c >= ' ' && c != 0x7F;
}

void offline_outside_next(char **text, const uint8_t *bytes, size_t n, size_t *at)
{
    *text = NULL;
    for (size_t i = *at; i + EXTENSION <= n; i++) {
        if (!is_extension(bytes + i))
            continue;
        size_t from = i;
        while (from > *at && is_text(bytes[from - 1]) && i - from < NAME_MAX_BYTES)
            from--;
        *at = i + EXTENSION;
        const size_t front = i - from < FRONT_BYTES ? i - from : FRONT_BYTES;
        if (!memchr(bytes + from, '/', front))
            continue;
        *text = mem_printf("%.*s", (int)(*at - from), (const char *)bytes + from);
        return;
    }
    *at = n;
}

static bool is_listed(const struct listing *list, const char *path)
{
    for (size_t i = 0; i < list->n_spaces; i++)
        if (!strcmp(list->spaces[i].path, path))
            return true;
    return false;
}

/* The same under any path. */
static bool is_listed_file(const struct listing *list, const char *path)
{
    const char *base = strrchr(path, '/');
    struct stat st, other;
    if (stat(path, &st))
        return false;
    for (size_t i = 0; i < list->n_spaces; i++) {
        const char *slash = strrchr(list->spaces[i].path, '/');
        if (slash && !strcmp(slash, base) && !stat(list->spaces[i].path, &other) &&
            other.st_dev == st.st_dev && other.st_ino == st.st_ino)
            return true;
    }
    return false;
}

struct sweep {
    const struct datadir *d;
    const struct listing *list;
    struct log *log;
    char *warned; /* of which file, last */
};

/* The file of the datadir that the text names ("./db/t.ibd", whatever stands in front); NULL: it names none. Owned by caller. */
static char *inside(const struct datadir *d, const char *text)
{
    const char *last = NULL;
    for (const char *p = strstr(text, "./"); p; p = strstr(p + 1, "./"))
        last = p;
    return last ? mem_printf("%s%s", d->root, last + 1) : NULL;
}

/* The file that a name with "../" in front is, seen from the datadir; NULL: there is no such name in the text. Owned by caller. */
static char *above(const struct datadir *d, const char *text)
{
    const char *up = strstr(text, "../");
    return up ? mem_printf("%s/%s", d->root, up) : NULL;
}

static struct err *refuse(const char *path)
{
    return err_hint(err_make(REFUSED,
                             "%s: the dictionary names this tablespace, and it lies in no "
                             "directory that is known",
                             path),
                    "Name the server's option file (--defaults-file): innodb_directories "
                    "and innodb_undo_directory tell where such files are.");
}

/* Once in a row. Such a file may be of a table that was dropped. */
static void warn(struct sweep *s, const char *path)
{
    if (s->warned && !strcmp(s->warned, path))
        return;
    free(s->warned);
    s->warned = mem_strdup(path);
    log_warning(s->log, "copy",
                "%s: mysql.ibd names this tablespace, and it is not there: not in the backup, "
                "unless it was dropped",
                path);
}

static struct err *judge(struct sweep *s, const char *text)
{
    const char *path = strchr(text, '/');
    AUTO_FREE char *up = above(s->d, text);
    while (path[1] == '/')
        path++;
    AUTO_FREE char *in_datadir = inside(s->d, text);
    AUTO_FREE char *here = datadir_path(s->d, path);
    if (up && !access(up, F_OK))
        return is_listed_file(s->list, up) ? NULL : refuse(up);
    if ((in_datadir && is_listed(s->list, in_datadir)) || is_listed(s->list, here) ||
        !strncmp(strrchr(path, '/') + 1, "#sql", 4))
        return NULL;
    if (!access(here, F_OK))
        return refuse(here);
    if (up || !in_datadir)
        warn(s, up ? up : path);
    return NULL;
}

static struct err *sweep_page(struct sweep *s, const uint8_t *page, size_t n)
{
    struct err *e = NULL;
    for (size_t at = FIL_BODY; at < n && !e;) {
        AUTO_FREE char *text = NULL;
        offline_outside_next(&text, page, n, &at);
        e = text ? judge(s, text) : NULL;
    }
    return e;
}

static struct err *sweep_file(struct sweep *s, const char *path, int fd,
                              const struct space_format *format, const struct space_key *key)
{
    const uint32_t size = format->physical;
    AUTO_FREE uint8_t *stored = mem_alloc_aligned(size);
    AUTO_FREE uint8_t *clear = mem_alloc_aligned(size);
    for (page_no_t no = 1;; no++) {
        const uint8_t *page = stored;
        size_t got;
        TRY(file_pread(fd, stored, size, (uint64_t)no * size, &got, path));
        if (got < size)
            return NULL;
        if (page_is_encrypted(format, stored, no)) {
            TRY_AT(page_decrypt(key, format, stored, clear), "%s: page %" PRIu32, path, no);
            page = clear;
        }
        if (be16(page + FIL_TYPE) == FIL_TYPE_INDEX)
            TRY(sweep_page(s, page, size - FIL_TRAILER));
    }
}

struct err *offline_outside_check(const struct datadir *d, const struct listing *list,
                                  struct key_file *keys, struct log *log)
{
    AUTO_FREE char *path = mem_printf("%s/mysql.ibd", d->root);
    AUTO_FREE uint8_t *page_0 = mem_alloc_aligned(d->page_size);
    AUTO_FD int fd = -1;
    struct sweep s = {.d = d, .list = list, .log = log};
    struct space_format format;
    struct space_key key;
    size_t got;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    TRY(file_pread(fd, page_0, d->page_size, 0, &got, path));
    if (got < d->page_size)
        return err_make(CORRUPT, "%s: %zu bytes", path, got);
    TRY_AT(space_format_decode(&format, be32(page_0 + FSP_FLAGS), d->page_size), "%s", path);
    TRY_AT(space_key_find(&key, &format, page_0, key_file_keys(keys)), "%s", path);
    struct err *e = sweep_file(&s, path, fd, &format, &key);
    space_key_wipe(&key);
    free(s.warned);
    return e;
}
