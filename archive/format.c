/* archive/format.c: see format.h. */
#include "archive/format.h"

#include <inttypes.h>

#include "archive/writer.h"
#include "base/bytes.h"

static void put_hash(uint8_t *p, struct hash128 h)
{
    put_le64(p, h.lo);
    put_le64(p + 8, h.hi);
}

static struct hash128 get_hash(const uint8_t *p)
{
    return (struct hash128){.lo = le64(p), .hi = le64(p + 8)};
}

/* Puts the hash of p[0..n) behind it. */
static void put_own_hash(uint8_t *p, size_t n)
{
    put_hash(p + n, hash128_of(p, n, NULL, 0));
}

/* Checks magic and own hash of a structure whose hash lies at p[n]. */
static struct err *check_frame(const uint8_t *p, size_t n, const char *magic, const char *what)
{
    if (memcmp(p, magic, MAGIC_SIZE))
        return err_make(CORRUPT,
                        "no %s here: magic 0x%016" PRIx64 " found, 0x%016" PRIx64 " expected", what,
                        be64(p), be64(magic));
    const struct hash128 stored = get_hash(p + n), computed = hash128_of(p, n, NULL, 0);
    if (stored.lo != computed.lo || stored.hi != computed.hi)
        return err_make(CORRUPT,
                        "%s checksum 0x%016" PRIx64 "%016" PRIx64 " stored, 0x%016" PRIx64
                        "%016" PRIx64 " computed",
                        what, stored.hi, stored.lo, computed.hi, computed.lo);
    return NULL;
}

static uint16_t version_of(bool sealed, bool is_signed)
{
    return (uint16_t)(ARCHIVE_VERSION + (sealed ? ARCHIVE_VERSION_IF_SEALED : 0) +
                      (is_signed ? ARCHIVE_VERSION_IF_SIGNED : 0));
}

static struct err *check_version(unsigned version, const char *what)
{
    if (version >= ARCHIVE_VERSION && version <= ARCHIVE_VERSION_LAST)
        return NULL;
    struct err *e = err_make(FAILED, "%s has format version %u, this mbe reads versions %d to %d",
                             what, version, ARCHIVE_VERSION, ARCHIVE_VERSION_LAST);
    return err_hint(e, "Use the mbe that wrote the archive, or a newer one.");
}

static bool version_is_signed(unsigned version)
{
    return (version - ARCHIVE_VERSION) & ARCHIVE_VERSION_IF_SIGNED;
}

static struct err *check_zero(const uint8_t *p, size_t n, const char *what)
{
    return bytes_are_zero(p, n) ? NULL
                                : err_make(CORRUPT, "reserved bytes of the %s are not zero", what);
}

void archive_header_put(uint8_t *p, const struct archive_header *h)
{
    memset(p, 0, ARCHIVE_HEADER_SIZE);
    memcpy(p, ARCHIVE_MAGIC, MAGIC_SIZE);
    put_le16(p + 8, version_of(h->sealed, h->is_signed));
    put_le64(p + 16, h->archive_id);
    put_le64(p + 24, (uint64_t)h->created);
    put_own_hash(p, ARCHIVE_HEADER_SIZE - HASH_SIZE);
}

struct err *archive_header_get(struct archive_header *h, const uint8_t *p)
{
    TRY(check_frame(p, ARCHIVE_HEADER_SIZE - HASH_SIZE, ARCHIVE_MAGIC, "archive header"));
    const unsigned version = le16(p + 8);
    TRY(check_version(version, "the archive"));
    TRY(check_zero(p + 10, 6, "archive header"));
    TRY(check_zero(p + 32, 16, "archive header"));
    *h = (struct archive_header){.archive_id = le64(p + 16),
                                 .created = (int64_t)le64(p + 24),
                                 .sealed = archive_version_is_sealed(version),
                                 .is_signed = version_is_signed(version)};
    return NULL;
}

uint64_t archive_header_id(const uint8_t *p)
{
    return le64(p + 16);
}

void key_block_put(uint8_t *p, const struct key_block *b)
{
    memset(p, 0, KEY_BLOCK_SIZE);
    memcpy(p, KEY_BLOCK_MAGIC, MAGIC_SIZE);
    put_le16(p + 8, KEY_BLOCK_VERSION);
    put_le64(p + 16, b->archive_id);
    put_le64(p + 24, b->key_id);
    memcpy(p + 32, b->nonce, sizeof b->nonce);
    memcpy(p + KEY_BLOCK_CLEAR, b->wrapped, sizeof b->wrapped);
    memcpy(p + 76, b->tag, sizeof b->tag);
    put_own_hash(p, KEY_BLOCK_SIZE - HASH_SIZE);
}

struct err *key_block_get(struct key_block *b, const uint8_t *p)
{
    TRY(check_frame(p, KEY_BLOCK_SIZE - HASH_SIZE, KEY_BLOCK_MAGIC, "key block"));
    if (le16(p + 8) != KEY_BLOCK_VERSION)
        return err_make(CORRUPT, "the key block has version %u, %d expected", le16(p + 8),
                        KEY_BLOCK_VERSION);
    TRY(check_zero(p + 10, 6, "key block"));
    TRY(check_zero(p + 92, 20, "key block"));
    *b = (struct key_block){.archive_id = le64(p + 16), .key_id = le64(p + 24)};
    memcpy(b->nonce, p + 32, sizeof b->nonce);
    memcpy(b->wrapped, p + KEY_BLOCK_CLEAR, sizeof b->wrapped);
    memcpy(b->tag, p + 76, sizeof b->tag);
    return NULL;
}

void signature_block_put(uint8_t *p, const struct signature_block *b)
{
    memset(p, 0, SIGNATURE_BLOCK_SIZE);
    memcpy(p, SIGNATURE_MAGIC, MAGIC_SIZE);
    put_le16(p + 8, SIGNATURE_VERSION);
    put_le64(p + 16, b->archive_id);
    put_le64(p + 24, b->key_id);
    memcpy(p + 32, b->signature, sizeof b->signature);
    put_own_hash(p, SIGNATURE_BLOCK_SIZE - HASH_SIZE);
}

struct err *signature_block_get(struct signature_block *b, const uint8_t *p)
{
    TRY(check_frame(p, SIGNATURE_BLOCK_SIZE - HASH_SIZE, SIGNATURE_MAGIC, "signature block"));
    if (le16(p + 8) != SIGNATURE_VERSION)
        return err_make(CORRUPT, "the signature block has version %u, %d expected", le16(p + 8),
                        SIGNATURE_VERSION);
    TRY(check_zero(p + 10, 6, "signature block"));
    *b = (struct signature_block){.archive_id = le64(p + 16), .key_id = le64(p + 24)};
    memcpy(b->signature, p + 32, sizeof b->signature);
    return NULL;
}

void chunk_header_put(uint8_t *p, const struct chunk_header *h)
{
    memset(p, 0, CHUNK_HEADER_SIZE);
    memcpy(p, CHUNK_MAGIC, MAGIC_SIZE);
    p[8] = CHUNK_VERSION;
    p[9] = h->sealed ? CHUNK_SEALED : 0;
    p[10] = h->codec;
    p[11] = h->kind;
    put_le64(p + 16, h->sequence);
    put_le64(p + 24, h->archive_id);
    put_le32(p + 32, h->n_records);
    put_le32(p + 36, h->raw_len);
    put_le32(p + 40, h->stored_len);
    if (h->sealed)
        memcpy(p + CHUNK_HEADER_CLEAR, h->tag, sizeof h->tag);
    put_hash(p + 80, h->body_hash);
    put_own_hash(p, CHUNK_HEADER_SIZE - HASH_SIZE);
}

/* What a newer version may have set and this one cannot read. */
static struct err *check_chunk_features(const uint8_t *p)
{
    if (p[8] != CHUNK_VERSION)
        return err_make(FAILED, "chunk layout version %u, this mbe reads version %d", p[8],
                        CHUNK_VERSION);
    if (p[9] & ~CHUNK_SEALED)
        return err_make(FAILED, "chunk flags 0x%02x are not known to this mbe", p[9]);
    if (le32(p + 12))
        return err_make(FAILED, "lane %" PRIu32 ", this mbe reads archives of one lane",
                        le32(p + 12));
    if (p[10] != ARCHIVE_CODEC_NONE && p[10] != ARCHIVE_CODEC_ZSTD)
        return err_make(FAILED, "codec %u is not known to this mbe", p[10]);
    if (p[11] < CHUNK_DATA || p[11] > CHUNK_MANIFEST)
        return err_make(FAILED, "chunk kind %u is not known to this mbe", p[11]);
    TRY(check_zero(p + 44, 16, "chunk header"));
    return check_zero(p + (p[9] ? 76 : 60), p[9] ? 4 : 20, "chunk header");
}

static struct err *check_chunk_sizes(const struct chunk_header *h)
{
    if (h->n_records > CHUNK_RECORDS_MAX)
        return err_make(CORRUPT, "%" PRIu32 " records, at most %d expected", h->n_records,
                        CHUNK_RECORDS_MAX);
    if ((h->kind == CHUNK_DATA) != (h->n_records > 0))
        return err_make(CORRUPT, "%" PRIu32 " records in a chunk of kind %u", h->n_records,
                        h->kind);
    if (h->raw_len > CHUNK_RAW_MAX)
        return err_make(CORRUPT, "raw length %" PRIu32 ", at most %d expected", h->raw_len,
                        CHUNK_RAW_MAX);
    const bool fits =
        h->codec == ARCHIVE_CODEC_NONE ? h->stored_len == h->raw_len : h->stored_len < h->raw_len;
    if (!fits)
        return err_make(CORRUPT,
                        "stored length %" PRIu32 " does not go with raw length %" PRIu32
                        " and codec %u",
                        h->stored_len, h->raw_len, h->codec);
    if (h->kind != CHUNK_DATA && h->raw_len / SECTION_RATIO_MAX > h->stored_len)
        return err_make(CORRUPT,
                        "raw length %" PRIu32 " of an index chunk with stored length %" PRIu32
                        ", at most %d times as much expected",
                        h->raw_len, h->stored_len, SECTION_RATIO_MAX);
    return NULL;
}

struct err *chunk_header_get(struct chunk_header *h, const uint8_t *p)
{
    TRY(check_frame(p, CHUNK_HEADER_SIZE - HASH_SIZE, CHUNK_MAGIC, "chunk header"));
    TRY(check_chunk_features(p));
    *h = (struct chunk_header){.codec = p[10],
                               .kind = p[11],
                               .sealed = p[9] == CHUNK_SEALED,
                               .sequence = le64(p + 16),
                               .archive_id = le64(p + 24),
                               .n_records = le32(p + 32),
                               .raw_len = le32(p + 36),
                               .stored_len = le32(p + 40),
                               .body_hash = get_hash(p + 80)};
    memcpy(h->tag, p + CHUNK_HEADER_CLEAR, sizeof h->tag);
    return check_chunk_sizes(h);
}

void chunk_record_put(uint8_t *p, const struct chunk_record *r)
{
    put_le32(p, r->entry);
    put_le32(p + 4, r->len | (r->zeros ? RECORD_ZEROS : 0));
    put_le64(p + 8, r->offset);
}

struct chunk_record chunk_record_get(const uint8_t *p)
{
    const uint32_t len = le32(p + 4);
    return (struct chunk_record){.entry = le32(p),
                                 .len = len & ~RECORD_ZEROS,
                                 .zeros = (len & RECORD_ZEROS) != 0,
                                 .offset = le64(p + 8)};
}

void final_record_put(uint8_t *p, const struct final_record *f)
{
    memset(p, 0, FINAL_SIZE);
    memcpy(p, FINAL_MAGIC, MAGIC_SIZE);
    put_le16(p + 8, version_of(f->sealed, f->is_signed));
    put_le32(p + 12, 1);
    put_le64(p + 16, f->archive_id);
    put_le64(p + 24, f->at);
    put_le64(p + 32, f->n_data_chunks);
    put_le64(p + 40, f->index_at);
    put_le64(p + 48, f->index_len);
    put_le32(p + 56, f->n_index_chunks);
    put_le32(p + 60, f->n_manifest_chunks);
    put_le64(p + 64, f->manifest_at);
    put_le64(p + 72, f->manifest_len);
    put_le32(p + 80, f->n_entries);
    if (f->sealed)
        memcpy(p + FINAL_CLEAR, f->tag, sizeof f->tag);
    put_own_hash(p, FINAL_SIZE - HASH_SIZE);
}

/* The sections follow each other and end at the final record; each is at least as long as the
 * headers of its chunks. */
static struct err *check_final_layout(const struct final_record *f)
{
    const uint64_t end = f->is_signed && f->at < SIGNATURE_BLOCK_SIZE ? 0 : archive_chunks_end(f);
    if (f->index_at < ARCHIVE_HEADER_SIZE || f->manifest_at < f->index_at || end < f->manifest_at)
        return err_make(CORRUPT,
                        "final record: index at %" PRIu64 ", manifest at %" PRIu64
                        " and end at %" PRIu64 " are out of order",
                        f->index_at, f->manifest_at, f->at);
    const uint64_t data = f->index_at - ARCHIVE_HEADER_SIZE;
    const uint64_t index = f->manifest_at - f->index_at, manifest = end - f->manifest_at;
    if (f->n_data_chunks > data / CHUNK_HEADER_SIZE ||
        f->n_index_chunks > index / CHUNK_HEADER_SIZE ||
        f->n_manifest_chunks > manifest / CHUNK_HEADER_SIZE || f->n_data_chunks > UINT32_MAX)
        return err_make(CORRUPT,
                        "final record: %" PRIu64 " data, %" PRIu32 " index and %" PRIu32
                        " manifest chunks do not fit an archive of %" PRIu64 " bytes",
                        f->n_data_chunks, f->n_index_chunks, f->n_manifest_chunks, f->at);
    if (f->index_len > index * SECTION_RATIO_MAX || f->manifest_len > manifest * SECTION_RATIO_MAX)
        return err_make(CORRUPT,
                        "final record: %" PRIu64 " bytes of index and %" PRIu64
                        " of manifest do not fit an archive of %" PRIu64 " bytes",
                        f->index_len, f->manifest_len, f->at);
    return NULL;
}

struct err *final_record_get(struct final_record *f, const uint8_t *p)
{
    TRY(check_frame(p, FINAL_SIZE - HASH_SIZE, FINAL_MAGIC, "final record"));
    const unsigned version = le16(p + 8);
    const bool sealed = archive_version_is_sealed(version);
    TRY(check_version(version, "the final record"));
    if (le32(p + 12) != 1)
        return err_make(FAILED, "the archive has %" PRIu32 " lanes, this mbe reads one",
                        le32(p + 12));
    TRY(check_zero(p + 10, 2, "final record"));
    if (!sealed)
        TRY(check_zero(p + FINAL_CLEAR, FINAL_TAG_SIZE, "final record"));
    *f = (struct final_record){.sealed = sealed,
                               .is_signed = version_is_signed(version),
                               .archive_id = le64(p + 16),
                               .at = le64(p + 24),
                               .n_data_chunks = le64(p + 32),
                               .index_at = le64(p + 40),
                               .index_len = le64(p + 48),
                               .n_index_chunks = le32(p + 56),
                               .n_manifest_chunks = le32(p + 60),
                               .manifest_at = le64(p + 64),
                               .manifest_len = le64(p + 72),
                               .n_entries = le32(p + 80)};
    memcpy(f->tag, p + FINAL_CLEAR, sizeof f->tag);
    return check_final_layout(f);
}
