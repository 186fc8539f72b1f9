/* verify/chain.c: see chain.h. */
#include "verify/chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "verify/lineage.h"

enum { KEPT_CHUNKS = 128 }; /* of all archives of a chain together, if it has fewer than that */

static void link_close(struct chain_link *l)
{
    archive_reader_free(l->reader);
    backup_manifest_fini(&l->manifest);
    free(l->id);
    *l = (struct chain_link){0};
}

void chain_close(struct chain *c)
{
    for (size_t i = 0; i < c->n; i++)
        link_close(&c->links[i]);
    free(c->links);
    repo_use_end(c->in_use);
    *c = (struct chain){0};
}

const struct chain_link *chain_last(const struct chain *c)
{
    return &c->links[c->n - 1];
}

/* Where there is a key an archive in clear proves nothing: whoever can write to the repository may have made it. And he may have put
 * a sealed one under the name of another. Without sealing a name proves as little as the rest. */
struct err *chain_check_place(const struct archive_reader *reader, const char *manifest_id,
                              const struct repo *repo, const char *id)
{
    const bool sealed = archive_reader_is_sealed(reader);
    if (repo_sealing_key(repo) && !sealed)
        return err_hint(err_make(SEALED, "is not sealed, and a key was given"),
                        "If it is to be trusted all the same, leave the key out.");
    if (!sealed || !*manifest_id || !strcmp(manifest_id, id))
        return NULL;
    return err_hint(err_make(CORRUPT, "is the archive of backup %s", manifest_id),
                    "If it was renamed, give it its name again.");
}

static struct err *open_archive(struct chain_link *l, struct repo *repo)
{
    TRY(repo_open_reader(&l->reader, repo, l->id));
    l->archive_id = archive_reader_id(l->reader);
    TRY_AT(backup_manifest_load(&l->manifest, l->reader), "%s", archive_reader_name(l->reader));
    return err_wrap(chain_check_place(l->reader, l->manifest.id, repo, l->id), "%s",
                    archive_reader_name(l->reader));
}

/* --- one link and the next --- */

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* Whether `base` is what `l` says of its base. Its manifest is believed only if it is the archive that the increment was made
 * on: that is seen first. */
static struct err *check_link(const struct chain_link *l, const struct chain_link *base)
{
    const struct backup_manifest *m = &l->manifest, *b = &base->manifest;
    if (base->archive_id != m->base_archive)
        return err_make(REFUSED,
                        "backup %s was made on the archive 0x%016" PRIx64
                        ", but %s is the archive 0x%016" PRIx64,
                        l->id, m->base_archive, base->id, base->archive_id);
    const char *what = m->family != b->family                          ? "kind of server"
                       : m->page_size != b->page_size                  ? "page size"
                       : !same_text(m->server_uuid, b->server_uuid)    ? "server"
                       : m->length != b->length + 1                    ? "length of the chain"
                       : strcmp(m->full, b->full ? b->full : base->id) ? "full backup below it"
                       : m->base_lsn != b->to                          ? "LSN between them"
                                                                       : NULL;
    return what ? err_make(CORRUPT, "backup %s and its base %s contradict each other: %s", l->id,
                           base->id, what)
                : NULL;
}

/* --- what can be restored instead --- */

/* The newest backup before `id` that rests on the backup `full` or is it (NULL: any) and can be restored; NULL if there is none.
 * Owned by caller. */
static char *find_restorable(struct repo *repo, const char *id, const char *full)
{
    struct lineage l = {0};
    const char *found = NULL;
    err_free(lineage_load(&l, repo)); /* this is for a hint only */
    for (size_t i = 0; i < l.n && strcmp(l.rows[i].id, id); i++) {
        const struct lineage_row *row = &l.rows[i];
        if (row->n_chain && (!full || !strcmp(l.rows[row->full_row].id, full)))
            found = row->id;
    }
    char *copy = found ? mem_strdup(found) : NULL;
    lineage_fini(&l);
    return copy;
}

/* Behind what hint there is already. */
static struct err *hint_at_restorable(struct err *e, struct repo *repo, const char *id,
                                      const char *full)
{
    if (repo_is_stream(repo))
        return e; /* there is no other */
    AUTO_FREE char *other = find_restorable(repo, id, full);
    AUTO_FREE char *before = e->hint;
    e->hint = NULL;
    return err_hint(e, "%s%sThe newest backup before it that can be restored: %s.",
                    before ? before : "", before ? " " : "", other ? other : "none");
}

struct err *chain_hint(struct err *e, const struct chain *c, struct repo *repo)
{
    for (size_t i = 0; e && i < c->n; i++)
        if (archive_reader_has_failed(c->links[i].reader))
            return hint_at_restorable(e, repo, c->links[i].id, i ? c->links[0].id : NULL);
    return e;
}

/* --- the whole --- */

static bool is_missing(const struct err *e)
{
    return e->kind == ERR_USAGE || e->os_errno == ENOENT;
}

static struct err *open_base(struct chain_link *base, struct repo *repo, const struct chain_link *l)
{
    struct err *e = repo_find(&base->id, repo, l->manifest.base);
    if (!e)
        e = open_archive(base, repo);
    if (e && is_missing(e)) {
        err_free(e);
        return err_make(REFUSED, "backup %s needs its base %s, which is not in %s", l->id,
                        l->manifest.base, repo_name(repo));
    }
    TRY_AT(e, "backup %s needs its base %s", l->id, l->manifest.base);
    return check_link(l, base);
}

/* Newest first, then turned round. */
static struct err *open_links(struct chain *c, struct repo *repo)
{
    size_t cap = 1;
    while (c->links[c->n - 1].manifest.base) {
        mem_grow(&c->links, &cap, c->n, sizeof *c->links);
        c->links[c->n] = (struct chain_link){0};
        c->n++;
        TRY(open_base(&c->links[c->n - 1], repo, &c->links[c->n - 2]));
    }
    for (size_t i = 0; i < c->n / 2; i++) {
        const struct chain_link l = c->links[i];
        c->links[i] = c->links[c->n - 1 - i];
        c->links[c->n - 1 - i] = l;
    }
    const int keep = KEPT_CHUNKS / (int)c->n;
    for (size_t i = 0; i < c->n && c->n > 1; i++)
        archive_reader_keep(c->links[i].reader, keep < 1 ? 1 : keep > 8 ? 8 : keep);
    return NULL;
}

static struct err *open_chain(struct chain *c, struct repo *repo)
{
    const struct chain_link *last = chain_last(c);
    TRY(repo_use_begin(&c->in_use, repo, last->id));
    TRY(open_archive(&c->links[0], repo));
    if (last->manifest.length > CHAIN_MAX)
        return err_make(REFUSED,
                        "backup %s is the end of a chain of %" PRIu32
                        " archives, more than the %d that are read",
                        last->id, last->manifest.length, CHAIN_MAX);
    return open_links(c, repo);
}

struct err *chain_open(struct chain *out, struct repo *repo, const char *id)
{
    struct chain_link last = {0};
    *out = (struct chain){0};
    TRY(repo_find(&last.id, repo, id));
    out->links = mem_alloc(sizeof last);
    out->links[0] = last;
    out->n = 1;
    struct err *e = open_chain(out, repo);
    if (e && (e->kind == ERR_CORRUPT || e->kind == ERR_REFUSED)) {
        const struct backup_manifest *m = &out->links[0].manifest;
        e = hint_at_restorable(e, repo, out->links[0].id, m->full);
    }
    if (e)
        chain_close(out);
    return e;
}
