/* server/mysql_archive.h: archiving of a MySQL server's redo log: it writes all of it a second time, into a file that
 * it does not overwrite.
 *
 * There is one archive for each server, it belongs to the session that started it, and takes INNODB_REDO_LOG_ARCHIVE. Where
 * to: innodb_redo_log_archive_dirs, "label:/dir;label2:/dir2"; a label may be empty. The directory has to exist, to be
 * out of the way of the server's own files, and closed to other users; the file there is made anew by the server (error 3847
 * if there is one), mode 0440. It holds
 *
 *   4096 bytes of zeros, then the blocks of the log from the one on that was being written when archiving
 *   began, byte for byte as they are in the redo files
 *
 * and lags behind them by up to 4096 bytes. innodb_redo_log_archive_flush() would bring it up to date, but on an archive that the
 * server has given up it waits for 600 seconds: not used here.
 *
 * An end of archiving by the session leaves the file there, as does a crash of the server. When the session ends without that, in
 * whatever way, or the server is shut down, or the disk is full, the server ends archiving and deletes the file: within milliseconds,
 * but not at once, and by name, so that a file put there meanwhile goes, too. Removed while it is written, the file is written on
 * unseen, and ends with archiving.
 *
 * None of this writes to the binary log or takes a GTID.
 * Facts: MySQL 9.7.4, by experiment. */
#ifndef MBE_SERVER_MYSQL_ARCHIVE_H
#define MBE_SERVER_MYSQL_ARCHIVE_H

#include "server/conn.h"

enum { MYSQL_ARCHIVE_HEAD_SIZE = 4096 }; /* in front of the first block of an archive file */

/* Where the server may archive, in its own order. */
struct mysql_archive_places {
    size_t n;
    struct mysql_archive_place {
        char *label, *dir;
        char *path; /* of the file, if it is archived there */
    } * items;
};
/* Empty when the server is not set up for archiving. *out is empty after an error. */
struct err *mysql_archive_places_load(struct mysql_archive_places *out, struct conn *c) MUST_CHECK;
/* The same from the two variables; what is no "label:dir" is passed over. Pure. */
void mysql_archive_places_parse(struct mysql_archive_places *out, const char *dirs,
                                const char *uuid);
void mysql_archive_places_fini(struct mysql_archive_places *p);

/* Starts archiving in that label's directory, until the session ends. *busy (owned by caller) is NULL then; or
 * else the file into which the server archives for another session, and nothing was started. SERVER, in the
 * server's words, when it is not possible there. */
struct err *mysql_archive_start(char **busy, struct conn *c, const char *label) MUST_CHECK;
/* The file in the server's message "... has been started on '/...log' ...", in whatever language; NULL if there
 * is none. Owned by caller. Pure. */
char *mysql_archive_path_in(const char *message);
/* Ends this session's archiving, at once. The file stays. SERVER when it had ended before. */
struct err *mysql_archive_stop(struct conn *c) MUST_CHECK;

#endif
