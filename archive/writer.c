/* archive/writer.c: see writer.h.
 *
 * A piece goes through a packer of the calling thread (zero blocks, compression, hash) and then,
 * under `append`, into the sink. What is remembered of it until the index is written is one
 * index_extent per piece and four bytes per chunk, of a signed archive 32 more.
 *
 * A sealed chunk is enciphered with its sequence number, and the digest of a signed one has it, so these take that first, and wait
 * for their turn when they are ready. */
#include "archive/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zstd.h>

#include "archive/envelope.h"
#include "archive/index.h"
#include "archive/packer.h"
#include "archive/signature.h"
#include "base/mem.h"

enum { GATHER_BELOW = 64 << 10, INDEX_ZSTD_LEVEL = 3 };

struct writer_entry {
    struct archive_attr attr; /* owns path and link_target */
    bool dropped, size_is_set;
};

struct archive_writer {
    struct sink *sink;
    uint64_t archive_id;
    uint8_t header[ARCHIVE_HEADER_SIZE]; /* as it is stored */
    struct seal_key *archive_key;        /* NULL: not sealed */
    const struct archive_key *sign_with; /* NULL: not signed */
    struct packer_pool packers;
    _Atomic uint64_t bytes_in, bytes_stored;
    _Atomic uint64_t n_numbered; /* sequence numbers given, if the archive is sealed or signed */
    _Atomic uint32_t n_entries;  /* written under entries_lock */

    pthread_mutex_t entries_lock; /* guards entries, cap_entries */
    struct writer_entry *entries;
    size_t cap_entries;

    pthread_mutex_t append; /* guards the sink and all below */
    pthread_cond_t turn;    /* a numbered chunk was appended, or the stream broke */
    struct err *broken;     /* of the append that failed: the stream cannot be continued */
    uint32_t *chunk_sizes;
    size_t n_chunks, cap_chunks;
    struct sha256 *digests; /* of the chunks of a signed archive */
    size_t cap_digests;
    struct index_extent *extents;
    size_t n_extents, cap_extents;
};

static struct err *err_copy(const struct err *e)
{
    struct err *copy = err_new(e->kind, e->file, e->line, "%s", e->message);
    copy->os_errno = e->os_errno;
    return e->hint ? err_hint(copy, "%s", e->hint) : copy;
}

/* Once an append has failed nothing more is written; whoever tries is told the cause, so that of
 * several threads it does not matter whose error is reported. */
static struct err *sink_append(struct archive_writer *w, const void *data, size_t n)
{
    if (w->broken)
        return err_copy(w->broken);
    struct err *e = n ? w->sink->append(w->sink, data, n) : NULL;
    if (e)
        w->broken = err_copy(e);
    else
        atomic_fetch_add_explicit(&w->bytes_stored, n, memory_order_relaxed);
    return e;
}

/* Header and, if the archive is to be sealed, key block. */
static struct err *write_beginning(struct archive_writer *w, const struct archive_key *key)
{
    uint8_t bytes[ARCHIVE_HEADER_SIZE + KEY_BLOCK_SIZE];
    const struct archive_header h = {.archive_id = w->archive_id,
                                     .created = (int64_t)time(NULL),
                                     .sealed = key != NULL,
                                     .is_signed = w->sign_with != NULL};
    archive_header_put(bytes, &h);
    memcpy(w->header, bytes, sizeof w->header);
    if (key)
        TRY(envelope_make(&w->archive_key, bytes + ARCHIVE_HEADER_SIZE, bytes, key));
    return sink_append(w, bytes, (size_t)archive_data_at(&h));
}

struct err *archive_writer_open(struct archive_writer **out, struct sink *sink,
                                const struct archive_writer_options *options)
{
    if (options->codec == ARCHIVE_CODEC_ZSTD &&
        (options->level < ZSTD_minCLevel() || options->level > ZSTD_maxCLevel()))
        return err_make(USAGE, "zstd level %d, %d to %d expected", options->level, ZSTD_minCLevel(),
                        ZSTD_maxCLevel());
    AUTO(archive_writer) w = mem_zalloc(sizeof *w);
    w->sink = sink;
    w->sign_with = options->sign_with;
    pthread_mutex_init(&w->entries_lock, NULL);
    pthread_mutex_init(&w->append, NULL);
    pthread_cond_init(&w->turn, NULL);
    packer_pool_init(&w->packers, options->codec, options->level);
    if (getrandom(&w->archive_id, sizeof w->archive_id, 0) != sizeof w->archive_id)
        return err_os("cannot get random bytes for the archive id");
    TRY(write_beginning(w, options->seal_with));
    packer_pool_protect(&w->packers, w->archive_key, w->sign_with != NULL);
    *out = w;
    w = NULL;
    return NULL;
}

static void entry_fini(struct writer_entry *e)
{
    free((char *)(uintptr_t)e->attr.path);
    free((char *)(uintptr_t)e->attr.link_target);
}

void archive_writer_free(struct archive_writer *w)
{
    if (!w)
        return;
    for (uint32_t i = 0; i < w->n_entries; i++)
        entry_fini(&w->entries[i]);
    err_free(w->broken);
    free(w->entries);
    free(w->chunk_sizes);
    free(w->digests);
    free(w->extents);
    packer_pool_fini(&w->packers);
    envelope_key_free(w->archive_key);
    pthread_mutex_destroy(&w->entries_lock);
    pthread_mutex_destroy(&w->append);
    pthread_cond_destroy(&w->turn);
    free(w);
}

/* ---- entries ---- */

static struct err *check_attr(const struct archive_attr *attr)
{
    const char *problem = archive_attr_problem(attr);
    return problem ? err_make(FAILED, "archive entry %s %s", attr->path, problem) : NULL;
}

static struct archive_attr attr_copy(const struct archive_attr *attr)
{
    struct archive_attr copy = *attr;
    copy.path = mem_strdup(attr->path);
    copy.link_target = attr->link_target ? mem_strdup(attr->link_target) : NULL;
    return copy;
}

struct err *archive_entry_add(struct archive_writer *w, const struct archive_attr *attr,
                              uint32_t *id)
{
    TRY(check_attr(attr));
    struct err *e = NULL;
    pthread_mutex_lock(&w->entries_lock);
    const uint32_t n = w->n_entries;
    if (n == UINT32_MAX) {
        e = err_make(FAILED, "more than %" PRIu32 " entries in one archive", n);
    } else {
        mem_grow(&w->entries, &w->cap_entries, n, sizeof *w->entries);
        w->entries[n] = (struct writer_entry){.attr = attr_copy(attr)};
        *id = n;
        w->n_entries = n + 1;
    }
    pthread_mutex_unlock(&w->entries_lock);
    return e;
}

struct err *archive_entry_set(struct archive_writer *w, uint32_t id,
                              const struct archive_attr *attr)
{
    TRY(check_attr(attr));
    if (id >= w->n_entries)
        return err_make(FAILED, "archive entry %" PRIu32 " was never added", id);
    struct writer_entry with = {.attr = attr_copy(attr), .size_is_set = true};
    pthread_mutex_lock(&w->entries_lock);
    struct writer_entry was = w->entries[id];
    with.dropped = was.dropped;
    w->entries[id] = with;
    pthread_mutex_unlock(&w->entries_lock);
    entry_fini(&was);
    return NULL;
}

void archive_entry_drop(struct archive_writer *w, uint32_t id)
{
    pthread_mutex_lock(&w->entries_lock);
    if (id < w->n_entries)
        w->entries[id].dropped = true;
    pthread_mutex_unlock(&w->entries_lock);
}

/* ---- content ---- */

static void remember(struct archive_writer *w, const struct packed *c, const struct chunk_build *b)
{
    const uint32_t chunk = (uint32_t)w->n_chunks;
    if (w->sign_with) {
        mem_grow(&w->digests, &w->cap_digests, w->n_chunks, sizeof *w->digests);
        w->digests[w->n_chunks] = c->digest;
    }
    mem_grow(&w->chunk_sizes, &w->cap_chunks, w->n_chunks, sizeof *w->chunk_sizes);
    w->chunk_sizes[w->n_chunks++] = chunk_size(&c->header);
    for (uint32_t i = 0; i < b->n_runs; i++) {
        const struct chunk_run *r = &b->runs[i];
        mem_grow(&w->extents, &w->cap_extents, w->n_extents, sizeof *w->extents);
        w->extents[w->n_extents++] = (struct index_extent){.offset = r->offset,
                                                           .entry = r->entry,
                                                           .len = r->len,
                                                           .chunk = chunk,
                                                           .record = r->first_record};
    }
}

/* The header is in its place. */
static struct err *append_locked(struct archive_writer *w, struct packed *c,
                                 const struct chunk_build *b)
{
    if (w->n_chunks == UINT32_MAX)
        return err_make(FAILED, "more than %" PRIu32 " chunks in one archive", UINT32_MAX);
    TRY(sink_append(w, c->head, CHUNK_HEADER_SIZE + (size_t)c->header.n_records * RECORD_SIZE));
    TRY(sink_append(w, c->payload, c->header.stored_len));
    remember(w, c, b);
    return NULL;
}

/* A number that was taken has to be used up: whoever fails with it ends the stream, or the others would wait for ever. */
static struct err *append_in_turn(struct archive_writer *w, struct packer *p, struct packed *c,
                                  const struct chunk_build *b)
{
    c->header.sequence = atomic_fetch_add(&w->n_numbered, 1);
    struct err *e = packer_finish(p, c);
    pthread_mutex_lock(&w->append);
    while (!e && !w->broken && w->n_chunks != c->header.sequence)
        pthread_cond_wait(&w->turn, &w->append);
    if (!e)
        e = append_locked(w, c, b);
    if (e && !w->broken)
        w->broken = err_copy(e);
    pthread_cond_broadcast(&w->turn);
    pthread_mutex_unlock(&w->append);
    return e;
}

/* The header's checksum is over few bytes. */
static struct err *emit(struct archive_writer *w, struct packer *p, const struct chunk_build *b,
                        enum chunk_kind kind)
{
    struct packed c;
    TRY(packer_pack(p, b, kind, &c));
    c.header.archive_id = w->archive_id;
    if (w->archive_key || w->sign_with)
        return append_in_turn(w, p, &c, b);
    pthread_mutex_lock(&w->append);
    c.header.sequence = w->n_chunks;
    chunk_header_put(c.head, &c.header);
    struct err *e = append_locked(w, &c, b);
    pthread_mutex_unlock(&w->append);
    return e;
}

static struct err *flush_gathered(struct archive_writer *w, struct packer *p)
{
    struct err *e = p->gathered.n_records ? emit(w, p, &p->gathered, CHUNK_DATA) : NULL;
    chunk_build_reset(&p->gathered);
    return e;
}

static struct err *write_piece(struct archive_writer *w, struct packer *p, uint32_t id,
                               uint64_t offset, const uint8_t *data, size_t len)
{
    const bool zeros = bytes_are_zero(data, len);
    if (!zeros && len >= GATHER_BELOW) {
        chunk_build_only(&p->single, id, offset, data, len);
        return emit(w, p, &p->single, CHUNK_DATA);
    }
    if (!chunk_build_fits(&p->gathered, zeros ? 0 : len))
        TRY(flush_gathered(w, p));
    if (zeros)
        chunk_build_add_zeros(&p->gathered, id, offset, len);
    else
        chunk_build_add(&p->gathered, id, offset, data, len);
    return NULL;
}

struct err *archive_write(struct archive_writer *w, uint32_t id, uint64_t offset, const void *data,
                          size_t len)
{
    if (id >= w->n_entries)
        return err_make(FAILED, "archive entry %" PRIu32 " was never added", id);
    if (len == 0 || len > ARCHIVE_PIECE_MAX || offset > CONTENT_SIZE_MAX - len)
        return err_make(
            FAILED, "archive entry %" PRIu32 ": piece of %zu bytes at %" PRIu64 " is out of range",
            id, len, offset);
    struct packer *p = packer_take(&w->packers);
    struct err *e = write_piece(w, p, id, offset, data, len);
    packer_put(&w->packers, p);
    if (!e)
        atomic_fetch_add_explicit(&w->bytes_in, len, memory_order_relaxed);
    return e;
}

void archive_writer_stats(struct archive_writer *w, struct archive_writer_stats *stats)
{
    *stats =
        (struct archive_writer_stats){.bytes_in = w->bytes_in, .bytes_stored = w->bytes_stored};
}

/* ---- the end of the archive ---- */

static int compare_extents(const void *a, const void *b)
{
    const struct index_extent *x = a, *y = b;
    if (x->entry != y->entry)
        return x->entry < y->entry ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct index_entry *)a)->attr.path,
                  ((const struct index_entry *)b)->attr.path);
}

/* Extents x[0..n) of one entry, sorted: no overlap; sets the size unless it is set, else leaves
 * out what lies beyond. */
static struct err *settle_entry(struct index_entry *out, const struct writer_entry *entry,
                                struct index_extent *x, size_t n)
{
    out->attr = entry->attr;
    for (size_t i = 1; i < n; i++)
        if (x[i].offset < x[i - 1].offset + x[i - 1].len)
            return err_make(FAILED, "archive entry %s: two pieces overlap at offset %" PRIu64,
                            entry->attr.path, x[i].offset);
    if (!entry->size_is_set)
        out->attr.size = n ? x[n - 1].offset + x[n - 1].len : 0;
    while (n && x[n - 1].offset >= out->attr.size)
        n--;
    if (n && x[n - 1].len > out->attr.size - x[n - 1].offset)
        x[n - 1].len = (uint32_t)(out->attr.size - x[n - 1].offset);
    out->extents = x;
    out->n_extents = n;
    return check_attr(&out->attr);
}

/* Live entries, sorted by path, with their extents. */
static struct err *settle(struct archive_writer *w, struct index_entry *live, uint32_t *n_live)
{
    if (w->n_extents)
        qsort(w->extents, w->n_extents, sizeof *w->extents, compare_extents);
    *n_live = 0;
    size_t at = 0;
    for (uint32_t id = 0; id < w->n_entries; id++) {
        const size_t from = at;
        while (at < w->n_extents && w->extents[at].entry == id)
            at++;
        if (w->entries[id].dropped)
            continue;
        struct index_entry *e = &live[(*n_live)++];
        e->id = id;
        TRY(settle_entry(e, &w->entries[id], at > from ? &w->extents[from] : NULL, at - from));
    }
    if (*n_live)
        qsort(live, *n_live, sizeof *live, compare_entries);
    return index_check_paths(live, *n_live, ERR_FAILED);
}

/* Stores `data` in chunks of its own kind; *at and *n_chunks tell where. */
static struct err *write_section(struct archive_writer *w, enum chunk_kind kind,
                                 const uint8_t *data, size_t len, uint64_t *at, uint32_t *n_chunks)
{
    struct packer p = {.codec = ARCHIVE_CODEC_ZSTD,
                       .level = INDEX_ZSTD_LEVEL,
                       .archive_key = w->archive_key,
                       .digests = w->sign_with != NULL};
    struct err *e = NULL;
    const size_t chunks_before = w->n_chunks;
    *at = w->bytes_stored;
    chunk_build_init(&p.single);
    for (size_t done = 0, n; done < len && !e; done += n) {
        n = len - done < CHUNK_RAW_MAX ? len - done : CHUNK_RAW_MAX;
        p.single.payload = data + done;
        p.single.raw_len = (uint32_t)n;
        e = emit(w, &p, &p.single, kind);
    }
    packer_fini(&p);
    *n_chunks = (uint32_t)(w->n_chunks - chunks_before);
    return e;
}

/* final: as it will be stored. */
static struct err *write_signature(struct archive_writer *w, const uint8_t final[FINAL_SIZE])
{
    struct signed_archive a = {.header = w->header, .final = final};
    struct signature_block b = {.archive_id = w->archive_id};
    uint8_t block[SIGNATURE_BLOCK_SIZE];
    TRY(sha256_of(&a.chunks, w->digests, w->n_chunks * sizeof *w->digests, NULL, 0));
    TRY(signature_make(&b, &a, w->sign_with));
    signature_block_put(block, &b);
    return sink_append(w, block, sizeof block);
}

static struct err *write_end(struct archive_writer *w, const struct index_entry *live,
                             uint32_t n_live, const char *manifest_json)
{
    AUTO_FREE uint8_t *index = NULL;
    struct out_bytes text = {0};
    struct final_record f = {.sealed = w->archive_key != NULL,
                             .is_signed = w->sign_with != NULL,
                             .archive_id = w->archive_id,
                             .n_data_chunks = w->n_chunks,
                             .n_entries = n_live};
    index_encode(&text, w->chunk_sizes, w->digests, (uint32_t)w->n_chunks, live, n_live);
    index = text.p;
    f.index_len = text.n;
    f.manifest_len = strlen(manifest_json);
    TRY(write_section(w, CHUNK_INDEX, index, text.n, &f.index_at, &f.n_index_chunks));
    TRY(write_section(w, CHUNK_MANIFEST, (const uint8_t *)manifest_json, (size_t)f.manifest_len,
                      &f.manifest_at, &f.n_manifest_chunks));
    f.at = w->bytes_stored + (w->sign_with ? SIGNATURE_BLOCK_SIZE : 0);
    uint8_t final[FINAL_SIZE];
    if (w->archive_key)
        TRY(envelope_seal_final(&f, w->archive_key));
    final_record_put(final, &f);
    if (w->sign_with)
        TRY(write_signature(w, final));
    return sink_append(w, final, sizeof final);
}

struct err *archive_writer_finish(struct archive_writer *w, const char *manifest_json)
{
    for (struct packer *p = w->packers.all; p; p = p->next)
        TRY(flush_gathered(w, p));
    AUTO_FREE struct index_entry *live = mem_zalloc(w->n_entries * sizeof *live);
    uint32_t n_live;
    TRY(settle(w, live, &n_live));
    return write_end(w, live, n_live, manifest_json);
}
