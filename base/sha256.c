/* base/sha256.c: see sha256.h. */
#include "base/sha256.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "base/mem.h"

struct sha256_sum {
    EVP_MD_CTX *digest;
};

static struct err *refused(void)
{
    return err_make(FAILED, "libcrypto refuses SHA-256");
}

struct err *sha256_sum_new(struct sha256_sum **out)
{
    AUTO(sha256_sum) s = mem_zalloc(sizeof *s);
    s->digest = EVP_MD_CTX_new();
    if (!s->digest || EVP_DigestInit_ex(s->digest, EVP_sha256(), NULL) != 1)
        return refused();
    *out = s;
    s = NULL;
    return NULL;
}

struct err *sha256_sum_add(struct sha256_sum *s, const void *p, size_t n)
{
    return !n || EVP_DigestUpdate(s->digest, p, n) == 1 ? NULL : refused();
}

struct err *sha256_sum_end(struct sha256 *out, struct sha256_sum *s)
{
    return EVP_DigestFinal_ex(s->digest, out->bytes, NULL) == 1 ? NULL : refused();
}

void sha256_sum_free(struct sha256_sum *s)
{
    if (!s)
        return;
    EVP_MD_CTX_free(s->digest);
    free(s);
}

struct err *sha256_of(struct sha256 *out, const void *a, size_t n_a, const void *b, size_t n_b)
{
    AUTO(sha256_sum) s = NULL;
    TRY(sha256_sum_new(&s));
    TRY(sha256_sum_add(s, a, n_a));
    TRY(sha256_sum_add(s, b, n_b));
    return sha256_sum_end(out, s);
}
