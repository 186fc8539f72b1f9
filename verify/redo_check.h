/* verify/redo_check.h: checks the redo log of a backup: it is contiguous from its first LSN to its
 * last, each mini-transaction's checksum is right and its records can be told apart. Nothing is
 * applied. */
#ifndef MBE_VERIFY_REDO_CHECK_H
#define MBE_VERIFY_REDO_CHECK_H

#include "archive/reader.h"
#include "base/progress.h"
#include "innodb/types.h"

/* CORRUPT, with the LSN, at the first thing that is wrong. */
struct err *redo_check(struct archive_reader *reader, uint32_t entry, lsn_t from, lsn_t to,
                       struct progress *progress) MUST_CHECK;

#endif
