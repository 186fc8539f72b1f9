/* server/table_file_test.c: names of ASCII, for which no server is asked. The others: tests/integration/backup_hash.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "server/table_file.h"

static void names_become_files(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *table, *file;
    } cases[] = {
        {"d", "t", "d/t"},
        {"Test_1", "T_2x", "Test_1/T_2x"},
        {"a b", "x@y", "a@0020b/x@0040y"},
        {"d", "#sql-x", "d/@0023sql@002dx"},
        {"d", "a#P#p0", "d/a@0023P@0023p0"},
        {"d", "a.b/c$", "d/a@002eb@002fc@0024"},
        {"d", "quote'\"\\%`", "d/quote@0027@0022@005c@0025@0060"},
        {"d", "aux", "d/aux@@@"},
        {"con", "NUL", "con@@@/NUL@@@"},
        {"d", "com1", "d/com1@@@"},
        {"d", "lpt9", "d/lpt9@@@"},
        {"d", "com0", "d/com0"},
        {"d", "com10", "d/com10"},
        {"d", "clock$", "d/clock@0024"},
        {"d", "auxiliary", "d/auxiliary"},
    };
    static const enum server_flavour flavours[] = {FLAVOUR_MARIADB, FLAVOUR_MYSQL};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t k = 0; k < 2; k++) {
            char *file = NULL;
            assert_null(table_file_name(&file, NULL, flavours[k], cases[i].schema, cases[i].table));
            assert_string_equal(file, cases[i].file);
            free(file);
        }
}

static void files_become_names(void **state)
{
    (void)state;
    static const struct {
        const char *file, *schema, *table;
    } cases[] = {
        {"d/t", "d", "t"},
        {"Test_1/T_2x", "Test_1", "T_2x"},
        {"con@@@/NUL@@@", "con", "NUL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *schema, *table;
        assert_null(table_of_file(&schema, &table, NULL, cases[i].file));
        assert_string_equal(schema, cases[i].schema);
        assert_string_equal(table, cases[i].table);
        free(schema);
        free(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_files),
        cmocka_unit_test(files_become_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
