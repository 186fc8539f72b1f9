/* base/err_test.c: building, enriching and choosing between errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/err.h"

enum { FAILS_LINE = __LINE__ + 4 };

static struct err *fails(void)
{
    return err_make(CORRUPT, "page %d: checksum differs", 712);
}

static struct err *fails_with_context(void)
{
    TRY_AT(fails(), "%s", "t1.ibd");
    return NULL;
}

static struct err *passes_on(void)
{
    TRY(fails_with_context());
    return NULL;
}

static void context_is_put_in_front_and_the_source_place_stays(void **state)
{
    (void)state;
    struct err *e = passes_on();
    assert_string_equal(e->message, "t1.ibd: page 712: checksum differs");
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_int_equal(e->os_errno, 0);
    assert_non_null(strstr(e->file, "err_test.c"));
    assert_int_equal(e->line, FAILS_LINE);
    err_free(e);
}

static void success_stays_success_when_wrapped_or_hinted(void **state)
{
    (void)state;
    assert_null(err_wrap(NULL, "context"));
    assert_null(err_hint(NULL, "hint"));
    assert_null(err_first(NULL, NULL));
    err_free(NULL);
}

static void os_error_carries_errno_and_its_text(void **state)
{
    (void)state;
    errno = ENOSPC;
    struct err *e = err_os("backup.mbe: cannot write");
    e = err_wrap(e, "copy");
    assert_string_equal(e->message, "copy: backup.mbe: cannot write: No space left on device");
    assert_int_equal(e->os_errno, ENOSPC);
    assert_int_equal(e->kind, ERR_IO);
    err_free(e);
}

static void first_hint_wins(void **state)
{
    (void)state;
    struct err *e = err_hint(err_hint(fails(), "Restore from %s.", "another copy"), "Ignored.");
    assert_string_equal(e->hint, "Restore from another copy.");
    err_free(e);
}

static void first_of_two_errors_is_kept(void **state)
{
    (void)state;
    struct err *e = err_first(err_make(SERVER, "one"), err_make(IO, "two"));
    assert_string_equal(e->message, "one");
    e = err_first(e, NULL);
    assert_string_equal(e->message, "one");
    err_free(e);
    e = err_first(NULL, err_make(IO, "two"));
    assert_string_equal(e->message, "two");
    err_free(e);
}

static void damage_that_was_found_outlives_what_came_later(void **state)
{
    (void)state;
    struct err *e = err_after(err_make(CORRUPT, "page 5 is damaged"),
                              err_hint(err_make(IO, "no room"), "Make room."));
    assert_string_equal(e->message, "page 5 is damaged: no room");
    assert_string_equal(e->hint, "Make room.");
    assert_int_equal(e->kind, ERR_CORRUPT);
    err_free(e);
    e = err_after(err_make(SERVER, "lost"), err_make(FAILED, "it ended"));
    assert_string_equal(e->message, "lost: it ended");
    assert_int_equal(e->kind, ERR_FAILED);
    e = err_after(NULL, err_after(e, NULL));
    assert_string_equal(e->message, "lost: it ended");
    err_free(e);
}

static void every_kind_has_a_status_a_name_and_a_meaning(void **state)
{
    (void)state;
    const struct {
        enum err_kind kind;
        const char *name;
        int status;
    } cases[] = {
        {ERR_FAILED, "FAILED", 1},
        {ERR_SERVER, "SERVER", 1},
        {ERR_IO, "IO", 1},
        {ERR_USAGE, "USAGE", 2},
        {ERR_INTERRUPTED, "INTERRUPTED", 1},
        {ERR_CORRUPT, "CORRUPT", 3},
        {ERR_REFUSED, "REFUSED", 4},
        {ERR_NO_REPOSITORY, "NO_REPOSITORY", 4},
        {ERR_SEALED, "SEALED", 4},
        {ERR_UNSIGNED, "UNSIGNED", 3},
    };
    assert_int_equal(err_kind_count(), sizeof cases / sizeof cases[0]);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(err_kind_name(cases[i].kind), cases[i].name);
        assert_int_equal(err_kind_exit(cases[i].kind), cases[i].status);
        assert_true(strlen(err_kind_meaning(cases[i].kind)) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_is_put_in_front_and_the_source_place_stays),
        cmocka_unit_test(success_stays_success_when_wrapped_or_hinted),
        cmocka_unit_test(os_error_carries_errno_and_its_text),
        cmocka_unit_test(first_hint_wins),
        cmocka_unit_test(first_of_two_errors_is_kept),
        cmocka_unit_test(damage_that_was_found_outlives_what_came_later),
        cmocka_unit_test(every_kind_has_a_status_a_name_and_a_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
