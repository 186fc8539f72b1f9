/* verify/hash_compare.c: see hash_compare.h. */
#include "verify/hash_compare.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"

enum { NAMED_TABLES = 5, NAMED_COLUMNS = 5 };

const char *table_verdict_name(enum table_verdict v)
{
    static const char *const names[TABLE_VERDICTS] = {[TABLE_EQUAL] = "equal",
                                                      [TABLE_DIFFERENT] = "different",
                                                      [TABLE_MISSING] = "missing",
                                                      [TABLE_EXTRA] = "extra",
                                                      [TABLE_UNPROVEN] = "unproven"};
    return names[v];
}

static char *backticked(const char *name)
{
    AUTO_FREE char *line = text_one_line(name);
    char *out = mem_alloc(2 * strlen(line) + 3), *p = out;
    *p++ = '`';
    for (const char *c = line; *c; c++) {
        if (*c == '`')
            *p++ = '`';
        *p++ = *c;
    }
    strcpy(p, "`");
    return out;
}

char *table_title(const char *schema, const char *name)
{
    AUTO_FREE char *first = backticked(schema), *second = backticked(name);
    return mem_printf("%s.%s", first, second);
}

/* *text and what is formatted, with `between` when there was something. */
__attribute__((format(printf, 3, 4))) static void append(char **text, const char *between,
                                                         const char *fmt, ...)
{
    AUTO_FREE char *old = *text, *more = NULL;
    va_list ap;
    va_start(ap, fmt);
    const int n = vasprintf(&more, fmt, ap);
    va_end(ap);
    *text = n < 0 ? mem_strdup(old ? old : "")
                  : mem_printf("%s%s%s", old ? old : "", old ? between : "", more);
}

/* --- ranges ------------------------------------------------------------------------------------ */

/* A range as it is at a level both sides have. Borrows its key. */
struct cut {
    const uint8_t *key;
    uint32_t key_len;
    uint64_t rows;
    struct hash128 sum;
};

struct cuts {
    struct cut *items;
    size_t n;
};

static void add_cut(struct cut *to, const struct key_range *from)
{
    to->rows += from->rows;
    hash128_add(&to->sum, from->sum);
}

/* The ranges of a table at `level`, which is not finer than its own. */
static struct cuts cuts_of(const struct key_ranges *r, unsigned level)
{
    struct cuts c = {.items = mem_zalloc(r->n * sizeof *c.items)};
    const unsigned shift = r->buckets ? r->level - level : 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct key_range *range = &r->items[i];
        const bool begins =
            r->buckets ? !(i & (((size_t)1 << shift) - 1)) : i == 0 || range->zeros >= level;
        if (begins)
            c.items[c.n++] = (struct cut){.key = range->key, .key_len = range->key_len};
        add_cut(&c.items[c.n - 1], range);
    }
    return c;
}

static void cuts_fini(struct cuts *c)
{
    free(c->items);
}

static int compare_keys(const struct cut *a, const struct cut *b)
{
    const uint32_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
    const int order = n ? memcmp(a->key, b->key, n) : 0;
    return order ? order : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static int compare_key_pointers(const void *a, const void *b)
{
    return compare_keys(*(const struct cut *const *)a, *(const struct cut *const *)b);
}

static const struct cut *find_key(const struct cut *const *sorted, size_t n, const struct cut *key)
{
    const struct cut *const *found = bsearch(&key, sorted, n, sizeof *sorted, compare_key_pointers);
    return found ? *found : NULL;
}

static void sum_up(struct cut *out, const struct cuts *c, size_t from, size_t to)
{
    *out = (struct cut){.key = c->items[from].key, .key_len = c->items[from].key_len};
    for (size_t i = from; i < to; i++) {
        out->rows += c->items[i].rows;
        hash128_add(&out->sum, c->items[i].sum);
    }
}

struct differences {
    struct range_difference *items;
    size_t n, cap;
};

static void add_difference(struct differences *l, const struct range_difference *d)
{
    struct range_difference *last = l->n ? &l->items[l->n - 1] : NULL;
    if (last && last->to && last->to == d->from) { /* neighbours are one */
        last->to = d->to;
        last->to_len = d->to_len;
        last->rows_a += d->rows_a;
        last->rows_b += d->rows_b;
        return;
    }
    mem_grow(&l->items, &l->cap, l->n, sizeof *l->items);
    l->items[l->n++] = *d;
}

/* The stretch [i, next_i) of a and [j, next_j) of b, between two keys at which both are cut. */
static void compare_stretch(struct differences *l, const struct cuts *a, const struct cuts *b,
                            const size_t from[2], const size_t to[2])
{
    struct cut x, y;
    sum_up(&x, a, from[0], to[0]);
    sum_up(&y, b, from[1], to[1]);
    if (x.rows == y.rows && hash128_equal(x.sum, y.sum))
        return;
    struct range_difference d = {
        .from = x.key, .from_len = x.key_len, .rows_a = x.rows, .rows_b = y.rows};
    if (to[0] < a->n) {
        d.to = a->items[to[0]].key;
        d.to_len = a->items[to[0]].key_len;
    }
    add_difference(l, &d);
}

/* False when the two have their keys in different orders. */
static bool compare_cuts(struct differences *l, const struct cuts *a, const struct cuts *b)
{
    AUTO_FREE const struct cut **sorted = mem_alloc(b->n * sizeof *sorted);
    size_t from[2] = {0, 0};
    for (size_t j = 0; j < b->n; j++)
        sorted[j] = &b->items[j];
    qsort(sorted, b->n, sizeof *sorted, compare_key_pointers);
    for (size_t i = 1; i <= a->n; i++) {
        const struct cut *same = i < a->n ? find_key(sorted, b->n, &a->items[i]) : NULL;
        if (i < a->n && !same)
            continue;
        const size_t to[2] = {i, same ? (size_t)(same - b->items) : b->n};
        if (to[1] <= from[1])
            return false;
        compare_stretch(l, a, b, from, to);
        memcpy(from, to, sizeof from);
    }
    return true;
}

static bool same_key(const struct hashed_table *a, const struct hashed_table *b)
{
    if (a->n_key != b->n_key)
        return false;
    for (size_t i = 0; i < a->n_key; i++)
        if (a->key[i] != b->key[i]) /* the columns are the same, in the same order */
            return false;
    return true;
}

static void compare_buckets(struct differences *l, const struct cuts *a, const struct cuts *b,
                            unsigned level)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->items[i].rows != b->items[i].rows ||
            !hash128_equal(a->items[i].sum, b->items[i].sum))
            add_difference(l, &(struct range_difference){.bucket = (unsigned)i,
                                                         .bucket_level = level,
                                                         .rows_a = a->items[i].rows,
                                                         .rows_b = b->items[i].rows});
}

bool key_ranges_compare(struct range_difference **out, size_t *n, const struct key_ranges *a,
                        const struct key_ranges *b)
{
    struct differences l = {0};
    bool comparable = a->buckets == b->buckets;
    *out = NULL;
    *n = 0;
    if (!comparable)
        return false;
    const bool a_decides = a->buckets ? a->level < b->level : a->level > b->level;
    const unsigned level = a_decides ? a->level : b->level;
    struct cuts x = cuts_of(a, level), y = cuts_of(b, level);
    if (a->buckets)
        compare_buckets(&l, &x, &y, level);
    else
        comparable = compare_cuts(&l, &x, &y);
    cuts_fini(&x);
    cuts_fini(&y);
    if (!comparable) {
        free(l.items);
        return false;
    }
    *out = l.items;
    *n = l.n;
    return true;
}

static void compare_ranges(struct table_comparison *t)
{
    t->ranges_known = same_key(t->a, t->b) &&
                      key_ranges_compare(&t->ranges, &t->n_ranges, &t->a->ranges, &t->b->ranges);
}

/* --- a table ---------------------------------------------------------------------------------- */

/* What is the matter with the list of columns, owned by caller; NULL: nothing. */
static char *other_columns(const struct hashed_table *a, const struct hashed_table *b)
{
    if (a->n_columns != b->n_columns)
        return mem_printf("%zu and %zu columns", a->n_columns, b->n_columns);
    for (size_t i = 0; i < a->n_columns; i++) {
        const struct hashed_column *x = &a->columns[i], *y = &b->columns[i];
        if (strcmp(x->name, y->name)) {
            AUTO_FREE char *first = backticked(x->name), *second = backticked(y->name);
            return mem_printf("column %zu is %s and %s", i + 1, first, second);
        }
        if (x->value != y->value) {
            AUTO_FREE char *first = backticked(x->name);
            return mem_printf("column %s is of class %s and %s", first, value_class_name(x->value),
                              value_class_name(y->value));
        }
    }
    return NULL;
}

static void compare_columns(struct table_comparison *t, char **reason)
{
    const struct hashed_table *a = t->a, *b = t->b;
    size_t n = 0;
    AUTO_FREE char *names = NULL;
    t->column_differs = mem_zalloc(a->n_columns * sizeof *t->column_differs);
    for (size_t i = 0; i < a->n_columns; i++) {
        t->column_differs[i] = !hash128_equal(a->columns[i].sum, b->columns[i].sum);
        if (!t->column_differs[i] || ++n > NAMED_COLUMNS)
            continue;
        AUTO_FREE char *name = backticked(a->columns[i].name);
        append(&names, ", ", "%s", name);
    }
    if (n > NAMED_COLUMNS)
        append(reason, "; ", "columns %s and %zu more", names, n - NAMED_COLUMNS);
    else if (n)
        append(reason, "; ", "column%s %s", n > 1 ? "s" : "", names);
    else
        append(reason, "; ", "each column has the same values, in other rows");
}

/* What differs, owned by caller; NULL: nothing. */
static char *differences(struct table_comparison *t)
{
    const struct hashed_table *a = t->a, *b = t->b;
    char *reason = other_columns(a, b);
    if (reason)
        return reason;
    if (a->rows == b->rows && hash128_equal(a->sum, b->sum))
        return NULL;
    if (a->rows != b->rows)
        append(&reason, "; ", "%" PRIu64 " and %" PRIu64 " rows", a->rows, b->rows);
    compare_columns(t, &reason);
    compare_ranges(t);
    if (t->ranges_known)
        append(&reason, "; ", "%zu %s%s", t->n_ranges, a->ranges.buckets ? "bucket" : "key range",
               t->n_ranges == 1 ? "" : "s");
    return reason;
}

static void judge_both(struct table_comparison *t)
{
    const struct hashed_table *unhashed = t->a->state == HASH_NOT   ? t->a
                                          : t->b->state == HASH_NOT ? t->b
                                                                    : NULL;
    if (unhashed) {
        t->verdict = TABLE_UNPROVEN;
        t->reason = mem_printf("not hashed: %s", unhashed->reason);
        return;
    }
    t->reason = differences(t);
    t->verdict = t->reason ? TABLE_DIFFERENT : TABLE_EQUAL;
    const struct hashed_table *loose = t->a->state != HASH_EXACT   ? t->a
                                       : t->b->state != HASH_EXACT ? t->b
                                                                   : NULL;
    if (t->verdict == TABLE_DIFFERENT && loose) {
        t->verdict = TABLE_UNPROVEN;
        append(&t->reason, "", "; but not of that moment: %s", loose->reason);
    }
}

static void judge(struct table_comparison *t)
{
    if (!t->a) {
        t->verdict = TABLE_EXTRA;
        t->reason = mem_strdup("only the second has it");
    } else if (t->b) {
        judge_both(t);
    } else if (t->a->state == HASH_EXACT) {
        t->verdict = TABLE_MISSING;
        t->reason = mem_strdup("only the first has it");
    } else {
        t->verdict = TABLE_UNPROVEN;
        t->reason =
            mem_printf("only the first has it, %s: %s",
                       t->a->state == HASH_NOT ? "not hashed" : "not of that moment", t->a->reason);
    }
}

static int compare_tables(const struct hashed_table *a, const struct hashed_table *b)
{
    const int order = strcmp(a->schema, b->schema);
    return order ? order : strcmp(a->name, b->name);
}

void hash_compare(struct hash_comparison *out, const struct hash_set *a, const struct hash_set *b)
{
    size_t i = 0, j = 0;
    *out = (struct hash_comparison){.items = mem_zalloc((a->n + b->n) * sizeof *out->items)};
    while (i < a->n || j < b->n) {
        const int order = i == a->n   ? 1
                          : j == b->n ? -1
                                      : compare_tables(&a->items[i], &b->items[j]);
        struct table_comparison *t = &out->items[out->n++];
        if (order <= 0)
            t->a = &a->items[i++];
        if (order >= 0)
            t->b = &b->items[j++];
        judge(t);
        out->counts[t->verdict]++;
    }
}

void hash_comparison_fini(struct hash_comparison *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].reason);
        free(c->items[i].column_differs);
        free(c->items[i].ranges);
    }
    free(c->items);
    *c = (struct hash_comparison){0};
}

static char *describe(const struct table_comparison *t, const char *a_name, const char *b_name)
{
    const struct hashed_table *one = t->a ? t->a : t->b;
    AUTO_FREE char *title = table_title(one->schema, one->name);
    if (t->verdict == TABLE_MISSING)
        return mem_printf("%s is missing in %s", title, b_name);
    if (t->verdict == TABLE_EXTRA)
        return mem_printf("%s is not in %s", title, a_name);
    return mem_printf("%s differs (%s)", title, t->reason);
}

struct err *hash_comparison_error(const struct hash_comparison *c, const char *a_name,
                                  const char *b_name)
{
    const size_t bad =
        c->counts[TABLE_DIFFERENT] + c->counts[TABLE_MISSING] + c->counts[TABLE_EXTRA];
    AUTO_FREE char *names = NULL;
    size_t n = 0;
    if (!bad)
        return NULL;
    for (size_t i = 0; i < c->n && n < NAMED_TABLES; i++) {
        const enum table_verdict v = c->items[i].verdict;
        if (v != TABLE_DIFFERENT && v != TABLE_MISSING && v != TABLE_EXTRA)
            continue;
        AUTO_FREE char *line = describe(&c->items[i], a_name, b_name);
        append(&names, ", ", "%s", line);
        n++;
    }
    return err_make(CORRUPT, "%zu of %zu tables are not the same in %s and %s: %s%s", bad, c->n,
                    a_name, b_name, names, bad > n ? ", ..." : "");
}
