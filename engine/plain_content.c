/* engine/plain_content.c: see plain_content.h. */
#include "engine/plain_content.h"

#include <stdlib.h>
#include <string.h>

#include "archive/format.h"
#include "base/bytes.h"
#include "base/cold_read.h"
#include "base/mem.h"
#include "base/signals.h"

_Static_assert(ARCHIVE_PIECE_MAX % PLAIN_BLOCK == 0, "a piece is a number of blocks");
_Static_assert(ARCHIVE_PIECE_MAX == COLD_READ_MAX, "a piece is read at once");

static void hash_block(uint8_t hash[BLOCK_HASH], const uint8_t *block, size_t len)
{
    const struct hash128 h = hash128_of(block, len, NULL, 0);
    put_le64(hash, h.lo);
    put_le64(hash + 8, h.hi);
}

static bool is_in_base(const struct plain_fact *base, uint64_t at, size_t len, const uint8_t *hash)
{
    if (!base || at >= base->size)
        return false;
    const uint64_t left = base->size - at;
    return len == (left < PLAIN_BLOCK ? left : PLAIN_BLOCK) &&
           !memcmp(base->hashes + at / PLAIN_BLOCK * BLOCK_HASH, hash, BLOCK_HASH);
}

/* A piece that begins at a block's begin. Neighbours that are stored are stored as one. */
static struct err *store(struct plain_content *c, struct copy_env *env, uint32_t entry,
                         const uint8_t *buf, size_t n, const struct plain_fact *base)
{
    size_t from = 0;
    for (size_t i = 0; i < n; i += PLAIN_BLOCK) {
        const size_t len = n - i < PLAIN_BLOCK ? n - i : PLAIN_BLOCK;
        const size_t at = (size_t)((c->size + i) / PLAIN_BLOCK) * BLOCK_HASH;
        mem_grow(&c->hashes, &c->cap, at + BLOCK_HASH, 1);
        hash_block(c->hashes + at, buf + i, len);
        if (!is_in_base(base, c->size + i, len, c->hashes + at))
            continue;
        if (i > from)
            TRY(archive_write(env->writer, entry, c->size + from, buf + from, i - from));
        atomic_fetch_add(&env->bytes_changed, i - from);
        from = i + len;
    }
    atomic_fetch_add(&env->bytes_changed, n - from);
    return n > from ? archive_write(env->writer, entry, c->size + from, buf + from, n - from)
                    : NULL;
}

static struct err *copy(struct plain_content *c, struct copy_env *env, struct cold_reader *reader,
                        const char *path, uint32_t entry, const struct plain_fact *base)
{
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(ARCHIVE_PIECE_MAX);
    for (size_t got = ARCHIVE_PIECE_MAX; got == ARCHIVE_PIECE_MAX;) {
        TRY(signals_check());
        TRY(cold_read(reader, buf, ARCHIVE_PIECE_MAX, c->size, ARCHIVE_PIECE_MAX, &got, path));
        if (!c->size) {
            c->head_len = got < TABLE_FILE_HEAD ? got : TABLE_FILE_HEAD;
            memcpy(c->head, buf, c->head_len);
        }
        TRY(store(c, env, entry, buf, got, base));
        atomic_fetch_add(&env->bytes_read, got);
        progress_add(env->progress, got);
        c->size += got;
        TRY(pace_take(env->pace, got));
    }
    return NULL;
}

struct err *plain_content_copy(struct plain_content *out, struct copy_env *env, int fd,
                               const char *path, uint32_t entry, const struct plain_fact *base)
{
    struct cold_reader reader;
    *out = (struct plain_content){0};
    cold_reader_init(&reader, fd);
    struct err *e = copy(out, env, &reader, path, entry, base);
    cold_reader_fini(&reader);
    if (e)
        plain_content_fini(out);
    return e;
}

void plain_content_fini(struct plain_content *c)
{
    free(c->hashes);
    *c = (struct plain_content){0};
}
