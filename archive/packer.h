/* archive/packer.h: what one thread at a time needs to make chunks: buffers, a compressor, and
 * the small pieces it has gathered so far. The writer keeps a pool of them, one for each thread
 * that writes at the same moment, so that no memory is allocated per piece. */
#ifndef MBE_ARCHIVE_PACKER_H
#define MBE_ARCHIVE_PACKER_H

#include <pthread.h>
#include <stdint.h>

#include "archive/chunk.h"
#include "archive/writer.h"
#include "base/err.h"
#include "base/sha256.h"

/* A chunk ready to be appended but for its sequence number. Borrowed until the packer's next
 * call. */
struct packed {
    struct chunk_header header; /* all but sequence and archive_id */
    uint8_t *head;              /* room for the header, then the table */
    const uint8_t *payload;
    struct sha256 digest; /* of an archive that is signed, once it is finished */
};

struct packer {
    struct packer *next_free, *next; /* kept by the pool */
    struct chunk_build single, gathered;
    int level; /* zstd level; unused with codec none */
    enum archive_codec codec;
    void *zstd; /* ZSTD_CCtx */
    uint8_t *compressed;
    const struct seal_key *archive_key; /* borrowed; NULL: the archive is not sealed */
    struct seal *seal;
    bool digests; /* the archive is signed */
};

/* Compresses (stores as it is what does not shrink) and, if the archive is not sealed, hashes. */
struct err *packer_pack(struct packer *p, const struct chunk_build *b, enum chunk_kind kind,
                        struct packed *out) MUST_CHECK;
/* Of a sealed or signed archive: enciphers what packer_pack made, of which the header is complete now but for tag and hash, puts the
 * header in its place, and makes the digest. The table is enciphered in its place. */
struct err *packer_finish(struct packer *p, struct packed *c) MUST_CHECK;
/* What packer_pack and packer_finish have allocated. */
void packer_fini(struct packer *p);

struct packer_pool {
    pthread_mutex_t lock; /* guards the two lists */
    struct packer *free, *all;
    struct packer like; /* codec, level, key and digests of all */
};

void packer_pool_init(struct packer_pool *pool, enum archive_codec codec, int level);
/* Before the first _take: whether the archive is sealed (archive_key, borrowed until _fini, or NULL), and signed. */
void packer_pool_protect(struct packer_pool *pool, const struct seal_key *archive_key,
                         bool digests);
void packer_pool_fini(struct packer_pool *pool);
/* A packer for the calling thread until it is put back. Takes the one put back last: its buffers
 * are warm. */
struct packer *packer_take(struct packer_pool *pool);
void packer_put(struct packer_pool *pool, struct packer *p);

#endif
