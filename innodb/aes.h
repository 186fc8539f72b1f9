/* innodb/aes.h: the two ways in which servers put AES over a length that is no multiple of a block.
 * Pure; libcrypto does the rounds. Errors are FAILED: libcrypto refused, and never name a key.
 *
 *   whole blocks    CBC without padding over the n - n % 16 bytes in front, in both ways
 *   overlap         MySQL: if n % 16, the last 32 bytes are enciphered once more, a run of their own
 *                   with the same IV. Deciphering goes backwards: these 32 first
 *   partial block   MariaDB: the r = n % 16 bytes behind are XORed with the first r bytes of
 *                   AES-ECB(key, IV)
 *
 * MariaDB's option file_key_management_encryption_algorithm=aes_ctr is a third way, which mbe does not
 * know: pages written so do not stand page_crypt_check.
 *
 * Facts: MySQL 9.7.4 and MariaDB 10.11.19, by experiment: deciphered pages and redo have good
 * checksums, and enciphering them gives the server's own bytes. */
#ifndef MBE_INNODB_AES_H
#define MBE_INNODB_AES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    AES_BLOCK = 16,
    AES_KEY_MAX = 32,
    AES_OVERLAP_MIN = 2 * AES_BLOCK,
};

enum aes_direction {
    AES_DECIPHER = 0,
    AES_ENCIPHER = 1,
};

struct aes_key {
    uint8_t bytes[AES_KEY_MAX];
    unsigned len; /* 16, 24 or 32 */
};

/* n is a multiple of AES_BLOCK; out may be in. */
struct err *aes_ecb(enum aes_direction d, const struct aes_key *key, const uint8_t *in, size_t n,
                    uint8_t *out) MUST_CHECK;
/* In place. CORRUPT when n is below AES_OVERLAP_MIN and no multiple of AES_BLOCK. */
struct err *aes_overlap(enum aes_direction d, const struct aes_key *key,
                        const uint8_t iv[AES_BLOCK], uint8_t *p, size_t n) MUST_CHECK;
/* In place; any n. */
struct err *aes_partial(enum aes_direction d, const struct aes_key *key,
                        const uint8_t iv[AES_BLOCK], uint8_t *p, size_t n) MUST_CHECK;
/* Counter mode, no server's: XORs p with [at, at + n) of a key stream that is the key's alone, so that a key serves for one file
 * only. Both ways, in place; any n. */
struct err *aes_stream(const struct aes_key *key, uint64_t at, uint8_t *p, size_t n) MUST_CHECK;
/* A key that nobody knows, of AES_KEY_MAX bytes. */
struct err *aes_key_random(struct aes_key *key) MUST_CHECK;
/* Overwrites the key; the compiler does not leave it out. */
void aes_key_wipe(struct aes_key *key);

#endif
