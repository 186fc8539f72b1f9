/* verify/hash_locate_test.c: rows that differ, over two servers that answer as they are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "verify/fake_server_test_util.h"
#include "verify/hash_locate.h"

static const struct conn_options to[2] = {{.host = "a"}, {.host = "b"}};

struct pair {
    struct hash_snapshot *snapshots[2];
    struct hash_set sets[2];
    struct hash_comparison comparison;
    char told[1024];
    bool more;
};

/* Two servers with the same table, hashed and compared. The second has another row 200 and one row more. */
static int set_up(void **state)
{
    struct pair *p = mem_zalloc(sizeof *p);
    const struct hash_options options = {0};
    memset(fake_servers, 0, sizeof fake_servers);
    for (int i = 0; i < 2; i++) {
        fake_servers[i].tables[0] = (struct fake_table){
            .name = "t", .rows = 300 + (unsigned)i, .other = i ? 200 : 0, .number = 1};
        fake_servers[i].n = 1;
        assert_null(
            hash_snapshot_begin(&p->snapshots[i], &to[i], 1, HASH_MOMENT_LOCKED, 5, &options));
        assert_null(hash_snapshot_run(&p->sets[i], p->snapshots[i]));
    }
    hash_compare(&p->comparison, &p->sets[0], &p->sets[1]);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;
    hash_comparison_fini(&p->comparison);
    for (int i = 0; i < 2; i++) {
        hash_set_fini(&p->sets[i]);
        hash_snapshot_close(p->snapshots[i]);
    }
    free(p);
    return 0;
}

static struct err *note(void *ctx, const struct located_row *row)
{
    static const char *const what[] = {"only a", "only b", "differs"};
    struct pair *p = ctx;
    const size_t n = strlen(p->told);
    snprintf(p->told + n, sizeof p->told - n, "%s %s (%s)\n", what[row->what], row->row,
             row->columns ? row->columns : "");
    return NULL;
}

static struct err *locate(struct pair *p, size_t most)
{
    p->told[0] = '\0';
    assert_int_equal(p->comparison.n, 1);
    assert_int_equal(p->comparison.items[0].n_ranges, 1); /* the server takes no range */
    assert_int_equal(p->comparison.items[0].verdict, TABLE_DIFFERENT);
    return hash_locate(&p->comparison.items[0], p->snapshots[0], p->snapshots[1], most, note, p,
                       &p->more);
}

static void expect_error(struct err *e, enum err_kind kind, const char *text)
{
    assert_non_null(e);
    assert_int_equal(e->kind, kind);
    assert_non_null(strstr(e->message, text));
    err_free(e);
}

/* Whatever happened, no connection that is still there holds the table. */
static void expect_let_go(int side)
{
    const struct fake_server *s = &fake_servers[side];
    const char *held = NULL, *released = NULL;
    for (const char *p = s->log; (p = strstr(p, "SELECT 1 FROM")) != NULL; p++)
        held = p;
    for (const char *p = s->log; (p = strstr(p, "ROLLBACK TO SAVEPOINT")) != NULL; p++)
        released = p;
    assert_true(held && released && released > held);
}

static void rows_are_named_by_their_key(void **state)
{
    struct pair *p = *state;
    assert_null(locate(p, 10));
    assert_string_equal(p->told, "only b `id`=301 ()\n" /* by the bytes of the key */
                                 "differs `id`=200 (`v`: '200' and 'other 200')\n");
    assert_false(p->more);
    expect_let_go(0);
    expect_let_go(1);
}

static void more_rows_than_are_wanted(void **state)
{
    struct pair *p = *state;
    assert_null(locate(p, 1));
    assert_string_equal(p->told, "only b `id`=301 ()\n");
    assert_true(p->more);
}

static void a_table_that_goes_wrong_is_let_go(void **state)
{
    static const struct {
        enum fault fault;
        enum err_kind kind;
        const char *text;
        bool is_held;
    } cases[] = {{FAULT_ALTERED, ERR_SERVER, "1412", true},
                 {FAULT_MALFORMED, ERR_FAILED, "cut short", true},
                 {FAULT_STOP, ERR_INTERRUPTED, "", true},
                 {FAULT_DROPPED, ERR_SERVER, "1146", false},
                 {FAULT_LOST, ERR_SERVER, "2013", false}};
    struct pair *p = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_servers[1].tables[0].fault = cases[i].fault;
        expect_error(locate(p, 10), cases[i].kind, cases[i].text);
        signals_stop = 0;
        assert_string_equal(p->told, "");
        expect_let_go(0);
        if (cases[i].is_held)
            expect_let_go(1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_named_by_their_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_rows_than_are_wanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_that_goes_wrong_is_let_go, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
