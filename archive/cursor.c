/* archive/cursor.c: content of entries, by index; see reader.h.
 *
 * The chunk a cursor is done with stays, with its buffers, in the reader's slots: the next file
 * of a shared chunk finds it there, decompressed. A cursor that moves on within its own entry
 * reuses its own slot, so that one long file does not push the shared chunks out. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "archive/reader.h"
#include "archive/reader_private.h"
#include "base/mem.h"

struct archive_cursor {
    struct archive_reader *r;
    const struct index_entry *entry;
    uint64_t from, to; /* range asked for */
    size_t next_extent;
    struct chunk_slot *slot; /* of the extent being read, or of the last one */
    uint64_t at, extent_end; /* what is left of the extent being read */
    uint32_t record;         /* its next record */
    const uint8_t *data;     /* of the next record */
};

/* ---- slots ---- */

/* Takes the free slot that holds the chunk, or NULL. */
static struct chunk_slot *take_loaded(struct archive_reader *r, uint32_t number)
{
    struct chunk_slot *found = NULL;
    pthread_mutex_lock(&r->lock);
    for (struct chunk_slot **p = &r->slots; *p; p = &(*p)->next) {
        if (!(*p)->loaded || (*p)->number != number)
            continue;
        found = *p;
        *p = found->next;
        r->n_slots--;
        break;
    }
    pthread_mutex_unlock(&r->lock);
    return found;
}

/* Takes the free slot unused for longest out of the list; the lock is held, and there is one. */
static struct chunk_slot *take_oldest(struct archive_reader *r)
{
    struct chunk_slot **p = &r->slots;
    while ((*p)->next)
        p = &(*p)->next;
    struct chunk_slot *s = *p;
    *p = NULL;
    r->n_slots--;
    return s;
}

/* Memory for a new slot has to be got from the system page by page, which costs more than reading a chunk from the file cache. */
struct chunk_slot *chunk_slot_take(struct archive_reader *r)
{
    pthread_mutex_lock(&r->lock);
    struct chunk_slot *s = r->slots && r->slots_made >= r->slots_kept ? take_oldest(r) : NULL;
    r->slots_made += s ? 0 : 1;
    pthread_mutex_unlock(&r->lock);
    return s ? s : chunk_slot_new(r);
}

void chunk_slot_put(struct archive_reader *r, struct chunk_slot *s)
{
    if (!s)
        return;
    struct chunk_slot *one_too_many = NULL;
    pthread_mutex_lock(&r->lock);
    s->next = r->slots;
    r->slots = s;
    r->n_slots++;
    if (r->n_slots > r->slots_kept) {
        one_too_many = take_oldest(r);
        r->slots_made--;
    }
    pthread_mutex_unlock(&r->lock);
    chunk_slot_free(one_too_many);
}

/* ---- cursor ---- */

/* First extent that ends behind `offset`. */
static size_t first_extent(const struct index_entry *e, uint64_t offset)
{
    size_t lo = 0, hi = e->n_extents;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (e->extents[mid].offset + e->extents[mid].len > offset)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

struct err *archive_cursor_open(struct archive_cursor **out, struct archive_reader *r, uint32_t i,
                                uint64_t offset, uint64_t len)
{
    if (i >= r->index.n_entries)
        return err_make(FAILED, "%s: entry %" PRIu32 " of %" PRIu32, r->path, i,
                        r->index.n_entries);
    struct archive_cursor *c = mem_zalloc(sizeof *c);
    c->r = r;
    c->entry = &r->index.entries[i];
    c->from = offset;
    c->to = len > UINT64_MAX - offset ? UINT64_MAX : offset + len;
    c->next_extent = first_extent(c->entry, offset);
    *out = c;
    return NULL;
}

void archive_cursor_free(struct archive_cursor *c)
{
    if (!c)
        return;
    chunk_slot_put(c->r, c->slot);
    free(c);
}

uint64_t archive_cursor_skip(struct archive_cursor *c, uint64_t offset)
{
    if (offset > c->from)
        c->from = offset;
    const struct index_entry *e = c->entry;
    uint64_t at = c->at > c->from ? c->at : c->from;
    if (at >= c->extent_end) {
        while (c->next_extent < e->n_extents &&
               e->extents[c->next_extent].offset + e->extents[c->next_extent].len <= c->from)
            c->next_extent++;
        if (c->next_extent == e->n_extents)
            return UINT64_MAX;
        at = e->extents[c->next_extent].offset;
        if (at < c->from)
            at = c->from;
    }
    return at < c->to ? at : UINT64_MAX;
}

void archive_cursor_rest(struct archive_cursor *c)
{
    if (c->at < c->extent_end && c->from < c->extent_end)
        return;
    c->at = c->extent_end;
    chunk_slot_put(c->r, c->slot);
    c->slot = NULL;
}

static struct err *load(struct archive_cursor *c, uint32_t number)
{
    if (c->slot && c->slot->loaded && c->slot->number == number)
        return NULL;
    struct chunk_slot *s = take_loaded(c->r, number);
    if (s) {
        chunk_slot_put(c->r, c->slot);
        c->slot = s;
        return NULL;
    }
    if (!c->slot)
        c->slot = chunk_slot_take(c->r);
    const uint64_t at = c->r->index.chunk_at[number], end = c->r->index.chunk_at[number + 1];
    TRY(archive_load_chunk(c->r, c->slot, number, at, end - at));
    c->slot->number = number;
    return NULL;
}

static struct err *start_extent(struct archive_cursor *c)
{
    const struct index_extent *x = &c->entry->extents[c->next_extent++];
    TRY(load(c, x->chunk));
    c->at = x->offset;
    c->extent_end = x->offset + x->len;
    c->record = x->record;
    c->data = c->slot->chunk.raw;
    for (uint32_t i = 0; i < x->record && i < c->slot->chunk.header.n_records; i++) {
        const struct chunk_record rec = chunk_record_at(&c->slot->chunk, i);
        c->data += rec.zeros ? 0 : rec.len;
    }
    return NULL;
}

/* The chunk is sound by its checksum, but index and records may still contradict each other. */
static struct err *next_record(struct archive_cursor *c, struct chunk_record *rec)
{
    const struct chunk *chunk = &c->slot->chunk;
    *rec = (struct chunk_record){0};
    if (c->record < chunk->header.n_records)
        *rec = chunk_record_at(chunk, c->record);
    if (!rec->len || chunk->header.kind != CHUNK_DATA || rec->entry != c->entry->id ||
        rec->offset != c->at)
        return err_make(CORRUPT,
                        "%s: chunk %" PRIu32 " at offset %" PRIu64 ": record %" PRIu32
                        " of %" PRIu32 " is not content offset %" PRIu64
                        " of %s, as the index has it",
                        c->r->path, c->slot->number, c->r->index.chunk_at[c->slot->number],
                        c->record, chunk->header.n_records, c->at, c->entry->attr.path);
    c->record++;
    return NULL;
}

/* The next record, clipped to its extent and the range: *len 0 when nothing of it is left. */
static struct err *take_record(struct archive_cursor *c, uint64_t *offset, const uint8_t **data,
                               uint64_t *len)
{
    struct chunk_record rec;
    TRY(next_record(c, &rec));
    const uint8_t *bytes = c->data;
    uint64_t begin = rec.offset, end = rec.offset + rec.len;
    c->data += rec.zeros ? 0 : rec.len;
    c->at = end;
    if (end > c->extent_end)
        end = c->extent_end;
    if (end > c->to)
        end = c->to;
    if (begin < c->from)
        begin = c->from;
    *offset = begin;
    *len = begin < end ? end - begin : 0;
    *data = rec.zeros || !*len ? NULL : bytes + (begin - rec.offset);
    return NULL;
}

struct err *archive_cursor_next(struct archive_cursor *c, uint64_t *offset, const uint8_t **data,
                                uint64_t *len)
{
    *offset = 0;
    *data = NULL;
    *len = 0;
    while (!*len) {
        if (c->at >= c->extent_end || c->at >= c->to) {
            if (c->next_extent == c->entry->n_extents ||
                c->entry->extents[c->next_extent].offset >= c->to)
                return NULL;
            TRY(start_extent(c));
        }
        TRY(take_record(c, offset, data, len));
    }
    return NULL;
}

struct err *archive_read(struct archive_reader *r, uint32_t i, uint64_t offset, void *buf,
                         size_t len)
{
    AUTO(archive_cursor) c = NULL;
    TRY(archive_cursor_open(&c, r, i, offset, len));
    const uint64_t size = c->entry->attr.size;
    if (offset > size || len > size - offset)
        return err_make(FAILED, "%s: %s: %zu bytes at %" PRIu64 " lie beyond its size %" PRIu64,
                        r->path, c->entry->attr.path, len, offset, size);
    memset(buf, 0, len);
    for (;;) {
        uint64_t at, n;
        const uint8_t *data;
        TRY(archive_cursor_next(c, &at, &data, &n));
        if (!n)
            return NULL;
        if (data)
            memcpy((uint8_t *)buf + (at - offset), data, (size_t)n);
    }
}
