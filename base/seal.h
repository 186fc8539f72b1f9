/* base/seal.h: enciphers and authenticates: AES-256-GCM of libcrypto, no padding, as long as before.
 *
 * A nonce must never be used twice with one key, for whatever: where nonces come from is for the caller, see
 * archive/envelope.h. What is deciphered is not to be looked at before seal_decipher returned NULL. */
#ifndef MBE_BASE_SEAL_H
#define MBE_BASE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

enum { SEAL_KEY_SIZE = 32, SEAL_NONCE_SIZE = 12, SEAL_TAG_SIZE = 16 };

/* A secret: lives in secret_alloc's memory, or is overwritten when it is no longer needed. */
struct seal_key {
    uint8_t bytes[SEAL_KEY_SIZE];
};

/* n bytes from `in` to `out`, which may be the same. */
struct seal_part {
    const uint8_t *in;
    uint8_t *out;
    size_t n;
};

/* One message. */
struct seal_message {
    uint8_t nonce[SEAL_NONCE_SIZE];
    const uint8_t *clear; /* authenticated only */
    size_t n_clear;
    struct seal_part parts[2]; /* one after the other; each below 2 GiB */
};

enum seal_direction { SEAL_DECIPHER = 0, SEAL_ENCIPHER = 1 };

/* A key made ready for one direction. For one thread at a time. The key is copied, and overwritten by _free. */
struct seal;
struct err *seal_new(struct seal **out, const struct seal_key *key,
                     enum seal_direction direction) MUST_CHECK;
void seal_free(struct seal *s); /* NULL is fine */
CLEANUP(seal, seal_free)

/* tag proves what was enciphered, and `clear`. FAILED: libcrypto refused. */
struct err *seal_encipher(struct seal *s, const struct seal_message *m,
                          uint8_t tag[SEAL_TAG_SIZE]) MUST_CHECK;
/* CORRUPT: it is not what this key enciphered with this nonce and `clear`. n_tag: 12 to SEAL_TAG_SIZE, the first bytes of
 * the tag. */
struct err *seal_decipher(struct seal *s, const struct seal_message *m, const uint8_t *tag,
                          size_t n_tag) MUST_CHECK;

/* n random bytes fit for a key; FAILED when there are none. */
struct err *seal_random(void *p, size_t n) MUST_CHECK;

#endif
