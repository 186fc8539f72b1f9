/* archive/chunk.c: see chunk.h. */
#include "archive/chunk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "archive/envelope.h"
#include "archive/writer.h"
#include "base/bytes.h"
#include "base/mem.h"

struct unpacker {
    const struct seal_key *archive_key; /* or NULL */
    struct seal *seal;
    ZSTD_DCtx *zstd;
    uint8_t *raw; /* grows to the largest payload so far */
    size_t cap;
};

struct unpacker *unpacker_new(const struct seal_key *archive_key)
{
    struct unpacker *u = mem_zalloc(sizeof *u);
    u->archive_key = archive_key;
    return u;
}

void unpacker_free(struct unpacker *u)
{
    if (!u)
        return;
    seal_free(u->seal);
    ZSTD_freeDCtx(u->zstd);
    free(u->raw);
    free(u);
}

static struct err *decompress(struct unpacker *u, const struct chunk_header *h,
                              const uint8_t *stored)
{
    if (!u->zstd)
        u->zstd = ZSTD_createDCtx();
    if (!u->zstd)
        return err_make(FAILED, "zstd: cannot create a decompression context");
    if (h->raw_len > u->cap) {
        free(u->raw);
        u->raw = mem_alloc_aligned(h->raw_len);
        u->cap = h->raw_len;
    }
    const size_t n = ZSTD_decompressDCtx(u->zstd, u->raw, h->raw_len, stored, h->stored_len);
    if (ZSTD_isError(n))
        return err_make(CORRUPT, "zstd: %s", ZSTD_getErrorName(n));
    if (n != h->raw_len)
        return err_make(CORRUPT, "%zu bytes decompressed, %" PRIu32 " expected", n, h->raw_len);
    return NULL;
}

static struct err *check_records(const struct chunk *c)
{
    uint64_t data = 0;
    for (uint32_t i = 0; i < c->header.n_records; i++) {
        const struct chunk_record r = chunk_record_at(c, i);
        if (r.len == 0 || r.len > RECORD_LEN_MAX || r.offset > CONTENT_SIZE_MAX)
            return err_make(CORRUPT,
                            "record %" PRIu32 ": length %" PRIu32 " at content offset %" PRIu64
                            " is out of range",
                            i, r.len, r.offset);
        data += r.zeros ? 0 : r.len;
    }
    if (c->header.kind == CHUNK_DATA && data != c->header.raw_len)
        return err_make(CORRUPT, "the records hold %" PRIu64 " bytes, the payload %" PRIu32, data,
                        c->header.raw_len);
    return NULL;
}

struct err *chunk_check_stored(const struct chunk_header *h, const uint8_t *body)
{
    const struct hash128 computed = hash128_of(body, chunk_body_size(h), NULL, 0);
    if (hash128_equal(computed, h->body_hash))
        return NULL;
    return err_make(CORRUPT,
                    "checksum 0x%016" PRIx64 "%016" PRIx64 " stored, 0x%016" PRIx64 "%016" PRIx64
                    " computed",
                    h->body_hash.hi, h->body_hash.lo, computed.hi, computed.lo);
}

/* A chunk in clear would be anybody's in a sealed archive. */
static struct err *open_sealed(struct unpacker *u, const struct chunk_header *h, uint8_t *body)
{
    if (h->sealed != (u->archive_key != NULL))
        return err_make(CORRUPT, "the chunk is %ssealed, the archive is %s",
                        h->sealed ? "" : "not ", h->sealed ? "not" : "sealed");
    if (!h->sealed)
        return NULL;
    if (!u->seal)
        TRY(seal_new(&u->seal, u->archive_key, SEAL_DECIPHER));
    return err_wrap(envelope_open_chunk(u->seal, h, body), "the chunk");
}

struct err *chunk_check(struct unpacker *u, struct chunk *out, const struct chunk_header *h,
                        uint8_t *body)
{
    TRY(chunk_check_stored(h, body));
    TRY(open_sealed(u, h, body));
    *out = (struct chunk){
        .header = *h, .table = body, .raw = body + (size_t)h->n_records * RECORD_SIZE};
    return check_records(out);
}

struct err *chunk_unpack(struct unpacker *u, struct chunk *out, const struct chunk_header *h,
                         uint8_t *body)
{
    TRY(chunk_check(u, out, h, body));
    if (h->codec == ARCHIVE_CODEC_ZSTD) {
        TRY(decompress(u, h, out->raw));
        out->raw = u->raw;
    }
    return NULL;
}

/* A piece of len bytes has at most this many records: its blocks, and one more when it starts
 * within a block. */
static size_t records_most(size_t len)
{
    return len / ZERO_BLOCK + 2;
}

void chunk_build_init(struct chunk_build *b)
{
    *b =
        (struct chunk_build){.head = mem_alloc(CHUNK_HEADER_SIZE + CHUNK_RECORDS_MAX * RECORD_SIZE),
                             .runs = mem_alloc(CHUNK_RECORDS_MAX * sizeof(struct chunk_run))};
}

void chunk_build_fini(struct chunk_build *b)
{
    free(b->head);
    free(b->runs);
    free(b->own_raw);
    *b = (struct chunk_build){0};
}

void chunk_build_reset(struct chunk_build *b)
{
    b->n_records = b->n_runs = b->raw_len = 0;
    b->payload = NULL;
}

bool chunk_build_fits(const struct chunk_build *b, size_t len)
{
    return len <= CHUNK_RAW_MAX - b->raw_len &&
           records_most(len) <= CHUNK_RECORDS_MAX - b->n_records;
}

static uint8_t *record_place(const struct chunk_build *b, uint32_t i)
{
    return b->head + CHUNK_HEADER_SIZE + (size_t)i * RECORD_SIZE;
}

/* A record that continues the one before it in the same run is merged with it. */
static void add_record(struct chunk_build *b, const struct chunk_record *r)
{
    if (b->n_records > b->runs[b->n_runs - 1].first_record) {
        uint8_t *place = record_place(b, b->n_records - 1);
        struct chunk_record last = chunk_record_get(place);
        if (last.entry == r->entry && last.zeros == r->zeros &&
            last.offset + last.len == r->offset && last.len <= RECORD_LEN_MAX - r->len) {
            last.len += r->len;
            chunk_record_put(place, &last);
            return;
        }
    }
    chunk_record_put(record_place(b, b->n_records++), r);
}

static void add_run(struct chunk_build *b, uint32_t entry, uint64_t offset, uint32_t len)
{
    if (b->n_runs) {
        struct chunk_run *last = &b->runs[b->n_runs - 1];
        if (last->entry == entry && last->offset + last->len == offset &&
            last->len <= RECORD_LEN_MAX - len) {
            last->len += len;
            return;
        }
    }
    b->runs[b->n_runs++] = (struct chunk_run){
        .offset = offset, .entry = entry, .len = len, .first_record = b->n_records};
}

/* Length of the block of content at `offset`: up to the next multiple of ZERO_BLOCK, at most
 * left. */
static uint32_t block_len(uint64_t offset, size_t left)
{
    const size_t whole = ZERO_BLOCK - (size_t)(offset % ZERO_BLOCK);
    return (uint32_t)(whole < left ? whole : left);
}

static bool has_zero_block(uint64_t offset, const uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        const uint32_t n = block_len(offset + at, len - at);
        if (bytes_are_zero(data + at, n))
            return true;
        at += n;
    }
    return false;
}

static void add_data(struct chunk_build *b, uint32_t entry, uint64_t offset, const uint8_t *data,
                     uint32_t len)
{
    if (!b->own_raw)
        b->own_raw = mem_alloc_aligned(CHUNK_RAW_MAX);
    b->payload = b->own_raw;
    memcpy(b->own_raw + b->raw_len, data, len);
    b->raw_len += len;
    add_record(b, &(struct chunk_record){.entry = entry, .len = len, .offset = offset});
}

void chunk_build_add_zeros(struct chunk_build *b, uint32_t entry, uint64_t offset, size_t len)
{
    add_run(b, entry, offset, (uint32_t)len);
    add_record(b, &(struct chunk_record){
                      .entry = entry, .len = (uint32_t)len, .zeros = true, .offset = offset});
}

void chunk_build_add(struct chunk_build *b, uint32_t entry, uint64_t offset, const uint8_t *data,
                     size_t len)
{
    add_run(b, entry, offset, (uint32_t)len);
    for (size_t at = 0; at < len;) {
        size_t n = block_len(offset + at, len - at);
        const bool zeros = bytes_are_zero(data + at, n);
        while (at + n < len) {
            const uint32_t next = block_len(offset + at + n, len - at - n);
            if (bytes_are_zero(data + at + n, next) != zeros)
                break;
            n += next;
        }
        if (zeros)
            add_record(
                b, &(struct chunk_record){
                       .entry = entry, .len = (uint32_t)n, .zeros = true, .offset = offset + at});
        else
            add_data(b, entry, offset + at, data + at, (uint32_t)n);
        at += n;
    }
}

void chunk_build_only(struct chunk_build *b, uint32_t entry, uint64_t offset, const uint8_t *data,
                      size_t len)
{
    chunk_build_reset(b);
    if (has_zero_block(offset, data, len)) {
        chunk_build_add(b, entry, offset, data, len);
        return;
    }
    add_run(b, entry, offset, (uint32_t)len);
    add_record(b, &(struct chunk_record){.entry = entry, .len = (uint32_t)len, .offset = offset});
    b->payload = data;
    b->raw_len = (uint32_t)len;
}
