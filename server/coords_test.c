/* server/coords_test.c: places in binary logs and sets of GTIDs compared, without a server. What is
 * asked of one is in mysql_account_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/coords.h"

static void a_place_is_after_another_by_file_number_then_position(void **state)
{
    static const struct {
        const char *file;
        uint64_t position;
        const char *than_file;
        uint64_t than_position;
        bool after;
    } cases[] = {
        {"bin.000002", 4, "bin.000001", 5000000000, true},
        {"bin.000001", 5000000000, "bin.000002", 4, false},
        {"bin.000002", 5000000000, "bin.000002", 4999999999, true},
        {"bin.000002", 4, "bin.000002", 4, false},
        {"bin.1000000", 4, "bin.999999", 4, true},
        {"bin.999999", 4, "bin.1000000", 4, false},
        {"bin.000001", 4, "", 0, true},
        {"", 0, "", 0, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (binlog_place_is_after(cases[i].file, cases[i].position, cases[i].than_file,
                                  cases[i].than_position) != cases[i].after)
            fail_msg("%s:%llu and %s", cases[i].file, (unsigned long long)cases[i].position,
                     cases[i].than_file);
}

static void a_gap_is_between_intervals_of_one_server_and_tag(void **state)
{
    static const struct {
        const char *set;
        bool gap;
    } cases[] = {
        {"", false},
        {"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5", false},
        {"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7", true},
        {"3e11fa47-71ca-11e1-9e33-c80aa9429562:7-9", false},
        {"a:1-5,b:1", false},
        {"a:1-5,b:1:3-4", true},
        {"a:1:3,b:1", true},
        {"a:1-5:some_tag:1-3", false},
        {"a:1-5:some_tag:1-3:5", true},
        {"a:1-5:_9:2:other:8", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (gtid_set_has_gap(cases[i].set) != cases[i].gap)
            fail_msg("%s", cases[i].set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_after_another_by_file_number_then_position),
        cmocka_unit_test(a_gap_is_between_intervals_of_one_server_and_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
