/* engine/pace_test.c: who reads waits, and is let go; what the file and the server say is heard. The server is made up. Nothing here depends on
 * how long something takes: what should end a wait is awaited. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <semaphore.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "engine/engine_test_util.h"
#include "engine/pace.h"
#include "engine/pace_control.h"
#include "server/commit_latency.h"

enum { KIB = 1 << 10, MIB = 1 << 20 };

/* --- linked instead of the server's --- */

static struct {
    bool refuses, breaks, hangs;
    double ms;
    atomic_int opened, looks, freed;
    sem_t cut;
} server;

struct commit_latency {
    int nothing;
};
static struct commit_latency the_latency;

struct err *commit_latency_open(struct commit_latency **out, const struct conn_options *conn,
                                enum server_flavour flavour)
{
    assert_string_equal(conn->socket, "/s");
    assert_int_equal(flavour, FLAVOUR_MYSQL);
    if (server.refuses)
        return err_make(REFUSED, "it does not tell");
    server.opened++;
    *out = &the_latency;
    return NULL;
}

struct err *commit_latency_look(struct commit_latency *l, double *ms)
{
    assert_ptr_equal(l, &the_latency);
    server.looks++;
    if (server.hangs)
        sem_wait(&server.cut);
    *ms = server.ms;
    return server.breaks || server.hangs ? err_make(SERVER, "gone away") : NULL;
}

void commit_latency_cut(struct commit_latency *l)
{
    assert_ptr_equal(l, &the_latency);
    sem_post(&server.cut);
}

void commit_latency_free(struct commit_latency *l)
{
    server.freed += l != NULL;
}

/* --- a backup that reads --- */

struct reader {
    char *dir, *file, *log_path;
    struct log *log;
    struct pace *pace;
    _Atomic(struct err *) answer; /* of poll, once */
    void (*on_poll)(struct reader *r);
    atomic_int polls;
};

static struct err *poll(void *ctx)
{
    struct reader *r = ctx;
    r->polls++;
    if (r->on_poll)
        r->on_poll(r);
    return atomic_exchange(&r->answer, NULL);
}

static int set_up(void **state)
{
    struct reader *r = mem_zalloc(sizeof *r);
    r->dir = make_dir();
    r->file = mem_printf("%s/pace", r->dir);
    r->log_path = mem_printf("%s/log", r->dir);
    ok(log_open(&r->log, &(struct log_options){.file = r->log_path}));
    memset(&server, 0, sizeof server);
    sem_init(&server.cut, 0, 0);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct reader *r = *state;
    pace_free(r->pace);
    log_close(r->log);
    remove_dir(r->dir);
    free(r->file);
    free(r->log_path);
    free(r);
    return 0;
}

static struct err *begin(struct reader *r, uint64_t rate, uint64_t latency_ms, bool file)
{
    const struct pace_options options = {.settings = {.rate = rate, .latency_ms = latency_ms},
                                         .file = file ? r->file : NULL,
                                         .conn = {.socket = "/s"},
                                         .flavour = FLAVOUR_MYSQL,
                                         .log = r->log,
                                         .poll = poll,
                                         .poll_ctx = r};
    return pace_open(&r->pace, &options);
}

/* How often the log has that text. */
static int logged(const struct reader *r, const char *text)
{
    AUTO_FREE char *all = NULL;
    size_t len;
    int n = 0;
    ok(file_read_all(&all, &len, r->log_path, 1 << 20));
    for (const char *p = all; (p = strstr(p, text)) != NULL; p++)
        n++;
    return n;
}

static struct pace_summary summary(struct reader *r)
{
    struct pace_summary s;
    pace_end(r->pace);
    pace_summarize(&s, r->pace);
    return s;
}

/* Reads until it is held back, and no longer. */
static void read_until_held_back(struct reader *r)
{
    struct err *e = NULL;
    r->answer = err_make(FAILED, "held back");
    while (!e) {
        clock_sleep_ms(1);
        e = pace_take(r->pace, MIB);
    }
    error_is(e, FAILED, "held back");
}

/* --- tests --- */

static void without_a_rate_nobody_waits(void **state)
{
    struct reader *r = *state;
    ok(pace_take(NULL, UINT64_MAX));
    ok(begin(r, 0, 0, false));
    ok(pace_take(r->pace, UINT64_C(1) << 40));
    ok(pace_take(r->pace, 5));
    const struct pace_summary s = summary(r);
    assert_true(s.bytes == (UINT64_C(1) << 40) + 5 && s.waited == 0 && s.lowest == 0);
    assert_int_equal(r->polls, 0);
    assert_int_equal(server.opened, 0);
}

static void who_waits_asks_and_an_error_ends_it(void **state)
{
    struct reader *r = *state;
    ok(begin(r, KIB, 0, false));
    r->answer = err_make(SERVER, "the tail is dead");
    error_is(pace_take(r->pace, 100 * MIB), SERVER, "the tail is dead"); /* a day's worth */
    const struct pace_summary s = summary(r);
    assert_true(s.waited > 0 && s.seconds >= s.waited);
    assert_int_equal(s.settings.rate, KIB);
}

static void lift(struct reader *r)
{
    pace_lift(r->pace);
}

static void whoever_waits_is_let_go_when_it_is_lifted(void **state)
{
    struct reader *r = *state;
    ok(begin(r, KIB, 0, false));
    r->on_poll = lift;
    ok(pace_take(r->pace, 100 * MIB));
    ok(pace_take(r->pace, 100 * MIB));
    assert_int_equal(r->polls, 1);
}

static void nothing_is_held_back_after_the_end(void **state)
{
    struct reader *r = *state;
    ok(begin(r, KIB, 0, false));
    pace_end(r->pace);
    ok(pace_take(r->pace, 100 * MIB));
    assert_int_equal(r->polls, 0);
}

static void no_limit(struct reader *r)
{
    if (access(r->file, F_OK))
        write_text(r->dir, "pace", "throttle=none\n");
}

static void a_file_that_comes_and_goes_is_heard(void **state)
{
    struct reader *r = *state;
    ok(begin(r, KIB, 0, true));
    ok(pace_start(r->pace));
    r->on_poll = no_limit;
    ok(pace_take(r->pace, 100 * MIB));
    r->on_poll = NULL;
    assert_int_equal(unlink(r->file), 0);
    read_until_held_back(r);
    assert_int_equal(summary(r).settings.rate, KIB);
    assert_int_equal(logged(r, "reading at any rate"), 1);
    assert_int_equal(logged(r, "reading at most 1.0 KiB/s"), 1);
}

static void a_wrong_file_is_an_error_at_the_start(void **state)
{
    struct reader *r = *state;
    write_text(r->dir, "pace", "throttle=fast\n");
    error_is(begin(r, 0, 0, true), USAGE, "pace: line 1: throttle: 'fast' is not a size");
    assert_int_equal(unlink(r->file), 0);
    assert_int_equal(mkdir(r->file, 0700), 0);
    error_is(begin(r, 0, 0, true), USAGE, "pace: is no ordinary file");
}

static void a_file_that_becomes_wrong_is_told_once_and_changes_nothing(void **state)
{
    struct reader *r = *state;
    write_text(r->dir, "pace", "throttle=7M\n");
    ok(begin(r, KIB, 0, true));
    for (int i = 0; i < 2; i++) {
        write_text(r->dir, "pace", "throttle=8M\n");
        pace_look(r->pace);
        write_text(r->dir, "pace", "throttle=fast\n");
        pace_look(r->pace);
        pace_look(r->pace);
        assert_int_equal(logged(r, "'fast' is not a size like 512M or 2G; the pace stays"), i + 1);
    }
    assert_int_equal(summary(r).settings.rate, 8 * MIB);
}

static void slow_commits_hold_back(void **state)
{
    struct reader *r = *state;
    server.ms = 20.5;
    ok(begin(r, 0, 20, false));
    ok(pace_start(r->pace));
    read_until_held_back(r);
    const struct pace_summary s = summary(r);
    assert_true(s.lowest >= PACE_FLOOR);
    assert_int_equal(s.settings.latency_ms, 20);
    assert_int_equal(server.opened, 1);
    assert_int_equal(server.freed, 1);
    assert_true(logged(r, "a commit takes 20.5 ms: reading at most ") >= 1);
}

static void quick_commits_do_not(void **state)
{
    struct reader *r = *state;
    server.ms = 20;
    ok(begin(r, 0, 20, false));
    pace_look(r->pace);
    ok(pace_take(r->pace, UINT64_C(1) << 40));
    assert_int_equal(summary(r).lowest, 0);
    assert_int_equal(r->polls, 0);
    assert_int_equal(server.looks, 1);
}

/* A rate of its own, and what the server can spare: the lower one holds. */
static void the_lower_of_two_rates_holds(void **state)
{
    struct reader *r = *state;
    server.ms = 1000;
    ok(begin(r, KIB, 20, false));
    pace_look(r->pace);
    r->on_poll = lift;
    ok(pace_take(r->pace, PACE_FLOOR)); /* a second's worth of the one, an hour's of the other */
    assert_int_equal(r->polls, 1);
    assert_int_equal(summary(r).lowest, PACE_FLOOR);
    pace_free(r->pace);
    ok(begin(r, UINT64_C(1) << 50, 20, false)); /* and the other way round */
    pace_look(r->pace);
    ok(pace_take(r->pace, PACE_FLOOR * 100));
    assert_int_equal(r->polls, 2);
}

static void a_server_that_does_not_tell_is_an_error_at_the_start(void **state)
{
    struct reader *r = *state;
    server.refuses = true;
    error_is(begin(r, 0, 20, false), REFUSED, "--pace: it does not tell");
}

static void later_it_is_a_warning_and_the_rate_stays(void **state)
{
    struct reader *r = *state;
    server.ms = 1000;
    ok(begin(r, 0, 20, true));
    pace_look(r->pace);
    server.breaks = true;
    for (int i = 0; i < 3; i++)
        pace_look(r->pace);
    assert_int_equal(server.looks, 2);
    assert_int_equal(server.freed, 1);
    assert_int_equal(logged(r, "--pace: gone away; reading goes on at the rate of now"), 1);
    read_until_held_back(r);
    write_text(r->dir, "pace", "pace=none\n"); /* the way out */
    pace_look(r->pace);
    ok(pace_take(r->pace, UINT64_C(1) << 40));
    write_text(r->dir, "pace", "pace=latency:30\n"); /* and in again */
    pace_look(r->pace);
    assert_int_equal(server.opened, 2);
}

static void a_look_that_hangs_does_not_keep_the_end(void **state)
{
    struct reader *r = *state;
    server.hangs = true;
    ok(begin(r, 0, 20, false));
    ok(pace_start(r->pace));
    while (!server.looks)
        clock_sleep_ms(10);
    pace_end(r->pace);
    assert_int_equal(server.freed, 1);
    assert_int_equal(logged(r, "gone away"), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(without_a_rate_nobody_waits),
        TEST(who_waits_asks_and_an_error_ends_it),
        TEST(whoever_waits_is_let_go_when_it_is_lifted),
        TEST(nothing_is_held_back_after_the_end),
        TEST(a_file_that_comes_and_goes_is_heard),
        TEST(a_wrong_file_is_an_error_at_the_start),
        TEST(a_file_that_becomes_wrong_is_told_once_and_changes_nothing),
        TEST(slow_commits_hold_back),
        TEST(quick_commits_do_not),
        TEST(the_lower_of_two_rates_holds),
        TEST(a_server_that_does_not_tell_is_an_error_at_the_start),
        TEST(later_it_is_a_warning_and_the_rate_stays),
        TEST(a_look_that_hangs_does_not_keep_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
