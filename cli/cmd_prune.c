/* cli/cmd_prune.c: mbe prune. What is deleted is decided in verify/prune.c. What turns out to be in use is one more reason to
 * keep, so the decision is made again until all that is to go is ours. */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "cli/removal.h"
#include "verify/prune.h"

/* One prune; the arrays have an item for each row. */
struct prune {
    const struct options *options;
    const struct lineage *lineage;
    struct prune_verdict *verdicts;
    bool *in_use, *chosen;
    char *why_deleted;
};

/* Owned by caller. */
static char *rule_text(const struct options *o)
{
    AUTO_FREE char *fulls = o->keep_full ? mem_printf("not based on one of the newest %" PRIu64
                                                      " full backup%s of its server",
                                                      o->keep_full, o->keep_full == 1 ? "" : "s")
                                         : mem_strdup("");
    AUTO_FREE char *days = o->keep_days ? mem_printf("not younger than %" PRIu64 " day%s",
                                                     o->keep_days, o->keep_days == 1 ? "" : "s")
                                        : mem_strdup("");
    return mem_printf("%s%s%s", fulls, *fulls && *days ? ", " : "", days);
}

/* Owned by caller. */
static char *why_kept(const struct prune *p, size_t i)
{
    const struct prune_verdict *v = &p->verdicts[i];
    const struct lineage_row *rows = p->lineage->rows;
    switch (v->why) {
    case PRUNE_DELETE:
        break;
    case PRUNE_KEEP_BROKEN:
        return mem_printf("not counted, and not deleted but by `mbe delete`: it %s",
                          rows[i].broken);
    case PRUNE_KEEP_IN_USE:
        return mem_strdup("in use by another process");
    case PRUNE_KEEP_FULL:
        return mem_printf("one of the newest %" PRIu64 " full backup%s of its server",
                          p->options->keep_full, p->options->keep_full == 1 ? "" : "s");
    case PRUNE_KEEP_OF_FULL:
        return mem_printf("based on %s", rows[v->by].id);
    case PRUNE_KEEP_YOUNG:
        return mem_printf("younger than %" PRIu64 " day%s", p->options->keep_days,
                          p->options->keep_days == 1 ? "" : "s");
    case PRUNE_KEEP_LAST:
        return mem_strdup("the newest of its server that can be restored");
    case PRUNE_KEEP_NEEDED:
        return mem_printf("needed by %s", rows[v->by].id);
    }
    return mem_strdup("");
}

static void decide(struct prune *p)
{
    const struct prune_rules rules = {
        .keep_full = p->options->keep_full, .keep_days = p->options->keep_days, .now = time(NULL)};
    prune_decide(p->verdicts, p->lineage, p->in_use, &rules);
    for (size_t i = 0; i < p->lineage->n; i++)
        p->chosen[i] = p->verdicts[i].why == PRUNE_DELETE;
}

static void print_kept(const struct prune *p)
{
    for (size_t i = 0; i < p->lineage->n; i++) {
        const size_t at = p->lineage->order[i];
        if (p->chosen[at])
            continue;
        AUTO_FREE char *why = why_kept(p, at);
        removal_print("keep", p->lineage->rows[at].id, why);
    }
}

static struct err *print_chosen(void *ctx, size_t row)
{
    const struct prune *p = ctx;
    removal_print("would delete", p->lineage->rows[row].id, p->why_deleted);
    return NULL;
}

static struct err *claim_chosen(struct prune *p, struct repo_deletion *d)
{
    for (;;) {
        size_t busy;
        TRY(removal_claim(&busy, d, p->lineage, p->chosen));
        if (busy == LINEAGE_NONE)
            return NULL;
        p->in_use[busy] = true;
        decide(p);
    }
}

/* d is NULL in a dry run. */
static struct err *prune(struct prune *p, struct repo_deletion *d)
{
    decide(p);
    TRY(removal_check(p->lineage, p->chosen, 0));
    if (d)
        TRY(claim_chosen(p, d));
    print_kept(p);
    return d ? removal_run(d, p->why_deleted)
             : removal_each(p->lineage, p->chosen, print_chosen, p);
}

struct err *command_prune(const struct session *s)
{
    AUTO(repo_deletion) d = NULL;
    struct lineage l;
    if (!s->options->dry_run)
        TRY(repo_deletion_begin(&d, s->repo));
    TRY(lineage_load(&l, s->repo));
    AUTO_FREE struct prune_verdict *verdicts = mem_alloc(l.n * sizeof *verdicts);
    AUTO_FREE bool *in_use = mem_zalloc(l.n * sizeof *in_use),
                   *chosen = mem_zalloc(l.n * sizeof *chosen);
    AUTO_FREE char *why_deleted = rule_text(s->options);
    struct prune p = {s->options, &l, verdicts, in_use, chosen, why_deleted};
    struct err *e = prune(&p, d);
    lineage_fini(&l);
    return e;
}
