/* archive/sink_hold_test.c: what is held does not go on, and goes on in its order afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "archive/archive_test_util.h"
#include "base/dir_test_util.h"

static void append(struct sink *s, const char *text)
{
    struct err *e = s->append(s, text, strlen(text));
    if (e)
        fail_msg("%s", e->message);
}

static void assert_got(const struct test_sink *below, const char *text)
{
    assert_int_equal(below->bytes.n, strlen(text));
    assert_memory_equal(below->bytes.p, text, below->bytes.n);
}

static void what_is_held_goes_on_behind_what_came_before_and_in_front_of_the_rest(void **state)
{
    struct test_sink below = test_sink_new();
    struct sink *s;
    sink_hold_open(&s, &below.sink, *state);
    append(s, "one ");
    assert_got(&below, "one ");
    for (int i = 0; i < 2; i++) { /* the file is used again */
        s->hold(s, true);
        append(s, "two ");
        append(s, "three ");
        assert_got(&below, i ? "one two three four " : "one ");
        s->hold(s, false);
        append(s, "four ");
    }
    assert_got(&below, "one two three four two three four ");
    assert_int_equal(rmdir(*state), 0); /* nothing is in it */
    assert_int_equal(mkdir(*state, 0700), 0);
    s->free(s);
}

static void a_commit_takes_what_was_held_with_it(void **state)
{
    enum { SIZE = 3 << 20 };
    struct test_sink below = test_sink_new();
    AUTO_FREE uint8_t *piece = mem_alloc(SIZE);
    uint64_t seed = 7;
    struct sink *s;
    for (size_t i = 0; i < SIZE; i++)
        piece[i] = (uint8_t)test_random(&seed);
    sink_hold_open(&s, &below.sink, *state);
    s->hold(s, true);
    assert_null(s->append(s, piece, SIZE));
    assert_int_equal(below.bytes.n, 0);
    s->hold(s, false);
    assert_null(s->commit(s));
    assert_int_equal(below.bytes.n, SIZE);
    assert_memory_equal(below.bytes.p, piece, SIZE);
    s->free(s);
}

static void an_error_below_is_told(void **state)
{
    struct test_sink below = test_sink_new();
    struct sink *s;
    below.fail_at = 1;
    sink_hold_open(&s, &below.sink, *state);
    s->hold(s, true);
    append(s, "held");
    s->hold(s, false);
    struct err *e = s->append(s, "next", 4);
    assert_non_null(e);
    assert_int_equal(e->os_errno, ENOSPC);
    err_free(e);
    s->free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_remove)
        IN_DIR(what_is_held_goes_on_behind_what_came_before_and_in_front_of_the_rest),
        IN_DIR(a_commit_takes_what_was_held_with_it),
        IN_DIR(an_error_below_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
