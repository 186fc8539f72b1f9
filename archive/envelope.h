/* archive/envelope.h: how an archive is sealed.
 *
 * Each sealed archive has a key of its own, of 256 random bits, that serves for nothing else. It stands in the archive's key
 * block, enciphered by a key of the user: so the user's key can be changed without touching what was sealed, and no two archives
 * share nonces. Everything is AES-256-GCM (base/seal.h):
 *
 *   what            key          nonce                               enciphered           authenticated only
 *   key block       the user's   random, in the block                the archive's key    bytes 0-63 of the archive, then 0-43 of
 *                                                                                         the block
 *   chunk           archive's    lane (4 bytes), sequence (8)        table, payload       bytes 0-59 of its header
 *   final record    archive's    ff ff ff ff, then 8 bytes 0         nothing              bytes 0-83
 *
 * Lane and sequence are little-endian, as in the header. No lane is 2^32 - 1, and a writer gives a sequence number once: no nonce
 * is used twice with a key. A chunk cannot be changed, nor stand in another place, nor in another archive, as its sequence number
 * and the archive's key are part of what its tag proves; that none is missing, the final record proves by their number; that this is
 * the header that belongs to the key, the key block. The tag of the final record is cut to its first 12 bytes. */
#ifndef MBE_ARCHIVE_ENVELOPE_H
#define MBE_ARCHIVE_ENVELOPE_H

#include "archive/format.h"
#include "archive/keys.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/seal.h"

/* A new archive's key, owned by caller, and its key block, p[KEY_BLOCK_SIZE]. header: the archive header as it is stored. */
struct err *envelope_make(struct seal_key **out, uint8_t *p, const uint8_t *header,
                          const struct archive_key *key) MUST_CHECK;
/* The archive's key, owned by caller, from a key block p[KEY_BLOCK_SIZE] of that archive. SEALED: no keys were given (NULL),
 * or the one that it takes is not among them; CORRUPT: the block is damaged or forged, or is of another archive. */
struct err *envelope_open(struct seal_key **out, const uint8_t *p, const uint8_t *header,
                          const struct archive_keys *keys) MUST_CHECK;
/* Another key block for the archive's key. */
struct err *envelope_rewrap(uint8_t *p, const struct seal_key *archive_key, const uint8_t *header,
                            const struct archive_key *key) MUST_CHECK;
/* NULL is fine. */
void envelope_key_free(struct seal_key *archive_key);
CLEANUP(seal_key, envelope_key_free)

/* Sets h->tag. All of h but tag and hash is set; parts: table and payload. */
struct err *envelope_seal_chunk(struct seal *s, struct chunk_header *h,
                                const struct seal_part parts[2]) MUST_CHECK;
/* In place. CORRUPT when it is not authentic: then nothing of `body` is to be used. */
struct err *envelope_open_chunk(struct seal *s, const struct chunk_header *h,
                                uint8_t *body) MUST_CHECK;
/* Sets f->tag. */
struct err *envelope_seal_final(struct final_record *f, const struct seal_key *key) MUST_CHECK;
struct err *envelope_check_final(const struct final_record *f,
                                 const struct seal_key *key) MUST_CHECK;

#endif
