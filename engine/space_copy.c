/* engine/space_copy.c: see space_copy.h. */
#include "engine/space_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/workers.h"
#include "innodb/doublewrite.h"
#include "innodb/fil_page.h"
#include "innodb/page_crypt.h"

enum {
    RANGE_BYTES = 64 << 20, /* work item of a thread */
    TORN_TRIES = 30,        /* about 2 s of reading again */
    PAGE_0_TRIES = 200,
};

/* One file on its way; several threads copy ranges of it. */
struct job {
    const struct listed_space *listed;
    enum space_copy_mode mode;
    pthread_mutex_t lock; /* guards all below but the atomics */
    enum { JOB_NEW, JOB_OPEN, JOB_SKIP, JOB_DONE } state;
    int fd;
    uint32_t n_ranges;
    uint32_t ranges_left;
    uint64_t end; /* highest offset copied */
    struct space_format format;
    struct doublewrite dblwr;
    bool is_mysql;
    struct space_key key; /* once keyed is set */
    _Atomic bool keyed;
    bool told_of_key;
    space_id_t id;
    lsn_t lsn_at_start; /* noted before the file was opened */
    lsn_t page_lsn;
    struct space_claim claim;
    struct stat st; /* when it was opened */
    bool st_proves;
    bool damage_may_wait; /* as the set has it */
    _Atomic bool is_suspect;
    char *suspect;
};

struct copy_queue {
    struct space_set *set;
    struct job *jobs;
    size_t n_jobs;
    pthread_mutex_t lock; /* guards next_job, next_range */
    size_t next_job;
    uint32_t next_range;
};

/* An area that cannot be read has no pages: they are judged like any other. */
static void find_doublewrite(struct job *j, const char *path)
{
    const uint32_t size = j->format.page_size;
    AUTO_FREE uint8_t *trx_sys = mem_alloc_aligned(size);
    size_t got = 0;
    struct err *e = file_pread(j->fd, trx_sys, size, (uint64_t)TRX_SYS_PAGE_NO * size, &got, path);
    err_free(e);
    if (!e && got == size)
        j->dblwr = doublewrite_of(trx_sys, size);
}

/* The key of an encrypted tablespace, if we have any keys. */
static struct err *find_key(struct job *j, const struct copy_env *env, const uint8_t *page_0)
{
    if (!env->keys || atomic_load(&j->keyed))
        return NULL;
    for (bool again = true; again;) {
        struct err *e = space_key_find(&j->key, &j->format, page_0, key_file_keys(env->keys));
        TRY_AT(key_file_retry(env->keys, e, &again), "%s", j->listed->path);
    }
    atomic_store(&j->keyed, j->key.kind != SPACE_KEY_NONE);
    return NULL;
}

/* Waits for a whole page 0. *found false: all zero or shorter than a page: left to the redo. */
static struct err *read_page_0(struct job *j, const struct copy_env *env, const char *path,
                               bool *found)
{
    const uint32_t page_size = env->datadir->page_size;
    AUTO_FREE uint8_t *p = mem_alloc_aligned(page_size);
    char why[160] = "shorter than a page";
    for (int attempt = 0; attempt < PAGE_0_TRIES; attempt++) {
        size_t got = 0;
        TRY(file_pread(j->fd, p, page_size, 0, &got, path));
        *found = got >= INNODB_PAGE_SIZE_MIN / 4 && !bytes_are_zero(p, got);
        if (!*found)
            return NULL;
        const uint32_t flags = be32(p + FSP_FLAGS);
        struct err *e = space_format_decode(&j->format, flags, page_size);
        if (!e && got >= j->format.physical) {
            j->id = be32(p + FIL_SPACE);
            j->page_lsn = be64(p + FIL_LSN);
            if (page_check(&j->format, j->id, 0, p, why) == PAGE_OK) {
                e = find_key(j, env, p);
                if (!e || e->kind != ERR_CORRUPT)
                    return e;
                /* the key of a new tablespace is in the redo, and not on page 0 yet */
                snprintf(why, sizeof why, "%s", e->message);
                err_free(e);
            }
        } else if (e) {
            snprintf(why, sizeof why, "%s", e->message);
            err_free(e);
        }
        struct stat st;
        if (fstat(j->fd, &st) == 0 && st.st_nlink == 0) {
            *found = false; /* dropped */
            return NULL;
        }
        TRY(signals_check());
        clock_sleep_ms(10);
    }
    return err_make(CORRUPT, "%s: page 0 at offset 0: %s", path, why);
}

static struct err *read_system_format(struct job *j, const struct copy_env *env)
{
    struct job first = {.fd = -1, .listed = j->listed};
    const char *path = env->datadir->system_paths[0];
    bool found;
    TRY(file_open(&first.fd, path, O_RDONLY, 0));
    struct err *e = read_page_0(&first, env, path, &found);
    close(first.fd);
    TRY(e);
    if (!found)
        return err_make(CORRUPT, "%s: page 0 is all zero", path);
    j->format = first.format;
    j->key = first.key;
    atomic_store(&j->keyed, atomic_load(&first.keyed));
    j->id = 0;
    return NULL;
}

/* Takes the space for this job, unless it is copied already. */
static struct err *claim(struct space_set *s, struct job *j)
{
    const struct archive_attr attr = {.kind = ARCHIVE_SPACE,
                                      .mode = j->st.st_mode & 07777,
                                      .mtime = j->st.st_mtime,
                                      .space_id = j->id,
                                      .page_size = j->format.physical,
                                      .space_flags = j->format.flags,
                                      .first_page = j->listed->first_page};
    const struct copied_space copy = {
        .id = j->id,
        .name = j->listed->name,
        .system = j->listed->system,
        .first_page = j->listed->first_page,
        .lsn_at_start = j->lsn_at_start,
        .page_lsn = j->page_lsn,
        .stamp = {j->st.st_dev, j->st.st_ino, j->st.st_mtim, j->st.st_ctim, j->st_proves},
        .attr = attr};
    return space_set_claim(s, &copy, j->mode, &j->claim);
}

static struct err *note_corrupt(struct copy_env *env, char *text)
{
    log_error(env->log, "copy", "%s", text);
    if (!env->allow_corrupt) {
        struct err *e = err_make(CORRUPT, "%s", text);
        free(text);
        return err_hint(e, "The page is damaged on the server's disk. CHECK TABLE tells more; "
                           "--allow-corrupt lists all "
                           "such pages and marks the backup as damaged.");
    }
    pthread_mutex_lock(&env->lock);
    if (env->n_corrupt < CORRUPT_LISTED_MAX) {
        mem_grow(&env->corrupt, &env->cap_corrupt, env->n_corrupt, sizeof *env->corrupt);
        env->corrupt[env->n_corrupt++] = text;
    } else {
        free(text);
    }
    pthread_mutex_unlock(&env->lock);
    return NULL;
}

static struct err *leave_for_later(struct copy_env *env, char *text)
{
    log_debug(env->log, "copy", "%s; to be tried again", text);
    free(text);
    return NULL;
}

/* Opens the file and learns what it is; j->lock is held. */
static struct err *job_open(struct space_set *s, struct job *j)
{
    const char *path = j->listed->path;
    struct err *e = NULL;
    bool found = true, absent;
    j->state = JOB_SKIP;
    j->lsn_at_start = tailer_lsn(s->env->tail);
    TRY(file_absent(file_open(&j->fd, path, O_RDONLY, 0), &absent));
    if (absent) {
        log_debug(s->env->log, "copy", "%s vanished before it was opened", j->listed->name);
        return NULL;
    }
    if (fstat(j->fd, &j->st))
        return err_os("%s: cannot stat", path);
    j->st_proves = time(NULL) - j->st.st_mtime > 1 && time(NULL) - j->st.st_ctime > 1;
    if (j->listed->system)
        TRY(read_system_format(j, s->env));
    else
        e = read_page_0(j, s->env, path, &found);
    if (e && e->kind == ERR_CORRUPT) {
        char *text = mem_strdup(e->message);
        err_free(e);
        return j->damage_may_wait ? leave_for_later(s->env, text) : note_corrupt(s->env, text);
    }
    TRY(e);
    if (!found) {
        log_debug(s->env->log, "copy", "%s: page 0 not written yet, left to the redo",
                  j->listed->name);
        return NULL;
    }
    if (j->listed->system && !j->listed->first_page)
        find_doublewrite(j, path);
    (void)posix_fadvise(j->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    TRY(claim(s, j));
    if (j->claim.claimed)
        j->state = JOB_OPEN;
    return NULL;
}

/* Whether the page is whole, but of another space: a tablespace file that IMPORT is rewriting, or will. */
static bool is_of_other_space(const struct job *j, const uint8_t *page, page_no_t no)
{
    char why[160];
    return !j->listed->system &&
           page_check(&j->format, be32(page + FIL_SPACE), no, page, why) != PAGE_CORRUPT;
}

/* Takes text. */
static void note_suspect(struct job *j, char *text)
{
    pthread_mutex_lock(&j->lock);
    if (j->suspect)
        free(text);
    else
        j->suspect = text;
    pthread_mutex_unlock(&j->lock);
    atomic_store(&j->is_suspect, true);
}

static bool is_to_be_copied_again(struct job *j)
{
    return j->damage_may_wait && atomic_load(&j->is_suspect);
}

/* The page stays bad. */
static struct err *give_up(struct copy_env *env, struct job *j, const uint8_t *page, page_no_t no,
                           uint64_t offset, const char *why)
{
    const char *path = j->listed->path;
    if (is_of_other_space(j, page, no)) {
        note_suspect(j, mem_printf("%s: page %" PRIu32 " at offset %" PRIu64
                                   ": belongs to space %" PRIu32 ", not %" PRIu32,
                                   path, no, offset, be32(page + FIL_SPACE), j->id));
        return NULL;
    }
    char *text =
        mem_printf("%s: page %" PRIu32 " at offset %" PRIu64 ": %s", path, no, offset, why);
    if (!j->damage_may_wait)
        return note_corrupt(env, text);
    note_suspect(j, text);
    return NULL;
}

static enum page_state judge_page(struct job *j, page_no_t no, const uint8_t *page,
                                  uint8_t *scratch, char *why)
{
    const struct space_key *key = atomic_load(&j->keyed) ? &j->key : NULL;
    return page_crypt_check(key, &j->format, j->id, no, page, scratch, why);
}

/* The page at `offset` failed its check: it may be half written just now. *gone: the file was cut off before it. */
static struct err *settle_page(struct copy_env *env, struct job *j, uint8_t *page, page_no_t no,
                               uint64_t offset, uint8_t *scratch, char *why, bool *gone)
{
    const char *path = j->listed->path;
    if (atomic_load(&j->is_suspect) && (j->damage_may_wait || is_of_other_space(j, page, no)))
        return NULL; /* one like it was waited for in vain */
    for (int attempt = 0; attempt < TORN_TRIES; attempt++) {
        size_t got;
        clock_sleep_ms(attempt < 10 ? 5 : 100);
        TRY(signals_check());
        TRY(file_pread(j->fd, page, j->format.physical, offset, &got, path));
        atomic_fetch_add(&env->pages_reread, 1);
        if (got < j->format.physical) {
            *gone = true;
            return NULL;
        }
        if (judge_page(j, no, page, scratch, why) != PAGE_CORRUPT)
            return NULL;
    }
    struct stat st;
    if (fstat(j->fd, &st) == 0 && st.st_nlink == 0)
        return NULL; /* dropped: its redo says so */
    return give_up(env, j, page, no, offset, why);
}

/* Page 0 once more, for the key alone: other threads use what the first look has told. */
static struct err *learn_key(struct job *j, const struct copy_env *env)
{
    struct job again = {.fd = j->fd, .listed = j->listed};
    bool found;
    TRY(read_page_0(&again, env, j->listed->path, &found));
    j->key = again.key;
    atomic_store(&j->keyed, atomic_load(&again.keyed));
    return NULL;
}

/* An encrypted page was met, and no key is known: the tablespace became encrypted since it was opened, or there are no keys.
 * MariaDB's pages have a checksum over what is stored; MySQL's have none. */
static struct err *meet_encrypted(struct copy_env *env, struct job *j, page_no_t no)
{
    struct err *e = NULL;
    pthread_mutex_lock(&j->lock);
    if (env->keys && !atomic_load(&j->keyed) && !j->listed->system)
        e = learn_key(j, env);
    const bool keyed = atomic_load(&j->keyed), told = j->told_of_key;
    j->told_of_key = true;
    pthread_mutex_unlock(&j->lock);
    TRY(e);
    if (keyed)
        return NULL;
    if (j->is_mysql)
        return err_hint(
            err_make(REFUSED,
                     "%s: page %" PRIu32
                     " is encrypted: without its key it cannot be told whether it is whole",
                     j->listed->path, no),
            "Name the server's key file (--keyring-file).");
    if (!told)
        log_info(env->log, "copy", "%s is encrypted: a restore needs the server's key file",
                 j->listed->name);
    return NULL;
}

/* Checks the pages of buf (file offset `at`), settles torn ones. *n: bytes of whole pages to keep. */
static struct err *check_pages(struct copy_env *env, struct job *j, uint8_t *buf, size_t *n,
                               uint64_t at, uint8_t *scratch)
{
    const uint32_t size = j->format.physical;
    char why[160];
    *n -= *n % size;
    for (size_t i = 0; i < *n; i += size) {
        const page_no_t no = j->listed->first_page + (page_no_t)((at + i) / size);
        if (doublewrite_has(&j->dblwr, no))
            continue;
        if (!atomic_load(&j->keyed) && page_is_encrypted(&j->format, buf + i, no))
            TRY(meet_encrypted(env, j, no));
        if (judge_page(j, no, buf + i, scratch, why) == PAGE_CORRUPT) {
            bool gone = false;
            TRY(settle_page(env, j, buf + i, no, at + i, scratch, why, &gone));
            if (gone) {
                *n = i;
                return NULL;
            }
        }
    }
    return NULL;
}

/* Reading gives way to the redo tail when that falls behind. */
static struct err *give_way(struct copy_env *env)
{
    for (int i = 0; i < 200; i++) {
        uint64_t capacity;
        const uint64_t headroom = tailer_headroom(env->tail, &capacity);
        if (headroom > capacity / 2)
            return NULL;
        TRY(tailer_check(env->tail));
        TRY(signals_check());
        clock_sleep_ms(5);
        if (headroom > capacity / 4 && i >= 4)
            return NULL;
    }
    return NULL;
}

static void note_redo(struct copy_env *env)
{
    uint64_t capacity;
    const uint64_t headroom = tailer_headroom(env->tail, &capacity);
    progress_note(env->progress, "redo %" PRIu64 " MiB, headroom %" PRIu64 " of %" PRIu64 " MiB",
                  (tailer_lsn(env->tail) - tailer_start_lsn(env->tail)) >> 20, headroom >> 20,
                  capacity >> 20);
}

static struct err *copy_range(struct copy_env *env, struct job *j, uint64_t from, uint64_t to,
                              uint64_t *end)
{
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(ARCHIVE_PIECE_MAX);
    AUTO_FREE uint8_t *scratch = mem_alloc_aligned(j->format.physical);
    note_redo(env);
    for (uint64_t at = from; at < to && !is_to_be_copied_again(j);) {
        TRY(signals_check());
        TRY(tailer_check(env->tail));
        TRY(give_way(env));
        const size_t want = to - at < ARCHIVE_PIECE_MAX ? (size_t)(to - at) : ARCHIVE_PIECE_MAX;
        size_t n;
        TRY(file_pread(j->fd, buf, want, at, &n, j->listed->path));
        TRY(check_pages(env, j, buf, &n, at, scratch));
        if (n)
            TRY(archive_write(env->writer, j->claim.entry, at, buf, n));
        atomic_fetch_add(&env->bytes_read, n);
        progress_add(env->progress, n);
        at += n;
        *end = at;
        if (n < want)
            return NULL; /* end of the file, as of now */
    }
    return NULL;
}

static struct err *finish(struct space_set *s, struct job *j)
{
    char *suspect = j->suspect;
    j->suspect = NULL;
    return space_set_finish(s, j->claim.item, j->end, suspect);
}

static struct err *job_range(struct space_set *s, struct job *j, uint32_t range)
{
    struct err *e = NULL;
    pthread_mutex_lock(&j->lock);
    if (j->state == JOB_NEW)
        e = job_open(s, j);
    const bool copy = !e && j->state == JOB_OPEN;
    pthread_mutex_unlock(&j->lock);
    uint64_t end = 0;
    if (copy) {
        const uint64_t from = (uint64_t)range * RANGE_BYTES;
        const bool last = range + 1 == j->n_ranges;
        e = copy_range(s->env, j, from, last ? UINT64_MAX : from + RANGE_BYTES, &end);
    }
    pthread_mutex_lock(&j->lock);
    if (end > j->end)
        j->end = end;
    const bool finished = --j->ranges_left == 0;
    pthread_mutex_unlock(&j->lock);
    if (finished) {
        if (!e && j->state == JOB_OPEN)
            e = finish(s, j);
        if (j->fd >= 0)
            close(j->fd);
        j->fd = -1;
        j->state = JOB_DONE;
    }
    return e;
}

static void job_init(struct job *j, const struct space_set *s, const struct listed_space *listed,
                     enum space_copy_mode mode, uint64_t size)
{
    *j = (struct job){.listed = listed,
                      .mode = mode,
                      .fd = -1,
                      .is_mysql = s->by_file,
                      .damage_may_wait = s->damage_may_wait};
    j->n_ranges = j->ranges_left =
        (uint32_t)(size / RANGE_BYTES + (size % RANGE_BYTES != 0)) + (size == 0);
    pthread_mutex_init(&j->lock, NULL);
}

static void job_fini(struct job *j)
{
    if (j->fd >= 0)
        close(j->fd);
    space_key_wipe(&j->key);
    free(j->suspect);
    pthread_mutex_destroy(&j->lock);
}

static struct err *queue_work(void *ctx, bool *more)
{
    struct copy_queue *q = ctx;
    pthread_mutex_lock(&q->lock);
    if (q->next_job == q->n_jobs) {
        *more = false;
        pthread_mutex_unlock(&q->lock);
        return NULL;
    }
    struct job *j = &q->jobs[q->next_job];
    const uint32_t range = q->next_range++;
    if (q->next_range == j->n_ranges) {
        q->next_job++;
        q->next_range = 0;
    }
    pthread_mutex_unlock(&q->lock);
    return job_range(q->set, j, range);
}

struct err *space_set_copy_these(struct space_set *s, const struct listed_space *const *spaces,
                                 size_t n)
{
    struct copy_queue q = {.set = s, .n_jobs = 0};
    q.jobs = mem_alloc((n + 1) * sizeof *q.jobs);
    pthread_mutex_init(&q.lock, NULL);
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        if (stat(spaces[i]->path, &st))
            st.st_size = 0; /* vanished, or unreadable: opening it will tell */
        job_init(&q.jobs[q.n_jobs++], s, spaces[i], SPACE_COPY_ONCE, (uint64_t)st.st_size);
    }
    struct err *e = workers_run(s->env->parallel, queue_work, &q);
    for (size_t i = 0; i < q.n_jobs; i++)
        job_fini(&q.jobs[i]);
    free(q.jobs);
    pthread_mutex_destroy(&q.lock);
    return e;
}

struct err *space_set_copy_all(struct space_set *s, const struct listing *list)
{
    const struct listed_space **spaces = mem_alloc((list->n_spaces + 1) * sizeof *spaces);
    for (size_t i = 0; i < list->n_spaces; i++)
        spaces[i] = &list->spaces[i];
    struct err *e = space_set_copy_these(s, spaces, list->n_spaces);
    free(spaces);
    return e;
}

struct err *space_set_copy_one(struct space_set *s, const struct listed_space *space,
                               enum space_copy_mode mode)
{
    struct job j;
    job_init(&j, s, space, mode, 0);
    struct err *e = job_range(s, &j, 0);
    job_fini(&j);
    return e;
}
