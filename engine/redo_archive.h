/* engine/redo_archive.h: the archive that a MySQL server writes of its redo log (server/mysql_archive.h), for the tail to go on in when
 * the server has overwritten what it had not read yet (tail_mysql.c, Y5).
 *
 * It is started in a session of its own, before the checkpoint is looked for, in the first of the server's directories that will
 * do. It begins where the server writes at that moment, which is behind the checkpoint. We remove the file and end archiving; when
 * we may not remove it, or are killed, the server does both at the end of that session.
 *
 * If the server archives for another session already, that session's file is used as it is. It may end at any time: we have
 * it open, so that what it holds stays readable.
 *
 * Facts: MySQL 9.7.4, by experiment. */
#ifndef MBE_ENGINE_REDO_ARCHIVE_H
#define MBE_ENGINE_REDO_ARCHIVE_H

#include "base/log.h"
#include "innodb/types.h"
#include "server/conn.h"

struct redo_archive {
    struct log *log;
    struct conn *conn; /* the session that archives; NULL: it is not ours */
    int fd;            /* -1: there is no archive */
    char *path;
    char *why_not;   /* there is none, as a clause */
    lsn_t start_lsn; /* of its first block; 0: not known yet */
};

/* There is no archive, for that reason. */
void redo_archive_none(struct redo_archive *a, const char *why_not);
/* Has the server archive, or finds its archive; `queries` is any connection. When there is none in the end, a->why_not says why,
 * and the log too if the server has directories for it. Only that `queries` is lost is an error. */
struct err *redo_archive_open(struct redo_archive *a, struct conn *queries,
                              const struct conn_options *conn, struct log *log) MUST_CHECK;
/* Reads up to n bytes of blocks from the one at lsn on: *got 0 when it is not there (yet), or lies in front of the archive:
 * a->start_lsn is above lsn then. What is read is not judged. */
struct err *redo_archive_read(struct redo_archive *a, uint8_t *buf, size_t n, lsn_t lsn,
                              size_t *got) MUST_CHECK;
/* Ends our archiving, which leaves no file; what is open stays readable. Does nothing with another session's. */
void redo_archive_leave(struct redo_archive *a);
/* Leaves, and closes everything. */
void redo_archive_fini(struct redo_archive *a);

#endif
