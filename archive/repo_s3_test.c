/* archive/repo_s3_test.c: backups come, are listed, read and go in an object store as in a directory; what lists is complete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>

#include "archive/format.h"
#include "archive/repo_kind.h"
#include "archive/repo.h"
#include "archive/s3_store_test_util.h"

#define MARKER "mbe repository 1\n"
#define FULL "20261124T170632Z-full"
#define INCREMENT "20261125T170632Z-incremental"

static struct repo *open_repo(const struct memory_store *m)
{
    struct repo *r;
    const struct repo_options options = {.s3 = {.endpoint = m->http.endpoint,
                                                .region = "testland-1",
                                                .path_style = true,
                                                .timeout_s = 30}};
    s3_client_free(store_client(&m->http, NULL)); /* sets the environment */
    struct err *e = repo_open(&r, "s3://buck/db", &options);
    if (e)
        fail_msg("%s", e->message);
    return r;
}

static void check_ids(struct repo *r, const char *expected)
{
    struct backup_ids list;
    assert_null(repo_list(&list, r));
    char *text = mem_strdup("");
    for (size_t i = 0; i < list.n; i++) {
        AUTO_FREE char *before = text;
        text = mem_printf("%s%s ", before, list.ids[i]);
    }
    assert_string_equal(text, expected);
    free(text);
    backup_ids_fini(&list);
}

static void check_error(struct err *e, enum err_kind kind, const char *message)
{
    assert_non_null(e);
    assert_string_equal(e->message, message);
    assert_int_equal(e->kind, kind);
    err_free(e);
}

/* Two backups and what else may lie there. */
static void put_backups(struct memory_store *m)
{
    memory_put_text(m, "db/mbe-repository", MARKER);
    memory_put_text(m, "db/" INCREMENT "/backup.mbe", "increment");
    memory_put_text(m, "db/" FULL "/backup.mbe", "full");
    memory_put_text(m, "db/" FULL "/verified/1.json", "{\"n\": 1}\n");
    memory_put_text(m, "db/" FULL "/verified/2.json", "{\"n\": 2}\n");
    memory_put_text(m, "db/" FULL "/other", "x");
    memory_put_text(m, "db/notes.txt", "x");
    memory_put_text(m, "other/20261126T170632Z-full/backup.mbe", "x");
    memory_put_text(m, "db/20261120T170632Z-full/verified/1.json", "lost");
}

static void what_lists_is_an_archive_of_this_repository(void **state)
{
    struct memory_store *m = *state;
    put_backups(m);
    AUTO(repo) r = open_repo(m);
    check_ids(r, FULL " " INCREMENT " ");
    assert_string_equal(repo_name(r), "s3://buck/db");
    assert_null(repo_directory(r));
}

static void without_its_marker_it_is_no_repository(void **state)
{
    struct memory_store *m = *state;
    struct backup_ids list;
    AUTO(repo) r = open_repo(m);
    check_error(repo_list(&list, r), ERR_NO_REPOSITORY,
                "s3://buck/db: is no mbe repository: it has no object mbe-repository");
    memory_put_text(m, "db/mbe-repository", "mbe repository 2\n");
    check_error(repo_list(&list, r), ERR_REFUSED,
                "s3://buck/db: is no mbe repository: its object mbe-repository is not \"mbe "
                "repository 1\"");
}

static void a_backup_is_there_when_it_is_published(void **state)
{
    struct memory_store *m = *state;
    AUTO(repo) r = open_repo(m);
    AUTO(repo_draft) d = NULL;
    AUTO(source) s = NULL;
    struct stat st;
    assert_null(repo_begin(&d, r, NULL, "full"));
    AUTO_FREE char *dir = mem_strdup(repo_draft_dir(d)), *id = mem_strdup(repo_draft_id(d));
    AUTO_FREE char *listed = mem_printf("%s ", id);
    struct sink *sink = repo_draft_sink(d);
    assert_int_equal(stat(dir, &st), 0);
    assert_null(sink->append(sink, "archive", 7));
    check_ids(r, "");
    assert_null(sink->commit(sink));
    check_ids(r, "");
    assert_null(repo_publish(d));
    check_ids(r, listed);
    repo_draft_free(d);
    d = NULL;
    assert_int_equal(stat(dir, &st), -1);
    char text[8] = "";
    size_t got;
    assert_null(repo_open_source(&s, r, id));
    assert_null(s->read_at(s, text, sizeof text, 0, &got));
    assert_int_equal(got, 7);
    assert_string_equal(text, "archive");
}

/* As under the server's lock. */
static void what_is_appended_while_held_is_not_waited_for(void **state)
{
    enum { N = 9 << 20 }; /* more than a part */
    struct memory_store *m = *state;
    AUTO(repo) r = open_repo(m);
    AUTO(repo_draft) d = NULL;
    AUTO_FREE char *data = mem_zalloc(N);
    assert_null(repo_begin(&d, r, FULL, "full"));
    struct sink *sink = repo_draft_sink(d);
    const int n_requests = m->n_requests;
    data[N - 1] = 'z';
    sink->hold(sink, true);
    assert_null(sink->append(sink, data, N));
    sink->hold(sink, false);
    assert_int_equal(m->n_requests, n_requests);
    assert_null(sink->commit(sink));
    assert_null(repo_publish(d));
    const struct memory_object *o = memory_find(m, "db/" FULL "/backup.mbe");
    assert_int_equal(o->n, N);
    assert_memory_equal(o->data, data, N);
}

static void an_abandoned_backup_leaves_nothing(void **state)
{
    struct memory_store *m = *state;
    AUTO(repo) r = open_repo(m);
    struct repo_draft *d;
    assert_null(repo_begin(&d, r, FULL, "full"));
    assert_string_equal(repo_draft_id(d), FULL);
    assert_null(repo_draft_sink(d)->append(repo_draft_sink(d), "x", 1));
    repo_draft_free(d);
    check_ids(r, "");
    assert_null(m->uploads[0].key);
}

/* By a backup that is there, and by one that is being taken. */
static void an_id_that_is_taken_gets_a_number(void **state)
{
    struct memory_store *m = *state;
    put_backups(m);
    AUTO(repo) r = open_repo(m);
    AUTO(repo_draft) one = NULL;
    AUTO(repo_draft) two = NULL;
    AUTO(repo_draft) other = NULL;
    assert_null(repo_begin(&one, r, FULL, "full"));
    assert_string_equal(repo_draft_id(one), FULL "-2");
    assert_null(repo_begin(&two, r, FULL, "full"));
    assert_string_equal(repo_draft_id(two), FULL "-3");
    assert_null(repo_begin(&other, r, INCREMENT, "full"));
    assert_string_equal(repo_draft_id(other), "20261125T170632Z-full");
}

/* Else a key block that is not its own would count, or a record that says it was verified. */
static void an_id_of_which_anything_is_left_is_not_used_again(void **state)
{
    static const char *const left[] = {"db/" FULL "/key", "db/" FULL "/verified/1.json"};
    struct memory_store *m = *state;
    memory_put_text(m, "db/mbe-repository", MARKER);
    AUTO(repo) r = open_repo(m);
    for (size_t i = 0; i < 2; i++) {
        AUTO(repo_draft) d = NULL;
        memory_put_text(m, left[i], "x");
        assert_null(repo_begin(&d, r, FULL, "full"));
        assert_string_equal(repo_draft_id(d), FULL "-2");
        memory_remove(m, left[i]);
    }
}

/* The right to write objects is enough to take a backup. */
static void a_writer_needs_no_right_to_list_uploads(void **state)
{
    struct memory_store *m = *state;
    AUTO(repo) r = open_repo(m);
    AUTO(repo_draft) d = NULL;
    m->fail = "/buck/?prefix=db%2F&uploads=";
    assert_null(repo_begin(&d, r, NULL, "full"));
}

static void the_record_is_in_the_order_of_time(void **state)
{
    struct memory_store *m = *state;
    put_backups(m);
    AUTO(repo) r = open_repo(m);
    struct repo_use *use;
    char *text;
    memory_remove(m, "db/" FULL "/verified/1.json");
    memory_remove(m, "db/" FULL "/verified/2.json");
    assert_null(repo_record_read(&text, r, FULL));
    assert_string_equal(text, "");
    free(text);
    assert_null(repo_use_begin(&use, r, FULL));
    assert_null(repo_record_append(r, FULL, "{\"n\": 1}"));
    repo_use_end(use);
    memory_put_text(m, "db/" FULL "/verified/3.json", "{\"n\": 3}\n");
    assert_null(repo_record_read(&text, r, FULL));
    assert_string_equal(text, "{\"n\": 1}\n{\"n\": 3}\n");
    free(text);
}

static void a_key_block_is_an_object_beside_the_archive(void **state)
{
    struct memory_store *m = *state;
    put_backups(m);
    AUTO(repo) r = open_repo(m);
    uint8_t block[KEY_BLOCK_SIZE] = {1, 2, 3}, got[KEY_BLOCK_SIZE];
    bool there;
    assert_null(repo_key_block_read(got, &there, r, FULL));
    assert_false(there);
    for (uint8_t i = 0; i < 2; i++) {
        block[3] = i;
        assert_null(repo_key_block_replace(r, FULL, block));
        assert_null(repo_key_block_read(got, &there, r, FULL));
        assert_true(there);
        assert_memory_equal(got, block, sizeof block);
    }
    memory_remove(m, "db/" FULL "/key");
    memory_put_text(m, "db/" FULL "/key", "short");
    check_error(repo_key_block_read(got, &there, r, FULL), ERR_CORRUPT,
                "s3://buck/db/" FULL "/key: 5 bytes, 128 expected");
}

static void what_is_gone_cannot_be_used(void **state)
{
    struct memory_store *m = *state;
    AUTO(repo) r = open_repo(m);
    struct repo_use *use;
    struct source *s;
    struct err *e = repo_use_begin(&use, r, FULL);
    assert_non_null(e);
    assert_int_equal(e->os_errno, ENOENT);
    check_error(e, ERR_IO, "s3://buck/db/" FULL ": was deleted: No such file or directory");
    e = repo_open_source(&s, r, FULL);
    assert_non_null(e);
    assert_int_equal(e->os_errno, ENOENT);
    err_free(e);
}

static void deleting_takes_the_archive_first(void **state)
{
    struct memory_store *m = *state;
    put_backups(m);
    AUTO(repo) r = open_repo(m);
    AUTO(repo_deletion) d = NULL;
    const char *id;
    bool in_use;
    memory_put_text(m, "db/" FULL "/key", "k");
    assert_null(repo_deletion_begin(&d, r));
    assert_null(repo_deletion_claim(d, INCREMENT, &in_use));
    assert_false(in_use);
    assert_null(repo_deletion_claim(d, FULL, &in_use));
    assert_null(repo_deletion_next(d, &id));
    assert_string_equal(id, INCREMENT);
    check_ids(r, FULL " ");
    m->fail = FULL "/backup.mbe";
    check_error(repo_deletion_next(d, &id), ERR_REFUSED,
                "s3://buck/db/" FULL "/backup.mbe: DELETE: HTTP status 403, AccessDenied");
    m->fail = NULL;
    check_ids(r, FULL " ");
    assert_null(repo_deletion_next(d, &id));
    assert_string_equal(id, FULL);
    check_ids(r, "");
    assert_null(repo_deletion_next(d, &id));
    assert_null(id);
    assert_null(repo_deletion_finish(d));
    assert_null(memory_find(m, "db/" FULL "/key"));
}

static void deletion_cleans_up_after_killed_runs(void **state)
{
    struct memory_store *m = *state;
    put_backups(m);
    AUTO(repo) r = open_repo(m);
    AUTO(repo_draft) young = NULL;
    AUTO(repo_draft) old = NULL;
    AUTO(repo_deletion) d = NULL;
    assert_null(repo_begin(&young, r, FULL, "full"));
    assert_null(repo_begin(&old, r, INCREMENT, "full"));
    m->uploads[1].initiated = "2026-01-01T00:00:00.000Z";
    memory_put_text(m, "db/20261120T170632Z-full/key", "k");
    memory_put_text(m, "db/" FULL "/key", "k");
    m->lists_backwards = true;
    assert_null(repo_deletion_begin(&d, r));
    assert_non_null(m->uploads[0].key);
    assert_null(m->uploads[1].key);
    assert_null(memory_find(m, "db/20261120T170632Z-full/key"));
    assert_non_null(memory_find(m, "db/" FULL "/key"));
    assert_null(memory_find(m, "db/20261120T170632Z-full/verified/1.json"));
    assert_non_null(memory_find(m, "db/" FULL "/verified/1.json"));
    assert_non_null(memory_find(m, "db/" FULL "/other"));
    check_ids(r, FULL " " INCREMENT " ");
}

/* What a killed copy and a killed deletion have left of it is in nobody's way, and is not the new one's. */
static void a_backup_that_has_its_id_already_comes_under_that(void **state)
{
    struct memory_store *m = *state;
    AUTO(repo) r = open_repo(m);
    AUTO(repo_draft) killed = NULL;
    AUTO(repo_draft) d = NULL;
    AUTO(repo_draft) again = NULL;
    assert_null(repo_begin_as(&killed, r, FULL "-7"));
    memory_put_text(m, "db/" FULL "-7/key", "k");
    memory_put_text(m, "db/" FULL "-7/verified/1.json", "old");
    memory_put_text(m, "db/" FULL "/verified/1.json", "of another");
    assert_null(repo_begin_as(&d, r, FULL "-7"));
    assert_string_equal(repo_draft_id(d), FULL "-7");
    struct sink *sink = repo_draft_sink(d);
    assert_null(sink->append(sink, "archive", 7));
    assert_null(sink->commit(sink));
    assert_null(repo_publish(d));
    check_ids(r, FULL "-7 ");
    assert_null(memory_find(m, "db/" FULL "-7/key"));
    assert_null(memory_find(m, "db/" FULL "-7/verified/1.json"));
    assert_non_null(memory_find(m, "db/" FULL "/verified/1.json"));
    check_error(repo_begin_as(&again, r, FULL "-7"), ERR_REFUSED,
                "s3://buck/db: backup " FULL "-7 is there already");
}

#define STORED(test) cmocka_unit_test_setup_teardown(test, memory_start, memory_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORED(what_lists_is_an_archive_of_this_repository),
        STORED(without_its_marker_it_is_no_repository),
        STORED(a_backup_is_there_when_it_is_published),
        STORED(what_is_appended_while_held_is_not_waited_for),
        STORED(an_abandoned_backup_leaves_nothing),
        STORED(an_id_that_is_taken_gets_a_number),
        STORED(an_id_of_which_anything_is_left_is_not_used_again),
        STORED(a_writer_needs_no_right_to_list_uploads),
        STORED(the_record_is_in_the_order_of_time),
        STORED(a_key_block_is_an_object_beside_the_archive),
        STORED(what_is_gone_cannot_be_used),
        STORED(deleting_takes_the_archive_first),
        STORED(deletion_cleans_up_after_killed_runs),
        STORED(a_backup_that_has_its_id_already_comes_under_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
