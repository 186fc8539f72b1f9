/* archive/index.c: see index.h. */
#include "archive/index.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "archive/format.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    PATH_LEN_MAX = 4095,
    ENTRY_LEN_MIN = 15, /* bytes of the shortest encoded entry, its path being empty */
    EXTENT_LEN_MIN = 4,
};

static const char *link_target_problem(const struct archive_attr *a)
{
    const char *target = a->link_target;
    const bool must = a->kind == ARCHIVE_SYMLINK || archive_is_external(a->kind);
    if (!target)
        return must ? "has no link target" : NULL;
    if (!must && !archive_is_space(a->kind))
        return "has a link target, which its kind has not";
    if (target[0] != '/')
        return "has a link target that is not absolute";
    if (!file_name_is_safe(target + 1))
        return "has an unsafe link target";
    if (archive_is_external(a->kind) &&
        (strncmp(a->path, "external/", 9) || strcmp(a->path + 9, target + 1)))
        return "has a link target that is not its path";
    return NULL;
}

const char *archive_attr_problem(const struct archive_attr *a)
{
    if ((int)a->kind < ARCHIVE_PLAIN || a->kind > ARCHIVE_EXTERNAL_DELTA)
        return "has an unknown kind";
    if (!file_name_is_safe(a->path))
        return "has an unsafe name";
    if (a->size > CONTENT_SIZE_MAX)
        return "is too large";
    if ((a->kind == ARCHIVE_SYMLINK || a->kind == ARCHIVE_EMPTY_DIR) && a->size)
        return "has content, which its kind has not";
    if (a->mode > 07777)
        return "has more than permission bits in its mode";
    if (a->page_size > 65536)
        return "has a page size above 65536";
    return link_target_problem(a);
}

struct path_key {
    const char *path;
    size_t len;
};

static int compare_path(const void *key, const void *entry)
{
    const struct path_key *k = key;
    const char *path = ((const struct index_entry *)entry)->attr.path;
    const int order = strncmp(k->path, path, k->len);
    return order ? order : -(path[k->len] != '\0');
}

static const struct index_entry *find(const struct index_entry *entries, uint32_t n,
                                      struct path_key key)
{
    return n ? bsearch(&key, entries, n, sizeof *entries, compare_path) : NULL;
}

int64_t index_find(const struct index_entry *entries, uint32_t n, const char *path)
{
    const struct index_entry *e = find(entries, n, (struct path_key){path, strlen(path)});
    return e ? e - entries : -1;
}

/* A link or file as a parent would lead a restore out of its target, or nowhere. */
static struct err *check_parents(const struct index_entry *entries, uint32_t n, const char *path,
                                 enum err_kind kind)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        const struct index_entry *parent =
            find(entries, n, (struct path_key){path, (size_t)(slash - path)});
        if (parent && parent->attr.kind != ARCHIVE_EMPTY_DIR)
            return err_new(kind, __FILE__, __LINE__,
                           "entry %s lies below %s, which is no directory", path,
                           parent->attr.path);
    }
    return NULL;
}

struct err *index_check_paths(const struct index_entry *entries, uint32_t n, enum err_kind kind)
{
    for (uint32_t i = 1; i < n; i++) {
        const int order = strcmp(entries[i - 1].attr.path, entries[i].attr.path);
        if (order == 0)
            return err_new(kind, __FILE__, __LINE__, "two entries have the path %s",
                           entries[i].attr.path);
        if (order > 0)
            return err_new(kind, __FILE__, __LINE__, "entries %s and %s are out of order",
                           entries[i - 1].attr.path, entries[i].attr.path);
    }
    for (uint32_t i = 0; i < n; i++)
        TRY(check_parents(entries, n, entries[i].attr.path, kind));
    return NULL;
}

static void put_text(struct out_bytes *out, const char *s)
{
    const size_t n = s ? strlen(s) : 0;
    out_varint(out, n);
    out_bytes_put(out, s, n);
    *out_reserve(out, 1) = 0;
}

static void put_attr(struct out_bytes *out, const struct archive_attr *a, uint32_t id)
{
    out_varint(out, (uint64_t)a->kind);
    put_text(out, a->path);
    put_text(out, a->link_target);
    out_varint(out, id);
    out_varint(out, a->size);
    out_varint(out, a->mode);
    out_zigzag(out, a->mtime);
    out_varint(out, a->space_id);
    out_varint(out, a->page_size);
    out_varint(out, a->space_flags);
    out_varint(out, a->first_page);
    out_varint(out, a->lsn_at_start);
}

static void put_extents(struct out_bytes *out, const struct index_extent *x, size_t n)
{
    uint64_t end = 0;
    uint32_t chunk = 0;
    out_varint(out, n);
    for (size_t i = 0; i < n; i++) {
        out_varint(out, x[i].offset - end);
        out_varint(out, x[i].len);
        out_zigzag(out, (int64_t)x[i].chunk - chunk);
        out_varint(out, x[i].record);
        end = x[i].offset + x[i].len;
        chunk = x[i].chunk;
    }
}

void index_encode(struct out_bytes *out, const uint32_t *chunk_sizes, const struct sha256 *digests,
                  uint32_t n_chunks, const struct index_entry *entries, uint32_t n_entries)
{
    out_varint(out, n_chunks);
    for (uint32_t i = 0; i < n_chunks; i++)
        out_varint(out, chunk_sizes[i]);
    if (digests)
        out_bytes_put(out, digests, n_chunks * sizeof *digests);
    out_varint(out, n_entries);
    for (uint32_t i = 0; i < n_entries; i++) {
        put_attr(out, &entries[i].attr, entries[i].id);
        put_extents(out, entries[i].extents, entries[i].n_extents);
    }
}

static struct err *get_chunks(struct index *x, struct reader *r, const struct index_frame *frame)
{
    const uint64_t n = rd_varint(r);
    if (n != frame->n_chunks || n > rd_left(r))
        return err_make(CORRUPT, "%" PRIu64 " data chunks in the index, %" PRIu32 " expected", n,
                        frame->n_chunks);
    x->n_chunks = frame->n_chunks;
    x->chunk_at = mem_alloc(((size_t)n + 1) * sizeof *x->chunk_at);
    uint64_t at = frame->data_at;
    for (uint32_t i = 0; i < x->n_chunks; i++) {
        x->chunk_at[i] = at;
        const uint64_t size = rd_varint(r);
        if (size < CHUNK_HEADER_SIZE || size > CHUNK_SIZE_MAX)
            return err_make(CORRUPT, "chunk %" PRIu32 " has %" PRIu64 " bytes, %d to %d expected",
                            i, size, CHUNK_HEADER_SIZE, CHUNK_SIZE_MAX);
        at += size;
    }
    x->chunk_at[n] = at;
    if (at != frame->data_end)
        return err_make(CORRUPT, "the data chunks end at offset %" PRIu64 ", %" PRIu64 " expected",
                        at, frame->data_end);
    if (!frame->digests)
        return NULL;
    x->digests = rd_bytes(r, (size_t)n * SHA256_SIZE);
    return x->digests
               ? NULL
               : err_make(CORRUPT, "the digests of %" PRIu64 " chunks do not fit the index", n);
}

/* NULL, with ran_out set, unless length, bytes and the zero behind them agree. */
static const char *get_text(struct reader *r)
{
    const size_t n = (size_t)rd_varint_max(r, PATH_LEN_MAX);
    const char *s = (const char *)rd_bytes(r, n + 1);
    if (s && s[n] == '\0' && strlen(s) == n)
        return s;
    r->ran_out = true;
    return NULL;
}

static struct err *get_attr(struct index_entry *e, struct reader *r)
{
    struct archive_attr *a = &e->attr;
    a->kind = (enum archive_kind)rd_varint_max(r, ARCHIVE_EXTERNAL_DELTA);
    a->path = get_text(r);
    a->link_target = get_text(r);
    e->id = (uint32_t)rd_varint_max(r, UINT32_MAX);
    a->size = rd_varint(r);
    a->mode = (uint32_t)rd_varint_max(r, UINT32_MAX);
    a->mtime = rd_zigzag(r);
    a->space_id = (uint32_t)rd_varint_max(r, UINT32_MAX);
    a->page_size = (uint32_t)rd_varint_max(r, UINT32_MAX);
    a->space_flags = (uint32_t)rd_varint_max(r, UINT32_MAX);
    a->first_page = (uint32_t)rd_varint_max(r, UINT32_MAX);
    a->lsn_at_start = rd_varint(r);
    if (r->ran_out)
        return err_make(CORRUPT, "the attributes cannot be decoded");
    if (!a->link_target[0])
        a->link_target = NULL;
    const char *problem = archive_attr_problem(a);
    return problem ? err_make(CORRUPT, "%s %s", a->path, problem) : NULL;
}

static struct err *get_extent(struct index *x, const struct index_entry *e,
                              const struct index_extent *before, struct reader *r)
{
    struct index_extent *ext = &x->extents[x->n_extents];
    const uint64_t end = before ? before->offset + before->len : 0;
    const uint64_t room =
        e->attr.size - end; /* the extent before was found to lie within the size */
    const uint64_t gap = rd_varint(r), len = rd_varint(r);
    const int64_t step = rd_zigzag(r);
    const uint64_t record = rd_varint_max(r, CHUNK_RECORDS_MAX - 1);
    const int64_t last_chunk = before ? before->chunk : 0;
    if (r->ran_out)
        return err_make(CORRUPT, "%s: an extent cannot be decoded", e->attr.path);
    if (gap > room || len > room - gap || len == 0 || len > RECORD_LEN_MAX)
        return err_make(CORRUPT,
                        "%s: extent of %" PRIu64 " bytes %" PRIu64 " behind offset %" PRIu64
                        " does not lie within the size %" PRIu64,
                        e->attr.path, len, gap, end, e->attr.size);
    if (step < -last_chunk || step >= (int64_t)x->n_chunks - last_chunk)
        return err_make(CORRUPT,
                        "%s: extent at offset %" PRIu64 " names a chunk that is not in the archive",
                        e->attr.path, end + gap);
    *ext = (struct index_extent){.offset = end + gap,
                                 .entry = e->id,
                                 .len = (uint32_t)len,
                                 .chunk = (uint32_t)(last_chunk + step),
                                 .record = (uint32_t)record};
    x->n_extents++;
    return NULL;
}

static struct err *get_entry(struct index *x, struct index_entry *e, struct reader *r, size_t *cap)
{
    TRY(get_attr(e, r));
    const uint64_t n = rd_varint(r);
    if (r->ran_out || n > rd_left(r) / EXTENT_LEN_MIN)
        return err_make(CORRUPT, "%s: %" PRIu64 " extents do not fit the index", e->attr.path, n);
    e->n_extents = (size_t)n;
    for (size_t i = 0; i < e->n_extents; i++) {
        mem_grow(&x->extents, cap, x->n_extents, sizeof *x->extents);
        TRY(get_extent(x, e, i ? &x->extents[x->n_extents - 1] : NULL, r));
    }
    return NULL;
}

static struct err *get_entries(struct index *x, struct reader *r, uint32_t n_entries)
{
    const uint64_t n = rd_varint(r);
    if (r->ran_out || n != n_entries || n > rd_left(r) / ENTRY_LEN_MIN)
        return err_make(CORRUPT, "%" PRIu64 " entries in the index, %" PRIu32 " expected", n,
                        n_entries);
    size_t cap = 0;
    x->entries = mem_zalloc((size_t)n * sizeof *x->entries);
    for (; x->n_entries < n_entries; x->n_entries++)
        TRY_AT(get_entry(x, &x->entries[x->n_entries], r, &cap), "entry %" PRIu32, x->n_entries);
    if (rd_left(r))
        return err_make(CORRUPT, "%zu bytes behind the last entry", rd_left(r));
    size_t at = 0;
    for (uint32_t i = 0; i < n_entries; i++) { /* the array has moved while it grew */
        x->entries[i].extents = x->entries[i].n_extents ? &x->extents[at] : NULL;
        at += x->entries[i].n_extents;
    }
    return index_check_paths(x->entries, x->n_entries, ERR_CORRUPT);
}

struct err *index_decode(struct index *out, uint8_t *text, size_t len,
                         const struct index_frame *frame)
{
    struct reader r = reader_of(text, len);
    *out = (struct index){.text = text};
    struct err *e = get_chunks(out, &r, frame);
    if (!e)
        e = get_entries(out, &r, frame->n_entries);
    if (e)
        index_fini(out);
    return err_wrap(e, "index");
}

void index_fini(struct index *x)
{
    free(x->chunk_at);
    free(x->entries);
    free(x->extents);
    free(x->text);
    *x = (struct index){0};
}
