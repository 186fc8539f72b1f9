/* verify/redo_entry.h: the redo log stored in an archive, as the byte stream that a redo family walks. */
#ifndef MBE_VERIFY_REDO_ENTRY_H
#define MBE_VERIFY_REDO_ENTRY_H

#include "archive/reader.h"
#include "base/progress.h"
#include "innodb/redo_family.h"

/* Visits all records of the backup's redo, which must hold exactly [from, to). CORRUPT, "mbe/redo: ...", at the first thing
 * that is wrong, also when the archive has no such entry. *n_mtrs is set on success. */
struct err *redo_entry_walk(struct archive_reader *reader, const struct redo_family *family,
                            lsn_t from, lsn_t to, const struct redo_visitor *visitor,
                            uint64_t *n_mtrs, struct progress *progress) MUST_CHECK;

#endif
