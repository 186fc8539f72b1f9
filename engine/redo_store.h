/* engine/redo_store.h: puts the spooled redo into the archive as a linear log (innodb/redo_mariadb.h), cut at the end of
 * the backup. */
#ifndef MBE_ENGINE_REDO_STORE_H
#define MBE_ENGINE_REDO_STORE_H

#include "archive/writer.h"
#include "base/progress.h"
#include "innodb/types.h"

struct redo_span {
    lsn_t from;           /* in: LSN of the spool's first byte, the checkpoint */
    lsn_t checkpoint_end; /* in: end LSN of the checkpoint, for the header */
    lsn_t
        to; /* in: nothing that ends beyond it is kept; out: end of the last mini-transaction kept */
};

/* Reads the spool front to back, verifies every mini-transaction's CRC on the way. CORRUPT when the spool ends or breaks
 * before span->to is reached. */
struct err *redo_store(struct archive_writer *w, const char *spool_path, struct redo_span *span,
                       const char *server_version, struct progress *progress) MUST_CHECK;

#endif
