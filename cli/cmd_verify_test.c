/* cli/cmd_verify_test.c: what mbe verify --backup=all comes to when backups are damaged, and when something else is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include "archive/archive_test_util.h"
#include "cli/command.h"
#include "restore/restore_test_util.h"

/* All backups, level pages, with a key file that is not there: what does not fail before fails then. */
static struct err *verify_all_without_keys(struct bench *b)
{
    const struct options o = {.verb = VERB_VERIFY,
                              .repo = b->repo,
                              .backup = "all",
                              .level = VERIFY_LEVEL_PAGES,
                              .keyring_file = "/nonexistent/keys",
                              .memory = 16 << 20,
                              .parallel = 1};
    const struct session s = {.options = &o, .repo = b->opened};
    if (b->writer)
        finish(b);
    return command_verify(&s);
}

static void assert_fails_with(struct err *e, enum err_kind kind, const char *text)
{
    assert_non_null(e);
    if (!strstr(e->message, text))
        fail_msg("\"%s\" expected in \"%s\"", text, e->message);
    assert_int_equal(e->kind, kind);
}

static void what_is_missing_beside_a_backup_does_not_make_it_a_deleted_one(void **state)
{
    struct bench *b = *state;
    struct err *e = verify_all_without_keys(b);
    assert_fails_with(e, ERR_IO, "/nonexistent/keys");
    assert_int_equal(e->os_errno, ENOENT);
    err_free(e);
}

/* The backup, whose bytes these are, and behind it one more of the same bytes. */
static void add_a_second(char **data, size_t *n, struct bench *b, const char *path)
{
    AUTO_FREE char *copy = mem_printf("%s/20261102T000000Z-full/backup.mbe", b->repo);
    finish(b);
    must(file_read_all(data, n, path, 1 << 20));
    must(file_mkdirs_for(copy, 0700));
    must(file_replace(copy, *data, *n, 0600));
}

static void damage_of_an_older_backup_is_not_hidden_by_a_later_failure(void **state)
{
    struct bench *b = *state;
    AUTO_FREE char *path = archive_path(b, 0), *data = NULL;
    AUTO_FD int fd = -1;
    size_t n;
    add_a_second(&data, &n, b, path);
    must(file_open(&fd, path, O_WRONLY, 0));
    must(file_pwrite(fd, "damage", 6, 500, path)); /* in its first chunk */
    struct err *e = verify_all_without_keys(b);
    assert_fails_with(e, ERR_CORRUPT, "backup 20261101T000000Z-full: ");
    assert_fails_with(e, ERR_CORRUPT, ": backup 20261102T000000Z-full: /nonexistent/keys");
    err_free(e);
}

/* Whether its version was changed in the header alone, which is damage, or it looks like one of a newer mbe. */
static void a_backup_of_another_version_does_not_hide_the_next(void **state)
{
    enum { VERSION_AT = 8 };
    struct bench *b = *state;
    AUTO_FREE char *path = archive_path(b, 0), *data = NULL;
    size_t n;
    add_a_second(&data, &n, b, path);
    data[VERSION_AT] = 9;
    test_reseal((uint8_t *)data, n);
    must(file_replace(path, data, n, 0600));
    struct err *e = verify_all_without_keys(b);
    assert_fails_with(e, ERR_CORRUPT, "backup 20261101T000000Z-full: ");
    assert_fails_with(e, ERR_CORRUPT, "the archive has format version 9");
    assert_fails_with(e, ERR_CORRUPT, ": backup 20261102T000000Z-full: /nonexistent/keys");
    err_free(e);

    data[n - FINAL_SIZE + VERSION_AT] = 9;
    test_reseal((uint8_t *)data, n);
    must(file_replace(path, data, n, 0600));
    e = verify_all_without_keys(b);
    assert_fails_with(e, ERR_IO, "backup 20261102T000000Z-full: /nonexistent/keys");
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_is_missing_beside_a_backup_does_not_make_it_a_deleted_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_of_an_older_backup_is_not_hidden_by_a_later_failure,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_backup_of_another_version_does_not_hide_the_next, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
