/* engine/change_map.c: see change_map.h. */
#include "engine/change_map.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/map64.h"
#include "base/mem.h"
#include "engine/file_mark.h"
#include "innodb/page_archive.h"

#define ARCHIVE_DIR "#ib_archive"
#define GROUP_PREFIX "page_group_"

enum {
    IDS_MAX = 8 << 20, /* 128 MiB of memory; with more changes than that a scan is as good */
    READ_TRIES = 20,   /* of a block that the server may be writing */
    WALK_TRIES = 5,    /* of a group of which a block was filled up while it was read */
    READ_GAP_MS = 5,
    DIGITS_MAX = 18, /* of a group's LSN: no overflow */
};

struct change_map {
    uint64_t *ids; /* sorted: page_archive_id */
    size_t n;
    lsn_t end;
    struct map64 distrusted; /* space id -> 1 */
};

/* --- files --- */

static char *group_dir(const char *datadir, lsn_t begin)
{
    return mem_printf("%s/" ARCHIVE_DIR "/" GROUP_PREFIX "%" PRIu64, datadir, begin);
}

static bool is_active(const char *datadir, lsn_t begin)
{
    AUTO_FREE char *dir = group_dir(datadir, begin);
    AUTO_FREE char *active = mem_printf("%s/active", dir);
    AUTO_FREE char *durable = mem_printf("%s/durable", dir);
    return !access(active, F_OK) && !access(durable, F_OK);
}

static bool parse_group_name(lsn_t *begin, const char *name)
{
    const size_t prefix = strlen(GROUP_PREFIX);
    if (strncmp(name, GROUP_PREFIX, prefix))
        return false;
    const size_t n = strspn(name + prefix, "0123456789");
    if (!n || n > DIGITS_MAX || name[prefix + n])
        return false;
    *begin = strtoull(name + prefix, NULL, 10);
    return true;
}

static struct err *look_through(lsn_t *begin, DIR *d, const char *path, const char *datadir)
{
    const struct dirent *entry;
    *begin = 0;
    for (;;) {
        lsn_t lsn;
        TRY(file_next_entry(&entry, d, path));
        if (!entry)
            return NULL;
        if (!parse_group_name(&lsn, entry->d_name) || !is_active(datadir, lsn))
            continue;
        if (*begin)
            return err_make(CORRUPT, "%s: two groups are active, %" PRIu64 " and %" PRIu64, path,
                            *begin, lsn);
        *begin = lsn;
    }
}

struct err *tracking_active_group(lsn_t *begin, const char *datadir)
{
    AUTO_FREE char *path = mem_printf("%s/" ARCHIVE_DIR, datadir);
    DIR *d = opendir(path);
    *begin = 0;
    if (!d)
        return errno == ENOENT ? NULL : err_os("%s: cannot open", path);
    struct err *e = look_through(begin, d, path, datadir);
    closedir(d);
    return e;
}

bool tracking_group_birth(struct timespec *birth, const char *datadir, lsn_t begin)
{
    AUTO_FREE char *dir = group_dir(datadir, begin);
    int fd;
    struct err *e = file_open(&fd, dir, O_RDONLY | O_DIRECTORY, 0);
    err_free(e);
    if (e)
        return false;
    const bool known = file_birth(birth, fd);
    close(fd);
    return known;
}

/* --- blocks --- */

struct archive_file {
    int fd;
    char *path;
    uint8_t *block; /* PAGE_ARCHIVE_BLOCK bytes */
};

/* *there false: the file ends before it. */
static struct err *read_block(struct page_archive_block *out, const struct archive_file *f,
                              unsigned at, bool *there)
{
    struct err *e = NULL;
    for (int tries = 0; tries < READ_TRIES; tries++) {
        size_t got;
        if (tries)
            clock_sleep_ms(READ_GAP_MS);
        err_free(e);
        TRY(file_pread(f->fd, f->block, PAGE_ARCHIVE_BLOCK, (uint64_t)at * PAGE_ARCHIVE_BLOCK, &got,
                       f->path));
        *there = got;
        if (!got)
            return NULL;
        e = got < PAGE_ARCHIVE_BLOCK ? err_make(CORRUPT, "%zu bytes are no block", got)
                                     : page_archive_parse(out, f->block);
        if (!e)
            return NULL;
    }
    return err_wrap(e, "%s: block %u", f->path, at);
}

/* All blocks of an open file. *full: it has as many as a file can have. */
static struct err *walk_file(struct page_archive_walk *w, const struct archive_file *f, bool *full)
{
    for (unsigned at = 0; at < PAGE_ARCHIVE_FILE_BLOCKS; at++) {
        struct page_archive_block b;
        bool there;
        TRY(read_block(&b, f, at, &there));
        *full = false;
        if (!there)
            return NULL;
        if (b.is_reset != (at == 0))
            return err_make(CORRUPT, "%s: block %u is of the wrong kind", f->path, at);
        TRY_AT(page_archive_walk_take(w, &b), "%s: block %u", f->path, at);
    }
    *full = true;
    return NULL;
}

/* *there false: no such file. */
static struct err *open_and_walk(struct page_archive_walk *w, const char *dir, unsigned number,
                                 uint8_t *block, bool *there, bool *full)
{
    AUTO_FREE char *path = mem_printf("%s/ib_page_%u", dir, number);
    struct archive_file f = {.path = path, .block = block};
    bool absent;
    TRY(file_absent(file_open(&f.fd, path, O_RDONLY, 0), &absent));
    *there = !absent;
    if (absent)
        return NULL;
    struct err *e = walk_file(w, &f, full);
    close(f.fd);
    return e;
}

/* Number of the group's first file; those before it may have been purged. */
static struct err *first_file(unsigned *number, const char *dir)
{
    const struct dirent *entry;
    DIR *d = opendir(dir);
    if (!d)
        return err_os("%s: cannot open", dir);
    struct err *e;
    *number = UINT_MAX;
    while (!(e = file_next_entry(&entry, d, dir)) && entry) {
        unsigned n;
        int len = 0;
        if (sscanf(entry->d_name, "ib_page_%6u%n", &n, &len) == 1 && !entry->d_name[len] &&
            n < *number)
            *number = n;
    }
    closedir(d);
    if (!e && *number == UINT_MAX)
        e = err_make(CORRUPT, "%s: no file of page tracking", dir);
    return e;
}

/* A file is begun when the one before it is full: what is not full and has a successor lacks blocks. */
static struct err *walk_group(struct page_archive_walk *w, const char *dir)
{
    AUTO_FREE uint8_t *block = mem_alloc(PAGE_ARCHIVE_BLOCK);
    unsigned number;
    bool there = true, full = true;
    TRY(first_file(&number, dir));
    for (; there; number++) {
        const bool before_full = full;
        TRY(open_and_walk(w, dir, number, block, &there, &full));
        if (there && !before_full)
            return err_make(CORRUPT, "%s/ib_page_%u: the file before it is not full", dir, number);
    }
    return page_archive_walk_end(w);
}

/* --- the map --- */

/* C1, what can be told before the group is read. */
static struct err *check_group(const struct change_map_query *q)
{
    lsn_t active;
    if (!q->base.begin)
        return err_make(REFUSED, "page tracking was not on when the base ended");
    TRY(tracking_active_group(&active, q->datadir));
    if (!active)
        return err_make(REFUSED, "page tracking is off");
    if (active != q->base.begin)
        return err_make(
            REFUSED, "page tracking was begun anew at LSN %" PRIu64 ", the base ended at %" PRIu64,
            active, q->since);
    if (!q->base.knows_escaped)
        return err_make(REFUSED, "what escapes page tracking at a reset point was not noted with "
                                 "the base, which an older mbe has taken");
    if (q->base.reset > q->since)
        return err_make(REFUSED,
                        "page tracking was begun at LSN %" PRIu64
                        ", behind the base's end at %" PRIu64,
                        q->base.reset, q->since);
    return NULL;
}

/* C1 */
static struct err *check_walk(const struct change_map_query *q, const struct page_archive_walk *w)
{
    if (!w->begin || w->begin < q->base.reset)
        return err_make(REFUSED, "page tracking has nothing of LSN %" PRIu64 " any more",
                        q->base.reset);
    return NULL;
}

/* A block that was read before it was full lacks what came later, if another one follows: all is read again then. */
static struct err *walk_patiently(struct page_archive_walk *w, const struct change_map_query *q)
{
    AUTO_FREE char *dir = group_dir(q->datadir, q->base.begin);
    struct err *e = NULL;
    for (int tries = 0; tries < WALK_TRIES; tries++) {
        err_free(e);
        page_archive_walk_fini(w);
        page_archive_walk_init(w, q->since, IDS_MAX);
        e = walk_group(w, dir);
        if (!e || e->kind != ERR_CORRUPT)
            return e;
    }
    return e;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* C5. The ids stay sorted, each once. */
static void add_escaped(struct change_map *m, const struct tracking_state *base)
{
    for (size_t i = 0; i < base->n_spaces; i++)
        map64_put(&m->distrusted, base->spaces[i], 1);
    const size_t total = m->n + base->n_pages;
    if (!total)
        return;
    uint64_t *all = mem_alloc(total * sizeof *all);
    if (m->n)
        memcpy(all, m->ids, m->n * sizeof *all);
    if (base->n_pages)
        memcpy(all + m->n, base->pages, base->n_pages * sizeof *all);
    qsort(all, total, sizeof *all, by_number);
    size_t n = 1;
    for (size_t i = 1; i < total; i++)
        if (all[i] != all[n - 1])
            all[n++] = all[i];
    free(m->ids);
    m->ids = all;
    m->n = n;
}

struct err *change_map_load(struct change_map **out, const struct change_map_query *q)
{
    AUTO_FREE struct page_archive_walk *w = mem_zalloc(sizeof *w);
    *out = NULL;
    TRY(check_group(q));
    struct err *e = walk_patiently(w, q);
    if (!e)
        e = check_walk(q, w);
    if (!e && !is_active(q->datadir, q->base.begin))
        e = err_make(REFUSED, "page tracking was turned off just now");
    if (e) {
        page_archive_walk_fini(w);
        return e;
    }
    *out = mem_alloc(sizeof **out);
    **out = (struct change_map){.ids = w->ids, .n = w->n_ids, .end = q->covered};
    add_escaped(*out, &q->base);
    return NULL;
}

void change_map_free(struct change_map *m)
{
    if (!m)
        return;
    map64_fini(&m->distrusted);
    free(m->ids);
    free(m);
}

size_t change_map_size(const struct change_map *m)
{
    return m->n;
}

lsn_t change_map_end(const struct change_map *m)
{
    return m->end;
}

/* Position of the first id that is not below this one. */
static size_t lower_bound(const struct change_map *m, uint64_t id)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (m->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool change_map_has(const struct change_map *m, space_id_t space, page_no_t page)
{
    const uint64_t id = page_archive_id(space, page);
    const size_t at = lower_bound(m, id);
    return at < m->n && m->ids[at] == id;
}

bool change_map_distrusts(const struct change_map *m, space_id_t space)
{
    uint64_t value;
    return map64_get(&m->distrusted, space, &value);
}

bool change_map_next(const struct change_map *m, space_id_t space, page_no_t from, page_no_t gap,
                     uint64_t *begin, uint64_t *end)
{
    size_t at = lower_bound(m, page_archive_id(space, from));
    if (at == m->n || m->ids[at] >> 32 != space)
        return false;
    *begin = (page_no_t)m->ids[at];
    *end = *begin + 1;
    while (++at < m->n && m->ids[at] >> 32 == space && (page_no_t)m->ids[at] - *end <= gap)
        *end = (uint64_t)(page_no_t)m->ids[at] + 1;
    return true;
}
