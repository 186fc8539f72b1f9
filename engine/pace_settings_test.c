/* engine/pace_settings_test.c: what a pace file may say, and what is said of one that may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/engine_test_util.h"
#include "engine/pace_settings.h"

static const struct pace_settings given = {.rate = 7000, .latency_ms = 30};

static void each_setting_has_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t rate, latency_ms;
    } cases[] = {
        {"", 7000, 30},
        {"# nothing\n\n", 7000, 30},
        {"throttle=50M\npace=latency:20\n", 50 << 20, 20},
        {"pace=latency:60000", 7000, 60000},
        {" throttle = 1K \r\n", 1 << 10, 30},
        {"throttle=none\n", 0, 30},
        {"throttle=none\n#throttle=1G\npace=none", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pace_settings s;
        ok(pace_settings_parse(&s, &given, cases[i].text));
        assert_int_equal(s.rate, cases[i].rate);
        assert_int_equal(s.latency_ms, cases[i].latency_ms);
    }
}

static void what_is_no_setting_is_named_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"50M", "line 1: '50M' is not NAME=VALUE"},
        {"\nspeed=50M", "line 2: there is no setting 'speed'"},
        {"throttle=", "line 1: throttle: '' is not a size like 512M or 2G"},
        {"throttle=fast", "line 1: throttle: 'fast' is not a size like 512M or 2G"},
        {"throttle=1023", "line 1: throttle: '1023' is not between 1.0 KiB and 8.0 EiB"},
        {"throttle=1M\nthrottle=2M", "line 2: throttle is given twice"},
        {"pace=20", "line 1: pace: '20' is not latency:MS"},
        {"pace=latency:", "line 1: pace: '' is not a whole number from 1 to 60000"},
        {"pace=latency:0", "line 1: pace: '0' is not a whole number from 1 to 60000"},
        {"pace=latency:20ms", "line 1: pace: '20ms' is not a whole number from 1 to 60000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pace_settings s;
        struct err *e = pace_settings_parse(&s, &given, cases[i].text);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_USAGE);
        assert_string_equal(e->message, cases[i].message);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_setting_has_its_line),
        cmocka_unit_test(what_is_no_setting_is_named_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
