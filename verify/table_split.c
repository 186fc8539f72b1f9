/* verify/table_split.c: see table_split.h. */
#include "verify/table_split.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "verify/value_text.h"

enum { STEP_MAX = 1 << 20 }; /* rows: a second or less */

static void whole_table(char ***where, size_t *n)
{
    *where = mem_zalloc(sizeof **where);
    *n = 1;
}

/* --- integers --- */

/* Wide enough for signed and unsigned keys. */
typedef __int128 key_number;

static key_number parse(const char *text)
{
    return text[0] == '-' ? (key_number)strtoll(text, NULL, 10)
                          : (key_number)strtoull(text, NULL, 10);
}

static char *number_text(key_number v)
{
    return v < 0 ? mem_printf("%" PRId64, (int64_t)v) : mem_printf("%" PRIu64, (uint64_t)v);
}

/* Of `column`, from the i-th of n cuts to the next, of the numbers [low, high]. The first and the last are open. */
static char *stretch(const char *column, key_number low, key_number high, size_t i, size_t n)
{
    const key_number size = high - low + 1;
    AUTO_FREE char *from = number_text(low + size * (key_number)i / (key_number)n);
    AUTO_FREE char *to = number_text(low + size * (key_number)(i + 1) / (key_number)n);
    if (i == 0)
        return mem_printf("%s < %s", column, to);
    if (i == n - 1)
        return mem_printf("%s >= %s", column, from);
    return mem_printf("%s >= %s AND %s < %s", column, from, column, to);
}

static struct err *split_numbers(char ***where, size_t *n, struct conn *c, const char *table,
                                 const char *column, size_t most)
{
    struct rows rows;
    TRY(conn_query(c, &rows, "SELECT MIN(%s) AS low, MAX(%s) AS high FROM %s", column, column,
                   table));
    const char *low_text = rows_get(&rows, 0, "low"), *high_text = rows_get(&rows, 0, "high");
    const key_number low = low_text ? parse(low_text) : 0, high = high_text ? parse(high_text) : 0;
    const bool none = !low_text || !high_text;
    rows_fini(&rows);
    if (none || high - low < (key_number)most) {
        whole_table(where, n);
        return NULL;
    }
    *n = most;
    *where = mem_alloc(most * sizeof **where);
    for (size_t i = 0; i < most; i++)
        (*where)[i] = stretch(column, low, high, i, most);
    return NULL;
}

/* --- all other types --- */

/* Every stride-th value that was found, so many at most. */
struct cuts {
    char **literals;
    size_t n, most; /* most: even */
    size_t stride, found;
};

static void cuts_fini(struct cuts *k)
{
    for (size_t i = 0; i < k->n; i++)
        free(k->literals[i]);
    free(k->literals);
}

/* Every second one goes. */
static void thin_out(struct cuts *k)
{
    for (size_t i = 0; i < k->n; i += 2) {
        free(k->literals[i]);
        k->literals[i / 2] = k->literals[i + 1];
    }
    k->n /= 2;
    k->stride *= 2;
}

static void add_cut(struct cuts *k, const char *literal)
{
    if (++k->found % k->stride)
        return;
    if (k->n == k->most)
        thin_out(k); /* this one goes, too: it would be the first of a pair */
    else
        k->literals[k->n++] = mem_strdup(literal);
}

/* MySQL may refuse others as literals. */
static bool is_usual_time(const struct value_view *v)
{
    const bool has_date =
        v->value == VALUE_DATE || v->value == VALUE_DATETIME || v->value == VALUE_TIMESTAMP;
    const uint8_t month = has_date ? v->data[2] : 1, day = has_date ? v->data[3] : 1;
    return month >= 1 && month <= 12 && day >= 1 && day <= 28;
}

/* The value of the row at hand, as a literal; NULL: none that could be asked for. */
static struct err *take_literal(char **out, const struct table_def *one,
                                const struct row_cell *cells)
{
    size_t len;
    struct value_view v;
    struct row_bytes row = {0};
    struct err *e = table_row_bytes(&row, one, cells);
    const uint8_t *value = e ? NULL : row_value(&row, 0, &len);
    if (value && value_view(&v, value, len) && is_usual_time(&v))
        *out = value_literal(&v, one->columns[0].charset);
    row_bytes_fini(&row);
    return e;
}

static struct err *read_literal(char **out, bool *found, struct row_stream *rows,
                                const struct table_def *one)
{
    const struct row_cell *cells;
    TRY(row_stream_next(rows, &cells));
    *found = cells != NULL;
    if (!cells)
        return NULL;
    TRY(take_literal(out, one, cells));
    return row_stream_next(rows, &cells); /* to the end */
}

/* The value so many rows behind `after` (NULL: the first row). *out is NULL when there is none (not *found), or none that could be
 * asked for. */
static struct err *next_value(char **out, bool *found, struct conn *c, const char *table,
                              const struct table_def *d, const char *after, unsigned n_rows)
{
    const struct table_def one = {.columns = &d->columns[d->key[0]], .n_columns = 1};
    AUTO_FREE char *column = sql_quoted_name(one.columns[0].name);
    AUTO_FREE char *key = sql_quoted_name(d->key_name);
    AUTO_FREE char *where = after ? mem_printf(" WHERE %s > %s", column, after) : mem_strdup("");
    AUTO_FREE char *sql = mem_printf("SELECT /*M! SQL_NO_CACHE */ %s FROM %s FORCE INDEX (%s)%s"
                                     " ORDER BY %s LIMIT 1 OFFSET %u",
                                     column, table, key, where, column, n_rows);
    AUTO(row_stream) rows = NULL;
    *out = NULL;
    TRY(row_stream_open(&rows, c, sql, &one.columns[0].kind, 1));
    struct err *e = read_literal(out, found, rows, &one);
    if (e) {
        free(*out);
        *out = NULL;
    }
    return e;
}

/* Behind a value that cannot be asked for the steps grow, so that no row is walked over more than twice. */
static struct err *find_cuts(struct cuts *k, struct conn *c, const char *table,
                             const struct table_def *d, unsigned n_rows, struct hash_pace *pace)
{
    AUTO_FREE char *after = NULL;
    unsigned step = n_rows;
    for (bool found = true; step <= STEP_MAX;) {
        char *next;
        TRY(hash_pace_step(pace, 0));
        TRY(next_value(&next, &found, c, table, d, after, step));
        if (!found)
            return NULL;
        step = next ? n_rows : 2 * step + 1;
        if (!next)
            continue;
        add_cut(k, next);
        free(after);
        after = next;
    }
    return NULL;
}

static void make_parts(char ***where, size_t *n, const char *column, const struct cuts *k)
{
    if (!k->n) {
        whole_table(where, n);
        return;
    }
    *n = k->n + 1;
    *where = mem_alloc(*n * sizeof **where);
    (*where)[0] = mem_printf("%s < %s", column, k->literals[0]);
    for (size_t i = 1; i < k->n; i++)
        (*where)[i] =
            mem_printf("%s >= %s AND %s < %s", column, k->literals[i - 1], column, k->literals[i]);
    (*where)[k->n] = mem_printf("%s >= %s", column, k->literals[k->n - 1]);
}

static struct err *split_values(char ***where, size_t *n, struct conn *c, const char *table,
                                const char *column, const struct table_def *d,
                                const struct split_options *options, struct hash_pace *pace)
{
    struct cuts k = {.most = options->parts & ~(size_t)1, .stride = 1};
    k.literals = mem_zalloc(k.most * sizeof *k.literals);
    struct err *e = find_cuts(&k, c, table, d, options->rows, pace);
    if (!e)
        make_parts(where, n, column, &k);
    cuts_fini(&k);
    return e;
}

struct err *table_split(char ***where, size_t *n, struct conn *c, const struct listed_table *t,
                        const struct table_def *d, const struct split_options *options,
                        struct hash_pace *pace)
{
    if (options->parts < 2 || !d->n_key) {
        whole_table(where, n);
        return NULL;
    }
    AUTO_FREE char *table = table_sql_name(t->schema, t->name);
    AUTO_FREE char *column = sql_quoted_name(d->columns[d->key[0]].name);
    return d->columns[d->key[0]].value == VALUE_INTEGER
               ? split_numbers(where, n, c, table, column, options->parts)
               : split_values(where, n, c, table, column, d, options, pace);
}
