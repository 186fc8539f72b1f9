/* innodb/aes.c: see aes.h. */
#include "innodb/aes.h"

#include <assert.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/bytes.h"

/* Some hundred nanoseconds each; a page's rounds cost some microseconds. */
static void evp_cipher_ctx_cleanup(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}

enum mode { ECB, CBC };

static const EVP_CIPHER *cipher_of(enum mode mode, unsigned key_len)
{
    switch (key_len) {
    case 16:
        return mode == ECB ? EVP_aes_128_ecb() : EVP_aes_128_cbc();
    case 24:
        return mode == ECB ? EVP_aes_192_ecb() : EVP_aes_192_cbc();
    case 32:
        return mode == ECB ? EVP_aes_256_ecb() : EVP_aes_256_cbc();
    default:
        return NULL;
    }
}

static struct err *run(enum mode mode, enum aes_direction d, const struct aes_key *key,
                       const uint8_t *iv, const uint8_t *in, size_t n, uint8_t *out)
{
    __attribute__((cleanup(evp_cipher_ctx_cleanup))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = cipher_of(mode, key->len);
    int got = 0;
    assert(n % AES_BLOCK == 0 && n <= INT32_MAX);
    if (!n)
        return NULL;
    if (!ctx || !cipher || EVP_CipherInit_ex(ctx, cipher, NULL, key->bytes, iv, d) != 1 ||
        EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 ||
        EVP_CipherUpdate(ctx, out, &got, in, (int)n) != 1 || (size_t)got != n)
        return err_make(FAILED, "libcrypto refuses AES with a key of %u bytes", key->len);
    return NULL;
}

struct err *aes_ecb(enum aes_direction d, const struct aes_key *key, const uint8_t *in, size_t n,
                    uint8_t *out)
{
    return run(ECB, d, key, NULL, in, n, out);
}

struct err *aes_overlap(enum aes_direction d, const struct aes_key *key,
                        const uint8_t iv[AES_BLOCK], uint8_t *p, size_t n)
{
    const size_t blocks = n - n % AES_BLOCK;
    if (n == blocks)
        return run(CBC, d, key, iv, p, n, p);
    if (n < AES_OVERLAP_MIN)
        return err_make(CORRUPT, "%zu encrypted bytes, expected at least %d", n, AES_OVERLAP_MIN);
    uint8_t *last = p + n - AES_OVERLAP_MIN;
    if (d == AES_DECIPHER)
        TRY(run(CBC, d, key, iv, last, AES_OVERLAP_MIN, last));
    TRY(run(CBC, d, key, iv, p, blocks, p));
    if (d == AES_ENCIPHER)
        TRY(run(CBC, d, key, iv, last, AES_OVERLAP_MIN, last));
    return NULL;
}

struct err *aes_partial(enum aes_direction d, const struct aes_key *key,
                        const uint8_t iv[AES_BLOCK], uint8_t *p, size_t n)
{
    const size_t blocks = n - n % AES_BLOCK;
    uint8_t mask[AES_BLOCK];
    TRY(run(CBC, d, key, iv, p, blocks, p));
    if (n == blocks)
        return NULL;
    TRY(run(ECB, AES_ENCIPHER, key, NULL, iv, AES_BLOCK, mask));
    for (size_t i = blocks; i < n; i++)
        p[i] ^= mask[i - blocks];
    return NULL;
}

struct err *aes_stream(const struct aes_key *key, uint64_t at, uint8_t *p, size_t n)
{
    __attribute__((cleanup(evp_cipher_ctx_cleanup))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t counter[AES_BLOCK] = {0}, before[AES_BLOCK] = {0};
    int got;
    assert(key->len == AES_KEY_MAX && n <= INT32_MAX);
    put_be64(counter + 8, at / AES_BLOCK);
    if (!ctx || EVP_EncryptInit_ex(ctx, EVP_aes_256_ctr(), NULL, key->bytes, counter) != 1 ||
        EVP_EncryptUpdate(ctx, before, &got, before, (int)(at % AES_BLOCK)) != 1 ||
        EVP_EncryptUpdate(ctx, p, &got, p, (int)n) != 1)
        return err_make(FAILED, "libcrypto refuses AES in counter mode");
    return NULL;
}

struct err *aes_key_random(struct aes_key *key)
{
    *key = (struct aes_key){.len = AES_KEY_MAX};
    if (RAND_bytes(key->bytes, AES_KEY_MAX) != 1)
        return err_make(FAILED, "libcrypto has no random bytes");
    return NULL;
}

void aes_key_wipe(struct aes_key *key)
{
    OPENSSL_cleanse(key, sizeof *key);
}
