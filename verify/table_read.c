/* verify/table_read.c: see table_read.h. */
#include "verify/table_read.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"

enum { STEP_BYTES = 64 << 10, STEP_ROWS = 1024 };

/* How far one is. */
struct reading {
    struct conn *conn;
    struct hash_pace *pace;
    uint64_t said; /* bytes that the server says it has, less what was read */
    bool is_cut;
};

static struct err *step(struct reading *r, uint64_t bytes)
{
    const uint64_t more = bytes > r->said ? bytes - r->said : 0;
    r->said -= bytes - more;
    TRY(hash_pace_step(r->pace, bytes));
    if (r->is_cut || hash_pace_spare(r->pace, more))
        return NULL;
    r->is_cut = true; /* rows come until the server ends it with an error */
    return r->pace->cut(r->pace->cut_ctx, r->conn);
}

static struct err *read_rows(struct row_stream *rows, const struct table_def *d,
                             struct row_bytes *row, struct reading *reading, table_row_fn *on_row,
                             void *ctx)
{
    uint64_t bytes = 0;
    for (unsigned n = 1;; n++) {
        const struct row_cell *cells;
        TRY(row_stream_next(rows, &cells));
        if (!cells)
            return hash_pace_step(reading->pace, bytes);
        TRY(table_row_bytes(row, d, cells));
        TRY(on_row(ctx, row));
        bytes += row->n;
        if (bytes >= STEP_BYTES || n % STEP_ROWS == 0) {
            TRY(step(reading, bytes));
            bytes = 0;
        }
    }
}

struct err *table_read(struct conn *c, const struct listed_table *t, const struct table_def *d,
                       const char *where, struct hash_pace *pace, table_row_fn *on_row, void *ctx)
{
    size_t n;
    struct row_bytes row = {0};
    AUTO_FREE char *sql = table_select(t, d, where);
    AUTO_FREE enum row_kind *kinds = table_select_kinds(d, &n);
    AUTO(row_stream) rows = NULL;
    struct reading reading = {.conn = c, .pace = pace, .said = t->bytes};
    TRY(row_stream_open(&rows, c, sql, kinds, n));
    struct err *e = read_rows(rows, d, &row, &reading, on_row, ctx);
    row_bytes_fini(&row);
    return e;
}

struct summing {
    struct table_sums *sums;
    const struct table_def *def;
};

static struct err *add_row(void *ctx, const struct row_bytes *row)
{
    const struct summing *s = ctx;
    table_sums_add(s->sums, row, s->def->key, s->def->n_key);
    return NULL;
}

struct err *table_sums_read(struct table_sums *out, struct conn *c, const struct listed_table *t,
                            const struct table_def *d, const char *where, struct hash_pace *pace)
{
    struct summing s = {out, d};
    table_sums_init(out, d->n_columns, d->n_key > 0);
    struct err *e = table_read(c, t, d, where, pace, add_row, &s);
    if (e)
        table_sums_fini(out);
    return e;
}

/* --- stretches ---------------------------------------------------------------------------------- */

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

static void whole_table(char ***where, size_t *n)
{
    *where = mem_zalloc(sizeof **where);
    *n = 1;
}

struct err *table_split(char ***where, size_t *n, struct conn *c, const struct listed_table *t,
                        const struct table_def *d, size_t most)
{
    struct rows rows;
    if (most < 2 || !d->n_key || d->columns[d->key[0]].value != VALUE_INTEGER) {
        whole_table(where, n);
        return NULL;
    }
    AUTO_FREE char *name = table_sql_name(t->schema, t->name);
    AUTO_FREE char *column = sql_quoted_name(d->columns[d->key[0]].name);
    TRY(conn_query(c, &rows, "SELECT MIN(%s) AS low, MAX(%s) AS high FROM %s", column, column,
                   name));
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
