/* s3/s3_url_test.c: addresses as users give them, and as they are signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "s3/s3_url.h"

static void bucket_and_prefix_are_taken_apart(void **state)
{
    static const struct {
        const char *url, *bucket, *prefix;
    } cases[] = {
        {"s3://backups", "backups", ""},
        {"s3://backups/", "backups", ""},
        {"s3://my.bucket-1/db1", "my.bucket-1", "db1/"},
        {"s3://abc/db1/host a/", "abc", "db1/host a/"},
        {"s3://abc/.hidden/..x/...", "abc", ".hidden/..x/.../"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_location l;
        assert_null(s3_location_parse(&l, cases[i].url));
        assert_string_equal(l.bucket, cases[i].bucket);
        assert_string_equal(l.prefix, cases[i].prefix);
        s3_location_fini(&l);
    }
}

static void what_is_no_location_is_refused(void **state)
{
    static const struct {
        const char *url, *message;
    } cases[] = {
        {"s3:/backups", "s3:/backups: s3://BUCKET/PATH expected"},
        {"s3://ab/x", "s3://ab/x: \"ab\" is no name of a bucket: 3 to 63 lower-case letters, "
                      "digits, dots and hyphens"},
        {"s3://", "s3://: \"\" is no name of a bucket: 3 to 63 lower-case letters, digits, dots "
                  "and hyphens"},
        {"s3://a@evil/x", "s3://a@evil/x: \"a@evil\" is no name of a bucket: 3 to 63 lower-case "
                          "letters, digits, dots and hyphens"},
        {"s3://abc//x", "s3://abc//x: an empty, \".\" or \"..\" component in the path"},
        {"s3://abc/x/../y", "s3://abc/x/../y: an empty, \".\" or \"..\" component in the path"},
        {"s3://abc/.", "s3://abc/.: an empty, \".\" or \"..\" component in the path"},
        {"s3://abc/a\nb", "s3://abc/a\nb: a control character in the path"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_location l;
        struct err *e = s3_location_parse(&l, cases[i].url);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_USAGE);
        assert_string_equal(e->message, cases[i].message);
        assert_null(l.bucket);
        err_free(e);
    }
}

static void the_bucket_goes_to_the_host_or_the_path(void **state)
{
    static const struct {
        const char *endpoint;
        bool path_style;
        const char *base; /* NULL: refused */
    } cases[] = {
        {NULL, false, "https://buck.s3.eu-central-1.amazonaws.com"},
        {NULL, true, "https://s3.eu-central-1.amazonaws.com/buck"},
        {"http://127.0.0.1:7480", true, "http://127.0.0.1:7480/buck"},
        {"https://store.example:9000/", false, "https://buck.store.example:9000"},
        {"store.example", false, NULL},
        {"ftp://store.example", false, NULL},
        {"https://", false, NULL},
        {"https://me:secret@store.example", false, NULL},
        {"https://store.example/path", true, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *base = NULL;
        struct err *e =
            s3_url_base(&base, cases[i].endpoint, "eu-central-1", "buck", cases[i].path_style);
        if (cases[i].base) {
            assert_null(e);
            assert_string_equal(base, cases[i].base);
        } else {
            assert_non_null(e);
            assert_string_equal(
                e->message, "--s3-endpoint: http://HOST[:PORT] or https://HOST[:PORT] expected");
        }
        err_free(e);
        free(base);
    }
}

static void all_but_the_unreserved_is_encoded(void **state)
{
    (void)state;
    AUTO_FREE char *text = s3_url_encode("aZ09-._~ /+=&?%\xc3\xbc");
    AUTO_FREE char *path = s3_url_encode_path("db/a b+c/\xc3\xbc");
    assert_string_equal(text, "aZ09-._~%20%2F%2B%3D%26%3F%25%C3%BC");
    assert_string_equal(path, "db/a%20b%2Bc/%C3%BC");
}

static void a_query_has_a_value_for_each_name(void **state)
{
    static const struct s3_query parts[] = {
        {"continuation-token", NULL}, {"list-type", "2"}, {"prefix", "a/b c"}, {"uploads", ""}};
    (void)state;
    AUTO_FREE char *query = s3_url_query(parts, 4);
    AUTO_FREE char *none = s3_url_query(parts, 1);
    assert_string_equal(query, "?list-type=2&prefix=a%2Fb%20c&uploads=");
    assert_string_equal(none, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket_and_prefix_are_taken_apart),
        cmocka_unit_test(what_is_no_location_is_refused),
        cmocka_unit_test(the_bucket_goes_to_the_host_or_the_path),
        cmocka_unit_test(all_but_the_unreserved_is_encoded),
        cmocka_unit_test(a_query_has_a_value_for_each_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
