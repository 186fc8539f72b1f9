/* verify/prune_test.c: a table of repositories with what is to become of each backup, and the rules P1 to P5 on random ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/prune.h"

enum { MAX_ROWS = 12, DAY = 86400 };
#define NOW INT64_C(1795540000)

enum { CORRUPT_PAGES = 1, UNREADABLE = 2, IN_USE = 4, FOREIGN_BASE = 8 };

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
        row.finished = NOW - (int64_t)(s->age * DAY);
    }
    mem_grow(&l->rows, &l->cap, l->n, sizeof *l->rows);
    l->rows[l->n++] = row;
}

/* One letter for each row. */
static const char letters[] = {
    [PRUNE_DELETE] = 'D',    [PRUNE_KEEP_BROKEN] = 'B',  [PRUNE_KEEP_IN_USE] = 'U',
    [PRUNE_KEEP_FULL] = 'F', [PRUNE_KEEP_OF_FULL] = 'I', [PRUNE_KEEP_YOUNG] = 'Y',
    [PRUNE_KEEP_LAST] = 'L', [PRUNE_KEEP_NEEDED] = 'N',
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

static void decide(struct prune_verdict *verdicts, const struct lineage *l, const bool *in_use,
                   uint64_t keep_full, uint64_t keep_days)
{
    const struct prune_rules rules = {keep_full, keep_days, NOW};
    prune_decide(verdicts, l, in_use, &rules);
}

static void each_backup_is_kept_or_deleted_for_the_right_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        const struct scenario *s = &scenarios[i];
        struct lineage l = {0};
        struct prune_verdict verdicts[MAX_ROWS];
        bool in_use[MAX_ROWS] = {0};
        char found[MAX_ROWS + 1] = "";
        for (size_t k = 0; s->rows[k].id; k++) {
            in_use[k] = s->rows[k].flags & IN_USE;
            add(&l, &s->rows[k]);
        }
        lineage_link(&l);
        decide(verdicts, &l, in_use, s->keep_full, s->keep_days);
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
    decide(v, &l, in_use, 1, 2);
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
            .age = (double)below(seed, 40) - 2,
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

static void check_rules(const struct lineage *l, const struct prune_verdict *v, const bool *in_use,
                        uint64_t keep_full, uint64_t keep_days)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct lineage_row *row = &l->rows[i];
        const bool kept = v[i].why != PRUNE_DELETE;
        uint64_t n_newer_fulls = 0, n_newer = 0;
        for (size_t k = 0; k < l->n && !row->broken; k++) {
            const struct lineage_row *other = &l->rows[k];
            const bool newer =
                !other->broken && !strcmp(other->server, row->server) &&
                (other->finished > row->finished || (other->finished == row->finished && k > i));
            n_newer += newer;
            n_newer_fulls += newer && other->full;
        }
        if (kept && row->base != LINEAGE_NONE)
            assert_true(v[row->base].why != PRUNE_DELETE); /* P1 */
        if (row->broken || in_use[i] || !n_newer)          /* P2, P5, P3 */
            assert_true(kept);
        if (row->broken)
            continue;
        if (row->full && n_newer_fulls < keep_full)
            assert_true(kept);
        if (keep_days && NOW - row->finished < (int64_t)keep_days * DAY)
            assert_true(kept);
    }
}

static void the_rules_hold_in_any_repository(void **state)
{
    (void)state;
    unsigned seed = 4711;
    size_t n_deleted = 0, n_needed = 0;
    for (int round = 0; round < 2000; round++) {
        struct lineage l = {0};
        struct prune_verdict v[RANDOM_ROWS];
        bool in_use[RANDOM_ROWS];
        const uint64_t keep_full = below(&seed, 4), keep_days = below(&seed, 20);
        make_random(&l, in_use, &seed);
        decide(v, &l, in_use, keep_full, keep_days);
        check_rules(&l, v, in_use, keep_full, keep_days);
        for (size_t i = 0; i < l.n; i++) {
            n_deleted += v[i].why == PRUNE_DELETE;
            n_needed += v[i].why == PRUNE_KEEP_NEEDED;
        }
        lineage_fini(&l);
    }
    assert_true(n_deleted > 1000 && n_needed > 1000); /* it was about something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_backup_is_kept_or_deleted_for_the_right_reason),
        cmocka_unit_test(the_reason_names_the_backup_behind_it),
        cmocka_unit_test(the_rules_hold_in_any_repository),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
