/* engine/page_tracking_test.c: P2 to P4 against a server that says what it is told to. What a map is made of: change_map_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/engine_test_util.h"
#include "engine/page_tracking.h"
#include "server/mysql.h"
#include "server/page_track.h"

enum {
    BARRIER = 5000,
    BASE_END = 2000,
    GROUP = 1000,
    START = 1700000000,
    STEPS_MAX = 4,
};

/* --- the server --- */

static struct conn {
    lsn_t checkpoints[STEPS_MAX]; /* answers to the question for it, the last one for ever */
    unsigned n_checkpoints, asked;
    uint64_t dirty;
    bool no_function; /* innodb_redo_log_sharp_checkpoint */
    bool gone;
    bool no_component;
    lsn_t group, sharp_to; /* where the sharp checkpoint gets to */
    lsn_t now, point;      /* current LSN; the last reset point, 0: none */
    bool quiet;            /* too little is noted for a new point */
    bool stubborn;         /* ... and it goes on with the old one when it is ended */
    unsigned n_ends;
    unsigned n_sharp, n_polls;
    const char *poll_error;
} server;

struct err *conn_status_u64(struct conn *c, uint64_t *out, const char *name)
{
    if (!strcmp(name, "Innodb_buffer_pool_bytes_dirty")) {
        *out = c->dirty;
        return NULL;
    }
    if (!strcmp(name, "Innodb_redo_log_current_lsn")) {
        *out = c->now;
        return NULL;
    }
    assert_string_equal(name, "Innodb_redo_log_checkpoint_lsn");
    const unsigned at = c->asked < c->n_checkpoints ? c->asked : c->n_checkpoints - 1;
    c->asked++;
    *out = c->sharp_to && c->n_sharp ? c->sharp_to : c->checkpoints[at];
    return NULL;
}

unsigned conn_errno(const struct conn *c)
{
    return c->gone ? 2006 : 0;
}

bool conn_errno_is_lost(unsigned n)
{
    return n == 2006;
}

struct err *mysql_sharp_checkpoint(struct conn *c, bool *made)
{
    c->n_sharp++;
    *made = !c->no_function;
    if (c->gone)
        return err_make(SERVER, "server has gone away");
    return NULL;
}

struct err *page_track_begin_lsn(struct conn *c, bool *present, uint64_t *begin)
{
    *present = !c->no_component;
    *begin = c->group;
    return NULL;
}

struct err *page_track_reset(struct conn *c, uint64_t *reset)
{
    assert_true(c->now);
    if (!c->quiet || !c->point)
        c->point = c->now + 3;
    if (!c->group)
        c->group = c->point;
    *reset = c->point;
    return NULL;
}

struct err *page_track_end(struct conn *c)
{
    c->n_ends++;
    if (c->stubborn)
        return NULL;
    c->group = c->point = 0;
    c->now += 10;
    return NULL;
}

/* --- the map --- */

struct change_map {
    struct change_map_query query;
};

static struct change_map map;

struct err *change_map_load(struct change_map **out, const struct change_map_query *q)
{
    map.query = *q;
    *out = &map;
    return NULL;
}

size_t change_map_size(const struct change_map *m)
{
    (void)m;
    return 1;
}

struct err *tracking_active_group(lsn_t *begin, const char *datadir)
{
    (void)begin;
    (void)datadir;
    return err_make(FAILED, "not to be asked");
}

bool tracking_group_birth(struct timespec *birth, const char *datadir, lsn_t begin)
{
    (void)datadir;
    (void)begin;
    *birth = (struct timespec){.tv_sec = START + 60};
    return true;
}

/* --- --- */

static struct err *poll(void *ctx)
{
    struct conn *c = ctx;
    c->n_polls++;
    return c->poll_error ? err_make(INTERRUPTED, "%s", c->poll_error) : NULL;
}

static const struct tracked_base good_base = {
    .state = {.begin = GROUP, .reset = GROUP, .knows_escaped = true},
    .end = BASE_END,
    .server_start = START};

static int fresh(void **state)
{
    (void)state;
    server = (struct conn){.group = GROUP};
    map = (struct change_map){0};
    return 0;
}

static void set_checkpoints(const lsn_t *lsns, unsigned n)
{
    memcpy(server.checkpoints, lsns, n * sizeof *lsns);
    server.n_checkpoints = n;
}
#define CHECKPOINTS(...)                          \
    set_checkpoints((const lsn_t[]){__VA_ARGS__}, \
                    sizeof(const lsn_t[]){__VA_ARGS__} / sizeof(lsn_t))

/* *tracked: a map was made, with `covered` at or above the barrier. */
static struct err *ask(bool *tracked, enum change_map_mode mode, const struct tracked_base *base,
                       unsigned wait_seconds)
{
    const struct page_tracking t = {.mode = mode,
                                    .conn = &server,
                                    .datadir = "/nowhere",
                                    .server_start = START,
                                    .log = NULL,
                                    .wait_seconds = wait_seconds,
                                    .poll = poll,
                                    .ctx = &server};
    struct change_map *m;
    struct err *e = page_tracking_map(&m, &t, base, BARRIER);
    *tracked = m != NULL;
    return e;
}

/* --- P3, P4 --- */

static void a_checkpoint_at_the_barrier_is_enough(void **state)
{
    (void)state;
    bool tracked;
    CHECKPOINTS(BARRIER);
    ok(ask(&tracked, CHANGE_MAP_AUTO, &good_base, 0));
    assert_true(tracked);
    assert_int_equal(map.query.covered, BARRIER);
    assert_int_equal(map.query.since, BASE_END);
    assert_int_equal(map.query.base.reset, GROUP);
    assert_int_equal(server.n_sharp, 0);
}

static void one_just_below_is_not_and_another_is_asked_for(void **state)
{
    (void)state;
    bool tracked;
    CHECKPOINTS(BARRIER - 1);
    server.sharp_to = BARRIER + 7;
    ok(ask(&tracked, CHANGE_MAP_AUTO, &good_base, 0));
    assert_true(tracked);
    assert_int_equal(server.n_sharp, 1);
    assert_int_equal(map.query.covered, BARRIER + 7);
    assert_int_equal(server.n_polls, 0);
}

static void no_number_of_checkpoints_below_the_barrier_is_enough(void **state)
{
    (void)state;
    bool tracked;
    CHECKPOINTS(BARRIER - 40, BARRIER - 30, BARRIER - 20, BARRIER - 10);
    server.no_function = true;
    ok(ask(&tracked, CHANGE_MAP_AUTO, &good_base, 1));
    assert_false(tracked);
    assert_true(server.asked > STEPS_MAX);
}

static void where_none_can_be_asked_for_it_is_waited_for(void **state)
{
    (void)state;
    bool tracked;
    CHECKPOINTS(BARRIER - 40, BARRIER - 30, BARRIER - 20, BARRIER);
    server.no_function = true;
    ok(ask(&tracked, CHANGE_MAP_AUTO, &good_base, 60));
    assert_true(tracked);
    assert_int_equal(map.query.covered, BARRIER);
    assert_int_equal(server.n_polls, 2);
}

static void a_server_with_much_to_write_is_not_made_to(void **state)
{
    (void)state;
    bool tracked;
    CHECKPOINTS(BARRIER - 1);
    server.sharp_to = BARRIER;
    server.dirty = (UINT64_C(256) << 20) + 1;
    ok(ask(&tracked, CHANGE_MAP_AUTO, &good_base, 0));
    assert_false(tracked);
    assert_int_equal(server.n_sharp, 0);
    ok(ask(&tracked, CHANGE_MAP_PAGE_TRACKING, &good_base, 0));
    assert_true(tracked);
    assert_int_equal(server.n_sharp, 1);
    server.n_sharp = 0;
    server.dirty--;
    ok(ask(&tracked, CHANGE_MAP_AUTO, &good_base, 0));
    assert_true(tracked);
}

static void a_checkpoint_that_does_not_come_is_told_with_both_lsns(void **state)
{
    (void)state;
    bool tracked;
    CHECKPOINTS(4711);
    error_is(
        ask(&tracked, CHANGE_MAP_PAGE_TRACKING, &good_base, 0), REFUSED,
        "--change-map=page-tracking: the server's checkpoint is at LSN 4711, and page tracking has "
        "to be read behind LSN 5000");
    assert_false(tracked);
}

static void a_signal_ends_the_wait(void **state)
{
    (void)state;
    bool tracked;
    CHECKPOINTS(1);
    server.poll_error = "signal 15";
    error_is(ask(&tracked, CHANGE_MAP_AUTO, &good_base, 60), INTERRUPTED, "signal 15");
    assert_false(tracked);
}

static void a_lost_connection_is_no_reason_to_scan(void **state)
{
    (void)state;
    bool tracked;
    CHECKPOINTS(1);
    server.gone = true;
    error_is(ask(&tracked, CHANGE_MAP_AUTO, &good_base, 60), SERVER, "server has gone away");
    assert_false(tracked);
}

/* --- P2 --- */

static void what_speaks_against_the_map_is_found_before_anything_is_asked_for(void **state)
{
    static const struct {
        struct tracked_base base;
        lsn_t group;
        bool no_component;
        const char *why;
    } cases[] = {
        {{{.begin = GROUP, .reset = GROUP, .knows_escaped = true}, BASE_END, START},
         GROUP,
         true,
         "the server has no page tracking"},
        {{{.begin = 0, .reset = 0, .knows_escaped = true}, BASE_END, START},
         GROUP,
         false,
         "was not on when the base ended"},
        {{{.begin = GROUP, .reset = GROUP, .knows_escaped = true}, BASE_END, START - 1},
         GROUP,
         false,
         "restarted since the base"},
        {{{.begin = GROUP, .reset = GROUP, .knows_escaped = true}, BASE_END, START + 1},
         GROUP,
         false,
         "restarted since the base"},
        {{{.begin = GROUP, .reset = GROUP, .knows_escaped = true}, BASE_END, START},
         0,
         false,
         "page tracking is off"},
        {{{.begin = GROUP, .reset = GROUP, .knows_escaped = true}, BASE_END, START},
         GROUP + 1,
         false,
         "begun anew at LSN 1001"},
    };
    (void)state;
    bool tracked;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fresh(NULL);
        server.group = cases[i].group;
        server.no_component = cases[i].no_component;
        ok(ask(&tracked, CHANGE_MAP_AUTO, &cases[i].base, 60));
        assert_false(tracked);
        error_is(ask(&tracked, CHANGE_MAP_PAGE_TRACKING, &cases[i].base, 60), REFUSED,
                 cases[i].why);
        assert_int_equal(server.asked + server.n_sharp, 0);
    }
}

/* --- P5 --- */

static struct err *renew(struct tracking_state *out, bool *carried, enum change_map_mode mode,
                         const struct tracking_state *base)
{
    const struct page_tracking t = {
        .mode = mode, .conn = &server, .datadir = "/nowhere", .server_start = START};
    return page_tracking_renew(out, carried, &t, base);
}

static void a_new_reset_point_is_nobodys_but_ours(void **state)
{
    (void)state;
    struct tracking_state t;
    bool carried;
    server.now = 3000;
    server.point = GROUP;
    ok(renew(&t, &carried, CHANGE_MAP_AUTO, &good_base.state));
    assert_int_equal(t.begin, GROUP);
    assert_int_equal(t.reset, 3003);
    assert_false(carried);
    assert_int_equal(server.n_ends, 0);
}

static void the_bases_reset_point_is_carried_on(void **state)
{
    (void)state;
    struct tracking_state t;
    bool carried;
    server.now = 3000;
    server.point = GROUP;
    server.quiet = true;
    ok(renew(&t, &carried, CHANGE_MAP_AUTO, &good_base.state));
    assert_int_equal(t.begin, GROUP);
    assert_int_equal(t.reset, GROUP);
    assert_true(carried);
    assert_int_equal(server.n_ends, 0);
}

static void another_reset_point_is_not_known_and_tracking_begun_anew(void **state)
{
    static const struct tracking_state others[] = {
        {.begin = GROUP, .reset = GROUP}, /* of an older mbe */
        {.begin = GROUP, .reset = GROUP + 1, .knows_escaped = true},
        {.begin = GROUP - 1, .reset = GROUP, .knows_escaped = true},
    };
    for (size_t i = 0; i <= sizeof others / sizeof others[0]; i++) {
        struct tracking_state t;
        bool carried;
        fresh(state);
        server.now = 3000;
        server.point = GROUP;
        server.quiet = true;
        ok(renew(&t, &carried, CHANGE_MAP_AUTO,
                 i < sizeof others / sizeof others[0] ? &others[i] : NULL));
        assert_int_equal(t.begin, 3013);
        assert_int_equal(t.reset, 3013);
        assert_false(carried);
        assert_int_equal(server.n_ends, 1);
    }
}

static void a_point_that_stays_is_not_trusted(void **state)
{
    (void)state;
    struct tracking_state t;
    bool carried;
    server.now = 3000;
    server.point = GROUP;
    server.quiet = server.stubborn = true;
    ok(renew(&t, &carried, CHANGE_MAP_AUTO, NULL));
    assert_int_equal(t.begin, 0);
    assert_false(carried);
    error_is(renew(&t, &carried, CHANGE_MAP_PAGE_TRACKING, NULL), SERVER,
             "page tracking goes on from LSN 1000");
}

static void a_scan_asks_nothing(void **state)
{
    (void)state;
    bool tracked;
    ok(ask(&tracked, CHANGE_MAP_SCAN, &good_base, 60));
    assert_false(tracked);
    assert_int_equal(server.asked + server.n_sharp, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_checkpoint_at_the_barrier_is_enough, fresh),
        cmocka_unit_test_setup(one_just_below_is_not_and_another_is_asked_for, fresh),
        cmocka_unit_test_setup(no_number_of_checkpoints_below_the_barrier_is_enough, fresh),
        cmocka_unit_test_setup(where_none_can_be_asked_for_it_is_waited_for, fresh),
        cmocka_unit_test_setup(a_server_with_much_to_write_is_not_made_to, fresh),
        cmocka_unit_test_setup(a_checkpoint_that_does_not_come_is_told_with_both_lsns, fresh),
        cmocka_unit_test_setup(a_signal_ends_the_wait, fresh),
        cmocka_unit_test_setup(a_lost_connection_is_no_reason_to_scan, fresh),
        cmocka_unit_test_setup(what_speaks_against_the_map_is_found_before_anything_is_asked_for,
                               fresh),
        cmocka_unit_test_setup(a_scan_asks_nothing, fresh),
        cmocka_unit_test_setup(a_new_reset_point_is_nobodys_but_ours, fresh),
        cmocka_unit_test_setup(the_bases_reset_point_is_carried_on, fresh),
        cmocka_unit_test_setup(another_reset_point_is_not_known_and_tracking_begun_anew, fresh),
        cmocka_unit_test_setup(a_point_that_stays_is_not_trusted, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
