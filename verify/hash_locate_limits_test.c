/* verify/hash_locate_limits_test.c: what it does when rows cannot be told. The tables are made here, in the place of those of a snapshot; what a server's
 * rows come to is tests/integration/hash_compare.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/hash_locate.h"
#include "verify/snapshot_table.h"

enum { KEY_BYTES = 1 << 20 };

struct hash_snapshot {
    bool fails_to_open, fails_to_read, fails_to_close;
    unsigned n_rows; /* with keys of KEY_BYTES */
    int held;        /* metadata locks */
};

static struct err *failure(bool fails, const char *what)
{
    return fails ? err_make(SERVER, "%s fails", what) : NULL;
}

struct err *snapshot_table_open(struct snapshot_table *out, struct hash_snapshot *s,
                                const char *schema, const char *name)
{
    static char column[] = "a";
    (void)schema;
    (void)name;
    *out = (struct snapshot_table){.snapshot = s};
    s->held++; /* the lock comes first */
    TRY(failure(s->fails_to_open, "open"));
    out->def.n_columns = out->def.n_key = 1;
    out->def.columns = mem_zalloc(sizeof *out->def.columns);
    out->def.columns[0] = (struct table_column){
        .name = mem_strdup(column), .value = VALUE_STRING, .empty_member = -1};
    out->def.key = mem_zalloc(sizeof *out->def.key);
    return NULL;
}

struct err *snapshot_table_read(const struct snapshot_table *t, const char *where,
                                table_row_fn *on_row, void *ctx)
{
    static char key[KEY_BYTES];
    struct row_bytes row = {0};
    struct err *e = failure(t->snapshot->fails_to_read, "read");
    assert_null(where);
    for (unsigned i = 0; i < t->snapshot->n_rows && !e; i++) {
        row_bytes_reset(&row);
        row_put_bytes(&row, VALUE_STRING, key, sizeof key);
        e = on_row(ctx, &row);
    }
    row_bytes_fini(&row);
    return e;
}

struct err *snapshot_table_close(struct snapshot_table *t)
{
    table_def_fini(&t->def);
    if (!t->snapshot)
        return NULL;
    t->snapshot->held--;
    return failure(t->snapshot->fails_to_close, "close");
}

static struct err *tell(void *ctx, const struct located_row *row)
{
    (void)ctx;
    (void)row;
    return NULL;
}

/* Of a table with one range, which differs. */
static void assert_locate(struct hash_snapshot *a, struct hash_snapshot *b, const char *expected)
{
    static char name[] = "t";
    const struct hashed_table table = {.schema = name, .name = name};
    struct range_difference range = {0};
    bool differs[1] = {true}, more;
    const struct table_comparison t = {.a = &table,
                                       .b = &table,
                                       .column_differs = differs,
                                       .ranges_known = true,
                                       .ranges = &range,
                                       .n_ranges = 1};
    struct err *e = hash_locate(&t, a, b, 10, tell, NULL, &more);
    assert_int_equal(a->held, 0);
    assert_int_equal(b->held, 0);
    if (!expected) {
        assert_null(e);
        return;
    }
    assert_non_null(e);
    assert_string_equal(e->message, expected);
    err_free(e);
}

static void both_tables_are_let_go_whatever_fails(void **state)
{
    (void)state;
    static const struct {
        struct hash_snapshot a, b;
        const char *expected;
    } cases[] = {
        {{.n_rows = 1}, {.n_rows = 1}, NULL},
        {{.fails_to_open = true}, {0}, "open fails"},
        {{0}, {.fails_to_open = true}, "open fails"},
        {{.fails_to_read = true}, {0}, "read fails"},
        {{0}, {.fails_to_read = true}, "read fails"},
        {{.fails_to_close = true}, {0}, "close fails"},
        {{.fails_to_read = true}, {.fails_to_close = true}, "read fails"},
        {{.fails_to_read = true, .fails_to_close = true}, {0}, "read fails"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hash_snapshot a = cases[i].a, b = cases[i].b;
        assert_locate(&a, &b, cases[i].expected);
    }
}

static void long_keys_are_kept_up_to_a_limit(void **state)
{
    (void)state;
    struct hash_snapshot a = {.n_rows = 128}, b = {.n_rows = 0};
    assert_locate(
        &a, &b, "more than 4194304 rows, or 128 MiB of keys, would have to be compared one by one");
    a.n_rows = 120;
    b.n_rows = 120;
    assert_locate(&a, &b, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_tables_are_let_go_whatever_fails),
        cmocka_unit_test(long_keys_are_kept_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
