/* engine/space_copy.c: see space_copy.h. */
#include "engine/space_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/cold_read.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/workers.h"
#include "engine/new_index.h"
#include "engine/offline_server.h"
#include "engine/page_filter.h"
#include "innodb/doublewrite.h"
#include "innodb/fil_page.h"
#include "innodb/page_crypt.h"

enum {
    RANGE_BYTES = WITNESS_BYTES, /* work item of a thread */
    TORN_TRIES = 30,             /* about 2 s of reading again */
    PAGE_0_TRIES = 200,
    /* A compressed table's page can be so short, and the one behind page 0 be written before it. */
    PAGE_0_LEAST = INNODB_PAGE_SIZE_MIN / 4,
    READ_THROUGH_BYTES = 32 << 10, /* between changed pages: rather than two reads */
    LOOK_BYTES = 64 << 10,         /* of a file that the base has: passed over, or read, at once */
    COLD_BYTES = 16 << 20, /* what follows a page that is not in the file cache is read whole */
    HEADS_FROM_BYTES = 16 << 10, /* smaller pages are copied as fast as their heads */
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
    lsn_t lsn_at_start; /* noted before the file was opened; or the barrier, see choose_changes */
    lsn_t page_lsn;
    page_no_t size; /* in pages, as page 0 has it */
    struct space_claim claim;
    struct stat st; /* when it was opened */
    struct file_mark mark;
    struct page_filter filter;
    bool head_was_cold;               /* page 0 was not in the file cache when it was opened */
    const struct change_map *changes; /* of the file; NULL: all of it is read */
    bool untouched;                   /* since the base: nothing of it is read */
    struct space_witness *witnesses;
    uint32_t n_witnesses;
    bool damage_may_wait; /* as the set has it */
    _Atomic bool is_suspect;
    char *suspect;
    atomic_uint index_ages; /* of what was met in the file: enum index_age */
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

/* Whether page 0, which says of itself what it is, is whole; or a whole copy of it could be had. */
static struct err *is_whole_page_0(const struct job *j, const struct copy_env *env, uint8_t *p,
                                   char *why, bool *whole)
{
    *whole = page_check(&j->format, be32(p + FIL_SPACE), 0, p, why) == PAGE_OK;
    if (*whole || !env->torn)
        return NULL;
    return torn_pages_mend(env->torn, NULL, &j->format, be32(p + FIL_SPACE), 0, p, whole);
}

/* Waits for a whole page 0. *found false: all zero or shorter than a page: left to the redo, see check_made. */
static struct err *read_page_0(struct job *j, const struct copy_env *env, const char *path,
                               bool *found)
{
    const uint32_t page_size = env->datadir->page_size;
    AUTO_FREE uint8_t *p = mem_alloc_aligned(page_size);
    char why[160] = "shorter than a page";
    for (int attempt = 0; attempt < (env->torn ? 1 : PAGE_0_TRIES); attempt++) {
        size_t got = 0;
        bool whole;
        TRY(file_pread(j->fd, p, page_size, 0, &got, path));
        *found = got >= PAGE_0_LEAST && !bytes_are_zero(p, PAGE_0_LEAST);
        if (!*found)
            return NULL;
        const uint32_t flags = be32(p + FSP_FLAGS);
        struct err *e = space_format_decode(&j->format, flags, page_size);
        if (!e && got >= j->format.physical) {
            TRY(is_whole_page_0(j, env, p, why, &whole));
            j->id = be32(p + FIL_SPACE);
            j->page_lsn = be64(p + FIL_LSN);
            j->size = be32(p + FSP_SIZE);
            if (whole) {
                TRY_AT(space_format_decode(&j->format, be32(p + FSP_FLAGS), page_size), "%s", path);
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

/* Which file it is and how it stands, before anything of it is read. */
static struct err *take_mark(struct job *j)
{
    const char *path = j->listed->path;
    if (fstat(j->fd, &j->st))
        return err_os("%s: cannot stat", path);
    const time_t now = time(NULL);
    j->mark = (struct file_mark){.inode = j->st.st_ino,
                                 .size = (uint64_t)j->st.st_size,
                                 .mtime = j->st.st_mtim,
                                 .ctime = j->st.st_ctim,
                                 .proves = now - j->st.st_mtime > 1 && now - j->st.st_ctime > 1};
    j->mark.has_birth = file_birth(&j->mark.birth, j->fd);
    return NULL;
}

/* What of it is stored, now that its page 0 is known. */
static void choose_filter(const struct copy_env *env, struct job *j)
{
    const struct filtered_file file = {.id = j->id,
                                       .first_page = j->listed->first_page,
                                       .page_size = j->format.physical,
                                       .system = j->listed->system,
                                       .page_lsn = j->page_lsn,
                                       .mark = j->mark};
    const bool whole =
        env->stores_whole || (env->changes && change_map_distrusts(env->changes, j->id));
    page_filter_init(&j->filter, whole ? NULL : env->base, env->base_lsn, &file);
    if (j->listed->system || (j->format.flags & FSP_FLAG_SHARED))
        atomic_store(&j->index_ages, INDEX_UNCLEAR);
}

/* Whether only changed pages are read. What was written without redo behind the barrier is not in the map, whenever the file was
 * opened: the copy is as old as the barrier (mysql_judge.h, R4). Not of a file that was cut off; nor where page 0 shows that something
 * was written which the map does not know, as by an IMPORT into the same file. */
static void choose_changes(const struct space_set *s, struct job *j)
{
    const struct copy_env *env = s->env;
    const struct space_fact *base = j->filter.base;
    if (!env->changes || !base || j->mark.size < base->mark.size)
        return;
    if (j->page_lsn > env->base_lsn && j->page_lsn <= change_map_end(env->changes) &&
        !change_map_has(env->changes, j->id, 0)) {
        log_info(env->log, "copy", "%s: all of it is read: page tracking does not know of page 0",
                 j->listed->name);
        return;
    }
    j->changes = env->changes;
    j->lsn_at_start = s->barrier.lsn;
}

/* Nobody wrote to the file since the base: what the base knows of its parts is true of it still. */
static void choose_untouched(const struct copy_env *env, struct job *j)
{
    const struct space_fact *base = j->filter.base;
    j->untouched = base && env->base_same_run && file_mark_is_untouched(&base->mark, &j->mark);
    if (!j->untouched)
        return;
    j->n_witnesses = base->n_witnesses;
    j->witnesses = mem_alloc((j->n_witnesses + (size_t)1) * sizeof *j->witnesses);
    memcpy(j->witnesses, base->witnesses, j->n_witnesses * sizeof *j->witnesses);
    log_debug(env->log, "copy", "%s: not written since the base", j->listed->name);
}

/* Takes the space for this job, unless it is copied already. */
static struct err *claim(struct space_set *s, struct job *j)
{
    const struct archive_attr attr = {.kind = j->filter.base ? ARCHIVE_SPACE_DELTA : ARCHIVE_SPACE,
                                      .mode = j->st.st_mode & 07777,
                                      .mtime = j->st.st_mtime,
                                      .space_id = j->id,
                                      .page_size = j->format.physical,
                                      .space_flags = j->format.flags,
                                      .first_page = j->listed->first_page};
    const struct copied_space copy = {.id = j->id,
                                      .name = j->listed->name,
                                      .system = j->listed->system,
                                      .first_page = j->listed->first_page,
                                      .lsn_at_start = j->lsn_at_start,
                                      .by_map = j->changes != NULL,
                                      .head_was_cold = j->head_was_cold,
                                      .page_lsn = j->page_lsn,
                                      .dev = j->st.st_dev,
                                      .mark = j->mark,
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

/* A file at rest without a page 0: the redo must make it, or (MySQL) the server when it starts, if it is of an undo tablespace. */
static struct err *check_made(const struct copy_env *env, const struct job *j)
{
    const char *dot = strrchr(j->listed->name, '.');
    const bool is_undo = j->is_mysql && !(dot && !strcmp(dot, ".ibd"));
    if (tailer_makes(env->tail, j->listed->name) ||
        (is_undo && offline_undo_any_unfinished(env->datadir)))
        return NULL;
    return err_make(CORRUPT,
                    "%s: page 0 at offset 0: %s, and the redo log does not make the tablespace",
                    j->listed->path, j->mark.size ? "all zero" : "the file is empty");
}

/* A file at rest must be as long as its page 0 says, for a server makes it longer first: unless the redo makes page 0 anew, as where it
 * is truncated. (MySQL: or the server that starts makes an undo tablespace anew.) */
static struct err *check_length(struct copy_env *env, const struct job *j)
{
    const uint64_t pages = j->mark.size / j->format.physical;
    if (pages >= j->size || tailer_remade(env->tail, j->id, 0) ||
        (j->is_mysql && offline_undo_is_unfinished(env->datadir, j->id)))
        return NULL;
    return note_corrupt(env,
                        mem_printf("%s: page %" PRIu64 " at offset %" PRIu64
                                   ": the file ends here, and page 0 says %" PRIu32 " pages",
                                   j->listed->path, pages, pages * j->format.physical, j->size));
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
    TRY(take_mark(j));
    j->head_was_cold = cold_begin(j->fd, s->env->datadir->page_size);
    if (j->listed->system)
        TRY(read_system_format(j, s->env));
    else
        e = read_page_0(j, s->env, path, &found);
    if (!e && !found && s->env->torn)
        e = check_made(s->env, j);
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
    if (s->env->torn && !j->listed->system)
        TRY(check_length(s->env, j));
    if (j->listed->system && !j->listed->first_page)
        find_doublewrite(j, path);
    choose_filter(s->env, j);
    choose_changes(s, j);
    choose_untouched(s->env, j);
    TRY(claim(s, j));
    if (j->claim.claimed)
        j->state = JOB_OPEN;
    else if (j->claim.head_was_cold)
        cold_forget(j->fd, s->env->datadir->page_size);
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

enum page_look { LOOK_GOOD, LOOK_BAD, LOOK_GONE };

/* The page at `offset` failed its check: it may be half written just now. GONE: the file was cut off before it. */
static struct err *settle_page(struct copy_env *env, struct job *j, uint8_t *page, page_no_t no,
                               uint64_t offset, uint8_t *scratch, char *why, enum page_look *look)
{
    const char *path = j->listed->path;
    *look = LOOK_BAD;
    if (atomic_load(&j->is_suspect) && (j->damage_may_wait || is_of_other_space(j, page, no)))
        return NULL; /* one like it was waited for in vain */
    for (int attempt = 0; attempt < TORN_TRIES; attempt++) {
        size_t got;
        clock_sleep_ms(attempt < 10 ? 5 : 100);
        TRY(signals_check());
        TRY(file_pread(j->fd, page, j->format.physical, offset, &got, path));
        atomic_fetch_add(&env->pages_reread, 1);
        if (got < j->format.physical)
            *look = LOOK_GONE;
        else if (judge_page(j, no, page, scratch, why) != PAGE_CORRUPT)
            *look = LOOK_GOOD;
        if (*look != LOOK_BAD)
            return NULL;
    }
    struct stat st;
    if (fstat(j->fd, &st) == 0 && st.st_nlink == 0)
        return NULL; /* dropped: its redo says so */
    return give_up(env, j, page, no, offset, why);
}

/* The page at `offset` is not whole, and nobody is writing it. */
static struct err *mend_page(struct copy_env *env, struct job *j, uint8_t *page, page_no_t no,
                             uint64_t offset, bool is_zero, const char *why, enum page_look *look)
{
    const struct space_key *key = atomic_load(&j->keyed) ? &j->key : NULL;
    bool found;
    *look = LOOK_GOOD;
    TRY(torn_pages_mend(env->torn, key, &j->format, j->id, no, page, &found));
    if (found || is_zero)
        return NULL;
    if (tailer_remade(env->tail, j->id, no)) {
        log_debug(env->log, "copy", "%s: page %" PRIu32 ": %s; the redo log makes it anew",
                  j->listed->name, no, why);
        memset(page, 0, j->format.physical);
        return NULL;
    }
    *look = LOOK_BAD;
    return give_up(env, j, page, no, offset, why);
}

/* No server writes a page before the redo of it. So these files are not of one moment. */
static bool is_newer_than_log(const struct copy_env *env, const uint8_t *page, char *why)
{
    const lsn_t lsn = be64(page + FIL_LSN), end = tailer_seen_lsn(env->tail);
    if (lsn <= end)
        return false;
    snprintf(why, PAGE_WHY_SIZE,
             "its LSN is %" PRIu64 ", and the redo log ends at %" PRIu64
             ": the files are not of one moment",
             lsn, end);
    return true;
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

/* One stretch of the file, and which of its pages go into the archive. */
struct piece {
    uint8_t *buf;
    uint64_t at;
    size_t n; /* bytes */
    struct cold_reader reader;
    uint64_t cold_until; /* offset: before it, the file is not in the file cache */
    bool stored[ARCHIVE_PIECE_MAX / (INNODB_PAGE_SIZE_MIN / 4)];
};

/* Page `no` at piece->buf + i, which is no copy of another page: whole, or waited for in vain. GONE: cut off just now. */
static struct err *check_page(struct copy_env *env, struct job *j, struct piece *piece, size_t i,
                              page_no_t no, uint8_t *scratch, enum page_look *look)
{
    uint8_t *page = piece->buf + i;
    char why[160];
    *look = LOOK_GOOD;
    if (!atomic_load(&j->keyed) && page_is_encrypted(&j->format, page, no))
        TRY(meet_encrypted(env, j, no));
    const enum page_state state = judge_page(j, no, page, scratch, why);
    if (env->torn && (state == PAGE_CORRUPT || (state == PAGE_ZERO && j->is_mysql)))
        return mend_page(env, j, page, no, piece->at + i, state == PAGE_ZERO, why, look);
    if (env->torn && state == PAGE_OK && is_newer_than_log(env, page, why)) {
        *look = LOOK_BAD;
        return give_up(env, j, page, no, piece->at + i, why);
    }
    if (state != PAGE_CORRUPT)
        return NULL;
    return settle_page(env, j, page, no, piece->at + i, scratch, why, look);
}

/* Whether indexes matter that the base does not know. With a map of changes they do not: all of the map is stored. */
static bool looks_at_indexes(const struct copy_env *env, const struct job *j)
{
    return j->is_mysql && j->filter.base && !env->changes;
}

/* Notes what page `no` says of its index: the file is a suspect when there is a new one and not every page of it is known to be stored. */
static void note_index(struct job *j, enum index_age age, page_no_t no)
{
    const unsigned both = INDEX_NEW | INDEX_UNCLEAR;
    if (age == INDEX_KNOWN)
        return;
    const unsigned before = atomic_fetch_or(&j->index_ages, age);
    if (before != both && (before | age) == both)
        note_suspect(j, mem_printf("%s: page %" PRIu32
                                   ": of an index that was built since the base, or may be",
                                   j->listed->path, no));
}

/* Whether page `no`, which is good, is stored: as the filter says, or because it is of a new index. */
static bool stores_for_index(const struct copy_env *env, struct job *j, page_no_t no,
                             const uint8_t *page, const uint8_t *deciphered, bool stored)
{
    const uint64_t last = env->base->last_index_id;
    const uint8_t *plain = page_is_encrypted(&j->format, page, no) ? deciphered : page;
    const enum index_age age =
        stored ? new_index_look_inside(&j->format, plain, last) : new_index_look(page, last);
    note_index(j, age, no);
    return stored || age == INDEX_NEW;
}

/* Checks the pages of the piece, settles torn ones, chooses those to be stored. piece->n: bytes of whole pages. */
static struct err *check_pages(struct copy_env *env, struct job *j, struct piece *piece,
                               struct witness_watch *watch, uint8_t *scratch)
{
    const uint32_t size = j->format.physical;
    piece->n -= piece->n % size;
    for (size_t i = 0; i < piece->n; i += size) {
        const page_no_t no = j->listed->first_page + (page_no_t)((piece->at + i) / size);
        enum page_look look = LOOK_GOOD;
        if (!doublewrite_has(&j->dblwr, no)) {
            TRY(check_page(env, j, piece, i, no, scratch, &look));
            if (look == LOOK_GOOD)
                TRY_AT(witness_look(watch, &j->filter, no, piece->buf + i), "%s", j->listed->path);
        }
        if (look == LOOK_GONE) {
            piece->n = i;
            return NULL;
        }
        bool stored = look == LOOK_BAD || page_filter_stores(&j->filter, no, piece->buf + i) ||
                      (env->changes && change_map_has(env->changes, j->id, no));
        if (look == LOOK_GOOD && !doublewrite_has(&j->dblwr, no) && looks_at_indexes(env, j))
            stored = stores_for_index(env, j, no, piece->buf + i, scratch, stored);
        piece->stored[i / size] = stored;
    }
    return NULL;
}

/* Each run of pages to be stored is one piece of the archive. */
static struct err *store_pages(struct copy_env *env, const struct job *j, const struct piece *piece)
{
    const uint32_t size = j->format.physical;
    for (size_t i = 0; i < piece->n;) {
        size_t end = i;
        while (end < piece->n && piece->stored[end / size])
            end += size;
        if (end == i) {
            i += size;
            continue;
        }
        TRY(archive_write(env->writer, j->claim.entry, piece->at + i, piece->buf + i, end - i));
        i = end;
    }
    return NULL;
}

/* For the report: what an increment stores and has to. */
static void count_changed(struct copy_env *env, const struct job *j, const struct piece *piece)
{
    const uint32_t size = j->format.physical;
    uint64_t changed = 0;
    for (size_t i = 0; i < piece->n; i += size)
        changed += piece->stored[i / size] && !bytes_are_zero(piece->buf + i, size) ? size : 0;
    atomic_fetch_add(&env->bytes_changed, changed);
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
    if (env->torn) /* all of it was read before */
        return;
    progress_note(env->progress, "redo %" PRIu64 " MiB, headroom %" PRIu64 " of %" PRIu64 " MiB",
                  (tailer_lsn(env->tail) - tailer_start_lsn(env->tail)) >> 20, headroom >> 20,
                  capacity >> 20);
}

static void note_witness(struct job *j, const struct witness_watch *w)
{
    pthread_mutex_lock(&j->lock);
    if (w->part >= j->n_witnesses) {
        j->witnesses = mem_realloc(j->witnesses, (w->part + (size_t)1) * sizeof *j->witnesses);
        memset(j->witnesses + j->n_witnesses, 0,
               (w->part + 1 - j->n_witnesses) * sizeof *j->witnesses);
        j->n_witnesses = w->part + 1;
    }
    j->witnesses[w->part] = w->best;
    pthread_mutex_unlock(&j->lock);
}

struct stretch {
    uint64_t begin, end;
};

static void take_nearer(struct stretch *s, uint64_t begin, uint64_t end)
{
    if (begin < s->begin)
        *s = (struct stretch){begin, end};
}

/* What is read first of bytes [*at, to), which lie in one part of the file: [*at, *stop). Of a file with a map of changes that is what
 * the map has, the base's witness of the part, and all that is behind the file's end as the base saw it; of an untouched one the
 * last of these, which is how its end is found. False: nothing more. */
static bool next_stretch(const struct job *j, uint64_t *at, uint64_t to, uint64_t *stop)
{
    const uint64_t size = j->format.physical;
    *stop = to;
    if (*at >= to || (!j->changes && !j->untouched))
        return *at < to;
    const struct space_fact *base = j->filter.base;
    const uint64_t known = base->mark.size - base->mark.size % size, part = *at / WITNESS_BYTES;
    const page_no_t first = j->listed->first_page;
    const page_no_t gap = (page_no_t)(READ_THROUGH_BYTES / size);
    struct stretch s = {known > *at ? known : *at, to};
    uint64_t from, end;
    if (!j->untouched &&
        change_map_next(j->changes, j->id, (page_no_t)(first + *at / size), gap, &from, &end))
        take_nearer(&s, (from - first) * size, (end - first) * size);
    if (!j->untouched && part < base->n_witnesses && base->witnesses[part].lsn) {
        const uint64_t witness = (uint64_t)(base->witnesses[part].page - first) * size;
        if (witness >= *at)
            take_nearer(&s, witness, witness + size);
    }
    *at = s.begin;
    *stop = s.end < to ? s.end : to;
    return *at < to;
}

/* Whether it is worth while to look at the heads of pages, from `at` on. */
static bool looks_at_heads(const struct job *j, const struct piece *piece, uint64_t at)
{
    return j->filter.base && !j->changes && j->format.physical >= HEADS_FROM_BYTES &&
           at >= piece->cold_until;
}

_Static_assert((int)NEW_INDEX_HEAD_BYTES >= (int)PAGE_HEAD_BYTES, "one head is for both");

/* Whether n bytes at piece->at need not be read: all of them are in the file cache, and the heads of all pages there say that they are
 * as they were in the base (page_filter.h), and of no new index. What would have to come from the disk is read whole: that costs no
 * more, and there is something to be checked. */
static bool is_known(const struct copy_env *env, struct job *j, struct piece *piece, size_t n,
                     struct witness_watch *watch)
{
    const uint32_t size = j->format.physical;
    struct witness_watch seen = *watch;
    bool unclear = false;
    if (!looks_at_heads(j, piece, piece->at) || n % size || piece->at + n > j->mark.size)
        return false;
    for (size_t i = 0; i < n; i += size) {
        uint8_t head[NEW_INDEX_HEAD_BYTES];
        const struct iovec to = {head, sizeof head};
        const page_no_t no = j->listed->first_page + (page_no_t)((piece->at + i) / size);
        if (preadv2(j->fd, &to, 1, (off_t)(piece->at + i), RWF_NOWAIT) != sizeof head) {
            piece->cold_until = piece->at + COLD_BYTES;
            return false;
        }
        const enum index_age age =
            looks_at_indexes(env, j) ? new_index_look(head, env->base->last_index_id) : INDEX_KNOWN;
        if (age == INDEX_NEW || !page_filter_knows(&j->filter, watch->part, no, head))
            return false;
        unclear |= age == INDEX_UNCLEAR;
        witness_note(&seen, no, be64(head + FIL_LSN));
    }
    if (unclear)
        note_index(j, INDEX_UNCLEAR, j->listed->first_page + (page_no_t)(piece->at / size));
    *watch = seen;
    piece->n = n;
    return true;
}

/* How many bytes are read at once, of those from `at` to `stop`. */
static size_t piece_bytes(const struct job *j, const struct piece *piece, uint64_t at,
                          uint64_t stop)
{
    const size_t most = looks_at_heads(j, piece, at) ? LOOK_BYTES : ARCHIVE_PIECE_MAX;
    return stop - at < most ? (size_t)(stop - at) : most;
}

/* n bytes, of those to `stop`. What comes behind may be read ahead, unless it may be passed over. */
static struct err *copy_piece(struct copy_env *env, struct job *j, struct piece *piece, size_t n,
                              uint64_t stop, struct witness_watch *watch, uint8_t *scratch)
{
    const uint64_t behind = piece->at + n;
    const size_t next = looks_at_heads(j, piece, behind) ? 0 : piece_bytes(j, piece, behind, stop);
    TRY(cold_read(&piece->reader, piece->buf, n, piece->at, next, &piece->n, j->listed->path));
    const size_t got = piece->n;
    TRY(check_pages(env, j, piece, watch, scratch));
    TRY(store_pages(env, j, piece));
    if (env->base)
        count_changed(env, j, piece);
    return pace_take(env->pace, got);
}

/* Reads bytes [from, to) of the file, which lie in one part of it (base_facts.h). *end: how far there was something; *ended: the
 * file is at its end. */
static struct err *copy_part(struct copy_env *env, struct job *j, uint64_t from, uint64_t to,
                             struct piece *piece, uint8_t *scratch, uint64_t *end, bool *ended)
{
    struct witness_watch watch = {.part = (uint32_t)(from / WITNESS_BYTES)};
    uint64_t at = from, stop;
    while (!*ended && !is_to_be_copied_again(j) && next_stretch(j, &at, to, &stop)) {
        TRY(signals_check());
        TRY(tailer_check(env->tail));
        TRY(give_way(env));
        piece->at = at;
        const size_t want = piece_bytes(j, piece, at, stop);
        if (!is_known(env, j, piece, want, &watch))
            TRY(copy_piece(env, j, piece, want, stop, &watch, scratch));
        atomic_fetch_add(&env->bytes_read, piece->n);
        progress_add(env->progress, piece->n);
        at += piece->n;
        *end = at;
        *ended = piece->n < want;
    }
    if (watch.best.lsn)
        note_witness(j, &watch);
    return NULL;
}

static struct err *copy_range(struct copy_env *env, struct job *j, uint64_t from, uint64_t to,
                              uint64_t *end)
{
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(ARCHIVE_PIECE_MAX);
    AUTO_FREE uint8_t *scratch = mem_alloc_aligned(j->format.physical);
    struct piece piece = {.buf = buf};
    struct err *e = NULL;
    bool ended = false;
    note_redo(env);
    cold_reader_init(&piece.reader, j->fd);
    while (!e && from < to && !ended && !is_to_be_copied_again(j)) {
        const uint64_t part_end = from - from % WITNESS_BYTES + WITNESS_BYTES;
        e = copy_part(env, j, from, part_end < to ? part_end : to, &piece, scratch, end, &ended);
        from = part_end;
    }
    cold_reader_fini(&piece.reader);
    return e;
}

static struct err *finish(struct space_set *s, struct job *j)
{
    const struct space_copy_end end = {.size = j->end,
                                       .suspect = j->suspect,
                                       .witnesses = j->witnesses,
                                       .n_witnesses = j->n_witnesses};
    j->suspect = NULL;
    j->witnesses = NULL;
    return space_set_finish(s, j->claim.item, &end);
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
    free(j->witnesses);
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
    struct err *e = job_range(q->set, j, range);
    if (e)
        pace_lift(q->set->env->pace); /* so that the other threads see it soon */
    return e;
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
