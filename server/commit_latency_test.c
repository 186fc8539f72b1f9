/* server/commit_latency_test.c: what a commit took, from two looks at a server's sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/commit_latency.h"

static const uint64_t ms = 1000000000; /* picoseconds */

static void assert_ms(const struct commit_sum *before, const struct commit_sum *after,
                      double expected)
{
    const double found = commit_latency_between(before, after);
    if (found < expected - 1e-6 || found > expected + 1e-6)
        fail_msg("%f ms, expected %f", found, expected);
}

static void syncs_of_both_logs_make_a_commit(void **state)
{
    (void)state;
    const struct commit_sum before[N_COMMIT_SUMS] = {{7, 70}, {100, 900 * ms}, {10, 5 * ms}};
    const struct commit_sum after[N_COMMIT_SUMS] = {{7, 70}, {110, 930 * ms}, {14, 25 * ms}};
    assert_ms(before, after, 3 + 5);
}

static void slower_commit_statements_count_more(void **state)
{
    (void)state;
    const struct commit_sum before[N_COMMIT_SUMS] = {{7, 0}, {100, 900 * ms}, {0, 0}};
    const struct commit_sum after[N_COMMIT_SUMS] = {{11, 80 * ms}, {110, 930 * ms}, {0, 0}};
    assert_ms(before, after, 20);
}

/* Most of those statements end a transaction that has written nothing. */
static void quick_commit_statements_do_not_hide_slow_syncs(void **state)
{
    (void)state;
    const struct commit_sum before[N_COMMIT_SUMS] = {{0, 0}, {0, 0}, {0, 0}};
    const struct commit_sum after[N_COMMIT_SUMS] = {{1000, ms}, {2, 60 * ms}, {0, 0}};
    assert_ms(before, after, 30);
}

static void nothing_and_sums_that_were_set_back_are_0(void **state)
{
    (void)state;
    const struct commit_sum some[N_COMMIT_SUMS] = {{9, 9 * ms}, {9, 90 * ms}, {9, 9 * ms}};
    const struct commit_sum less[N_COMMIT_SUMS] = {{10, ms}, {3, 3 * ms}, {0, 0}};
    assert_ms(some, some, 0);
    assert_ms(some, less, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syncs_of_both_logs_make_a_commit),
        cmocka_unit_test(slower_commit_statements_count_more),
        cmocka_unit_test(quick_commit_statements_do_not_hide_slow_syncs),
        cmocka_unit_test(nothing_and_sums_that_were_set_back_are_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
