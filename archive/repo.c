/* archive/repo.c: which kind a repository is of, and what is the same for all of them; see repo.h. */
#include "archive/repo.h"

#include <stdlib.h>
#include <string.h>

#include "archive/repo_kind.h"
#include "base/mem.h"

/* Those that are known by their scheme. */
static const struct repo_kind *const kinds_by_scheme[] = {&repo_kind_ssh, &repo_kind_s3, NULL};

static struct err *find_kind(const struct repo_kind **out, const char *url)
{
    const char *mark = strstr(url, "://");
    *out = strcmp(url, "-") ? &repo_kind_directory : &repo_kind_stream;
    if (!mark)
        return NULL;
    const size_t n = (size_t)(mark - url);
    for (const struct repo_kind *const *k = kinds_by_scheme; *k; k++)
        if (strlen((*k)->scheme) == n && !strncmp((*k)->scheme, url, n)) {
            *out = *k;
            return NULL;
        }
    return err_hint(
        err_make(USAGE, "%.*s:// is no kind of repository that this mbe knows", (int)n, url),
        "Name a directory, - for a stream, ssh://[user@]host[:port]/path or s3://BUCKET/PATH.");
}

struct err *repo_open(struct repo **out, const char *url, const struct repo_options *options)
{
    const struct repo_kind *kind;
    TRY(find_kind(&kind, url));
    TRY(kind->open(out, url, options));
    (*out)->kind = kind;
    (*out)->options = *options;
    (*out)->tmp_dir = options->tmp_dir ? mem_strdup(options->tmp_dir) : NULL;
    (*out)->options.tmp_dir = (*out)->tmp_dir;
    return NULL;
}

void repo_close(struct repo *r)
{
    if (!r)
        return;
    free(r->name);
    free(r->tmp_dir);
    archive_keys_free(r->options.keys);
    archive_keys_free(r->options.signing_keys);
    archive_keys_free(r->options.public_keys);
    r->kind->close(r);
}

const char *repo_name(const struct repo *r)
{
    return r->name;
}

const char *repo_directory(const struct repo *r)
{
    return r->directory;
}

bool repo_is_stream(const struct repo *r)
{
    return r->kind->is_stream;
}

const struct archive_key *repo_sealing_key(const struct repo *r)
{
    return r->options.keys ? &r->options.keys->keys[0] : NULL;
}

const struct archive_key *repo_signing_key(const struct repo *r)
{
    return r->options.signing_keys ? &r->options.signing_keys->keys[0] : NULL;
}

bool repo_wants_signatures(const struct repo *r)
{
    return r->options.public_keys != NULL;
}

/* ---- reading ---- */

struct err *repo_list(struct backup_ids *out, struct repo *r)
{
    *out = (struct backup_ids){0};
    struct err *e = r->kind->list(out, r);
    if (e)
        backup_ids_fini(out);
    else
        backup_ids_sort(out);
    return e;
}

static bool is_wanted(const char *id, const char *wanted)
{
    return !strcmp(wanted, "latest") || !strcmp(wanted, id) ||
           (!strcmp(wanted, "latest-full") && backup_id_is_full(id));
}

static struct err *not_found(const struct repo *r, const char *wanted)
{
    if (!strcmp(wanted, "latest"))
        return err_make(USAGE, "%s: has no backup yet", r->name);
    if (!strcmp(wanted, "latest-full"))
        return err_make(USAGE, "%s: has no full backup yet", r->name);
    return err_hint(err_make(USAGE, "%s: has no backup %s", r->name, wanted),
                    "See `mbe list` for the ids there are.");
}

struct err *repo_find(char **found, struct repo *r, const char *wanted)
{
    struct backup_ids list;
    *found = NULL;
    if (strcmp(wanted, "latest") && strcmp(wanted, "latest-full") && !backup_id_is_valid(wanted))
        return err_hint(err_make(USAGE, "\"%s\" is no backup id", wanted),
                        "See `mbe list` for the ids there are.");
    TRY(repo_list(&list, r));
    for (size_t i = list.n; i-- > 0 && !*found;)
        if (is_wanted(list.ids[i], wanted))
            *found = mem_strdup(list.ids[i]);
    backup_ids_fini(&list);
    return *found ? NULL : not_found(r, wanted);
}

struct err *repo_open_source(struct source **out, struct repo *r, const char *id)
{
    return r->kind->open_source(out, r, id);
}

struct err *repo_key_block_read(uint8_t *p, bool *there, struct repo *r, const char *id)
{
    *there = false;
    return r->kind->key_block_read ? r->kind->key_block_read(p, there, r, id) : NULL;
}

struct err *repo_key_block_replace(struct repo *r, const char *id, const uint8_t *p)
{
    if (!r->kind->key_block_replace)
        return err_make(REFUSED, "%s: keeps no keys beside its backups", r->name);
    return r->kind->key_block_replace(r, id, p);
}

/* Whose key block is asked for. */
struct locked {
    struct repo *repo;
    const char *id;
};

static struct err *give_key_block(void *ctx, uint8_t *p, bool *there)
{
    const struct locked *l = ctx;
    return repo_key_block_read(p, there, l->repo, l->id);
}

static struct archive_unlock unlock_of(struct locked *l)
{
    return (struct archive_unlock){.keys = l->repo->options.keys,
                                   .key_block = give_key_block,
                                   .ctx = l,
                                   .public_keys = l->repo->options.public_keys};
}

struct err *repo_open_reader(struct archive_reader **out, struct repo *r, const char *id)
{
    bool locked;
    return repo_try_reader(out, &locked, r, id);
}

struct err *repo_try_reader(struct archive_reader **out, bool *locked, struct repo *r,
                            const char *id)
{
    struct locked whose = {r, id};
    struct archive_unlock unlock = unlock_of(&whose);
    struct source *source;
    *locked = false;
    unlock.locked = locked;
    TRY(r->kind->open_source(&source, r, id));
    return archive_reader_open(out, source, &unlock);
}

struct err *repo_walk(struct repo *r, const char *id, struct source *source,
                      const struct archive_walk *walk, bool *complete)
{
    struct locked locked = {r, id};
    const struct archive_unlock unlock = unlock_of(&locked);
    struct archive_walk unlocked = *walk;
    unlocked.unlock = &unlock;
    return archive_walk(source, &unlocked, complete);
}

struct err *repo_use_begin(struct repo_use **out, struct repo *r, const char *id)
{
    TRY(r->kind->use(out, r, id));
    (*out)->kind = r->kind;
    return NULL;
}

void repo_use_end(struct repo_use *u)
{
    if (u)
        u->kind->use_end(u);
}

struct err *repo_record_append(struct repo *r, const char *id, const char *line)
{
    return r->kind->record_append(r, id, line);
}

struct err *repo_record_read(char **text, struct repo *r, const char *id)
{
    return r->kind->record_read(text, r, id);
}

/* ---- a new backup ---- */

struct err *repo_begin(struct repo_draft **out, struct repo *r, const char *like, const char *type)
{
    TRY(r->kind->begin(out, r, like, type));
    (*out)->kind = r->kind;
    return NULL;
}

const char *repo_draft_id(const struct repo_draft *d)
{
    return d->id;
}

struct sink *repo_draft_sink(const struct repo_draft *d)
{
    return d->sink;
}

const char *repo_draft_dir(const struct repo_draft *d)
{
    return d->dir;
}

struct err *repo_publish(struct repo_draft *d)
{
    return d->kind->publish(d);
}

void repo_draft_free(struct repo_draft *d)
{
    if (d)
        d->kind->draft_free(d);
}

struct err *repo_temp_dir(struct temp_dir **out, const struct repo_options *options)
{
    AUTO_FREE char *parent = NULL;
    TRY(temp_dir_parent(&parent, options->tmp_dir));
    TRY(temp_dir_clean(parent, options->log));
    return temp_dir_open(out, parent, options->log);
}

/* ---- deletion ---- */

struct err *repo_deletion_begin(struct repo_deletion **out, struct repo *r)
{
    if (!r->kind->deletion_begin)
        return err_make(REFUSED, "%s: nothing can be deleted there", r->name);
    TRY(r->kind->deletion_begin(out, r));
    (*out)->kind = r->kind;
    return NULL;
}

struct err *repo_deletion_claim(struct repo_deletion *d, const char *id, bool *in_use)
{
    return d->kind->deletion_claim(d, id, in_use);
}

void repo_deletion_unclaim(struct repo_deletion *d)
{
    d->kind->deletion_unclaim(d);
}

struct err *repo_deletion_next(struct repo_deletion *d, const char **id)
{
    return d->kind->deletion_next(d, id);
}

struct err *repo_deletion_finish(struct repo_deletion *d)
{
    return d->kind->deletion_finish(d);
}

void repo_deletion_free(struct repo_deletion *d)
{
    if (d)
        d->kind->deletion_free(d);
}
