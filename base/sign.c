/* base/sign.c: see sign.h. */
#include "base/sign.h"

#include <openssl/evp.h>

static struct err *refused(void)
{
    return err_make(FAILED, "libcrypto refuses Ed25519");
}

struct err *sign_public_key(uint8_t out[SIGN_KEY_SIZE], const uint8_t signing_key[SIGN_KEY_SIZE])
{
    size_t n = SIGN_KEY_SIZE;
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, signing_key, SIGN_KEY_SIZE);
    const bool done = key && EVP_PKEY_get_raw_public_key(key, out, &n) == 1 && n == SIGN_KEY_SIZE;
    EVP_PKEY_free(key);
    return done ? NULL : refused();
}

struct err *sign_message(uint8_t signature[SIGNATURE_SIZE], const void *message, size_t n,
                         const uint8_t signing_key[SIGN_KEY_SIZE])
{
    size_t size = SIGNATURE_SIZE;
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, signing_key, SIGN_KEY_SIZE);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    const bool done = key && c && EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1 &&
                      EVP_DigestSign(c, signature, &size, message, n) == 1 &&
                      size == SIGNATURE_SIZE;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
    return done ? NULL : refused();
}

bool sign_is_valid(const uint8_t signature[SIGNATURE_SIZE], const void *message, size_t n,
                   const uint8_t public_key[SIGN_KEY_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, SIGN_KEY_SIZE);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    const bool valid = key && c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1 &&
                       EVP_DigestVerify(c, signature, SIGNATURE_SIZE, message, n) == 1;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
    return valid;
}
