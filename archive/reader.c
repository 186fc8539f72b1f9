/* archive/reader.c: opens an archive by its final record; see reader.h. Content is read by
 * cursor.c. */
#include "archive/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "archive/reader_private.h"
#include "base/mem.h"

enum { SLOTS_KEPT = 8 };

struct chunk_slot *chunk_slot_new(const struct archive_reader *r)
{
    struct chunk_slot *s = mem_zalloc(sizeof *s);
    s->unpacker = unpacker_new(r->archive_key);
    return s;
}

void chunk_slot_free(struct chunk_slot *s)
{
    if (!s)
        return;
    unpacker_free(s->unpacker);
    free(s->file_bytes);
    free(s);
}

static void slot_reserve(struct chunk_slot *s, size_t n)
{
    if (n <= s->cap)
        return;
    free(s->file_bytes);
    s->file_bytes = mem_alloc_aligned(n);
    s->cap = n;
}

/* n bytes at `at`, all of which the archive must have. */
static struct err *read_exactly(const struct archive_reader *r, void *buf, size_t n, uint64_t at)
{
    size_t got;
    TRY(r->source->read_at(r->source, buf, n, at, &got));
    if (got < n)
        return err_make(CORRUPT, "%zu bytes expected, %zu found", n, got);
    return NULL;
}

/* That the archive is of a form this mbe knows its key block or signature proves. So what its parts say of a newer one was changed. */
static struct err *known_form(const struct archive_reader *r, struct err *e)
{
    if (e && e->kind == ERR_FAILED && (r->archive_key || r->proves))
        e->kind = ERR_CORRUPT;
    return e;
}

/* The chunk in s->file_bytes is the one that was signed. Those of index and manifest are proven together, when they were read. */
static struct err *prove_chunk(const struct archive_reader *r, struct chunk_slot *s,
                               uint64_t sequence, size_t size)
{
    if (!r->proves)
        return NULL;
    TRY(sha256_of(&s->digest, s->file_bytes, size, NULL, 0));
    const bool is_data = sequence < r->final.n_data_chunks;
    return is_data &&
                   memcmp(s->digest.bytes, r->index.digests + sequence * SHA256_SIZE, SHA256_SIZE)
               ? err_make(CORRUPT, "it is not the chunk that was signed")
               : NULL;
}

/* Into s->file_bytes; the header, which is checked, into *h as well. */
static struct err *read_chunk(const struct archive_reader *r, struct chunk_slot *s,
                              struct chunk_header *h, uint64_t sequence, uint64_t at, uint64_t size)
{
    if (size < CHUNK_HEADER_SIZE || size > CHUNK_SIZE_MAX)
        return err_make(CORRUPT, "%" PRIu64 " bytes, %d to %d expected", size, CHUNK_HEADER_SIZE,
                        CHUNK_SIZE_MAX);
    slot_reserve(s, (size_t)size);
    TRY(read_exactly(r, s->file_bytes, (size_t)size, at));
    TRY(known_form(r, chunk_header_get(h, s->file_bytes)));
    if (h->archive_id != r->header.archive_id)
        return err_make(CORRUPT, "archive id 0x%016" PRIx64 " found, 0x%016" PRIx64 " expected",
                        h->archive_id, r->header.archive_id);
    if (h->sequence != sequence)
        return err_make(CORRUPT, "sequence number %" PRIu64 " found", h->sequence);
    if (chunk_size(h) != size)
        return err_make(CORRUPT, "%" PRIu32 " bytes by its header, %" PRIu64 " expected",
                        chunk_size(h), size);
    return prove_chunk(r, s, sequence, (size_t)size);
}

static struct err *load_chunk(const struct archive_reader *r, struct chunk_slot *s,
                              uint64_t sequence, uint64_t at, uint64_t size)
{
    struct chunk_header h;
    TRY(read_chunk(r, s, &h, sequence, at, size));
    return chunk_unpack(s->unpacker, &s->chunk, &h, s->file_bytes + CHUNK_HEADER_SIZE);
}

/* Notes an error of reading a chunk and says where that is. */
static struct err *chunk_error(struct archive_reader *r, struct err *e, uint64_t sequence,
                               uint64_t at)
{
    if (e)
        r->failed = true;
    return err_wrap(e, "%s: chunk %" PRIu64 " at offset %" PRIu64, r->path, sequence, at);
}

struct err *archive_load_chunk(struct archive_reader *r, struct chunk_slot *s, uint64_t sequence,
                               uint64_t at, uint64_t size)
{
    struct err *e = load_chunk(r, s, sequence, at, size);
    s->loaded = !e;
    return chunk_error(r, e, sequence, at);
}

/* Size of the index or manifest chunk at `at`, which must end at or before `end`. */
static struct err *peek_size(const struct archive_reader *r, uint64_t at, uint64_t end,
                             uint64_t *size)
{
    uint8_t header[CHUNK_HEADER_SIZE];
    struct chunk_header h;
    if (end - at < CHUNK_HEADER_SIZE)
        return err_make(CORRUPT, "%" PRIu64 " bytes are left for a chunk", end - at);
    TRY(read_exactly(r, header, sizeof header, at));
    TRY(known_form(r, chunk_header_get(&h, header)));
    *size = chunk_size(&h);
    return *size <= end - at ? NULL
                             : err_make(CORRUPT, "%" PRIu64 " bytes, at most %" PRIu64 " expected",
                                        *size, end - at);
}

struct section {
    enum chunk_kind kind;
    uint64_t sequence; /* of its first chunk */
    uint64_t at, end;
    uint32_t n_chunks;
    uint64_t len;
};

static struct err *append_section(struct archive_reader *r, struct chunk_slot *slot,
                                  const struct section *s, struct out_bytes *o)
{
    uint64_t at = s->at;
    for (uint32_t i = 0; i < s->n_chunks; i++) {
        const uint64_t sequence = s->sequence + i;
        uint64_t size;
        TRY_AT(peek_size(r, at, s->end, &size), "%s: chunk %" PRIu64 " at offset %" PRIu64, r->path,
               sequence, at);
        TRY(archive_load_chunk(r, slot, sequence, at, size));
        const struct chunk *c = &slot->chunk;
        if (c->header.kind != s->kind)
            return err_make(
                CORRUPT, "%s: chunk %" PRIu64 " at offset %" PRIu64 ": kind %u found, %u expected",
                r->path, sequence, at, c->header.kind, (unsigned)s->kind);
        out_bytes_put(o, c->raw, c->header.raw_len);
        if (r->proves)
            out_bytes_put(&r->section_digests, slot->digest.bytes, SHA256_SIZE);
        at += size;
    }
    if (at != s->end || o->n != s->len)
        return err_make(CORRUPT,
                        "%s: a section of %zu bytes ends at offset %" PRIu64
                        ", the final record has %" PRIu64 " and %" PRIu64,
                        r->path, o->n, at, s->len, s->end);
    return NULL;
}

/* All of a section in one buffer of len + 1 bytes, the last of them zero. The buffer grows with
 * what is found: the length in the final record is believed only then. */
static struct err *read_section(struct archive_reader *r, struct chunk_slot *slot,
                                const struct section *s, uint8_t **out)
{
    struct out_bytes o = {0};
    struct err *e = append_section(r, slot, s, &o);
    if (e) {
        free(o.p);
        return e;
    }
    *out_reserve(&o, 1) = 0;
    *out = o.p;
    return NULL;
}

static struct err *read_index(struct archive_reader *r, struct chunk_slot *slot)
{
    const struct final_record *f = &r->final;
    uint8_t *text;
    TRY(read_section(r, slot,
                     &(struct section){CHUNK_INDEX, f->n_data_chunks, f->index_at, f->manifest_at,
                                       f->n_index_chunks, f->index_len},
                     &text));
    const struct index_frame frame = {.n_chunks = (uint32_t)f->n_data_chunks,
                                      .n_entries = f->n_entries,
                                      .data_at = archive_data_at(&r->header),
                                      .data_end = f->index_at,
                                      .digests = r->header.is_signed};
    TRY_AT(index_decode(&r->index, text, (size_t)f->index_len, &frame), "%s", r->path);
    return NULL;
}

static struct err *read_manifest(struct archive_reader *r, struct chunk_slot *slot)
{
    const struct final_record *f = &r->final;
    uint8_t *text;
    TRY(read_section(r, slot,
                     &(struct section){CHUNK_MANIFEST, f->n_data_chunks + f->n_index_chunks,
                                       f->manifest_at, archive_chunks_end(f), f->n_manifest_chunks,
                                       f->manifest_len},
                     &text));
    r->manifest = (char *)text;
    if (strlen(r->manifest) != f->manifest_len)
        return err_make(CORRUPT, "%s: manifest: zero byte at %zu", r->path, strlen(r->manifest));
    return NULL;
}

/* The archive's key, by its key block or the one in its place. */
static struct err *open_envelope(struct archive_reader *r, const uint8_t *header,
                                 const struct archive_unlock *unlock)
{
    uint8_t block[KEY_BLOCK_SIZE];
    bool beside = false;
    if (unlock->key_block)
        TRY(unlock->key_block(unlock->ctx, block, &beside));
    if (!beside)
        TRY(read_exactly(r, block, sizeof block, ARCHIVE_HEADER_SIZE));
    return envelope_open(&r->archive_key, block, header, unlock->keys);
}

/* An archive of a newer form has a final record of that form as well. If it is one that we know, and this archive's, the header was
 * changed. e: the error of reading the header, or NULL. */
static struct err *known_by_final(const struct archive_reader *r, struct err *e)
{
    uint8_t final[FINAL_SIZE];
    struct final_record f;
    if (!e || e->kind != ERR_FAILED || r->source->size < ARCHIVE_HEADER_SIZE + FINAL_SIZE)
        return e;
    struct err *unknown = read_exactly(r, final, sizeof final, r->source->size - FINAL_SIZE);
    if (!unknown)
        unknown = final_record_get(&f, final);
    if (!unknown && f.archive_id == archive_header_id(r->header_bytes))
        e->kind = ERR_CORRUPT;
    err_free(unknown);
    return e;
}

static struct err *read_header(struct archive_reader *r, const struct archive_unlock *unlock)
{
    uint8_t *header = r->header_bytes;
    TRY_AT(read_exactly(r, header, ARCHIVE_HEADER_SIZE, 0), "%s: is no complete archive", r->path);
    TRY_AT(known_by_final(r, archive_header_get(&r->header, header)), "%s", r->path);
    r->proves = unlock->public_keys != NULL;
    if (r->proves && !r->header.is_signed)
        return err_wrap(signature_missing(), "%s", r->path);
    if (!r->header.sealed)
        return NULL;
    struct err *e = open_envelope(r, header, unlock);
    if (unlock->locked)
        *unlock->locked = e != NULL;
    return err_wrap(e, "%s", r->path);
}

/* A final record in clear would be anybody's. */
static struct err *check_seal_of_final(const struct archive_reader *r)
{
    if (r->final.is_signed != r->header.is_signed)
        return err_make(CORRUPT, "the final record is that of an archive that is %ssigned",
                        r->final.is_signed ? "" : "not ");
    if (r->final.sealed != r->header.sealed)
        return err_make(CORRUPT, "the final record is %ssealed, the archive is %s",
                        r->final.sealed ? "" : "not ", r->final.sealed ? "not" : "sealed");
    return r->archive_key ? envelope_check_final(&r->final, r->archive_key) : NULL;
}

/* A missing final record is the sign of a backup or a transfer that was cut off: say so. */
static struct err *read_final(struct archive_reader *r, uint64_t file_size)
{
    uint8_t *final = r->final_bytes;
    if (file_size < ARCHIVE_HEADER_SIZE + FINAL_SIZE)
        return err_make(CORRUPT, "%s: is incomplete: %" PRIu64 " bytes and no final record",
                        r->path, file_size);
    const uint64_t at = file_size - FINAL_SIZE;
    TRY(read_exactly(r, final, FINAL_SIZE, at));
    struct err *e = known_form(r, final_record_get(&r->final, final));
    if (e && memcmp(final, FINAL_MAGIC, MAGIC_SIZE)) {
        err_free(e);
        e = err_make(CORRUPT, "%s: is incomplete: no final record in its last %d bytes", r->path,
                     FINAL_SIZE);
        return err_hint(e, "The backup was not finished, or the file was cut off or added to.");
    }
    TRY_AT(e, "%s: offset %" PRIu64, r->path, at);
    if (r->final.archive_id != r->header.archive_id || r->final.at != at)
        return err_make(CORRUPT,
                        "%s: the final record is that of another archive: id 0x%016" PRIx64
                        " at %" PRIu64 " found, 0x%016" PRIx64 " at %" PRIu64 " expected",
                        r->path, r->final.archive_id, r->final.at, r->header.archive_id, at);
    return err_wrap(check_seal_of_final(r), "%s: offset %" PRIu64, r->path, at);
}

/* Whatever is read of a signed archive, its signature block is to be whole. */
static struct err *read_signature(struct archive_reader *r)
{
    uint8_t block[SIGNATURE_BLOCK_SIZE];
    if (!r->header.is_signed)
        return NULL;
    const uint64_t at = archive_chunks_end(&r->final);
    TRY(read_exactly(r, block, sizeof block, at));
    TRY_AT(signature_block_get(&r->signature, block), "%s: offset %" PRIu64, r->path, at);
    if (r->signature.archive_id != r->header.archive_id)
        return err_make(CORRUPT, "%s: the signature block is that of another archive", r->path);
    return NULL;
}

/* Index and manifest were read, and nothing was done with what they say but to keep it. */
static struct err *check_signature(struct archive_reader *r, const struct archive_unlock *unlock)
{
    struct signed_archive a = {.header = r->header_bytes, .final = r->final_bytes};
    if (!r->proves)
        return NULL;
    TRY(sha256_of(&a.chunks, r->index.digests, (size_t)r->index.n_chunks * SHA256_SIZE,
                  r->section_digests.p, r->section_digests.n));
    return err_wrap(signature_check(&r->signature, &a, unlock->public_keys), "%s", r->path);
}

static struct err *open_archive(struct archive_reader *r, const struct archive_unlock *unlock)
{
    TRY(read_header(r, unlock));
    TRY(read_final(r, r->source->size));
    TRY(read_signature(r));
    struct chunk_slot *slot = chunk_slot_new(r);
    struct err *e = read_index(r, slot);
    if (!e)
        e = read_manifest(r, slot);
    if (!e)
        e = check_signature(r, unlock);
    chunk_slot_free(slot);
    return e;
}

struct err *archive_reader_open(struct archive_reader **out, struct source *source,
                                const struct archive_unlock *unlock)
{
    AUTO(archive_reader) r = mem_zalloc(sizeof *r);
    r->source = source;
    r->path = source->name;
    pthread_mutex_init(&r->lock, NULL);
    r->slots_kept = SLOTS_KEPT;
    TRY(open_archive(r, unlock));
    *out = r;
    r = NULL;
    return NULL;
}

void archive_reader_free(struct archive_reader *r)
{
    if (!r)
        return;
    for (struct chunk_slot *s = r->slots, *next; s; s = next) {
        next = s->next;
        chunk_slot_free(s);
    }
    source_free(r->source);
    index_fini(&r->index);
    envelope_key_free(r->archive_key);
    free(r->section_digests.p);
    pthread_mutex_destroy(&r->lock);
    free(r->manifest);
    free(r);
}

const char *archive_reader_name(const struct archive_reader *r)
{
    return r->path;
}

uint64_t archive_reader_id(const struct archive_reader *r)
{
    return r->header.archive_id;
}

bool archive_reader_is_sealed(const struct archive_reader *r)
{
    return r->header.sealed;
}

bool archive_reader_is_signed(const struct archive_reader *r)
{
    return r->header.is_signed;
}

const char *archive_reader_manifest(const struct archive_reader *r)
{
    return r->manifest;
}

uint32_t archive_reader_n_entries(const struct archive_reader *r)
{
    return r->index.n_entries;
}

const struct archive_attr *archive_reader_entry(const struct archive_reader *r, uint32_t i)
{
    return &r->index.entries[i].attr;
}

int64_t archive_reader_find(const struct archive_reader *r, const char *path)
{
    return index_find(r->index.entries, r->index.n_entries, path);
}

bool archive_reader_has_failed(const struct archive_reader *r)
{
    return r->failed;
}

bool archive_reader_has_content(const struct archive_reader *r, uint32_t i)
{
    return r->index.entries[i].n_extents != 0;
}

uint64_t archive_reader_stored(const struct archive_reader *r, uint32_t i, uint64_t *end)
{
    const struct index_entry *entry = &r->index.entries[i];
    uint64_t sum = 0;
    *end = 0;
    for (size_t k = 0; k < entry->n_extents; k++) {
        sum += entry->extents[k].len;
        *end = entry->extents[k].offset + entry->extents[k].len;
    }
    return sum;
}

void archive_reader_keep(struct archive_reader *r, int n_chunks)
{
    r->slots_kept = n_chunks;
}

uint32_t archive_reader_n_chunks(const struct archive_reader *r)
{
    return r->index.n_chunks;
}

uint64_t archive_reader_chunk_bytes(const struct archive_reader *r, uint32_t from, uint32_t to)
{
    return r->index.chunk_at[to] - r->index.chunk_at[from];
}

static bool has_piece_in(const struct index_entry *e, uint32_t chunk)
{
    for (size_t i = 0; i < e->n_extents; i++)
        if (e->extents[i].chunk == chunk)
            return true;
    return false;
}

const char *archive_reader_file_in(const struct archive_reader *r, uint32_t chunk)
{
    for (uint32_t i = 0; i < r->index.n_entries; i++)
        if (has_piece_in(&r->index.entries[i], chunk))
            return r->index.entries[i].attr.path;
    return NULL;
}

struct err *archive_check_chunk(struct archive_reader *r, uint32_t chunk, enum archive_cache cache)
{
    const uint64_t at = r->index.chunk_at[chunk], size = r->index.chunk_at[chunk + 1] - at;
    struct chunk_slot *s = chunk_slot_take(r);
    struct chunk_header h;
    s->loaded = false;
    struct err *e = read_chunk(r, s, &h, chunk, at, size);
    if (!e)
        e = chunk_check(s->unpacker, &s->chunk, &h, s->file_bytes + CHUNK_HEADER_SIZE);
    chunk_slot_put(r, s);
    if (cache == ARCHIVE_CACHE_DROP)
        r->source->drop(r->source, at, size);
    return chunk_error(r, e, chunk, at);
}
