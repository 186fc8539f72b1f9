/* archive/repo_serve_test.c: what the other side may not say is refused and does no harm; what it may say is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "archive/archive_test_util.h"
#include "archive/catalog.h"
#include "archive/repo_serve.h"
#include "archive/wire.h"
#include "base/dir_test_util.h"

#define ID "20261124T170632Z-full"

/* A server for the repository in a directory, as a process of its own, and our end of the connection. */
struct peer {
    struct wire wire;
    pid_t server;
};

static void serve(const char *dir, int in, int out)
{
    struct repo *repo = NULL;
    struct err *e = repo_open(&repo, dir, &(struct repo_options){0});
    if (!e)
        e = repo_serve(repo, in, out);
    _exit(e ? 1 : 0);
}

static struct peer start(const char *dir)
{
    struct peer p;
    int to[2], from[2];
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    p.server = fork();
    assert_true(p.server >= 0);
    if (p.server == 0) {
        close(to[1]);
        close(from[0]);
        serve(dir, to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    wire_init(&p.wire, from[0], to[1], "server");
    return p;
}

/* Its exit status. */
static int stop(struct peer *p)
{
    int status;
    close(p->wire.in);
    close(p->wire.out);
    wire_fini(&p->wire);
    assert_int_equal(waitpid(p->server, &status, 0), p->server);
    return WEXITSTATUS(status);
}

static struct reader ask(struct peer *p)
{
    struct reader f;
    assert_null(wire_send(&p->wire));
    struct err *e = wire_answer(&p->wire, &f);
    if (e)
        fail_msg("%s", e->message);
    return f;
}

static void assert_refused(struct peer *p, const char *text)
{
    struct reader f;
    assert_null(wire_send(&p->wire));
    struct err *e = wire_answer(&p->wire, &f);
    assert_non_null(e);
    if (!strstr(e->message, text))
        fail_msg("\"%s\" expected in \"%s\"", text, e->message);
    err_free(e);
}

static void greet(struct peer *p)
{
    wire_begin(&p->wire, WIRE_HELLO);
    wire_put_number(&p->wire, WIRE_VERSION);
    struct reader f = ask(p);
    assert_int_equal(wire_number(&f), WIRE_VERSION);
}

static void put_backup(const char *dir)
{
    AUTO_FREE char *path = mem_printf("%s/" ID "/backup.mbe", dir),
                   *marker = mem_printf("%s/mbe-repository", dir);
    assert_null(file_mkdirs_for(path, 0700));
    assert_null(file_replace(path, "archive", 7, 0600));
    assert_null(file_replace(marker, "mbe repository 1\n", 17, 0600));
}

static void nothing_is_done_before_the_greeting(void **state)
{
    put_backup(*state);
    struct peer p = start(*state);
    wire_begin(&p.wire, WIRE_LIST);
    wire_put_text(&p.wire, "");
    assert_refused(&p, "before the greeting");
    wire_begin(&p.wire, WIRE_HELLO);
    wire_put_number(&p.wire, WIRE_VERSION + 1);
    assert_refused(&p, "version 3 of the protocol");
    assert_int_equal(stop(&p), 0);
}

static void what_is_no_id_names_no_file(void **state)
{
    static const enum wire_op ops[] = {WIRE_OPEN, WIRE_USE, WIRE_KEY_BLOCK_READ,
                                       WIRE_KEY_BLOCK_REPLACE};
    static const char *const bad[] = {"", "..", "../" ID, "/etc", "latest", ID "/../" ID};
    put_backup(*state);
    struct peer p = start(*state);
    greet(&p);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
            wire_begin(&p.wire, ops[k]);
            wire_put_text(&p.wire, bad[i]);
            assert_refused(&p, "no backup id");
        }
    assert_int_equal(stop(&p), 0);
}

static void what_does_not_fit_is_refused_and_the_next_request_is_answered(void **state)
{
    put_backup(*state);
    struct peer p = start(*state);
    greet(&p);
    wire_begin(&p.wire, WIRE_READ); /* no such handle */
    wire_put_number(&p.wire, 7);
    wire_put_number(&p.wire, 0);
    wire_put_number(&p.wire, 1);
    assert_refused(&p, "no such archive");
    wire_begin(&p.wire, WIRE_CLOSE);
    wire_put_number(&p.wire, UINT64_MAX);
    assert_refused(&p, "no such archive");
    wire_begin(&p.wire, WIRE_OPEN); /* a field too few, one too many */
    assert_refused(&p, "other fields");
    wire_begin(&p.wire, WIRE_COMMIT);
    wire_put_number(&p.wire, 1);
    assert_refused(&p, "other fields");
    wire_begin(&p.wire, WIRE_COMMIT);
    assert_refused(&p, "no such backup");
    wire_begin(&p.wire, WIRE_DELETION_NEXT);
    assert_refused(&p, "no such deletion");
    wire_begin(&p.wire, (enum wire_op)99);
    assert_refused(&p, "not known");
    wire_begin(&p.wire, WIRE_OPEN);
    wire_put_text(&p.wire, ID);
    struct reader f = ask(&p);
    const uint64_t handle = wire_number(&f);
    assert_int_equal(wire_number(&f), 7);
    wire_begin(&p.wire, WIRE_READ);
    wire_put_number(&p.wire, handle);
    wire_put_number(&p.wire, 2);
    wire_put_number(&p.wire, WIRE_PIECE_MAX);
    f = ask(&p);
    assert_int_equal(rd_left(&f), 5);
    assert_memory_equal(f.p, "chive", 5);
    assert_int_equal(stop(&p), 0);
}

static void put_key_block(struct peer *p, const uint8_t *block, size_t n)
{
    wire_begin(&p->wire, WIRE_KEY_BLOCK_REPLACE);
    wire_put_text(&p->wire, ID);
    wire_put_bytes(&p->wire, block, n);
}

static void assert_key_block(struct peer *p, const uint8_t *expected, size_t n)
{
    wire_begin(&p->wire, WIRE_KEY_BLOCK_READ);
    wire_put_text(&p->wire, ID);
    struct reader f = ask(p);
    assert_int_equal(rd_left(&f), n);
    if (n)
        assert_memory_equal(rd_bytes(&f, n), expected, n);
}

static void a_key_block_is_taken_whole_or_not_at_all(void **state)
{
    uint8_t block[KEY_BLOCK_SIZE], other[KEY_BLOCK_SIZE + 1] = {0};
    put_backup(*state);
    struct peer p = start(*state);
    greet(&p);
    assert_key_block(&p, NULL, 0);
    key_block_put(block, &(struct key_block){.archive_id = 1, .key_id = 2});
    put_key_block(&p, block, sizeof block);
    ask(&p);
    assert_key_block(&p, block, sizeof block);
    put_key_block(&p, other, KEY_BLOCK_SIZE);
    assert_refused(&p, "no key block here");
    for (size_t n = KEY_BLOCK_SIZE - 1; n <= KEY_BLOCK_SIZE + 1; n += 2) {
        memcpy(other, block, KEY_BLOCK_SIZE);
        put_key_block(&p, other, n);
        assert_refused(&p, "message");
    }
    assert_key_block(&p, block, sizeof block);
    assert_int_equal(stop(&p), 0);
}

static void a_length_that_is_none_ends_the_connection(void **state)
{
    static const uint8_t lengths[][4] = {{0, 0, 0, 0}, {255, 255, 255, 255}};
    put_backup(*state);
    for (size_t i = 0; i < 2; i++) {
        struct peer p = start(*state);
        assert_int_equal(write(p.wire.out, lengths[i], 4), 4);
        assert_int_equal(stop(&p), 1);
    }
}

static void append(struct peer *p, const char *text)
{
    wire_begin(&p->wire, WIRE_APPEND);
    wire_put_bytes(&p->wire, text, strlen(text));
    assert_null(wire_send(&p->wire));
}

/* Begins a backup, owned by caller its id. */
static char *begin_kept(struct peer *p, uint64_t keep_every)
{
    wire_begin(&p->wire, WIRE_BEGIN);
    wire_put_text(&p->wire, "");
    wire_put_text(&p->wire, "full");
    wire_put_number(&p->wire, keep_every);
    struct reader f = ask(p);
    return wire_text(&f);
}

static char *begin(struct peer *p)
{
    return begin_kept(p, 0);
}

static void what_is_published_is_there_and_what_is_not_is_gone_with_the_connection(void **state)
{
    for (int publish = 0; publish < 2; publish++) {
        struct peer p = start(*state);
        greet(&p);
        AUTO_FREE char *id = begin(&p);
        AUTO_FREE char *path = mem_printf("%s/%s/backup.mbe", (char *)*state, id),
                       *draft = mem_printf("%s/.%s.incomplete", (char *)*state, id);
        append(&p, "one ");
        append(&p, "two");
        wire_begin(&p.wire, WIRE_COMMIT);
        ask(&p);
        assert_int_equal(access(draft, F_OK), 0);
        wire_begin(&p.wire, WIRE_PUBLISH);
        if (publish)
            ask(&p);
        assert_int_equal(stop(&p), 0);
        assert_int_equal(access(draft, F_OK), -1);
        assert_int_equal(access(path, F_OK), publish ? 0 : -1);
        if (publish) {
            char *text;
            size_t len;
            assert_null(file_read_all(&text, &len, path, 100));
            assert_string_equal(text, "one two");
            free(text);
        }
    }
}

static void an_append_that_fails_is_told_beside_the_answers(void **state)
{
    put_backup(*state);
    struct peer p = start(*state);
    greet(&p);
    append(&p, "of no backup");
    append(&p, "passed over");
    wire_begin(&p.wire, WIRE_LIST);
    wire_put_text(&p.wire, "");
    struct reader f = ask(&p);
    AUTO_FREE char *id = wire_text(&f);
    assert_string_equal(id, ID);
    struct err *e = wire_append_error(&p.wire);
    assert_non_null(e);
    assert_string_equal(e->message, "there is no such backup on this connection");
    err_free(e);
    assert_null(wire_append_error(&p.wire));
    assert_int_equal(stop(&p), 0);
}

static void request(struct peer *p, enum wire_op op)
{
    wire_begin(&p->wire, op);
    ask(p);
}

static void assert_request_refused(struct peer *p, enum wire_op op, const char *text)
{
    wire_begin(&p->wire, op);
    assert_refused(p, text);
}

static void only_what_was_committed_is_published_and_that_once(void **state)
{
    struct peer p = start(*state);
    greet(&p);
    AUTO_FREE char *id = begin(&p);
    append(&p, "all of it");
    assert_request_refused(&p, WIRE_PUBLISH, "is not committed yet");
    request(&p, WIRE_COMMIT);
    assert_request_refused(&p, WIRE_COMMIT, "is committed already");
    request(&p, WIRE_PUBLISH);
    assert_request_refused(&p, WIRE_PUBLISH, "is published already");
    assert_request_refused(&p, WIRE_COMMIT, "is published already");
    append(&p, ", and more");
    request(&p, WIRE_ABANDON);
    assert_int_equal(stop(&p), 0);

    AUTO_FREE char *path = mem_printf("%s/%s/backup.mbe", (char *)*state, id);
    AUTO_FREE char *text = NULL;
    size_t len;
    assert_null(file_read_all(&text, &len, path, 100));
    assert_string_equal(text, "all of it");
}

static void what_grew_after_its_commit_is_not_published(void **state)
{
    struct peer p = start(*state);
    greet(&p);
    AUTO_FREE char *id = begin(&p);
    AUTO_FREE char *path = mem_printf("%s/%s/backup.mbe", (char *)*state, id);
    append(&p, "all of it");
    request(&p, WIRE_COMMIT);
    append(&p, ", and more");
    assert_request_refused(&p, WIRE_PUBLISH, "no such backup");
    struct err *e = wire_append_error(&p.wire);
    assert_non_null(e);
    assert_string_equal(e->message, "the backup on this connection is committed already");
    err_free(e);
    assert_int_equal(stop(&p), 0);
    assert_int_equal(access(path, F_OK), -1);
}

/* --- a backup that outlives its connection --- */

static void put_resume(struct peer *p, const char *id, uint64_t n)
{
    wire_begin(&p->wire, WIRE_RESUME);
    wire_put_text(&p->wire, id);
    wire_put_number(&p->wire, n);
    wire_put_number(&p->wire, 4);
}

/* What size it was published with, 0: it was not. */
static uint64_t resume(struct peer *p, const char *id, uint64_t n)
{
    put_resume(p, id, n);
    struct reader f = ask(p);
    return wire_number(&f);
}

static void assert_draft(const char *repo, const char *id, int there)
{
    AUTO_FREE char *draft = mem_printf("%s/.%s.incomplete", repo, id);
    assert_int_equal(access(draft, F_OK), there ? 0 : -1);
}

static struct peer start_and_greet(const char *dir)
{
    struct peer p = start(dir);
    greet(&p);
    return p;
}

static void a_backup_to_be_kept_is_gone_on_with_behind_what_is_kept(void **state)
{
    struct peer p = start_and_greet(*state);
    AUTO_FREE char *id = begin_kept(&p, 4);
    append(&p, "one ");
    assert_null(wire_wait_notice(&p.wire));
    assert_int_equal(p.wire.kept, 4);
    append(&p, "xx");
    assert_int_equal(stop(&p), 0);

    for (int i = 0; i < 2; i++) { /* and once more behind the commit */
        p = start_and_greet(*state);
        assert_int_equal(resume(&p, id, 4), 0);
        append(&p, "two");
        request(&p, WIRE_COMMIT);
        assert_int_equal(stop(&p), 0);
        assert_draft(*state, id, 1);
    }
    p = start_and_greet(*state);
    assert_int_equal(resume(&p, id, 7), 0);
    request(&p, WIRE_COMMIT);
    request(&p, WIRE_PUBLISH);
    assert_int_equal(stop(&p), 0);

    p = start_and_greet(*state);
    assert_int_equal(resume(&p, id, 7), 7);
    assert_int_equal(stop(&p), 0);
    AUTO_FREE char *path = mem_printf("%s/%s/backup.mbe", (char *)*state, id);
    AUTO_FREE char *text = NULL;
    size_t len;
    assert_null(file_read_all(&text, &len, path, 100));
    assert_string_equal(text, "one two");
    assert_draft(*state, id, 0);
}

static void a_kept_backup_is_not_taken_from_who_has_it_nor_from_who_may_come_again(void **state)
{
    struct peer second = start_and_greet(*state);
    struct peer first =
        start_and_greet(*state); /* has the descriptors of the other one, and ends first */
    AUTO_FREE char *id = begin_kept(&first, 4);
    put_resume(&second, id, 0);
    assert_refused(&second, "cannot lock");
    assert_int_equal(stop(&first), 0);
    AUTO_FREE char *other = begin(&second); /* which cleans up */
    assert_draft(*state, id, 1);
    assert_int_equal(stop(&second), 0);
    assert_draft(*state, other, 0);

    AUTO_FREE char *mark = mem_printf("%s/.%s.incomplete/resumable", (char *)*state, id);
    const time_t long_ago = time(NULL) - CATALOG_RESUME_WITHIN_S - 1;
    const struct timespec times[2] = {{.tv_sec = long_ago}, {.tv_sec = long_ago}};
    assert_int_equal(utimensat(AT_FDCWD, mark, times, 0), 0);
    struct peer third = start_and_greet(*state);
    free(begin(&third)); /* which may have got the id */
    assert_int_equal(access(mark, F_OK), -1);
    assert_int_equal(stop(&third), 0);
}

static void what_cannot_be_gone_on_with_is_refused(void **state)
{
    struct peer p = start_and_greet(*state);
    AUTO_FREE char *id = begin_kept(&p, 4), *abandoned = NULL;
    put_resume(&p, id, 0);
    assert_refused(&p, "begun on this connection already");
    assert_int_equal(stop(&p), 0);

    p = start_and_greet(*state);
    put_resume(&p, "../" ID, 0);
    assert_refused(&p, "no backup id");
    put_resume(&p, ID, 0);
    assert_refused(&p, "No such file");
    put_resume(&p, id, UINT64_MAX);
    assert_refused(&p, "no size");
    put_resume(&p, id, 1); /* of which there was nothing yet */
    assert_refused(&p, "has 0 bytes, and there were 1");
    assert_draft(*state, id, 0);
    abandoned = begin_kept(&p, 4);
    request(&p, WIRE_ABANDON);
    assert_draft(*state, abandoned, 0);
    assert_int_equal(stop(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_remove)
        IN_DIR(nothing_is_done_before_the_greeting),
        IN_DIR(what_is_no_id_names_no_file),
        IN_DIR(what_does_not_fit_is_refused_and_the_next_request_is_answered),
        IN_DIR(a_key_block_is_taken_whole_or_not_at_all),
        IN_DIR(a_length_that_is_none_ends_the_connection),
        IN_DIR(what_is_published_is_there_and_what_is_not_is_gone_with_the_connection),
        IN_DIR(an_append_that_fails_is_told_beside_the_answers),
        IN_DIR(only_what_was_committed_is_published_and_that_once),
        IN_DIR(what_grew_after_its_commit_is_not_published),
        IN_DIR(a_backup_to_be_kept_is_gone_on_with_behind_what_is_kept),
        IN_DIR(a_kept_backup_is_not_taken_from_who_has_it_nor_from_who_may_come_again),
        IN_DIR(what_cannot_be_gone_on_with_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
