/* engine/redo_dir.h: the redo files of a running MySQL server, `#innodb_redo/#ib_redo<N>`: which there are, which of them
 * holds the newest checkpoint, and whether an opened one is still what it was.
 *
 * The server makes a file as `#ib_redo<N>_tmp` and renames it when its header is complete; N grows by one from file to file.
 * As soon as all of a file is below the checkpoint (and below what a consumer has read) it is deleted, or renamed back to
 * some `_tmp`, emptied, resized, given another header, and renamed to a later N: the same inode. So an opened file may turn
 * into another one, and a live name that is gone does not come back. A listing is no snapshot; what matters rests on the
 * order in which names appear. Facts: MySQL 9.7.4, by experiment. */
#ifndef MBE_ENGINE_REDO_DIR_H
#define MBE_ENGINE_REDO_DIR_H

#include "innodb/redo_mysql.h"

struct redo_file {
    int fd; /* -1: not open */
    uint64_t id;
    char *path;
    struct redo_mysql_header header; /* when it was opened; the flags: as last read */
};

/* Opens #ib_redo<id>. *there false (and nothing open): no file of this name, or none with a valid header yet. REFUSED: another
 * format of log. *out is overwritten. */
struct err *redo_file_open(struct redo_file *out, const char *dir, uint64_t id,
                           bool *there) MUST_CHECK;
/* NULL-safe in that a file that is not open is left alone; id and header stay. */
void redo_file_close(struct redo_file *f);
/* Reads the header again: *same false when the opened file is another one by now, or about to be. */
struct err *redo_file_reread(struct redo_file *f, bool *same) MUST_CHECK;
/* Whether the file's name still belongs to it. */
struct err *redo_file_is_live(const struct redo_file *f, bool *live) MUST_CHECK;

/* Opens the file that holds the newest checkpoint, over both slots of all live files. */
struct err *redo_dir_open_checkpoint(struct redo_file *out, const char *dir) MUST_CHECK;
/* Opens the live file that holds lsn. *there false (and nothing open): there is none now; *later then says whether one begins
 * behind it. */
struct err *redo_dir_open_lsn(struct redo_file *out, const char *dir, lsn_t lsn, bool *there,
                              bool *later) MUST_CHECK;
/* Puts the key record of the newest live file that has one into *out, whatever else is there: see redo_crypt.h. *there false, and
 * no record: none has. */
struct err *redo_dir_find_key(struct redo_mysql_header *out, const char *dir,
                              bool *there) MUST_CHECK;
/* Whether #ib_redo<id> is missing although a later file exists: then it has been there, and is gone for good. */
struct err *redo_dir_is_gone(const char *dir, uint64_t id, bool *gone) MUST_CHECK;

#endif
