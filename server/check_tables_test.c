/* server/check_tables_test.c: what the lines of CHECK TABLE mean. The texts are those of MariaDB 10.11.19, 11.8.9 and MySQL 9.7.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/check_tables.h"

static void lines_are_judged_by_type_and_text(void **state)
{
    (void)state;
    static const struct {
        const char *type, *text;
        enum check_verdict verdict;
    } cases[] = {
        {"status", "OK", CHECK_SOUND},
        {"status", "Table is already up to date", CHECK_SOUND},
        {"note", "The storage engine for the table doesn't support check", CHECK_SOUND},
        {"status", "Corrupt", CHECK_BAD},
        {"status", "Operation failed", CHECK_BAD},
        {"error", "Corrupt", CHECK_BAD},
        {"Error", "Table 'a.t' doesn't exist", CHECK_BAD},
        {"Warning", "InnoDB: Index 'k' contains 3 entries, should be 4.", CHECK_BAD},
        {"warning", "1 client is using or hasn't closed the table properly", CHECK_BAD},
        {"error", "", CHECK_BAD},
        {"", "OK", CHECK_BAD},
        {"Error", "Unknown storage engine 'ARCHIVE'", CHECK_UNABLE},
        {"Error", "Tablespace has been discarded for table `t`", CHECK_UNABLE},
        {"Warning", "InnoDB: Tablespace is discarded for table, 't'", CHECK_UNABLE},
        {"Error", "Tablespace is discarded for table, 't'", CHECK_UNABLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (check_table_judge(cases[i].type, cases[i].text) != cases[i].verdict)
            fail_msg("%s: %s", cases[i].type, cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_judged_by_type_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
