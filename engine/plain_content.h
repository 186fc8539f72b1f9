/* engine/plain_content.h: the content of one file of another engine: read, hashed block by block (base_facts.h), and stored: all
 * of it, or of a file that the base has, the blocks that are not as they were there. */
#ifndef MBE_ENGINE_PLAIN_CONTENT_H
#define MBE_ENGINE_PLAIN_CONTENT_H

#include "engine/base_facts.h"
#include "engine/copy_env.h"
#include "myisam/table_file.h"

struct plain_content {
    uint64_t size;   /* with what the base has of it */
    uint8_t *hashes; /* of its blocks; owned */
    size_t cap;      /* bytes of room for them */
    uint8_t head[TABLE_FILE_HEAD];
    size_t head_len;
};

/* Copies an open file into an archive entry, a delta if there is a base. `path` is for messages. */
struct err *plain_content_copy(struct plain_content *out, struct copy_env *env, int fd,
                               const char *path, uint32_t entry,
                               const struct plain_fact *base) MUST_CHECK;
void plain_content_fini(struct plain_content *c);

#endif
