/* verify/hash_json.h: names and bounds of the hash file, for hash_write.c and hash_read.c. The description for people is in
 * docs/table-hash.md. */
#ifndef MBE_VERIFY_HASH_JSON_H
#define MBE_VERIFY_HASH_JSON_H

#define HASH_FILE_FORMAT "mbe table hashes"

enum {
    HASH_FILE_VERSION = 1,
    HASH_FILE_NAME_MAX = 1024,      /* bytes of a name: a server's are 256 at most */
    HASH_FILE_COLUMNS_MAX = 4096,   /* of a table, which is what servers have */
    HASH_FILE_KEY_COLUMNS_MAX = 32, /* the same */
};

/* In the order of enum hash_state. */
#define HASH_STATE_NAMES "exact", "unsynchronised", "not hashed"

#endif
