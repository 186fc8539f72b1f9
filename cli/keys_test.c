/* cli/keys_test.c: keys out of files, descriptors, commands and the environment, and who may see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir_test_util.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/keys.h"

/* The key whose bytes are 0 to 31, as in archive/keys_test.c. */
#define KEY_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define LINE "mbe-key-1 c64f2177d4a7f290 " KEY_HEX "\n"

#define SIGNING_LINE              \
    "mbe-sig-1 c4899f2955072a02 " \
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n"
#define PUBLIC_LINE               \
    "mbe-pub-1 c4899f2955072a02 " \
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n"

static char *text_file(void **state, const char *name, const char *text, mode_t mode)
{
    char *path = mem_printf("%s/%s", (const char *)*state, name);
    assert_null(file_replace(path, text, strlen(text), 0600));
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static char *key_file(void **state, mode_t mode)
{
    return text_file(state, "key", LINE, mode);
}

static void assert_key(const struct options *o)
{
    AUTO(archive_keys) keys = NULL;
    struct err *e = keys_load(&keys, o);
    if (e)
        fail_msg("%s", e->message);
    assert_non_null(keys);
    assert_non_null(archive_keys_find(keys, UINT64_C(0xc64f2177d4a7f290)));
}

static void assert_usage(const struct options *o, const char *message)
{
    struct archive_keys *keys = NULL;
    struct err *e = keys_load(&keys, o);
    assert_null(keys);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_USAGE);
    if (!strstr(e->message, message) || strstr(e->message, "0405"))
        fail_msg("%s", e->message);
    err_free(e);
}

/* Only the public key may be open to others. */
static void signing_keys_are_secret_and_public_keys_are_not(void **state)
{
    AUTO_FREE char *signing = text_file(state, "sig", SIGNING_LINE, 0600);
    AUTO_FREE char *public = text_file(state, "pub", PUBLIC_LINE, 0644);
    AUTO(archive_keys) keys = NULL;
    AUTO(archive_keys) public_keys = NULL;
    AUTO(archive_keys) own = NULL;
    AUTO(archive_keys) none = NULL;
    assert_null(keys_load_signing(&keys, &public_keys,
                                  &(struct options){.sign_key = signing, .public_key = public}));
    assert_non_null(keys);
    assert_int_equal(keys->keys[0].id, public_keys->keys[0].id);
    assert_int_equal(public_keys->n, 2); /* and that of the signing key */
    assert_memory_equal(&public_keys->keys[0], &public_keys->keys[1], sizeof public_keys->keys[0]);
    archive_keys_free(keys);
    assert_null(keys_load_signing(&keys, &own, &(struct options){.sign_key = signing}));
    assert_int_equal(own->n, 1);
    assert_memory_equal(&own->keys[0], &public_keys->keys[0], sizeof own->keys[0]);
    archive_keys_free(keys);
    archive_keys_free(public_keys);
    assert_null(keys_load_signing(&keys, &public_keys, &(struct options){.public_key = public}));
    assert_null(keys);
    assert_int_equal(public_keys->n, 1);

    assert_int_equal(chmod(signing, 0640), 0);
    struct err *e = keys_load_signing(&keys, &none, &(struct options){.sign_key = signing});
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_USAGE);
    assert_non_null(strstr(e->message, "--sign-key: "));
    assert_non_null(strstr(e->message, "has mode 0640, 0600 or less expected"));
    err_free(e);
}

static void a_file_that_its_owner_alone_may_use_is_read(void **state)
{
    static const mode_t modes[] = {0600, 0400};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        AUTO_FREE char *path = key_file(state, modes[i]);
        assert_key(&(struct options){.key_file = path});
    }
}

static void a_file_that_others_may_use_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0601, 0666, 0700, 04600};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        AUTO_FREE char *path = key_file(state, modes[i]);
        AUTO_FREE char *message =
            mem_printf("--key-file: %s: has mode %04o, 0600 or less expected", path, modes[i]);
        assert_usage(&(struct options){.key_file = path}, message);
    }
    if (geteuid() != 0)
        return; /* only root can give a file away */
    AUTO_FREE char *path = key_file(state, 0600);
    assert_int_equal(chown(path, 12345, 0), 0);
    assert_usage(&(struct options){.key_file = path}, "belongs to user 12345");
}

static void what_is_no_key_file_is_a_usage_error(void **state)
{
    AUTO_FREE char *none = mem_printf("%s/none", (const char *)*state);
    AUTO_FREE char *path = key_file(state, 0600);
    assert_usage(&(struct options){.key_file = none}, "No such file or directory");
    assert_int_equal(truncate(path, 100), 0);
    /* longer than the text of it: the rest is zeros */
    assert_usage(&(struct options){.key_file = path}, "is no text");
    assert_int_equal(truncate(path, 50), 0);
    assert_usage(&(struct options){.key_file = path}, "line 1 is no key");
    assert_int_equal(truncate(path, ARCHIVE_KEYS_TEXT_MAX + 1), 0);
    assert_usage(&(struct options){.key_file = path}, "is longer than keys can be");
}

static void a_descriptor_is_read_to_its_end_and_closed(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], LINE, strlen(LINE)), strlen(LINE));
    close(ends[1]);
    assert_key(&(struct options){.key_fd = (uint64_t)ends[0]});
    assert_int_equal(fcntl(ends[0], F_GETFD), -1);
    assert_usage(&(struct options){.key_fd = (uint64_t)ends[0]}, "is no open file descriptor");
}

static void a_command_prints_it(void **state)
{
    AUTO_FREE char *path = key_file(state, 0600);
    AUTO_FREE char *cat = mem_printf("cat %s", path);
    AUTO_FREE char *fails = mem_printf("cat %s; exit 3", path);
    assert_key(&(struct options){.key_command = cat});
    assert_usage(&(struct options){.key_command = fails},
                 "--key-command: the command ended with status 3");
    assert_usage(&(struct options){.key_command = "true"}, "--key-command: holds no key");
    assert_usage(&(struct options){.key_command = "exit 7"}, "ended with status 7");
    assert_usage(&(struct options){.key_command = "kill -9 $$"}, "was killed by signal 9");
}

static void the_variable_is_wiped_where_it_lies(void **state)
{
    (void)state;
    char text[] = "MBE_KEY=" LINE;
    text[strlen(text) - 1] = '\0';
    assert_int_equal(putenv(text), 0);
    assert_key(&(struct options){0});
    assert_null(getenv("MBE_KEY"));
    assert_null(memmem(text, sizeof text, "0405", 4));
    AUTO(archive_keys) keys = NULL;
    assert_null(keys_load(&keys, &(struct options){0}));
    assert_null(keys);
}

static void an_option_comes_before_the_variable_which_is_wiped_all_the_same(void **state)
{
    AUTO_FREE char *path = key_file(state, 0600);
    assert_int_equal(setenv("MBE_KEY", "nonsense", 1), 0);
    assert_key(&(struct options){.key_file = path});
    assert_null(getenv("MBE_KEY"));
    assert_int_equal(setenv("MBE_KEY", "nonsense", 1), 0);
    assert_usage(&(struct options){0}, "MBE_KEY: line 1 is no key");
    assert_null(getenv("MBE_KEY"));
}

static void a_process_with_a_key_leaves_no_core_dump(void **state)
{
    AUTO_FREE char *path = key_file(state, 0600);
    assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
    assert_key(&(struct options){.key_file = path});
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_dir_make, test_dir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signing_keys_are_secret_and_public_keys_are_not),
        TEST(a_file_that_its_owner_alone_may_use_is_read),
        TEST(a_file_that_others_may_use_is_refused),
        TEST(what_is_no_key_file_is_a_usage_error),
        TEST(a_descriptor_is_read_to_its_end_and_closed),
        TEST(a_command_prints_it),
        TEST(the_variable_is_wiped_where_it_lies),
        TEST(an_option_comes_before_the_variable_which_is_wiped_all_the_same),
        TEST(a_process_with_a_key_leaves_no_core_dump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
