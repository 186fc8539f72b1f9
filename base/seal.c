/* base/seal.c: see seal.h. */
#include "base/seal.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/mem.h"

struct seal {
    EVP_CIPHER_CTX *cipher;
};

static struct err *refused(void)
{
    return err_make(FAILED, "libcrypto refuses AES-256-GCM");
}

struct err *seal_new(struct seal **out, const struct seal_key *key, enum seal_direction direction)
{
    AUTO(seal) s = mem_zalloc(sizeof *s);
    s->cipher = EVP_CIPHER_CTX_new();
    if (!s->cipher || EVP_CipherInit_ex(s->cipher, EVP_aes_256_gcm(), NULL, key->bytes, NULL,
                                        (int)direction) != 1)
        return refused();
    *out = s;
    s = NULL;
    return NULL;
}

void seal_free(struct seal *s)
{
    if (!s)
        return;
    EVP_CIPHER_CTX_free(s->cipher);
    free(s);
}

/* -1: as with seal_new. */
static bool begin(struct seal *s, const struct seal_message *m)
{
    int n;
    assert(m->n_clear <= INT32_MAX && m->parts[0].n <= INT32_MAX && m->parts[1].n <= INT32_MAX);
    return EVP_CipherInit_ex(s->cipher, NULL, NULL, NULL, m->nonce, -1) == 1 &&
           EVP_CipherUpdate(s->cipher, NULL, &n, m->clear, (int)m->n_clear) == 1;
}

static bool run(struct seal *s, const struct seal_message *m)
{
    for (size_t i = 0; i < sizeof m->parts / sizeof m->parts[0]; i++) {
        const struct seal_part *p = &m->parts[i];
        int n;
        if (p->n &&
            (EVP_CipherUpdate(s->cipher, p->out, &n, p->in, (int)p->n) != 1 || (size_t)n != p->n))
            return false;
    }
    return true;
}

/* Nothing is left to come out, but the tag is made, or compared. */
static bool finish(struct seal *s)
{
    uint8_t none[SEAL_TAG_SIZE];
    int n = 0;
    return EVP_CipherFinal_ex(s->cipher, none, &n) == 1 && n == 0;
}

struct err *seal_encipher(struct seal *s, const struct seal_message *m, uint8_t tag[SEAL_TAG_SIZE])
{
    const bool done =
        begin(s, m) && run(s, m) && finish(s) &&
        EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_SIZE, tag) == 1;
    return done ? NULL : refused();
}

struct err *seal_decipher(struct seal *s, const struct seal_message *m, const uint8_t *tag,
                          size_t n_tag)
{
    uint8_t expected[SEAL_TAG_SIZE];
    assert(n_tag >= SEAL_NONCE_SIZE && n_tag <= SEAL_TAG_SIZE);
    memcpy(expected, tag, n_tag);
    if (!begin(s, m) ||
        EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_SET_TAG, (int)n_tag, expected) != 1 ||
        !run(s, m))
        return refused();
    return finish(s) ? NULL
                     : err_make(CORRUPT, "is not authentic: it was changed, or never was sealed "
                                         "with the key of this archive");
}

struct err *seal_random(void *p, size_t n)
{
    assert(n <= INT32_MAX);
    return RAND_priv_bytes(p, (int)n) == 1 ? NULL
                                           : err_make(FAILED, "libcrypto has no random bytes");
}
