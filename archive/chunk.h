/* archive/chunk.h: a chunk in memory: checked, deciphered and decompressed when read (chunk_unpack), put
 * together from pieces of content when written (struct chunk_build). No I/O. */
#ifndef MBE_ARCHIVE_CHUNK_H
#define MBE_ARCHIVE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/format.h"
#include "base/err.h"

/* ---- reading ---- */

/* A verified chunk. table and raw are borrowed from the buffers given to chunk_unpack. */
struct chunk {
    struct chunk_header header;
    const uint8_t *table; /* header.n_records records */
    const uint8_t *raw;   /* header.raw_len bytes; of chunk_check: stored_len */
};

/* `body` holds the chunk_body_size(h) bytes behind the header. Verifies its checksum, which of a sealed chunk takes no key. */
struct err *chunk_check_stored(const struct chunk_header *h, const uint8_t *body) MUST_CHECK;

/* Of an archive; for one thread at a time. archive_key: borrowed until _free; NULL: it is not sealed. */
struct unpacker;
struct unpacker *unpacker_new(const struct seal_key *archive_key);
void unpacker_free(struct unpacker *u); /* NULL is fine */

/* chunk_check_stored, and verifies the records; deciphers `body` in place. CORRUPT also when the chunk is not authentic, or is
 * sealed and the archive is not, or the other way round. out->raw is the payload as it was compressed. Valid as long as body
 * lives. */
struct err *chunk_check(struct unpacker *u, struct chunk *out, const struct chunk_header *h,
                        uint8_t *body) MUST_CHECK;
/* chunk_check, and decompresses. Valid until the next call with the same unpacker and as long as
 * body lives. */
struct err *chunk_unpack(struct unpacker *u, struct chunk *out, const struct chunk_header *h,
                         uint8_t *body) MUST_CHECK;

static inline struct chunk_record chunk_record_at(const struct chunk *c, uint32_t i)
{
    return chunk_record_get(c->table + (size_t)i * RECORD_SIZE);
}

/* ---- writing ---- */

/* A contiguous piece of one entry's content in a chunk: records first_record and following. */
struct chunk_run {
    uint64_t offset;
    uint32_t entry, len;
    uint32_t first_record;
};

struct chunk_build {
    uint8_t *head; /* CHUNK_HEADER_SIZE bytes left for the header, then the table */
    uint32_t n_records;
    struct chunk_run *runs;
    uint32_t n_runs;
    const uint8_t *payload; /* raw_len bytes: own_raw, or borrowed from the caller */
    uint32_t raw_len;
    uint8_t *own_raw;
};

void chunk_build_init(struct chunk_build *b);
void chunk_build_fini(struct chunk_build *b);
void chunk_build_reset(struct chunk_build *b);
/* Whether a piece of len bytes still fits. An empty build takes every piece of up to
 * CHUNK_RAW_MAX bytes. */
bool chunk_build_fits(const struct chunk_build *b, size_t len);
/* Adds a piece that fits; zero blocks become records without payload. The data are copied. */
void chunk_build_add(struct chunk_build *b, uint32_t entry, uint64_t offset, const uint8_t *data,
                     size_t len);
/* Adds a piece of up to CHUNK_RAW_MAX zero bytes. It takes one record: fits while
 * chunk_build_fits(b, 0). */
void chunk_build_add_zeros(struct chunk_build *b, uint32_t entry, uint64_t offset, size_t len);
/* As chunk_build_add for the only piece of a chunk: without zero blocks the data are borrowed
 * instead of copied. */
void chunk_build_only(struct chunk_build *b, uint32_t entry, uint64_t offset, const uint8_t *data,
                      size_t len);

#endif
