/* archive/catalog.c: see catalog.h.
 *
 * Three kinds of lock, all flock(2), which a killed process gives back:
 *   on the repository's marker file, while a draft is made, cleaned up or published: so that
 *   nobody takes a draft for abandoned between its mkdir and its lock, or between the removal of
 *   its lock file and its rename; and while backups are chosen and deleted: so that none is
 *   published that needs one of them;
 *   on the draft's lock file, as long as the draft lives;
 *   on a backup's archive: shared by those who read it, exclusive from the claim to the rename of
 *   a deletion. Who got it shared looks whether the archive is still in its place. */
#include "archive/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "archive/format.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"

#define MARKER "mbe-repository"
#define MARKER_TEXT "mbe repository 1\n"
#define ARCHIVE_NAME "backup.mbe"
#define RECORD_NAME "verified.jsonl"
#define KEY_BLOCK_NAME "backup.key"
#define LOCK_NAME "lock"
#define RESUMABLE_NAME "resumable"
#define DRAFT_SUFFIX ".incomplete"
#define DELETED_SUFFIX ".deleted"

enum {
    SAME_SECOND_MAX = 1000,
};

struct catalog_draft {
    char *repo, *id, *dir, *archive;
    int lock_fd;
    bool published;
};

static char *join(const char *dir, const char *name)
{
    return mem_printf("%s/%s", dir, name);
}

/* Whether `name` is ".<id><suffix>". */
static bool is_hidden_id(const char *name, const char *suffix)
{
    const size_t n = strlen(name), n_suffix = strlen(suffix);
    if (name[0] != '.' || n <= 1 + n_suffix || strcmp(name + n - n_suffix, suffix))
        return false;
    AUTO_FREE char *id = mem_printf("%.*s", (int)(n - 1 - n_suffix), name + 1);
    return backup_id_is_valid(id);
}

/* ---- the repository ---- */

static struct err *not_a_repository(const char *repo, const char *why)
{
    return err_make(REFUSED, "%s: is no mbe repository: %s", repo, why);
}

static struct err *no_repository(const char *repo, const char *why)
{
    return err_make(NO_REPOSITORY, "%s: is no mbe repository: %s", repo, why);
}

static struct err *check_marker(const char *repo)
{
    AUTO_FREE char *path = join(repo, MARKER);
    AUTO_FREE char *text = NULL;
    struct stat st;
    size_t len;
    if (stat(repo, &st))
        return errno == ENOENT ? no_repository(repo, "no such directory")
                               : err_os("%s: cannot stat", repo);
    if (!S_ISDIR(st.st_mode))
        return not_a_repository(repo, "not a directory");
    bool absent;
    TRY(file_absent(file_read_all(&text, &len, path, 4096), &absent));
    if (absent)
        return no_repository(repo, "it has no file " MARKER);
    if (len != strlen(MARKER_TEXT) || memcmp(text, MARKER_TEXT, len))
        return not_a_repository(repo, "its file " MARKER " is not \"mbe repository 1\"");
    return NULL;
}

/* What a directory may hold and still become a repository: a new file system's lost+found, and
 * what was left by a run that was killed while it wrote the marker. */
static bool is_harmless(const char *name)
{
    return !strcmp(name, "lost+found") || !strncmp(name, MARKER ".tmp", strlen(MARKER ".tmp"));
}

/* *may: there is no directory, or one with nothing in it. */
static struct err *may_become_repository(const char *repo, bool *may)
{
    DIR *d = opendir(repo);
    *may = true;
    if (!d)
        return errno == ENOENT ? NULL : err_os("%s: cannot open directory", repo);
    const struct dirent *de;
    struct err *e;
    while (!(e = file_next_entry(&de, d, repo)) && de)
        if (!is_harmless(de->d_name))
            *may = false;
    closedir(d);
    return e;
}

static struct err *open_or_create(const char *repo)
{
    bool may;
    TRY(may_become_repository(repo, &may));
    if (!may)
        return err_hint(check_marker(repo),
                        "Name an empty or absent directory to make a new repository.");
    AUTO_FREE char *marker = join(repo, MARKER);
    TRY(file_mkdirs(repo, 0700));
    return file_replace(marker, MARKER_TEXT, strlen(MARKER_TEXT), 0600);
}

/* flock(2), or a signal asks us to stop while it waits. */
static struct err *wait_for_lock(int fd, int how, const char *path)
{
    while (flock(fd, how)) {
        if (errno != EINTR)
            return err_os("%s: cannot lock", path);
        TRY(signals_check());
    }
    return NULL;
}

/* Locks the repository against other processes that begin or publish; closing *fd unlocks. */
static struct err *lock_repository(int *fd, const char *repo)
{
    AUTO_FREE char *marker = join(repo, MARKER);
    TRY(file_open(fd, marker, O_RDWR, 0));
    return wait_for_lock(*fd, LOCK_EX, marker);
}

/* Names in the repository for which `take` gives a string, which goes to the list. */
static struct err *scan(const char *repo, char *(*take)(const char *repo, const char *name),
                        char ***names, size_t *n)
{
    size_t cap = 0;
    *names = NULL;
    *n = 0;
    DIR *d = opendir(repo);
    if (!d)
        return err_os("%s: cannot open directory", repo);
    const struct dirent *de;
    struct err *e;
    while (!(e = file_next_entry(&de, d, repo)) && de) {
        char *name = take(repo, de->d_name);
        if (!name)
            continue;
        mem_grow(names, &cap, *n, sizeof **names);
        (*names)[(*n)++] = name;
    }
    closedir(d);
    return e;
}

/* ---- listing ---- */

static char *take_backup(const char *repo, const char *name)
{
    if (!backup_id_is_valid(name))
        return NULL;
    AUTO_FREE char *archive = catalog_archive_path(repo, name);
    struct stat st;
    return stat(archive, &st) || !S_ISREG(st.st_mode) ? NULL : mem_strdup(name);
}

struct err *catalog_list(struct backup_ids *out, const char *repo)
{
    *out = (struct backup_ids){0};
    TRY(check_marker(repo));
    struct err *e = scan(repo, take_backup, &out->ids, &out->n);
    if (e)
        backup_ids_fini(out);
    else
        backup_ids_sort(out);
    return e;
}

char *catalog_archive_path(const char *repo, const char *id)
{
    return mem_printf("%s/%s/" ARCHIVE_NAME, repo, id);
}

struct err *catalog_use(int *fd, const char *archive_path)
{
    AUTO_FD int mine = -1;
    struct stat held, there;
    TRY(file_open(&mine, archive_path, O_RDONLY, 0));
    TRY(wait_for_lock(mine, LOCK_SH, archive_path));
    if (fstat(mine, &held))
        return err_os("%s: cannot stat", archive_path);
    const bool gone = stat(archive_path, &there) || held.st_ino != there.st_ino;
    if (gone)
        return err_new_os(ENOENT, __FILE__, __LINE__, "%s: was deleted", archive_path);
    *fd = mine;
    mine = -1;
    return NULL;
}

/* ---- the record ---- */

/* The directory that the archive is in. */
static char *backup_dir(const char *archive_path)
{
    return mem_printf("%.*s", (int)(strrchr(archive_path, '/') - archive_path), archive_path);
}

/* Whether the file ends within a line. */
static struct err *is_cut_off(bool *cut, int fd, const char *path)
{
    struct stat st;
    char last = '\n';
    size_t n = 0;
    if (fstat(fd, &st))
        return err_os("%s: cannot stat", path);
    if (st.st_size > 0)
        TRY(file_pread(fd, &last, 1, (uint64_t)st.st_size - 1, &n, path));
    *cut = last != '\n';
    return NULL;
}

/* One at a time: whether the last line is whole must not change before ours is behind it. */
static struct err *append_line(int fd, const char *line, const char *path)
{
    bool cut;
    TRY(wait_for_lock(fd, LOCK_EX, path));
    TRY(is_cut_off(&cut, fd, path));
    AUTO_FREE char *text = mem_printf("%s%s\n", cut ? "\n" : "", line);
    TRY(file_write(fd, text, strlen(text), path));
    return file_fsync(fd, path);
}

struct err *catalog_record_append(const char *archive_path, const char *line)
{
    AUTO_FREE char *dir = backup_dir(archive_path);
    AUTO_FREE char *path = join(dir, RECORD_NAME);
    AUTO_FD int fd = -1;
    TRY(file_open(&fd, path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0600));
    TRY(append_line(fd, line, path));
    return file_fsync_dir(dir);
}

struct err *catalog_record_read(char **text, const char *archive_path)
{
    AUTO_FREE char *dir = backup_dir(archive_path);
    AUTO_FREE char *path = join(dir, RECORD_NAME);
    size_t len;
    bool absent;
    TRY(file_absent(file_read_all(text, &len, path, CATALOG_RECORD_MAX), &absent));
    if (absent)
        *text = mem_strdup("");
    return NULL;
}

/* ---- key blocks ---- */

static char *key_block_path(const char *archive_path)
{
    AUTO_FREE char *dir = backup_dir(archive_path);
    return join(dir, KEY_BLOCK_NAME);
}

struct err *catalog_key_block_read(uint8_t *p, bool *there, const char *archive_path)
{
    AUTO_FREE char *path = key_block_path(archive_path);
    AUTO_FD int fd = -1;
    uint8_t bytes[KEY_BLOCK_SIZE + 1]; /* one more tells that it is longer */
    size_t n;
    bool absent;
    TRY(file_absent(file_open(&fd, path, O_RDONLY, 0), &absent));
    *there = !absent;
    if (absent)
        return NULL;
    TRY(file_pread(fd, bytes, sizeof bytes, 0, &n, path));
    if (n != KEY_BLOCK_SIZE)
        return err_make(CORRUPT, "%s: %zu bytes%s, %d expected", path, n,
                        n > KEY_BLOCK_SIZE ? " or more" : "", KEY_BLOCK_SIZE);
    memcpy(p, bytes, KEY_BLOCK_SIZE);
    return NULL;
}

struct err *catalog_key_block_replace(const char *archive_path, const uint8_t *p)
{
    AUTO_FREE char *path = key_block_path(archive_path);
    return file_replace(path, p, KEY_BLOCK_SIZE, 0600);
}

/* ---- drafts ---- */

static char *take_hidden(const char *repo, const char *name)
{
    (void)repo;
    const bool ours = is_hidden_id(name, DRAFT_SUFFIX) || is_hidden_id(name, DELETED_SUFFIX);
    return ours ? mem_strdup(name) : NULL;
}

/* Whether its process said so, and not too long ago. A clock that was set makes it the shorter. */
static struct err *draft_is_resumable(const char *dir, bool *is)
{
    AUTO_FREE char *path = join(dir, RESUMABLE_NAME);
    struct stat st;
    *is = false;
    if (lstat(path, &st))
        return errno == ENOENT ? NULL : err_os("%s: cannot stat", path);
    *is = llabs((long long)time(NULL) - st.st_mtime) < CATALOG_RESUME_WITHIN_S;
    return NULL;
}

/* *held: a living process has the lock. A draft without lock file was never begun, or nearly
 * published, by a process that is gone: those two steps are taken under the repository's lock,
 * which we have. */
static struct err *draft_is_held(const char *dir, bool *held)
{
    AUTO_FREE char *path = join(dir, LOCK_NAME);
    AUTO_FD int fd = -1;
    *held = false;
    bool absent;
    TRY(file_absent(file_open(&fd, path, O_RDWR, 0), &absent));
    if (absent)
        return NULL;
    if (!flock(fd, LOCK_EX | LOCK_NB))
        return NULL;
    if (errno != EWOULDBLOCK)
        return err_os("%s: cannot lock", path);
    *held = true;
    return NULL;
}

static struct err *remove_if_abandoned(const char *repo, const char *name, struct log *log)
{
    AUTO_FREE char *dir = join(repo, name);
    const bool is_draft = is_hidden_id(name, DRAFT_SUFFIX);
    bool held = false;
    if (is_draft)
        TRY(draft_is_held(dir, &held));
    if (is_draft && !held)
        TRY(draft_is_resumable(dir, &held));
    if (held)
        return NULL;
    TRY(file_remove_tree(dir));
    log_info(log, "catalog", "%s: removed what an unfinished %s left", dir,
             is_draft ? "backup" : "deletion");
    return NULL;
}

static struct err *remove_abandoned(const char *repo, struct log *log)
{
    char **names;
    size_t n;
    TRY(scan(repo, take_hidden, &names, &n));
    struct err *e = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!e)
            e = remove_if_abandoned(repo, names[i], log);
        free(names[i]);
    }
    free(names);
    return e;
}

static char *draft_path(const char *repo, const char *id)
{
    return mem_printf("%s/.%s" DRAFT_SUFFIX, repo, id);
}

/* Takes `id`. *taken: mkdir of the draft would clash, or its rename would later. */
static struct err *try_id(struct catalog_draft *d, char *id, bool *taken)
{
    d->id = id;
    d->dir = draft_path(d->repo, d->id);
    AUTO_FREE char *final = join(d->repo, d->id);
    struct stat st;
    *taken = lstat(final, &st) == 0;
    if (!*taken && mkdir(d->dir, 0700) == 0) {
        d->archive = join(d->dir, ARCHIVE_NAME);
        return NULL;
    }
    struct err *e =
        *taken || errno == EEXIST ? NULL : err_os("%s: cannot create directory", d->dir);
    *taken = !e;
    free(d->id);
    free(d->dir);
    d->id = d->dir = NULL;
    return e;
}

static struct err *make_directory(struct catalog_draft *d, const char *stamp, const char *type)
{
    bool taken = true;
    for (int number = 1; taken && number < SAME_SECOND_MAX; number++) {
        char *id = backup_id_make(stamp, type, number);
        if (!id)
            return err_make(FAILED, "\"%s\" is no type of backup", type);
        TRY(try_id(d, id, &taken));
    }
    return taken ? err_make(FAILED, "%s: all ids %.*s-%s-... are taken", d->repo, BACKUP_STAMP_LEN,
                            stamp, type)
                 : NULL;
}

static struct err *make_lock(struct catalog_draft *d)
{
    AUTO_FREE char *path = join(d->dir, LOCK_NAME);
    TRY(file_open(&d->lock_fd, path, O_RDWR | O_CREAT | O_EXCL, 0600));
    return flock(d->lock_fd, LOCK_EX | LOCK_NB) ? err_os("%s: cannot lock", path) : NULL;
}

static struct err *begin(struct catalog_draft **out, const char *repo, const char *stamp,
                         const char *type, struct log *log)
{
    AUTO_FD int repo_lock = -1;
    TRY(lock_repository(&repo_lock, repo));
    TRY(remove_abandoned(repo, log));
    AUTO(catalog_draft) d = mem_zalloc(sizeof *d);
    d->lock_fd = -1;
    d->repo = mem_strdup(repo);
    TRY(make_directory(d, stamp, type));
    TRY(make_lock(d));
    *out = d;
    d = NULL;
    return NULL;
}

struct err *catalog_begin(struct catalog_draft **out, const char *repo, const char *type,
                          struct log *log)
{
    char stamp[BACKUP_STAMP_LEN + 1];
    backup_id_now(stamp);
    TRY(open_or_create(repo));
    return begin(out, repo, stamp, type, log);
}

struct err *catalog_begin_like(struct catalog_draft **out, const char *repo, const char *like,
                               const char *type, struct log *log)
{
    if (!backup_id_is_valid(like))
        return err_make(FAILED, "\"%s\" is no backup id", like);
    TRY(open_or_create(repo));
    return begin(out, repo, like, type, log);
}

const char *catalog_draft_id(const struct catalog_draft *d)
{
    return d->id;
}

const char *catalog_draft_dir(const struct catalog_draft *d)
{
    return d->dir;
}

const char *catalog_draft_archive(const struct catalog_draft *d)
{
    return d->archive;
}

static char *take_all_but_archive(const char *dir, const char *name)
{
    (void)dir;
    const bool keep = !strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, ARCHIVE_NAME);
    return keep ? NULL : mem_strdup(name);
}

static struct err *remove_all_but_archive(const char *dir)
{
    char **names;
    size_t n;
    TRY(scan(dir, take_all_but_archive, &names, &n));
    struct err *e = NULL;
    for (size_t i = 0; i < n; i++) {
        AUTO_FREE char *path = join(dir, names[i]);
        e = err_first(e, file_remove_tree(path));
        free(names[i]);
    }
    free(names);
    return e;
}

struct err *catalog_publish(struct catalog_draft *d)
{
    AUTO_FD int repo_lock = -1, archive_fd = -1;
    AUTO_FREE char *final = join(d->repo, d->id);
    TRY(file_open(&archive_fd, d->archive, O_RDONLY, 0));
    TRY(file_fsync(archive_fd, d->archive));
    TRY(lock_repository(&repo_lock, d->repo));
    TRY(remove_all_but_archive(d->dir));
    TRY(file_fsync_dir(d->dir));
    if (rename(d->dir, final))
        return err_os("%s: cannot rename to %s", d->dir, final);
    struct err *e = file_fsync_dir(d->repo);
    if (e && !rename(final, d->dir)) /* not known to be durable: take it back */
        return e;
    d->published = true;
    return e;
}

static void release(struct catalog_draft *d)
{
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    free(d->repo);
    free(d->id);
    free(d->dir);
    free(d->archive);
    free(d);
}

/* The lock is given up last: until then nobody else takes the directory for abandoned. What
 * cannot be removed now is removed by the next catalog_begin. */
void catalog_draft_free(struct catalog_draft *d)
{
    if (!d)
        return;
    if (!d->published && d->dir)
        err_free(file_remove_tree(d->dir));
    release(d);
}

/* ---- drafts that outlive their process ---- */

struct err *catalog_draft_make_resumable(struct catalog_draft *d)
{
    AUTO_FREE char *path = join(d->dir, RESUMABLE_NAME);
    AUTO_FD int fd = -1;
    TRY(file_open(&fd, path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
    return futimens(fd, NULL) ? err_os("%s: cannot set its time", path) : NULL;
}

void catalog_draft_leave(struct catalog_draft *d)
{
    err_free(catalog_draft_make_resumable(d)); /* without it there is less time to go on with it */
    release(d);
}

/* The draft's lock is ours afterwards, or none of it. */
static struct err *take_over(struct catalog_draft **out, const char *repo, const char *id)
{
    AUTO_FREE char *dir = draft_path(repo, id);
    AUTO_FREE char *path = join(dir, LOCK_NAME);
    AUTO_FD int fd = -1;
    TRY(file_open(&fd, path, O_RDWR | O_NOFOLLOW, 0));
    if (flock(fd, LOCK_EX | LOCK_NB))
        return err_os("%s: cannot lock", path);
    struct catalog_draft *d = mem_zalloc(sizeof *d);
    *d = (struct catalog_draft){.repo = mem_strdup(repo),
                                .id = mem_strdup(id),
                                .dir = mem_strdup(dir),
                                .archive = join(dir, ARCHIVE_NAME),
                                .lock_fd = fd};
    fd = -1;
    *out = d;
    return NULL;
}

struct err *catalog_resume(struct catalog_draft **out, uint64_t *published, const char *repo,
                           const char *id)
{
    AUTO_FD int repo_lock = -1;
    AUTO_FREE char *archive = catalog_archive_path(repo, id);
    struct stat st;
    *out = NULL;
    *published = 0;
    TRY(check_marker(repo));
    TRY(lock_repository(&repo_lock, repo));
    if (!stat(archive, &st)) {
        TRY(file_fsync_dir(repo)); /* who renamed it may have died in between */
        *published = (uint64_t)st.st_size;
        return NULL;
    }
    TRY(take_over(out, repo, id));
    struct err *e = catalog_draft_make_resumable(*out);
    if (!e)
        return NULL;
    catalog_draft_leave(*out);
    *out = NULL;
    return e;
}

/* ---- deletion ---- */

struct claim {
    char *id;
    int fd; /* of the archive, locked */
};

struct catalog_deletion {
    char *repo;
    int repo_lock;
    struct claim *claims;
    size_t n, cap;
    size_t n_gone; /* claims before this one are no longer listed */
};

struct err *catalog_deletion_begin(struct catalog_deletion **out, const char *repo, struct log *log)
{
    AUTO_FD int repo_lock = -1;
    TRY(check_marker(repo));
    TRY(lock_repository(&repo_lock, repo));
    TRY(remove_abandoned(repo, log));
    struct catalog_deletion *d = mem_zalloc(sizeof *d);
    d->repo = mem_strdup(repo);
    d->repo_lock = repo_lock;
    repo_lock = -1;
    *out = d;
    return NULL;
}

struct err *catalog_deletion_claim(struct catalog_deletion *d, const char *id, bool *in_use)
{
    AUTO_FREE char *archive = catalog_archive_path(d->repo, id);
    AUTO_FD int fd = -1;
    *in_use = false;
    TRY(file_open(&fd, archive, O_RDWR, 0));
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        *in_use = errno == EWOULDBLOCK;
        return *in_use ? NULL : err_os("%s: cannot lock", archive);
    }
    mem_grow(&d->claims, &d->cap, d->n, sizeof *d->claims);
    d->claims[d->n++] = (struct claim){mem_strdup(id), fd};
    fd = -1;
    return NULL;
}

static void close_claims(struct catalog_deletion *d)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->claims[i].fd >= 0)
            close(d->claims[i].fd);
        d->claims[i].fd = -1;
    }
}

void catalog_deletion_unclaim(struct catalog_deletion *d)
{
    close_claims(d);
    while (d->n > d->n_gone)
        free(d->claims[--d->n].id);
}

static char *deleted_path(const struct catalog_deletion *d, const char *id)
{
    return mem_printf("%s/.%s" DELETED_SUFFIX, d->repo, id);
}

struct err *catalog_deletion_next(struct catalog_deletion *d, const char **id)
{
    *id = NULL;
    if (d->n_gone == d->n)
        return NULL;
    const char *next = d->claims[d->n_gone].id;
    AUTO_FREE char *from = join(d->repo, next), *to = deleted_path(d, next);
    if (rename(from, to))
        return err_os("%s: cannot rename to %s", from, to);
    TRY(file_fsync_dir(d->repo)); /* else it may be listed again after a crash: its files stay */
    d->n_gone++;
    *id = next;
    return NULL;
}

/* The claims are closed first: whoever waits for one finds that it is gone, not when it is. */
struct err *catalog_deletion_finish(struct catalog_deletion *d)
{
    struct err *e = NULL;
    catalog_deletion_unclaim(d);
    if (d->repo_lock >= 0)
        close(d->repo_lock);
    d->repo_lock = -1;
    for (; d->n_gone; d->n_gone--) {
        AUTO_FREE char *id = d->claims[d->n_gone - 1].id;
        AUTO_FREE char *path = deleted_path(d, id);
        e = err_first(e, file_remove_tree(path));
    }
    d->n = 0;
    return e;
}

void catalog_deletion_free(struct catalog_deletion *d)
{
    if (!d)
        return;
    err_free(catalog_deletion_finish(d));
    free(d->claims);
    free(d->repo);
    free(d);
}
