/* cli/cmd_prune.c: mbe prune. What is deleted is decided in verify/prune.c. What turns out to be in use, or pinned meanwhile, is one more reason to
 * keep, so the decision is made again until all that is to go is ours. */
#include "cli/command.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "cli/removal.h"
#include "verify/pins.h"
#include "verify/prune.h"
#include "verify/verified.h"

/* One prune; the arrays have an item for each row. */
struct prune {
    const struct options *options;
    struct repo *repo;
    const struct lineage *lineage;
    struct prune_verdict *verdicts;
    bool *in_use, *pinned, *verified, *chosen;
    json_t *reasons; /* of the pinned, by their ids */
    char *why_deleted;
};

struct rule {
    const char *option;
    size_t offset; /* in struct options */
};

static const struct rule rules[] = {
    {"full", offsetof(struct options, keep_full)},
    {"days", offsetof(struct options, keep_days)},
    {"last", offsetof(struct options, keep_last)},
    {"daily", offsetof(struct options, keep_daily)},
    {"weekly", offsetof(struct options, keep_weekly)},
    {"monthly", offsetof(struct options, keep_monthly)},
    {"yearly", offsetof(struct options, keep_yearly)},
    {"verified", offsetof(struct options, keep_verified)},
};

/* "not kept by --keep-full=4 --keep-days=30"; owned by caller. */
static char *rule_text(const struct options *o)
{
    char *text = mem_strdup("not kept by");
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const uint64_t n = *(const uint64_t *)((const char *)o + rules[i].offset);
        if (!n)
            continue;
        AUTO_FREE char *before = text;
        text = mem_printf("%s --keep-%s=%" PRIu64, before, rules[i].option, n);
    }
    return text;
}

/* "one of the newest 3 backups of its server"; owned by caller. */
static char *one_of_newest(uint64_t n, const char *what)
{
    return mem_printf("one of the newest %" PRIu64 " %s%s of its server", n, what,
                      n == 1 ? "" : "s");
}

/* Owned by caller. */
static char *last_of_its(const char *period, uint64_t n)
{
    return mem_printf("the last of its %s, of %" PRIu64 " %s%s", period, n, period,
                      n == 1 ? "" : "s");
}

/* Owned by caller. */
static char *why_kept(const struct prune *p, size_t i)
{
    const struct prune_verdict *v = &p->verdicts[i];
    const struct lineage_row *rows = p->lineage->rows;
    const struct options *o = p->options;
    switch (v->why) {
    case PRUNE_DELETE:
        break;
    case PRUNE_KEEP_BROKEN:
        return mem_printf("not counted, and not deleted but by `mbe delete`: it %s",
                          rows[i].broken);
    case PRUNE_KEEP_PINNED:
        return mem_printf("pinned: %s", json_string_value(json_object_get(p->reasons, rows[i].id)));
    case PRUNE_KEEP_IN_USE:
        return mem_strdup("in use by another process");
    case PRUNE_KEEP_FULL:
        return one_of_newest(o->keep_full, "full backup");
    case PRUNE_KEEP_OF_FULL:
        return mem_printf("based on %s", rows[v->by].id);
    case PRUNE_KEEP_YOUNG:
        return mem_printf("younger than %" PRIu64 " day%s", o->keep_days,
                          o->keep_days == 1 ? "" : "s");
    case PRUNE_KEEP_LAST:
        return one_of_newest(o->keep_last, "backup");
    case PRUNE_KEEP_DAILY:
        return last_of_its("day", o->keep_daily);
    case PRUNE_KEEP_WEEKLY:
        return last_of_its("week", o->keep_weekly);
    case PRUNE_KEEP_MONTHLY:
        return last_of_its("month", o->keep_monthly);
    case PRUNE_KEEP_YEARLY:
        return last_of_its("year", o->keep_yearly);
    case PRUNE_KEEP_VERIFIED:
        return one_of_newest(o->keep_verified, "verified backup");
    case PRUNE_KEEP_NEWEST:
        return mem_strdup("the newest of its server that can be restored");
    case PRUNE_KEEP_NEEDED:
        return mem_printf("needed by %s", rows[v->by].id);
    }
    return mem_strdup("");
}

static void decide(struct prune *p)
{
    const struct options *o = p->options;
    const struct prune_rules given = {.keep_last = o->keep_last,
                                      .keep_full = o->keep_full,
                                      .keep_days = o->keep_days,
                                      .keep_daily = o->keep_daily,
                                      .keep_weekly = o->keep_weekly,
                                      .keep_monthly = o->keep_monthly,
                                      .keep_yearly = o->keep_yearly,
                                      .keep_verified = o->keep_verified,
                                      .now = time(NULL)};
    const struct prune_facts facts = {p->in_use, p->pinned, p->verified};
    prune_decide(p->verdicts, p->lineage, &facts, &given);
    for (size_t i = 0; i < p->lineage->n; i++)
        p->chosen[i] = p->verdicts[i].why == PRUNE_DELETE;
}

static struct err *read_record(struct prune *p, size_t i)
{
    const struct lineage_row *row = &p->lineage->rows[i];
    json_auto_t *lines = NULL;
    TRY(record_load(&lines, p->repo, row->id));
    json_auto_t *pins = pins_of(lines), *records = verified_of(lines, row->archive_id);
    AUTO_FREE char *reasons = pins_reasons(pins);
    json_object_set_new(p->reasons, row->id, json_string(reasons));
    p->pinned[i] = json_array_size(pins) > 0;
    p->verified[i] = verified_passed(verified_standing(records));
    return NULL;
}

static struct err *read_records(struct prune *p)
{
    for (size_t i = 0; i < p->lineage->n; i++)
        TRY(read_record(p, i));
    return NULL;
}

/* What is claimed nobody can pin any more, but somebody may have, until then. *found: one of them is pinned. */
static struct err *look_for_new_pins(struct prune *p, bool *found)
{
    *found = false;
    for (size_t i = 0; i < p->lineage->n; i++) {
        if (!p->chosen[i])
            continue;
        TRY(read_record(p, i));
        *found |= p->pinned[i];
    }
    return NULL;
}

static void print_kept(const struct prune *p)
{
    for (size_t i = 0; i < p->lineage->n; i++) {
        const size_t at = p->lineage->order[i];
        if (p->chosen[at])
            continue;
        AUTO_FREE char *why = why_kept(p, at);
        print_done("keep", p->lineage->rows[at].id, why);
    }
}

static struct err *print_chosen(void *ctx, size_t row)
{
    const struct prune *p = ctx;
    print_done("would delete", p->lineage->rows[row].id, p->why_deleted);
    return NULL;
}

static struct err *claim_chosen(struct prune *p, struct repo_deletion *d)
{
    for (;;) {
        size_t busy;
        bool newly_pinned = false;
        TRY(removal_claim(&busy, d, p->lineage, p->chosen));
        if (busy == LINEAGE_NONE)
            TRY(look_for_new_pins(p, &newly_pinned));
        if (busy == LINEAGE_NONE && !newly_pinned)
            return NULL;
        if (busy != LINEAGE_NONE)
            p->in_use[busy] = true;
        repo_deletion_unclaim(d);
        decide(p);
    }
}

/* d is NULL in a dry run. */
static struct err *prune(struct prune *p, struct repo_deletion *d)
{
    TRY(read_records(p));
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
                   *pinned = mem_zalloc(l.n * sizeof *pinned),
                   *verified = mem_zalloc(l.n * sizeof *verified),
                   *chosen = mem_zalloc(l.n * sizeof *chosen);
    AUTO_FREE char *why_deleted = rule_text(s->options);
    json_auto_t *reasons = json_object();
    struct prune p = {.options = s->options,
                      .repo = s->repo,
                      .lineage = &l,
                      .verdicts = verdicts,
                      .in_use = in_use,
                      .pinned = pinned,
                      .verified = verified,
                      .chosen = chosen,
                      .reasons = reasons,
                      .why_deleted = why_deleted};
    struct err *e = prune(&p, d);
    lineage_fini(&l);
    return e;
}
