/* verify/backup_hashes.c: see backup_hashes.h. */
#include "verify/backup_hashes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"

enum { HASHES_MAX = 1 << 30 }; /* bytes: some 500,000 tables */

struct err *backup_hashes_load(struct hash_set *out, bool *present, struct archive_reader *reader)
{
    *out = (struct hash_set){0};
    const int64_t at = archive_reader_find(reader, TABLE_HASHES_PATH);
    *present = at >= 0;
    if (!*present)
        return NULL;
    const uint64_t size = archive_reader_entry(reader, (uint32_t)at)->size;
    if (size > HASHES_MAX)
        return err_make(CORRUPT, TABLE_HASHES_PATH ": %" PRIu64 " bytes are too many", size);
    AUTO_FREE char *text = mem_alloc((size_t)size + 1);
    TRY(archive_read(reader, (uint32_t)at, 0, text, (size_t)size));
    text[size] = '\0';
    return hash_set_parse(out, text, (size_t)size, TABLE_HASHES_PATH);
}
