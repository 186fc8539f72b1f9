/* archive/catalog_test.c: a backup is listed when it is published and not before; what killed
 * runs leave is cleaned up, what living ones hold is not; a directory that is no repository
 * stays untouched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "archive/catalog.h"
#include "base/file.h"
#include "base/mem.h"

static int make_dir(void **state)
{
    char *dir = mem_strdup("/tmp/mbe-catalog-XXXXXX");
    *state = dir;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    struct err *e = file_remove_tree(*state);
    const int rc = e ? -1 : 0;
    err_free(e);
    free(*state);
    return rc;
}

static bool exists(const char *dir, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    struct stat st;
    return lstat(path, &st) == 0;
}

static void put_file(const char *dir, const char *name, const char *text)
{
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    assert_null(file_mkdirs_for(path, 0700));
    assert_null(file_replace(path, text, strlen(text), 0600));
}

static void assert_error(struct err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void assert_error(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    char expected[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(expected, sizeof expected, fmt, ap);
    va_end(ap);
    assert_non_null(e);
    assert_string_equal(e->message, expected);
    assert_int_equal(e->kind, kind);
    err_free(e);
}

static struct catalog_draft *begin(const char *repo)
{
    struct catalog_draft *d = NULL;
    struct err *e = catalog_begin(&d, repo, "full", NULL);
    if (e)
        fail_msg("%s", e->message);
    return d;
}

static void publish(struct catalog_draft *d)
{
    put_file(catalog_draft_dir(d), "backup.mbe", "archive");
    struct err *e = catalog_publish(d);
    if (e)
        fail_msg("%s", e->message);
    catalog_draft_free(d);
}

static size_t count(const char *repo)
{
    struct catalog_list list;
    assert_null(catalog_list_load(&list, repo));
    const size_t n = list.n;
    catalog_list_fini(&list);
    return n;
}

/* Entries of a directory but "." and "..". */
static int n_files(const char *dir)
{
    DIR *d = opendir(dir);
    int n = -2;
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void a_backup_is_listed_once_it_is_published(void **state)
{
    AUTO_FREE char *repo = mem_printf("%s/new/repo", (char *)*state);
    struct catalog_draft *d = begin(repo);
    AUTO_FREE char *id = mem_strdup(catalog_draft_id(d));
    assert_int_equal(strlen(id), strlen("20261124T170632Z-full"));
    AUTO_FREE char *dir = mem_printf("%s/.%s.incomplete", repo, id);
    assert_string_equal(catalog_draft_dir(d), dir);
    AUTO_FREE char *archive = mem_printf("%s/backup.mbe", dir);
    assert_string_equal(catalog_draft_archive(d), archive);
    assert_int_equal(count(repo), 0);
    put_file(dir, "spool/redo", "redo");
    publish(d);

    char *path, *found;
    AUTO_FREE char *published = mem_printf("%s/%s", repo, id),
                   *archive_path = mem_printf("%s/backup.mbe", published);
    assert_int_equal(count(repo), 1);
    assert_int_equal(n_files(published), 1);
    assert_int_equal(n_files(repo), 2);
    assert_null(catalog_find(&path, &found, repo, "latest"));
    assert_string_equal(path, archive_path);
    assert_string_equal(found, id);
    free(path);
    free(found);
    assert_null(catalog_find(&path, &found, repo, id));
    assert_string_equal(path, archive_path);
    free(path);
    free(found);
}

static void a_draft_that_is_given_up_leaves_nothing(void **state)
{
    struct catalog_draft *d = begin(*state);
    put_file(catalog_draft_dir(d), "backup.mbe", "half an archive");
    catalog_draft_free(d);
    assert_int_equal(n_files(*state), 1);
    assert_int_equal(count(*state), 0);
}

static void a_draft_without_archive_cannot_be_published(void **state)
{
    struct catalog_draft *d = begin(*state);
    AUTO_FREE char *expected =
        mem_printf("%s: cannot open: No such file or directory", catalog_draft_archive(d));
    assert_error(catalog_publish(d), ERR_IO, "%s", expected);
    catalog_draft_free(d);
    assert_int_equal(count(*state), 0);
    assert_int_equal(n_files(*state), 1);
}

static void ids_of_one_second_differ_and_sort_in_order(void **state)
{
    struct catalog_draft *drafts[12];
    char *ids[12];
    for (int i = 0; i < 12; i++) {
        drafts[i] = begin(*state);
        ids[i] = mem_strdup(catalog_draft_id(drafts[i]));
    }
    for (int i = 11; i >= 0; i--)
        publish(drafts[i]);
    struct catalog_list list;
    assert_null(catalog_list_load(&list, *state));
    assert_int_equal(list.n, 12);
    for (int i = 0; i < 12; i++) {
        assert_string_equal(list.items[i].id, ids[i]);
        free(ids[i]);
    }
    catalog_list_fini(&list);
}

static void only_what_looks_like_a_backup_is_listed_oldest_first(void **state)
{
    static const char *const names[] = {
        "20261124T170632Z-full-10/backup.mbe", "20261124T170632Z-full-2/backup.mbe",
        "20261124T170632Z-full/backup.mbe", "20251124T170632Z-full/backup.mbe",
        "20261124T170632Z-incr/backup.mbe",
        /* and these are not: */
        "20261124T170633Z-full/other", ".20261124T170634Z-full.incomplete/backup.mbe",
        "latest/backup.mbe", "20261124T170632Z/backup.mbe", "20261124T170632Z-full-/backup.mbe",
        "20261124T170632Z-full-0/backup.mbe", "20261124T170632Z-full-2x/backup.mbe",
        "20261124T17063Z-full/backup.mbe", "20261124T170632Z-FULL/backup.mbe",
        "x20261124T170632Z-full/backup.mbe"};
    static const char *const expected[] = {"20251124T170632Z-full", "20261124T170632Z-full",
                                           "20261124T170632Z-full-2", "20261124T170632Z-full-10",
                                           "20261124T170632Z-incr"};
    put_file(*state, "mbe-repository", "mbe repository 1\n");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put_file(*state, names[i], "x");
    struct catalog_list list;
    assert_null(catalog_list_load(&list, *state));
    assert_int_equal(list.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(list.items[i].id, expected[i]);
    catalog_list_fini(&list);
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
    char *path = NULL, *id = NULL, *const repo = *state;
    put_file(repo, "mbe-repository", "mbe repository 1\n");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_error(catalog_find(&path, &id, repo, bad[i]), ERR_USAGE, "\"%s\" is no backup id",
                     bad[i]);
    assert_error(catalog_find(&path, &id, repo, "20261124T170632Z-full"), ERR_USAGE,
                 "%s: has no backup 20261124T170632Z-full", repo);
    assert_error(catalog_find(&path, &id, repo, "latest"), ERR_USAGE, "%s: has no backup yet",
                 repo);
    assert_null(path);
    assert_null(id);
}

static void a_directory_that_is_no_repository_is_refused_and_untouched(void **state)
{
    struct catalog_draft *d = NULL;
    struct catalog_list list;
    char *const repo = *state;
    put_file(repo, "precious/data", "x");
    assert_error(catalog_begin(&d, repo, "full", NULL), ERR_REFUSED,
                 "%s: is no mbe repository: it has no file mbe-repository", repo);
    assert_error(catalog_list_load(&list, repo), ERR_REFUSED,
                 "%s: is no mbe repository: it has no file mbe-repository", repo);
    assert_int_equal(n_files(repo), 1);
    assert_true(exists(repo, "precious/data"));
    put_file(repo, "mbe-repository", "mbe repository 2\n");
    assert_error(catalog_begin(&d, repo, "full", NULL), ERR_REFUSED,
                 "%s: is no mbe repository: its file mbe-repository is not \"mbe repository 1\"",
                 repo);
    AUTO_FREE char *absent = mem_printf("%s/absent", repo),
                   *file = mem_printf("%s/precious/data", repo);
    assert_error(catalog_list_load(&list, absent), ERR_REFUSED,
                 "%s: is no mbe repository: no such directory", absent);
    assert_error(catalog_list_load(&list, file), ERR_REFUSED,
                 "%s: is no mbe repository: not a directory", file);
    assert_error(catalog_begin(&d, file, "full", NULL), ERR_IO,
                 "%s: cannot open directory: Not a directory", file);
    assert_int_equal(n_files(repo), 2);
    assert_null(d);
}

static void a_type_that_is_no_word_is_refused(void **state)
{
    struct catalog_draft *d = NULL;
    assert_error(catalog_begin(&d, *state, "../x", NULL), ERR_FAILED,
                 "\"../x\" is no type of backup");
    assert_int_equal(n_files(*state), 1);
}

static void a_new_file_system_and_a_half_made_repository_are_empty_enough(void **state)
{
    put_file(*state, "lost+found/x", "x");
    put_file(*state, "mbe-repository.tmp", "mb");
    publish(begin(*state));
    assert_int_equal(count(*state), 1);
    assert_true(exists(*state, "lost+found/x"));
}

/* ---- killed and living processes ---- */

/* A process that begins a draft, says so and waits. */
static pid_t start_holder(const char *repo, char id[64])
{
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct catalog_draft *d;
        if (catalog_begin(&d, repo, "full", NULL))
            _exit(1);
        const char *its_id = catalog_draft_id(d);
        if (write(pipe_fd[1], its_id, strlen(its_id)) < 0)
            _exit(1);
        close(pipe_fd[1]);
        for (;;)
            pause();
    }
    close(pipe_fd[1]);
    const ssize_t n = read(pipe_fd[0], id, 63);
    assert_true(n > 0);
    id[n] = '\0';
    close(pipe_fd[0]);
    return pid;
}

static void end_holder(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void the_draft_of_a_killed_run_is_removed_and_that_of_a_living_one_kept(void **state)
{
    char id[64];
    const char *repo = *state;
    const pid_t pid = start_holder(repo, id);
    AUTO_FREE char *name = mem_printf(".%s.incomplete", id);
    put_file(repo, ".20200101T000000Z-full.incomplete/backup.mbe", "killed between mkdir and lock");
    put_file(repo, ".something.incomplete/x", "not ours");

    publish(begin(repo));
    const bool kept = exists(repo, name);
    const bool removed = !exists(repo, ".20200101T000000Z-full.incomplete");
    end_holder(pid);
    assert_true(kept);
    assert_true(removed);
    assert_true(exists(repo, ".something.incomplete/x"));
    assert_int_equal(count(repo), 1);

    assert_true(
        exists(repo, name)); /* a killed run lists nothing and is cleaned up by the next one */
    catalog_draft_free(begin(repo));
    assert_false(exists(repo, name));
    assert_int_equal(count(repo), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)
        IN_DIR(a_backup_is_listed_once_it_is_published),
        IN_DIR(a_draft_that_is_given_up_leaves_nothing),
        IN_DIR(a_draft_without_archive_cannot_be_published),
        IN_DIR(ids_of_one_second_differ_and_sort_in_order),
        IN_DIR(only_what_looks_like_a_backup_is_listed_oldest_first),
        IN_DIR(ids_that_are_no_ids_or_not_there_are_usage_errors),
        IN_DIR(a_directory_that_is_no_repository_is_refused_and_untouched),
        IN_DIR(a_type_that_is_no_word_is_refused),
        IN_DIR(a_new_file_system_and_a_half_made_repository_are_empty_enough),
        IN_DIR(the_draft_of_a_killed_run_is_removed_and_that_of_a_living_one_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
