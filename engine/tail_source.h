/* engine/tail_source.h: what the tailer asks of a server family's redo log: to open it, to look for more, to tell what is in
 * it. Threads, spool, waiting and stopping are the tailer's (tailer.c); files, framing, and what counts as lost are the
 * source's (tail_mariadb.c, tail_mysql.c).
 *
 * Everything is called by the tailer's thread alone (open and free: before and after it), but for headroom, which may be
 * called by any thread and reads nothing but the atomics. observe, file_ops and ddl_events are called with the tailer's lock
 * held. */
#ifndef MBE_ENGINE_TAIL_SOURCE_H
#define MBE_ENGINE_TAIL_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/tailer.h"

/* What a look found: these bytes belong at that place of the spool. Valid until the next look. */
struct tail_find {
    const uint8_t *bytes;
    size_t len; /* 0: nothing new */
    uint64_t spool_offset;
    bool moved; /* something else has changed, so that it is worth looking again at once */
};

struct tail_source {
    const struct tail_family *family;
    lsn_t start_lsn;             /* the checkpoint; set by open */
    lsn_t checkpoint_end;        /* likewise */
    struct tailer_origin origin; /* likewise */
    _Atomic lsn_t server_lsn;    /* newest known; at rest: how far the log was read */
    _Atomic lsn_t kept_lsn;      /* the server may give up everything below; 0: not known */
    _Atomic uint64_t capacity;
    atomic_uint resizes;
    struct page_watch
        watch; /* guarded by the tailer's lock, as the tables are. MySQL: see tailer_watch_pages; of a log at rest:
                                which pages it makes anew */
};

struct tail_family {
    unsigned idle_ms;    /* between looks at a quiet log */
    unsigned awaited_ms; /* the same when somebody waits for an LSN */
    /* *out is owned by the caller, also when an error comes back with it. */
    struct err *(*open)(struct tail_source **out, const struct tailer_options *options);
    /* Looks for what follows `lsn`, which is where observe has left off. */
    struct err *(*look)(struct tail_source *s, lsn_t lsn, struct tail_find *found);
    /* Takes in what the last look found, now that it is in the spool. *lsn becomes the end of the last whole
     * mini-transaction. What starts at end_lsn or behind it is left out of the tables. */
    struct err *(*observe)(struct tail_source *s, const struct tail_find *found, lsn_t *lsn,
                           lsn_t end_lsn);
    /* Nothing was found: is that because all is read, or because something is wrong? */
    struct err *(*look_around)(struct tail_source *s, lsn_t lsn);
    /* Nothing more follows `lsn` in a log at rest: is that an end that it can have? */
    struct err *(*check_end)(struct tail_source *s, lsn_t lsn);
    /* The thread ends; whatever the server holds for us is let go. Once. */
    void (*leave)(struct tail_source *s);
    /* Bytes the server may still write before it overwrites what was not read. */
    uint64_t (*headroom)(const struct tail_source *s, lsn_t lsn);
    /* The family's table of what the log says about files; NULL where it has none of this kind. */
    const struct file_ops *(*file_ops)(struct tail_source *s);
    const struct ddl_events *(*ddl_events)(struct tail_source *s);
    void (*free)(struct tail_source *s);
};

extern const struct tail_family tail_mariadb, tail_mysql;

#endif
