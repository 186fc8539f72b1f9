/* archive/signature.c: see signature.h. */
#include "archive/signature.h"

#include <inttypes.h>
#include <string.h>

#define DOMAIN "mbe archive signature" /* with its zero byte */

enum {
    HEADER_AT = sizeof DOMAIN,
    CHUNKS_AT = HEADER_AT + ARCHIVE_HEADER_SIZE,
    FINAL_AT = CHUNKS_AT + SHA256_SIZE,
    MESSAGE_SIZE = FINAL_AT + FINAL_SIZE - HASH_SIZE
};

static void put_message(uint8_t message[MESSAGE_SIZE], const struct signed_archive *a)
{
    memcpy(message, DOMAIN, sizeof DOMAIN);
    memcpy(message + HEADER_AT, a->header, ARCHIVE_HEADER_SIZE);
    memcpy(message + CHUNKS_AT, a->chunks.bytes, SHA256_SIZE);
    memcpy(message + FINAL_AT, a->final, FINAL_SIZE - HASH_SIZE);
}

struct err *signature_make(struct signature_block *b, const struct signed_archive *a,
                           const struct archive_key *signing)
{
    uint8_t message[MESSAGE_SIZE];
    put_message(message, a);
    b->key_id = signing->id;
    return sign_message(b->signature, message, sizeof message, signing->key.bytes);
}

static struct err *other_key(uint64_t id, const struct archive_keys *keys)
{
    if (keys->n > 1)
        return err_make(UNSIGNED,
                        "is signed with key %016" PRIx64
                        ", and none of the %zu public keys that were given is of that one",
                        id, keys->n);
    return err_make(UNSIGNED,
                    "is signed with key %016" PRIx64
                    ", and the public key that was given is of %016" PRIx64,
                    id, keys->keys[0].id);
}

struct err *signature_check(const struct signature_block *b, const struct signed_archive *a,
                            const struct archive_keys *public_keys)
{
    uint8_t message[MESSAGE_SIZE];
    const struct archive_key *key = archive_keys_find(public_keys, b->key_id);
    if (!key)
        return other_key(b->key_id, public_keys);
    put_message(message, a);
    return sign_is_valid(b->signature, message, sizeof message, key->key.bytes)
               ? NULL
               : err_make(CORRUPT, "is not what was signed with key %016" PRIx64, b->key_id);
}

struct err *signature_missing(void)
{
    return err_hint(err_make(UNSIGNED, "is not signed, and a public key was given"),
                    "If it is to be trusted all the same, leave the public key out.");
}
