/* archive/keys.h: the user's keys, by which the keys of sealed archives are enciphered (envelope.h).
 *
 * As text a key is one line:
 *
 *   mbe-key-1 <id, 16 hex digits> <key, 64 hex digits>
 *
 * Its id is the first 8 bytes of SHA-256 over "mbe key id", a zero byte and the key's 32 bytes: it tells keys apart, shows that a
 * key was copied without a slip, and says nothing of the key. In a text of several keys each has a line; empty lines and those
 * that begin with # count for nothing. The first key is the one to seal with, the others are for reading. */
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

struct archive_key {
    uint64_t id;
    struct seal_key key;
};

/* Lives in secret_alloc's memory. */
struct archive_keys {
    size_t n; /* at least one */
    struct archive_key keys[ARCHIVE_KEYS_MAX];
};

/* *out: owned by caller. USAGE when the text has no key, or a line that is none; such a line is told by its number and `from`,
 * and never shown. */
struct err *archive_keys_parse(struct archive_keys **out, const char *text,
                               const char *from) MUST_CHECK;
/* Owned by caller; NULL of NULL. */
struct archive_keys *archive_keys_copy(const struct archive_keys *keys);
/* Overwrites and frees; NULL is fine. */
void archive_keys_free(struct archive_keys *keys);
CLEANUP(archive_keys, archive_keys_free)

/* keys: NULL has none. NULL: it is not among them. */
const struct archive_key *archive_keys_find(const struct archive_keys *keys, uint64_t id);
/* A key that nobody knows. */
struct err *archive_key_random(struct archive_key *out) MUST_CHECK;
/* The key's line, without a zero byte behind it. */
void archive_key_text(char out[ARCHIVE_KEY_TEXT], const struct archive_key *key);

#endif
