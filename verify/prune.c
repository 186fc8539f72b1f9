/* verify/prune.c: see prune.h. */
#include "verify/prune.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/mem.h"

enum { DAY = 24 * 60 * 60, DAYS_OF_WEEK = 7, FIRST_THURSDAY = 3 /* 1970-01-01, from Monday */ };

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

/* ---- so many of the newest ---- */

/* Rounded down, before 1970 too. */
static int64_t quotient(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t day_of(int64_t at)
{
    return quotient(at, DAY);
}

static int64_t week_of(int64_t at)
{
    return quotient(day_of(at) + FIRST_THURSDAY, DAYS_OF_WEEK);
}

static struct tm calendar(int64_t at)
{
    const time_t t = (time_t)at;
    struct tm tm;
    gmtime_r(&t, &tm);
    return tm;
}

static int64_t month_of(int64_t at)
{
    const struct tm tm = calendar(at);
    return INT64_C(12) * tm.tm_year + tm.tm_mon;
}

static int64_t year_of(int64_t at)
{
    return calendar(at).tm_year;
}

/* All good rows, by the time in their ids. */
struct newest_first {
    const struct lineage *lineage;
    size_t n, *rows;
    size_t *server; /* of each row, the first row that is of its server */
};

static int compare_rows(const void *a, const void *b, void *ctx)
{
    const struct lineage_row *rows = ctx;
    const size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const struct lineage_row *x = &rows[i], *y = &rows[k];
    if (x->begun != y->begun)
        return x->begun > y->begun ? -1 : 1;
    if (x->full != y->full)
        return x->full ? -1 : 1;
    return i > k ? -1 : 1;
}

static size_t first_of_server(const struct lineage *l, size_t i)
{
    size_t k = 0;
    while (!is_good(l, k) || !same_server(l, k, i))
        k++;
    return k;
}

static struct newest_first newest_first_make(const struct lineage *l)
{
    struct newest_first o = {
        .lineage = l,
        .rows = mem_alloc(l->n * sizeof *o.rows),
        .server = mem_alloc(l->n * sizeof *o.server),
    };
    for (size_t i = 0; i < l->n; i++) {
        if (!is_good(l, i))
            continue;
        o.server[i] = first_of_server(l, i);
        o.rows[o.n++] = i;
    }
    qsort_r(o.rows, o.n, sizeof *o.rows, compare_rows, l->rows);
    return o;
}

static void newest_first_free(struct newest_first *o)
{
    free(o->rows);
    free(o->server);
}

/* Of one server: how many are kept so far, and of which period the last one of them is. */
struct tally {
    uint64_t n;
    int64_t period;
};

/* Of each server the newest `count` rows; where there is a `period`, the first one of each of its newest `count` periods. of: NULL, or
 * which rows count at all. */
static void keep_newest(struct prune_verdict *out, const struct newest_first *o, enum prune_why why,
                        uint64_t count, int64_t (*period)(int64_t at), const bool *of)
{
    const size_t n_rows = o->lineage->n;
    AUTO_FREE struct tally *tallies = mem_zalloc(n_rows * sizeof *tallies);
    for (size_t k = 0; k < o->n; k++) {
        const size_t i = o->rows[k];
        struct tally *t = &tallies[o->server[i]];
        const int64_t now = period ? period(o->lineage->rows[i].begun) : 0;
        if (t->n == count || (of && !of[i]) || (period && t->n && now == t->period))
            continue;
        *t = (struct tally){t->n + 1, now};
        keep(&out[i], why, LINEAGE_NONE);
    }
}

static void keep_by_number(struct prune_verdict *out, const struct newest_first *o,
                           const struct prune_facts *facts, const struct prune_rules *r)
{
    keep_newest(out, o, PRUNE_KEEP_LAST, r->keep_last, NULL, NULL);
    keep_newest(out, o, PRUNE_KEEP_DAILY, r->keep_daily, day_of, NULL);
    keep_newest(out, o, PRUNE_KEEP_WEEKLY, r->keep_weekly, week_of, NULL);
    keep_newest(out, o, PRUNE_KEEP_MONTHLY, r->keep_monthly, month_of, NULL);
    keep_newest(out, o, PRUNE_KEEP_YEARLY, r->keep_yearly, year_of, NULL);
    keep_newest(out, o, PRUNE_KEEP_VERIFIED, r->keep_verified, NULL, facts->verified);
}

/* ---- whatever the rules say ---- */

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
void prune_decide(struct prune_verdict *out, const struct lineage *l,
                  const struct prune_facts *facts, const struct prune_rules *rules)
{
    struct newest_first order = newest_first_make(l);
    for (size_t i = 0; i < l->n; i++) {
        out[i] =
            (struct prune_verdict){is_good(l, i) ? PRUNE_DELETE : PRUNE_KEEP_BROKEN, LINEAGE_NONE};
        if (facts->pinned[i])
            keep(&out[i], PRUNE_KEEP_PINNED, LINEAGE_NONE);
    }
    if (rules->keep_full)
        keep_fulls(out, l, rules->keep_full);
    if (rules->keep_days)
        keep_young(out, l, rules);
    keep_by_number(out, &order, facts, rules);
    newest_first_free(&order);
    for (size_t i = 0; i < l->n; i++) {
        if (facts->in_use[i])
            keep(&out[i], PRUNE_KEEP_IN_USE, LINEAGE_NONE);
        if (is_good(l, i) && is_newest_of_server(l, i))
            keep(&out[i], PRUNE_KEEP_NEWEST, LINEAGE_NONE);
    }
    keep_bases(out, l); /* dependents before their bases, so that it reaches the full one */
}
