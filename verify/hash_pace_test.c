/* verify/hash_pace_test.c: a rate is kept, and whoever asks to stop is heard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/signals.h"
#include "verify/hash_pace.h"

static void a_rate_is_kept(void **state)
{
    (void)state;
    struct hash_pace p = {.rate = 1000000};
    const double since = clock_seconds();
    hash_pace_init(&p);
    for (int i = 0; i < 50; i++)
        assert_null(hash_pace_step(&p, 10000));
    assert_true(clock_seconds() - since >=
                0.39); /* half a second, but for the burst at the start */
    hash_pace_fini(&p);
}

static void without_a_rate_nothing_waits(void **state)
{
    (void)state;
    struct hash_pace p = {0};
    hash_pace_init(&p);
    for (int i = 0; i < 1000; i++)
        assert_null(hash_pace_step(&p, UINT64_C(1) << 40));
    hash_pace_fini(&p);
}

static struct err *refuse(void *ctx)
{
    ++*(int *)ctx;
    return err_make(FAILED, "the tail is dead");
}

static void poll_is_asked_while_the_rate_holds_back(void **state)
{
    (void)state;
    int calls = 0;
    struct hash_pace p = {.rate = 1000, .poll = refuse, .poll_ctx = &calls};
    const double since = clock_seconds();
    hash_pace_init(&p);
    struct err *e = hash_pace_step(&p, 100000); /* 100 seconds' worth */
    assert_non_null(e);
    assert_string_equal(e->message, "the tail is dead");
    assert_int_equal(calls, 1);
    assert_true(clock_seconds() - since < 30);
    err_free(e);
    hash_pace_fini(&p);
}

static void a_signal_ends_it(void **state)
{
    (void)state;
    struct hash_pace p = {0};
    hash_pace_init(&p);
    signals_stop = SIGTERM;
    struct err *e = hash_pace_step(&p, 1);
    signals_stop = 0;
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_INTERRUPTED);
    err_free(e);
    hash_pace_fini(&p);
}

static struct err *cut(void *ctx, const struct conn *c)
{
    (void)ctx;
    (void)c;
    return NULL;
}

static void what_is_more_than_was_said_is_spared_once(void **state)
{
    (void)state;
    struct hash_pace p = {.spare = 10};
    hash_pace_init(&p);
    assert_true(hash_pace_spare(&p, 11)); /* nothing is limited */
    p.cut = cut;
    assert_true(hash_pace_spare(&p, 7));
    assert_false(hash_pace_spare(&p, 4));
    assert_true(hash_pace_spare(&p, 3));
    assert_false(hash_pace_spare(&p, 1));
    hash_pace_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_kept),
        cmocka_unit_test(without_a_rate_nothing_waits),
        cmocka_unit_test(poll_is_asked_while_the_rate_holds_back),
        cmocka_unit_test(a_signal_ends_it),
        cmocka_unit_test(what_is_more_than_was_said_is_spared_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
