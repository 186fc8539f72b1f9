/* archive/packer.c: see packer.h. */
#include "archive/packer.h"

#include <stdlib.h>
#include <zstd.h>

#include "archive/envelope.h"
#include "base/mem.h"

static void make_room(struct packer *p)
{
    if (!p->compressed)
        p->compressed = mem_alloc_aligned(ZSTD_compressBound(CHUNK_RAW_MAX));
}

static struct err *make_compressor(struct packer *p)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (!zstd)
        return err_make(FAILED, "zstd: cannot create a compression context");
    p->zstd = zstd;
    make_room(p);
    const size_t rc = ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, p->level);
    return ZSTD_isError(rc)
               ? err_make(FAILED, "zstd: level %d: %s", p->level, ZSTD_getErrorName(rc))
               : NULL;
}

static bool is_too_dense(enum chunk_kind kind, size_t raw_len, size_t stored_len)
{
    return kind != CHUNK_DATA && raw_len / SECTION_RATIO_MAX >= stored_len;
}

static struct err *compress(struct packer *p, const struct chunk_build *b, struct packed *out)
{
    if (!p->zstd)
        TRY(make_compressor(p));
    const size_t n = ZSTD_compress2(p->zstd, p->compressed, ZSTD_compressBound(CHUNK_RAW_MAX),
                                    b->payload, b->raw_len);
    if (ZSTD_isError(n))
        return err_make(FAILED, "zstd: %s", ZSTD_getErrorName(n));
    if (n >= b->raw_len || is_too_dense(out->header.kind, b->raw_len, n))
        return NULL;
    out->header.codec = ARCHIVE_CODEC_ZSTD;
    out->header.stored_len = (uint32_t)n;
    out->payload = p->compressed;
    return NULL;
}

static void hash(struct packed *c)
{
    c->header.body_hash =
        hash128_of(c->head + CHUNK_HEADER_SIZE, (size_t)c->header.n_records * RECORD_SIZE,
                   c->payload, c->header.stored_len);
}

struct err *packer_pack(struct packer *p, const struct chunk_build *b, enum chunk_kind kind,
                        struct packed *out)
{
    *out = (struct packed){.header = {.codec = ARCHIVE_CODEC_NONE,
                                      .kind = (uint8_t)kind,
                                      .sealed = p->archive_key != NULL,
                                      .n_records = b->n_records,
                                      .raw_len = b->raw_len,
                                      .stored_len = b->raw_len},
                           .head = b->head,
                           .payload = b->payload};
    if (p->codec == ARCHIVE_CODEC_ZSTD && b->raw_len)
        TRY(compress(p, b, out));
    if (!p->archive_key)
        hash(out);
    return NULL;
}

/* A payload that was not compressed may be the caller's: what is enciphered goes to a buffer of ours, where a compressed one is
 * already. */
static struct err *seal(struct packer *p, struct packed *c)
{
    uint8_t *table = c->head + CHUNK_HEADER_SIZE;
    make_room(p);
    if (!p->seal)
        TRY(seal_new(&p->seal, p->archive_key, SEAL_ENCIPHER));
    const struct seal_part parts[] = {
        {table, table, (size_t)c->header.n_records * RECORD_SIZE},
        {c->payload, p->compressed, c->header.stored_len},
    };
    TRY(envelope_seal_chunk(p->seal, &c->header, parts));
    c->payload = p->compressed;
    hash(c);
    return NULL;
}

struct err *packer_finish(struct packer *p, struct packed *c)
{
    if (p->archive_key)
        TRY(seal(p, c));
    chunk_header_put(c->head, &c->header);
    if (!p->digests)
        return NULL;
    return sha256_of(&c->digest, c->head,
                     CHUNK_HEADER_SIZE + (size_t)c->header.n_records * RECORD_SIZE, c->payload,
                     c->header.stored_len);
}

void packer_fini(struct packer *p)
{
    chunk_build_fini(&p->single);
    chunk_build_fini(&p->gathered);
    ZSTD_freeCCtx(p->zstd);
    free(p->compressed);
    seal_free(p->seal);
}

void packer_pool_init(struct packer_pool *pool, enum archive_codec codec, int level)
{
    *pool = (struct packer_pool){.like = {.codec = codec, .level = level}};
    pthread_mutex_init(&pool->lock, NULL);
}

void packer_pool_protect(struct packer_pool *pool, const struct seal_key *archive_key, bool digests)
{
    pool->like.archive_key = archive_key;
    pool->like.digests = digests;
}

static void packer_free(struct packer *p)
{
    packer_fini(p);
    free(p);
}

void packer_pool_fini(struct packer_pool *pool)
{
    for (struct packer *p = pool->all, *next; p; p = next) {
        next = p->next;
        packer_free(p);
    }
    pthread_mutex_destroy(&pool->lock);
}

static struct packer *packer_new(const struct packer_pool *pool)
{
    struct packer *p = mem_alloc(sizeof *p);
    *p = pool->like;
    chunk_build_init(&p->single);
    chunk_build_init(&p->gathered);
    return p;
}

struct packer *packer_take(struct packer_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct packer *p = pool->free;
    if (p) {
        pool->free = p->next_free;
    } else {
        p = packer_new(pool);
        p->next = pool->all;
        pool->all = p;
    }
    pthread_mutex_unlock(&pool->lock);
    return p;
}

void packer_put(struct packer_pool *pool, struct packer *p)
{
    pthread_mutex_lock(&pool->lock);
    p->next_free = pool->free;
    pool->free = p;
    pthread_mutex_unlock(&pool->lock);
}
