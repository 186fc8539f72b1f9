/* engine/lock_window_test.c: the rules W1..W5 against a server that grants and refuses as it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/engine_test_util.h"
#include "engine/lock_window.h"
#include "server/mariadb.h"

/* Stands in for the server layer: one letter per call, capital when granted. */
struct conn {
    char calls[256];
    unsigned refuse[STAGE_END + 1]; /* how many tries of a stage are refused still */
    bool end_fails;
};

static void note(struct conn *c, char what)
{
    const size_t n = strlen(c->calls);
    assert_true(n + 1 < sizeof c->calls);
    c->calls[n] = what;
}

struct err *stage_enter(struct conn *c, enum stage s, bool *timed_out)
{
    static const char letters[] = "SFDCE";
    *timed_out = false;
    if (s == STAGE_END && c->end_fails)
        return err_make(SERVER, "server has gone away");
    if (c->refuse[s]) {
        c->refuse[s]--;
        *timed_out = true;
        note(c, (char)(letters[s] | 0x20));
    } else {
        note(c, letters[s]);
    }
    return NULL;
}

const char *stage_name(enum stage s)
{
    static const char *const names[] = {"START", "FLUSH", "BLOCK_DDL", "BLOCK_COMMIT", "END"};
    return names[s];
}

struct err *conn_exec(struct conn *c, const char *fmt, ...)
{
    (void)c;
    (void)fmt;
    return NULL;
}

/* What the caller does meanwhile, and how often it wants to come again. */
struct job {
    struct conn *conn;
    unsigned unclosed; /* rounds in which a table is in use */
    bool fails, poll_fails;
};

static struct err *under_block_ddl(void *ctx, bool may_let_go, bool *let_go)
{
    struct job *j = ctx;
    note(j->conn, may_let_go ? '1' : '!');
    if (j->unclosed) {
        j->unclosed--;
        *let_go = may_let_go;
    }
    return NULL;
}

static struct err *under_block_commit(void *ctx)
{
    struct job *j = ctx;
    note(j->conn, '2');
    return j->fails ? err_make(IO, "disk is full") : NULL;
}

static struct err *between(void *ctx)
{
    note(((struct job *)ctx)->conn, '-');
    return NULL;
}

static struct err *poll_trouble(void *ctx)
{
    return ((struct job *)ctx)->poll_fails ? err_make(INTERRUPTED, "stopped by signal 2") : NULL;
}

static struct err *run_window(struct conn *c, struct job *job, struct lock_times *times,
                              unsigned limit)
{
    job->conn = c;
    const struct lock_work work = {under_block_ddl, under_block_commit, between, poll_trouble, job};
    return lock_window_run(times, c, limit, &work, NULL);
}

static void stages_follow_each_other(void **state)
{
    (void)state;
    struct conn c = {0};
    struct job job = {0};
    struct lock_times t;
    ok(run_window(&c, &job, &t, 10));
    assert_string_equal(c.calls, "SFD1C2E");
    assert_int_equal(t.attempts, 1);
    assert_true(t.seconds >= t.block_commit && t.seconds < 1);
}

static void refused_stage_is_tried_again(void **state)
{
    (void)state;
    struct conn c = {.refuse = {[STAGE_START] = 2, [STAGE_BLOCK_DDL] = 1}};
    struct job job = {0};
    struct lock_times t;
    ok(run_window(&c, &job, &t, 10));
    assert_string_equal(c.calls, "ssSFdD1C2E");
    assert_int_equal(t.attempts, 1);
}

static void three_refusals_of_block_ddl_let_everything_go(void **state)
{
    (void)state;
    struct conn c = {.refuse = {[STAGE_BLOCK_DDL] = 3}};
    struct job job = {0};
    struct lock_times t;
    ok(run_window(&c, &job, &t, 60));
    assert_string_equal(c.calls, "SFdddE-SFD1C2E");
    assert_int_equal(t.attempts, 2);
}

static void three_refusals_of_block_commit_let_everything_go(void **state)
{
    (void)state;
    struct conn c = {.refuse = {[STAGE_BLOCK_COMMIT] = 3}};
    struct job job = {0};
    struct lock_times t;
    ok(run_window(&c, &job, &t, 60));
    assert_string_equal(c.calls, "SFD1cccE-SFD1C2E");
}

static void table_in_use_lets_go_five_times_at_most(void **state)
{
    (void)state;
    struct conn c = {0};
    struct job job = {.unclosed = 99};
    struct lock_times t;
    ok(run_window(&c, &job, &t, 60));
    assert_string_equal(c.calls, "SFD1E-SFD1E-SFD1E-SFD1E-SFD1E-SFD!C2E");
    assert_int_equal(t.attempts, 6);
}

static void waiting_is_bounded_by_the_limit(void **state)
{
    (void)state;
    struct conn c = {.refuse = {[STAGE_START] = 1000}};
    struct job job = {0};
    struct lock_times t;
    struct err *e = run_window(&c, &job, &t, 1);
    assert_non_null(strstr(e->hint, "--lock-wait"));
    error_is(e, SERVER, "BACKUP STAGE START was not granted within 1 seconds");
    assert_true(t.start_wait < 1);
}

static void lost_connection_fails_the_backup(void **state)
{
    (void)state;
    struct conn c = {.end_fails = true};
    struct job job = {0};
    struct lock_times t;
    error_is(run_window(&c, &job, &t, 10), SERVER,
             "the connection that held the lock was lost before the end: BACKUP STAGE END: server "
             "has gone away");
}

static void failing_work_ends_the_window(void **state)
{
    (void)state;
    struct conn c = {0};
    struct job job = {.fails = true};
    struct lock_times t;
    error_is(run_window(&c, &job, &t, 10), IO, "disk is full");
    assert_string_equal(c.calls, "SFD1C2"); /* W5: closing the connection is the caller's */
}

static void signal_is_heard_between_tries(void **state)
{
    (void)state;
    struct conn c = {0};
    struct job job = {.poll_fails = true};
    struct lock_times t;
    error_is(run_window(&c, &job, &t, 10), INTERRUPTED, "stopped by signal 2");
    assert_string_equal(c.calls, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_follow_each_other),
        cmocka_unit_test(refused_stage_is_tried_again),
        cmocka_unit_test(three_refusals_of_block_ddl_let_everything_go),
        cmocka_unit_test(three_refusals_of_block_commit_let_everything_go),
        cmocka_unit_test(table_in_use_lets_go_five_times_at_most),
        cmocka_unit_test(waiting_is_bounded_by_the_limit),
        cmocka_unit_test(lost_connection_fails_the_backup),
        cmocka_unit_test(failing_work_ends_the_window),
        cmocka_unit_test(signal_is_heard_between_tries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
