/* archive/signature.h: how an archive is signed, and what that proves.
 *
 * The digest of a chunk is SHA-256 over all of it as it is stored: header, table and payload. The signature is Ed25519 of the
 * user's signing key over this message:
 *
 *   offset size
 *        0   22 "mbe archive signature" and a zero byte
 *       22   64 the archive header
 *       86   32 SHA-256 over the digests of all chunks, data, index and manifest, in the order of the archive
 *      118   96 bytes 0-95 of the final record
 *
 * The index, whose own chunks are among them, holds the digests of the data chunks: so what is read in places is proven as well as
 * what is read front to back. A chunk cannot be changed, left out, repeated, moved or taken from another archive without another
 * message. Sealed chunks are signed as they are enciphered. The key block is not signed, since it may change: its own tag proves it
 * (envelope.h). */
#ifndef MBE_ARCHIVE_SIGNATURE_H
#define MBE_ARCHIVE_SIGNATURE_H

#include "archive/format.h"
#include "archive/keys.h"
#include "base/err.h"
#include "base/sha256.h"

/* What is signed, as it is stored: header[ARCHIVE_HEADER_SIZE], final[FINAL_SIZE]. */
struct signed_archive {
    const uint8_t *header;
    struct sha256 chunks; /* over the digests of all */
    const uint8_t *final;
};

/* Sets key id and signature. */
struct err *signature_make(struct signature_block *b, const struct signed_archive *a,
                           const struct archive_key *signing) MUST_CHECK;
/* UNSIGNED when it is a signature of none of the public keys; CORRUPT when it is not of this archive. */
struct err *signature_check(const struct signature_block *b, const struct signed_archive *a,
                            const struct archive_keys *public_keys) MUST_CHECK;
/* Of an archive that is not signed, where public keys were given. UNSIGNED: whoever can write to the repository may have made it. */
struct err *signature_missing(void) MUST_CHECK;

#endif
