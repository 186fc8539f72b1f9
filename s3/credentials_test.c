/* s3/credentials_test.c: where credentials come from, and which come first. Metadata: what their answer is made of; that it is asked for is
 * seen in s3_client_test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/dir_test_util.h"
#include "s3/credentials.h"

static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID",           "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE",           "HOME",
};

static int start_clean(void **state)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    return test_dir_make(state);
}

static void check_keys(const char *access, const char *secret, const char *token)
{
    AUTO(credentials) c = NULL;
    struct s3_keys keys;
    assert_null(credentials_open(&c));
    assert_null(credentials_get(c, &keys));
    assert_string_equal(keys.access_key, access);
    assert_string_equal(keys.secret_key, secret);
    if (token)
        assert_string_equal(keys.token, token);
    else
        assert_null(keys.token);
    assert_int_equal(keys.expires, 0);
    s3_keys_fini(&keys);
}

static void check_refused(const char *message)
{
    struct credentials *c = NULL;
    struct err *e = credentials_open(&c);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_USAGE);
    assert_string_equal(e->message, message);
    err_free(e);
}

static void write_file(const char *path, const char *text)
{
    assert_null(file_mkdirs_for(path, 0700));
    assert_null(file_replace(path, text, strlen(text), 0600));
}

static void the_environment_comes_first(void **state)
{
    AUTO_FREE char *path = mem_printf("%s/file", (char *)*state);
    write_file(path, "[default]\naws_access_key_id=F\naws_secret_access_key=f\n");
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    check_keys("F", "f", NULL);
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    check_refused("the environment has AWS_ACCESS_KEY_ID but no AWS_SECRET_ACCESS_KEY");
    setenv("AWS_SECRET_ACCESS_KEY", "e", 1);
    check_keys("E", "e", NULL);
    setenv("AWS_SESSION_TOKEN", "t", 1);
    check_keys("E", "e", "t");
}

static void the_file_is_the_named_one_or_that_of_the_home(void **state)
{
    AUTO_FREE char *path = mem_printf("%s/.aws/credentials", (char *)*state);
    AUTO_FREE char *expected =
        mem_printf("%s: there is no section [nobody], which AWS_PROFILE names", path);
    setenv("HOME", *state, 1);
    check_refused("no credentials for the object store: neither in the environment nor in a file");
    write_file(path, "[default]\naws_access_key_id=H\naws_secret_access_key=h\n"
                     "[ other ]\naws_access_key_id=O\naws_secret_access_key=o/+=\n"
                     "aws_session_token = ot \n");
    check_keys("H", "h", NULL);
    setenv("AWS_PROFILE", "other", 1);
    check_keys("O", "o/+=", "ot");
    setenv("AWS_PROFILE", "nobody", 1);
    check_refused(expected);
}

static void a_section_is_read_as_others_read_it(void **state)
{
    static const char text[] = "aws_access_key_id=outside\n# [default]\n; x\n\n"
                               "[one]\r\naws_access_key_id = A \r\naws_secret_access_key=B=C\r\n"
                               "region=somewhere\n[two]\naws_access_key_id=D\n"
                               "aws_secret_access_key=\n[three]";
    struct s3_keys keys;
    bool found;
    (void)state;
    assert_null(credentials_parse(&keys, &found, text, "one", "f"));
    assert_true(found);
    assert_string_equal(keys.access_key, "A");
    assert_string_equal(keys.secret_key, "B=C");
    s3_keys_fini(&keys);
    assert_null(credentials_parse(&keys, &found, text, "default", "f"));
    assert_false(found);
    assert_null(keys.access_key);
    struct err *e = credentials_parse(&keys, &found, text, "two", "f");
    assert_non_null(e);
    assert_string_equal(e->message, "f: section [two] has no aws_secret_access_key");
    assert_null(keys.access_key);
    err_free(e);
    e = credentials_parse(&keys, &found, text, "three", "f");
    assert_non_null(e);
    assert_string_equal(e->message, "f: section [three] has no aws_access_key_id");
    err_free(e);
}

static void metadata_expire(void **state)
{
    static const char text[] =
        "{\"Code\": \"Success\", \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"S\", "
        "\"Token\": \"T\", \"Expiration\": \"1970-01-02T00:00:01Z\"}";
    struct s3_keys keys;
    (void)state;
    assert_null(credentials_parse_metadata(&keys, text, strlen(text)));
    assert_string_equal(keys.access_key, "A");
    assert_string_equal(keys.secret_key, "S");
    assert_string_equal(keys.token, "T");
    assert_int_equal(keys.expires, 86401);
    s3_keys_fini(&keys);
    static const char *const bad[] = {"", "[]", "{}", "{\"AccessKeyId\": \"A\"}", "<html>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err *e = credentials_parse_metadata(&keys, bad[i], strlen(bad[i]));
        assert_non_null(e);
        assert_string_equal(e->message, "instance metadata: no credentials in the answer");
        assert_null(keys.access_key);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_environment_comes_first, start_clean, test_dir_remove),
        cmocka_unit_test_setup_teardown(the_file_is_the_named_one_or_that_of_the_home, start_clean,
                                        test_dir_remove),
        cmocka_unit_test(a_section_is_read_as_others_read_it),
        cmocka_unit_test(metadata_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
