/* innodb/ddl_events.h: running table of what MySQL's redo says about DDL, for each tablespace. Pure; not thread-safe.
 *
 * What is looked for in a mini-transaction:
 *   FILE_CREATE, FILE_RENAME, FILE_DELETE, FILE_EXTEND of a space
 *   INDEX_LOAD: pages of an index were written without redo, and are in the file already
 *   the birth of an index: its root page (S, P) is created, *and* the segment headers of that page (bytes 74..93) are
 *     written, *and* the index id (8 bytes at 66), all in one mini-transaction, in any order. Splits create pages too, but
 *     never write segment headers. Not every bulk build logs an INDEX_LOAD (LOCK=SHARED, auxiliary tables of full-text
 *     indexes do not), but every index has its birth in the redo. Ignored: births without an index id, and ids from 2^60
 *     on: the change buffer's tree (page 4 of space 0) keeps its free list at byte 74.
 *     The root of a ROW_FORMAT=COMPRESSED table is created as a whole compressed image (ZIP_PAGE_COMPRESS, or _NO_DATA with
 *     innodb_log_compressed_pages=OFF) and gets its index id by ZIP_WRITE_HEADER. A LOCK=SHARED build in such a table leaves no
 *     other trace in the redo.
 *   INIT_FILE_PAGE2 of page 0: from here on the redo alone can build the space. CREATE UNDO TABLESPACE logs no FILE_CREATE.
 *
 * Every LSN kept is the *end* of the mini-transaction, so "lsn > c" means "was not parsed when the log was parsed up to c".
 *
 * Memory is bounded for each space, whatever the log's length. One newest LSN of each kind is enough for the rules of
 * engine/mysql_judge.h, as each of them asks only "is there one after X":
 *   - deleted, loaded, created, initialised: the newest is after X if and only if any is.
 *   - births need a thought, as an INDEX_LOAD of the same index clears its birth (the load tells all the birth could tell,
 *     and more exactly). A birth b with a load l > b: when a copy has parsed l, nothing is missing in it; when it has not, the
 *     rule about loads alone condemns it. So a birth that is followed by its load can be forgotten at once, and
 *     the newest of the others is enough. To be forgotten it must be known by its index: the newest
 *     DDL_OPEN_BIRTHS ones are, any older one counts for ever, which errs on the side of copying once more.
 *
 * Facts: MySQL 9.7.4, by experiment. */
#ifndef MBE_INNODB_DDL_EVENTS_H
#define MBE_INNODB_DDL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/map64.h"
#include "innodb/redo_record.h"

enum { DDL_OPEN_BIRTHS = 65 }; /* as many indexes as a table may have */

/* LSNs: 0 if never seen. */
struct ddl_space {
    space_id_t id;
    lsn_t created;     /* FILE_CREATE */
    lsn_t renamed;     /* FILE_RENAME */
    lsn_t deleted;     /* FILE_DELETE */
    lsn_t loaded;      /* INDEX_LOAD */
    lsn_t born;        /* birth of an index that no INDEX_LOAD followed */
    lsn_t initialised; /* INIT_FILE_PAGE2 of page 0 */
    uint64_t extended; /* bytes: the file is at least so long, by FILE_EXTEND; 0 if none */
    char *
        name; /* as FILE_CREATE, FILE_RENAME or FILE_DELETE gave it, without "./"; NULL if none did */
    char *created_as;    /* the name in FILE_CREATE, likewise; NULL: none */
    lsn_t oldest_births; /* internal: newest of those that cannot be cleared any more */
    struct ddl_birth {
        uint64_t index_id;
        lsn_t lsn;
    } * open;                /* internal: oldest first */
    size_t n_open, cap_open; /* internal */
};

struct ddl_events {
    struct map64 index; /* id -> position in spaces */
    struct ddl_space *spaces;
    size_t n, cap;
    /* What the running mini-transaction wrote that may be part of a birth; internal. */
    struct ddl_root {
        space_id_t space;
        page_no_t page;
        bool created, has_segments;
        uint64_t index_id; /* 0: none */
    } * roots;
    size_t n_roots, cap_roots;
};

/* Takes in one whole mini-transaction: all its records, then _end, each with the end of the mini-transaction. They come in log
 * order, each once, and only those that a restore will apply: none that starts below the checkpoint, or a space would count as
 * built by redo that is not there. CORRUPT names the record that does not fit what it is; nothing of its mini-transaction is to
 * be relied on then. */
struct err *ddl_events_record(struct ddl_events *e, const struct redo_record *rec,
                              lsn_t end) MUST_CHECK;
void ddl_events_end(struct ddl_events *e, lsn_t end);
/* NULL if the redo has nothing about the space that belongs here. Borrowed until the next record. */
const struct ddl_space *ddl_events_find(const struct ddl_events *e, space_id_t id);
void ddl_events_fini(struct ddl_events *e);

#endif
