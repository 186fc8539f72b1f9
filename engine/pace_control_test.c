/* engine/pace_control_test.c: the rate goes down at once, up slowly, and never below the floor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/pace_control.h"

enum { MB = 1 << 20, LIMIT = 20 };

static void as_long_as_commits_are_quick_there_is_no_limit(void **state)
{
    (void)state;
    struct pace_control c = {0};
    pace_control_step(&c, 0, LIMIT, 800 * MB);
    pace_control_step(&c, LIMIT, LIMIT, 900 * MB);
    assert_int_equal(c.rate, 0);
}

static void a_slow_commit_halves_what_is_read(void **state)
{
    (void)state;
    struct pace_control c = {0};
    pace_control_step(&c, LIMIT + 0.1, LIMIT, 800 * MB);
    assert_int_equal(c.rate, 400 * MB);
    pace_control_step(&c, 1000, LIMIT, 410 * MB); /* by the limit, not by a burst above it */
    assert_int_equal(c.rate, 200 * MB);
    pace_control_step(&c, 1000, LIMIT, 100 * MB); /* something else holds us back */
    assert_int_equal(c.rate, 50 * MB);
}

static void the_floor_is_never_left(void **state)
{
    (void)state;
    struct pace_control c = {0};
    pace_control_step(&c, 1000, LIMIT, 0);
    assert_int_equal(c.rate, PACE_FLOOR);
    for (int i = 0; i < 100; i++)
        pace_control_step(&c, 1000, LIMIT, i * MB);
    assert_int_equal(c.rate, PACE_FLOOR);
}

static void it_grows_slowly_and_then_the_limit_goes(void **state)
{
    (void)state;
    struct pace_control c = {0};
    pace_control_step(&c, 1000, LIMIT, 640 * MB);
    assert_int_equal(c.rate, 320 * MB);
    pace_control_step(&c, 1, LIMIT, 320 * MB);
    assert_int_equal(c.rate, 340 * MB);
    for (int i = 0; i < 15; i++)
        pace_control_step(&c, 1, LIMIT, 320 * MB);
    assert_int_equal(c.rate, 640 * MB);
    pace_control_step(&c, 1, LIMIT, 640 * MB);
    assert_int_equal(c.rate, 0);
}

/* Else it would hang at the floor, by which alone it is measured. */
static void from_the_floor_it_comes_up_again(void **state)
{
    (void)state;
    struct pace_control c = {0};
    pace_control_step(&c, 1000, LIMIT, MB);
    assert_int_equal(c.rate, PACE_FLOOR);
    pace_control_step(&c, 1, LIMIT, MB);
    assert_int_equal(c.rate, PACE_FLOOR / 4 * 5);
    for (int i = 0; i < 4; i++)
        pace_control_step(&c, 1, LIMIT, PACE_FLOOR);
    assert_int_equal(c.rate, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_long_as_commits_are_quick_there_is_no_limit),
        cmocka_unit_test(a_slow_commit_halves_what_is_read),
        cmocka_unit_test(the_floor_is_never_left),
        cmocka_unit_test(it_grows_slowly_and_then_the_limit_goes),
        cmocka_unit_test(from_the_floor_it_comes_up_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
