/* archive/packer.c: see packer.h. */
#include "archive/packer.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/mem.h"

static struct err *make_compressor(struct packer *p)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (!zstd)
        return err_make(FAILED, "zstd: cannot create a compression context");
    p->zstd = zstd;
    p->compressed = mem_alloc_aligned(ZSTD_compressBound(CHUNK_RAW_MAX));
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

struct err *packer_pack(struct packer *p, const struct chunk_build *b, enum chunk_kind kind,
                        struct packed *out)
{
    *out = (struct packed){.header = {.codec = ARCHIVE_CODEC_NONE,
                                      .kind = (uint8_t)kind,
                                      .n_records = b->n_records,
                                      .raw_len = b->raw_len,
                                      .stored_len = b->raw_len},
                           .head = b->head,
                           .payload = b->payload};
    if (p->codec == ARCHIVE_CODEC_ZSTD && b->raw_len)
        TRY(compress(p, b, out));
    out->header.body_hash =
        hash128_of(b->head + CHUNK_HEADER_SIZE, (size_t)b->n_records * RECORD_SIZE, out->payload,
                   out->header.stored_len);
    return NULL;
}

void packer_pool_init(struct packer_pool *pool, enum archive_codec codec, int level)
{
    *pool = (struct packer_pool){.codec = codec, .level = level};
    pthread_mutex_init(&pool->lock, NULL);
}

static void packer_free(struct packer *p)
{
    chunk_build_fini(&p->single);
    chunk_build_fini(&p->gathered);
    ZSTD_freeCCtx(p->zstd);
    free(p->compressed);
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
    struct packer *p = mem_zalloc(sizeof *p);
    p->codec = pool->codec;
    p->level = pool->level;
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
