/* cli/removal.c: see removal.h. */
#include "cli/removal.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/signals.h"
#include "cli/command.h"
#include "verify/pins.h"

struct err *removal_each(const struct lineage *l, const bool *chosen,
                         struct err *(*each)(void *ctx, size_t row), void *ctx)
{
    for (size_t i = l->n; i-- > 0;)
        if (chosen[l->order[i]])
            TRY(each(ctx, l->order[i]));
    return NULL;
}

struct err *removal_check(const struct lineage *l, const bool *chosen, size_t from)
{
    for (size_t i = l->n; i-- > from;)
        if (l->rows[i].unsure && !chosen[i])
            return err_hint(
                err_make(REFUSED,
                         "nothing is deleted, for it is not known what backup %s needs: %s",
                         l->rows[i].id, l->rows[i].error),
                "Make it readable, or delete it first.");
    return NULL;
}

struct claiming {
    struct repo_deletion *deletion;
    const struct lineage *lineage;
    size_t busy;
};

static struct err *claim(void *ctx, size_t row)
{
    struct claiming *c = ctx;
    bool in_use = false;
    if (c->busy != LINEAGE_NONE)
        return NULL;
    TRY(repo_deletion_claim(c->deletion, c->lineage->rows[row].id, &in_use));
    if (in_use)
        c->busy = row;
    return NULL;
}

struct err *removal_claim(size_t *busy, struct repo_deletion *d, const struct lineage *l,
                          const bool *chosen)
{
    struct claiming c = {d, l, LINEAGE_NONE};
    TRY(removal_each(l, chosen, claim, &c));
    if (c.busy != LINEAGE_NONE)
        repo_deletion_unclaim(d);
    *busy = c.busy;
    return NULL;
}

struct err *removal_check_pins(struct repo *repo, const struct lineage *l, const bool *chosen)
{
    for (size_t i = 0; i < l->n; i++) {
        json_auto_t *pins = NULL;
        if (!chosen[i])
            continue;
        TRY(pins_load(&pins, repo, l->rows[i].id));
        AUTO_FREE char *reasons = pins_reasons(pins);
        if (json_array_size(pins))
            return err_hint(err_make(REFUSED, "backup %s is pinned: %s", l->rows[i].id, reasons),
                            "Only `mbe unpin` lets it be deleted.");
    }
    return NULL;
}

struct err *removal_run(struct repo_deletion *d, const char *why)
{
    for (;;) {
        const char *id;
        TRY(signals_check());
        TRY(repo_deletion_next(d, &id));
        if (!id)
            return repo_deletion_finish(d);
        print_done("deleted", id, why);
        fflush(stdout);
    }
}
