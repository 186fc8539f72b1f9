/* verify/redo_entry.h: the redo log stored in an archive, as the byte stream that a redo family walks. */
#ifndef MBE_VERIFY_REDO_ENTRY_H
#define MBE_VERIFY_REDO_ENTRY_H

#include "archive/reader.h"
#include "base/progress.h"
#include "innodb/redo_family.h"

/* Visits all records of the backup's redo, which must hold exactly [from, to). CORRUPT at the first thing that is wrong, also
 * when the archive has no such entry; REFUSED for an encrypted log without its key. See struct redo_walk. */
struct err *redo_entry_walk(struct archive_reader *reader, const struct redo_family *family,
                            struct redo_walk *w, struct progress *progress) MUST_CHECK;
/* Whether the keyring (NULL: none) has the key of the backup's redo, if that is encrypted. REFUSED when not; reads little. */
struct err *redo_entry_check_key(struct archive_reader *reader, const struct redo_family *family,
                                 const struct keyring *keys) MUST_CHECK;

#endif
