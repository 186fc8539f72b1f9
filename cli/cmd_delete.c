/* cli/cmd_delete.c: mbe delete. One backup, and only when asked so those that need it. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "cli/removal.h"

enum { NAMES_MAX = 10 };

/* "A, B and 3 more": those of the chosen rows that are not `but`. Owned by caller. */
static char *names_of(const struct lineage *l, const bool *chosen, size_t but, size_t n)
{
    char *names = mem_strdup("");
    size_t named = 0;
    for (size_t i = 0; i < l->n && named < NAMES_MAX; i++) {
        const size_t at = l->order[i];
        if (!chosen[at] || at == but)
            continue;
        char *longer = mem_printf("%s%s%s", names, named ? ", " : "", l->rows[at].id);
        free(names);
        names = longer;
        named++;
    }
    if (n <= named)
        return names;
    AUTO_FREE char *head = names;
    return mem_printf("%s and %zu more", head, n - named);
}

/* Backups whose key is lost can be deleted all the same, the newest first: what one of them needs is older, so none is left then
 * that may need the named one. */
static struct err *check_named(const struct lineage *l, const bool *chosen, size_t named)
{
    return removal_check(l, chosen, l->rows[named].error ? named : 0);
}

/* chosen[n]: the backup that was named and, where the options allow it, what needs it. */
static struct err *choose(bool *chosen, const struct lineage *l, const struct session *s)
{
    const struct options *o = s->options;
    size_t named;
    TRY(lineage_find(&named, l, s->repo, o->backup));
    chosen[named] = true;
    const size_t n = lineage_add_dependents(l, chosen);
    if (!n || o->with_dependents)
        return check_named(l, chosen, named);
    AUTO_FREE char *names = names_of(l, chosen, named, n);
    return err_hint(err_make(REFUSED, "backup %s is needed by %zu other%s: %s", o->backup, n,
                             n == 1 ? "" : "s", names),
                    "With --with-dependents they are deleted too.");
}

static struct err *print_chosen(void *ctx, size_t row)
{
    const struct lineage *l = ctx;
    print_done("would delete", l->rows[row].id, NULL);
    return NULL;
}

static struct err *delete_chosen(const struct session *s, struct lineage *l,
                                 struct repo_deletion *d)
{
    AUTO_FREE bool *chosen = mem_zalloc(l->n * sizeof *chosen);
    size_t busy;
    TRY(choose(chosen, l, s));
    TRY(removal_check_pins(s->repo, l, chosen));
    if (!d)
        return removal_each(l, chosen, print_chosen, l);
    TRY(removal_claim(&busy, d, l, chosen));
    if (busy != LINEAGE_NONE)
        return err_hint(
            err_make(REFUSED, "backup %s is in use by another process", l->rows[busy].id),
            "It is being restored, verified, or the base of a backup that is taken.");
    TRY(removal_check_pins(s->repo, l, chosen)); /* who was pinning one had it in use until now */
    return removal_run(d, NULL);
}

struct err *command_delete(const struct session *s)
{
    AUTO(repo_deletion) d = NULL;
    struct lineage l;
    if (!s->options->dry_run)
        TRY(repo_deletion_begin(&d, s->repo));
    TRY(lineage_load(&l, s->repo));
    struct err *e = delete_chosen(s, &l, d);
    lineage_fini(&l);
    return e;
}
