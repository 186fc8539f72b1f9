/* engine/redo_store.h: puts the spooled redo into the archive as a linear log, cut at the end of the backup: for MariaDB as
 * innodb/redo_mariadb.h says, for MySQL as one file in the form of `#ib_redo0` (innodb/redo_mysql.h). */
#ifndef MBE_ENGINE_REDO_STORE_H
#define MBE_ENGINE_REDO_STORE_H

#include "archive/writer.h"
#include "base/progress.h"
#include "innodb/redo_crypt.h"

/* Where a MySQL log comes from. Holds a secret, of kind NONE until an encrypted block was met. */
struct redo_origin_mysql {
    struct redo_mysql_header header; /* creator, uuid; key_record: the one that the key was in */
    struct space_key key;
};

struct redo_span {
    lsn_t
        from; /* in: the checkpoint; MariaDB: LSN of the spool's first byte, MySQL: LSN in its first block */
    lsn_t checkpoint_end; /* in: end LSN of the checkpoint, for MariaDB's header */
    lsn_t
        to; /* in: nothing that ends beyond it is kept; out: end of the last mini-transaction kept */
    bool encrypted; /* out: some of it is */
};

/* Reads the spool front to back, verifies every mini-transaction's CRC on the way. CORRUPT when the spool ends or breaks
 * before span->to is reached. source: header of the server's log; the one that is made is encrypted if that is, with the same key. */
struct err *redo_store(struct archive_writer *w, const char *spool_path, struct redo_span *span,
                       const struct redo_log_header *source, const char *server_version,
                       struct progress *progress) MUST_CHECK;

/* The same for a MySQL log: header with the checkpoint, the spooled blocks as they are, the last one cut at span->to (and
 * encrypted again, if it was), nothing behind. The header has the key's record if there is an encrypted block. */
struct err *redo_store_mysql(struct archive_writer *w, const char *spool_path,
                             struct redo_span *span, const struct redo_origin_mysql *origin,
                             struct progress *progress) MUST_CHECK;

#endif
