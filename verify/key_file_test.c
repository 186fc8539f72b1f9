/* verify/key_file_test.c: a key file is read again when a key is missing; what was read once stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "innodb/redo_crypt_test_util.h"
#include "verify/key_file.h"

struct sandbox {
    char path[32];
};

static int setup(void **state)
{
    struct sandbox *s = mem_zalloc(sizeof *s);
    strcpy(s->path, "/tmp/key-file-XXXXXX");
    const int fd = mkstemp(s->path);
    *state = s;
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    struct sandbox *s = *state;
    const int rc = unlink(s->path);
    free(s);
    return rc;
}

static void put(const struct sandbox *s, const char *text)
{
    AUTO_FD int fd = -1;
    assert_null(file_open(&fd, s->path, O_WRONLY | O_TRUNC, 0));
    assert_null(file_write(fd, text, strlen(text), s->path));
}

static void put_masters(const struct sandbox *s, unsigned n)
{
    AUTO_FREE char *text = test_keyring_text(n);
    put(s, text);
}

static void no_file_is_no_keys(void **state)
{
    const struct sandbox *s = *state;
    struct key_file *f;
    bool again = true;
    assert_null(key_file_open(&f, &redo_family_mysql, NULL, NULL));
    assert_null(f);
    assert_null(key_file_keys(f));
    struct err *e = key_file_retry(f, err_make(REFUSED, "no key"), &again);
    assert_string_equal(e->message, "no key");
    assert_false(again);
    err_free(e);
    e = key_file_open(&f, &redo_family_mysql, NULL, s->path);
    assert_int_equal(e->kind, ERR_USAGE);
    err_free(e);
    put(s, "{");
    e = key_file_open(&f, &redo_family_mysql, s->path, NULL);
    assert_int_equal(e->kind, ERR_CORRUPT);
    err_free(e);
    assert_null(f);
}

static void a_key_that_was_added_is_found(void **state)
{
    const struct sandbox *s = *state;
    struct key_file *f;
    bool again;
    put_masters(s, 1);
    assert_null(key_file_open(&f, &redo_family_mysql, s->path, NULL));
    const struct keyring *first = key_file_keys(f);
    assert_int_equal(keyring_count(first), 1);
    struct err *e = key_file_retry(f, err_make(REFUSED, "no key"), &again); /* nothing is new */
    assert_non_null(e);
    assert_false(again);
    err_free(e);
    put_masters(s, 3);
    e = key_file_retry(f, err_make(CORRUPT, "damage"), &again); /* no key helps */
    assert_non_null(e);
    assert_false(again);
    err_free(e);
    assert_null(key_file_retry(f, NULL, &again));
    assert_false(again);
    assert_null(key_file_retry(f, err_make(REFUSED, "no key"), &again));
    assert_true(again);
    assert_int_equal(keyring_count(key_file_keys(f)), 3);
    assert_int_equal(keyring_count(first), 1); /* somebody may be reading it */
    key_file_free(f);
}

/* The server writes it in place. */
static void a_half_written_file_does_not_take_keys_away(void **state)
{
    static const char *const texts[] = {"", "{\"version\":\"1.0\",\"elements\":[{"};
    const struct sandbox *s = *state;
    struct key_file *f;
    bool again;
    put_masters(s, 2);
    assert_null(key_file_open(&f, &redo_family_mysql, s->path, NULL));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put(s, texts[i]);
        struct err *e = key_file_retry(f, err_make(REFUSED, "no key"), &again);
        assert_string_equal(e->message, "no key");
        assert_false(again);
        assert_int_equal(keyring_count(key_file_keys(f)), 2);
        err_free(e);
    }
    key_file_free(f);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_file_is_no_keys),
        TEST(a_key_that_was_added_is_found),
        TEST(a_half_written_file_does_not_take_keys_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
