/* engine/plain_copy.c: see plain_copy.h. */
#include "engine/plain_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/workers.h"
#include "engine/plain_content.h"

struct stamp {
    dev_t dev;
    ino_t inode;
    off_t size;
    struct timespec mtime, ctime;
    bool proves;  /* old enough when taken to prove that nothing changed since */
    long tick_ms; /* how long until it is older than a tick; 0: it is */
};

enum {
    NO_ENTRY = UINT32_MAX,
    TICK_MS =
        50, /* no local file system's stamps are coarser than the kernel's tick, 10 ms at most */
    COARSE_MS = 1010, /* stamps without a fraction of a second */
    LOG_TABLE_MAX = 16 << 20,
};

struct plain_file {
    struct listed_file listed; /* owns name */
    struct stamp stamp;
    uint32_t entry, external_entry; /* in the archive, or NO_ENTRY */
    bool is_view, unclosed, online_aria, copied;
    char *content_path; /* of the entry with the content, when that is not the name; owned */
    uint64_t content_size;
    uint8_t *hashes; /* of the content's blocks; owned */
};

void plain_set_init(struct plain_set *s, struct copy_env *env)
{
    *s = (struct plain_set){.env = env};
}

static void file_drop(struct copy_env *env, struct plain_file *f)
{
    if (f->entry != NO_ENTRY)
        archive_entry_drop(env->writer, f->entry);
    if (f->external_entry != NO_ENTRY)
        archive_entry_drop(env->writer, f->external_entry);
    f->entry = f->external_entry = NO_ENTRY;
    free(f->content_path);
    free(f->hashes);
    f->content_path = NULL;
    f->hashes = NULL;
}

static void file_fini(struct plain_file *f)
{
    free(f->listed.name);
    free(f->content_path);
    free(f->hashes);
}

/* The file is none of the set any more. */
static void file_remove(struct copy_env *env, struct plain_file *f)
{
    file_drop(env, f);
    file_fini(f);
}

void plain_set_fini(struct plain_set *s)
{
    for (size_t i = 0; i < s->n; i++)
        file_fini(&s->files[i]);
    free(s->files);
    *s = (struct plain_set){0};
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->dev == b->dev && a->inode == b->inode && a->size == b->size &&
           file_mark_same_time(a->mtime, b->mtime) && file_mark_same_time(a->ctime, b->ctime);
}

static long age_ms(struct timespec t, struct timespec now)
{
    return (long)(now.tv_sec - t.tv_sec) * 1000 + (now.tv_nsec - t.tv_nsec) / 1000000;
}

/* Judges how much a stamp taken at `now` proves. */
static void stamp_judge(struct stamp *s, struct timespec now)
{
    const long m = age_ms(s->mtime, now), c = age_ms(s->ctime, now);
    const long age = m < c ? m : c;
    const long tick = s->mtime.tv_nsec || s->ctime.tv_nsec ? TICK_MS : COARSE_MS;
    s->proves = age >= 1000;
    s->tick_ms = age < 0 ? tick : age < tick ? tick - age : 0;
}

static struct file_mark mark_of(const struct stamp *s)
{
    return (struct file_mark){.inode = s->inode,
                              .size = (uint64_t)s->size,
                              .mtime = s->mtime,
                              .ctime = s->ctime,
                              .proves = s->proves};
}

/* *present false: vanished. */
static struct err *stamp_take(struct stamp *out, const char *path, struct stat *st, bool *present)
{
    struct timespec now;
    *present = stat(path, st) == 0;
    if (!*present)
        return errno == ENOENT ? NULL : err_os("%s: cannot stat", path);
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct stamp){.dev = st->st_dev,
                          .inode = st->st_ino,
                          .size = st->st_size,
                          .mtime = st->st_mtim,
                          .ctime = st->st_ctim};
    stamp_judge(out, now);
    return NULL;
}

/* Where the content of a file of the datadir is: in itself, or behind a link to another directory (DATA DIRECTORY). */
struct content_place {
    bool is_link;
    char target[PATH_MAX]; /* of a link */
    char *external;        /* path in the archive of what a link points to; else NULL; owned */
};

static void place_fini(struct content_place *p)
{
    free(p->external);
}
#define AUTO_PLACE __attribute__((cleanup(place_fini))) struct content_place

/* *present false: vanished, or no file (a socket and the like). `st` is of the content. */
static struct err *place_find(struct content_place *out, const char *path, const struct stat *st,
                              bool *present)
{
    struct stat link;
    *out = (struct content_place){.is_link = false};
    *present = false;
    if (lstat(path, &link))
        return errno == ENOENT ? NULL : err_os("%s: cannot stat", path);
    out->is_link = S_ISLNK(link.st_mode);
    if (out->is_link && !realpath(path, out->target))
        return errno == ENOENT ? NULL : err_os("%s: cannot resolve the link", path);
    if (out->is_link)
        out->external = mem_printf("external%s", out->target);
    *present = out->is_link || S_ISREG(st->st_mode);
    return NULL;
}

/* What the base has under this name, if its content was in the same place. */
static const struct plain_fact *find_in_base(const struct copy_env *env, const char *name,
                                             const struct content_place *place)
{
    const struct plain_fact *base = env->base ? base_facts_plain(env->base, name) : NULL;
    const char *then = base && base->content ? base->content : "";
    return base && !strcmp(then, place->external ? place->external : "") ? base : NULL;
}

static struct archive_attr attr_of(const char *name, const struct content_place *place,
                                   const struct stat *st, bool delta)
{
    struct archive_attr attr = {.kind = delta ? ARCHIVE_PLAIN_DELTA : ARCHIVE_PLAIN,
                                .path = name,
                                .mode = st->st_mode & 07777,
                                .mtime = st->st_mtime};
    if (place->is_link) {
        attr.kind = delta ? ARCHIVE_EXTERNAL_DELTA : ARCHIVE_EXTERNAL;
        attr.path = place->external;
        attr.link_target = place->target;
    }
    return attr;
}

/* Content into an archive entry of its own. *present false: vanished. */
static struct err *copy_as(struct copy_env *env, const char *path, struct archive_attr *attr,
                           uint32_t *entry, const struct plain_fact *base,
                           struct plain_content *content, bool *present)
{
    AUTO_FD int fd = -1;
    bool absent;
    *content = (struct plain_content){0};
    TRY(file_absent(file_open(&fd, path, O_RDONLY, 0), &absent));
    *present = !absent;
    if (absent)
        return NULL;
    TRY(archive_entry_add(env->writer, attr, entry));
    TRY(plain_content_copy(content, env, fd, path, *entry, base));
    attr->size = content->size;
    return archive_entry_set(env->writer, *entry, attr);
}

static struct err *add_link(struct copy_env *env, struct plain_file *f,
                            const struct content_place *place, const struct archive_attr *attr)
{
    const struct archive_attr link = {.kind = ARCHIVE_SYMLINK,
                                      .path = f->listed.name,
                                      .link_target = place->target,
                                      .mode = 0777,
                                      .mtime = attr->mtime};
    f->content_path = mem_strdup(place->external);
    return archive_entry_add(env->writer, &link, &f->entry);
}

/* The stamp to copy under. Files that rest since BLOCK_DDL are given the tick that makes the stamp conclusive: whatever
 * comes after that, a late close, moves it. */
static struct err *stamp_for_copy(struct plain_file *f, const char *path, bool rests,
                                  struct stat *st, bool *present)
{
    TRY(stamp_take(&f->stamp, path, st, present));
    if (!*present || !rests)
        return NULL;
    if (f->stamp.tick_ms) {
        clock_sleep_ms((unsigned)f->stamp.tick_ms);
        TRY(stamp_take(&f->stamp, path, st, present));
    }
    f->stamp.proves = f->stamp.tick_ms == 0;
    return NULL;
}

/* before: the file of the same table that was copied just before this one, NULL: none. */
static struct err *copy_file(struct copy_env *env, struct plain_file *f,
                             const struct plain_file *before, bool rests, bool *present)
{
    AUTO_FREE char *path = mem_printf("%s/%s", env->datadir->root, f->listed.name);
    AUTO_PLACE place = {.is_link = false};
    struct plain_content content;
    struct stat st;
    file_drop(env, f);
    TRY(stamp_for_copy(f, path, rests, &st, present));
    if (*present)
        TRY(place_find(&place, path, &st, present));
    if (!*present)
        return NULL;
    const struct plain_fact *base = find_in_base(env, f->listed.name, &place);
    struct archive_attr attr = attr_of(f->listed.name, &place, &st, base != NULL);
    TRY(copy_as(env, place.is_link ? place.target : path, &attr,
                place.is_link ? &f->external_entry : &f->entry, base, &content, present));
    if (!*present)
        return NULL;
    f->hashes = content.hashes;
    f->content_size = content.size;
    f->copied = true;
    f->is_view = table_file_is_view(content.head, content.head_len);
    f->online_aria = table_file_is_online_aria(f->listed.name, content.head, content.head_len);
    f->unclosed = table_file_is_unclosed(f->listed.name, content.head, content.head_len) ||
                  (before && !table_file_fits_data(f->listed.name, content.head, content.head_len,
                                                   before->content_size));
    return place.is_link ? add_link(env, f, &place, &attr) : NULL;
}

/* --- files that are as they were in the base --- */

static bool is_as_then(const struct copy_env *env, const struct plain_fact *base,
                       const struct stamp *now)
{
    const struct file_mark mark = mark_of(now);
    return base && env->base_same_run && file_mark_is_untouched(&base->mark, &mark);
}

/* The file, which was not looked at yet, is that of the base. *same false also when it vanished. */
static struct err *is_of_base(const struct copy_env *env, const struct plain_file *f,
                              const char *path, const struct stamp *now, const struct stat *st,
                              bool *same)
{
    AUTO_PLACE place = {.is_link = false};
    TRY(place_find(&place, path, st, same));
    *same = *same && is_as_then(env, find_in_base(env, f->listed.name, &place), now);
    return NULL;
}

/* Declares that the file is as it was in the base: a delta without content. Nothing of it is read. *same false: it is not,
 * by now. */
static struct err *declare_untouched(struct copy_env *env, struct plain_file *f, bool *same)
{
    AUTO_FREE char *path = mem_printf("%s/%s", env->datadir->root, f->listed.name);
    AUTO_PLACE place = {.is_link = false};
    struct stat st;
    TRY(stamp_take(&f->stamp, path, &st, same));
    if (*same)
        TRY(place_find(&place, path, &st, same));
    const struct plain_fact *base = *same ? find_in_base(env, f->listed.name, &place) : NULL;
    *same = is_as_then(env, base, &f->stamp);
    if (!*same)
        return NULL;
    const size_t n = (size_t)plain_fact_blocks(base->size) * BLOCK_HASH;
    struct archive_attr attr = attr_of(f->listed.name, &place, &st, true);
    attr.size = base->size;
    uint32_t *const entry = place.is_link ? &f->external_entry : &f->entry;
    TRY(archive_entry_add(env->writer, &attr, entry));
    TRY(archive_entry_set(env->writer, *entry, &attr)); /* for the size */
    f->stamp.proves = true; /* it did then, and nothing was written since */
    f->hashes = mem_alloc(n + 1);
    memcpy(f->hashes, base->hashes, n);
    f->content_size = base->size;
    f->copied = true;
    f->is_view = base->is_view;
    f->online_aria = base->online_aria;
    f->unclosed = base->unclosed;
    return place.is_link ? add_link(env, f, &place, &attr) : NULL;
}

/* Files [from, to) of one table, tested and copied together. */
struct unit {
    size_t from, to;
};

struct sync_queue {
    struct plain_set *set;
    enum plain_trust trust;
    struct unit *units;
    size_t n_units;
    _Atomic size_t next;
    _Atomic uint64_t bytes;
    _Atomic size_t files;
    bool *vanished; /* per file; each written by one worker */
};

static bool is_system_file(const struct plain_file *f)
{
    return !strncmp(f->listed.name, "mysql/", 6);
}

/* Whether the copy was taken of a table in use. Aria's recovery closes its online tables, and mysql/ is flushed at
 * BLOCK_COMMIT. */
static bool is_unclosed(const struct plain_file *f)
{
    return f->unclosed && !f->online_aria && !is_system_file(f);
}

/* general_log and slow_log are written under every lock, so one copy is as good as another (restore trims it to whole
 * rows): a large one is not worth the time of a lock window. */
static bool is_large_log_table(const struct sync_queue *q, struct unit u)
{
    static const char *const names[] = {"mysql/general_log.", "mysql/slow_log."};
    off_t size = 0;
    for (size_t i = u.from; i < u.to; i++)
        size += q->set->files[i].stamp.size;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strncmp(q->set->files[u.from].listed.name, names[i], strlen(names[i])))
            return size > LOG_TABLE_MAX;
    return false;
}

static bool unit_still_moves(const struct sync_queue *q, struct unit u)
{
    for (size_t i = u.from; i < u.to; i++)
        if (is_system_file(&q->set->files[i]) || q->set->files[i].online_aria)
            return true;
    return false;
}

/* What the files of a unit are now, compared with their copies. */
struct change {
    bool any;      /* something to copy */
    bool restless; /* a stamp so young that a copy made now is not the last */
    bool missing;  /* something was never copied */
};

static struct err *file_change(struct sync_queue *q, size_t i, struct change *change)
{
    struct plain_file *f = &q->set->files[i];
    AUTO_FREE char *path = mem_printf("%s/%s", q->set->env->datadir->root, f->listed.name);
    struct stamp now;
    struct stat st;
    bool present, of_base = false;
    TRY(stamp_take(&now, path, &st, &present));
    q->vanished[i] = !present;
    if (!present) {
        change->any |= f->copied; /* the rest of its table belongs together anew */
        return NULL;
    }
    if (!f->copied)
        TRY(is_of_base(q->set->env, f, path, &now, &st, &of_base));
    if (of_base)
        return NULL;
    if (!f->copied || !f->stamp.proves || !same_stamp(&f->stamp, &now))
        change->any = true;
    if (q->trust == PLAIN_FLUSHED && is_unclosed(f))
        change->any = true; /* we came back to see it closed */
    change->missing |= !f->copied;
    change->restless |= !now.proves;
    return NULL;
}

static struct err *copy_unit(struct sync_queue *q, struct unit u, bool rests)
{
    for (size_t i = u.from; i < u.to; i++) {
        struct plain_file *f = &q->set->files[i];
        bool present;
        TRY(copy_file(q->set->env, f, i > u.from ? f - 1 : NULL, rests, &present));
        q->vanished[i] = !present;
        if (!present)
            continue;
        atomic_fetch_add(&q->bytes, (uint64_t)f->stamp.size);
        atomic_fetch_add(&q->files, 1);
    }
    return NULL;
}

/* Nothing of the unit has to be copied: what was not looked at before is in the base. *same false: no more. */
static struct err *take_from_base(struct sync_queue *q, struct unit u, bool *same)
{
    *same = true;
    for (size_t i = u.from; i < u.to && *same; i++)
        if (!q->set->files[i].copied && !q->vanished[i])
            TRY(declare_untouched(q->set->env, &q->set->files[i], same));
    return NULL;
}

static struct err *sync_unit(struct sync_queue *q, struct unit u)
{
    const bool moves = unit_still_moves(q, u);
    struct change change = {0};
    TRY(signals_check());
    TRY(tailer_check(q->set->env->tail));
    for (size_t i = u.from; i < u.to; i++)
        TRY(file_change(q, i, &change));
    if (!change.any) {
        bool same;
        TRY(take_from_base(q, u, &same));
        return same ? NULL : copy_unit(q, u, q->trust == PLAIN_FLUSHED && !moves);
    }
    if (!change.missing && q->trust == PLAIN_FLUSHED && moves && change.restless)
        return NULL; /* has to be copied at BLOCK_COMMIT anyway */
    if (!change.missing && q->trust == PLAIN_FROZEN && is_large_log_table(q, u))
        return NULL;
    return copy_unit(q, u, q->trust == PLAIN_FLUSHED && !moves);
}

static struct err *sync_next(void *ctx, bool *more)
{
    struct sync_queue *q = ctx;
    const size_t at = atomic_fetch_add(&q->next, 1);
    *more = at < q->n_units;
    struct err *e = *more ? sync_unit(q, q->units[at]) : NULL;
    if (e)
        pace_lift(q->set->env->pace); /* so that the other threads see it soon */
    return e;
}

static size_t make_units(const struct plain_set *s, struct unit *units)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n;) {
        size_t to = i + 1;
        const struct listed_file *a = &s->files[i].listed;
        while (to < s->n && s->files[to].listed.unit_len == a->unit_len &&
               !memcmp(s->files[to].listed.name, a->name, a->unit_len))
            to++;
        units[n++] = (struct unit){i, to};
        i = to;
    }
    return n;
}

static void remove_vanished(struct plain_set *s, const bool *vanished)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (vanished[i]) {
            file_remove(s->env, &s->files[i]);
        } else {
            s->files[kept++] = s->files[i];
        }
    }
    s->n = kept;
}

static struct err *copy_changed(struct plain_set *s, enum plain_trust trust)
{
    struct sync_queue q = {.set = s, .trust = trust};
    q.units = mem_alloc(s->n * sizeof *q.units);
    q.vanished = mem_zalloc(s->n);
    q.n_units = make_units(s, q.units);
    struct err *e = workers_run(s->env->parallel, sync_next, &q);
    if (!e)
        remove_vanished(s, q.vanished);
    s->bytes_last_pass = q.bytes;
    s->files_last_pass = q.files;
    free(q.units);
    free(q.vanished);
    return e;
}

static void report_unknown(const struct plain_set *s, const struct listed_file *f)
{
    if (!f->known)
        log_warning(s->env->log, "copy", "%s: not a file of an engine mbe knows; copied as it is",
                    f->name);
}

/* Makes the set's names equal to the listing's; both are sorted alike. */
static void merge_listing(struct plain_set *s, const struct listing *list)
{
    struct plain_file *merged = mem_alloc((list->n_files + 1) * sizeof *merged);
    size_t old = 0;
    for (size_t i = 0; i < list->n_files; i++) {
        const struct listed_file *l = &list->files[i];
        int c = 1;
        while (old < s->n && (c = listed_file_compare(&s->files[old].listed, l)) < 0)
            file_remove(s->env, &s->files[old++]);
        if (old < s->n && c == 0) {
            merged[i] = s->files[old++];
            continue;
        }
        merged[i] =
            (struct plain_file){.listed = *l, .entry = NO_ENTRY, .external_entry = NO_ENTRY};
        merged[i].listed.name = mem_strdup(l->name);
        report_unknown(s, l);
    }
    for (; old < s->n; old++)
        file_remove(s->env, &s->files[old]);
    free(s->files);
    s->files = merged;
    s->n = list->n_files;
}

struct err *plain_set_sync(struct plain_set *s, const struct listing *list, enum plain_trust trust)
{
    merge_listing(s, list);
    return copy_changed(s, trust);
}

struct err *plain_set_refresh(struct plain_set *s)
{
    return copy_changed(s, PLAIN_FROZEN);
}

char **plain_set_unclosed(const struct plain_set *s)
{
    char **names = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct plain_file *f = &s->files[i];
        if (!is_unclosed(f))
            continue;
        mem_grow(&names, &cap, n + 1, sizeof *names);
        names[n++] = mem_printf("%.*s", (int)f->listed.unit_len, f->listed.name);
        names[n] = NULL;
    }
    return names;
}

void plain_names_free(char **names)
{
    for (size_t i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
}

/* Of the first file whose unit is not before this one. */
static size_t unit_begins(const struct plain_set *s, const char *unit, size_t len)
{
    size_t from = 0, to = s->n;
    while (from < to) {
        const size_t mid = from + (to - from) / 2;
        const struct listed_file *f = &s->files[mid].listed;
        const size_t shared = f->unit_len < len ? f->unit_len : len;
        const int c = memcmp(f->name, unit, shared);
        if (c < 0 || (c == 0 && f->unit_len < len))
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static bool file_rests(const struct plain_set *s, const struct plain_file *f)
{
    AUTO_FREE char *path = mem_printf("%s/%s", s->env->datadir->root, f->listed.name);
    struct stamp now;
    struct stat st;
    bool present;
    struct err *e = stamp_take(&now, path, &st, &present);
    const bool rests = !e && present && f->copied && f->stamp.proves && same_stamp(&f->stamp, &now);
    err_free(e);
    return rests;
}

bool plain_set_file_rests(const struct plain_set *s, const char *name)
{
    const size_t i = unit_begins(s, name, strlen(name));
    return i < s->n && !strcmp(s->files[i].listed.name, name) && file_rests(s, &s->files[i]);
}

bool plain_set_data_rests(const struct plain_set *s, const char *table)
{
    const size_t len = strlen(table);
    size_t n = 0;
    /* A table's own name has neither '#' nor '.' here, nor what is before them: its files follow each other. */
    for (size_t i = unit_begins(s, table, len); i < s->n; i++) {
        const struct plain_file *f = &s->files[i];
        const char *name = f->listed.name;
        if (strncmp(name, table, len) || (name[len] != '#' && name[len] != '.'))
            break;
        if (!name[f->listed.unit_len])
            continue; /* a file of its own: a definition, a trigger */
        if (f->online_aria || !file_rests(s, f))
            return false;
        n++;
    }
    return n != 0;
}

/* Length of the table's name when the file is the .frm of one, else 0. */
static size_t table_len(const struct plain_file *f)
{
    const size_t len = strlen(f->listed.name);
    return len > 4 && !strcmp(f->listed.name + len - 4, ".frm") && !f->is_view ? len - 4 : 0;
}

size_t plain_set_tables(const struct plain_set *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += table_len(&s->files[i]) != 0;
    return n;
}

char **plain_set_table_names(const struct plain_set *s)
{
    char **names = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < s->n; i++) {
        const size_t len = table_len(&s->files[i]);
        if (!len)
            continue;
        mem_grow(&names, &cap, n + 1, sizeof *names);
        names[n++] = mem_printf("%.*s", (int)len, s->files[i].listed.name);
        names[n] = NULL;
    }
    return names;
}

struct err *plain_copy_file(struct copy_env *env, const char *path, const char *name)
{
    struct plain_content content;
    uint32_t entry;
    struct stat st;
    bool present;
    if (stat(path, &st))
        return err_os("%s: cannot stat", path);
    struct archive_attr attr = {
        .kind = ARCHIVE_PLAIN, .path = name, .mode = st.st_mode & 07777, .mtime = st.st_mtime};
    TRY(copy_as(env, path, &attr, &entry, NULL, &content, &present));
    plain_content_fini(&content);
    if (!present)
        return err_make(IO, "%s: vanished", path);
    env->n_files++;
    return NULL;
}

void plain_set_put_facts(const struct plain_set *s, struct out_bytes *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct plain_file *f = &s->files[i];
        const struct plain_fact fact = {.name = f->listed.name,
                                        .content = f->content_path,
                                        .is_view = f->is_view,
                                        .unclosed = f->unclosed,
                                        .online_aria = f->online_aria,
                                        .mark = mark_of(&f->stamp),
                                        .size = f->content_size,
                                        .hashes = f->hashes};
        base_facts_put_plain(out, &fact);
    }
}
