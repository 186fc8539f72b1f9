/* verify/content_check.c: see content_check.h.
 *
 * The threads share a walk over the entries. A tablespace is handed out in ranges of whole pages,
 * any other entry at once. A range that cannot be read as a whole is read page by page, so that
 * only what is really lost is named. */
#include "verify/content_check.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/workers.h"
#include "innodb/doublewrite.h"
#include "innodb/page_check.h"

enum { RANGE_BYTES = 4 << 20 }; /* a multiple of every page size */

struct run {
    const struct content_check *o;
    struct doublewrite doublewrite;
    bool doublewrite_unknown; /* a base would say where it is */
    _Atomic uint64_t bytes, pages, pages_damaged;
    pthread_mutex_t lock; /* guards all below */
    uint32_t entry;       /* next item: this entry from this offset on */
    uint64_t offset;
    struct space_format format; /* of `entry` if it is a tablespace in the middle of its ranges */
    uint8_t **buffers;          /* RANGE_BYTES each, free ones */
    size_t n_buffers;
};

struct item {
    uint32_t entry;
    const struct archive_attr *attr;
    bool is_space;
    struct space_format format; /* is_space: of its pages */
    uint64_t offset, len;
};

/* What must be right about a tablespace before its pages can be looked at. */
static struct err *check_space(struct space_format *format, const struct archive_attr *a,
                               uint32_t page_size)
{
    TRY(space_format_decode(format, a->space_flags, page_size));
    if (format->physical != a->page_size)
        return err_make(CORRUPT, "page size %" PRIu32 " by its flags, %" PRIu32 " by the index",
                        format->physical, a->page_size);
    if (a->size % format->physical)
        return err_make(CORRUPT, "%" PRIu64 " bytes are not whole pages of %" PRIu32, a->size,
                        format->physical);
    if (a->size / format->physical > UINT32_MAX - a->first_page)
        return err_make(CORRUPT, "%" PRIu64 " bytes are more pages than a tablespace can have",
                        a->size);
    return NULL;
}

/* Takes the next item; false at the end. Called with the lock held. */
static bool take_locked(struct run *r, struct item *item)
{
    const uint32_t n = archive_reader_n_entries(r->o->reader);
    for (; r->entry < n; r->entry++, r->offset = 0) {
        const struct archive_attr *a = archive_reader_entry(r->o->reader, r->entry);
        *item = (struct item){.entry = r->entry, .attr = a, .offset = r->offset, .len = a->size};
        if (a->kind == ARCHIVE_REDO || (r->offset && r->offset >= a->size))
            continue;
        if (archive_is_space(a->kind) && !r->offset) {
            struct err *e = check_space(&r->format, a, r->o->page_size);
            item->is_space = !e;
            err_free(damage_take(r->o->damage, e, "%s", a->path));
        } else {
            item->is_space = archive_is_space(a->kind);
        }
        if (item->is_space) {
            item->format = r->format;
            item->len = a->size - r->offset < RANGE_BYTES ? a->size - r->offset : RANGE_BYTES;
            r->offset += item->len;
        }
        if (!item->is_space || r->offset >= a->size) {
            r->entry++;
            r->offset = 0;
        }
        return true;
    }
    return false;
}

static bool take(struct run *r, struct item *item, uint8_t **buf)
{
    pthread_mutex_lock(&r->lock);
    const bool taken = take_locked(r, item);
    *buf = taken && item->is_space ? r->buffers[--r->n_buffers] : NULL;
    pthread_mutex_unlock(&r->lock);
    return taken;
}

static void give_back(struct run *r, uint8_t *buf)
{
    if (!buf)
        return;
    pthread_mutex_lock(&r->lock);
    r->buffers[r->n_buffers++] = buf;
    pthread_mutex_unlock(&r->lock);
}

/* Reads everything that is stored of an entry; the reader verifies it. */
static struct err *read_stored(struct run *r, const struct item *item)
{
    AUTO(archive_cursor) cursor = NULL;
    uint64_t at, len;
    const uint8_t *data;
    TRY(archive_cursor_open(&cursor, r->o->reader, item->entry, 0, item->len));
    do {
        TRY(signals_check());
        TRY(archive_cursor_next(cursor, &at, &data, &len));
        atomic_fetch_add(&r->bytes, data ? len : 0);
        progress_add(r->o->progress, len);
    } while (len);
    return NULL;
}

/* Pages of which [at, at + len) is a part, but not of what ends at *counted, which is moved on. */
static uint64_t new_pages(const struct item *item, uint64_t at, uint64_t len, uint64_t *counted)
{
    const uint32_t size = item->format.physical;
    const uint64_t from = at / size * size, to = (at + len + size - 1) / size * size;
    const uint64_t n = to <= *counted ? 0 : (to - (from > *counted ? from : *counted)) / size;
    *counted = to;
    return n;
}

/* Reads a range into buf. *n_pages: pages of which anything is stored. *stored is false, and buf left alone, when all of it is
 * zeros. */
static struct err *read_range(struct run *r, const struct item *item, uint8_t *buf, bool *stored,
                              uint64_t *n_pages)
{
    AUTO(archive_cursor) cursor = NULL;
    uint64_t at, len, filled = 0, counted = 0;
    const uint8_t *data;
    *stored = false;
    *n_pages = 0;
    TRY(archive_cursor_open(&cursor, r->o->reader, item->entry, item->offset, item->len));
    for (;;) {
        TRY(archive_cursor_next(cursor, &at, &data, &len));
        if (!len)
            break;
        *n_pages += new_pages(item, at, len, &counted);
        if (!data)
            continue;
        memset(buf + filled, 0, (size_t)(at - item->offset - filled));
        memcpy(buf + (at - item->offset), data, (size_t)len);
        filled = at - item->offset + len;
        *stored = true;
        atomic_fetch_add(&r->bytes, len);
    }
    if (*stored)
        memset(buf + filled, 0, (size_t)(item->len - filled));
    return NULL;
}

static bool in_doublewrite(const struct run *r, const struct item *item, page_no_t no)
{
    return item->attr->space_id == 0 &&
           (r->doublewrite_unknown || doublewrite_has(&r->doublewrite, no));
}

static page_no_t page_at(const struct item *item, uint64_t offset)
{
    return item->attr->first_page + (page_no_t)(offset / item->format.physical);
}

static void check_page(struct run *r, const struct item *item, uint64_t offset, const uint8_t *page)
{
    const page_no_t no = page_at(item, offset);
    char why[PAGE_WHY_SIZE];
    if (page_check(&item->format, item->attr->space_id, no, page, why) != PAGE_CORRUPT ||
        in_doublewrite(r, item, no))
        return;
    atomic_fetch_add(&r->pages_damaged, 1);
    damage_report(r->o->damage, "%s: page %" PRIu32 " at offset %" PRIu64 ": %s", item->attr->path,
                  no, offset, why);
}

/* Neighbouring pages that are lost for the same reason: one line, not one for each. */
struct lost_pages {
    uint64_t offset; /* of the first */
    uint32_t n;
    char *why;
};

static void report_lost(struct run *r, const struct item *item, struct lost_pages *lost)
{
    const page_no_t first = lost->n ? page_at(item, lost->offset) : 0;
    if (lost->n == 1)
        damage_report(r->o->damage, "%s: page %" PRIu32 " at offset %" PRIu64 ": %s",
                      item->attr->path, first, lost->offset, lost->why);
    else if (lost->n)
        damage_report(r->o->damage,
                      "%s: pages %" PRIu32 " to %" PRIu32 " from offset %" PRIu64 " on: %s",
                      item->attr->path, first, first + lost->n - 1, lost->offset, lost->why);
    free(lost->why);
    *lost = (struct lost_pages){0};
}

static void add_lost(struct run *r, const struct item *item, struct lost_pages *lost,
                     uint64_t offset, const char *why)
{
    atomic_fetch_add(&r->pages, 1);
    atomic_fetch_add(&r->pages_damaged, 1);
    if (lost->n && strcmp(lost->why, why))
        report_lost(r, item, lost);
    if (!lost->n)
        *lost = (struct lost_pages){offset, 0, mem_strdup(why)};
    lost->n++;
}

/* A part of the range is lost: which pages? */
static struct err *check_page_by_page(struct run *r, const struct item *item, uint8_t *buf)
{
    const uint32_t size = item->format.physical;
    struct lost_pages lost = {0};
    struct err *e = NULL;
    for (uint64_t done = 0; done < item->len && !e; done += size) {
        const uint64_t offset = item->offset + done;
        e = archive_read(r->o->reader, item->entry, offset, buf, size);
        if (!e) {
            report_lost(r, item, &lost);
            if (!archive_is_delta(item->attr->kind) || !bytes_are_zero(buf, size))
                atomic_fetch_add(&r->pages, 1);
            check_page(r, item, offset, buf);
        } else if (e->kind == ERR_CORRUPT) {
            add_lost(r, item, &lost, offset, e->message);
            err_free(e);
            e = NULL;
        }
    }
    report_lost(r, item, &lost);
    return e;
}

static struct err *check_range(struct run *r, const struct item *item, uint8_t *buf)
{
    bool stored;
    uint64_t n_pages;
    struct err *e = read_range(r, item, buf, &stored, &n_pages);
    if (e && e->kind == ERR_CORRUPT) {
        err_free(e);
        e = check_page_by_page(r, item, buf);
    } else if (!e) {
        for (uint64_t done = 0; stored && done < item->len; done += item->format.physical)
            check_page(r, item, item->offset + done, buf + done);
        /* What a whole copy does not store are pages of zeros, which are whole. */
        atomic_fetch_add(&r->pages, archive_is_delta(item->attr->kind)
                                        ? n_pages
                                        : item->len / item->format.physical);
    }
    progress_add(r->o->progress, item->len);
    return e;
}

static struct err *work(void *ctx, bool *more)
{
    struct run *r = ctx;
    struct item item;
    uint8_t *buf;
    TRY(signals_check());
    *more = take(r, &item, &buf);
    if (!*more)
        return NULL;
    if (!item.is_space)
        return damage_take(r->o->damage, read_stored(r, &item), "%s", item.attr->path);
    struct err *e = check_range(r, &item, buf);
    give_back(r, buf);
    return err_wrap(e, "%s", item.attr->path);
}

/* The first file of the system tablespace, or -1. */
static int64_t find_system_file(const struct archive_reader *reader)
{
    for (uint32_t i = 0; i < archive_reader_n_entries(reader); i++) {
        const struct archive_attr *a = archive_reader_entry(reader, i);
        if (archive_is_space(a->kind) && !a->space_id && !a->first_page)
            return i;
    }
    return -1;
}

/* Looks for the doublewrite area in one archive's copy of that file. *found: what it stores says all there is to say, be it that
 * nothing can be read there. */
static struct err *look_for_doublewrite(struct run *r, struct archive_reader *reader, bool *found)
{
    const uint32_t size = r->o->page_size;
    const uint64_t at = (uint64_t)TRX_SYS_PAGE_NO * size;
    const int64_t entry = find_system_file(reader);
    AUTO_FREE uint8_t *page = mem_alloc(size);
    AUTO(archive_cursor) cursor = NULL;
    struct space_format format;
    char why[PAGE_WHY_SIZE];
    *found = entry < 0;
    if (entry < 0)
        return NULL;
    const struct archive_attr *a = archive_reader_entry(reader, (uint32_t)entry);
    TRY(archive_cursor_open(&cursor, reader, (uint32_t)entry, at, size));
    *found = !archive_is_delta(a->kind) || archive_cursor_skip(cursor, at) != UINT64_MAX;
    if (!*found || a->size < at + size)
        return NULL;
    struct err *e = space_format_decode(&format, a->space_flags, size);
    if (!e)
        e = archive_read(reader, (uint32_t)entry, at, page, size);
    if (!e && page_check(&format, 0, TRX_SYS_PAGE_NO, page, why) == PAGE_OK)
        r->doublewrite = doublewrite_of(page, size);
    if (e && e->kind != ERR_CORRUPT)
        return e;
    err_free(e); /* damage is reported in its turn */
    return NULL;
}

/* In this archive, or the newest below it that knows. */
static struct err *find_doublewrite(struct run *r)
{
    const struct chain *chain = r->o->chain;
    bool found;
    TRY(look_for_doublewrite(r, r->o->reader, &found));
    for (size_t i = chain ? chain->n - 1 : 0; i-- > 0 && !found;)
        TRY(look_for_doublewrite(r, chain->links[i].reader, &found));
    r->doublewrite_unknown = !found;
    return NULL;
}

struct err *content_check_run(struct content_result *out, const struct content_check *options)
{
    struct run r = {.o = options, .n_buffers = (size_t)options->parallel};
    *out = (struct content_result){0};
    TRY(find_doublewrite(&r));
    pthread_mutex_init(&r.lock, NULL);
    r.buffers = mem_alloc(r.n_buffers * sizeof *r.buffers);
    for (size_t i = 0; i < r.n_buffers; i++)
        r.buffers[i] = mem_alloc_aligned(RANGE_BYTES);
    struct err *e = workers_run(options->parallel, work, &r);
    for (int i = 0; i < options->parallel; i++)
        free(r.buffers[i]);
    free(r.buffers);
    pthread_mutex_destroy(&r.lock);
    *out = (struct content_result){r.bytes, r.pages, r.pages_damaged};
    return e;
}
