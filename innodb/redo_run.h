/* innodb/redo_run.h: a spilled run of redo_group: bundles in (space, page, log) order in a file
 * without a name. Written once from front to back, then read by any number of readers in any
 * threads.
 *
 *   offset  size  order   meaning
 *        0     4  little  CRC-32C of the bytes from 4 to the end of the bundle
 *        4     4  little  bytes of data
 *        8     8  little  key: space id << 32 | page number
 *       16     8  little  LSN at which the mini-transaction starts
 *       24     4  little  its length
 *       28        data
 *
 * A sparse index in memory, one entry per REDO_RUN_INDEX_BYTES of file, leads a reader near its
 * first key. */
#ifndef MBE_INNODB_REDO_RUN_H
#define MBE_INNODB_REDO_RUN_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "innodb/redo_group.h"

enum {
    REDO_RUN_INDEX_BYTES = 32 << 10,
    REDO_RUN_WRITE_BYTES = 64 << 10, /* held while a run is written */
};

static inline uint64_t redo_bundle_key(space_id_t space, page_no_t page)
{
    return (uint64_t)space << 32 | page;
}

struct redo_run;

enum redo_run_form {
    REDO_RUN_CLEAR,
    REDO_RUN_SECRET, /* the file is enciphered with a key of its own, which is in memory alone */
};
/* Creates an empty run in directory `dir`, which is borrowed for as long as the run lives. */
struct err *redo_run_new(struct redo_run **out, const char *dir,
                         enum redo_run_form form) MUST_CHECK;
/* Appends a bundle whose key is not below the one before. */
struct err *redo_run_put(struct redo_run *run, const struct redo_bundle *b) MUST_CHECK;
/* Writes out what is buffered. No more _put. */
struct err *redo_run_seal(struct redo_run *run) MUST_CHECK;
/* Bytes of memory it holds once sealed. */
size_t redo_run_memory(const struct redo_run *run);
void redo_run_free(struct redo_run *run);
CLEANUP(redo_run, redo_run_free)

struct redo_run_reader {
    const struct redo_run *run;
    uint64_t last_key;
    uint64_t at, stop;         /* file bytes not yet read that may hold wanted keys */
    size_t buffer_bytes;       /* size of the buffer, unless a bundle is larger */
    uint8_t *buf;              /* NULL until something is read */
    size_t cap, from, to;      /* [from, to) of buf is read and not yet handed out */
    uint64_t key;              /* of `bundle` */
    struct redo_bundle bundle; /* current; its data lies in buf */
    bool more;
};

/* Stands on the first bundle with key in [first, last]: r->bundle if r->more. `buffer_bytes` is
 * held until _fini. */
struct err *redo_run_reader_init(struct redo_run_reader *r, const struct redo_run *run,
                                 uint64_t first, uint64_t last, size_t buffer_bytes) MUST_CHECK;
struct err *redo_run_reader_next(struct redo_run_reader *r) MUST_CHECK;
void redo_run_reader_fini(struct redo_run_reader *r);

#endif
