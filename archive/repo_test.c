/* archive/repo_test.c: what all kinds of repositories have in common: which text names which kind, which backup an id names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "archive/repo.h"
#include "base/dir_test_util.h"
#include "base/err_test_util.h"

static void put_file(const char *dir, const char *name, const char *text)
{
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    assert_null(file_mkdirs_for(path, 0700));
    assert_null(file_replace(path, text, strlen(text), 0600));
}

static struct repo *open_repo(const char *url)
{
    struct repo *r;
    struct err *e = repo_open(&r, url, &(struct repo_options){0});
    if (e)
        fail_msg("%s", e->message);
    return r;
}

/* A repository in that directory. */
static struct repo *make_repo(const char *dir)
{
    put_file(dir, "mbe-repository", "mbe repository 1\n");
    return open_repo(dir);
}

static void a_scheme_that_is_not_known_is_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"ftp", "", "S3 "};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct repo *r = NULL;
        AUTO_FREE char *url = mem_printf("%s://host/path", urls[i]);
        assert_error(repo_open(&r, url, &(struct repo_options){0}), ERR_USAGE,
                     "%s:// is no kind of repository that this mbe knows", urls[i]);
        assert_null(r);
    }
}

static void an_ssh_url_is_what_ssh_cannot_take_for_something_else(void **state)
{
    (void)state;
    static const char *const good[] = {"ssh://host/path", "ssh://a.user@host.example:2222/a b/c",
                                       "ssh://[::1]/p", "ssh://me@[fe80::1]:22/p"};
    static const char *const bad[] = {"ssh://",
                                      "ssh://host",
                                      "ssh://host/",
                                      "ssh:///path",
                                      "ssh://-oProxyCommand=x/path",
                                      "ssh://-x@host/path",
                                      "ssh://@host/path",
                                      "ssh://ho st/path",
                                      "ssh://host;x/path",
                                      "ssh://host:/path",
                                      "ssh://host:0/path",
                                      "ssh://host:65536/path",
                                      "ssh://host:2x/path",
                                      "ssh://[::1/path",
                                      "ssh://[::1]x/path",
                                      "ssh://us:er@host/path"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        AUTO(repo) r = open_repo(good[i]);
        assert_string_equal(repo_name(r), good[i]);
        assert_null(repo_directory(r));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct repo *r = NULL;
        assert_error(repo_open(&r, bad[i], &(struct repo_options){0}), ERR_USAGE,
                     "%s: ssh://[user@]host[:port]/path is expected", bad[i]);
    }
}

static void any_other_text_is_a_directory(void **state)
{
    (void)state;
    static const char *const paths[] = {"/backups", "backups", "./-", "a:/b", "s3:bucket"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        AUTO(repo) r = open_repo(paths[i]);
        assert_string_equal(repo_directory(r), paths[i]);
        assert_string_equal(repo_name(r), paths[i]);
        assert_false(repo_is_stream(r));
    }
}

static void ids_that_are_no_ids_or_not_there_are_usage_errors(void **state)
{
    static const char *const bad[] = {"",
                                      "..",
                                      "../x",
                                      "/etc",
                                      "20261124T170632Z-full/..",
                                      ".20261124T170632Z-full.incomplete",
                                      "x",
                                      "LATEST",
                                      "20261124T170632Z-full "};
    char *id = NULL, *const dir = *state;
    AUTO(repo) r = make_repo(dir);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_error(repo_find(&id, r, bad[i]), ERR_USAGE, "\"%s\" is no backup id", bad[i]);
    assert_error(repo_find(&id, r, "20261124T170632Z-full"), ERR_USAGE,
                 "%s: has no backup 20261124T170632Z-full", dir);
    assert_error(repo_find(&id, r, "latest"), ERR_USAGE, "%s: has no backup yet", dir);
    put_file(dir, "20261124T170632Z-incremental/backup.mbe", "x");
    assert_error(repo_find(&id, r, "latest-full"), ERR_USAGE, "%s: has no full backup yet", dir);
    assert_null(id);
}

static void the_latest_is_of_any_type_unless_a_full_one_is_asked_for(void **state)
{
    static const char *const cases[][2] = {
        {"latest", "20261124T170640Z-incremental"},
        {"latest-full", "20261124T170632Z-full-2"},
        {"20261124T170632Z-full", "20261124T170632Z-full"},
    };
    AUTO(repo) r = make_repo(*state);
    put_file(*state, "20261124T170632Z-full/backup.mbe", "x");
    put_file(*state, "20261124T170632Z-full-2/backup.mbe", "x");
    put_file(*state, "20261124T170633Z-fuller/backup.mbe", "x");
    put_file(*state, "20261124T170640Z-incremental/backup.mbe", "x");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO_FREE char *id = NULL;
        assert_null(repo_find(&id, r, cases[i][0]));
        assert_string_equal(id, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_remove)
        cmocka_unit_test(a_scheme_that_is_not_known_is_refused),
        cmocka_unit_test(an_ssh_url_is_what_ssh_cannot_take_for_something_else),
        cmocka_unit_test(any_other_text_is_a_directory),
        IN_DIR(ids_that_are_no_ids_or_not_there_are_usage_errors),
        IN_DIR(the_latest_is_of_any_type_unless_a_full_one_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
