/* archive/repo_ssh_test.c: the other side of an ssh:// repository may send without end, and does not get our memory for it; and the
 * connection to it may break anywhere. This program itself is the "ssh" that is run: it answers as no mbe would, or serves a
 * directory through pumps that break, or acts a part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive/archive_test_util.h"
#include "archive/repo.h"
#include "archive/repo_serve.h"
#include "archive/upload_window.h"
#include "archive/wire.h"
#include "base/clock.h"
#include "base/dir_test_util.h"

#define ID "20261124T170632Z-full"

/* ---- the other side ---- */

static void put_some_ids(struct wire *w, unsigned *next)
{
    for (int i = 0; i < WIRE_LIST_MAX; i++, ++*next) {
        AUTO_FREE char *id = mem_printf("%08uT%06uZ-full", *next / 1000000, *next % 1000000);
        wire_put_text(w, id);
    }
}

static void put_piece(struct wire *w)
{
    memset(out_reserve(&w->sent, WIRE_PIECE_MAX), 'x', WIRE_PIECE_MAX);
}

/* Exit status 0 when the connection ends. */
static int never_come_to_an_end(void)
{
    struct wire w;
    enum wire_op op;
    struct reader f;
    unsigned next = 0;
    wire_init(&w, STDIN_FILENO, STDOUT_FILENO, "client");
    struct err *e;
    while (!(e = wire_receive(&w, &op, &f)) && op) {
        wire_begin(&w, WIRE_OK);
        if (op == WIRE_HELLO)
            wire_put_number(&w, WIRE_VERSION);
        else if (op == WIRE_LIST)
            put_some_ids(&w, &next);
        else
            put_piece(&w);
        if ((e = wire_send(&w)))
            break;
    }
    wire_fini(&w);
    return e ? 1 : 0;
}

/* What the environment tells the other side: the directory that it serves; and a file with two numbers, how many bytes go to it and
 * come from it before the connection breaks. The file is read, and removed, by the first connection: the next one is sound. */
#define SERVED "MBE_TEST_SERVED"
#define BREAKS "MBE_TEST_BREAKS"

static void pump(int from, int to, unsigned long long n)
{
    char buf[65536];
    while (n) {
        const ssize_t got = read(from, buf, n < sizeof buf ? (size_t)n : sizeof buf);
        if (got <= 0 || write(to, buf, (size_t)got) != got)
            _exit(0);
        n -= (unsigned long long)got;
    }
    _exit(0);
}

static void serve_directory(int in, int out)
{
    struct repo *repo = NULL;
    struct err *e = repo_open(&repo, getenv(SERVED), &(struct repo_options){0});
    if (!e)
        e = repo_serve(repo, in, out);
    _exit(e ? 1 : 0);
}

/* Waits until one of both pumps has ended, and ends the other one. The server, our child too, ends by itself: its process group is
 * none of ours. */
static int break_off(pid_t a, pid_t b)
{
    int status;
    for (pid_t ended = 0; ended != a && ended != b;)
        ended = waitpid(-1, &status, 0);
    kill(a, SIGKILL);
    kill(b, SIGKILL);
    return 0;
}

static void read_breaks(unsigned long long *to, unsigned long long *from)
{
    *to = *from = ~0ULL;
    FILE *f = fopen(getenv(BREAKS), "r");
    if (!f)
        return;
    if (fscanf(f, "%llu %llu", to, from) != 2)
        abort();
    fclose(f);
    remove(getenv(BREAKS));
}

static int serve_and_break(void)
{
    int to[2], from[2];
    unsigned long long n_to, n_from;
    read_breaks(&n_to, &n_from);
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
        abort();
    const pid_t in = fork();
    if (!in) {
        close(to[0]);
        close(from[0]);
        close(from[1]);
        close(STDOUT_FILENO);
        pump(STDIN_FILENO, to[1], n_to);
    }
    const pid_t out = fork();
    if (!out) {
        close(to[0]);
        close(to[1]);
        close(from[1]);
        close(STDIN_FILENO);
        pump(from[0], STDOUT_FILENO, n_from);
    }
    const pid_t server = fork();
    if (!server) {
        close(to[1]);
        close(from[0]);
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        serve_directory(to[0], from[1]);
    }
    return break_off(in, out);
}

/* What the environment tells a side that serves nothing: what it does, one of these; and a file that is there if it was gone on with. */
#define ACTS "MBE_TEST_ACTS"
#define RESUMED "MBE_TEST_RESUMED"
#define FAILS "fails" /* an append, and is gone */
#define KEEPS \
    "keeps" /* the first piece of three, and is gone in the last one; is gone before, the first time */
#define STAYS "stays" /* whatever it is told */

static struct err *say_kept(struct wire *w, uint64_t n)
{
    wire_begin(w, WIRE_KEPT);
    wire_put_number(w, n);
    return wire_send(w);
}

/* Each piece is more than pipes hold: a piece that begins to come shows that what was said before the end of the one before was seen. */
static void keep_one_and_be_gone(struct wire *w)
{
    enum wire_op op;
    struct reader f;
    char c;
    struct err *e = NULL;
    for (int i = 0; i < 2 && !e; i++) {
        e = wire_receive(w, &op, &f);
        if (!e && i == 0)
            e = say_kept(w, WIRE_PIECE_MAX);
    }
    _exit(!e && read(STDIN_FILENO, &c, 1) == 1 ? 0 : 1);
}

static void act_on_resume(struct wire *w, struct reader *f)
{
    AUTO_FREE char *id = wire_text(f);
    const bool first = access(getenv(RESUMED), F_OK) != 0;
    if (wire_number(f) != (first ? 0 : WIRE_PIECE_MAX))
        abort();
    if (first && file_replace(getenv(RESUMED), "", 0, 0600))
        abort();
    wire_put_number(w, 0);
    if (wire_send(w))
        abort();
    if (first)
        keep_one_and_be_gone(w);
}

static void act_on(struct wire *w, enum wire_op op, struct reader *f)
{
    const bool fails = !strcmp(getenv(ACTS), FAILS);
    if (op == WIRE_APPEND)
        return;
    if (op == WIRE_COMMIT && fails) {
        err_free(wire_send_error(w, WIRE_APPEND_FAILED, err_make(IO, "there is no room")));
        _exit(0);
    }
    if (op == WIRE_COMMIT && access(getenv(RESUMED), F_OK))
        _exit(0);
    wire_begin(w, WIRE_OK);
    if (op == WIRE_RESUME) {
        act_on_resume(w, f);
        return;
    }
    if (op == WIRE_HELLO)
        wire_put_number(w, WIRE_VERSION);
    if (op == WIRE_BEGIN)
        wire_put_text(w, ID);
    if (wire_send(w))
        abort();
}

static int act(void)
{
    struct wire w;
    enum wire_op op;
    struct reader f;
    struct err *e;
    const bool stays = !strcmp(getenv(ACTS), STAYS);
    if (stays)
        signal(SIGTERM, SIG_IGN);
    wire_init(&w, STDIN_FILENO, STDOUT_FILENO, "client");
    while (!(e = wire_receive(&w, &op, &f)) && op)
        act_on(&w, op, &f);
    while (stays)
        pause();
    err_free(e);
    wire_fini(&w);
    return 0;
}

/* ---- this side ---- */

static struct repo *open_endless(void)
{
    struct repo *r;
    assert_null(
        repo_open(&r, "ssh://host/path", &(struct repo_options){.ssh_command = "/proc/self/exe"}));
    return r;
}

static void assert_io_error(struct err *e, const char *message)
{
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_IO);
    assert_string_equal(e->message, message);
    err_free(e);
}

static void a_list_has_an_end(void **state)
{
    (void)state;
    AUTO(repo) r = open_endless();
    struct backup_ids list;
    assert_io_error(repo_list(&list, r),
                    "ssh://host/path: a list of more than 1048576 backups came");
}

static void a_record_has_an_end(void **state)
{
    (void)state;
    AUTO(repo) r = open_endless();
    char *text;
    assert_io_error(repo_record_read(&text, r, ID),
                    "ssh://host/path: a record of more than 67108864 bytes came");
}

/* ---- connections that break ---- */

enum { SMALL = 3 << 20 };

static struct repo *open_breaking(const char *dir, unsigned retry_s)
{
    AUTO_FREE char *breaks = mem_printf("%s/breaks", dir), *served = mem_printf("%s/served", dir);
    struct repo *r;
    setenv(SERVED, served, 1);
    setenv(BREAKS, breaks, 1);
    assert_null(repo_open(&r, "ssh://host/path",
                          &(struct repo_options){.ssh_command = "/proc/self/exe",
                                                 .ssh_retry_s = retry_s,
                                                 .tmp_dir = dir}));
    return r;
}

static void break_after(unsigned long long to, unsigned long long from)
{
    AUTO_FREE char *text = mem_printf("%llu %llu\n", to, from);
    assert_null(file_replace(getenv(BREAKS), text, strlen(text), 0600));
}

static void assert_done(struct err *e)
{
    if (e)
        fail_msg("%s", e->message);
}

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 2654435761U >> 13);
}

/* Puts a backup of n bytes, appended in uneven pieces. Its id, owned by caller. */
static struct err *put_backup(char **id, struct repo *r, size_t n)
{
    AUTO_FREE uint8_t *bytes = mem_alloc(n);
    AUTO(repo_draft) d = NULL;
    for (size_t i = 0; i < n; i++)
        bytes[i] = byte_at(i);
    TRY(repo_begin(&d, r, NULL, "full"));
    *id = mem_strdup(repo_draft_id(d));
    struct sink *sink = repo_draft_sink(d);
    for (size_t at = 0, piece = 100001; at < n; at += piece) {
        piece = n - at < piece ? n - at : piece;
        TRY(sink->append(sink, bytes + at, piece));
    }
    TRY(sink->commit(sink));
    return repo_publish(d);
}

static void assert_backup(struct repo *r, const char *id, size_t n)
{
    struct source *source;
    AUTO_FREE uint8_t *got = mem_alloc(n + 1);
    size_t n_got;
    assert_done(repo_open_source(&source, r, id));
    assert_int_equal(source->size, n);
    assert_done(source->read_at(source, got, n + 1, 0, &n_got));
    assert_int_equal(n_got, n);
    for (size_t i = 0; i < n; i++)
        if (got[i] != byte_at(i))
            fail_msg("byte %zu is another one", i);
    source_free(source);
}

static void assert_nothing_left(const char *dir)
{
    AUTO_FREE char *served = mem_printf("%s/served", dir);
    DIR *d = opendir(served);
    const struct dirent *de;
    while (d && !file_next_entry(&de, d, served) && de)
        if (strstr(de->d_name, ".incomplete"))
            fail_msg("%s is left", de->d_name);
    if (d)
        closedir(d);
}

/* With a break behind so many bytes to and from the other side. */
static void upload(const char *dir, unsigned long long to, unsigned long long from)
{
    AUTO(repo) r = open_breaking(dir, 60);
    AUTO_FREE char *id = NULL;
    break_after(to, from);
    assert_done(put_backup(&id, r, SMALL));
    assert_backup(r, id, SMALL);
    assert_nothing_left(dir);
    assert_done(file_remove_tree(getenv(SERVED))); /* so that no id gets a number, and is longer */
}

/* Bytes of the greeting and of the beginning, which are not tried again, and of their answers, the last one with an id of 21. Answers
 * to a commit and to publish have 5. */
enum { TO_BEFORE = 6 + 5 + 1 + 5 + 4, ANSWERS_BEFORE = 6 + 5 + 1 + 21 };

static void an_upload_goes_on_wherever_it_is_cut_off(void **state)
{
    uint64_t random = 20261128;
    for (int i = 0; i < 5; i++)
        upload(*state, TO_BEFORE + test_random(&random) % SMALL, ~0ULL);
    for (unsigned from = 0; from < 10;
         from += 3) /* within and between the answers to commit and to publish */
        upload(*state, ~0ULL, ANSWERS_BEFORE + from);
}

/* More than the window holds, which is gone round, and cut off where it was let go of already. */
static void an_upload_of_any_length_goes_on(void **state)
{
    const size_t n = UPLOAD_WINDOW_MAX + (10 << 20) + 1;
    AUTO(repo) r = open_breaking(*state, 60);
    AUTO_FREE char *id = NULL;
    break_after(n - 12345, ~0ULL);
    assert_done(put_backup(&id, r, n));
    assert_backup(r, id, n);
}

static void what_is_read_goes_on(void **state)
{
    AUTO_FREE char *id = NULL;
    AUTO(repo) writer = open_breaking(*state, 0);
    assert_done(put_backup(&id, writer, SMALL));
    for (unsigned long long from = 20; from < SMALL; from += SMALL / 5) {
        AUTO(repo) r = open_breaking(*state, 60);
        struct backup_ids list;
        AUTO(repo_use) use = NULL;
        break_after(~0ULL, from);
        assert_done(repo_list(&list, r));
        assert_int_equal(list.n, 1);
        backup_ids_fini(&list);
        assert_done(repo_use_begin(&use, r, id));
        assert_backup(r, id, SMALL);
        assert_done(repo_check(r));
    }
}

/* The second break is later than the time for the first one, and nothing was answered in between. */
static void a_later_break_has_its_own_time(void **state)
{
    enum {
        PIECE = 1 << 20,
        RETRY_S = 5,
        QUIET_MS = 6000 /* more than that, and than a connection has to hold */
    };
    AUTO(repo) r = open_breaking(*state, RETRY_S);
    AUTO(repo_draft) d = NULL;
    AUTO_FREE uint8_t *bytes = mem_alloc(2 * PIECE);
    for (size_t i = 0; i < 2 * PIECE; i++)
        bytes[i] = byte_at(i);
    break_after(PIECE / 2, ~0ULL);
    assert_done(repo_begin(&d, r, NULL, "full"));
    struct sink *sink = repo_draft_sink(d);
    break_after(PIECE + PIECE / 2, ~0ULL);
    assert_done(sink->append(sink, bytes, PIECE));
    assert_int_not_equal(access(getenv(BREAKS), F_OK), 0); /* the second connection stands */
    clock_sleep_ms(QUIET_MS);
    assert_done(sink->append(sink, bytes + PIECE, PIECE));
    assert_done(sink->commit(sink));
    assert_done(repo_publish(d));
    assert_backup(r, repo_draft_id(d), 2 * PIECE);
}

static struct repo *open_acting(const char *dir, const char *how)
{
    AUTO_FREE char *resumed = mem_printf("%s/resumed", dir);
    setenv(ACTS, how, 1);
    setenv(RESUMED, resumed, 1);
    return open_breaking(dir, 60);
}

static void what_is_kept_meanwhile_is_not_sent_again(void **state)
{
    AUTO(repo) r = open_acting(*state, KEEPS);
    AUTO(repo_draft) d = NULL;
    AUTO_FREE uint8_t *bytes = mem_zalloc(3 * WIRE_PIECE_MAX);
    assert_done(repo_begin(&d, r, NULL, "full"));
    struct sink *sink = repo_draft_sink(d);
    assert_done(sink->append(sink, bytes, 3 * WIRE_PIECE_MAX));
    assert_done(sink->commit(sink));
    assert_done(repo_publish(d));
    unsetenv(ACTS);
}

static void what_failed_is_told_though_the_connection_breaks(void **state)
{
    AUTO(repo) r = open_acting(*state, FAILS);
    AUTO_FREE char *id = NULL;
    assert_io_error(put_backup(&id, r, SMALL), "there is no room");
    unsetenv(ACTS);
}

static void a_program_that_stays_is_killed(void **state)
{
    struct repo *r = open_acting(*state, STAYS);
    struct backup_ids list;
    assert_done(repo_list(&list, r));
    backup_ids_fini(&list);
    repo_close(r);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    unsetenv(ACTS);
}

/* Where nothing is tried again. */
static void a_lost_connection_is_told_once_and_for_all(void **state)
{
    AUTO_FREE char *id = NULL;
    AUTO(repo) r = open_breaking(*state, 0);
    struct backup_ids list;
    break_after(SMALL / 2, ~0ULL);
    struct err *e = put_backup(&id, r, SMALL);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_IO);
    err_free(e);
    e = repo_list(&list, r);
    assert_non_null(e);
    err_free(e);
    e = repo_check(r);
    assert_non_null(e);
    assert_non_null(strstr(e->message, "ssh://host/path: "));
    err_free(e);
}

int main(int argc, char **argv)
{
    (void)argv;
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1) /* -- host command */
        return getenv(ACTS) ? act() : getenv(SERVED) ? serve_and_break() : never_come_to_an_end();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(a_record_has_an_end),
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_remove)
        IN_DIR(an_upload_goes_on_wherever_it_is_cut_off),
        IN_DIR(an_upload_of_any_length_goes_on),
        IN_DIR(what_is_read_goes_on),
        IN_DIR(a_later_break_has_its_own_time),
        IN_DIR(what_is_kept_meanwhile_is_not_sent_again),
        IN_DIR(what_failed_is_told_though_the_connection_breaks),
        IN_DIR(a_program_that_stays_is_killed),
        IN_DIR(a_lost_connection_is_told_once_and_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
