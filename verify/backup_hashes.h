/* verify/backup_hashes.h: the hashes of its tables that a backup holds (mbe backup --hash): one hash file (hash_set.h) as the entry
 * below, of kind ARCHIVE_SPACE_MAP. They are of the very state that a restore of the backup brings back. */
#ifndef MBE_VERIFY_BACKUP_HASHES_H
#define MBE_VERIFY_BACKUP_HASHES_H

#include "archive/reader.h"
#include "verify/hash_set.h"

#define TABLE_HASHES_PATH "mbe/table-hashes"

/* *out is owned by caller, sorted. *present false, and *out empty: the backup was taken without. CORRUPT for what is damaged or makes no
 * sense, REFUSED for a version that is not known. */
struct err *backup_hashes_load(struct hash_set *out, bool *present,
                               struct archive_reader *reader) MUST_CHECK;

#endif
