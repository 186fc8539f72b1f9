/* archive/sink_fanout_test.c: what is appended arrives at each of several sinks, whatever becomes of the others, and who waits for
 * whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "archive/archive_test_util.h"
#include "archive/sink_fanout.h"
#include "base/clock.h"
#include "base/dir_test_util.h"
#include "base/err_test_util.h"

enum {
    MIB = 1 << 20,
    IN_MEMORY = 48, /* MiB that the fan-out keeps there */
    PATTERN = MIB + 3,
    WATCHDOG_SECONDS = 120,
};

/* Byte i of all that is appended is byte i % PATTERN of this. */
static uint8_t pattern[2 * PATTERN];

static const uint8_t *content_at(uint64_t i)
{
    return pattern + i % PATTERN;
}

/* A sink that checks what it gets, can be kept waiting, and fails where it is told to. */
struct checked_sink {
    struct sink sink;
    struct sink_branch branch;
    uint64_t fail_at; /* the byte that it cannot take; UINT64_MAX: none */
    bool commit_fails, committed;

    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t changed;
    uint64_t n;  /* bytes that it has */
    bool closed; /* appends wait */
    bool wrong;
};

static struct err *checked_append(struct sink *s, const void *data, size_t n)
{
    struct checked_sink *c = (struct checked_sink *)s;
    pthread_mutex_lock(&c->lock);
    while (c->closed)
        pthread_cond_wait(&c->changed, &c->lock);
    c->wrong = c->wrong || n > PATTERN || memcmp(data, content_at(c->n), n) != 0;
    const bool fails = c->n + n > c->fail_at;
    c->n += fails ? 0 : n;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return fails ? err_make(IO, "the sink is full") : NULL;
}

static struct err *checked_commit(struct sink *s)
{
    struct checked_sink *c = (struct checked_sink *)s;
    c->committed = true;
    return c->commit_fails ? err_make(IO, "%s: cannot commit", c->branch.name) : NULL;
}

static void checked_init(struct checked_sink *c, const char *name)
{
    *c = (struct checked_sink){.sink = {.append = checked_append, .commit = checked_commit},
                               .fail_at = UINT64_MAX};
    c->branch = (struct sink_branch){.name = name, .sink = &c->sink};
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
}

static void checked_fini(struct checked_sink *c)
{
    assert_false(c->wrong);
    err_free(c->branch.error);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
}

static void set_closed(struct checked_sink *c, bool closed)
{
    pthread_mutex_lock(&c->lock);
    c->closed = closed;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void wait_for_bytes(struct checked_sink *c, uint64_t n)
{
    pthread_mutex_lock(&c->lock);
    while (c->n < n)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

/* Three of them, and their fan-out. */
struct trio {
    struct checked_sink sinks[3];
    struct sink_branch *branches[3];
    struct sink *all;
    _Atomic uint64_t appended;
    uint64_t seed;
};

static void trio_open_with_log(struct trio *t, const char *dir, uint64_t spill_max, struct log *log)
{
    static const char *const names[] = {"A", "B", "C"};
    const struct sink_fanout_options options = {.dir = dir, .spill_max = spill_max, .log = log};
    t->appended = 0;
    t->seed = 11;
    for (int i = 0; i < 3; i++) {
        checked_init(&t->sinks[i], names[i]);
        t->branches[i] = &t->sinks[i].branch;
    }
    alarm(WATCHDOG_SECONDS); /* one that waits where it must not */
    assert_null(sink_fanout_open(&t->all, t->branches, 3, &options));
}

static void trio_open(struct trio *t, const char *dir, uint64_t spill_max)
{
    trio_open_with_log(t, dir, spill_max, NULL);
}

static void trio_close(struct trio *t)
{
    t->all->free(t->all);
    for (int i = 0; i < 3; i++)
        checked_fini(&t->sinks[i]);
    alarm(0);
}

/* The next n bytes, in pieces of any size. */
static struct err *append(struct trio *t, uint64_t n)
{
    for (const uint64_t end = t->appended + n; t->appended < end;) {
        const uint64_t left = end - t->appended, some = 1 + test_random(&t->seed) % (MIB / 2);
        const size_t piece = (size_t)(some < left ? some : left);
        TRY(t->all->append(t->all, content_at(t->appended), piece));
        t->appended += piece;
    }
    return NULL;
}

static void assert_has_all(const struct trio *t, int i)
{
    assert_null(t->branches[i]->error);
    assert_true(t->sinks[i].committed);
    assert_int_equal(t->sinks[i].n, t->appended);
    assert_int_equal(t->branches[i]->bytes, t->appended);
}

static void each_gets_all_in_order(void **state)
{
    struct trio t;
    trio_open(&t, *state, 0);
    assert_null(append(&t, 9 * MIB + 4321));
    assert_null(t.all->commit(t.all));
    for (int i = 0; i < 3; i++)
        assert_has_all(&t, i);
    trio_close(&t);
}

static void one_that_fails_at_any_byte_is_left_out_and_named(void **state)
{
    uint64_t seed = 5;
    for (int round = 0; round < 20; round++) {
        struct trio t;
        trio_open(&t, *state, 0);
        t.sinks[1].fail_at = test_random(&seed) % (3 * MIB);
        assert_null(append(&t, 3 * MIB));
        assert_null(t.all->commit(t.all));
        assert_has_all(&t, 0);
        assert_has_all(&t, 2);
        assert_string_equal(t.branches[1]->error->message, "B: the sink is full");
        assert_false(t.sinks[1].committed);
        assert_int_equal(t.branches[1]->bytes, t.sinks[1].n);
        trio_close(&t);
    }
}

static void what_one_wanted_that_has_failed_is_not_kept(void **state)
{
    struct trio t;
    trio_open(&t, *state, 0);
    t.sinks[0].fail_at = 5 * MIB;
    set_closed(&t.sinks[0], true);
    assert_null(append(&t, 20 * MIB));
    set_closed(&t.sinks[0], false);
    assert_null(append(&t, 2 * IN_MEMORY * MIB));
    assert_null(t.all->commit(t.all));
    assert_non_null(t.branches[0]->error);
    assert_has_all(&t, 1);
    assert_has_all(&t, 2);
    trio_close(&t);
}

static void one_whose_commit_fails_is_left_out(void **state)
{
    struct trio t;
    trio_open(&t, *state, 0);
    t.sinks[2].commit_fails = true;
    assert_null(append(&t, 1000));
    assert_null(t.all->commit(t.all));
    assert_has_all(&t, 0);
    assert_has_all(&t, 1);
    assert_string_equal(t.branches[2]->error->message, "C: cannot commit");
    trio_close(&t);
}

static void when_all_have_failed_it_ends_at_once(void **state)
{
    struct trio t;
    struct err *e = NULL;
    trio_open(&t, *state, 0);
    for (int i = 0; i < 3; i++)
        t.sinks[i].fail_at = (uint64_t)i * MIB;
    for (int i = 0; i < 2 * IN_MEMORY && !e; i++) /* more than fits without anybody who takes it */
        e = append(&t, MIB);
    assert_error(e, ERR_IO, "A: the sink is full; B: the sink is full; C: the sink is full");
    assert_error(t.all->commit(t.all), ERR_IO,
                 "A: the sink is full; B: the sink is full; C: the sink is full");
    trio_close(&t);
}

static void without_commit_nothing_is_committed(void **state)
{
    struct trio t;
    trio_open(&t, *state, 0);
    assert_null(append(&t, 2 * MIB + 1));
    trio_close(&t);
    for (int i = 0; i < 3; i++)
        assert_false(t.sinks[i].committed);
}

/* What one that takes nothing keeps waiting goes to the file, and the others do not notice. */
static void a_slow_one_does_not_hold_up_the_others_within_the_bound(void **state)
{
    enum { SPILLED = 20 };
    struct trio t;
    trio_open(&t, *state, SPILLED * MIB);
    set_closed(&t.sinks[0], true);
    assert_null(append(&t, (IN_MEMORY + SPILLED) * MIB));
    wait_for_bytes(&t.sinks[1], t.appended);
    wait_for_bytes(&t.sinks[2], t.appended);
    assert_int_equal(t.sinks[0].n, 0);
    set_closed(&t.sinks[0], false);
    assert_null(append(&t, 2 * SPILLED * MIB)); /* the file's places are used again */
    assert_null(t.all->commit(t.all));
    for (int i = 0; i < 3; i++)
        assert_has_all(&t, i);
    trio_close(&t);
}

struct appender {
    struct trio *trio;
    uint64_t n;
    struct err *error;
};

static void *run_appender(void *arg)
{
    struct appender *a = arg;
    a->error = append(a->trio, a->n);
    return NULL;
}

/* Appends more than can be kept while B takes nothing: it waits when `kept` MiB were taken by the others. */
static void assert_waits_behind(struct trio *t, uint64_t kept)
{
    struct appender a = {.trio = t, .n = (kept + 10) * MIB};
    pthread_t thread;
    set_closed(&t->sinks[1], true);
    assert_int_equal(pthread_create(&thread, NULL, run_appender, &a), 0);
    wait_for_bytes(&t->sinks[0], kept * MIB);
    wait_for_bytes(&t->sinks[2], kept * MIB);
    clock_sleep_ms(50); /* it goes no further, however long it is given */
    pthread_mutex_lock(&t->sinks[0].lock);
    assert_int_equal(t->sinks[0].n, kept * MIB);
    pthread_mutex_unlock(&t->sinks[0].lock);
    set_closed(&t->sinks[1], false);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_null(a.error);
    assert_null(t->all->commit(t->all));
    for (int i = 0; i < 3; i++)
        assert_has_all(t, i);
}

static void beyond_the_bound_all_wait_for_the_slowest(void **state)
{
    struct trio t;
    trio_open(&t, *state, 10 * MIB);
    assert_waits_behind(&t, IN_MEMORY + 10);
    trio_close(&t);
}

static void without_a_file_all_wait_for_the_slowest_and_that_is_told_once(void **state)
{
    struct trio t;
    struct log *log;
    AUTO_FREE char *nowhere = mem_printf("%s/nowhere", (char *)*state);
    AUTO_FREE char *path = mem_printf("%s/log", (char *)*state);
    AUTO_FREE char *text = NULL;
    size_t n;
    assert_null(log_open(&log, &(struct log_options){.file = path}));
    trio_open_with_log(&t, nowhere, 10 * MIB, log);
    assert_waits_behind(&t, IN_MEMORY);
    trio_close(&t);
    log_close(log);
    assert_null(file_read_all(&text, &n, path, MIB));
    assert_non_null(strstr(text, ": the backup waits for its slowest destination\n"));
    assert_ptr_equal(strchr(text, '\n'), text + n - 1);
}

/* To write what all are behind with to a file, and to read it back, would make them slower. */
static void when_all_are_slow_nothing_goes_to_the_file(void **state)
{
    struct trio t;
    pthread_t thread;
    trio_open(&t, *state, 10 * MIB);
    struct appender a = {.trio = &t, .n = (IN_MEMORY + 5) * MIB};
    for (int i = 0; i < 3; i++)
        set_closed(&t.sinks[i], true);
    assert_int_equal(pthread_create(&thread, NULL, run_appender, &a), 0);
    while (t.appended < (IN_MEMORY - 1) * MIB)
        clock_sleep_ms(1);
    clock_sleep_ms(50); /* it goes no further, however long it is given */
    assert_in_range(t.appended, 0, IN_MEMORY * MIB);
    for (int i = 0; i < 3; i++)
        set_closed(&t.sinks[i], false);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_null(a.error);
    assert_null(t.all->commit(t.all));
    for (int i = 0; i < 3; i++)
        assert_has_all(&t, i);
    trio_close(&t);
}

/* The server is locked then. */
static void while_it_is_held_nobody_is_waited_for(void **state)
{
    struct trio t;
    trio_open(&t, *state, 0);
    for (int i = 0; i < 3; i++)
        set_closed(&t.sinks[i], true);
    t.all->hold(t.all, true);
    assert_null(append(&t, (IN_MEMORY + 30) * MIB));
    for (int i = 0; i < 3; i++)
        assert_int_equal(t.sinks[i].n, 0);
    t.all->hold(t.all, false);
    for (int i = 0; i < 3; i++)
        set_closed(&t.sinks[i], false);
    assert_null(append(&t, MIB));
    assert_null(t.all->commit(t.all));
    for (int i = 0; i < 3; i++)
        assert_has_all(&t, i);
    trio_close(&t);
}

static void what_is_held_and_can_be_kept_nowhere_is_an_error(void **state)
{
    struct trio t;
    AUTO_FREE char *nowhere = mem_printf("%s/nowhere", (char *)*state);
    trio_open(&t, nowhere, 0);
    set_closed(&t.sinks[0], true);
    t.all->hold(t.all, true);
    struct err *e = append(&t, 2 * IN_MEMORY * MIB);
    assert_non_null(e);
    assert_int_equal(e->os_errno, ENOENT);
    err_free(e);
    set_closed(&t.sinks[0], false);
    trio_close(&t);
}

static int make_pattern(void **state)
{
    uint64_t seed = 3;
    (void)state;
    for (size_t i = 0; i < PATTERN; i++)
        pattern[i] = pattern[i + PATTERN] = (uint8_t)test_random(&seed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, test_dir_make, test_dir_remove)
        IN_DIR(each_gets_all_in_order),
        IN_DIR(one_that_fails_at_any_byte_is_left_out_and_named),
        IN_DIR(what_one_wanted_that_has_failed_is_not_kept),
        IN_DIR(one_whose_commit_fails_is_left_out),
        IN_DIR(when_all_have_failed_it_ends_at_once),
        IN_DIR(without_commit_nothing_is_committed),
        IN_DIR(a_slow_one_does_not_hold_up_the_others_within_the_bound),
        IN_DIR(beyond_the_bound_all_wait_for_the_slowest),
        IN_DIR(without_a_file_all_wait_for_the_slowest_and_that_is_told_once),
        IN_DIR(when_all_are_slow_nothing_goes_to_the_file),
        IN_DIR(while_it_is_held_nobody_is_waited_for),
        IN_DIR(what_is_held_and_can_be_kept_nowhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_pattern, NULL);
}
