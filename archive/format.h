/* archive/format.h: every magic, header and field of an archive. The page to read first;
 * docs/archive-format.md says the same at length, for the author of a second reader. All
 * integers are little-endian.
 *
 *   archive header | data chunk ... | index chunk ... | manifest chunk ... | final record
 *
 * Version 1 is an archive in clear. Version 2 is a sealed one: a key block follows the archive header, every chunk is sealed, and
 * the final record has a tag. How is in envelope.h. Versions 3 and 4 are 1 and 2 signed: the index has the SHA-256 of every data
 * chunk, and a signature block precedes the final record. How is in signature.h. One version has one form of every structure.
 *
 * Archive header, 64 bytes
 *   offset size meaning
 *        0    8 magic "\x93mbeARC\n"
 *        8    2 format version, 1 to 4: 1, and 1 more if sealed, and 2 more if signed; a reader refuses a newer one
 *       10    2 zero
 *       12    4 flags, zero
 *       16    8 archive id: random, repeated in every chunk. When a reader searches for the next
 *               chunk after damage, it tells this archive's chunks from those of another archive
 *               that happens to be stored inside this one
 *       24    8 time of creation, seconds since 1970
 *       32   16 zero
 *       48   16 XXH3-128 of bytes 0-47
 *
 * Key block, 128 bytes, of a sealed archive; beside the archive there may be another one in its place
 *        0    8 magic "\x93mbeKEY\n"
 *        8    2 version, 1
 *       10    6 zero
 *       16    8 archive id
 *       24    8 id of the user's key, by which the archive's own key is enciphered
 *       32   12 nonce
 *       44   32 the archive's own key, enciphered
 *       76   16 tag
 *       92   20 zero
 *      112   16 XXH3-128 of bytes 0-111
 *
 * Chunk header, 112 bytes; the record table and the stored payload follow it (together: the
 * body)
 *        0    8 magic "\x93mbeCHK\n"
 *        8    1 version of the chunk layout, 1
 *        9    1 flags, CHUNK_SEALED
 *       10    1 codec of the payload, enum archive_codec
 *       11    1 kind, enum chunk_kind
 *       12    4 lane, 0
 *       16    8 sequence number in its lane, from 0, over chunks of all kinds
 *       24    8 archive id
 *       32    4 number of records in the table (0 .. 4096; 0 unless a data chunk)
 *       36    4 raw length of the payload (0 .. 1 MiB)
 *       40    4 stored length of the payload: raw length with codec none, less than it otherwise
 *       44   16 zero
 *       60   16 tag of a sealed chunk, else zero
 *       76    4 zero
 *       80   16 XXH3-128 of the body, as it is stored
 *       96   16 XXH3-128 of bytes 0-95, and so of header and body
 *
 * Record, 16 bytes: a run of one entry's content. The payloads of the records with data follow
 * each other, in the table's order, as the raw payload.
 *        0    4 entry id
 *        4    4 length in bytes, not 0; top bit set: zeros, without payload
 *        8    8 offset in the entry's content
 *
 * Signature block, 112 bytes, of a signed archive only, in front of the final record
 *        0    8 magic "\x93mbeSIG\n"
 *        8    2 version, 1
 *       10    6 zero
 *       16    8 archive id
 *       24    8 id of the user's signing key
 *       32   64 signature
 *       96   16 XXH3-128 of bytes 0-95
 *
 * Final record, 112 bytes, ends the archive; without it the archive is incomplete
 *        0    8 magic "\x93mbeEND\n"
 *        8    2 format version, that of the archive header
 *       10    2 zero
 *       12    4 number of lanes, 1
 *       16    8 archive id
 *       24    8 offset of this record
 *       32    8 number of data chunks
 *       40    8 offset of the first index chunk
 *       48    8 raw length of the index
 *       56    4 number of index chunks
 *       60    4 number of manifest chunks
 *       64    8 offset of the first manifest chunk
 *       72    8 raw length of the manifest
 *       80    4 number of entries in the index
 *       84   12 tag of a sealed archive, else zero
 *       96   16 XXH3-128 of bytes 0-95
 *
 * A 128-bit checksum is stored as its low, then its high 64 bits. The index is described in
 * index.h. */
#ifndef MBE_ARCHIVE_FORMAT_H
#define MBE_ARCHIVE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/entry.h"
#include "base/err.h"
#include "base/hash128.h"
#include "base/seal.h"
#include "base/sign.h"

#define ARCHIVE_MAGIC "\x93mbeARC\n"
#define CHUNK_MAGIC "\x93mbeCHK\n"
#define FINAL_MAGIC "\x93mbeEND\n"
#define KEY_BLOCK_MAGIC "\x93mbeKEY\n"
#define SIGNATURE_MAGIC "\x93mbeSIG\n"

enum {
    ARCHIVE_VERSION = 1,
    ARCHIVE_VERSION_IF_SEALED = 1, /* added to it */
    ARCHIVE_VERSION_IF_SIGNED = 2,
    ARCHIVE_VERSION_LAST = ARCHIVE_VERSION + ARCHIVE_VERSION_IF_SEALED + ARCHIVE_VERSION_IF_SIGNED,
    CHUNK_VERSION = 1,
    KEY_BLOCK_VERSION = 1,
    SIGNATURE_VERSION = 1,
    MAGIC_SIZE = 8,
    MAGIC_COMMON = 4, /* bytes with which all magics begin */
    ARCHIVE_HEADER_SIZE = 64,
    KEY_BLOCK_SIZE = 128,
    KEY_BLOCK_CLEAR = 44, /* bytes in front of the enciphered key, authenticated with it */
    CHUNK_HEADER_SIZE = 112,
    CHUNK_HEADER_CLEAR = 60, /* bytes in front of the tag, authenticated with the body */
    SIGNATURE_BLOCK_SIZE = 112,
    FINAL_SIZE = 112,
    FINAL_CLEAR = 84, /* bytes in front of the tag */
    FINAL_TAG_SIZE = 12,
    HASH_SIZE = 16,
    RECORD_SIZE = 16,
    CHUNK_RECORDS_MAX = 4096,
    CHUNK_RAW_MAX = ARCHIVE_PIECE_MAX,
    CHUNK_SIZE_MAX = CHUNK_HEADER_SIZE + CHUNK_RECORDS_MAX * RECORD_SIZE + CHUNK_RAW_MAX,
    /* Index and manifest chunks: raw length at most this times the stored length, so that what a
     * reader must keep in memory is bounded by the size of the file. */
    SECTION_RATIO_MAX = 32,
    ZERO_BLOCK = 4096,
    RECORD_LEN_MAX = 1 << 30,
};
#define RECORD_ZEROS UINT32_C(0x80000000)
/* Largest size and offset of an entry's content: sums of two never wrap. */
#define CONTENT_SIZE_MAX (UINT64_C(1) << 62)

enum chunk_kind { CHUNK_DATA = 1, CHUNK_INDEX = 2, CHUNK_MANIFEST = 3 };
enum chunk_flags { CHUNK_SEALED = 1 };

struct archive_header {
    uint64_t archive_id;
    int64_t created;
    bool sealed, is_signed;
};

struct key_block {
    uint64_t archive_id;
    uint64_t key_id;
    uint8_t nonce[SEAL_NONCE_SIZE];
    uint8_t wrapped[SEAL_KEY_SIZE];
    uint8_t tag[SEAL_TAG_SIZE];
};

struct chunk_header {
    uint8_t codec, kind;
    bool sealed;
    uint8_t tag[SEAL_TAG_SIZE]; /* if sealed */
    uint64_t sequence;
    uint64_t archive_id;
    uint32_t n_records, raw_len, stored_len;
    struct hash128 body_hash;
};

struct chunk_record {
    uint32_t entry;
    uint32_t len;
    bool zeros;
    uint64_t offset;
};

struct signature_block {
    uint64_t archive_id;
    uint64_t key_id;
    uint8_t signature[SIGNATURE_SIZE];
};

struct final_record {
    bool sealed, is_signed;
    uint8_t tag[FINAL_TAG_SIZE]; /* if sealed */
    uint64_t archive_id;
    uint64_t at;
    uint64_t n_data_chunks;
    uint64_t index_at, index_len;
    uint32_t n_index_chunks, n_manifest_chunks;
    uint64_t manifest_at, manifest_len;
    uint32_t n_entries;
};

/* Of the format version. */
static inline bool archive_version_is_sealed(unsigned version)
{
    return (version - ARCHIVE_VERSION) & ARCHIVE_VERSION_IF_SEALED;
}

/* The _put functions fill exactly the size of their structure, checksum included. The _get
 * functions check everything that can be checked without knowing more of the archive; errors say
 * what is wrong, not where. Kind CORRUPT, or FAILED where a newer version is needed. */
void archive_header_put(uint8_t *p, const struct archive_header *h);
struct err *archive_header_get(struct archive_header *h, const uint8_t *p) MUST_CHECK;
/* The archive id of a header of whatever version. */
uint64_t archive_header_id(const uint8_t *p);
void key_block_put(uint8_t *p, const struct key_block *b);
struct err *key_block_get(struct key_block *b, const uint8_t *p) MUST_CHECK;
void chunk_header_put(uint8_t *p, const struct chunk_header *h);
struct err *chunk_header_get(struct chunk_header *h, const uint8_t *p) MUST_CHECK;
void signature_block_put(uint8_t *p, const struct signature_block *b);
struct err *signature_block_get(struct signature_block *b, const uint8_t *p) MUST_CHECK;
void chunk_record_put(uint8_t *p, const struct chunk_record *r);
struct chunk_record chunk_record_get(const uint8_t *p);
void final_record_put(uint8_t *p, const struct final_record *f);
struct err *final_record_get(struct final_record *f, const uint8_t *p) MUST_CHECK;

/* Where the first chunk begins. */
static inline uint64_t archive_data_at(const struct archive_header *h)
{
    return ARCHIVE_HEADER_SIZE + (h->sealed ? KEY_BLOCK_SIZE : 0);
}

/* Where the last manifest chunk ends. */
static inline uint64_t archive_chunks_end(const struct final_record *f)
{
    return f->at - (f->is_signed ? SIGNATURE_BLOCK_SIZE : 0);
}

/* Table and payload of a chunk, in bytes. */
static inline uint32_t chunk_body_size(const struct chunk_header *h)
{
    return h->n_records * RECORD_SIZE + h->stored_len;
}

/* Header, table and payload of a chunk, in bytes. */
static inline uint32_t chunk_size(const struct chunk_header *h)
{
    return CHUNK_HEADER_SIZE + chunk_body_size(h);
}

#endif
