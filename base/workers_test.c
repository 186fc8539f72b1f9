/* base/workers_test.c: every item once, the first error out, nothing started after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>

#include "base/workers.h"

enum { ITEMS = 1000 };

struct job {
    atomic_int next;
    atomic_int done[ITEMS];
    int fail_at; /* item, or -1 */
    atomic_int calls;
};

static struct err *take(void *ctx, bool *more)
{
    struct job *j = ctx;
    const int i = atomic_fetch_add(&j->next, 1);
    atomic_fetch_add(&j->calls, 1);
    if (i >= ITEMS) {
        *more = false;
        return NULL;
    }
    if (i == j->fail_at)
        return err_make(CORRUPT, "item %d", i);
    atomic_fetch_add(&j->done[i], 1);
    return NULL;
}

static void every_item_is_done_once_whatever_the_number_of_threads(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 7, 64};
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        struct job j = {.fail_at = -1};
        assert_null(workers_run(threads[t], take, &j));
        for (int i = 0; i < ITEMS; i++)
            assert_int_equal(atomic_load(&j.done[i]), 1);
    }
}

static void an_error_comes_out_and_stops_the_rest(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        struct job j = {.fail_at = 3};
        struct err *e = workers_run(threads, take, &j);
        assert_non_null(e);
        assert_string_equal(e->message, "item 3");
        assert_int_equal(e->kind, ERR_CORRUPT);
        err_free(e);
        if (threads == 1)
            assert_int_equal(atomic_load(&j.calls), 4);
    }
}

static struct err *always_fails(void *ctx, bool *more)
{
    (void)more;
    return err_make(IO, "call %d", atomic_fetch_add((atomic_int *)ctx, 1));
}

static void of_many_errors_one_is_returned_and_none_leaks(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        atomic_int calls = 0;
        struct err *e = workers_run(8, always_fails, &calls);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_IO);
        assert_in_range(atomic_load(&calls), 1, 8);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_done_once_whatever_the_number_of_threads),
        cmocka_unit_test(an_error_comes_out_and_stops_the_rest),
        cmocka_unit_test(of_many_errors_one_is_returned_and_none_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
