/* archive/repo_s3.c: the repository in an object store of the S3 kind.
 *
 *   PREFIX/mbe-repository              text "mbe repository 1\n"
 *   PREFIX/<id>/backup.mbe             one complete archive: an object of several parts, which is not there before it is completed
 *   PREFIX/<id>/key                    the key block that counts instead of the archive's own, when its key was changed
 *   PREFIX/<id>/verified/<time>-<random>.json   one object for each line of its record (verify/record.h)
 *
 * A backup is published by completing its upload, and deleted by deleting its archive: it is listed if and only if that is there. A store of
 * this kind shows what was written to whoever asks behind it. It has no locks: see docs/repository.md for what follows. What killed runs leave
 * are uploads, which no listing shows, and key blocks and records of backups that are gone. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "archive/backup_id.h"
#include "archive/catalog.h"
#include "archive/format.h"
#include "archive/repo_kind.h"
#include "archive/sink_s3.h"
#include "archive/source_s3.h"
#include "archive/varint.h"
#include "base/mem.h"
#include "base/temp_dir.h"
#include "s3/s3_client.h"
#include "s3/s3_url.h"

#define MARKER "mbe-repository"
#define MARKER_TEXT "mbe repository 1\n"
#define ARCHIVE_NAME "/backup.mbe"
#define KEY_NAME "/key"
#define RECORDS_NAME "/verified/"

enum {
    MARKER_MAX = 4096,
    RECORD_MAX = 1 << 20,  /* of one line */
    KEY_BLOCK_MOST = 4096, /* that is read of one */
    SAME_SECOND_MAX = 1000,
    UPLOAD_DAYS = 7, /* no backup takes longer: an upload that old has nobody who completes it */
};

struct s3_repo {
    struct repo repo;
    struct s3_location at;
    struct s3_client *client;
    struct s3_windows *windows;
};

struct s3_draft {
    struct repo_draft draft;
    struct sink *upload; /* behind the draft's, which owns it */
    char *id;
    struct temp_dir *dir;
};

struct s3_deletion {
    struct repo_deletion deletion;
    struct s3_repo *r;
    struct backup_ids claims; /* in the order of the claims */
    size_t n_gone;            /* claims before this one are no longer listed */
};

static struct s3_repo *self_of(struct repo *r)
{
    return (struct s3_repo *)r; /* the first member, as below */
}

static char *key_of(const struct s3_repo *r, const char *id, const char *name)
{
    return mem_printf("%s%s%s", r->at.prefix, id, name);
}

/* ---- opening ---- */

static void s3_repo_close(struct repo *repo)
{
    struct s3_repo *r = self_of(repo);
    s3_windows_free(r->windows);
    s3_client_free(r->client);
    s3_location_fini(&r->at);
    free(r);
}

static struct err *s3_repo_open(struct repo **out, const char *url,
                                const struct repo_options *options)
{
    struct s3_repo *r = mem_zalloc(sizeof *r);
    struct err *e = s3_location_parse(&r->at, url);
    if (!e)
        e = s3_client_open(&r->client, &options->s3, r->at.bucket, options->log);
    if (e) {
        s3_repo_close(&r->repo);
        return e;
    }
    r->repo.name = mem_strdup(url);
    r->windows = s3_windows_new();
    *out = &r->repo;
    return NULL;
}

/* *is: there is a repository. REFUSED when the marker is another one. */
static struct err *look_for_marker(struct s3_repo *r, bool *is)
{
    AUTO_FREE char *key = key_of(r, "", MARKER);
    AUTO_FREE char *text = NULL;
    size_t len;
    TRY(s3_get(r->client, key, &text, &len, MARKER_MAX));
    *is = text != NULL;
    if (text && (len != strlen(MARKER_TEXT) || memcmp(text, MARKER_TEXT, len)))
        return err_make(
            REFUSED, "%s: is no mbe repository: its object " MARKER " is not \"mbe repository 1\"",
            r->repo.name);
    return NULL;
}

static struct err *check_marker(struct s3_repo *r)
{
    bool is;
    TRY(look_for_marker(r, &is));
    return is ? NULL
              : err_make(NO_REPOSITORY, "%s: is no mbe repository: it has no object " MARKER,
                         r->repo.name);
}

static struct err *open_or_create(struct s3_repo *r)
{
    AUTO_FREE char *key = key_of(r, "", MARKER);
    bool is;
    TRY(look_for_marker(r, &is));
    return is ? NULL : s3_put(r->client, key, MARKER_TEXT, strlen(MARKER_TEXT));
}

/* ---- reading ---- */

/* The id when `key` is PREFIX/<id><name>..., whatever is behind it if `name` ends with a /; owned by caller, else NULL. */
static char *id_in(const struct s3_repo *r, const char *key, const char *name)
{
    const size_t n_prefix = strlen(r->at.prefix), n_name = strlen(name);
    if (strncmp(key, r->at.prefix, n_prefix))
        return NULL;
    const char *id = key + n_prefix, *behind = strchrnul(id, '/');
    const bool open_end = name[n_name - 1] == '/';
    if (open_end ? strncmp(behind, name, n_name) : strcmp(behind, name))
        return NULL;
    AUTO_FREE char *text = mem_printf("%.*s", (int)(behind - id), id);
    if (!backup_id_is_valid(text))
        return NULL;
    char *found = text;
    text = NULL;
    return found;
}

/* The ids of those that are listed. */
static void add_archives(struct backup_ids *out, const struct s3_repo *r,
                         const struct s3_listing *l)
{
    for (size_t i = 0; i < l->n_objects; i++) {
        char *id = id_in(r, l->objects[i].key, ARCHIVE_NAME);
        if (id)
            backup_ids_add(out, id);
    }
}

static struct err *s3_repo_list(struct backup_ids *out, struct repo *repo)
{
    struct s3_repo *r = self_of(repo);
    struct s3_listing l;
    TRY(check_marker(r));
    struct err *e = s3_list(r->client, r->at.prefix, &l);
    if (!e)
        add_archives(out, r, &l);
    s3_listing_fini(&l);
    return e;
}

static struct err *s3_repo_open_source(struct source **out, struct repo *repo, const char *id)
{
    struct s3_repo *r = self_of(repo);
    AUTO_FREE char *key = key_of(r, id, ARCHIVE_NAME);
    return source_s3_open(out, r->client, r->windows, key);
}

/* No lock: it only looks whether the backup is there. */
static struct err *s3_repo_use(struct repo_use **out, struct repo *repo, const char *id)
{
    struct s3_repo *r = self_of(repo);
    AUTO_FREE char *key = key_of(r, id, ARCHIVE_NAME);
    bool found;
    uint64_t size;
    TRY(s3_head(r->client, key, &found, &size));
    if (!found)
        return err_new_os(ENOENT, __FILE__, __LINE__, "%s/%s: was deleted", r->repo.name, id);
    *out = mem_zalloc(sizeof **out);
    return NULL;
}

static void s3_repo_use_end(struct repo_use *u)
{
    free(u);
}

/* ---- the record ---- */

static struct err *s3_repo_record_append(struct repo *repo, const char *id, const char *line)
{
    struct s3_repo *r = self_of(repo);
    char now[BACKUP_STAMP_LEN + 1];
    uint64_t random = 0;
    backup_id_now(now);
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return err_os("cannot get random bytes for a name");
    AUTO_FREE char *name = mem_printf(RECORDS_NAME "%s-%016" PRIx64 ".json", now, random);
    AUTO_FREE char *key = key_of(r, id, name);
    AUTO_FREE char *text = mem_printf("%s\n", line);
    return s3_put(r->client, key, text, strlen(text));
}

/* Adds what object `key` has; one that was deleted meanwhile has nothing. */
static struct err *add_record(struct out_bytes *text, struct s3_repo *r, const char *key)
{
    AUTO_FREE char *line = NULL;
    size_t len;
    TRY(s3_get(r->client, key, &line, &len, RECORD_MAX));
    if (line && len > CATALOG_RECORD_MAX - text->n)
        return err_make(FAILED, "%s: %s: a record of more than %d bytes", r->repo.name, key,
                        CATALOG_RECORD_MAX);
    if (line)
        out_bytes_put(text, line, len);
    return NULL;
}

/* By their names, which is by their time. */
static struct err *s3_repo_record_read(char **text, struct repo *repo, const char *id)
{
    struct s3_repo *r = self_of(repo);
    AUTO_FREE char *prefix = key_of(r, id, RECORDS_NAME);
    struct s3_listing l;
    struct out_bytes all = {0};
    struct err *e = s3_list(r->client, prefix, &l);
    for (size_t i = 0; !e && i < l.n_objects; i++)
        e = add_record(&all, r, l.objects[i].key);
    s3_listing_fini(&l);
    if (e) {
        free(all.p);
        return e;
    }
    *out_reserve(&all, 1) = 0;
    *text = (char *)all.p;
    return NULL;
}

/* ---- key blocks ---- */

static struct err *s3_key_block_read(uint8_t *p, bool *there, struct repo *repo, const char *id)
{
    struct s3_repo *r = self_of(repo);
    AUTO_FREE char *key = key_of(r, id, KEY_NAME);
    AUTO_FREE char *bytes = NULL;
    size_t n;
    TRY(s3_get(r->client, key, &bytes, &n, KEY_BLOCK_MOST));
    *there = bytes != NULL;
    if (!bytes)
        return NULL;
    if (n != KEY_BLOCK_SIZE)
        return err_make(CORRUPT, "%s/%s" KEY_NAME ": %zu bytes, %d expected", repo->name, id, n,
                        KEY_BLOCK_SIZE);
    memcpy(p, bytes, KEY_BLOCK_SIZE);
    return NULL;
}

static struct err *s3_key_block_replace(struct repo *repo, const char *id, const uint8_t *p)
{
    struct s3_repo *r = self_of(repo);
    AUTO_FREE char *key = key_of(r, id, KEY_NAME);
    return s3_put(r->client, key, p, KEY_BLOCK_SIZE);
}

/* ---- what killed runs left ---- */

static struct err *abort_if_old(struct s3_repo *r, const struct s3_upload_item *u)
{
    AUTO_FREE char *id = id_in(r, u->key, ARCHIVE_NAME);
    const int64_t days = u->begun ? ((int64_t)time(NULL) - u->begun) / 86400 : 0;
    if (!id || days < UPLOAD_DAYS)
        return NULL;
    TRY(s3_upload_abort(r->client, u->key, u->id));
    log_info(r->repo.options.log, "repository",
             "%s/%s: gave up an upload that was begun %" PRId64 " days ago", r->repo.name, id,
             days);
    return NULL;
}

static struct err *abort_old_uploads(struct s3_repo *r)
{
    struct s3_uploads u;
    struct err *e = s3_upload_list(r->client, r->at.prefix, &u);
    for (size_t i = 0; !e && i < u.n; i++)
        e = abort_if_old(r, &u.items[i]);
    s3_uploads_fini(&u);
    return e;
}

static bool is_beside(const struct s3_repo *r, const char *key)
{
    AUTO_FREE char *of_key = id_in(r, key, KEY_NAME);
    AUTO_FREE char *of_record = id_in(r, key, RECORDS_NAME);
    return of_key || of_record;
}

/* Deletes what lies beside an archive that is gone: of another one of that id it would be taken for its own. */
static struct err *delete_rest(struct s3_repo *r, const char *id)
{
    AUTO_FREE char *folder = key_of(r, id, "/");
    struct s3_listing l;
    struct err *e = s3_list(r->client, folder, &l);
    for (size_t i = 0; !e && i < l.n_objects; i++)
        if (is_beside(r, l.objects[i].key))
            e = s3_delete(r->client, l.objects[i].key);
    s3_listing_fini(&l);
    return e;
}

static bool has_id(const struct backup_ids *list, const char *id)
{
    for (size_t i = 0; i < list->n; i++)
        if (!strcmp(list->ids[i], id))
            return true;
    return false;
}

/* What lies beside archives that are gone. A store may list in any order: all archives are found first. */
static struct err *delete_lost_objects(struct s3_repo *r)
{
    struct s3_listing l;
    struct backup_ids there = {0};
    struct err *e = s3_list(r->client, r->at.prefix, &l);
    if (!e)
        add_archives(&there, r, &l);
    for (size_t i = 0; !e && i < l.n_objects; i++) {
        AUTO_FREE char *of_key = id_in(r, l.objects[i].key, KEY_NAME);
        AUTO_FREE char *of_record = id_in(r, l.objects[i].key, RECORDS_NAME);
        const char *beside = of_key ? of_key : of_record;
        if (beside && !has_id(&there, beside))
            e = s3_delete(r->client, l.objects[i].key);
    }
    backup_ids_fini(&there);
    s3_listing_fini(&l);
    return e;
}

/* A writer may lack the right to list or abort uploads: what is left then costs room, no more. */
static struct err *unless_refused(const struct s3_repo *r, struct err *e)
{
    if (!e || e->kind != ERR_REFUSED)
        return e;
    log_debug(r->repo.options.log, "repository", "%s: %s", r->repo.name, e->message);
    err_free(e);
    return NULL;
}

/* ---- drafts ---- */

static void s3_draft_free(struct repo_draft *draft)
{
    struct s3_draft *d = (struct s3_draft *)draft;
    if (draft->sink)
        draft->sink->free(draft->sink);
    temp_dir_close(d->dir);
    free(d->id);
    free(d);
}

/* *taken: there is anything of this id, or a backup of it is being uploaded. What a deletion that was killed has left, a key block or a
 * record, would else be the new backup's. */
static struct err *look_if_taken(struct s3_repo *r, const char *id, bool *taken)
{
    AUTO_FREE char *folder = key_of(r, id, "/");
    struct s3_listing l;
    struct s3_uploads u;
    struct err *e = s3_list(r->client, folder, &l);
    *taken = l.n_objects > 0;
    s3_listing_fini(&l);
    if (e || *taken)
        return e;
    e = s3_upload_list(r->client, folder, &u);
    *taken = u.n > 0;
    s3_uploads_fini(&u);
    return unless_refused(r, e);
}

/* *id is owned by caller. Two that look at the same moment may choose the same one; then the second one's end is refused, where the store
 * knows conditions. */
static struct err *choose_id(struct s3_repo *r, const char *like, const char *type, char **id)
{
    char now[BACKUP_STAMP_LEN + 1];
    backup_id_now(now);
    for (int number = 1; number < SAME_SECOND_MAX; number++) {
        AUTO_FREE char *next = backup_id_make(like ? like : now, type, number);
        if (!next)
            return err_make(FAILED, "\"%s\" is no type of backup", type);
        bool taken;
        TRY(look_if_taken(r, next, &taken));
        if (taken)
            continue;
        *id = next;
        next = NULL;
        return NULL;
    }
    return err_make(FAILED, "%s: all ids for this second are taken", r->repo.name);
}

static struct err *start_upload(struct s3_repo *r, struct s3_draft *d)
{
    TRY(repo_temp_dir(&d->dir, &r->repo.options));
    AUTO_FREE char *key = key_of(r, d->id, ARCHIVE_NAME);
    TRY(sink_s3_open(&d->upload, r->client, key));
    sink_hold_open(&d->draft.sink, d->upload, temp_dir_path(d->dir));
    return NULL;
}

static struct err *begin(struct s3_repo *r, struct s3_draft *d, const char *like, const char *type)
{
    TRY(open_or_create(r));
    TRY(unless_refused(r, abort_old_uploads(r)));
    TRY(choose_id(r, like, type, &d->id));
    return start_upload(r, d);
}

/* *out has the draft, or nothing is left of it. */
static struct err *draft_begun(struct repo_draft **out, struct s3_draft *d, struct err *e)
{
    if (e) {
        s3_draft_free(&d->draft);
        return e;
    }
    d->draft.id = d->id;
    d->draft.dir = temp_dir_path(d->dir);
    *out = &d->draft;
    return NULL;
}

static struct err *s3_repo_begin(struct repo_draft **out, struct repo *repo, const char *like,
                                 const char *type)
{
    struct s3_draft *d = mem_zalloc(sizeof *d);
    return draft_begun(out, d, begin(self_of(repo), d, like, type));
}

/* An upload of this id may be what a killed run has left: it is in nobody's way, for of two that end the second one is refused, where
 * the store knows conditions. */
static struct err *begin_as(struct s3_repo *r, struct s3_draft *d, const char *id)
{
    AUTO_FREE char *key = key_of(r, id, ARCHIVE_NAME);
    bool found;
    uint64_t size;
    TRY(open_or_create(r));
    TRY(unless_refused(r, abort_old_uploads(r)));
    TRY(s3_head(r->client, key, &found, &size));
    if (found)
        return err_make(REFUSED, "%s: backup %s is there already", r->repo.name, id);
    TRY(delete_rest(r, id));
    d->id = mem_strdup(id);
    return start_upload(r, d);
}

static struct err *s3_repo_begin_as(struct repo_draft **out, struct repo *repo, const char *id)
{
    struct s3_draft *d = mem_zalloc(sizeof *d);
    return draft_begun(out, d, begin_as(self_of(repo), d, id));
}

static struct err *s3_publish(struct repo_draft *draft)
{
    return sink_s3_complete(((struct s3_draft *)draft)->upload);
}

/* ---- deletion ---- */

static struct s3_deletion *deletion_of(struct repo_deletion *d)
{
    return (struct s3_deletion *)d;
}

static struct err *s3_deletion_begin(struct repo_deletion **out, struct repo *repo)
{
    struct s3_repo *r = self_of(repo);
    TRY(check_marker(r));
    TRY(abort_old_uploads(r));
    TRY(delete_lost_objects(r));
    struct s3_deletion *d = mem_zalloc(sizeof *d);
    d->r = r;
    *out = &d->deletion;
    return NULL;
}

/* Nobody can say that he uses one. */
static struct err *s3_deletion_claim(struct repo_deletion *deletion, const char *id, bool *in_use)
{
    *in_use = false;
    backup_ids_add(&deletion_of(deletion)->claims, mem_strdup(id));
    return NULL;
}

static void s3_deletion_unclaim(struct repo_deletion *deletion)
{
    struct s3_deletion *d = deletion_of(deletion);
    while (d->claims.n > d->n_gone)
        free(d->claims.ids[--d->claims.n]);
}

static struct err *s3_deletion_next(struct repo_deletion *deletion, const char **id)
{
    struct s3_deletion *d = deletion_of(deletion);
    *id = NULL;
    if (d->n_gone == d->claims.n)
        return NULL;
    const char *next = d->claims.ids[d->n_gone];
    AUTO_FREE char *key = key_of(d->r, next, ARCHIVE_NAME);
    TRY(s3_delete(d->r->client, key));
    d->n_gone++;
    *id = next;
    return NULL;
}

static struct err *s3_deletion_finish(struct repo_deletion *deletion)
{
    struct s3_deletion *d = deletion_of(deletion);
    struct err *e = NULL;
    s3_deletion_unclaim(deletion);
    for (; d->n_gone; d->n_gone--)
        e = err_first(e, delete_rest(d->r, d->claims.ids[d->n_gone - 1]));
    backup_ids_fini(&d->claims);
    return e;
}

static void s3_deletion_free(struct repo_deletion *deletion)
{
    err_free(s3_deletion_finish(deletion));
    free(deletion_of(deletion));
}

const struct repo_kind repo_kind_s3 = {
    .scheme = "s3",
    .open = s3_repo_open,
    .close = s3_repo_close,
    .list = s3_repo_list,
    .open_source = s3_repo_open_source,
    .use = s3_repo_use,
    .use_end = s3_repo_use_end,
    .record_append = s3_repo_record_append,
    .record_read = s3_repo_record_read,
    .key_block_read = s3_key_block_read,
    .key_block_replace = s3_key_block_replace,
    .begin = s3_repo_begin,
    .begin_as = s3_repo_begin_as,
    .publish = s3_publish,
    .draft_free = s3_draft_free,
    .deletion_begin = s3_deletion_begin,
    .deletion_claim = s3_deletion_claim,
    .deletion_unclaim = s3_deletion_unclaim,
    .deletion_next = s3_deletion_next,
    .deletion_finish = s3_deletion_finish,
    .deletion_free = s3_deletion_free,
};
