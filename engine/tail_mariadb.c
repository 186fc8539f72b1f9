/* engine/tail_mariadb.c: the circular ib_logfile0 of MariaDB 10.8+ as a source of the tail. The spool gets bare
 * mini-transactions, as in a linear log behind its header area (innodb/redo_mariadb.h).
 *
 *  M1 Nothing ends beyond the server's flushed LSN as asked for *before* the bytes were read: past it the file may hold stale
 *     bytes of the log buffer that are whole, valid mini-transactions in every respect. An answer counts only if the file
 *     was not replaced by the time it came.
 *  M2 A log resized while we read (new inode, new first_lsn) is followed: the old file is finished first.
 *     None of this of a log at rest: the server's recovery takes what is whole, and so do we.
 *  M3 Framing and checksums of an encrypted log need no key; only the names of files do. They are deciphered in memory. */
#include "engine/tail_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/file_ops.h"

#define LSN_MAX UINT64_MAX

enum {
    READ_BYTES = 4 << 20,
    ASK_AGAIN_MS =
        100, /* age of the server's answer at which it is asked again even while there is much to read */
    OVERRUN_MARGIN = 1 << 20,
    LEAST_LIVE = REDO_START_OFFSET + REDO_MTR_MAX + 1, /* bytes of a running server's log */
    LEAST_AT_REST = REDO_SYNTHETIC_SIZE, /* a restored server may not have been started yet */
};

/* One opened log file. */
struct log_file {
    int fd;
    dev_t dev;
    ino_t inode;
    uint64_t size;
    struct redo_geometry geometry;
    struct redo_log_header header;
};

struct source {
    struct tail_source base;
    char *path;
    struct log *log;
    struct conn *conn; /* NULL: at rest */
    struct log_file file;
    uint8_t *buf;
    struct redo_cipher cipher;
    lsn_t flushed; /* M1: the server's last answer that is true of the file we have open */
    double asked_at;
    struct file_ops ops;
};

static struct source *source_of(struct tail_source *s)
{
    return (struct source *)s; /* base is the first member */
}

static struct err *log_file_read_header(struct log_file *f, const char *path)
{
    uint8_t *area = mem_alloc(REDO_START_OFFSET);
    struct err *e = NULL;
    for (int attempt = 0; attempt < 100; attempt++) {
        size_t got = 0;
        struct redo_log_header h;
        err_free(e);
        e = file_pread(f->fd, area, REDO_START_OFFSET, 0, &got, path);
        if (e)
            break;
        e = redo_log_header_parse(&h, area, got);
        if (e && e->kind != ERR_CORRUPT)
            break;
        if (!e && h.checkpoint_lsn) {
            f->geometry.first_lsn = h.first_lsn;
            f->geometry.capacity = f->size - REDO_START_OFFSET;
            f->geometry.encrypted = h.encrypted;
            f->header = h;
            break;
        }
        if (!e)
            e = err_make(CORRUPT, "no valid checkpoint in the log header");
        clock_sleep_ms(10); /* torn by a write in progress */
    }
    free(area);
    return err_wrap(e, "%s", path);
}

/* least: bytes that no such log is smaller than. */
static struct err *log_file_open(struct log_file *f, const char *path, off_t least)
{
    struct stat st;
    *f = (struct log_file){.fd = -1};
    TRY(file_open(&f->fd, path, O_RDONLY, 0));
    struct err *e = NULL;
    if (fstat(f->fd, &st))
        e = err_os("%s: cannot stat", path);
    else if (st.st_size < least)
        e = err_make(CORRUPT, "%s: %lld bytes are no redo log", path, (long long)st.st_size);
    if (!e) {
        f->dev = st.st_dev;
        f->inode = st.st_ino;
        f->size = (uint64_t)st.st_size;
        e = log_file_read_header(f, path);
    }
    if (e) {
        close(f->fd);
        f->fd = -1;
    }
    return e;
}

/* Reads [lsn, lsn + n) through the wrap. */
static struct err *log_file_read(const struct log_file *f, uint8_t *buf, lsn_t lsn, size_t n,
                                 size_t *got, const char *path)
{
    const uint64_t at = redo_offset(&f->geometry, lsn);
    const size_t first = n < f->size - at ? n : (size_t)(f->size - at);
    size_t a = 0, b = 0;
    TRY(file_pread(f->fd, buf, first, at, &a, path));
    if (a == first && first < n)
        TRY(file_pread(f->fd, buf + first, n - first, REDO_START_OFFSET, &b, path));
    *got = a + b;
    return NULL;
}

/* What one mini-transaction says of files, and at rest of pages. */
static struct err *take_mtr(struct source *s, struct redo_mtr *m)
{
    struct redo_record rec;
    TRY(redo_mtr_decrypt(&s->cipher, m));
    for (bool more = true;;) {
        TRY(redo_mtr_next(m, &rec, &more));
        if (!more)
            return NULL;
        if (rec.type >= REDO_FILE_CREATE)
            TRY(file_ops_add(&s->ops, &rec, m->start));
        else if (!s->conn)
            page_watch_remade(&s->base.watch, &redo_family_mariadb, &rec);
        else
            return NULL; /* file records come first */
    }
}

/* Files named in [lsn, lsn + len). */
static struct err *take_file_records(struct source *s, const uint8_t *buf, size_t len, lsn_t lsn,
                                     lsn_t end_lsn)
{
    for (size_t at = 0; at < len;) {
        struct redo_mtr m;
        size_t mtr_len;
        TRY(redo_mtr_open(&m, buf + at, len - at, lsn + at, s->cipher.form, &mtr_len));
        if (m.start < end_lsn && (!s->conn || redo_mtr_has_file_records(buf + at)))
            TRY(take_mtr(s, &m));
        at += mtr_len;
    }
    return NULL;
}

static struct err *check_overrun(const struct source *s, lsn_t lsn)
{
    const lsn_t checkpoint = s->file.header.checkpoint_end_lsn;
    const lsn_t server = s->flushed > checkpoint ? s->flushed : checkpoint;
    if (server < lsn || server - lsn <= s->file.geometry.capacity - OVERRUN_MARGIN)
        return NULL;
    return err_hint(
        err_make(SERVER,
                 "redo log overwritten before it was read: the server is at LSN %" PRIu64
                 ", mbe at %" PRIu64 " (%" PRIu64 " MiB behind), and the log holds %" PRIu64 " MiB",
                 server, lsn, (server - lsn) >> 20, s->file.geometry.capacity >> 20),
        "Make the log larger (SET GLOBAL innodb_log_file_size) or take the backup at a quieter "
        "time.");
}

/* Whether the log's name belongs to another file by now. */
static struct err *was_replaced(const struct source *s, bool *replaced)
{
    struct stat st;
    *replaced = true;
    if (!stat(s->path, &st))
        *replaced = st.st_ino != s->file.inode || st.st_dev != s->file.dev;
    else if (errno != ENOENT)
        return err_os("%s: cannot stat", s->path);
    return NULL;
}

/* M1, M2: how far the log is flushed. When it was replaced by the time the answer is there, the answer may count bytes
 * that only the new file holds, and says nothing about ours. */
static struct err *ask_flushed(struct source *s, bool *replaced)
{
    uint64_t flushed;
    TRY(conn_status_u64(s->conn, &flushed, "Innodb_lsn_flushed"));
    s->asked_at = clock_seconds();
    atomic_store(&s->base.server_lsn, flushed);
    TRY(was_replaced(s, replaced));
    if (!*replaced && flushed > s->flushed)
        s->flushed = flushed;
    return NULL;
}

/* Length of the mini-transactions in buf up to the first that ends at `until` or later. */
static struct err *cut_after(const uint8_t *buf, size_t *len, lsn_t lsn, lsn_t until,
                             enum redo_mtr_form form)
{
    for (size_t at = 0; at < *len;) {
        struct redo_mtr m;
        size_t mtr_len;
        TRY(redo_mtr_open(&m, buf + at, *len - at, lsn + at, form, &mtr_len));
        at += mtr_len;
        if (lsn + at >= until)
            *len = at;
    }
    return NULL;
}

/* Finds what is whole in [lsn, limit), and stops at the first boundary at or behind `until`. */
static struct err *take(struct source *s, lsn_t lsn, lsn_t limit, lsn_t until,
                        struct tail_find *found)
{
    size_t n = READ_BYTES, got;
    if (n > limit - lsn)
        n = (size_t)(limit - lsn);
    if (n > s->file.geometry.capacity)
        n = (size_t)s->file.geometry.capacity;
    TRY(log_file_read(&s->file, s->buf, lsn, n, &got, s->path));
    size_t framed = redo_frame(s->buf, got, lsn, limit, &s->file.geometry);
    if (!framed)
        return NULL;
    /* T3: had the server lapped us twice, the sequence bit would be right again; its newest checkpoint tells. */
    if (s->conn) {
        TRY(log_file_read_header(&s->file, s->path));
        TRY(check_overrun(s, lsn));
    }
    if (until != LSN_MAX)
        TRY(cut_after(s->buf, &framed, lsn, until, s->cipher.form));
    found->bytes = s->buf;
    found->len = framed;
    found->spool_offset = lsn - s->base.start_lsn;
    return NULL;
}

/* M2: servers keep the key of a log that they resize. */
static struct err *check_same_key(const struct source *s, const struct log_file *next)
{
    const struct redo_log_header *old = &s->file.header, *new = &next->header;
    if (new->format == old->format &&
        !memcmp(new->encryption, old->encryption, sizeof new->encryption))
        return NULL;
    return err_hint(err_make(SERVER, "%s: the log was resized and has another key since", s->path),
                    "Take the backup again.");
}

static void adopt(struct source *s, const struct log_file *next, lsn_t lsn)
{
    close(s->file.fd);
    s->file = *next;
    s->flushed = lsn; /* to be asked again, of this file */
    atomic_store(&s->base.capacity, next->geometry.capacity);
    atomic_fetch_add(&s->base.resizes, 1);
    log_info(s->log, "redo",
             "log resized by the server: now %" PRIu64 " MiB, followed at LSN %" PRIu64,
             next->size >> 20, lsn);
}

/* M2. The old file holds all up to where the server left it, which lies behind the new file's first LSN: that far, to the
 * first boundary, no bound by flushed LSN is needed; beyond, it may end in stale bytes. */
static struct err *follow_resize(struct source *s, lsn_t lsn, struct tail_find *found)
{
    struct log_file next;
    struct err *e = log_file_open(&next, s->path, LEAST_LIVE);
    if (e && (e->os_errno == ENOENT || e->kind == ERR_CORRUPT)) {
        err_free(e); /* still being made; look again */
        return NULL;
    }
    TRY(e);
    const lsn_t first = next.geometry.first_lsn;
    e = check_same_key(s, &next);
    if (e) {
        close(next.fd);
        return e;
    }
    if (lsn >= first) {
        adopt(s, &next, lsn);
        found->moved = true;
        return NULL;
    }
    close(next.fd);
    TRY(take(s, lsn, first + REDO_MTR_MAX, first, found));
    if (found->len)
        return NULL;
    return err_make(SERVER,
                    "%s: the log was resized, and its old file ends at LSN %" PRIu64
                    ", before the new one begins (%" PRIu64 ")",
                    s->path, lsn, first);
}

static struct err *look(struct tail_source *base, lsn_t lsn, struct tail_find *found)
{
    struct source *s = source_of(base);
    if (!s->conn)
        return take(s, lsn, LSN_MAX, LSN_MAX, found);
    if (lsn >= s->flushed || clock_seconds() - s->asked_at > ASK_AGAIN_MS / 1000.0) {
        bool replaced;
        TRY(ask_flushed(s, &replaced));
        if (replaced)
            return follow_resize(s, lsn, found);
    }
    return lsn < s->flushed ? take(s, lsn, s->flushed, LSN_MAX, found) : NULL;
}

static struct err *observe(struct tail_source *base, const struct tail_find *found, lsn_t *lsn,
                           lsn_t end_lsn)
{
    const lsn_t from = *lsn;
    *lsn += found->len;
    if (!source_of(base)->conn)
        atomic_store(&base->server_lsn, *lsn);
    return take_file_records(source_of(base), found->bytes, found->len, from, end_lsn);
}

static struct err *look_around(struct tail_source *base, lsn_t lsn)
{
    struct source *s = source_of(base);
    bool replaced;
    TRY(log_file_read_header(&s->file, s->path));
    if (lsn < s->flushed)
        TRY(ask_flushed(s, &replaced));
    return check_overrun(s, lsn);
}

static struct err *check_end(struct tail_source *base, lsn_t lsn)
{
    const struct source *s = source_of(base);
    if (lsn > s->base.checkpoint_end)
        return NULL;
    return err_make(
        CORRUPT, "%s: ends at LSN %" PRIu64 ", and its checkpoint at LSN %" PRIu64 " at %" PRIu64,
        s->path, lsn, s->base.start_lsn, s->base.checkpoint_end);
}

static void leave(struct tail_source *base)
{
    (void)base;
}

static uint64_t headroom(const struct tail_source *base, lsn_t lsn)
{
    const lsn_t server = atomic_load(&base->server_lsn);
    const uint64_t capacity = atomic_load(&base->capacity);
    const uint64_t behind = server > lsn ? server - lsn : 0;
    return behind + OVERRUN_MARGIN > capacity ? 0 : capacity - OVERRUN_MARGIN - behind;
}

static const struct file_ops *file_ops(struct tail_source *base)
{
    return &source_of(base)->ops;
}

static const struct ddl_events *ddl_events(struct tail_source *base)
{
    (void)base;
    return NULL;
}

static void source_free(struct tail_source *base)
{
    struct source *s = source_of(base);
    conn_close(s->conn);
    if (s->file.fd >= 0)
        close(s->file.fd);
    file_ops_fini(&s->ops);
    redo_cipher_fini(&s->cipher);
    free(s->buf);
    free(s->path);
    free(s);
}

/* The right key, not only one: without it every name would be another one. */
static struct err *open_cipher(struct source *s, struct key_file *keys)
{
    const struct redo_log_header *h = &s->file.header;
    const lsn_t at = h->checkpoint_end_lsn;
    size_t got;
    TRY_AT(redo_cipher_init(&s->cipher, h, key_file_keys(keys)), "%s", s->path);
    if (!h->encrypted)
        return NULL;
    TRY(log_file_read(&s->file, s->buf, at, REDO_MTR_MAX, &got, s->path));
    const size_t framed = redo_frame(s->buf, got, at, at + got, &s->file.geometry);
    if (!framed) /* overwritten meanwhile: there will be no backup, for that reason */
        return NULL;
    return err_wrap(redo_cipher_check(&s->cipher, h, s->buf, framed), "%s", s->path);
}

static struct err *source_open(struct tail_source **out, const struct tailer_options *options)
{
    struct source *s = mem_zalloc(sizeof *s);
    s->base.family = &tail_mariadb;
    s->file.fd = -1;
    *out = &s->base;
    s->path = mem_strdup(options->log_path);
    s->log = options->log;
    s->buf = mem_alloc_aligned(READ_BYTES);
    if (!options->at_rest)
        TRY(conn_open(&s->conn, &options->conn));
    TRY(log_file_open(&s->file, s->path, options->at_rest ? LEAST_AT_REST : LEAST_LIVE));
    TRY(open_cipher(s, options->keys));
    s->base.start_lsn = s->file.header.checkpoint_lsn;
    s->base.checkpoint_end = s->file.header.checkpoint_end_lsn;
    s->base.origin.mariadb = s->file.header;
    atomic_store(&s->base.server_lsn, s->base.start_lsn);
    atomic_store(&s->base.capacity, s->file.geometry.capacity);
    return NULL;
}

const struct tail_family tail_mariadb = {
    .idle_ms = 20,
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
