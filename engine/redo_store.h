/* engine/redo_store.h: puts the spooled redo into the archive as a linear log, cut at the end of the backup: for MariaDB as
 * innodb/redo_mariadb.h says, for MySQL as one file in the form of `#ib_redo0` (innodb/redo_mysql.h). */
#ifndef MBE_ENGINE_REDO_STORE_H
#define MBE_ENGINE_REDO_STORE_H

#include "archive/writer.h"
#include "base/progress.h"
#include "innodb/types.h"

struct redo_span {
    lsn_t
        from; /* in: the checkpoint; MariaDB: LSN of the spool's first byte, MySQL: LSN in its first block */
    lsn_t checkpoint_end; /* in: end LSN of the checkpoint, for MariaDB's header */
    lsn_t
        to; /* in: nothing that ends beyond it is kept; out: end of the last mini-transaction kept */
};

/* Reads the spool front to back, verifies every mini-transaction's CRC on the way. CORRUPT when the spool ends or breaks
 * before span->to is reached. */
struct err *redo_store(struct archive_writer *w, const char *spool_path, struct redo_span *span,
                       const char *server_version, struct progress *progress) MUST_CHECK;

/* The same for a MySQL log: header with the checkpoint, the spooled blocks as they are, the last one cut at span->to, nothing
 * behind. creator and uuid: of the source's own log. */
struct err *redo_store_mysql(struct archive_writer *w, const char *spool_path,
                             struct redo_span *span, const char *creator, uint32_t uuid,
                             struct progress *progress) MUST_CHECK;

#endif
