/* verify/table_def_test.c: the SELECT for a table, and the canonical bytes of what it gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/table_def.h"

static char a[] = "a", tick[] = "b`c", e[] = "e", s[] = "s", v[] = "v", primary[] = "PRIMARY";

/* e is an ENUM, s a SET with '' as its second member. */
static struct table_column columns[] = {
    {.name = a, .value = VALUE_INTEGER, .kind = ROW_INTEGER, .empty_member = -1},
    {.name = tick, .value = VALUE_STRING, .kind = ROW_BYTES, .empty_member = -1},
    {.name = e, .value = VALUE_ENUM, .kind = ROW_BYTES, .empty_member = 0},
    {.name = s, .value = VALUE_SET, .kind = ROW_BYTES, .empty_member = 1},
    {.name = v, .value = VALUE_STRING, .kind = ROW_BYTES, .empty_member = -1, .is_hex = true},
};
static uint16_t key[] = {1, 0};

static void expect_select(const struct listed_table *t, const struct table_def *d,
                          const char *where, const char *expected)
{
    char *sql = table_select(t, d, where);
    assert_string_equal(sql, expected);
    free(sql);
}

static void a_select_names_everything(void **state)
{
    (void)state;
    char schema[] = "d", name[] = "t`";
    struct listed_table t = {.schema = schema, .name = name};
    struct table_def d = {.columns = columns, .n_columns = 5};
#define COLUMNS "`a`, `b``c`, `e`, `s`, HEX(`v`), CAST(`e` AS UNSIGNED), CAST(`s` AS UNSIGNED)"
    expect_select(&t, &d, NULL, "SELECT /*M! SQL_NO_CACHE */ " COLUMNS " FROM `d`.`t```");
    d.key = key;
    d.n_key = 2;
    d.key_name = primary;
    expect_select(&t, &d, "a > 5",
                  "SELECT /*M! SQL_NO_CACHE */ " COLUMNS
                  " FROM `d`.`t``` FORCE INDEX (`PRIMARY`) WHERE a > 5 ORDER BY `b``c`, `a`");
    d.n_key = 0;
    t.is_versioned = true;
    d.columns = columns + 4;
    d.n_columns = 1;
    expect_select(&t, &d, NULL,
                  "SELECT /*M! SQL_NO_CACHE */ HEX(`v`) FROM `d`.`t``` FOR SYSTEM_TIME ALL");
}

static void kinds_are_those_of_the_select(void **state)
{
    (void)state;
    const struct table_def d = {.columns = columns, .n_columns = 5};
    static const enum row_kind expected[] = {ROW_INTEGER, ROW_BYTES,   ROW_BYTES,  ROW_BYTES,
                                             ROW_BYTES,   ROW_INTEGER, ROW_INTEGER};
    size_t n;
    enum row_kind *kinds = table_select_kinds(&d, &n);
    assert_int_equal(n, 7);
    assert_memory_equal(kinds, expected, sizeof expected);
    free(kinds);
}

static struct row_cell bytes(const char *text)
{
    return (struct row_cell){.bytes = {.p = text, .n = strlen(text)}};
}

static struct row_cell number(uint64_t n)
{
    return (struct row_cell){.is_unsigned = true, .u = n};
}

static void members_are_told_by_number(void **state)
{
    (void)state;
    static const struct {
        size_t column;
        const char *text;
        uint64_t number;
        const char *expected; /* canonical bytes without the length's upper three */
    } cases[] = {
        {2, "", 0, "\x0e"},                          /* ENUM('', ...): the error value */
        {2, "", 1, "\x0d\0"},                        /* the member '' */
        {2, "x", 2, "\x0d\1x"},  {3, "", 0, "\x10"}, /* SET('x', '', 'z'): none */
        {3, "", 2, "\x0f\0"},                        /* '' alone */
        {3, "z", 4, "\x0f\1z"}, /* 'z' alone, and with '' before it: the server prints the same */
        {3, "z", 6, "\x0f\2,z"}, {3, "x,", 3, "\x0f\2x,"}, {3, "x,,z", 7, "\x0f\4x,,z"},
    };
    struct row_bytes row = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct table_def d = {.columns = &columns[cases[i].column], .n_columns = 1};
        const struct row_cell cells[] = {bytes(cases[i].text), number(cases[i].number)};
        assert_null(table_row_bytes(&row, &d, cells));
        assert_int_equal(row.p[0], cases[i].expected[0]);
        if (row.n == 1) {
            assert_true(row.p[0] == 0x0e || row.p[0] == 0x10);
            continue;
        }
        assert_int_equal(row.n, 5 + cases[i].expected[1]);
        assert_memory_equal(row.p + 5, cases[i].expected + 2, row.n - 5);
    }
    row_bytes_fini(&row);
}

/* A SET('', 'b'), and what the server prints of both members: as it prints 'b'. */
static void the_comma_behind_an_empty_member_is_of_the_character_set(void **state)
{
    (void)state;
    static const struct {
        const char *charset, *b, *expected;
        size_t n; /* bytes of b */
    } cases[] = {
        {"latin1", "b", ",b", 1},        {NULL, "b", ",b", 1},
        {"ucs2", "\0b", "\0,\0b", 2},    {"utf16", "\0b", "\0,\0b", 2},
        {"utf16le", "b\0", ",\0b\0", 2}, {"utf32", "\0\0\0b", "\0\0\0,\0\0\0b", 4},
    };
    struct row_bytes row = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *charset = cases[i].charset ? mem_strdup(cases[i].charset) : NULL;
        struct table_column c = columns[3];
        const struct table_def d = {.columns = &c, .n_columns = 1};
        const struct row_cell cells[] = {{.bytes = {.p = cases[i].b, .n = cases[i].n}}, number(3)};
        c.charset = charset;
        c.empty_member = 0;
        assert_null(table_row_bytes(&row, &d, cells));
        assert_int_equal(row.n, 5 + 2 * cases[i].n);
        assert_memory_equal(row.p + 5, cases[i].expected, 2 * cases[i].n);
    }
    row_bytes_fini(&row);
}

/* No server has such a SET: one that says so has no hash that means anything, but harms nobody. */
static void a_set_of_more_members_than_there_can_be_is_its_text(void **state)
{
    (void)state;
    struct row_bytes row = {0};
    struct table_column c = columns[3];
    const struct table_def d = {.columns = &c, .n_columns = 1};
    const struct row_cell cells[] = {bytes("x,y"), number(3)};
    c.empty_member = 64;
    assert_null(table_row_bytes(&row, &d, cells));
    assert_int_equal(row.n, 5 + 3);
    assert_memory_equal(row.p + 5, "x,y", 3);
    row_bytes_fini(&row);
}

static void a_row_has_all_columns_and_nulls(void **state)
{
    (void)state;
    const struct table_def d = {.columns = columns, .n_columns = 5};
    const struct row_cell null = {.is_null = true};
    const struct row_cell cells[] = {{.i = -2},     bytes("ab"), null,     bytes("x"),
                                     bytes("00fF"), null,        number(1)};
    const struct row_cell good[] = {{.i = -2},     bytes("ab"), null,     bytes("x"),
                                    bytes("00FF"), null,        number(1)};
    struct row_bytes row = {0};
    struct err *error = table_row_bytes(&row, &d, cells);
    assert_non_null(error);
    assert_string_equal(error->message, "column v: a value that no string has");
    err_free(error);
    assert_null(table_row_bytes(&row, &d, good));
    assert_int_equal(row.n_values, 5);
    assert_memory_equal(row.p,
                        "\2\xfe\xff\xff\xff\xff\xff\xff\xff"
                        "\x0c\2\0\0\0ab"
                        "\0"
                        "\x0f\1\0\0\0x"
                        "\x0c\2\0\0\0\0\xff",
                        30);
    assert_int_equal(row.n, 30);
    row_bytes_fini(&row);
}

static void engines_are_read_in_their_way(void **state)
{
    (void)state;
    assert_int_equal(table_access_of("InnoDB", false), ACCESS_SNAPSHOT);
    assert_int_equal(table_access_of("InnoDB", true), ACCESS_PLAIN);
    assert_int_equal(table_access_of("MyISAM", false), ACCESS_PLAIN);
    assert_int_equal(table_access_of("MEMORY", false), ACCESS_NONE);
    assert_int_equal(table_access_of("", false), ACCESS_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_select_names_everything),
        cmocka_unit_test(kinds_are_those_of_the_select),
        cmocka_unit_test(members_are_told_by_number),
        cmocka_unit_test(the_comma_behind_an_empty_member_is_of_the_character_set),
        cmocka_unit_test(a_set_of_more_members_than_there_can_be_is_its_text),
        cmocka_unit_test(a_row_has_all_columns_and_nulls),
        cmocka_unit_test(engines_are_read_in_their_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
