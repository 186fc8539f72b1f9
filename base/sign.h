/* base/sign.h: signatures: Ed25519 (RFC 8032) of libcrypto. Whoever has the public key can verify what the signing key has
 * signed, and cannot sign. */
#ifndef MBE_BASE_SIGN_H
#define MBE_BASE_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { SIGN_KEY_SIZE = 32, SIGNATURE_SIZE = 64 };

/* The public key of a signing key. FAILED, as below: libcrypto refused. */
struct err *sign_public_key(uint8_t out[SIGN_KEY_SIZE],
                            const uint8_t signing_key[SIGN_KEY_SIZE]) MUST_CHECK;
struct err *sign_message(uint8_t signature[SIGNATURE_SIZE], const void *message, size_t n,
                         const uint8_t signing_key[SIGN_KEY_SIZE]) MUST_CHECK;
/* Whether the signature is one of the key that goes with this public key, of this message. False, too, when the public key is none. */
bool sign_is_valid(const uint8_t signature[SIGNATURE_SIZE], const void *message, size_t n,
                   const uint8_t public_key[SIGN_KEY_SIZE]);

#endif
