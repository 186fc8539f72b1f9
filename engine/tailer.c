/* engine/tailer.c: see tailer.h for the invariants T1..T4. */
#include "engine/tailer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"

#define LSN_MAX UINT64_MAX

enum {
    READ_BYTES = 4 << 20,
    ASK_AGAIN_MS =
        100, /* age of the server's answer at which it is asked again even while there is much to read */
    IDLE_MS = 20,   /* between looks at a quiet log */
    AWAITED_MS = 2, /* the same when somebody waits for an LSN */
    OVERRUN_MARGIN = 1 << 20,
};

/* One opened log file. */
struct log_file {
    int fd;
    dev_t dev;
    ino_t inode;
    uint64_t size;
    struct redo_geometry geometry;
    lsn_t checkpoint_lsn, checkpoint_end;
};

struct tailer {
    char *path, *spool_path;
    struct log *log;
    struct conn *conn;
    struct log_file file;
    int spool_fd;
    uint8_t *buf;
    lsn_t start_lsn; /* of the spool's first byte */
    lsn_t checkpoint_end;
    lsn_t flushed; /* T2: the server's last answer that is true of the file we have open */
    double asked_at;
    _Atomic lsn_t lsn;
    _Atomic lsn_t server_lsn; /* newest known */
    _Atomic uint64_t capacity;
    atomic_uint resizes;
    atomic_bool stop, awaited, failed;
    _Atomic lsn_t end_lsn; /* file records of mtrs from here on are not taken */
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* guards ops and error */
    pthread_cond_t moved; /* signalled with lock held when lsn or error changes */
    struct file_ops ops;
    struct err *error;
};

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
            f->checkpoint_lsn = h.checkpoint_lsn;
            f->checkpoint_end = h.checkpoint_end_lsn;
            break;
        }
        if (!e)
            e = err_make(CORRUPT, "no valid checkpoint in the log header");
        clock_sleep_ms(10); /* torn by a write in progress */
    }
    free(area);
    return err_wrap(e, "%s", path);
}

static struct err *log_file_open(struct log_file *f, const char *path)
{
    struct stat st;
    *f = (struct log_file){.fd = -1};
    TRY(file_open(&f->fd, path, O_RDONLY, 0));
    struct err *e = NULL;
    if (fstat(f->fd, &st))
        e = err_os("%s: cannot stat", path);
    else if (st.st_size <= REDO_START_OFFSET + REDO_MTR_MAX)
        e = err_make(CORRUPT, "%s: %lld bytes is no redo log of a running server", path,
                     (long long)st.st_size);
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

/* Files named in the new bytes; called with lock held. */
static struct err *take_file_records(struct tailer *t, const uint8_t *buf, size_t len, lsn_t lsn)
{
    for (size_t at = 0; at < len;) {
        struct redo_mtr m;
        size_t mtr_len;
        TRY(redo_mtr_open(&m, buf + at, len - at, lsn + at, &mtr_len));
        if (m.start < atomic_load(&t->end_lsn) && redo_mtr_has_file_records(buf + at)) {
            struct redo_record rec;
            for (bool more = true;;) {
                TRY(redo_mtr_next(&m, &rec, &more));
                if (!more || rec.type < REDO_FILE_CREATE)
                    break;
                TRY(file_ops_add(&t->ops, &rec, m.start));
            }
        }
        at += mtr_len;
    }
    return NULL;
}

static struct err *check_overrun(const struct tailer *t, lsn_t lsn)
{
    const lsn_t server = t->flushed > t->file.checkpoint_end ? t->flushed : t->file.checkpoint_end;
    if (server < lsn || server - lsn <= t->file.geometry.capacity - OVERRUN_MARGIN)
        return NULL;
    return err_hint(
        err_make(SERVER,
                 "redo log overwritten before it was read: the server is at LSN %" PRIu64
                 ", mbe at %" PRIu64 " (%" PRIu64 " MiB behind), and the log holds %" PRIu64 " MiB",
                 server, lsn, (server - lsn) >> 20, t->file.geometry.capacity >> 20),
        "Make the log larger (SET GLOBAL innodb_log_file_size) or take the backup at a quieter "
        "time.");
}

/* Whether the log's name belongs to another file by now. */
static struct err *was_replaced(const struct tailer *t, bool *replaced)
{
    struct stat st;
    *replaced = true;
    if (!stat(t->path, &st))
        *replaced = st.st_ino != t->file.inode || st.st_dev != t->file.dev;
    else if (errno != ENOENT)
        return err_os("%s: cannot stat", t->path);
    return NULL;
}

/* T2, T4: how far the log is flushed. When it was replaced by the time the answer is there, the answer may count bytes
 * that only the new file holds, and says nothing about ours. */
static struct err *ask_flushed(struct tailer *t, bool *replaced)
{
    uint64_t flushed;
    TRY(conn_status_u64(t->conn, &flushed, "Innodb_lsn_flushed"));
    t->asked_at = clock_seconds();
    atomic_store(&t->server_lsn, flushed);
    TRY(was_replaced(t, replaced));
    if (!*replaced && flushed > t->flushed)
        t->flushed = flushed;
    return NULL;
}

/* Length of the mini-transactions in buf up to the first that ends at `until` or later. */
static struct err *cut_after(const uint8_t *buf, size_t *len, lsn_t lsn, lsn_t until)
{
    for (size_t at = 0; at < *len;) {
        struct redo_mtr m;
        size_t mtr_len;
        TRY(redo_mtr_open(&m, buf + at, *len - at, lsn + at, &mtr_len));
        at += mtr_len;
        if (lsn + at >= until)
            *len = at;
    }
    return NULL;
}

/* Takes what is whole in [lsn, limit), and stops at the first boundary at or behind `until`. *progress: bytes were taken. */
static struct err *take(struct tailer *t, lsn_t limit, lsn_t until, bool *progress)
{
    const lsn_t lsn = atomic_load(&t->lsn);
    size_t n = READ_BYTES, got;
    *progress = false;
    if (n > limit - lsn)
        n = (size_t)(limit - lsn);
    if (n > t->file.geometry.capacity - 1)
        n = (size_t)(t->file.geometry.capacity - 1);
    TRY(log_file_read(&t->file, t->buf, lsn, n, &got, t->path));
    size_t framed = redo_frame(t->buf, got, lsn, limit, &t->file.geometry);
    if (!framed)
        return NULL;
    /* T3: had the server lapped us twice, the sequence bit would be right again; its newest checkpoint tells. */
    TRY(log_file_read_header(&t->file, t->path));
    TRY(check_overrun(t, lsn));
    if (until != LSN_MAX)
        TRY(cut_after(t->buf, &framed, lsn, until));
    TRY(file_pwrite(t->spool_fd, t->buf, framed, lsn - t->start_lsn, t->spool_path));
    pthread_mutex_lock(&t->lock);
    struct err *e = take_file_records(t, t->buf, framed, lsn);
    atomic_store(&t->lsn, lsn + framed);
    pthread_cond_broadcast(&t->moved);
    pthread_mutex_unlock(&t->lock);
    *progress = true;
    return e;
}

static void adopt(struct tailer *t, const struct log_file *next)
{
    const lsn_t lsn = atomic_load(&t->lsn);
    close(t->file.fd);
    t->file = *next;
    t->flushed = lsn; /* to be asked again, of this file */
    atomic_store(&t->capacity, next->geometry.capacity);
    atomic_fetch_add(&t->resizes, 1);
    log_info(t->log, "redo",
             "log resized by the server: now %" PRIu64 " MiB, followed at LSN %" PRIu64,
             next->size >> 20, lsn);
}

/* T4. The old file holds all up to where the server left it, which lies behind the new file's first LSN: that far, to the
 * first boundary, no bound by flushed LSN is needed; beyond, it may end in stale bytes. */
static struct err *follow_resize(struct tailer *t, bool *progress)
{
    struct log_file next;
    *progress = false;
    struct err *e = log_file_open(&next, t->path);
    if (e && (e->os_errno == ENOENT || e->kind == ERR_CORRUPT)) {
        err_free(e); /* still being made; look again */
        return NULL;
    }
    TRY(e);
    const lsn_t first = next.geometry.first_lsn;
    if (atomic_load(&t->lsn) >= first) {
        adopt(t, &next);
        *progress = true;
        return NULL;
    }
    close(next.fd);
    TRY(take(t, first + REDO_MTR_MAX, first, progress));
    if (*progress)
        return NULL;
    return err_make(SERVER,
                    "%s: the log was resized, and its old file ends at LSN %" PRIu64
                    ", before the new one begins (%" PRIu64 ")",
                    t->path, atomic_load(&t->lsn), first);
}

/* One look at the log. */
static struct err *step(struct tailer *t, bool *progress)
{
    const lsn_t lsn = atomic_load(&t->lsn);
    *progress = false;
    if (lsn >= t->flushed || clock_seconds() - t->asked_at > ASK_AGAIN_MS / 1000.0) {
        bool replaced;
        TRY(ask_flushed(t, &replaced));
        if (replaced)
            return follow_resize(t, progress);
    }
    if (lsn < t->flushed)
        TRY(take(t, t->flushed, LSN_MAX, progress));
    return NULL;
}

/* Nothing to take: is that because all is read, or because something is wrong? */
static struct err *look_around(struct tailer *t)
{
    bool replaced;
    TRY(log_file_read_header(&t->file, t->path));
    if (atomic_load(&t->lsn) < t->flushed)
        TRY(ask_flushed(t, &replaced));
    return check_overrun(t, atomic_load(&t->lsn));
}

static struct err *follow(struct tailer *t)
{
    while (!atomic_load(&t->stop) && atomic_load(&t->lsn) < atomic_load(&t->end_lsn)) {
        bool progress;
        TRY(step(t, &progress));
        if (progress)
            continue;
        TRY(look_around(t));
        if (!atomic_load(&t->stop))
            clock_sleep_ms(atomic_load(&t->awaited) ? AWAITED_MS : IDLE_MS);
    }
    return NULL;
}

static void *thread_main(void *arg)
{
    struct tailer *t = arg;
    struct err *e = follow(t);
    if (e) {
        pthread_mutex_lock(&t->lock);
        t->error = err_wrap(e, "redo tail");
        atomic_store(&t->failed, true);
        pthread_cond_broadcast(&t->moved);
        pthread_mutex_unlock(&t->lock);
    }
    return NULL;
}

struct err *tailer_open(struct tailer **out, const struct tailer_options *options)
{
    AUTO(tailer) t = mem_zalloc(sizeof *t);
    t->spool_fd = t->file.fd = -1;
    atomic_store(&t->end_lsn, UINT64_MAX);
    t->path = mem_strdup(options->log_path);
    t->spool_path = mem_strdup(options->spool_path);
    t->log = options->log;
    t->buf = mem_alloc_aligned(READ_BYTES);
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->moved, &attr);
    pthread_condattr_destroy(&attr);
    TRY(conn_open(&t->conn, &options->conn));
    TRY(log_file_open(&t->file, t->path));
    if (t->file.geometry.encrypted)
        return err_make(REFUSED, "%s: the redo log is encrypted, which mbe cannot recover yet",
                        t->path);
    TRY(file_open(&t->spool_fd, t->spool_path, O_RDWR | O_CREAT | O_EXCL, 0600));
    t->start_lsn = t->file.checkpoint_lsn;
    t->checkpoint_end = t->file.checkpoint_end;
    atomic_store(&t->lsn, t->start_lsn);
    atomic_store(&t->server_lsn, t->start_lsn);
    atomic_store(&t->capacity, t->file.geometry.capacity);
    const int rc = pthread_create(&t->thread, NULL, thread_main, t);
    if (rc)
        return err_new_os(rc, __FILE__, __LINE__, "cannot start the redo thread");
    t->running = true;
    *out = t;
    t = NULL;
    return NULL;
}

lsn_t tailer_start_lsn(const struct tailer *t)
{
    return t->start_lsn;
}

lsn_t tailer_checkpoint_end(const struct tailer *t)
{
    return t->checkpoint_end;
}

lsn_t tailer_lsn(const struct tailer *t)
{
    return atomic_load(&t->lsn);
}

uint64_t tailer_headroom(const struct tailer *t, uint64_t *capacity)
{
    const lsn_t server = atomic_load(&t->server_lsn), lsn = atomic_load(&t->lsn);
    *capacity = atomic_load(&t->capacity);
    const uint64_t behind = server > lsn ? server - lsn : 0;
    return behind + OVERRUN_MARGIN > *capacity ? 0 : *capacity - OVERRUN_MARGIN - behind;
}

unsigned tailer_resizes(const struct tailer *t)
{
    return atomic_load(&t->resizes);
}

static struct err *error_copy(const struct err *e)
{
    if (!e)
        return NULL;
    struct err *copy = err_new(e->kind, e->file, e->line, "%s", e->message);
    return e->hint ? err_hint(copy, "%s", e->hint) : copy;
}

struct err *tailer_check(struct tailer *t)
{
    if (!atomic_load_explicit(&t->failed, memory_order_relaxed))
        return NULL;
    pthread_mutex_lock(&t->lock);
    struct err *e = error_copy(t->error);
    pthread_mutex_unlock(&t->lock);
    return e;
}

struct err *tailer_wait(struct tailer *t, lsn_t lsn, double timeout_seconds)
{
    const double end = clock_seconds() + timeout_seconds;
    struct err *e = NULL;
    atomic_store(&t->awaited, true);
    pthread_mutex_lock(&t->lock);
    while (!t->error && !signals_stop && atomic_load(&t->lsn) < lsn && clock_seconds() < end) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 100000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&t->moved, &t->lock, &until);
    }
    if (t->error)
        e = error_copy(t->error);
    else if (signals_stop)
        e = signals_check();
    else if (atomic_load(&t->lsn) < lsn)
        e = err_make(SERVER, "redo tail stays at LSN %" PRIu64 ", %" PRIu64 " expected for %.0f s",
                     atomic_load(&t->lsn), lsn, timeout_seconds);
    pthread_mutex_unlock(&t->lock);
    atomic_store(&t->awaited, false);
    return e;
}

const struct file_ops *tailer_ops(struct tailer *t)
{
    pthread_mutex_lock(&t->lock);
    return &t->ops;
}

void tailer_ops_release(struct tailer *t)
{
    pthread_mutex_unlock(&t->lock);
}

void tailer_end_at(struct tailer *t, lsn_t lsn)
{
    atomic_store(&t->end_lsn, lsn);
}

struct err *tailer_stop(struct tailer *t)
{
    if (t->running) {
        atomic_store(&t->stop, true);
        pthread_join(t->thread, NULL);
        t->running = false;
    }
    return tailer_check(t);
}

void tailer_free(struct tailer *t)
{
    if (!t)
        return;
    err_free(tailer_stop(t));
    conn_close(t->conn);
    if (t->file.fd >= 0)
        close(t->file.fd);
    if (t->spool_fd >= 0)
        close(t->spool_fd);
    file_ops_fini(&t->ops);
    err_free(t->error);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->moved);
    free(t->buf);
    free(t->path);
    free(t->spool_path);
    free(t);
}
