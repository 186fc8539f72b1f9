/* tests/tools/split_check.c: cuts each table of a schema in many parts and in few, and reads it in parts
 * and as a whole: rows, hash, columns and ranges are the same. Prints which tables have no
 * key, which were not cut, and counts.
 *
 *     split_check OPTION-FILE SCHEMA */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "server/conn.h"
#include "verify/table_read.h"
#include "verify/table_split.h"

static struct hash_pace pace;

struct counts {
    size_t keys, cut, parts;
};

static bool same_ranges(const struct key_ranges *a, const struct key_ranges *b)
{
    if (a->n != b->n || a->level != b->level)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct key_range *x = &a->items[i], *y = &b->items[i];
        if (x->rows != y->rows || !hash128_equal(x->sum, y->sum) || x->key_len != y->key_len ||
            (x->key_len && memcmp(x->key, y->key, x->key_len)))
            return false;
    }
    return true;
}

static bool same_sums(const struct table_sums *a, const struct table_sums *b)
{
    for (size_t i = 0; i < a->n_columns; i++)
        if (!hash128_equal(a->columns[i], b->columns[i]))
            return false;
    return a->rows == b->rows && hash128_equal(a->sum, b->sum) &&
           same_ranges(&a->ranges, &b->ranges);
}

static struct err *read_parts(struct table_sums *out, struct conn *c, const struct listed_table *t,
                              const struct table_def *d, char **where, size_t n)
{
    TRY(table_sums_read(out, c, t, d, where[0], &pace));
    for (size_t i = 1; i < n; i++) {
        struct table_sums part;
        TRY(table_sums_read(&part, c, t, d, where[i], &pace));
        table_sums_append(out, &part);
    }
    return NULL;
}

static struct err *compare(struct conn *c, const struct listed_table *t, const struct table_def *d,
                           const struct split_options *options, struct counts *counts)
{
    struct table_sums whole, parts;
    char **where;
    size_t n;
    TRY(table_split(&where, &n, c, t, d, options, &pace));
    TRY(table_sums_read(&whole, c, t, d, NULL, &pace));
    TRY(read_parts(&parts, c, t, d, where, n));
    struct err *e = same_sums(&whole, &parts)
                        ? NULL
                        : err_make(FAILED, "%zu parts are not the table, the last is: %s", n,
                                   where[n - 1] ? where[n - 1] : "all");
    table_sums_fini(&whole);
    table_sums_fini(&parts);
    for (size_t i = 0; i < n; i++)
        free(where[i]);
    free(where);
    counts->parts += n;
    counts->cut += n > 1 && options->rows == 0;
    return e;
}

static struct err *check_table(struct conn *c, const struct listed_table *t, struct counts *counts)
{
    static const struct split_options options[] = {{32, 0}, {128, 3}, {4, 2}};
    struct table_def d;
    struct counts of_table = {0};
    struct err *e = NULL;
    TRY(table_def_load(&d, c, t));
    for (size_t i = 0; d.n_key && !e && i < sizeof options / sizeof options[0]; i++)
        e = compare(c, t, &d, &options[i], &of_table);
    counts->keys += d.n_key > 0;
    counts->cut += of_table.cut > 0;
    counts->parts += of_table.parts;
    if (!of_table.cut)
        printf("%s: %s\n", d.n_key ? "not cut" : "no key", t->name);
    table_def_fini(&d);
    return e;
}

static struct err *check_all(const char *option_file, char *schema)
{
    const struct conn_options options = {.defaults_file = option_file};
    const struct hash_select select = {.databases = schema};
    struct counts counts = {0};
    struct table_list list;
    AUTO(conn) c = NULL;
    TRY(conn_open(&c, &options));
    TRY(conn_exec(c, "SET SESSION time_zone='+00:00', character_set_results=NULL"));
    TRY(table_list_load(&list, c, &select, NULL, false));
    hash_pace_init(&pace);
    struct err *e = NULL;
    for (size_t i = 0; i < list.n && !e; i++)
        e = err_wrap(check_table(c, &list.items[i], &counts), "%s", list.items[i].name);
    hash_pace_fini(&pace);
    table_list_fini(&list);
    if (!e)
        printf("%zu tables with a key, %zu of them cut, %zu parts\n", counts.keys, counts.cut,
               counts.parts);
    return e;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    struct err *e = check_all(argv[1], argv[2]);
    if (e)
        fprintf(stderr, "%s\n", e->message);
    const int status = e ? 1 : 0;
    err_free(e);
    return status;
}
