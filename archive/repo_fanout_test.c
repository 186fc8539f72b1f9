/* archive/repo_fanout_test.c: one backup into several repositories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "archive/repo_fanout.h"
#include "base/dir_test_util.h"
#include "base/err_test_util.h"

/* Two directories, A and B, below that of the test. */
struct pair {
    char *names[2];
    struct repo *repos[2];
    struct destination destinations[2];
    struct repo_fanout_options options;
};

static void pair_open(struct pair *p, const char *dir, const char *name_of_b)
{
    p->names[0] = mem_printf("%s/A", dir);
    p->names[1] = mem_printf("%s/%s", dir, name_of_b);
    p->options = (struct repo_fanout_options){.tmp_dir = dir};
    for (int i = 0; i < 2; i++) {
        assert_null(repo_open(&p->repos[i], p->names[i], &(struct repo_options){0}));
        destination_init(&p->destinations[i], p->repos[i]);
    }
}

static void pair_close(struct pair *p)
{
    for (int i = 0; i < 2; i++) {
        destination_fini(&p->destinations[i]);
        repo_close(p->repos[i]);
        free(p->names[i]);
    }
}

static struct err *begin(struct repo_draft **out, struct pair *p)
{
    return repo_fanout_begin(out, p->destinations, 2, "full", &p->options);
}

static void write_something(struct repo_draft *d)
{
    struct sink *sink = repo_draft_sink(d);
    assert_null(sink->append(sink, "something", 9));
    assert_null(sink->commit(sink));
}

/* The only backup that lists there is this one; NULL: none does. */
static void assert_holds(struct pair *p, int i, const char *id)
{
    struct backup_ids list;
    assert_null(repo_list(&list, p->repos[i]));
    assert_int_equal(list.n, id ? 1 : 0);
    if (id)
        assert_string_equal(list.ids[0], id);
    backup_ids_fini(&list);
}

static void assert_something_is_in(struct pair *p, int i, const char *id)
{
    AUTO_FREE char *path = mem_printf("%s/%s/backup.mbe", p->names[i], id);
    AUTO_FREE char *text = NULL;
    size_t n;
    assert_null(file_read_all(&text, &n, path, 100));
    assert_string_equal(text, "something");
}

static void each_gets_the_same_backup_under_the_same_id(void **state)
{
    struct pair p;
    struct repo_draft *d;
    pair_open(&p, *state, "B");
    assert_null(begin(&d, &p));
    AUTO_FREE char *id = mem_strdup(repo_draft_id(d));
    write_something(d);
    assert_holds(&p, 0, NULL);
    assert_null(repo_publish(d));
    repo_draft_free(d);
    for (int i = 0; i < 2; i++) {
        assert_null(p.destinations[i].branch.error);
        assert_int_equal(p.destinations[i].branch.bytes, 9);
        assert_holds(&p, i, id);
        assert_something_is_in(&p, i, id);
    }
    pair_close(&p);
}

/* What is needed meanwhile is in none of them: it is not lost with it, and does not fill it up. */
static void the_directory_of_the_draft_is_in_no_repository(void **state)
{
    struct pair p;
    struct repo_draft *d;
    pair_open(&p, *state, "B");
    assert_null(begin(&d, &p));
    for (int i = 0; i < 2; i++)
        assert_null(strstr(repo_draft_dir(d), p.names[i]));
    assert_memory_equal(repo_draft_dir(d), *state, strlen(*state));
    repo_draft_free(d);
    pair_close(&p);
}

static void one_that_cannot_be_begun_is_left_out(void **state)
{
    struct pair p;
    struct repo_draft *d;
    pair_open(&p, *state, "file/B");
    AUTO_FREE char *file = mem_printf("%s/file", (char *)*state);
    assert_null(file_replace(file, "x", 1, 0600));
    assert_null(begin(&d, &p));
    AUTO_FREE char *id = mem_strdup(repo_draft_id(d));
    write_something(d);
    assert_null(repo_publish(d));
    repo_draft_free(d);
    assert_holds(&p, 0, id);
    assert_memory_equal(p.destinations[1].branch.error->message, p.names[1], strlen(p.names[1]));
    assert_int_equal(p.destinations[1].branch.error->os_errno, ENOTDIR);
    pair_close(&p);
}

static void one_where_it_cannot_be_published_is_left_out(void **state)
{
    struct pair p;
    struct repo_draft *d;
    pair_open(&p, *state, "B");
    assert_null(begin(&d, &p));
    AUTO_FREE char *id = mem_strdup(repo_draft_id(d));
    write_something(d);
    assert_null(file_remove_tree(p.names[0]));
    assert_null(repo_publish(d));
    repo_draft_free(d);
    assert_int_equal(p.destinations[0].branch.error->os_errno, ENOENT);
    assert_null(p.destinations[1].branch.error);
    assert_holds(&p, 1, id);
    pair_close(&p);
}

static void when_none_is_left_it_is_an_error_that_names_all(void **state)
{
    struct pair p;
    struct repo_draft *d;
    pair_open(&p, *state, "B");
    assert_null(begin(&d, &p));
    write_something(d);
    for (int i = 0; i < 2; i++)
        assert_null(file_remove_tree(p.names[i]));
    struct err *e = repo_publish(d);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_IO);
    for (int i = 0; i < 2; i++)
        assert_non_null(strstr(e->message, p.names[i]));
    err_free(e);
    repo_draft_free(d);
    pair_close(&p);
}

/* As if B had taken a backup of its own in this second, and in the next one. */
static void take_ids(const char *repo)
{
    for (int i = 0; i < 2; i++) {
        const time_t t = time(NULL) + i;
        char stamp[32];
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
        AUTO_FREE char *path = mem_printf("%s/%s-full/backup.mbe", repo, stamp);
        assert_null(file_mkdirs_for(path, 0700));
        assert_null(file_replace(path, "x", 1, 0600));
    }
    AUTO_FREE char *marker = mem_printf("%s/mbe-repository", repo);
    assert_null(file_replace(marker, "mbe repository 1\n", 17, 0600));
}

static void an_id_that_is_taken_in_one_of_them_is_taken_in_none(void **state)
{
    struct pair p;
    struct repo_draft *d;
    pair_open(&p, *state, "B");
    take_ids(p.names[1]);
    assert_null(begin(&d, &p));
    AUTO_FREE char *id = mem_strdup(repo_draft_id(d));
    write_something(d);
    assert_null(repo_publish(d));
    repo_draft_free(d);
    for (int i = 0; i < 2; i++) {
        assert_null(p.destinations[i].branch.error);
        assert_something_is_in(&p, i, id);
    }
    pair_close(&p);
}

static void two_names_of_one_repository_are_refused(void **state)
{
    struct pair p;
    struct repo_draft *d;
    pair_open(&p, *state, "B");
    assert_int_equal(mkdir(p.names[0], 0700), 0);
    assert_int_equal(symlink(p.names[0], p.names[1]), 0);
    assert_error(begin(&d, &p), ERR_REFUSED,
                 "%s and %s: there is no id for a backup that is free in both", p.names[0],
                 p.names[1]);
    assert_holds(&p, 0, NULL);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_remove)
        IN_DIR(each_gets_the_same_backup_under_the_same_id),
        IN_DIR(the_directory_of_the_draft_is_in_no_repository),
        IN_DIR(one_that_cannot_be_begun_is_left_out),
        IN_DIR(one_where_it_cannot_be_published_is_left_out),
        IN_DIR(when_none_is_left_it_is_an_error_that_names_all),
        IN_DIR(an_id_that_is_taken_in_one_of_them_is_taken_in_none),
        IN_DIR(two_names_of_one_repository_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
