/* archive/envelope.c: see envelope.h. */
#include "archive/envelope.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/secret.h"

#define LANE_OF_FINAL UINT32_MAX

/* ---- the archive's key ---- */

void envelope_key_free(struct seal_key *archive_key)
{
    secret_free(archive_key, sizeof *archive_key);
}

/* What the tag of a key block proves besides the key. */
static void key_block_clear(uint8_t clear[ARCHIVE_HEADER_SIZE + KEY_BLOCK_CLEAR],
                            const uint8_t *header, const uint8_t *p)
{
    memcpy(clear, header, ARCHIVE_HEADER_SIZE);
    memcpy(clear + ARCHIVE_HEADER_SIZE, p, KEY_BLOCK_CLEAR);
}

struct err *envelope_rewrap(uint8_t *p, const struct seal_key *archive_key, const uint8_t *header,
                            const struct archive_key *key)
{
    AUTO(seal) s = NULL;
    struct archive_header h;
    uint8_t clear[ARCHIVE_HEADER_SIZE + KEY_BLOCK_CLEAR];
    TRY(archive_header_get(&h, header));
    struct key_block b = {.archive_id = h.archive_id, .key_id = key->id};
    TRY(seal_random(b.nonce, sizeof b.nonce));
    TRY(seal_new(&s, &key->key, SEAL_ENCIPHER));
    key_block_put(p, &b);
    key_block_clear(clear, header, p);
    struct seal_message m = {.clear = clear,
                             .n_clear = sizeof clear,
                             .parts = {{archive_key->bytes, b.wrapped, sizeof archive_key->bytes}}};
    memcpy(m.nonce, b.nonce, sizeof m.nonce);
    TRY(seal_encipher(s, &m, b.tag));
    key_block_put(p, &b);
    return NULL;
}

struct err *envelope_make(struct seal_key **out, uint8_t *p, const uint8_t *header,
                          const struct archive_key *key)
{
    AUTO(seal_key) archive_key = secret_alloc(sizeof *archive_key);
    TRY(seal_random(archive_key->bytes, sizeof archive_key->bytes));
    TRY(envelope_rewrap(p, archive_key, header, key));
    *out = archive_key;
    archive_key = NULL;
    return NULL;
}

static struct err *no_key(uint64_t id)
{
    return err_hint(err_make(SEALED, "is sealed with key %016" PRIx64 ", and no key was given", id),
                    "Give it with --key-file, --key-fd, --key-command, or in MBE_KEY.");
}

static struct err *other_key(uint64_t id, const struct archive_keys *keys)
{
    if (keys->n > 1)
        return err_make(SEALED,
                        "is sealed with key %016" PRIx64
                        ", and none of the %zu keys that were given is that one",
                        id, keys->n);
    return err_make(SEALED,
                    "is sealed with key %016" PRIx64 ", and the key that was given is %016" PRIx64,
                    id, keys->keys[0].id);
}

static struct err *unwrap(struct seal_key *out, const struct key_block *b, const uint8_t *p,
                          const uint8_t *header, const struct archive_key *key)
{
    AUTO(seal) s = NULL;
    uint8_t clear[ARCHIVE_HEADER_SIZE + KEY_BLOCK_CLEAR];
    TRY(seal_new(&s, &key->key, SEAL_DECIPHER));
    key_block_clear(clear, header, p);
    struct seal_message m = {.clear = clear,
                             .n_clear = sizeof clear,
                             .parts = {{b->wrapped, out->bytes, sizeof out->bytes}}};
    memcpy(m.nonce, b->nonce, sizeof m.nonce);
    return err_wrap(seal_decipher(s, &m, b->tag, sizeof b->tag), "the key block");
}

struct err *envelope_open(struct seal_key **out, const uint8_t *p, const uint8_t *header,
                          const struct archive_keys *keys)
{
    struct archive_header h;
    struct key_block b;
    TRY(archive_header_get(&h, header));
    TRY(key_block_get(&b, p));
    if (b.archive_id != h.archive_id)
        return err_make(CORRUPT,
                        "the key block is that of archive 0x%016" PRIx64 ", not 0x%016" PRIx64,
                        b.archive_id, h.archive_id);
    if (!keys)
        return no_key(b.key_id);
    const struct archive_key *key = archive_keys_find(keys, b.key_id);
    if (!key)
        return other_key(b.key_id, keys);
    AUTO(seal_key) archive_key = secret_alloc(sizeof *archive_key);
    TRY(unwrap(archive_key, &b, p, header, key));
    *out = archive_key;
    archive_key = NULL;
    return NULL;
}

/* ---- chunks and the final record ---- */

static void put_nonce(uint8_t nonce[SEAL_NONCE_SIZE], uint32_t lane, uint64_t sequence)
{
    put_le32(nonce, lane);
    put_le64(nonce + 4, sequence);
}

/* The header's bytes go to `clear`, which the message borrows. */
static struct seal_message chunk_message(const struct chunk_header *h,
                                         uint8_t clear[CHUNK_HEADER_SIZE])
{
    struct seal_message m = {.clear = clear, .n_clear = CHUNK_HEADER_CLEAR};
    chunk_header_put(clear, h);
    put_nonce(m.nonce, 0, h->sequence);
    return m;
}

struct err *envelope_seal_chunk(struct seal *s, struct chunk_header *h,
                                const struct seal_part parts[2])
{
    uint8_t clear[CHUNK_HEADER_SIZE];
    struct seal_message m = chunk_message(h, clear);
    memcpy(m.parts, parts, sizeof m.parts);
    return seal_encipher(s, &m, h->tag);
}

struct err *envelope_open_chunk(struct seal *s, const struct chunk_header *h, uint8_t *body)
{
    uint8_t clear[CHUNK_HEADER_SIZE];
    struct seal_message m = chunk_message(h, clear);
    m.parts[0] = (struct seal_part){body, body, chunk_body_size(h)};
    return seal_decipher(s, &m, h->tag, sizeof h->tag);
}

static struct seal_message final_message(const struct final_record *f, uint8_t clear[FINAL_SIZE])
{
    struct seal_message m = {.clear = clear, .n_clear = FINAL_CLEAR};
    final_record_put(clear, f);
    put_nonce(m.nonce, LANE_OF_FINAL, 0);
    return m;
}

struct err *envelope_seal_final(struct final_record *f, const struct seal_key *key)
{
    AUTO(seal) s = NULL;
    uint8_t clear[FINAL_SIZE], tag[SEAL_TAG_SIZE];
    const struct seal_message m = final_message(f, clear);
    TRY(seal_new(&s, key, SEAL_ENCIPHER));
    TRY(seal_encipher(s, &m, tag));
    memcpy(f->tag, tag, sizeof f->tag);
    return NULL;
}

struct err *envelope_check_final(const struct final_record *f, const struct seal_key *key)
{
    AUTO(seal) s = NULL;
    uint8_t clear[FINAL_SIZE];
    const struct seal_message m = final_message(f, clear);
    TRY(seal_new(&s, key, SEAL_DECIPHER));
    return err_wrap(seal_decipher(s, &m, f->tag, sizeof f->tag), "the final record");
}
