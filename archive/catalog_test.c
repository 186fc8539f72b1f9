/* archive/catalog_test.c: a backup is listed when it is published and not before, and gone at once
 * when it is deleted; what killed runs leave is cleaned up, what living ones hold is not; a directory
 * that is no repository stays untouched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "archive/catalog.h"
#include "base/clock.h"
#include "base/dir_test_util.h"
#include "base/err_test_util.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/signals.h"

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
    struct backup_ids list;
    assert_null(catalog_list(&list, repo));
    const size_t n = list.n;
    backup_ids_fini(&list);
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

    AUTO_FREE char *published = mem_printf("%s/%s", repo, id),
                   *archive_path = mem_printf("%s/backup.mbe", published);
    assert_int_equal(count(repo), 1);
    assert_int_equal(n_files(published), 1);
    assert_int_equal(n_files(repo), 2);
    AUTO_FREE char *path = catalog_archive_path(repo, id);
    assert_string_equal(path, archive_path);
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
    struct backup_ids list;
    assert_null(catalog_list(&list, *state));
    assert_int_equal(list.n, 12);
    for (int i = 0; i < 12; i++) {
        assert_string_equal(list.ids[i], ids[i]);
        free(ids[i]);
    }
    backup_ids_fini(&list);
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
        "20261124T170632Z-full-1/backup.mbe", "20261124T170632Z-full-02/backup.mbe",
        "20261124T17063Z-full/backup.mbe", "20261124T170632Z-FULL/backup.mbe",
        "x20261124T170632Z-full/backup.mbe"};
    static const char *const expected[] = {"20251124T170632Z-full", "20261124T170632Z-full",
                                           "20261124T170632Z-full-2", "20261124T170632Z-full-10",
                                           "20261124T170632Z-incr"};
    put_file(*state, "mbe-repository", "mbe repository 1\n");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put_file(*state, names[i], "x");
    struct backup_ids list;
    assert_null(catalog_list(&list, *state));
    assert_int_equal(list.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(list.ids[i], expected[i]);
    backup_ids_fini(&list);
}

static void a_directory_that_is_no_repository_is_refused_and_untouched(void **state)
{
    struct catalog_draft *d = NULL;
    struct backup_ids list;
    char *const repo = *state;
    put_file(repo, "precious/data", "x");
    assert_error(catalog_begin(&d, repo, "full", NULL), ERR_NO_REPOSITORY,
                 "%s: is no mbe repository: it has no file mbe-repository", repo);
    assert_error(catalog_list(&list, repo), ERR_NO_REPOSITORY,
                 "%s: is no mbe repository: it has no file mbe-repository", repo);
    assert_int_equal(n_files(repo), 1);
    assert_true(exists(repo, "precious/data"));
    put_file(repo, "mbe-repository", "mbe repository 2\n");
    assert_error(catalog_begin(&d, repo, "full", NULL), ERR_REFUSED,
                 "%s: is no mbe repository: its file mbe-repository is not \"mbe repository 1\"",
                 repo);
    AUTO_FREE char *absent = mem_printf("%s/absent", repo),
                   *file = mem_printf("%s/precious/data", repo);
    assert_error(catalog_list(&list, absent), ERR_NO_REPOSITORY,
                 "%s: is no mbe repository: no such directory", absent);
    assert_error(catalog_list(&list, file), ERR_REFUSED,
                 "%s: is no mbe repository: not a directory", file);
    struct catalog_deletion *deletion = NULL;
    assert_error(catalog_deletion_begin(&deletion, absent, NULL), ERR_NO_REPOSITORY,
                 "%s: is no mbe repository: no such directory", absent);
    assert_null(deletion);
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
    put_file(*state, "mbe-repository.tmp-0123456789abcdef", "mb");
    publish(begin(*state));
    assert_int_equal(count(*state), 1);
    assert_true(exists(*state, "lost+found/x"));
}

/* ---- killed and living processes ---- */

/* A process that does `work`, says what came of it and waits. `work` gives NULL when it fails. */
static pid_t start_holder(const char *repo, const char *(*work)(const char *repo), char said[64])
{
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const char *text = work(repo);
        if (!text || write(pipe_fd[1], text, strlen(text)) < 0)
            _exit(1);
        close(pipe_fd[1]);
        for (;;)
            pause();
    }
    close(pipe_fd[1]);
    const ssize_t n = read(pipe_fd[0], said, 63);
    assert_true(n > 0);
    said[n] = '\0';
    close(pipe_fd[0]);
    return pid;
}

static const char *begin_a_draft(const char *repo)
{
    struct catalog_draft *d;
    return catalog_begin(&d, repo, "full", NULL) ? NULL : catalog_draft_id(d);
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
    const pid_t pid = start_holder(repo, begin_a_draft, id);
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

/* ---- deletion ---- */

#define FULL "20261124T170632Z-full"
#define INCREMENT "20261124T170640Z-incremental"

static void make_two(const char *repo)
{
    put_file(repo, "mbe-repository", "mbe repository 1\n");
    put_file(repo, FULL "/backup.mbe", "x");
    put_file(repo, INCREMENT "/backup.mbe", "x");
}

static struct catalog_deletion *begin_deletion(const char *repo)
{
    struct catalog_deletion *d = NULL;
    assert_null(catalog_deletion_begin(&d, repo, NULL));
    return d;
}

static void claim(struct catalog_deletion *d, const char *id)
{
    bool in_use = true;
    assert_null(catalog_deletion_claim(d, id, &in_use));
    assert_false(in_use);
}

static void what_is_deleted_leaves_the_list_one_by_one_and_then_the_disk(void **state)
{
    const char *repo = *state, *id;
    make_two(repo);
    struct catalog_deletion *d = begin_deletion(repo);
    claim(d, INCREMENT);
    claim(d, FULL);
    assert_int_equal(count(repo), 2);
    assert_null(catalog_deletion_next(d, &id));
    assert_string_equal(id, INCREMENT);
    assert_int_equal(count(repo), 1);
    assert_true(exists(repo, FULL));
    assert_null(catalog_deletion_next(d, &id));
    assert_string_equal(id, FULL);
    assert_null(catalog_deletion_next(d, &id));
    assert_null(id);
    assert_int_equal(count(repo), 0);
    assert_int_equal(n_files(repo), 3); /* the bytes are still there */
    assert_null(catalog_deletion_finish(d));
    assert_int_equal(n_files(repo), 1);
    catalog_deletion_free(d);
}

static void claims_that_are_given_up_delete_nothing(void **state)
{
    const char *repo = *state, *id;
    AUTO_FREE char *archive = mem_printf("%s/" FULL "/backup.mbe", repo);
    make_two(repo);
    AUTO(catalog_deletion) d = begin_deletion(repo);
    claim(d, FULL);
    catalog_deletion_unclaim(d);
    assert_null(catalog_deletion_next(d, &id));
    assert_null(id);
    AUTO_FD int fd = -1;
    assert_null(catalog_use(&fd, archive));
    claim(d, INCREMENT);
    assert_null(catalog_deletion_finish(d));
    assert_int_equal(count(repo), 2);
}

static void a_backup_in_use_cannot_be_claimed_until_it_is_not(void **state)
{
    const char *repo = *state;
    AUTO_FREE char *archive = mem_printf("%s/" FULL "/backup.mbe", repo);
    int first = -1, second = -1;
    bool in_use = false;
    make_two(repo);
    assert_null(catalog_use(&first, archive));
    assert_null(catalog_use(&second, archive)); /* they do not disturb each other */
    AUTO(catalog_deletion) d = begin_deletion(repo);
    close(first);
    assert_null(catalog_deletion_claim(d, FULL, &in_use));
    assert_true(in_use);
    claim(d, INCREMENT);
    close(second);
    claim(d, FULL);
}

static const char *claim_a_full(const char *repo)
{
    struct catalog_deletion *d;
    bool in_use = true;
    if (catalog_deletion_begin(&d, repo, NULL) || catalog_deletion_claim(d, FULL, &in_use))
        return NULL;
    return in_use ? NULL : "claimed";
}

static void on_alarm(int sig)
{
    signals_stop = sig;
}

static void who_waits_for_a_claim_is_stopped_by_a_signal(void **state)
{
    char said[64];
    const char *repo = *state;
    AUTO_FREE char *archive = mem_printf("%s/" FULL "/backup.mbe", repo);
    const struct sigaction act = {.sa_handler = on_alarm};
    const struct itimerval soon = {.it_interval = {.tv_usec = 20000},
                                   .it_value = {.tv_usec = 20000}};
    int fd = -1;
    make_two(repo);
    const pid_t pid = start_holder(repo, claim_a_full, said);
    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    struct err *e = catalog_use(&fd, archive);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    signals_stop = 0;
    end_holder(pid);
    assert_error(e, ERR_INTERRUPTED, "stopped by signal %d (Alarm clock)", SIGALRM);
    assert_null(catalog_use(&fd, archive)); /* a killed deletion claims nothing */
    close(fd);
}

static const char *choose_for_deletion(const char *repo)
{
    struct catalog_deletion *d;
    return catalog_deletion_begin(&d, repo, NULL) ? NULL : "chosen";
}

static const char *hold_the_record(const char *repo)
{
    AUTO_FREE char *path = mem_printf("%s/" FULL "/verified.jsonl", repo);
    int fd;
    if (file_open(&fd, path, O_RDWR | O_CREAT, 0600) || flock(fd, LOCK_EX))
        return NULL;
    return "held";
}

static struct err *begin_one(const char *repo)
{
    AUTO(catalog_draft) d = NULL;
    return catalog_begin(&d, repo, "full", NULL);
}

static struct err *append_to_the_record(const char *repo)
{
    AUTO_FREE char *archive = catalog_archive_path(repo, FULL);
    return catalog_record_append(archive, "line");
}

static void who_waits_for_the_repository_or_a_record_is_stopped_by_a_signal(void **state)
{
    static const struct {
        const char *(*hold)(const char *repo);
        struct err *(*wait)(const char *repo);
    } cases[] = {{choose_for_deletion, begin_one}, {hold_the_record, append_to_the_record}};
    const struct sigaction act = {.sa_handler = on_alarm};
    const struct itimerval soon = {.it_interval = {.tv_usec = 20000},
                                   .it_value = {.tv_usec = 20000}};
    make_two(*state);
    sigaction(SIGALRM, &act, NULL);
    for (size_t i = 0; i < 2; i++) {
        char said[64];
        const pid_t pid = start_holder(*state, cases[i].hold, said);
        setitimer(ITIMER_REAL, &soon, NULL);
        struct err *e = cases[i].wait(*state);
        setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
        signals_stop = 0;
        end_holder(pid);
        assert_error(e, ERR_INTERRUPTED, "stopped by signal %d (Alarm clock)", SIGALRM);
        assert_null(cases[i].wait(*state));
    }
}

static void a_backup_that_was_deleted_is_told_to_be_gone(void **state)
{
    const char *repo = *state, *id;
    AUTO_FREE char *archive = mem_printf("%s/" FULL "/backup.mbe", repo);
    int fd = -1;
    make_two(repo);
    AUTO(catalog_deletion) d = begin_deletion(repo);
    claim(d, FULL);
    assert_null(catalog_deletion_next(d, &id));
    struct err *e = catalog_use(&fd, archive);
    assert_non_null(e);
    assert_int_equal(e->os_errno, ENOENT);
    err_free(e);
    assert_int_equal(fd, -1);
}

static const char *delete_all_but_the_files(const char *repo)
{
    struct catalog_deletion *d;
    const char *id;
    bool in_use;
    if (catalog_deletion_begin(&d, repo, NULL) || catalog_deletion_claim(d, FULL, &in_use) ||
        catalog_deletion_next(d, &id))
        return NULL;
    return id;
}

static void a_deletion_that_was_killed_is_finished_by_the_next_run(void **state)
{
    char id[64];
    const char *repo = *state;
    make_two(repo);
    end_holder(start_holder(repo, delete_all_but_the_files, id));
    assert_string_equal(id, FULL);
    assert_int_equal(count(repo), 1);
    assert_true(exists(repo, "." FULL ".deleted/backup.mbe"));
    catalog_deletion_free(begin_deletion(repo));
    assert_int_equal(n_files(repo), 2);

    end_holder(start_holder(repo, begin_a_draft, id));
    put_file(repo, "." FULL ".deleted/backup.mbe", "x");
    put_file(repo, ".something.deleted/x", "not ours");
    catalog_draft_free(begin(repo));
    assert_int_equal(n_files(repo), 3);
    assert_true(exists(repo, ".something.deleted/x"));
}

/* Publishes when it is told to go on: forked before any lock is taken, for a child shares the locks of
 * its parent. Ends with 0 when all went well. */
static pid_t start_publisher(const char *repo, int *go)
{
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char c;
        struct catalog_draft *d;
        close(pipe_fd[1]);
        if (read(pipe_fd[0], &c, 1) != 1 || catalog_begin(&d, repo, "incremental", NULL))
            _exit(1);
        put_file(catalog_draft_dir(d), "backup.mbe", "archive");
        _exit(catalog_publish(d) ? 1 : 0);
    }
    close(pipe_fd[0]);
    *go = pipe_fd[1];
    return pid;
}

static void nothing_is_published_while_backups_are_chosen_for_deletion(void **state)
{
    const char *repo = *state;
    int status, go;
    make_two(repo);
    const pid_t pid = start_publisher(repo, &go);
    AUTO(catalog_deletion) d = begin_deletion(repo);
    assert_int_equal(write(go, "x", 1), 1);
    clock_sleep_ms(100); /* it does not come to its end, however long it is given */
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    assert_int_equal(count(repo), 2);
    assert_null(catalog_deletion_finish(d));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(count(repo), 3);
    close(go);
}

static void a_backup_of_an_older_state_has_the_time_of_that_in_its_id(void **state)
{
    AUTO(catalog_draft) d = NULL;
    AUTO(catalog_draft) again = NULL;
    const char *repo = *state;
    struct catalog_draft *none;
    assert_null(catalog_begin_like(&d, repo, "20250101T000000Z-incremental-3", "full", NULL));
    assert_string_equal(catalog_draft_id(d), "20250101T000000Z-full");
    assert_null(catalog_begin_like(&again, repo, "20250101T000000Z-incremental-3", "full", NULL));
    assert_string_equal(catalog_draft_id(again), "20250101T000000Z-full-2");
    assert_error(catalog_begin_like(&none, repo, "../20250101", "full", NULL), ERR_FAILED,
                 "\"../20250101\" is no backup id");
}

static void a_record_grows_line_by_line_and_goes_with_its_backup(void **state)
{
    const char *repo = *state;
    AUTO_FREE char *text = NULL, *none = NULL, *again = NULL;
    struct catalog_draft *draft = begin(repo);
    AUTO_FREE char *id = mem_strdup(catalog_draft_id(draft)),
                   *path = catalog_archive_path(repo, id);
    publish(draft);
    assert_null(catalog_record_read(&none, path));
    assert_string_equal(none, "");
    assert_null(catalog_record_append(path, "{\"one\":1}"));
    assert_null(catalog_record_append(path, "two"));
    assert_null(catalog_record_read(&text, path));
    assert_string_equal(text, "{\"one\":1}\ntwo\n");

    /* the writer was killed within a line */
    AUTO_FREE char *record = mem_printf("%s/%s/verified.jsonl", repo, id);
    assert_null(file_replace(record, "whole\nha", strlen("whole\nha"), 0600));
    assert_null(catalog_record_append(path, "next"));
    assert_null(catalog_record_read(&again, path));
    assert_string_equal(again, "whole\nha\nnext\n");

    AUTO(catalog_deletion) d = NULL;
    const char *gone;
    bool in_use;
    assert_null(catalog_deletion_begin(&d, repo, NULL));
    assert_null(catalog_deletion_claim(d, id, &in_use));
    assert_null(catalog_deletion_next(d, &gone));
    assert_null(catalog_deletion_finish(d));
    assert_false(exists(repo, id));
}

static void a_record_is_written_through_no_link(void **state)
{
    AUTO_FREE char *archive = catalog_archive_path(*state, FULL),
                   *record = mem_printf("%s/" FULL "/verified.jsonl", (char *)*state),
                   *victim = mem_printf("%s/victim", (char *)*state);
    AUTO_FREE char *text = NULL;
    size_t len;
    make_two(*state);
    put_file(*state, "victim", "mine");
    assert_int_equal(symlink(victim, record), 0);
    struct err *e = catalog_record_append(archive, "line");
    assert_non_null(e);
    assert_int_equal(e->os_errno, ELOOP);
    err_free(e);
    assert_null(file_read_all(&text, &len, victim, 100));
    assert_string_equal(text, "mine");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_remove)
        IN_DIR(a_backup_is_listed_once_it_is_published),
        IN_DIR(a_draft_that_is_given_up_leaves_nothing),
        IN_DIR(a_draft_without_archive_cannot_be_published),
        IN_DIR(ids_of_one_second_differ_and_sort_in_order),
        IN_DIR(a_backup_of_an_older_state_has_the_time_of_that_in_its_id),
        IN_DIR(only_what_looks_like_a_backup_is_listed_oldest_first),
        IN_DIR(a_directory_that_is_no_repository_is_refused_and_untouched),
        IN_DIR(a_type_that_is_no_word_is_refused),
        IN_DIR(a_new_file_system_and_a_half_made_repository_are_empty_enough),
        IN_DIR(the_draft_of_a_killed_run_is_removed_and_that_of_a_living_one_kept),
        IN_DIR(what_is_deleted_leaves_the_list_one_by_one_and_then_the_disk),
        IN_DIR(claims_that_are_given_up_delete_nothing),
        IN_DIR(a_backup_in_use_cannot_be_claimed_until_it_is_not),
        IN_DIR(who_waits_for_a_claim_is_stopped_by_a_signal),
        IN_DIR(who_waits_for_the_repository_or_a_record_is_stopped_by_a_signal),
        IN_DIR(a_backup_that_was_deleted_is_told_to_be_gone),
        IN_DIR(a_deletion_that_was_killed_is_finished_by_the_next_run),
        IN_DIR(a_record_grows_line_by_line_and_goes_with_its_backup),
        IN_DIR(a_record_is_written_through_no_link),
        IN_DIR(nothing_is_published_while_backups_are_chosen_for_deletion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
