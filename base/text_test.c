/* base/text_test.c: tables of what goes in and what may come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

static void json_strings_are_escaped_and_valid_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"line\nbreak\ttab", "\"line\\nbreak\\ttab\""},
        {"\x01\x1F\x7F", "\"\\u0001\\u001f\\u007f\""},
        {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\xAC", "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\xAC\""},
        {"\xFFx", "\"\xEF\xBF\xBDx\""},
        {"\xC3", "\"\xEF\xBF\xBD\""},                                 /* cut off */
        {"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},                 /* overlong */
        {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* surrogate */
        {"\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *got = text_json(cases[i].in);
        assert_string_equal(got, cases[i].out);
    }
}

static void random_bytes_always_make_json_that_parses(void **state)
{
    (void)state;
    unsigned seed = 5;
    for (int round = 0; round < 3000; round++) {
        char in[24] = {0};
        for (size_t i = 0; i + 1 < sizeof in; i++)
            in[i] = (char)(1 + ((seed = seed * 1664525u + 1013904223u) >> 24) % 255);
        AUTO_FREE char *got = text_json(in);
        json_t *parsed = json_loads(got, JSON_DECODE_ANY, NULL);
        assert_non_null(parsed);
        json_decref(parsed);
    }
}

static void nothing_steers_the_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {"t\xC3\xA4g", "t\xC3\xA4g"},
        {"two\nlines\r", "two lines?"},
        {"\033[2Jgone", "?[2Jgone"},
        {"\xC2\x9B"
         "31m",
         "??31m"}, /* the one-character form of the same */
        {"\x7F", "?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *got = text_one_line(cases[i].in);
        assert_string_equal(got, cases[i].out);
    }
}

static void sizes_and_durations_read_well(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {1048575, "1.0 MiB"},
        {UINT64_C(5) << 30, "5.0 GiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    static const struct {
        double seconds;
        const char *text;
    } durations[] = {
        {-3, "0:00"},       {0.4, "0:00"},           {7, "0:07"}, {59.6, "1:00"}, {750, "12:30"},
        {11100, "3:05:00"}, {1e300, "277777:46:40"},
    };
    char out[24];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_string_equal(text_bytes(out, sizes[i].bytes), sizes[i].text);
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++)
        assert_string_equal(text_duration(out, durations[i].seconds), durations[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_strings_are_escaped_and_valid_utf8),
        cmocka_unit_test(random_bytes_always_make_json_that_parses),
        cmocka_unit_test(nothing_steers_the_terminal),
        cmocka_unit_test(sizes_and_durations_read_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
