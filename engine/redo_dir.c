/* engine/redo_dir.c: see redo_dir.h. */
#include "engine/redo_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#define NAME_PREFIX "#ib_redo"

enum {
    ATTEMPTS = 100, /* to find a checkpoint in files that change meanwhile */
    ATTEMPT_MS = 10,
    DIGITS_MAX = 18, /* of a file's number: no overflow */
};

/* Whether this is the name of a live file; "#ib_redo7_tmp" is none, nor is "#ib_redo07". */
static bool parse_name(uint64_t *id, const char *name)
{
    const size_t prefix = strlen(NAME_PREFIX);
    if (strncmp(name, NAME_PREFIX, prefix))
        return false;
    const char *digits = name + prefix;
    const size_t n = strspn(digits, "0123456789");
    if (n == 0 || n > DIGITS_MAX || digits[n] || (n > 1 && digits[0] == '0'))
        return false;
    *id = strtoull(digits, NULL, 10);
    return true;
}

static char *path_of(const char *dir, uint64_t id)
{
    return mem_printf("%s/" NAME_PREFIX "%" PRIu64, dir, id);
}

/* CORRUPT: no valid header (now). */
static struct err *read_header(struct redo_mysql_header *h, int fd, const char *path)
{
    uint8_t area[MYSQL_REDO_HEADER_SIZE];
    struct stat st;
    size_t got;
    if (fstat(fd, &st))
        return err_os("%s: cannot stat", path);
    TRY(file_pread(fd, area, sizeof area, 0, &got, path));
    if (got < sizeof area)
        return err_make(CORRUPT, "%s: %zu bytes are no redo file", path, got);
    return err_wrap(redo_mysql_header_parse(h, area, (uint64_t)st.st_size), "%s", path);
}

/* Turns a kind of error that means "look again" into *there = false. */
static struct err *or_not_there(struct err *e, bool *there)
{
    *there = !e;
    if (!e || (e->os_errno != ENOENT && e->kind != ERR_CORRUPT))
        return e;
    err_free(e);
    return NULL;
}

void redo_file_close(struct redo_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    free(f->path);
    f->path = NULL;
}

struct err *redo_file_open(struct redo_file *out, const char *dir, uint64_t id, bool *there)
{
    *out = (struct redo_file){.fd = -1, .id = id, .path = path_of(dir, id)};
    struct err *e = file_open(&out->fd, out->path, O_RDONLY, 0);
    if (!e)
        e = read_header(&out->header, out->fd, out->path);
    if (e)
        redo_file_close(out);
    return or_not_there(e, there);
}

struct err *redo_file_reread(struct redo_file *f, bool *same)
{
    struct redo_mysql_header now;
    TRY(or_not_there(read_header(&now, f->fd, f->path), same));
    if (!*same)
        return NULL;
    *same = now.start_lsn == f->header.start_lsn && now.end_lsn == f->header.end_lsn &&
            now.uuid == f->header.uuid;
    if (*same)
        f->header = now;
    return NULL;
}

struct err *redo_file_is_live(const struct redo_file *f, bool *live)
{
    struct stat named, ours;
    *live = false;
    if (fstat(f->fd, &ours))
        return err_os("%s: cannot stat", f->path);
    if (stat(f->path, &named))
        return errno == ENOENT ? NULL : err_os("%s: cannot stat", f->path);
    *live = named.st_dev == ours.st_dev && named.st_ino == ours.st_ino;
    return NULL;
}

struct ids {
    uint64_t *items;
    size_t n, cap;
};

static struct err *list(struct ids *out, const char *dir)
{
    const struct dirent *entry;
    *out = (struct ids){0};
    DIR *d = opendir(dir);
    if (!d)
        return err_os("%s: cannot open", dir);
    struct err *e;
    while (!(e = file_next_entry(&entry, d, dir)) && entry) {
        uint64_t id;
        if (!parse_name(&id, entry->d_name))
            continue;
        mem_grow(&out->items, &out->cap, out->n, sizeof *out->items);
        out->items[out->n++] = id;
    }
    closedir(d);
    return e;
}

/* Keeps the better of *best and #ib_redo<id> open. */
static struct err *consider(struct redo_file *best, const char *dir, uint64_t id)
{
    struct redo_file f;
    bool there;
    TRY(redo_file_open(&f, dir, id, &there));
    if (!there)
        return NULL;
    if (f.header.checkpoint_lsn > best->header.checkpoint_lsn) {
        redo_file_close(best);
        *best = f;
    } else {
        redo_file_close(&f);
    }
    return NULL;
}

static struct err *find_checkpoint(struct redo_file *best, const char *dir, bool *found)
{
    struct ids ids;
    struct err *e = list(&ids, dir);
    *best = (struct redo_file){.fd = -1};
    *found = false;
    for (size_t i = 0; i < ids.n && !e; i++)
        e = consider(best, dir, ids.items[i]);
    free(ids.items);
    if (!e && best->fd >= 0)
        e = redo_file_is_live(best, found);
    if (e || !*found)
        redo_file_close(best);
    return e;
}

struct err *redo_dir_open_checkpoint(struct redo_file *out, const char *dir)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        bool found;
        TRY(find_checkpoint(out, dir, &found));
        if (found)
            return NULL;
        clock_sleep_ms(ATTEMPT_MS); /* files torn, made or renamed by a write in progress */
    }
    return err_make(CORRUPT, "%s: no redo file with a valid checkpoint", dir);
}

struct err *redo_dir_open_lsn(struct redo_file *out, const char *dir, lsn_t lsn, bool *there,
                              bool *later)
{
    struct ids ids;
    struct err *e = list(&ids, dir);
    *there = *later = false;
    for (size_t i = 0; i < ids.n && !e && !*there; i++) {
        bool opened;
        e = redo_file_open(out, dir, ids.items[i], &opened);
        if (e || !opened)
            continue;
        *later |= out->header.start_lsn > lsn;
        *there = out->header.start_lsn <= lsn && lsn < out->header.end_lsn;
        if (!*there)
            redo_file_close(out);
    }
    free(ids.items);
    return e;
}

struct err *redo_dir_find_key(struct redo_mysql_header *out, const char *dir, bool *there)
{
    struct ids ids;
    uint64_t newest = 0;
    struct err *e = list(&ids, dir);
    out->has_key = false;
    for (size_t i = 0; i < ids.n && !e; i++) {
        struct redo_file f;
        bool opened;
        e = redo_file_open(&f, dir, ids.items[i], &opened);
        if (e || !opened)
            continue;
        if (f.header.has_key && (!out->has_key || f.id > newest)) {
            newest = f.id;
            out->has_key = true;
            memcpy(out->key_record, f.header.key_record, sizeof out->key_record);
        }
        redo_file_close(&f);
    }
    free(ids.items);
    *there = out->has_key;
    return e;
}

static struct err *exists(const char *dir, uint64_t id, bool *there)
{
    AUTO_FREE char *path = path_of(dir, id);
    struct stat st;
    *there = !stat(path, &st);
    return *there || errno == ENOENT ? NULL : err_os("%s: cannot stat", path);
}

struct err *redo_dir_is_gone(const char *dir, uint64_t id, bool *gone)
{
    struct ids ids;
    bool later = false, there;
    *gone = false;
    struct err *e = list(&ids, dir);
    for (size_t i = 0; i < ids.n; i++)
        later |= ids.items[i] > id;
    free(ids.items);
    TRY(e);
    if (!later)
        return NULL;
    /* Only now: it may have come, and the later one behind it, while the listing was made. */
    TRY(exists(dir, id, &there));
    *gone = !there;
    return NULL;
}
