/* base/sha256.h: SHA-256 of libcrypto, for what has to stand against somebody who means harm; against accidents there is
 * hash128.h, which is far faster. */
#ifndef MBE_BASE_SHA256_H
#define MBE_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

enum { SHA256_SIZE = 32 };

struct sha256 {
    uint8_t bytes[SHA256_SIZE];
};
_Static_assert(sizeof(struct sha256) == SHA256_SIZE, "an array of them is hashed as it lies there");

static inline bool sha256_equal(const struct sha256 *a, const struct sha256 *b)
{
    return !memcmp(a->bytes, b->bytes, SHA256_SIZE);
}

/* Of a, then b; either may be empty. FAILED, as everywhere below: libcrypto refused. */
struct err *sha256_of(struct sha256 *out, const void *a, size_t n_a, const void *b,
                      size_t n_b) MUST_CHECK;

/* Of what comes piece by piece. */
struct sha256_sum;
struct err *sha256_sum_new(struct sha256_sum **out) MUST_CHECK;
struct err *sha256_sum_add(struct sha256_sum *s, const void *p, size_t n) MUST_CHECK;
/* Nothing is added behind it. */
struct err *sha256_sum_end(struct sha256 *out, struct sha256_sum *s) MUST_CHECK;
void sha256_sum_free(struct sha256_sum *s); /* NULL is fine */
CLEANUP(sha256_sum, sha256_sum_free)

#endif
