/* verify/prune.c: see prune.h. */
#include "verify/prune.h"

#include <string.h>

enum { DAY = 24 * 60 * 60 };

static void keep(struct prune_verdict *v, enum prune_why why, size_t by)
{
    if (v->why == PRUNE_DELETE)
        *v = (struct prune_verdict){why, by};
}

static bool same_server(const struct lineage *l, size_t a, size_t b)
{
    return !strcmp(l->rows[a].server, l->rows[b].server);
}

/* a is newer than b; of the same second is the one behind in the list. */
static bool is_newer(const struct lineage *l, size_t a, size_t b)
{
    const int64_t t_a = l->rows[a].finished, t_b = l->rows[b].finished;
    return t_a != t_b ? t_a > t_b : a > b;
}

static bool is_good(const struct lineage *l, size_t i)
{
    return !l->rows[i].broken;
}

/* How many good full backups of i's server are newer than i. */
static uint64_t n_newer_fulls(const struct lineage *l, size_t i)
{
    uint64_t n = 0;
    for (size_t k = 0; k < l->n; k++)
        n += l->rows[k].full && is_good(l, k) && same_server(l, k, i) && is_newer(l, k, i);
    return n;
}

static void keep_fulls(struct prune_verdict *out, const struct lineage *l, uint64_t keep_full)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->rows[i].full && is_good(l, i) && n_newer_fulls(l, i) < keep_full)
            keep(&out[i], PRUNE_KEEP_FULL, LINEAGE_NONE);
    for (size_t i = 0; i < l->n; i++)
        if (is_good(l, i) && out[l->rows[i].full_row].why == PRUNE_KEEP_FULL)
            keep(&out[i], PRUNE_KEEP_OF_FULL, l->rows[i].full_row);
}

static void keep_young(struct prune_verdict *out, const struct lineage *l,
                       const struct prune_rules *rules)
{
    for (size_t i = 0; i < l->n; i++)
        if (is_good(l, i) && (rules->now - l->rows[i].finished) / DAY < (int64_t)rules->keep_days)
            keep(&out[i], PRUNE_KEEP_YOUNG, LINEAGE_NONE);
}

static bool is_newest_of_server(const struct lineage *l, size_t i)
{
    for (size_t k = 0; k < l->n; k++)
        if (is_good(l, k) && same_server(l, k, i) && is_newer(l, k, i))
            return false;
    return true;
}

static void keep_bases(struct prune_verdict *out, const struct lineage *l)
{
    for (size_t i = l->n; i-- > 0;) {
        const size_t at = l->order[i], base = l->rows[at].base;
        if (out[at].why != PRUNE_DELETE && base != LINEAGE_NONE)
            keep(&out[base], PRUNE_KEEP_NEEDED, at);
    }
}

/* The first reason counts, so those stand first that say most. */
void prune_decide(struct prune_verdict *out, const struct lineage *l, const bool *in_use,
                  const struct prune_rules *rules)
{
    for (size_t i = 0; i < l->n; i++)
        out[i] =
            (struct prune_verdict){is_good(l, i) ? PRUNE_DELETE : PRUNE_KEEP_BROKEN, LINEAGE_NONE};
    if (rules->keep_full)
        keep_fulls(out, l, rules->keep_full);
    if (rules->keep_days)
        keep_young(out, l, rules);
    for (size_t i = 0; i < l->n; i++) {
        if (in_use[i])
            keep(&out[i], PRUNE_KEEP_IN_USE, LINEAGE_NONE);
        if (is_good(l, i) && is_newest_of_server(l, i))
            keep(&out[i], PRUNE_KEEP_LAST, LINEAGE_NONE);
    }
    keep_bases(out, l); /* dependents before their bases, so that it reaches the full one */
}
