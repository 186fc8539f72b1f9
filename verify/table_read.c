/* verify/table_read.c: see table_read.h. */
#include "verify/table_read.h"

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
