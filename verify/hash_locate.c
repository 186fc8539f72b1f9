/* verify/hash_locate.c: see hash_locate.h. */
#include "verify/hash_locate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"
#include "verify/snapshot_table.h"
#include "verify/value_text.h"

enum {
    MEMORY_ROWS_MAX = 4 << 20,   /* of one side, in a range or in the buckets that differ */
    MEMORY_KEYS_MAX = 128 << 20, /* bytes of their keys */
    VALUE_SHOWN_MAX = 40,        /* bytes of a value */
};

struct search {
    struct snapshot_table side[2];
    size_t most, told;
    bool more;
    located_row_fn *on_row;
    void *ctx;
};

/* --- text --------------------------------------------------------------------------------------- */

/* *line grows by what is given, with `between` where there was something. */
static void add_text(char **line, const char *between, const char *text)
{
    char *longer = *line ? mem_printf("%s%s%s", *line, between, text) : mem_strdup(text);
    free(*line);
    *line = longer;
}

static void add_value(char **line, const char *column, const struct value_view *v)
{
    AUTO_FREE char *name = sql_quoted_name(column), *value = value_print(v, VALUE_SHOWN_MAX);
    AUTO_FREE char *both = mem_printf("%s=%s", name, value);
    AUTO_FREE char *clean = text_one_line(both);
    add_text(line, ", ", clean);
}

/* "`a`=5, `b`='x'" for values that lie one behind the other; `places` NULL: columns 0, 1, ... */
static char *values_text(const uint8_t *p, size_t len, size_t n, const uint16_t *places,
                         const char *(*column)(const void *, size_t), const void *table)
{
    char *line = NULL;
    struct value_view v;
    for (size_t i = 0; i < n && value_view(&v, p, len); i++, p += v.used, len -= v.used)
        add_value(&line, column(table, places ? places[i] : i), &v);
    return line ? line : mem_strdup("");
}

static const char *hashed_column(const void *table, size_t i)
{
    const struct hashed_table *t = table;
    return t->columns[i].name;
}

static const char *def_column(const void *table, size_t i)
{
    const struct table_def *d = table;
    return d->columns[i].name;
}

char *range_text(const struct hashed_table *t, const struct range_difference *r)
{
    if (t->ranges.buckets)
        return mem_printf("bucket %u of %u", r->bucket + 1, 1U << r->bucket_level);
    AUTO_FREE char *from =
        r->from ? values_text(r->from, r->from_len, t->n_key, t->key, hashed_column, t) : NULL;
    AUTO_FREE char *to =
        r->to ? values_text(r->to, r->to_len, t->n_key, t->key, hashed_column, t) : NULL;
    AUTO_FREE char *begin = from ? mem_printf("from %s", from) : mem_strdup("from the beginning");
    return to ? mem_printf("%s to before %s", begin, to) : mem_printf("%s to the end", begin);
}

static struct err *tell(struct search *s, enum row_difference what, const char *row,
                        const char *columns, uint64_t times)
{
    if (s->told == s->most) {
        s->more = true;
        return NULL;
    }
    s->told++;
    return s->on_row(s->ctx, &(struct located_row){
                                 .what = what, .row = row, .columns = columns, .times = times});
}

/* --- conditions ------------------------------------------------------------------------------------ */

struct key_sql {
    size_t n;
    char *columns[32], *literals[32];
};

static void key_sql_fini(struct key_sql *k)
{
    for (size_t i = 0; i < k->n; i++) {
        free(k->columns[i]);
        free(k->literals[i]);
    }
}

/* False for a key that cannot be asked for. */
static bool key_sql_make(struct key_sql *k, const struct table_def *d, const uint8_t *key,
                         size_t len)
{
    struct value_view v;
    *k = (struct key_sql){0};
    for (; k->n < d->n_key && k->n < 32 && value_view(&v, key, len); key += v.used, len -= v.used) {
        const struct table_column *c = &d->columns[d->key[k->n]];
        char *literal = value_literal(&v, c->charset);
        if (!literal)
            return false;
        k->columns[k->n] = sql_quoted_name(c->name);
        k->literals[k->n++] = literal;
    }
    return k->n == d->n_key;
}

/* "(a > 1 OR (a = 1 AND b >= 2))": keys behind k (`op` is > and `last` >=) or before it (both <). */
static char *compare_sql(const struct key_sql *k, const char *op, const char *last)
{
    char *line = NULL, *equal = NULL;
    for (size_t i = 0; i < k->n; i++) {
        AUTO_FREE char *one =
            mem_printf("%s %s %s", k->columns[i], i + 1 == k->n ? last : op, k->literals[i]);
        AUTO_FREE char *with = equal ? mem_printf("(%s AND %s)", equal, one) : mem_strdup(one);
        AUTO_FREE char *same = mem_printf("%s = %s", k->columns[i], k->literals[i]);
        add_text(&line, " OR ", with);
        add_text(&equal, " AND ", same);
    }
    char *out = mem_printf("(%s)", line);
    free(line);
    free(equal);
    return out;
}

static char *equal_sql(const struct key_sql *k)
{
    char *line = NULL;
    for (size_t i = 0; i < k->n; i++) {
        AUTO_FREE char *same = mem_printf("%s = %s", k->columns[i], k->literals[i]);
        add_text(&line, " AND ", same);
    }
    return line;
}

static struct err *no_sql(void)
{
    return err_make(FAILED, "a key of it cannot be asked for");
}

/* The condition for [from, to), owned by caller; NULL: all rows. Each side has the character sets of its own columns. */
static struct err *range_sql(char **out, const struct table_def *d,
                             const struct range_difference *r)
{
    struct key_sql k;
    bool good = true;
    *out = NULL;
    if (r->from) {
        good = key_sql_make(&k, d, r->from, r->from_len);
        AUTO_FREE char *sql = good ? compare_sql(&k, ">", ">=") : NULL;
        key_sql_fini(&k);
        if (good)
            add_text(out, " AND ", sql);
    }
    if (r->to && good) {
        good = key_sql_make(&k, d, r->to, r->to_len);
        AUTO_FREE char *sql = good ? compare_sql(&k, "<", "<") : NULL;
        key_sql_fini(&k);
        if (good)
            add_text(out, " AND ", sql);
    }
    return good ? NULL : no_sql();
}

/* --- rows with a key ---------------------------------------------------------------------------------- */

struct keyed_row {
    size_t key; /* place in `bytes` */
    uint32_t key_len;
    struct hash128 hash;
};

struct keyed_rows {
    const struct table_def *def;
    struct keyed_row *items;
    size_t n, cap;
    uint8_t *bytes;
    size_t n_bytes, cap_bytes;
};

static void keyed_rows_fini(struct keyed_rows *r)
{
    free(r->items);
    free(r->bytes);
}

static struct err *too_many(void)
{
    return err_make(FAILED,
                    "more than %d rows, or %d MiB of keys, would have to be compared one by one",
                    MEMORY_ROWS_MAX, MEMORY_KEYS_MAX >> 20);
}

static struct err *keep_row(void *ctx, const struct row_bytes *row)
{
    struct keyed_rows *r = ctx;
    if (r->n == MEMORY_ROWS_MAX)
        return too_many();
    struct keyed_row k = {.key = r->n_bytes, .hash = hash128_of(row->p, row->n, NULL, 0)};
    for (size_t i = 0; i < r->def->n_key; i++) {
        size_t len;
        const uint8_t *value = row_value(row, r->def->key[i], &len);
        if (len > MEMORY_KEYS_MAX - r->n_bytes)
            return too_many();
        mem_grow(&r->bytes, &r->cap_bytes, r->n_bytes + len, 1);
        memcpy(r->bytes + r->n_bytes, value, len);
        r->n_bytes += len;
    }
    k.key_len = (uint32_t)(r->n_bytes - k.key);
    mem_grow(&r->items, &r->cap, r->n, sizeof k);
    r->items[r->n++] = k;
    return NULL;
}

static int compare_bytes(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len)
{
    const int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_rows(const void *a, const void *b, void *bytes)
{
    const struct keyed_row *x = a, *y = b;
    const uint8_t *base = bytes;
    return compare_bytes(base + x->key, x->key_len, base + y->key, y->key_len);
}

static struct err *load_rows(struct keyed_rows *out, const struct snapshot_table *t,
                             const char *where)
{
    *out = (struct keyed_rows){.def = &t->def};
    TRY(snapshot_table_read(t, where, keep_row, out));
    if (out->n)
        qsort_r(out->items, out->n, sizeof *out->items, compare_rows, out->bytes);
    return NULL;
}

struct copied_row {
    struct row_bytes row;
    bool found;
};

static struct err *copy_row(void *ctx, const struct row_bytes *row)
{
    struct copied_row *c = ctx;
    size_t len;
    row_bytes_reset(&c->row);
    for (size_t i = 0; i < row->n_values; i++) {
        const uint8_t *value = row_value(row, i, &len);
        row_put_copy(&c->row, value, len);
    }
    c->found = true;
    return NULL;
}

static struct err *fetch_row(struct copied_row *out, const struct snapshot_table *t,
                             const uint8_t *key, size_t key_len)
{
    struct key_sql k;
    *out = (struct copied_row){0};
    const bool good = key_sql_make(&k, &t->def, key, key_len);
    AUTO_FREE char *where = good ? equal_sql(&k) : NULL;
    key_sql_fini(&k);
    if (!good)
        return no_sql();
    TRY(snapshot_table_read(t, where, copy_row, out));
    return out->found ? NULL : err_make(FAILED, "a row is not found by its key");
}

/* "`a`: 5 and 6, `b`: NULL and 'x'" */
static char *differences_text(const struct copied_row rows[2], const struct table_def *d)
{
    char *line = NULL;
    for (size_t i = 0; i < d->n_columns; i++) {
        size_t len[2];
        const uint8_t *value[2];
        struct value_view v[2];
        for (int side = 0; side < 2; side++)
            value[side] = row_value(&rows[side].row, i, &len[side]);
        if (len[0] == len[1] && !memcmp(value[0], value[1], len[0]))
            continue;
        if (!value_view(&v[0], value[0], len[0]) || !value_view(&v[1], value[1], len[1]))
            continue;
        AUTO_FREE char *name = sql_quoted_name(d->columns[i].name);
        AUTO_FREE char *a = value_print(&v[0], VALUE_SHOWN_MAX),
                       *b = value_print(&v[1], VALUE_SHOWN_MAX);
        AUTO_FREE char *both = mem_printf("%s: %s and %s", name, a, b);
        AUTO_FREE char *clean = text_one_line(both);
        add_text(&line, ", ", clean);
    }
    return line ? line : mem_strdup("");
}

static struct err *tell_changed(struct search *s, const uint8_t *key, size_t key_len,
                                const char *row)
{
    struct copied_row rows[2] = {0};
    struct err *e = NULL;
    for (int side = 0; side < 2 && !e; side++)
        e = fetch_row(&rows[side], &s->side[side], key, key_len);
    if (!e) {
        AUTO_FREE char *columns = differences_text(rows, &s->side[0].def);
        e = tell(s, ROW_DIFFERS, row, columns, 1);
    }
    for (int side = 0; side < 2; side++)
        row_bytes_fini(&rows[side].row);
    return e;
}

static struct err *tell_keyed(struct search *s, enum row_difference what,
                              const struct keyed_rows *rows, size_t i)
{
    const struct table_def *d = rows->def;
    const uint8_t *key = rows->bytes + rows->items[i].key;
    if (s->told == s->most) {
        s->more = true;
        return NULL;
    }
    AUTO_FREE char *row = values_text(key, rows->items[i].key_len, d->n_key, d->key, def_column, d);
    return what == ROW_DIFFERS ? tell_changed(s, key, rows->items[i].key_len, row)
                               : tell(s, what, row, NULL, 1);
}

static struct err *compare_keyed(struct search *s, const struct keyed_rows *a,
                                 const struct keyed_rows *b)
{
    size_t i = 0, j = 0;
    while ((i < a->n || j < b->n) && !s->more) {
        const struct keyed_row *x = &a->items[i], *y = &b->items[j];
        const int order = i == a->n   ? 1
                          : j == b->n ? -1
                                      : compare_bytes(a->bytes + x->key, x->key_len,
                                                      b->bytes + y->key, y->key_len);
        if (order < 0)
            TRY(tell_keyed(s, ROW_ONLY_A, a, i));
        else if (order > 0)
            TRY(tell_keyed(s, ROW_ONLY_B, b, j));
        else if (!hash128_equal(x->hash, y->hash))
            TRY(tell_keyed(s, ROW_DIFFERS, a, i));
        i += order <= 0;
        j += order >= 0;
    }
    return NULL;
}

static struct err *compare_one_by_one(struct search *s, char *const where[2])
{
    struct keyed_rows rows[2] = {0};
    struct err *e = NULL;
    for (int side = 0; side < 2 && !e; side++)
        e = load_rows(&rows[side], &s->side[side], where[side]);
    if (!e)
        e = compare_keyed(s, &rows[0], &rows[1]);
    for (int side = 0; side < 2; side++)
        keyed_rows_fini(&rows[side]);
    return e;
}

static struct err *search_range(struct search *s, const struct range_difference *r)
{
    char *where[2] = {NULL, NULL};
    struct err *e = NULL;
    for (int side = 0; side < 2 && !e; side++)
        e = range_sql(&where[side], &s->side[side].def, r);
    if (!e)
        e = compare_one_by_one(s, where);
    free(where[0]);
    free(where[1]);
    return e;
}

/* --- rows without a key ------------------------------------------------------------------------------- */

struct row_hashes {
    const bool *buckets; /* which of 2^level are looked at */
    unsigned level;
    struct hash128 *items;
    size_t n, cap;
};

static bool is_looked_at(const struct row_hashes *r, struct hash128 h)
{
    return r->buckets[r->level ? h.hi >> (64 - r->level) : 0];
}

static struct err *keep_hash(void *ctx, const struct row_bytes *row)
{
    struct row_hashes *r = ctx;
    const struct hash128 h = hash128_of(row->p, row->n, NULL, 0);
    if (!is_looked_at(r, h))
        return NULL;
    if (r->n == MEMORY_ROWS_MAX)
        return too_many();
    mem_grow(&r->items, &r->cap, r->n, sizeof h);
    r->items[r->n++] = h;
    return NULL;
}

static int compare_hashes(const void *a, const void *b)
{
    const struct hash128 *x = a, *y = b;
    return x->hi != y->hi ? (x->hi > y->hi ? 1 : -1) : (x->lo > y->lo) - (x->lo < y->lo);
}

/* A row that one side has more often than the other. */
struct surplus {
    struct hash128 hash;
    uint64_t times;
    bool told;
};

struct surpluses {
    struct search *search;
    enum row_difference what;
    const struct table_def *def;
    struct surplus *items;
    size_t n, cap;
};

static size_t run_of(const struct row_hashes *r, size_t i, struct hash128 h)
{
    const size_t begin = i;
    while (i < r->n && hash128_equal(r->items[i], h))
        i++;
    return i - begin;
}

static void add_surplus(struct surpluses *l, struct hash128 h, size_t times)
{
    mem_grow(&l->items, &l->cap, l->n, sizeof *l->items);
    l->items[l->n++] = (struct surplus){.hash = h, .times = times};
}

static void find_surpluses(struct surpluses out[2], const struct row_hashes *a,
                           const struct row_hashes *b)
{
    for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
        const bool from_a =
            j == b->n || (i < a->n && compare_hashes(&a->items[i], &b->items[j]) <= 0);
        const struct hash128 h = from_a ? a->items[i] : b->items[j];
        const size_t in_a = run_of(a, i, h), in_b = run_of(b, j, h);
        if (in_a > in_b)
            add_surplus(&out[0], h, in_a - in_b);
        else if (in_b > in_a)
            add_surplus(&out[1], h, in_b - in_a);
        i += in_a;
        j += in_b;
    }
}

static int compare_surplus(const void *a, const void *b)
{
    const struct surplus *y = b;
    return compare_hashes(a, &y->hash);
}

static struct err *tell_surplus(void *ctx, const struct row_bytes *row)
{
    struct surpluses *l = ctx;
    const struct hash128 h = hash128_of(row->p, row->n, NULL, 0);
    struct surplus *found =
        l->n ? bsearch(&h, l->items, l->n, sizeof *l->items, compare_surplus) : NULL;
    if (!found || found->told)
        return NULL;
    found->told = true;
    AUTO_FREE char *text = values_text(row->p, row->n, l->def->n_columns, NULL, def_column, l->def);
    return tell(l->search, l->what, text, NULL, found->times);
}

static struct err *compare_by_hash(struct search *s, const bool *buckets, unsigned level)
{
    struct row_hashes rows[2] = {{.buckets = buckets, .level = level},
                                 {.buckets = buckets, .level = level}};
    struct surpluses more[2] = {{.search = s, .what = ROW_ONLY_A, .def = &s->side[0].def},
                                {.search = s, .what = ROW_ONLY_B, .def = &s->side[1].def}};
    struct err *e = NULL;
    for (int side = 0; side < 2 && !e; side++) {
        e = snapshot_table_read(&s->side[side], NULL, keep_hash, &rows[side]);
        if (rows[side].n)
            qsort(rows[side].items, rows[side].n, sizeof *rows[side].items, compare_hashes);
    }
    if (!e)
        find_surpluses(more, &rows[0], &rows[1]);
    for (int side = 0; side < 2 && !e; side++)
        if (more[side].n)
            e = snapshot_table_read(&s->side[side], NULL, tell_surplus, &more[side]);
    for (int side = 0; side < 2; side++) {
        free(rows[side].items);
        free(more[side].items);
    }
    return e;
}

/* --- a table ------------------------------------------------------------------------------------------------ */

static struct err *search_table(struct search *s, const struct table_comparison *t)
{
    bool buckets[1 << KEY_BUCKET_LEVEL_MAX] = {true};
    unsigned level = 0;
    if (s->side[0].def.n_key && t->ranges_known) {
        for (size_t i = 0; i < t->n_ranges && !s->more; i++)
            TRY(search_range(s, &t->ranges[i]));
        return NULL;
    }
    if (t->ranges_known) {
        buckets[0] = false;
        for (size_t i = 0; i < t->n_ranges; i++) {
            buckets[t->ranges[i].bucket] = true;
            level = t->ranges[i].bucket_level;
        }
    }
    return compare_by_hash(s, buckets, level);
}

struct err *hash_locate(const struct table_comparison *t, struct hash_snapshot *a,
                        struct hash_snapshot *b, size_t most, located_row_fn *on_row, void *ctx,
                        bool *more)
{
    struct search s = {.most = most, .on_row = on_row, .ctx = ctx};
    *more = false;
    if (!t->column_differs)
        return err_make(FAILED, "the two have different columns");
    struct err *e = snapshot_table_open(&s.side[0], a, t->a->schema, t->a->name);
    if (!e)
        e = snapshot_table_open(&s.side[1], b, t->b->schema, t->b->name);
    if (!e)
        e = search_table(&s, t);
    for (int side = 0; side < 2; side++) { /* whatever happened: a metadata lock is held */
        struct err *closing = snapshot_table_close(&s.side[side]);
        if (e)
            err_free(closing);
        else
            e = closing;
    }
    table_def_fini(&s.side[0].def);
    table_def_fini(&s.side[1].def);
    *more = s.more;
    return e;
}
