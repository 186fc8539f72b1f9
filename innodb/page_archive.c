/* innodb/page_archive.c: see page_archive.h. */
#include "innodb/page_archive.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mem.h"

enum {
    AT_VERSION = 0,
    AT_TYPE = 1,
    AT_CRC = 2,
    AT_LEN = 6,
    AT_STOP = 8,
    AT_RESET = 16,
    AT_NUMBER = 24,
    AT_DATA = 32,
    VERSION = 1,
    TYPE_RESET = 0,
    TYPE_DATA = 1,
    DATA_MAX = PAGE_ARCHIVE_BLOCK - AT_DATA,
    ID_SIZE = 8,
    POINTS_AT = 8, /* behind the first point's LSN */
    POINT_SIZE = 4,
    FILE_DATA_BLOCKS = PAGE_ARCHIVE_FILE_BLOCKS - 1,
};

static const lsn_t LSN_NONE = INT64_MAX;

static bool holds_whole_entries(const struct page_archive_block *b)
{
    if (!b->is_reset)
        return b->len % ID_SIZE == 0;
    return !b->len || (b->len >= POINTS_AT && (b->len - POINTS_AT) % POINT_SIZE == 0);
}

struct err *page_archive_parse(struct page_archive_block *out, const uint8_t *bytes)
{
    if (bytes[AT_VERSION] != VERSION || bytes[AT_TYPE] > TYPE_DATA)
        return err_make(CORRUPT, "version %u, type %u of a block are not known", bytes[AT_VERSION],
                        bytes[AT_TYPE]);
    const lsn_t reset = be64(bytes + AT_RESET);
    *out = (struct page_archive_block){.is_reset = bytes[AT_TYPE] == TYPE_RESET,
                                       .number = be64(bytes + AT_NUMBER),
                                       .stop_lsn = be64(bytes + AT_STOP),
                                       .reset_lsn = reset == LSN_NONE ? 0 : reset,
                                       .data = bytes + AT_DATA,
                                       .len = be16(bytes + AT_LEN)};
    if (out->len > DATA_MAX || !holds_whole_entries(out))
        return err_make(CORRUPT, "a block has %zu bytes of data", out->len);
    const uint32_t crc = crc32c(0, out->data, out->len), stored = be32(bytes + AT_CRC);
    if (crc != stored)
        return err_make(CORRUPT, "checksum 0x%08" PRIx32 " stored, 0x%08" PRIx32 " computed",
                        stored, crc);
    return NULL;
}

void page_archive_walk_init(struct page_archive_walk *w, lsn_t since, size_t max_ids)
{
    *w = (struct page_archive_walk){.since = since, .max_ids = max_ids};
}

void page_archive_walk_fini(struct page_archive_walk *w)
{
    free(w->ids);
    w->ids = NULL;
    w->n_ids = w->cap_ids = 0;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort_ids(struct page_archive_walk *w)
{
    size_t kept = 0;
    if (!w->n_ids)
        return;
    qsort(w->ids, w->n_ids, sizeof *w->ids, by_value);
    for (size_t i = 1; i < w->n_ids; i++)
        if (w->ids[i] != w->ids[kept])
            w->ids[++kept] = w->ids[i];
    w->n_ids = kept + 1;
}

static struct err *check_count(const struct page_archive_walk *w)
{
    return w->n_ids <= w->max_ids
               ? NULL
               : err_make(REFUSED, "more than %zu pages were changed", w->max_ids);
}

/* Room for n more. What is there twice goes first; then at least half of it is free, so that this is not done often. */
static struct err *make_room(struct page_archive_walk *w, size_t n)
{
    if (w->cap_ids - w->n_ids >= n)
        return NULL;
    sort_ids(w);
    TRY(check_count(w));
    if (w->n_ids + n > w->cap_ids / 2) {
        w->cap_ids = 2 * (w->n_ids + n);
        w->ids = mem_realloc(w->ids, w->cap_ids * sizeof *w->ids);
    }
    return NULL;
}

struct err *page_archive_walk_end(struct page_archive_walk *w)
{
    sort_ids(w);
    return check_count(w);
}

static struct err *add_ids(struct page_archive_walk *w, const uint8_t *p, size_t len)
{
    TRY(make_room(w, len / ID_SIZE));
    for (size_t at = 0; at < len; at += ID_SIZE)
        w->ids[w->n_ids++] = be64(p + at);
    return NULL;
}

static struct err *take_reset_block(struct page_archive_walk *w, const struct page_archive_block *b)
{
    const uint64_t first = b->number * FILE_DATA_BLOCKS;
    if (b->number > UINT32_MAX)
        return err_make(CORRUPT, "reset block of file %" PRIu64, b->number);
    if (w->in_file && (b->number != w->file + 1 || w->next_block != first))
        return err_make(CORRUPT,
                        "reset block of file %" PRIu64 " behind data block %" PRIu64
                        " of file %" PRIu64,
                        b->number, w->next_block, w->file);
    memcpy(w->points, b->data, b->len);
    w->n_points = b->len ? (b->len - POINTS_AT) / POINT_SIZE : 0;
    w->next_point = 0;
    w->file = b->number;
    w->next_block = first;
    w->in_file = true;
    return NULL;
}

/* Whether the block has a reset point, and where in its data the pages behind that begin. The file's reset block tells, and not the
 * block itself: the LSN there may be left from a block that was 32 before it. A point that was made after the reset block
 * was read is no matter: to begin at an older one gives more pages, and none less. */
static struct err *find_point(struct page_archive_walk *w, const struct page_archive_block *b,
                              bool *found, size_t *at)
{
    *found = false;
    if (w->next_point == w->n_points)
        return NULL;
    const uint8_t *p = w->points + POINTS_AT + w->next_point * POINT_SIZE;
    const uint16_t block = be16(p), offset = be16(p + 2);
    if (block < (uint16_t)b->number && block < b->number % FILE_DATA_BLOCKS)
        return err_make(CORRUPT, "a reset point in data block %u comes behind data block %" PRIu64,
                        block, b->number);
    if (block != (uint16_t)b->number && block != b->number % FILE_DATA_BLOCKS)
        return NULL;
    w->next_point++;
    if (!b->reset_lsn || b->reset_lsn < w->last_reset)
        return err_make(CORRUPT,
                        "data block %" PRIu64 " has a reset point at LSN %" PRIu64
                        ", one before it at %" PRIu64,
                        b->number, b->reset_lsn, w->last_reset);
    if (offset < AT_DATA || (offset - AT_DATA) % ID_SIZE || offset > AT_DATA + b->len)
        return err_make(CORRUPT, "reset point at offset %u of data block %" PRIu64 ", %zu bytes",
                        offset, b->number, b->len);
    *found = true;
    *at = offset - AT_DATA;
    return NULL;
}

/* The server begins a block when the last one is full. One that had room left when it was read has more by now. */
static struct err *check_order(const struct page_archive_walk *w,
                               const struct page_archive_block *b)
{
    if (!w->in_file || b->number != w->next_block ||
        b->number - w->file * FILE_DATA_BLOCKS >= FILE_DATA_BLOCKS)
        return err_make(CORRUPT, "data block %" PRIu64 " where %" PRIu64 " is expected", b->number,
                        w->next_block);
    if (w->has_room)
        return err_make(CORRUPT, "data block %" PRIu64 " behind one that is not full", b->number);
    return NULL;
}

static struct err *check_lsns(const struct page_archive_walk *w, const struct page_archive_block *b)
{
    if (b->stop_lsn >= LSN_NONE)
        return err_make(CORRUPT,
                        "data block %" PRIu64 " was filled while the server recovered from a crash",
                        b->number);
    if (b->stop_lsn < w->stop)
        return err_make(
            CORRUPT, "data block %" PRIu64 " stops at LSN %" PRIu64 ", one before it at %" PRIu64,
            b->number, b->stop_lsn, w->stop);
    return NULL;
}

struct err *page_archive_walk_take(struct page_archive_walk *w, const struct page_archive_block *b)
{
    bool has_point;
    size_t at = 0;
    if (b->is_reset)
        return take_reset_block(w, b);
    TRY(check_order(w, b));
    TRY(check_lsns(w, b));
    TRY(find_point(w, b, &has_point, &at));
    if (has_point)
        w->last_reset = b->reset_lsn;
    if (has_point && b->reset_lsn <= w->since) {
        w->begin = b->reset_lsn;
        w->n_ids = 0;
    } else {
        at = 0;
    }
    w->next_block++;
    w->stop = b->stop_lsn;
    w->has_room = b->len < DATA_MAX;
    return w->begin ? add_ids(w, b->data + at, b->len - at) : NULL;
}
