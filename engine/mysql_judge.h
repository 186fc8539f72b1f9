/* engine/mysql_judge.h: what is to be done about MySQL's tablespaces, given the files there are, the copies taken, what the redo
 * tells about DDL and what the server's dictionary says. Decides only: reads no file, asks no server.
 *
 * A copy is known by the id on its page 0 *and* its file (device, inode): a file that waits for its IMPORT may carry the id of
 * another table that lives. Two moments are kept with each copy c, both noted before its file was opened: c.lsn, up to which
 * the redo was parsed, and c.barrier, the LSN read when DDL was last excluded (engine/mysql_settle.h).
 *
 * A space has to be copied (again) when, in this order,
 *  R1 new            there is no copy of it from this very file, or a page of that copy stayed bad;
 *  R2 imported       a FILE_DELETE of it is younger than c.barrier, and the file is there: DISCARD and IMPORT keep the id, and
 *                    IMPORT logs nothing. c.lsn would not do: the record precedes the unlink, so one may parse it and still
 *                    open the old file;
 *  R3 was discarded  its table was discarded at c.barrier: the file may have been copied before its IMPORT rewrote it in
 *                    place, and the FILE_DELETE may be older than our redo;
 *  R4 load           an INDEX_LOAD is younger than c.lsn: its pages were in the file before it was logged. Of a copy for which only
 *                    those pages were read that a map of changes has, c.lsn is c.barrier: the map knows of no later build;
 *  R5 birth          an index was born after c.barrier, and no INDEX_LOAD of it has come since. Builds with LOCK=SHARED or
 *                    EXCLUSIVE and the auxiliary tables of full-text indexes are written without redo and never log one.
 * Not copied at all:
 *  R6 built from redo  an undo tablespace without a copy whose page 0 was made within our redo: the redo has all of it.
 *
 * Whose file is it? Asked of the dictionary in the final judgement, when DDL is excluded and stays so:
 *  D1 an id that the dictionary lacks, or has as discarded, is left out: a file put in place for an IMPORT that has not run.
 *     Restored, it would keep the server from starting, or block the name of a table;
 *  D2 of several files with one id, that at the dictionary's path is the space; the others are left out;
 *  D3 a file whose page 0 is not written, or is empty, is no tablespace;
 *  D4 a space of the dictionary without a file is an error, unless its table is discarded or R6 builds it.
 *  D5 a copy that no file was found for is dropped.
 * Earlier judgements, with DDL running, only find what to copy again: R1 to R6 for every file, and nothing is left out or
 * dropped: files come and go, and the dictionary is not asked.
 *
 * Names are those of the listing; what the redo says about names is never executed. */
#ifndef MBE_ENGINE_MYSQL_JUDGE_H
#define MBE_ENGINE_MYSQL_JUDGE_H

#include "engine/datadir.h"
#include "engine/space_set.h"
#include "innodb/ddl_events.h"

/* A listed file, looked at. */
struct mysql_file {
    const struct listed_space *listed; /* borrowed */
    enum mysql_file_state {
        MYSQL_FILE_GONE,
        MYSQL_FILE_UNBORN, /* shorter than a page, or page 0 is all zero */
        MYSQL_FILE_WHOLE,
    } state;
    space_id_t id; /* by page 0 */
    dev_t dev;
    ino_t inode;
    uint64_t size;
};

/* A tablespace as the dictionary has it. */
struct mysql_dict_row {
    space_id_t id;
    bool discarded;
    const char *name; /* borrowed: "db/t" */
    const char *path; /* borrowed: as the server spells it, or NULL */
    bool found;       /* a file is at that path: the next two are of it */
    dev_t dev;
    ino_t inode;
};

struct mysql_evidence {
    const struct mysql_file *files;
    size_t n_files;
    const struct copied_space *copies;
    size_t n_copies;
    const struct ddl_events *events;
    bool final; /* DDL is excluded until the backup's end */
    const struct mysql_dict_row
        *dict; /* final only; by id. The temporary and the system tablespace are not in it */
    size_t n_dict;
};

enum mysql_fate {
    MYSQL_KEEP,      /* the copy there is */
    MYSQL_COPY,      /* copy the file now */
    MYSQL_BUILD,     /* R6 */
    MYSQL_LEAVE_OUT, /* D1 to D3 */
    MYSQL_PASS_OVER, /* nothing to be told from it now */
};

struct mysql_ruling {
    space_id_t id;
    const struct mysql_file *file; /* NULL only with BUILD: the dictionary's path names it */
    const char *path;              /* with file NULL: borrowed from the dictionary */
    enum mysql_fate fate;
    const char *why; /* static; NULL with KEEP and PASS_OVER */
    size_t
        copy; /* position of the copy to keep; COPY: of the one that is condemned, or MYSQL_NO_COPY */
};
#define MYSQL_NO_COPY SIZE_MAX

struct mysql_verdict {
    struct mysql_ruling *rulings; /* one for each file, and for what is built without one */
    size_t n, cap;
    size_t *drops; /* D5: positions of copies */
    size_t n_drops, cap_drops;
    uint64_t copy_bytes; /* of the files to be copied now */
};

/* CORRUPT for D4 and for a space whose file has another id than the dictionary says; REFUSED when D2 cannot be told. After an
 * error too, call _fini. */
struct err *mysql_judge(struct mysql_verdict *out,
                        const struct mysql_evidence *evidence) MUST_CHECK;
void mysql_verdict_fini(struct mysql_verdict *v);

/* Whether the id is one of an undo tablespace: number n (1 to 127) in its k-th life (0 to 399,999) is 0xFFFFFFF0 - n - 127 k. */
bool mysql_is_undo_id(space_id_t id);

#endif
