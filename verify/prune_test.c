/* verify/prune_test.c: a table of repositories with what is to become of each backup, the rules P1 to P6 on random ones, and a year
 * in which backups are taken and pruned every day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "verify/prune.h"

enum { MAX_ROWS = 12, DAY = 86400 };
#define NOW INT64_C(1795540000)

enum { CORRUPT_PAGES = 1, UNREADABLE = 2, IN_USE = 4, FOREIGN_BASE = 8, PINNED = 16 };

struct spec {
    const char *id, *base; /* base NULL: a full one */
    double age;            /* days; below 0: of a time to come */
    unsigned flags;
    const char *server; /* NULL: "one" */
};

/* Adds the row; its archive's id is its first letter. */
static void add(struct lineage *l, const struct spec *s)
{
    struct lineage_row row = {.id = mem_strdup(s->id)};
    if (s->flags & UNREADABLE) {
        row.error = mem_strdup("chunk 3: checksum");
    } else {
        row.full = !s->base;
        row.damaged = s->flags & CORRUPT_PAGES;
        row.server = mem_strdup(s->server ? s->server : "one");
        row.base_id = s->base ? mem_strdup(s->base) : NULL;
        row.archive_id = (uint64_t)s->id[0];
        row.base_archive_id = s->base ? (uint64_t)s->base[0] + !!(s->flags & FOREIGN_BASE) : 0;
        row.finished = row.begun = NOW - (int64_t)(s->age * DAY);
    }
    mem_grow(&l->rows, &l->cap, l->n, sizeof *l->rows);
    l->rows[l->n++] = row;
}

/* One letter for each row. */
static const char letters[] = {
    [PRUNE_DELETE] = 'D',      [PRUNE_KEEP_BROKEN] = 'B',  [PRUNE_KEEP_IN_USE] = 'U',
    [PRUNE_KEEP_FULL] = 'F',   [PRUNE_KEEP_OF_FULL] = 'I', [PRUNE_KEEP_YOUNG] = 'Y',
    [PRUNE_KEEP_NEWEST] = 'L', [PRUNE_KEEP_NEEDED] = 'N',  [PRUNE_KEEP_PINNED] = 'P',
};

struct scenario {
    const char *name;
    uint64_t keep_full, keep_days;
    const char *expected;
    struct spec rows[MAX_ROWS];
};

#define ODD(id, base, age, flags)  \
    {                              \
        id, base, age, flags, NULL \
    }
#define INC(id, base, age) ODD(id, base, age, 0)
#define FULL(id, age) INC(id, NULL, age)

/* clang-format off */
static const struct scenario scenarios[] = {
    {"nothing at all", 1, 1, "",
     {FULL(NULL, 0)}},
    {"one full is never deleted", 0, 1, "L",
     {FULL("A", 400)}},
    {"the newest fulls", 2, 0, "DDFF",
     {FULL("A", 4), FULL("B", 3), FULL("C", 2), FULL("D", 1)}},
    {"more to be kept than there are", 9, 0, "FF",
     {FULL("A", 4), FULL("B", 3)}},
    {"chains go and stay as a whole", 1, 0, "DDDFII",
     {FULL("A", 9), INC("B", "A", 8), INC("C", "B", 7), FULL("D", 6), INC("E", "D", 5), INC("F", "E", 4)}},
    {"a young increment keeps its chain and no more", 0, 3, "NNYDDY",
     {FULL("A", 9), INC("B", "A", 8), INC("C", "B", 2), INC("D", "B", 7), FULL("E", 6), FULL("F", 1)}},
    {"differentials on one full", 0, 3, "NDDYY",
     {FULL("A", 9), INC("B", "A", 8), INC("C", "A", 7), INC("D", "A", 2), INC("E", "A", 1)}},
    {"two chains on one differential", 0, 3, "NNDYY",
     {FULL("A", 9), INC("B", "A", 8), INC("C", "A", 7), INC("D", "B", 2), INC("E", "B", 1)}},
    {"either rule keeps", 1, 5, "DYFI",
     {FULL("A", 9), FULL("B", 4), FULL("C", 3), INC("D", "C", 2)}},
    {"just D days old is not younger", 0, 3, "DYY",
     {FULL("A", 3), FULL("B", 2.999), FULL("C", 0)}},
    {"all too old: the newest that can be restored stays, with its chain", 0, 1, "DNLD",
     {FULL("A", 40), FULL("B", 30), INC("C", "B", 20), FULL("D", 25)}},
    {"a full with corrupt pages does not count", 1, 0, "DFB",
     {FULL("A", 4), FULL("B", 3), ODD("C", NULL, 2, CORRUPT_PAGES)}},
    {"one that cannot be read does not count", 1, 0, "DFB",
     {FULL("A", 4), FULL("B", 3), ODD("C", NULL, 2, UNREADABLE)}},
    {"increments of what cannot be read are told and stay", 1, 0, "BBBF",
     {ODD("A", NULL, 9, UNREADABLE), INC("B", "A", 8), INC("C", "B", 7), FULL("D", 6)}},
    {"what an increment with corrupt pages needs stays", 1, 0, "NBBF",
     {FULL("A", 9), ODD("B", "A", 8, CORRUPT_PAGES), INC("C", "B", 7), FULL("D", 6)}},
    {"a young increment that cannot be restored keeps nothing alive", 0, 5, "DBY",
     {FULL("A", 9), INC("B", "Z", 2), FULL("C", 1)}},
    {"the base is another archive than it was", 1, 0, "DBF",
     {FULL("A", 9), ODD("B", "A", 8, FOREIGN_BASE), FULL("C", 6)}},
    {"only damaged ones", 1, 1, "BB",
     {ODD("A", NULL, 9, CORRUPT_PAGES), ODD("B", NULL, 8, UNREADABLE)}},
    {"each needs the other", 1, 1, "BBF",
     {INC("A", "B", 9), INC("B", "A", 8), FULL("C", 7)}},
    {"it needs itself", 1, 1, "BF",
     {INC("A", "A", 9), FULL("C", 7)}},
    {"each server has its own fulls", 1, 0, "DFFI",
     {{"A", NULL, 90, 0, "two"}, {"B", NULL, 80, 0, "two"}, FULL("C", 2), INC("D", "C", 1)}},
    {"each server has its own last one", 0, 1, "DLDL",
     {{"A", NULL, 90, 0, "two"}, {"B", NULL, 80, 0, "two"}, FULL("C", 12), FULL("D", 11)}},
    {"pinned", 1, 0, "NPDF",
     {FULL("A", 9), ODD("B", "A", 8, PINNED), INC("C", "B", 7), FULL("D", 6)}},
    {"a pin keeps the base of what cannot be restored", 1, 0, "NBF",
     {FULL("A", 9), ODD("B", "A", 8, PINNED | CORRUPT_PAGES), FULL("C", 6)}},
    {"in use", 1, 0, "NUDF",
     {FULL("A", 9), ODD("B", "A", 8, IN_USE), INC("C", "B", 7), FULL("D", 6)}},
    {"the clock went back: the age counts, not the order of the ids", 1, 0, "FD",
     {FULL("A", 1), FULL("B", 9)}},
    {"an increment that seems older than its base", 0, 5, "NY",
     {FULL("A", 9), INC("B", "A", 3)}},
    {"an increment that seems older than its base, listed before it", 0, 5, "DY",
     {INC("A", "B", 9), FULL("B", 3)}},
    {"of a time to come", 0, 1, "YN",
     {INC("A", "B", -0.5), FULL("B", 9)}},
    {"far in the future", 0, 1, "DY",
     {FULL("A", 2), FULL("B", -4000)}},
    {"one second, two fulls: the one behind is the newer", 1, 0, "DF",
     {FULL("A", 2), FULL("B", 2)}},
};
/* clang-format on */

static const bool nowhere[MAX_ROWS];

static void decide(struct prune_verdict *verdicts, const struct lineage *l, const bool *in_use,
                   const bool *pinned, uint64_t keep_full, uint64_t keep_days)
{
    const struct prune_rules rules = {.keep_full = keep_full, .keep_days = keep_days, .now = NOW};
    const struct prune_facts facts = {.in_use = in_use, .pinned = pinned, .verified = nowhere};
    prune_decide(verdicts, l, &facts, &rules);
}

static void each_backup_is_kept_or_deleted_for_the_right_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        const struct scenario *s = &scenarios[i];
        struct lineage l = {0};
        struct prune_verdict verdicts[MAX_ROWS];
        bool in_use[MAX_ROWS] = {0}, pinned[MAX_ROWS] = {0};
        char found[MAX_ROWS + 1] = "";
        for (size_t k = 0; s->rows[k].id; k++) {
            in_use[k] = s->rows[k].flags & IN_USE;
            pinned[k] = s->rows[k].flags & PINNED;
            add(&l, &s->rows[k]);
        }
        lineage_link(&l);
        decide(verdicts, &l, in_use, pinned, s->keep_full, s->keep_days);
        for (size_t k = 0; k < l.n; k++)
            found[k] = letters[verdicts[k].why];
        if (strcmp(found, s->expected))
            fail_msg("%s: expected %s, found %s", s->name, s->expected, found);
        lineage_fini(&l);
    }
}

static void the_reason_names_the_backup_behind_it(void **state)
{
    (void)state;
    static const struct spec rows[] = {FULL("A", 9), INC("B", "A", 8), INC("C", "B", 1),
                                       FULL("D", 3), INC("E", "D", 7)};
    struct lineage l = {0};
    struct prune_verdict v[5];
    const bool in_use[5] = {0};
    for (size_t i = 0; i < 5; i++)
        add(&l, &rows[i]);
    lineage_link(&l);
    decide(v, &l, in_use, in_use, 1, 2);
    static const size_t by[] = {1, 2, LINEAGE_NONE, LINEAGE_NONE, 3};
    for (size_t i = 0; i < 5; i++)
        assert_true(v[i].by == by[i]);
    lineage_fini(&l);
}

/* ---- random repositories ---- */

static unsigned below(unsigned *seed, unsigned n)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % n;
}

enum { RANDOM_ROWS = 24 };

static void make_random(struct lineage *l, bool *in_use, unsigned *seed)
{
    static const char *const servers[] = {"one", "two"};
    char ids[RANDOM_ROWS][2];
    for (unsigned i = 0; i < RANDOM_ROWS; i++) {
        ids[i][0] = (char)('A' + i);
        ids[i][1] = '\0';
    }
    for (unsigned i = 0; i < RANDOM_ROWS; i++) {
        const unsigned base = below(seed, RANDOM_ROWS + 1); /* of any age, itself, or not there */
        const unsigned fate = below(seed, 20);
        const struct spec s = {
            .id = ids[i],
            .base = below(seed, 4) == 0   ? NULL
                    : base == RANDOM_ROWS ? "none"
                                          : ids[below(seed, 2) ? base : i / 2],
            .age = (double)below(seed, 40) - 2 + 400.0 * (below(seed, 6) == 0),
            .flags = fate == 0   ? CORRUPT_PAGES
                     : fate == 1 ? UNREADABLE
                     : fate == 2 ? FOREIGN_BASE
                                 : 0,
            .server = servers[below(seed, 2)],
        };
        in_use[i] = below(seed, 15) == 0;
        add(l, &s);
    }
    lineage_link(l);
}

/* Nothing that is kept lacks what it needs, and nothing goes that is not to. */
static void check_rules(const struct lineage *l, const struct prune_verdict *v,
                        const struct prune_facts *facts, const struct prune_rules *rules)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct lineage_row *row = &l->rows[i];
        const bool kept = v[i].why != PRUNE_DELETE;
        uint64_t n_newer_fulls = 0, n_newer = 0, n_later = 0, n_later_verified = 0;
        for (size_t k = 0; k < l->n && !row->broken; k++) {
            const struct lineage_row *other = &l->rows[k];
            if (other->broken || strcmp(other->server, row->server))
                continue;
            const bool newer =
                other->finished > row->finished || (other->finished == row->finished && k > i);
            const bool later = other->begun > row->begun ||
                               (other->begun == row->begun &&
                                (other->full > row->full || (other->full == row->full && k > i)));
            n_newer += newer;
            n_newer_fulls += newer && other->full;
            n_later += later;
            n_later_verified += later && facts->verified[k];
        }
        if (kept && row->base != LINEAGE_NONE)
            assert_true(v[row->base].why != PRUNE_DELETE);                   /* P1 */
        if (row->broken || facts->in_use[i] || facts->pinned[i] || !n_newer) /* P2, P5, P3 */
            assert_true(kept);
        if (row->broken)
            continue;
        if (row->full && n_newer_fulls < rules->keep_full)
            assert_true(kept);
        if (rules->keep_days && rules->now - row->finished < (int64_t)rules->keep_days * DAY)
            assert_true(kept);
        if (n_later < rules->keep_last)
            assert_true(kept);
        if (facts->verified[i] && n_later_verified < rules->keep_verified)
            assert_true(kept);
    }
}

/* P6: what is left of l is decided about again. */
static void check_again(const struct lineage *l, const struct prune_verdict *v,
                        const struct prune_facts *facts, const struct prune_rules *rules)
{
    struct lineage left = {0};
    AUTO_FREE bool *flags = mem_zalloc(3 * (l->n + 1) * sizeof *flags);
    bool *in_use = flags, *pinned = in_use + l->n, *verified = pinned + l->n;
    AUTO_FREE struct prune_verdict *again = mem_alloc((l->n + 1) * sizeof *again);
    for (size_t i = 0; i < l->n; i++) {
        if (v[i].why == PRUNE_DELETE)
            continue;
        mem_grow(&left.rows, &left.cap, left.n, sizeof *left.rows);
        in_use[left.n] = facts->in_use[i];
        pinned[left.n] = facts->pinned[i];
        verified[left.n] = facts->verified[i];
        left.rows[left.n] = l->rows[i];
        left.rows[left.n++].broken = NULL; /* found out again */
    }
    lineage_link(&left);
    prune_decide(again, &left, &(struct prune_facts){in_use, pinned, verified}, rules);
    for (size_t i = 0; i < left.n; i++) {
        assert_true(again[i].why != PRUNE_DELETE);
        free(left.rows[i].broken);
    }
    free(left.rows); /* what they hold is l's */
    free(left.order);
}

static struct prune_rules random_rules(unsigned *seed)
{
    return (struct prune_rules){
        .keep_full = below(seed, 4),
        .keep_days = below(seed, 20),
        .keep_last = below(seed, 3),
        .keep_daily = below(seed, 3),
        .keep_weekly = below(seed, 3),
        .keep_monthly = below(seed, 4),
        .keep_yearly = below(seed, 4),
        .keep_verified = below(seed, 3),
        .now = NOW,
    };
}

static void the_rules_hold_in_any_repository(void **state)
{
    (void)state;
    unsigned seed = 4711;
    size_t n_deleted = 0, n_of[PRUNE_KEEP_NEEDED + 1] = {0};
    for (int round = 0; round < 4000; round++) {
        struct lineage l = {0};
        struct prune_verdict v[RANDOM_ROWS];
        bool in_use[RANDOM_ROWS], pinned[RANDOM_ROWS], verified[RANDOM_ROWS];
        const struct prune_facts facts = {in_use, pinned, verified};
        const struct prune_rules rules = random_rules(&seed);
        make_random(&l, in_use, &seed);
        for (size_t i = 0; i < RANDOM_ROWS; i++) {
            pinned[i] = below(&seed, 15) == 0;
            verified[i] = below(&seed, 3) == 0;
        }
        prune_decide(v, &l, &facts, &rules);
        check_rules(&l, v, &facts, &rules);
        check_again(&l, v, &facts, &rules);
        for (size_t i = 0; i < l.n; i++) {
            n_deleted += v[i].why == PRUNE_DELETE;
            n_of[v[i].why]++;
        }
        lineage_fini(&l);
    }
    assert_true(n_deleted > 1000); /* it was about something */
    for (size_t i = 0; i <= PRUNE_KEEP_NEEDED; i++)
        if (n_of[i] < 5)
            fail_msg("reason %zu was given %zu times only", i, n_of[i]);
}

/* ---- by the calendar ---- */

enum { DATED_MAX = 32 };

/* A full backup of "one", of that time: "2026-11-28 02:00". */
static void add_dated(struct lineage *l, const char *when, const char *base)
{
    struct tm tm = {0};
    assert_non_null(strptime(when, "%Y-%m-%d %H:%M", &tm));
    struct lineage_row row = {
        .id = mem_printf("%s%s", when, base ? "-incremental" : ""),
        .full = !base,
        .server = mem_strdup("one"),
        .base_id = base ? mem_strdup(base) : NULL,
        .archive_id = 1,
        .base_archive_id = 1,
        .begun = timegm(&tm),
    };
    row.finished = row.begun;
    mem_grow(&l->rows, &l->cap, l->n, sizeof *l->rows);
    l->rows[l->n++] = row;
}

/* Comma-separated names of what is kept for `why`. */
static void check_kept(const char *const *times, struct prune_rules rules, const bool *verified,
                       enum prune_why why, const char *expected)
{
    struct lineage l = {0};
    struct prune_verdict v[DATED_MAX];
    const bool no[DATED_MAX] = {0};
    rules.now = NOW;
    for (; *times; times++)
        add_dated(&l, *times, NULL);
    lineage_link(&l);
    prune_decide(v, &l, &(struct prune_facts){no, no, verified ? verified : no}, &rules);
    char *kept = mem_strdup("");
    for (size_t i = 0; i < l.n; i++) {
        if (v[i].why != why)
            continue;
        AUTO_FREE char *before = kept;
        kept = mem_printf("%s%s%s", before, *before ? ", " : "", l.rows[i].id);
    }
    assert_string_equal(kept, expected);
    free(kept);
    lineage_fini(&l);
}

static void of_each_period_the_last_is_kept_and_periods_without_one_do_not_count(void **state)
{
    (void)state;
    static const char *const times[] = {
        "2024-12-29 23:59", /* a Sunday */
        "2024-12-30 00:00", /* the first day of week 1 of 2025 by ISO 8601 */
        "2024-12-31 23:59", "2025-01-01 00:00",
        "2025-01-05 12:00", "2025-01-06 00:00",
        "2025-02-28 01:00", "2025-02-28 23:59",
        "2025-03-01 00:00", "2026-06-01 10:00",
        "2026-06-01 11:00", NULL};
    check_kept(times, (struct prune_rules){.keep_daily = 4}, NULL, PRUNE_KEEP_DAILY,
               "2025-01-06 00:00, 2025-02-28 23:59, 2025-03-01 00:00, 2026-06-01 11:00");
    check_kept(times, (struct prune_rules){.keep_weekly = 5}, NULL, PRUNE_KEEP_WEEKLY,
               "2024-12-29 23:59, 2025-01-05 12:00, 2025-01-06 00:00, 2025-03-01 00:00, "
               "2026-06-01 11:00");
    check_kept(times, (struct prune_rules){.keep_monthly = 4}, NULL, PRUNE_KEEP_MONTHLY,
               "2025-01-06 00:00, 2025-02-28 23:59, 2025-03-01 00:00, 2026-06-01 11:00");
    check_kept(times, (struct prune_rules){.keep_yearly = 9}, NULL, PRUNE_KEEP_YEARLY,
               "2024-12-31 23:59, 2025-03-01 00:00, 2026-06-01 11:00");
    check_kept(times, (struct prune_rules){.keep_last = 2}, NULL, PRUNE_KEEP_LAST,
               "2026-06-01 10:00, 2026-06-01 11:00");
}

static void the_newest_that_were_verified_are_kept(void **state)
{
    (void)state;
    static const char *const times[] = {"2026-06-01 10:00", "2026-06-02 10:00", "2026-06-03 10:00",
                                        "2026-06-04 10:00", "2026-06-05 10:00", NULL};
    static const bool verified[DATED_MAX] = {true, true, false, true, false};
    const struct prune_rules rules = {.keep_last = 1, .keep_verified = 2};
    check_kept(times, rules, verified, PRUNE_KEEP_VERIFIED, "2026-06-02 10:00, 2026-06-04 10:00");
    check_kept(times, rules, verified, PRUNE_DELETE, "2026-06-01 10:00, 2026-06-03 10:00");
}

static void what_was_made_of_an_increment_is_kept_instead_of_it(void **state)
{
    (void)state;
    struct lineage l = {0};
    struct prune_verdict v[4];
    const bool no[4] = {0};
    add_dated(&l, "2026-06-01 10:00", NULL);
    add_dated(&l, "2026-06-02 10:00", NULL); /* the consolidated one: by its id it is first */
    add_dated(&l, "2026-06-02 10:00", "2026-06-01 10:00");
    add_dated(&l, "2026-06-03 10:00", NULL);
    lineage_link(&l);
    prune_decide(v, &l, &(struct prune_facts){no, no, no},
                 &(struct prune_rules){.keep_daily = 2, .now = NOW});
    static const enum prune_why expected[] = {PRUNE_DELETE, PRUNE_KEEP_DAILY, PRUNE_DELETE,
                                              PRUNE_KEEP_DAILY};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(v[i].why, expected[i]);
    lineage_fini(&l);
}

/* ---- a year ---- */

enum { YEAR = 400, KEPT_MAX = 200, A_SUNDAY = 3 };

/* What is left of a schedule: a full backup each Sunday, an increment on the day before's on the others. */
struct schedule {
    struct lineage l;
    bool pinned[KEPT_MAX], verified[KEPT_MAX], in_use[KEPT_MAX];
    unsigned seed;
    int64_t now;
};

static void take_backup(struct schedule *s, int day)
{
    const bool full = day % 7 == A_SUNDAY;
    struct lineage *l = &s->l;
    assert_true(l->n < KEPT_MAX);
    struct lineage_row row = {
        .id = mem_printf("%08d", day),
        .full = full || !l->n,
        .server = mem_strdup("one"),
        .archive_id = 1,
        .base_archive_id = 1,
        .begun = s->now,
        .finished = s->now + 1800,
    };
    row.base_id = row.full ? NULL : mem_strdup(l->rows[l->n - 1].id);
    s->pinned[l->n] = below(&s->seed, 40) == 0;
    s->verified[l->n] = below(&s->seed, 4) == 0;
    s->in_use[l->n] = false;
    mem_grow(&l->rows, &l->cap, l->n, sizeof *l->rows);
    l->rows[l->n++] = row;
    lineage_link(l);
}

/* Takes out what goes, as `mbe prune` does. */
static void take_out(struct schedule *s, const struct prune_verdict *v)
{
    struct lineage *l = &s->l, gone = {0};
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (v[i].why == PRUNE_DELETE) {
            mem_grow(&gone.rows, &gone.cap, gone.n, sizeof *gone.rows);
            gone.rows[gone.n++] = l->rows[i];
            continue;
        }
        s->pinned[n] = s->pinned[i];
        s->verified[n] = s->verified[i];
        s->in_use[n] = s->in_use[i];
        l->rows[n++] = l->rows[i];
    }
    l->n = n;
    lineage_fini(&gone);
    lineage_link(l);
}

static void let_time_pass(struct schedule *s)
{
    const size_t i = below(&s->seed, (unsigned)s->l.n);
    if (below(&s->seed, 8) == 0)
        s->pinned[i] = false;
    if (below(&s->seed, 4) == 0)
        s->verified[i] = !s->verified[i];
}

/* How many calendar days (or what `unit` of days is) back the row is, from the day of the newest. */
static int64_t days_back(const struct schedule *s, size_t i)
{
    const int64_t newest = s->l.rows[s->l.n - 1].begun;
    return newest / DAY - s->l.rows[i].begun / DAY;
}

static void check_day(const struct schedule *s, const struct prune_verdict *v, int day,
                      const struct prune_rules *rules)
{
    const struct lineage *l = &s->l;
    uint64_t n_daily = 0, n_weekly = 0, n_monthly = 0, n_verified = 0, n_of_verified = 0;
    assert_true(v[l->n - 1].why != PRUNE_DELETE);
    for (size_t i = 0; i < l->n; i++) {
        assert_null(l->rows[i].broken);
        n_verified += s->verified[i];
        n_of_verified += s->verified[i] && v[i].why != PRUNE_DELETE;
        n_daily += v[i].why == PRUNE_KEEP_DAILY;
        n_weekly += v[i].why == PRUNE_KEEP_WEEKLY;
        n_monthly += v[i].why == PRUNE_KEEP_MONTHLY;
        /* Every day has one: those of the newest days are just they. */
        if (days_back(s, i) < (int64_t)rules->keep_daily && !s->pinned[i])
            assert_int_equal(v[i].why, PRUNE_KEEP_DAILY);
        else
            assert_int_not_equal(v[i].why, PRUNE_KEEP_DAILY);
    }
    assert_true(n_daily <= rules->keep_daily && n_weekly <= rules->keep_weekly &&
                n_monthly <= rules->keep_monthly);
    assert_true(n_of_verified >=
                (n_verified < rules->keep_verified ? n_verified : rules->keep_verified));
    if (day > 40) /* weeks and months that nothing else covers */
        assert_true(n_weekly > 0);
    if (day > 140)
        assert_true(n_monthly > 0);
}

static void a_year_of_schedules(void **state)
{
    (void)state;
    size_t most = 0, n_deleted = 0, n_chains = 0;
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct schedule s = {.seed = seed};
        const struct prune_rules given = {
            .keep_daily = 7, .keep_weekly = 5, .keep_monthly = 6, .keep_verified = 3};
        for (int day = 0; day < YEAR; day++) {
            struct prune_rules rules = given;
            struct prune_verdict v[KEPT_MAX];
            const struct prune_facts facts = {s.in_use, s.pinned, s.verified};
            s.now = INT64_C(1795485600) + (int64_t)day * DAY; /* at two in the morning */
            rules.now = s.now + 3600;
            take_backup(&s, day);
            let_time_pass(&s);
            prune_decide(v, &s.l, &facts, &rules);
            check_day(&s, v, day, &rules);
            check_rules(&s.l, v, &facts, &rules);
            check_again(&s.l, v, &facts, &rules);
            for (size_t i = 0; i < s.l.n; i++) {
                n_deleted += v[i].why == PRUNE_DELETE;
                n_chains += v[i].why == PRUNE_KEEP_NEEDED;
            }
            take_out(&s, v);
            most = s.l.n > most ? s.l.n : most;
        }
        lineage_fini(&s.l);
    }
    assert_true(n_deleted > 12 * YEAR / 2 && n_chains > 12 * YEAR);
    assert_true(most < 110); /* 7 + 5 + 6 + 3 chains of a week, and those of the pins */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_backup_is_kept_or_deleted_for_the_right_reason),
        cmocka_unit_test(the_reason_names_the_backup_behind_it),
        cmocka_unit_test(the_rules_hold_in_any_repository),
        cmocka_unit_test(of_each_period_the_last_is_kept_and_periods_without_one_do_not_count),
        cmocka_unit_test(the_newest_that_were_verified_are_kept),
        cmocka_unit_test(what_was_made_of_an_increment_is_kept_instead_of_it),
        cmocka_unit_test(a_year_of_schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
