/* verify/hash_server_test.c: rules H2 to H5, H9 and H10 of hash_server.h, over a server that loses connections, alters, drops and swaps
 * tables in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "verify/fake_server_test_util.h"
#include "verify/hash_server.h"

static struct fake_server *server = &fake_servers[0];
static const struct conn_options to_server = {.host = "a"};

static int set_up(void **state)
{
    (void)state;
    memset(server, 0, sizeof *server);
    server->tables[0] = (struct fake_table){.name = "one", .rows = 3000, .number = 10};
    server->tables[1] = (struct fake_table){.name = "plain", .rows = 20, .plain = true};
    server->tables[2] = (struct fake_table){.name = "two", .rows = 5000, .number = 20};
    server->n = 3;
    return 0;
}

static struct err *hash(struct hash_set *out, unsigned n)
{
    const struct hash_options options = {0};
    return hash_server(out, &to_server, n, HASH_MOMENT_LOCKED, 5, &options);
}

static const struct hashed_table *table(const struct hash_set *set, const char *name)
{
    const struct hashed_table *t = hash_set_find(set, "d", name);
    assert_non_null(t);
    return t;
}

static void expect_exact(const struct hash_set *set, const char *name, uint64_t rows)
{
    assert_int_equal(table(set, name)->state, HASH_EXACT);
    assert_int_equal(table(set, name)->rows, rows);
}

static void expect_not(const struct hash_set *set, const char *name, const char *reason)
{
    assert_int_equal(table(set, name)->state, HASH_NOT);
    assert_non_null(strstr(table(set, name)->reason, reason));
    assert_int_equal(table(set, name)->rows, 0);
}

static void expect_error(struct err *e, enum err_kind kind, const char *text)
{
    assert_non_null(e);
    assert_int_equal(e->kind, kind);
    assert_non_null(strstr(e->message, text));
    err_free(e);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

static void all_tables_are_hashed_and_let_go(void **state)
{
    (void)state;
    struct hash_set set;
    assert_null(hash(&set, 2));
    expect_exact(&set, "one", 3000);
    expect_exact(&set, "two", 5000);
    expect_exact(&set, "plain", 20);
    assert_int_equal(count(server->log, "SELECT 1 FROM"), 3);
    assert_int_equal(count(server->log, "ROLLBACK TO SAVEPOINT"), 3);
    hash_set_fini(&set);
}

static void no_catalog_is_asked_under_the_lock(void **state)
{
    (void)state;
    struct hash_set set;
    assert_null(hash(&set, 1));
    char *begin = strstr(server->log, "BACKUP STAGE BLOCK_COMMIT"),
         *end = strstr(server->log, "BACKUP STAGE END");
    assert_true(begin && end && begin < end);
    *end = '\0';
    assert_int_equal(count(begin, "FROM `d`.`plain`"), 2); /* held and read */
    assert_int_equal(count(begin, "SHOW CREATE TABLE"), 1);
    assert_int_equal(count(begin, "information_schema"), 0);
    assert_int_equal(count(begin, "SHOW INDEX"), 0);
    assert_int_equal(count(begin, "`d`.`one`"), 0);
    hash_set_fini(&set);
}

/* H3: and the others are hashed. */
static void a_table_with_ddl_has_no_hash(void **state)
{
    static const struct {
        enum fault fault;
        const char *reason;
    } cases[] = {{FAULT_ALTERED, "1412"}, {FAULT_DROPPED, "1146"}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hash_set set;
        server->tables[0].fault = cases[i].fault;
        assert_null(hash(&set, 1 + (unsigned)i));
        expect_not(&set, "one", cases[i].reason);
        expect_exact(&set, "two", 5000);
        hash_set_fini(&set);
    }
}

/* H5 */
static void what_is_no_ddl_is_an_error(void **state)
{
    (void)state;
    struct hash_set set;
    server->tables[0].fault = FAULT_LOST;
    expect_error(hash(&set, 2), ERR_SERVER, "2013");
    assert_int_equal(set.n, 0);
    server->tables[0].fault = FAULT_MALFORMED;
    expect_error(hash(&set, 1), ERR_FAILED, "cut short");
    assert_int_equal(set.n, 0);
    server->tables[0].fault = FAULT_STOP;
    expect_error(hash(&set, 2), ERR_INTERRUPTED, "");
    signals_stop = 0;
    assert_int_equal(set.n, 0);
}

/* How many statements came up to the one at p. */
static unsigned statements_to(const char *p)
{
    unsigned n = 1;
    for (const char *q = server->log; q < p; q++)
        n += *q == '\n';
    return n;
}

/* H10: whenever it happens between the first look and the last. */
static void a_table_that_is_another_one_has_no_hash(void **state)
{
    (void)state;
    struct hash_set set;
    assert_null(hash(&set, 1));
    hash_set_fini(&set);
    const char *look = strstr(server->log, "INNODB_SYS_TABLES");
    const unsigned first = statements_to(look);
    for (const char *next = look; next; next = strstr(next + 1, "INNODB_SYS_TABLES"))
        look = next;
    const unsigned last = statements_to(look);
    assert_true(last > first + 10);
    for (unsigned at = first; at <= last; at++) {
        server->statements = 0;
        server->tables[0].swaps_behind = at;
        assert_null(hash(&set, 1));
        if (at < last)
            expect_not(&set, "one", "changed while hashing");
        else
            expect_exact(&set, "one", 3000);
        expect_exact(&set, "two", 5000);
        hash_set_fini(&set);
    }
}

static void without_the_privilege_all_are_hashed(void **state)
{
    (void)state;
    struct hash_set set;
    server->no_process = true;
    server->tables[0].swaps_behind = 1;
    assert_null(hash(&set, 1));
    expect_exact(&set, "one", 3000);
    assert_int_equal(count(server->log, "INNODB_SYS_TABLES"), 1); /* asked once */
    hash_set_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_tables_are_hashed_and_let_go, set_up),
        cmocka_unit_test_setup(no_catalog_is_asked_under_the_lock, set_up),
        cmocka_unit_test_setup(a_table_with_ddl_has_no_hash, set_up),
        cmocka_unit_test_setup(what_is_no_ddl_is_an_error, set_up),
        cmocka_unit_test_setup(a_table_that_is_another_one_has_no_hash, set_up),
        cmocka_unit_test_setup(without_the_privilege_all_are_hashed, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
