/* base/bucket_test.c: a rate is kept, by a clock that is made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bucket.h"

static void assert_seconds(double found, double expected)
{
    if (found < expected - 1e-6 || found > expected + 1e-6)
        fail_msg("%f seconds, expected %f", found, expected);
}

static void what_was_read_is_paid_by_waiting(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 50);
    const double all = bucket_book(&b, 50, 1000, 3000);
    assert_seconds(bucket_wait(&b, 50, 1000, all), 3);
    assert_seconds(bucket_wait(&b, 51, 1000, all), 2);
    assert_seconds(bucket_wait(&b, 53, 1000, all), 0);
}

static void each_booking_waits_for_those_before_it_only(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 0);
    const double first = bucket_book(&b, 0, 1000, 1000);
    const double second = bucket_book(&b, 0, 1000, 1000);
    assert_seconds(bucket_wait(&b, 0.5, 1000, first), 0.5);
    assert_seconds(bucket_wait(&b, 0.5, 1000, second), 1.5);
    assert_seconds(bucket_wait(&b, 1, 1000, first), 0);
}

static void a_rest_earns_a_short_burst_only(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 0);
    const double n = bucket_book(&b, 3600, 1000, 600);
    assert_seconds(bucket_wait(&b, 3600, 1000, n), 0.5);
}

static void another_rate_counts_for_what_is_owed(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 0);
    const double n = bucket_book(&b, 0, 1000, 1000000);
    assert_seconds(bucket_wait(&b, 1, 1000, n), 999);
    assert_seconds(bucket_wait(&b, 1, 999000, n), 1);
    assert_seconds(bucket_wait(&b, 1.5, 999000, n), 0.5);
}

static void without_a_rate_nothing_waits_and_nothing_is_owed_later(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, 0);
    const double n = bucket_book(&b, 0, 0, UINT64_C(1) << 40);
    assert_seconds(bucket_wait(&b, 0, 0, n), 0);
    assert_seconds(bucket_wait(&b, 1, 1000, bucket_book(&b, 0, 1000, 2000)), 1);
    const double owed = bucket_book(&b, 1, 1000, 1000000);
    assert_seconds(bucket_wait(&b, 2, 0, owed), 0); /* the limit was taken away */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_is_paid_by_waiting),
        cmocka_unit_test(each_booking_waits_for_those_before_it_only),
        cmocka_unit_test(a_rest_earns_a_short_burst_only),
        cmocka_unit_test(another_rate_counts_for_what_is_owed),
        cmocka_unit_test(without_a_rate_nothing_waits_and_nothing_is_owed_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
