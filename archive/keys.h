/* archive/keys.h: the user's keys: those by which the keys of sealed archives are enciphered (envelope.h), and those that archives
 * are signed and verified with (signature.h).
 *
 * As text a key is one line, whose first word says what it is:
 *
 *   mbe-key-1 <id, 16 hex digits> <key, 64 hex digits>     to seal with
 *   mbe-sig-1 <id> <key>                                   to sign with
 *   mbe-pub-1 <id> <key>                                   its public key
 *
 * Its id is the first 8 bytes of SHA-256 over "mbe key id", a zero byte and the key's 32 bytes: it tells keys apart, shows that a
 * key was copied without a slip, and says nothing of the key. A signing key and its public key have one id, that of "mbe signing key
 * id", a zero byte and the public key. In a text of several keys each has a line; empty lines and those
 * that begin with # count for nothing. The first key is the one to seal or to sign with, the others are for reading. */
#ifndef MBE_ARCHIVE_KEYS_H
#define MBE_ARCHIVE_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/seal.h"

enum {
    ARCHIVE_KEYS_MAX = 64,
    ARCHIVE_KEY_TEXT = 10 + 16 + 1 + 64 + 1, /* a line with its end */
    ARCHIVE_KEYS_TEXT_MAX = 64 << 10,
};

enum archive_key_type { ARCHIVE_KEY_SEAL, ARCHIVE_KEY_SIGN, ARCHIVE_KEY_PUBLIC };

/* Of any type: all have 32 bytes. */
struct archive_key {
    uint64_t id;
    struct seal_key key;
};

/* Lives in secret_alloc's memory. */
struct archive_keys {
    size_t n; /* at least one */
    struct archive_key keys[ARCHIVE_KEYS_MAX];
};

/* Keys of one type. *out: owned by caller. USAGE when the text has no key, or a line that is none of that type; such a line is told by
 * its number and `from`, and never shown. */
struct err *archive_keys_parse(struct archive_keys **out, enum archive_key_type type,
                               const char *text, const char *from) MUST_CHECK;
/* Overwrites and frees; NULL is fine. */
void archive_keys_free(struct archive_keys *keys);
CLEANUP(archive_keys, archive_keys_free)

/* keys: NULL has none. NULL: it is not among them. */
const struct archive_key *archive_keys_find(const struct archive_keys *keys, uint64_t id);
/* A key that nobody knows, to seal or to sign with. */
struct err *archive_key_random(struct archive_key *out, enum archive_key_type type) MUST_CHECK;
/* The public key of a signing key. */
struct err *archive_key_public(struct archive_key *out,
                               const struct archive_key *signing) MUST_CHECK;
/* The key's line, without a zero byte behind it. */
void archive_key_text(char out[ARCHIVE_KEY_TEXT], enum archive_key_type type,
                      const struct archive_key *key);

#endif
