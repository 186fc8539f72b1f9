/* base/map64_test.c: against keys chosen to collide, to be extreme, and at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/map64.h"

static uint64_t mix(uint64_t x) /* one to one, so keys never repeat */
{
    x ^= x >> 31;
    x *= 0x9E3779B97F4A7C15u;
    return x ^ x >> 29;
}

static void an_empty_map_has_nothing(void **state)
{
    (void)state;
    struct map64 m = {0};
    uint64_t v = 7;
    assert_false(map64_get(&m, 0, &v));
    assert_true(v == 7);
    map64_fini(&m);
}

static void extreme_keys_are_ordinary(void **state)
{
    (void)state;
    struct map64 m = {0};
    uint64_t v;
    map64_put(&m, 0, 10);
    assert_false(map64_get(&m, UINT64_MAX, &v));
    map64_put(&m, UINT64_MAX, UINT64_MAX);
    assert_true(map64_get(&m, 0, &v) && v == 10);
    assert_true(map64_get(&m, UINT64_MAX, &v) && v == UINT64_MAX);
    map64_fini(&m);
    assert_false(map64_get(&m, 0, &v));
}

static void a_second_put_replaces(void **state)
{
    (void)state;
    struct map64 m = {0};
    uint64_t v;
    for (uint64_t i = 0; i < 100; i++)
        map64_put(&m, 5, i);
    assert_int_equal(m.n, 1);
    assert_true(map64_get(&m, 5, &v) && v == 99);
    map64_fini(&m);
}

static void many_keys_survive_growth(void **state)
{
    (void)state;
    enum { N = 50000 };
    /* dense, page-id like (space in the high half), and random keys */
    for (int pattern = 0; pattern < 3; pattern++) {
        struct map64 m = {0};
        uint64_t v;
        for (uint64_t i = 0; i < N; i++)
            map64_put(&m, pattern == 0 ? i : pattern == 1 ? i << 32 : mix(i), ~i);
        assert_int_equal(m.n, N);
        for (uint64_t i = 0; i < N; i++) {
            assert_true(map64_get(&m, pattern == 0 ? i : pattern == 1 ? i << 32 : mix(i), &v));
            assert_true(v == ~i);
        }
        for (uint64_t i = N; i < N + 1000; i++)
            assert_false(map64_get(&m, pattern == 0 ? i : pattern == 1 ? i << 32 : mix(i), &v));
        map64_fini(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(extreme_keys_are_ordinary),
        cmocka_unit_test(a_second_put_replaces),
        cmocka_unit_test(many_keys_survive_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
