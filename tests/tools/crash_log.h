/* tests/tools/crash_log.h: for crash_image.c: the redo log that a killed server left, from its newest checkpoint to where its
 * recovery will end, and what it says about files. */
#ifndef MBE_TESTS_TOOLS_CRASH_LOG_H
#define MBE_TESTS_TOOLS_CRASH_LOG_H

#include <string.h>

#include "base/map64.h"
#include "engine/redo_dir.h"
#include "engine/redo_store.h"
#include "innodb/redo_mariadb.h"
#include "tests/tools/space_file.h"

enum { CRASH_READ_BYTES = 8 << 20 };

struct crash_log {
    struct redo_span span;
    struct redo_log_header header;   /* MariaDB */
    struct redo_origin_mysql origin; /* MySQL */
    unsigned
        n_counters;    /* MySQL: records about AUTO_INCREMENT counters and corrupted indexes ... */
    unsigned n_beyond; /* ... of them, those behind span.to: see crash_log_take */
    struct map64 deleted; /* MySQL: space id -> 1: the log has its FILE_DELETE */
    struct map64
        created; /* MySQL: space id -> 1 + position in names: the log has its FILE_CREATE */
    char **names;
    size_t n_names, cap_names;
};

static inline void crash_log_fini(struct crash_log *log)
{
    map64_fini(&log->deleted);
    map64_fini(&log->created);
    for (size_t i = 0; i < log->n_names; i++)
        free(log->names[i]);
    free(log->names);
}

/* --- MariaDB ---------------------------------------------------------------------------------- */

static inline struct err *crash_log_read(int fd, const struct redo_geometry *g, lsn_t lsn,
                                         uint8_t *buf, size_t n, const char *path)
{
    const uint64_t at = redo_offset(g, lsn), to_end = REDO_START_OFFSET + g->capacity - at;
    const size_t first = n < to_end ? n : (size_t)to_end;
    size_t got;
    memset(buf, 0, n);
    TRY(file_pread(fd, buf, first, at, &got, path));
    return first < n ? file_pread(fd, buf + first, n - first, REDO_START_OFFSET, &got, path) : NULL;
}

static inline struct err *crash_log_spool_mariadb(struct crash_log *log, const struct datadir *d,
                                                  const char *spool)
{
    AUTO_FREE char *path = mem_printf("%s/ib_logfile0", d->log_dir);
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(CRASH_READ_BYTES);
    AUTO_FD int in = -1, out = -1;
    struct redo_log_header header;
    struct stat st;
    size_t got;
    TRY(file_open(&in, path, O_RDONLY, 0));
    TRY(file_open(&out, spool, O_WRONLY | O_CREAT | O_EXCL, 0600));
    TRY(file_pread(in, buf, REDO_START_OFFSET, 0, &got, path));
    TRY_AT(redo_log_header_parse(&header, buf, got), "%s", path);
    if (!header.checkpoint_lsn || fstat(in, &st) || st.st_size <= REDO_START_OFFSET)
        return err_make(CORRUPT, "%s: no valid checkpoint", path);
    const struct redo_geometry g = {.first_lsn = header.first_lsn,
                                    .capacity = (uint64_t)st.st_size - REDO_START_OFFSET,
                                    .encrypted = header.encrypted};
    const size_t window = g.capacity < CRASH_READ_BYTES ? (size_t)g.capacity : CRASH_READ_BYTES;
    lsn_t lsn = header.checkpoint_lsn;
    for (size_t n = 1; n;) {
        TRY(crash_log_read(in, &g, lsn, buf, window, path));
        n = redo_frame(buf, window, lsn, UINT64_MAX, &g);
        TRY(file_write(out, buf, n, spool));
        lsn += n;
    }
    if (lsn < header.checkpoint_end_lsn)
        return err_make(CORRUPT, "%s: ends at LSN %" PRIu64 ", its checkpoint at %" PRIu64, path,
                        lsn, header.checkpoint_end_lsn);
    log->span = (struct redo_span){
        .from = header.checkpoint_lsn, .checkpoint_end = header.checkpoint_end_lsn, .to = lsn};
    log->header = header;
    return NULL;
}

/* --- MySQL ------------------------------------------------------------------------------------ */

/* The server's recovery finds a tablespace's file by its id, and passes over those that the log deletes. */
static inline struct err *crash_log_note_file(struct crash_log *log, const struct redo_record *rec)
{
    struct redo_mysql_file_op op;
    if (redo_mysql_kind(rec->type) != MYSQL_KIND_FILE)
        return NULL;
    TRY(redo_mysql_file_op(&op, rec));
    if (op.type == MYSQL_REDO_FILE_DELETE)
        map64_put(&log->deleted, op.space, 1);
    if (op.type == MYSQL_REDO_FILE_CREATE) {
        mem_grow(&log->names, &log->cap_names, log->n_names, sizeof *log->names);
        log->names[log->n_names++] = mem_strdup(op.name + 2 * !strncmp(op.name, "./", 2));
        map64_put(&log->created, op.space, log->n_names);
    }
    return NULL;
}

/* Takes in the mini-transactions that are whole now. One that ends where a block ends counts for the server only when it has
 * seen the next block: `scanned` is where the last one ended. Without one it does not apply what it says of pages, and yet takes
 * its counters (MySQL 9.7.4, by experiment). */
static inline struct err *crash_log_take(struct crash_log *log, struct redo_mysql_stream *stream,
                                         lsn_t scanned)
{
    if (redo_mysql_stream_parsed(stream) > log->span.from &&
        redo_mysql_stream_parsed(stream) <= scanned) {
        log->span.to = redo_mysql_stream_parsed(stream);
        log->n_beyond = 0;
    }
    for (bool more = true;;) {
        struct redo_mysql_mtr m;
        struct redo_record rec;
        TRY(redo_mysql_stream_next(stream, &m, &more));
        if (!more)
            return NULL;
        if (m.end <= scanned)
            log->span.to = m.end;
        while (redo_mysql_mtr_next(&m, &rec)) {
            const bool counter = redo_mysql_kind(rec.type) == MYSQL_KIND_META;
            log->n_counters += counter;
            log->n_beyond += counter && m.end > scanned;
            TRY(crash_log_note_file(log, &rec));
        }
    }
}

/* One file's blocks from `lsn` on; *ended when the log ends in it. */
static inline struct err *crash_log_take_file(struct crash_log *log, const struct redo_file *f,
                                              struct redo_mysql_stream *stream, int out,
                                              const char *spool, bool *ended)
{
    uint8_t block[MYSQL_REDO_BLOCK_SIZE], room[MYSQL_REDO_BLOCK_SIZE];
    for (lsn_t lsn = redo_mysql_stream_wants(stream); lsn < f->header.end_lsn;
         lsn += sizeof block) {
        struct redo_block b = {0};
        size_t got;
        TRY(file_pread(f->fd, block, sizeof block, redo_mysql_offset(f->header.start_lsn, lsn),
                       &got, f->path));
        if (got == sizeof block)
            TRY(redo_block_open(&b, &log->origin.key, block, lsn, room));
        *ended = !b.clear;
        if (*ended)
            return NULL;
        TRY(redo_mysql_stream_push(stream, b.clear));
        TRY(crash_log_take(log, stream, lsn + b.data_len));
        TRY(file_write(out, block, sizeof block, spool));
        *ended = b.data_len < sizeof block;
        if (*ended)
            return NULL;
    }
    return NULL;
}

static inline struct err *crash_log_spool_mysql(struct crash_log *log, const struct datadir *d,
                                                const struct keyring *keys, const char *spool)
{
    AUTO_FREE char *dir = mem_printf("%s/#innodb_redo", d->log_dir);
    AUTO_FD int out = -1;
    struct redo_file f;
    bool has_key, there = true, ended = false;
    TRY(file_open(&out, spool, O_WRONLY | O_CREAT | O_EXCL, 0600));
    TRY(redo_dir_open_checkpoint(&f, dir));
    const lsn_t from = f.header.checkpoint_lsn;
    AUTO(redo_mysql_stream) stream = redo_mysql_stream_new(redo_mysql_block_lsn(from), from);
    log->span = (struct redo_span){.from = from, .checkpoint_end = from, .to = from};
    log->origin.header = f.header;
    struct err *e = redo_dir_find_key(&log->origin.header, dir, &has_key);
    if (!e && keys)
        e = redo_key_mysql(&log->origin.key, &log->origin.header, keys);
    while (!e && there && !ended) {
        const uint64_t next = f.id + 1;
        const lsn_t at = f.header.end_lsn;
        e = crash_log_take_file(log, &f, stream, out, spool, &ended);
        redo_file_close(&f);
        if (!e && !ended)
            e = redo_file_open(&f, dir, next, &there);
        if (!e && !ended && there &&
            (f.header.start_lsn != at || f.header.uuid != log->origin.header.uuid))
            e = err_make(CORRUPT, "%s: does not continue the file before", f.path);
    }
    redo_file_close(&f);
    return e;
}

static inline struct err *crash_log_spool(struct crash_log *log, const struct datadir *d,
                                          enum server_flavour flavour, const struct keyring *keys,
                                          const char *spool)
{
    return flavour == FLAVOUR_MYSQL ? crash_log_spool_mysql(log, d, keys, spool)
                                    : crash_log_spool_mariadb(log, d, spool);
}

#endif
