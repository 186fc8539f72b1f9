/* engine/tail_mysql.c: the redo files of MySQL 8.0.30+ (redo_dir.h) as a source of the tail. The spool gets the blocks as they
 * are, from the one that holds the checkpoint on, so that the offset of an LSN in it is its distance from that block.
 *
 *  Y1 A block is taken only when its number, epoch and checksum are those of its LSN. Number and epoch name one LSN of all that
 *     there will ever be, so that what is left of a file's earlier use is never taken, whatever the file has become meanwhile.
 *  Y2 No bound by the server's flushed LSN is needed, as a circular log needs one (tail_mariadb.c): the server writes a block
 *     from bytes of its log buffer that are complete and will not change; it may write the last one again, longer. So a
 *     block that passes Y1 says the truth as far as it reaches. A partly filled block is read again, and must continue what
 *     was taken before. (Only a crash could take a written block back. Then our connection is gone, and the tail with it.)
 *  Y3 At the end of a file the next one is opened by name, and must begin where this one ends. When it does not come although
 *     a later one has, it was there and is lost: an error. The same when our own file is gone from under us before all of it
 *     was read; but see Y5.
 *  Y4 The header is read again behind each read of blocks, with its flags: a log that says "disabled" does not hold every
 *     change.
 *  Y5 What the files have lost may be in the server's redo archive (redo_archive.h). It is gone on with there if the block that was
 *     taken last is there too, as it was taken: a file that another server has written cannot pass for ours. What the archive lacks
 *     is an error after all. Read to its end, it is left again for the file that holds what follows: it lags behind that one, and
 *     may end at any time.
 *  Y6 Encrypted blocks are deciphered in memory to be judged and parsed; the spool gets them as they are. The key is looked for
 *     when the first one is met, in the headers of all files: it is written there before any block is encrypted. Encryption may
 *     be switched and the master key rotated while we read; the log's own key stays. What cannot be opened for
 *     some time is an error.
 *
 *  Y7 A log at rest ends where no whole block follows, and with what the server's recovery counts: a mini-transaction that ends with
 *     its block does when the next block is there.
 *
 * To have the log written up to an LSN that the server only reserved, the caller lets it flush (FLUSH NO_WRITE_TO_BINLOG ENGINE
 * LOGS, needs RELOAD), or waits: the file has been seen to lag by 0.7 s.
 *
 * Facts: MySQL 9.7.4, by experiment. The capacity may be changed while we read: files made from then on have another size. */
#include "engine/tail_source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/redo_archive.h"
#include "engine/redo_consumer.h"
#include "engine/redo_dir.h"
#include "innodb/ddl_events.h"
#include "innodb/redo_crypt.h"

enum {
    BLOCK = MYSQL_REDO_BLOCK_SIZE,
    BLOCK_DATA = 12,           /* offset of the first data byte */
    BLOCK_END = 508,           /* ... and behind the last one */
    READ_MIN_BYTES = 64 << 10, /* what a quiet log is polled with */
    READ_MAX_BYTES = 4 << 20,
    ASK_AGAIN_MS = 100,         /* age of the server's answer at which it is asked again */
    ASK_AGAIN_CONSUMER_MS = 20, /* likewise while it may have to wait for us */
    STUCK_AFTER_MS = 2000,      /* what is not whole by then does not become whole any more */
    FILES_OF_CAPACITY = 32,     /* how many files the server divides its log into */
};

struct source {
    struct tail_source base;
    char *dir;
    struct log *log;
    struct conn *conn; /* NULL: at rest */
    struct redo_consumer consumer;
    struct redo_file file; /* the one that holds, or last held, the block that is wanted */
    bool orphaned;         /* the file's name is gone: what cannot be read now never will be */
    struct redo_archive archive;
    bool in_archive; /* Y5: what is wanted is read there */
    bool fell_back;  /* it has been told */
    bool lost;       /* no file holds what is wanted any more: the archive must, or will */
    struct key_file *keys;
    uint8_t *buf;
    uint8_t *clear; /* Y6: what is encrypted in buf, at the same places; NULL until there is any */
    size_t read_bytes; /* of the next read */
    uint8_t last
        [BLOCK]; /* the block at last_lsn, taken while it was partly filled; last_len bytes of it */
    lsn_t last_lsn;
    unsigned last_len;   /* 0: there is none */
    uint8_t seam[BLOCK]; /* the block that was taken last, in clear */
    lsn_t seam_lsn;      /* 0: none was taken */
    struct redo_mysql_stream *stream;
    lsn_t last_start; /* of the mini-transaction that was taken last */
    struct ddl_events events;
    double asked_at, stuck_since; /* 0: never, not */
    bool unopened;                /* Y6: what we are stuck at is an encrypted block */
};

static struct source *source_of(struct tail_source *s)
{
    return (struct source *)s; /* base is the first member */
}

/* --- what the server says --- */

static struct err *disabled(const char *where)
{
    return err_hint(err_make(REFUSED,
                             "%s: redo logging is or was disabled: the log does not hold every "
                             "change",
                             where),
                    "Run ALTER INSTANCE ENABLE INNODB REDO_LOG and take the backup again.");
}

static struct err *status_number(uint64_t *out, const struct rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->n_rows; i++) {
        const char *key = rows_get(rows, i, "Variable_name"), *text = rows_get(rows, i, "Value");
        char *end = NULL;
        if (!key || !text || strcasecmp(key, name))
            continue;
        *out = strtoull(text, &end, 10);
        if (end != text && !*end)
            return NULL;
    }
    return err_make(SERVER, "the server has no status value %s", name);
}

static void note_capacity(struct source *s, uint64_t capacity)
{
    const uint64_t before = atomic_exchange(&s->base.capacity, capacity);
    if (before == capacity || !before)
        return;
    atomic_fetch_add(&s->base.resizes, 1);
    log_info(s->log, "redo", "log resized by the server: %" PRIu64 " MiB, now %" PRIu64 " MiB",
             before >> 20, capacity >> 20);
}

static struct err *take_status(struct source *s, const struct rows *rows)
{
    uint64_t current, checkpoint, capacity;
    TRY(status_number(&current, rows, "Innodb_redo_log_current_lsn"));
    TRY(status_number(&checkpoint, rows, "Innodb_redo_log_checkpoint_lsn"));
    TRY(status_number(&capacity, rows, "Innodb_redo_log_capacity_resized"));
    atomic_store(&s->base.server_lsn, current);
    atomic_store(&s->base.kept_lsn, checkpoint);
    note_capacity(s, capacity);
    return NULL;
}

static struct err *ask_server(struct source *s)
{
    struct rows rows;
    TRY(conn_query(s->conn, &rows,
                   "SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_redo_log_current_lsn', "
                   "'Innodb_redo_log_checkpoint_lsn', 'Innodb_redo_log_capacity_resized')"));
    struct err *e = take_status(s, &rows);
    rows_fini(&rows);
    s->asked_at = clock_seconds();
    return e;
}

static struct err *keep_in_touch(struct source *s, lsn_t lsn)
{
    const double age = clock_seconds() - s->asked_at;
    if (age > (s->consumer.registered ? ASK_AGAIN_CONSUMER_MS : ASK_AGAIN_MS) / 1000.0)
        TRY(ask_server(s));
    return redo_consumer_tend(&s->consumer, lsn, atomic_load(&s->base.server_lsn),
                              atomic_load(&s->base.capacity));
}

/* --- files --- */

static uint64_t wanted_id(const struct source *s)
{
    const bool behind = redo_mysql_stream_wants(s->stream) >= s->file.header.end_lsn;
    return s->file.id + behind;
}

static struct err *check_flags(const struct redo_file *f)
{
    const struct redo_mysql_header *h = &f->header;
    return h->logging_disabled || h->crash_unsafe ? disabled(f->path) : NULL;
}

/* A live file that is not what follows: cannot be, unless the log was made anew. */
static struct err *wrong_file(const struct source *s, const struct redo_file *f, lsn_t expected)
{
    bool live;
    TRY(redo_file_is_live(f, &live));
    if (!live)
        return NULL; /* on its way to become another one */
    return err_make(SERVER,
                    "%s: begins at LSN %" PRIu64 ", log %08" PRIx32 "; LSN %" PRIu64
                    ", log %08" PRIx32 " expected",
                    f->path, f->header.start_lsn, f->header.uuid, expected,
                    s->base.origin.mysql.header.uuid);
}

/* f is the file to read from now on, if it is what it should be; else it is closed again. */
static struct err *adopt(struct source *s, struct redo_file *f, lsn_t expected, bool *there)
{
    struct err *e = check_flags(f);
    if (!e &&
        (f->header.start_lsn != expected || f->header.uuid != s->base.origin.mysql.header.uuid)) {
        *there = false;
        e = wrong_file(s, f, expected);
    }
    if (e || !*there) {
        redo_file_close(f);
        return e;
    }
    redo_file_close(&s->file);
    s->file = *f;
    s->orphaned = false;
    return NULL;
}

/* Y3: has the file open that holds the wanted block. *there false: not now. */
static struct err *go_on(struct source *s, bool *there)
{
    const uint64_t id = wanted_id(s);
    const bool next = id != s->file.id;
    *there = s->file.fd >= 0 && !next;
    if (*there)
        return NULL;
    const lsn_t expected = next ? s->file.header.end_lsn : s->file.header.start_lsn;
    struct redo_file f;
    TRY(redo_file_open(&f, s->dir, id, there));
    return *there ? adopt(s, &f, expected, there) : NULL;
}

/* `what` is gone; `no_archive`: why there is nothing to fall back on. */
static struct err *overrun(struct source *s, const char *what, const char *no_archive)
{
    const lsn_t at = redo_mysql_stream_wants(s->stream);
    TRY(ask_server(s));
    const lsn_t server = atomic_load(&s->base.server_lsn);
    return err_hint(
        err_make(SERVER,
                 "redo log overwritten before it was read: %s; the server is at LSN %" PRIu64
                 " with its checkpoint at %" PRIu64 ", mbe at %" PRIu64 " (%" PRIu64
                 " MiB behind), and the log holds %" PRIu64 " MiB",
                 what, server, atomic_load(&s->base.kept_lsn), at,
                 (server > at ? server - at : 0) >> 20, atomic_load(&s->base.capacity) >> 20),
        "Make the log larger (SET GLOBAL innodb_redo_log_capacity), take the backup at a quieter "
        "time, or let the server archive its log (--redo-archive; there is no archive to go on "
        "with: %s).",
        no_archive);
}

/* --- blocks --- */

/* Of what is read now. */
static const char *path_of(const struct source *s)
{
    return s->in_archive ? s->archive.path : s->file.path;
}

/* Y2: what was taken of a block is in it still. */
static struct err *check_continued(const struct source *s, const uint8_t *block, lsn_t lsn,
                                   unsigned len)
{
    if (!s->last_len || s->last_lsn != lsn)
        return NULL;
    if (len >= s->last_len &&
        !memcmp(block + BLOCK_DATA, s->last + BLOCK_DATA, s->last_len - BLOCK_DATA))
        return NULL;
    return err_make(SERVER,
                    "%s: the block at LSN %" PRIu64
                    " was changed after it was written (%u bytes of it, %u now)",
                    path_of(s), lsn, s->last_len, len);
}

/* The last block as of now. False: it was taken before, and has not grown. */
static bool has_grown(struct source *s, const uint8_t *block, lsn_t lsn, unsigned len)
{
    if (s->last_lsn == lsn && s->last_len == len)
        return false;
    memcpy(s->last, block, BLOCK);
    s->last_lsn = lsn;
    s->last_len = len;
    return true;
}

/* Looks for the log's key. None that opens is no error yet: a record may be half written just now, or the key file. */
static struct err *find_key(struct source *s, struct err **why)
{
    struct redo_origin_mysql *origin = &s->base.origin.mysql;
    bool there, again = true;
    *why = NULL;
    TRY(redo_dir_find_key(&origin->header, s->dir, &there));
    if (!there) {
        *why = err_make(REFUSED, "the redo log is encrypted, and no file of it has its key");
        return NULL;
    }
    while (again)
        *why = key_file_retry(
            s->keys, redo_key_mysql(&origin->key, &origin->header, key_file_keys(s->keys)), &again);
    if (!*why)
        log_info(s->log, "redo", "the redo log is encrypted; its key is known");
    return NULL;
}

/* Y6. What is in the block, if that can be seen now. */
static struct err *open_block(struct source *s, struct redo_block *b, size_t at, lsn_t lsn)
{
    const struct space_key *key = &s->base.origin.mysql.key;
    const uint8_t *block = s->buf + at;
    if (redo_block_is_encrypted(block) && !s->clear)
        s->clear = mem_alloc_aligned(READ_MAX_BYTES);
    TRY(redo_block_open(b, key, block, lsn, s->clear ? s->clear + at : NULL));
    s->unopened = b->encrypted && !b->clear;
    if (b->state != MYSQL_BLOCK_ENCRYPTED)
        return NULL;
    struct err *why;
    TRY(find_key(s, &why));
    if (why && !s->keys)
        return err_wrap(why, "%s", s->dir);
    err_free(why);
    return key->kind == SPACE_KEY_NONE ? NULL : open_block(s, b, at, lsn);
}

/* Bytes of the whole blocks at the start of buf: any number of full ones, then perhaps one that is partly filled. */
static struct err *measure(struct source *s, size_t n, lsn_t at, size_t *len)
{
    s->unopened = false;
    for (*len = 0; n - *len >= BLOCK; *len += BLOCK) {
        struct redo_block b;
        const lsn_t lsn = at + *len;
        TRY(open_block(s, &b, *len, lsn));
        if (b.state != MYSQL_BLOCK_WHOLE)
            break;
        TRY(check_continued(s, b.clear, lsn, b.data_len));
        if (b.data_len == BLOCK)
            continue;
        if (has_grown(s, b.clear, lsn, b.data_len))
            *len += BLOCK;
        break;
    }
    return NULL;
}

/* A log that is written much is read in large pieces; a quiet one is not read in vain. */
static void adapt(struct source *s, size_t read, size_t taken)
{
    if (taken < read)
        s->read_bytes = READ_MIN_BYTES;
    else if (s->read_bytes < READ_MAX_BYTES)
        s->read_bytes *= 4;
}

/* found->len bytes of blocks from LSN `at` on are in the buffer. */
static void give(struct source *s, struct tail_find *found, lsn_t at)
{
    found->bytes = s->buf;
    found->spool_offset = at - redo_mysql_block_lsn(s->base.start_lsn);
    if (!found->len)
        return;
    s->stuck_since = 0;
    s->seam_lsn = at + found->len - BLOCK;
    const size_t last = found->len - BLOCK;
    memcpy(s->seam, (redo_block_is_encrypted(s->buf + last) ? s->clear : s->buf) + last, BLOCK);
}

static struct err *read_blocks(struct source *s, struct tail_find *found)
{
    const lsn_t at = redo_mysql_stream_wants(s->stream);
    const struct redo_mysql_header *h = &s->file.header;
    size_t n = s->read_bytes, got;
    bool same;
    if (n > h->end_lsn - at)
        n = (size_t)(h->end_lsn - at);
    TRY(file_pread(s->file.fd, s->buf, n, redo_mysql_offset(h->start_lsn, at), &got, s->file.path));
    TRY(redo_file_reread(&s->file, &same));
    if (same)
        TRY(check_flags(&s->file));
    TRY(measure(s, got, at, &found->len));
    if (!same)
        redo_file_close(&s->file);
    adapt(s, n, found->len);
    give(s, found, at);
    return NULL;
}

/* Whether nothing has come for too long. */
static bool is_stuck(struct source *s)
{
    const double now = clock_seconds();
    if (!s->stuck_since)
        s->stuck_since = now;
    return now - s->stuck_since >= STUCK_AFTER_MS / 1000.0;
}

/* --- the archive: Y5 --- */

/* If a file holds what follows, on there. */
static struct err *leave_archive(struct source *s, struct tail_find *found, lsn_t at)
{
    struct redo_file f;
    TRY(redo_dir_open_lsn(&f, s->dir, at, &found->moved, &s->lost));
    if (found->moved)
        TRY(adopt(s, &f, f.header.start_lsn, &found->moved));
    if (!found->moved)
        return NULL;
    log_debug(s->log, "redo", "redo archive read to LSN %" PRIu64 ", on in %s", at, s->file.path);
    s->in_archive = false;
    s->stuck_since = 0;
    return NULL;
}

static struct err *read_archive(struct source *s, struct tail_find *found)
{
    const lsn_t at = redo_mysql_stream_wants(s->stream);
    size_t got;
    TRY(redo_archive_read(&s->archive, s->buf, s->read_bytes, at, &got));
    TRY(measure(s, got, at, &found->len));
    adapt(s, s->read_bytes, found->len);
    give(s, found, at);
    return found->len ? NULL : leave_archive(s, found, at);
}

/* Whether the archive has the block that was taken last, or where nothing was taken the first one that is wanted. It must be as it
 * was taken, or have become longer since. */
static struct err *find_seam(struct source *s, lsn_t seam, bool *there)
{
    struct redo_block b = {.state = MYSQL_BLOCK_NOT_YET};
    unsigned taken = BLOCK_DATA;
    size_t got = 0;
    if (s->archive.fd >= 0)
        TRY(redo_archive_read(&s->archive, s->buf, BLOCK, seam, &got));
    if (s->seam_lsn)
        (void)redo_mysql_block_check(s->seam, seam, &taken);
    if (got == BLOCK)
        TRY(open_block(s, &b, 0, seam));
    *there = b.state == MYSQL_BLOCK_WHOLE && b.data_len >= taken;
    const unsigned end = taken < BLOCK_END ? taken : BLOCK_END;
    if (!*there || end <= BLOCK_DATA ||
        !memcmp(b.clear + BLOCK_DATA, s->seam + BLOCK_DATA, end - BLOCK_DATA))
        return NULL;
    return err_make(SERVER,
                    "%s: is no archive of this log: its block at LSN %" PRIu64
                    " is not the one that was read before",
                    s->archive.path, seam);
}

/* What is at lsn was not in the archive: why will it not come? NULL: it may yet come. Owned by caller. */
static char *what_is_missing(struct source *s, lsn_t lsn)
{
    const struct redo_archive *a = &s->archive;
    if (a->fd < 0)
        return mem_strdup(a->why_not);
    if (a->start_lsn > lsn)
        return mem_printf("%s begins at LSN %" PRIu64, a->path, a->start_lsn);
    return is_stuck(s) ? mem_printf("%s ends before LSN %" PRIu64, a->path, lsn) : NULL;
}

static struct err *fall_back(struct source *s, uint64_t lost_id)
{
    const lsn_t at = redo_mysql_stream_wants(s->stream), seam = s->seam_lsn ? s->seam_lsn : at;
    bool there;
    TRY(find_seam(s, seam, &there));
    if (!there) {
        AUTO_FREE char *what = mem_printf("#ib_redo%" PRIu64 " is gone", lost_id);
        AUTO_FREE char *why = what_is_missing(s, seam);
        return why ? overrun(s, what, why) : NULL;
    }
    redo_file_close(&s->file);
    s->in_archive = true;
    s->stuck_since = 0;
    if (!s->fell_back)
        log_warning(s->log, "redo",
                    "redo log overwritten before it was read: on from LSN %" PRIu64
                    " in the archive %s",
                    at, s->archive.path);
    s->fell_back = true;
    return NULL;
}

/* Nothing more is in the archive, and no file holds what follows. */
static struct err *look_around_archive(struct source *s)
{
    if (!s->lost)
        return NULL;
    AUTO_FREE char *why = what_is_missing(s, redo_mysql_stream_wants(s->stream));
    return why ? overrun(s, "the archive has less than the log has lost", why) : NULL;
}

static struct err *look(struct tail_source *base, lsn_t lsn, struct tail_find *found)
{
    struct source *s = source_of(base);
    bool there;
    if (s->conn)
        TRY(keep_in_touch(s, lsn));
    if (s->in_archive)
        return read_archive(s, found);
    TRY(go_on(s, &there));
    return there ? read_blocks(s, found) : NULL;
}

/* --- mini-transactions --- */

static struct err *take_mtrs(struct source *s, lsn_t end_lsn)
{
    struct redo_mysql_mtr m;
    struct redo_record rec;
    for (bool more;;) {
        TRY(redo_mysql_stream_next(s->stream, &m, &more));
        if (!more)
            return NULL;
        if (m.start >= end_lsn)
            continue;
        const lsn_t start = s->last_start = m.start, end = m.end;
        while (redo_mysql_mtr_next(&m, &rec)) {
            TRY(ddl_events_record(&s->events, &rec, end));
            if (s->conn)
                page_watch_record(&s->base.watch, &rec, start);
            else
                page_watch_remade(&s->base.watch, &redo_family_mysql, &rec);
        }
        ddl_events_end(&s->events, end);
    }
}

/* How far the log counts, when all up to `scanned` was taken in: Y7. */
static lsn_t counted(const struct source *s, lsn_t scanned)
{
    const lsn_t parsed = redo_mysql_stream_parsed(s->stream);
    return s->conn || parsed <= scanned ? parsed : s->last_start;
}

static struct err *observe(struct tail_source *base, const struct tail_find *found, lsn_t *lsn,
                           lsn_t end_lsn)
{
    struct source *s = source_of(base);
    for (size_t at = 0; at < found->len; at += BLOCK) {
        const bool encrypted = redo_block_is_encrypted(found->bytes + at);
        const uint8_t *block = (encrypted ? s->clear : found->bytes) + at;
        const lsn_t block_lsn = redo_mysql_stream_wants(s->stream);
        unsigned len = 0;
        (void)redo_mysql_block_check(block, block_lsn, &len);
        TRY(redo_mysql_stream_push(s->stream, block));
        TRY(take_mtrs(s, end_lsn));
        const lsn_t end = counted(s, block_lsn + len);
        if (!s->conn && redo_mysql_stream_parsed(s->stream) > base->server_lsn)
            atomic_store(&base->server_lsn, redo_mysql_stream_parsed(s->stream));
        if (end > *lsn)
            *lsn = end;
    }
    return NULL;
}

/* --- when nothing comes --- */

/* The file's name is gone, so it was complete; what was read before its last blocks came is read once more. */
static struct err *check_orphaned(struct source *s)
{
    bool live;
    TRY(redo_file_is_live(&s->file, &live));
    if (!live && s->orphaned)
        redo_file_close(&s->file);
    s->orphaned = !live;
    return NULL;
}

/* Y6. Why it cannot be opened, as of now. */
static struct err *unopened(struct source *s)
{
    struct err *why;
    TRY(find_key(s, &why));
    if (!why)
        why = err_make(CORRUPT, "the block at LSN %" PRIu64 " does not open with the log's key",
                       redo_mysql_stream_wants(s->stream));
    return err_wrap(why, "%s", s->dir);
}

static struct err *incomplete(const struct source *s)
{
    return err_make(CORRUPT,
                    "%s: the file is complete, but its block at LSN %" PRIu64 " is not whole",
                    s->file.path, redo_mysql_stream_wants(s->stream));
}

/* A file that is closed for writing has to be whole, and an encrypted block has to open. */
static struct err *check_damaged(struct source *s)
{
    if ((!s->file.header.full && !s->unopened) || !is_stuck(s))
        return NULL;
    return s->unopened ? unopened(s) : incomplete(s);
}

static struct err *look_around(struct tail_source *base, lsn_t lsn)
{
    struct source *s = source_of(base);
    const uint64_t id = wanted_id(s);
    bool gone;
    (void)lsn;
    if (s->in_archive)
        return look_around_archive(s);
    if (s->file.fd >= 0 && id == s->file.id) {
        TRY(check_orphaned(s));
        return s->file.fd >= 0 ? check_damaged(s) : NULL;
    }
    TRY(redo_dir_is_gone(s->dir, id, &gone));
    return gone ? fall_back(s, id) : NULL;
}

/* Y7. The block that follows is not whole, or there is none: that may be how the server died, but not in a file that was closed for
 * writing, nor because nobody has the key. */
static struct err *check_end(struct tail_source *base, lsn_t lsn)
{
    struct source *s = source_of(base);
    const uint64_t id = wanted_id(s);
    bool gone;
    (void)lsn;
    if (s->unopened && s->base.origin.mysql.key.kind == SPACE_KEY_NONE)
        return unopened(s);
    if (s->file.header.full && redo_mysql_stream_wants(s->stream) < s->file.header.end_lsn)
        return incomplete(s);
    TRY(redo_dir_is_gone(s->dir, id, &gone));
    return gone ? err_make(CORRUPT, "%s: #ib_redo%" PRIu64 " is missing", s->dir, id) : NULL;
}

static void leave(struct tail_source *base)
{
    redo_consumer_leave(&source_of(base)->consumer);
    redo_archive_leave(&source_of(base)->archive);
}

/* What is below the checkpoint is the server's to throw away, a whole file at a time. */
static uint64_t headroom(const struct tail_source *base, lsn_t lsn)
{
    const lsn_t server = atomic_load(&base->server_lsn);
    const uint64_t capacity = atomic_load(&base->capacity);
    const uint64_t behind = server > lsn ? server - lsn : 0;
    const uint64_t margin = capacity / FILES_OF_CAPACITY;
    if (lsn < atomic_load(&base->kept_lsn) || behind + margin > capacity)
        return 0;
    return capacity - margin - behind;
}

static const struct file_ops *file_ops(struct tail_source *base)
{
    (void)base;
    return NULL;
}

static const struct ddl_events *ddl_events(struct tail_source *base)
{
    return &source_of(base)->events;
}

static void source_free(struct tail_source *base)
{
    struct source *s = source_of(base);
    redo_archive_fini(&s->archive);
    conn_close(s->conn);
    redo_file_close(&s->file);
    redo_mysql_stream_free(s->stream);
    ddl_events_fini(&s->events);
    space_key_wipe(&s->base.origin.mysql.key);
    free(s->buf);
    free(s->clear);
    free(s->dir);
    free(s);
}

static struct err *open_connection(struct source *s, const struct tailer_options *options)
{
    TRY(conn_open(&s->conn, &options->conn));
    if (options->register_consumer)
        TRY(redo_consumer_register(&s->consumer, s->conn, s->log));
    if (options->redo_archive)
        TRY(redo_archive_open(&s->archive, s->conn, &options->conn, s->log));
    else
        redo_archive_none(&s->archive, "it is off");
    return ask_server(s);
}

static struct err *source_open(struct tail_source **out, const struct tailer_options *options)
{
    struct source *s = mem_zalloc(sizeof *s);
    s->base.family = &tail_mysql;
    s->file.fd = s->archive.fd = -1;
    *out = &s->base;
    s->dir = mem_strdup(options->log_path);
    s->log = options->log;
    s->keys = options->keys;
    s->buf = mem_alloc_aligned(READ_MAX_BYTES);
    s->read_bytes = READ_MIN_BYTES;
    if (!options->at_rest)
        TRY(open_connection(s, options));
    TRY(redo_dir_open_checkpoint(&s->file, s->dir));
    TRY(check_flags(&s->file));
    const struct redo_mysql_header *h = &s->file.header;
    s->base.start_lsn = s->base.checkpoint_end = h->checkpoint_lsn;
    s->base.origin.mysql.header = *h;
    if (!s->conn)
        atomic_store(&s->base.server_lsn, s->base.start_lsn);
    s->stream = redo_mysql_stream_new(h->checkpoint_lsn, h->checkpoint_lsn);
    return NULL;
}

const struct tail_family tail_mysql = {
    .idle_ms = 5, /* a small file fills within that */
    .awaited_ms = 2,
    .open = source_open,
    .look = look,
    .observe = observe,
    .look_around = look_around,
    .check_end = check_end,
    .leave = leave,
    .headroom = headroom,
    .file_ops = file_ops,
    .ddl_events = ddl_events,
    .free = source_free,
};
