/* verify/manifest_read_test.c: values that are there and that are not, texts that are no manifest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "verify/manifest_read.h"

static const char full[] =
    "{\"id\":\"20261124T170632Z-full\",\"type\":\"full\","
    "\"server\":{\"version\":\"10.11.19\"},"
    "\"lsn\":{\"to\":9007199254740993,\"from\":-1},\"lock\":{\"seconds\":0.25},\"files\":12}";

static void values_are_found_by_dotted_key(void **state)
{
    (void)state;
    json_auto_t *m = NULL;
    assert_null(manifest_parse(&m, full, "a.mbe"));
    assert_string_equal(manifest_text(m, "server.version", "?"), "10.11.19");
    assert_true(manifest_u64(m, "lsn.to") == UINT64_C(9007199254740993));
    assert_true(manifest_u64(m, "lsn.from") == 0);
    assert_true(manifest_real(m, "lock.seconds") == 0.25 && manifest_real(m, "files") == 12);
    static const char *const absent[] = {
        "nothing", "server.nothing", "server.version.deeper", "id.x", "", "."};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        assert_null(manifest_value(m, absent[i]));
    assert_string_equal(manifest_text(m, "files", "not a text"), "not a text");
    assert_true(manifest_u64(m, "type") == 0);
}

static void what_is_no_manifest_is_corrupt(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "a.mbe: manifest: is not a JSON object"},
        {"", "a.mbe: manifest: line 1: '[' or '{' expected near end of file"},
        {"{\"a\":1,\"a\":2}", "a.mbe: manifest: line 1: duplicate object key near '\"a\"'"},
        {"{\"a\":99999999999999999999}",
         "a.mbe: manifest: line 1: too big integer near '99999999999999999999'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *m = NULL;
        struct err *e = manifest_parse(&m, cases[i].text, "a.mbe");
        assert_non_null(e);
        assert_string_equal(e->message, cases[i].message);
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_null(m);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_by_dotted_key),
        cmocka_unit_test(what_is_no_manifest_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
