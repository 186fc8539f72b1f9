/* engine/redo_store.c: see redo_store.h. */
#include "engine/redo_store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "innodb/redo_mariadb.h"
#include "innodb/redo_mysql.h"
#include "innodb/space_map.h"

enum { SPOOL_READ = 2 * REDO_MTR_MAX };

/* Bytes of buf that are whole mini-transactions ending at or before `to`. *reached: the next one would end beyond. */
static struct err *measure(const uint8_t *buf, size_t len, lsn_t lsn, lsn_t to,
                           enum redo_mtr_form form, size_t *whole, bool *reached)
{
    *whole = 0;
    *reached = lsn >= to;
    while (!*reached && *whole < len) {
        struct redo_mtr m;
        size_t mtr_len;
        struct err *e = redo_mtr_open(&m, buf + *whole, len - *whole, lsn + *whole, form, &mtr_len);
        if (e && *whole && len - *whole < REDO_MTR_MAX) {
            err_free(e); /* goes on in the next read */
            return NULL;
        }
        TRY(e);
        if (m.end > to) {
            *reached = true;
            break;
        }
        *whole += mtr_len;
        *reached = m.end == to;
    }
    return NULL;
}

static struct err *write_pieces(struct archive_writer *w, uint32_t entry, uint64_t at,
                                const uint8_t *buf, size_t len)
{
    for (size_t done = 0; done < len;) {
        const size_t n = len - done < ARCHIVE_PIECE_MAX ? len - done : ARCHIVE_PIECE_MAX;
        TRY(archive_write(w, entry, at + done, buf + done, n));
        done += n;
    }
    return NULL;
}

static struct err *too_short(const char *path, lsn_t lsn, lsn_t to)
{
    return err_make(CORRUPT,
                    "%s: ends at LSN %" PRIu64 ", before the end of the backup at %" PRIu64, path,
                    lsn, to);
}

static struct err *copy_spool(struct archive_writer *w, uint32_t entry, const char *path,
                              struct redo_span *span, struct progress *progress)
{
    const enum redo_mtr_form form = span->encrypted ? REDO_MTR_ENCRYPTED : REDO_MTR_CLEAR;
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(SPOOL_READ);
    AUTO_FD int fd = -1;
    lsn_t lsn = span->from;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    for (bool reached = lsn >= span->to; !reached;) {
        size_t got, whole;
        TRY(signals_check());
        TRY(file_pread(fd, buf, SPOOL_READ, lsn - span->from, &got, path));
        if (!got)
            return too_short(path, lsn, span->to);
        TRY_AT(measure(buf, got, lsn, span->to, form, &whole, &reached), "%s", path);
        TRY(write_pieces(w, entry, REDO_START_OFFSET + (lsn - span->from), buf, whole));
        progress_add(progress, whole);
        lsn += whole;
    }
    span->to = lsn;
    return NULL;
}

struct err *redo_store(struct archive_writer *w, const char *spool_path, struct redo_span *span,
                       const struct redo_log_header *source, const char *server_version,
                       struct progress *progress)
{
    struct archive_attr attr = {.kind = ARCHIVE_REDO, .path = REDO_PATH, .mode = 0600};
    AUTO_FREE uint8_t *header = mem_zalloc(REDO_START_OFFSET);
    AUTO_FREE char *creator = mem_printf("Backup %.24s", server_version);
    uint32_t entry;
    span->encrypted = source->encrypted;
    TRY(archive_entry_add(w, &attr, &entry));
    TRY(copy_spool(w, entry, spool_path, span, progress));
    redo_log_header_make(header, span->from, span->from, span->checkpoint_end, creator);
    redo_log_header_set_encryption(header, source);
    TRY(write_pieces(w, entry, 0, header, REDO_START_OFFSET));
    attr.size = REDO_START_OFFSET + (span->to - span->from);
    return archive_entry_set(w, entry, &attr);
}

/* --- MySQL ------------------------------------------------------------------------------------ */

enum { BLOCK = MYSQL_REDO_BLOCK_SIZE };

struct block_copy {
    struct archive_writer *w;
    uint32_t entry;
    struct progress *progress;
    const char *path; /* of the spool */
    int fd;
    uint8_t *buf;
    lsn_t base;    /* of the first block */
    lsn_t written; /* blocks before are in the archive */
    lsn_t cut;     /* newest end of a mini-transaction that is not above `to` */
    lsn_t to;
    bool reached; /* nothing behind can bring cut nearer to `to` */
    const struct space_key *key;
    bool encrypted; /* a block that goes into the archive is */
    struct redo_mysql_stream *stream;
};

static struct err *advance_cut(struct block_copy *c)
{
    for (bool more = true; more && !c->reached;) {
        struct redo_mysql_mtr m;
        TRY(redo_mysql_stream_next(c->stream, &m, &more));
        /* What was passed over below the checkpoint ends where the first one begins. */
        const lsn_t parsed = redo_mysql_stream_parsed(c->stream);
        if (more && m.start <= c->to && m.start > c->cut)
            c->cut = m.start;
        if (parsed <= c->to && parsed > c->cut)
            c->cut = parsed;
        c->reached = parsed >= c->to;
    }
    return NULL;
}

/* Takes in what was read at lsn: whole blocks, of which only the log's last is not full. */
static struct err *take_blocks(struct block_copy *c, lsn_t lsn, size_t n)
{
    for (size_t at = 0; at < n && !c->reached; at += BLOCK) {
        uint8_t room[BLOCK];
        struct redo_block b;
        TRY(redo_block_open(&b, c->key, c->buf + at, lsn + at, room));
        if (b.state != MYSQL_BLOCK_WHOLE)
            return err_make(CORRUPT, "%s: the redo block at LSN %" PRIu64 " is damaged", c->path,
                            lsn + at);
        TRY_AT(redo_mysql_stream_push(c->stream, b.clear), "%s", c->path);
        TRY_AT(advance_cut(c), "%s", c->path);
        if (b.data_len < BLOCK && !c->reached)
            return too_short(c->path, redo_mysql_stream_parsed(c->stream), c->to);
    }
    return NULL;
}

/* Archives the blocks before that of the cut. They were read a moment ago, for the most part. */
static struct err *write_blocks(struct block_copy *c)
{
    const lsn_t end = redo_mysql_block_lsn(c->cut);
    while (c->written < end) {
        const size_t n = end - c->written < SPOOL_READ ? (size_t)(end - c->written) : SPOOL_READ;
        size_t got;
        TRY(file_pread(c->fd, c->buf, n, c->written - c->base, &got, c->path));
        if (got < n)
            return too_short(c->path, c->written + got, c->to);
        for (size_t at = 0; at < n; at += BLOCK)
            c->encrypted |= redo_block_is_encrypted(c->buf + at);
        TRY(write_pieces(c->w, c->entry, redo_mysql_offset(c->base, c->written), c->buf, n));
        progress_add(c->progress, n);
        c->written += n;
    }
    return NULL;
}

/* An end that is the first data byte of a block may have been reached before the server wrote anything of that block. It is
 * stored all the same: a server that recovers from such a log drops a mini-transaction that ends there without it. */
static struct err *write_last_block(struct block_copy *c)
{
    const lsn_t lsn = redo_mysql_block_lsn(c->cut);
    uint8_t room[BLOCK], last[BLOCK];
    struct redo_block b = {0};
    size_t got;
    TRY(file_pread(c->fd, c->buf, BLOCK, lsn - c->base, &got, c->path));
    if (got == BLOCK)
        TRY(redo_block_open(&b, c->key, c->buf, lsn, room));
    if (got == 0 && !redo_mysql_is_data_lsn(c->cut - 1)) /* the first data byte */
        redo_mysql_block_make_empty(last, lsn);
    else if (!b.clear || b.data_len < c->cut - lsn)
        return too_short(c->path, lsn, c->to);
    else
        memcpy(last, b.clear, BLOCK);
    redo_mysql_block_cut(last, c->cut);
    if (b.encrypted)
        TRY(redo_block_encrypt(c->key, last));
    c->encrypted |= b.encrypted;
    return write_pieces(c->w, c->entry, redo_mysql_offset(c->base, lsn), last, BLOCK);
}

static struct err *copy_blocks(struct block_copy *c)
{
    for (lsn_t lsn = c->base; !c->reached;) {
        size_t got;
        TRY(signals_check());
        TRY(file_pread(c->fd, c->buf, SPOOL_READ, lsn - c->base, &got, c->path));
        got -= got % BLOCK;
        if (!got)
            return too_short(c->path, c->cut, c->to);
        TRY(take_blocks(c, lsn, got));
        TRY(write_blocks(c));
        lsn += got;
    }
    return write_last_block(c);
}

struct err *redo_store_mysql(struct archive_writer *w, const char *spool_path,
                             struct redo_span *span, const struct redo_origin_mysql *origin,
                             struct progress *progress)
{
    struct archive_attr attr = {.kind = ARCHIVE_REDO, .path = REDO_PATH, .mode = 0600};
    uint8_t header[MYSQL_REDO_HEADER_SIZE];
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(SPOOL_READ);
    AUTO(redo_mysql_stream) stream = redo_mysql_stream_new(span->from, span->from);
    AUTO_FD int fd = -1;
    const lsn_t base = redo_mysql_block_lsn(span->from);
    TRY(file_open(&fd, spool_path, O_RDONLY, 0));
    struct block_copy c = {.w = w,
                           .progress = progress,
                           .path = spool_path,
                           .fd = fd,
                           .buf = buf,
                           .base = base,
                           .written = base,
                           .cut = span->from,
                           .to = span->to,
                           .reached = span->from >= span->to,
                           .key = &origin->key,
                           .stream = stream};
    TRY(archive_entry_add(w, &attr, &c.entry));
    TRY(copy_blocks(&c));
    redo_mysql_header_make(header, origin->header.uuid, base, span->from, origin->header.creator);
    if (c.encrypted)
        redo_mysql_header_set_key(header, origin->header.key_record);
    span->encrypted = c.encrypted;
    TRY(write_pieces(w, c.entry, 0, header, sizeof header));
    span->to = c.cut;
    attr.size = redo_mysql_offset(base, redo_mysql_block_lsn(c.cut) + BLOCK);
    return archive_entry_set(w, c.entry, &attr);
}
