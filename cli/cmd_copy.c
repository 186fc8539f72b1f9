/* cli/cmd_copy.c: mbe copy. Bases go before what is based on them, and nothing is copied whose base is not there: so is what lists over
 * there whole, chains and all, whenever the copy is cut off. A backup that is damaged, or cannot be read, does not keep the others from
 * being copied; what fails otherwise ends the command. */
#include "cli/command.h"

#include <stdlib.h>
#include <string.h>

#include "archive/repo_copy.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/repository.h"
#include "verify/lineage.h"

struct copying {
    const struct session *session;
    struct repo *to;
    const struct lineage *lineage;
    /* Of each row. good: it is over there, with all that it needs; gone: it was deleted meanwhile. */
    bool *chosen, *good, *gone;
    size_t n, n_bad;   /* looked at; damaged, or not to be read */
    struct err *first; /* of those, owned */
};

/* ---- which ---- */

static struct err *choose_chain(struct copying *c, size_t row)
{
    const struct lineage_row *rows = c->lineage->rows;
    if (rows[row].unsure && !backup_id_is_full(rows[row].id))
        return err_hint(err_make(REFUSED, "it is not known what backup %s needs: %s", rows[row].id,
                                 rows[row].error),
                        "Give its key, or copy all backups.");
    for (size_t i = row; i != LINEAGE_NONE; i = rows[i].base)
        c->chosen[i] = true;
    return NULL;
}

static struct err *choose(struct copying *c)
{
    struct repo *from = c->session->repo;
    const char *wanted = c->session->options->backup;
    AUTO_FREE char *id = NULL;
    size_t row;
    if (!strcmp(wanted, "all")) {
        memset(c->chosen, true, c->lineage->n * sizeof *c->chosen);
        return NULL;
    }
    TRY(repo_find(&id, from, wanted));
    TRY(lineage_find(&row, c->lineage, from, id));
    return choose_chain(c, row);
}

/* ---- copying ---- */

/* What it needs is over there. */
static struct err *check_base(const struct copying *c, const struct lineage_row *row)
{
    if (row->error) /* what it needs is not known: it may be one that was not copied */
        return backup_id_is_full(row->id) || !c->n_bad
                   ? NULL
                   : err_make(
                         CORRUPT,
                         "backup %s: what it needs is not known, and not all backups are copied",
                         row->id);
    if (row->full)
        return NULL;
    if (row->base == LINEAGE_NONE)
        return err_make(CORRUPT, "backup %s %s", row->id, row->broken);
    return c->good[row->base] ? NULL
                              : err_make(CORRUPT, "backup %s needs %s, which is not copied",
                                         row->id, c->lineage->rows[row->base].id);
}

static void print_result(const struct repo_copy_result *r, const char *id)
{
    char size[16];
    AUTO_FREE char *why =
        mem_printf("%s%s", text_bytes(size, r->bytes),
                   r->unopened ? ", sealed: only its checksums were verified" : "");
    print_done(r->there ? "there" : "copied", id, r->there ? NULL : why);
    fflush(stdout);
}

/* The base is in use over there until what needs it has come. */
static struct err *copy_row(struct copying *c, size_t i, struct repo_copy_result *result)
{
    const struct session *s = c->session;
    const struct lineage_row *row = &c->lineage->rows[i];
    AUTO(repo_use) base = NULL;
    if (row->base != LINEAGE_NONE && c->gone[row->base]) {
        c->gone[i] = true; /* what needs a backup is deleted before it */
        return NULL;
    }
    TRY(check_base(c, row));
    if (row->base != LINEAGE_NONE)
        TRY(repo_use_begin(&base, c->to, c->lineage->rows[row->base].id));
    TRY_AT(repo_copy(result, c->to, s->repo, row->id, s->progress), "backup %s", row->id);
    c->gone[i] = result->gone;
    c->good[i] = !result->gone;
    if (result->gone)
        log_info(s->log, "copy", "backup %s was deleted meanwhile", row->id);
    else
        print_result(result, row->id);
    return NULL;
}

static bool is_reachable(struct repo *r)
{
    struct err *e = repo_check(r);
    const bool is = !e;
    err_free(e);
    return is;
}

/* Whether the error says something of this backup alone. */
static bool is_of_backup(const struct copying *c, const struct err *e,
                         const struct repo_copy_result *result)
{
    return e->kind == ERR_CORRUPT || (result->of_source && e->kind != ERR_INTERRUPTED &&
                                      is_reachable(c->session->repo) && is_reachable(c->to));
}

static void take_damage(struct copying *c, struct err *e)
{
    c->n_bad++;
    log_error(c->session->log, "copy", "%s", e->message);
    c->first = err_first(c->first, e);
}

static struct err *copy_chosen(struct copying *c)
{
    for (size_t k = 0; k < c->lineage->n; k++) {
        const size_t i = c->lineage->order[k];
        if (!c->chosen[i])
            continue;
        struct repo_copy_result result = {0};
        struct err *e = copy_row(c, i, &result);
        c->n++;
        if (e && !is_of_backup(c, e, &result))
            return e;
        if (e)
            take_damage(c, e);
    }
    return NULL;
}

static struct err *copy(struct copying *c)
{
    TRY(choose(c));
    struct err *e = copy_chosen(c);
    if (c->n > 1 && c->first)
        c->first =
            err_wrap(c->first, "%zu of %zu backups are not copied, the first", c->n_bad, c->n);
    return err_after(c->first, e);
}

struct err *command_copy(const struct session *s)
{
    AUTO(repo) to = NULL;
    struct lineage l;
    TRY(repository_open_target(&to, s->options, s->log, s->progress));
    TRY(lineage_load(&l, s->repo));
    AUTO_FREE bool *chosen = mem_zalloc(l.n * sizeof *chosen);
    AUTO_FREE bool *good = mem_zalloc(l.n * sizeof *good);
    AUTO_FREE bool *gone = mem_zalloc(l.n * sizeof *gone);
    struct copying c = {
        .session = s, .to = to, .lineage = &l, .chosen = chosen, .good = good, .gone = gone};
    struct err *e = copy(&c);
    lineage_fini(&l);
    return e;
}
