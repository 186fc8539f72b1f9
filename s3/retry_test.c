/* s3/retry_test.c: what passes, and how long is waited for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "s3/retry.h"

static void what_may_pass_is_told_from_what_stays(void **state)
{
    static const struct {
        long status;
        const char *code;
        bool transient;
    } cases[] = {
        {500, "", true},
        {500, "InternalError", true},
        {502, "", true},
        {503, "SlowDown", true},
        {504, "", true},
        {429, "", true},
        {408, "", true},
        {400, "RequestTimeout", true},
        {400, "XAmzContentSHA256Mismatch", true},
        {200, "InternalError", true},
        {501, "NotImplemented", false},
        {400, "EntityTooSmall", false},
        {403, "AccessDenied", false},
        {403, "", false},
        {404, "NoSuchUpload", false},
        {412, "PreconditionFailed", false},
        {301, "PermanentRedirect", false},
        {200, "AccessDenied", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(retry_is_transient(cases[i].status, cases[i].code), cases[i].transient);
}

static void waits_double_up_to_a_bound_and_differ(void **state)
{
    (void)state;
    unsigned bound = RETRY_FIRST_MS;
    for (int attempt = 1; attempt < 40; attempt++) {
        assert_int_equal(retry_wait_ms(attempt, 0), bound / 2);
        assert_int_equal(retry_wait_ms(attempt, bound / 2), bound);
        for (uint32_t random = 1; random > 0 && random < UINT32_MAX / 3; random *= 3) {
            assert_true(retry_wait_ms(attempt, random) >= bound / 2);
            assert_true(retry_wait_ms(attempt, random) <= bound);
        }
        bound = bound * 2 < RETRY_LONGEST_MS ? bound * 2 : (unsigned)RETRY_LONGEST_MS;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_pass_is_told_from_what_stays),
        cmocka_unit_test(waits_double_up_to_a_bound_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
