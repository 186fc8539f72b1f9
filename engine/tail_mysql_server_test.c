/* engine/tail_mysql_server_test.c: what the tail asks of its server: how far the log is, to be its consumer, and to archive it. The archive is
 * what it goes on with when the log was overwritten too early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/redo_consumer.h"
#include "engine/tail_mysql_test_util.h"

/* --- the server's side --- */

static void headroom_is_what_the_log_still_takes(void **state)
{
    struct fixture *f = *state;
    const lsn_t end = log_mtrs(f, 8);
    flush(f);
    fake_server.current = end + (2 << 20);
    fake_server.checkpoint = end;
    start(f);
    wait_for(f, end);
    uint64_t capacity;
    assert_int_equal(tailer_headroom(f->tail, &capacity), (6 << 20) - CAPACITY / 32);
    assert_int_equal(capacity, CAPACITY);
}

static void consumer_advances_and_leaves_at_the_end(void **state)
{
    struct fixture *f = *state;
    const lsn_t end = log_mtrs(f, 8);
    flush(f);
    fake_server.current = end;
    ok(try_start(f, true));
    assert_true(fake_server.registered);
    wait_for(f, end);
    for (int i = 0; i < 1000 && fake_server.told != end; i++) /* a second later at the latest */
        clock_sleep_ms(5);
    assert_int_equal(fake_server.told, end);
    assert_true(fake_server.registered);
    ok(tailer_stop(f->tail));
    assert_false(fake_server.registered);
}

/* A killed backup may be the consumer for a moment longer. */
static void consumer_waits_for_one_that_is_about_to_go(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 8);
    flush(f);
    fake_server.busy_for = 2;
    ok(try_start(f, true));
    assert_true(fake_server.registered);
    assert_int_equal(fake_server.busy_for, 0);
    ok(tailer_stop(f->tail));
}

static void consumer_lets_go_before_the_server_has_to_wait(void **state)
{
    struct fixture *f = *state;
    const lsn_t end = log_mtrs(f, 8);
    flush(f);
    fake_server.current = end;
    ok(try_start(f, true));
    wait_for(f, end);
    fake_server.current = end + CAPACITY / 100 * 69;
    clock_sleep_ms(150);
    assert_true(fake_server.registered);
    fake_server.current = end + CAPACITY / 100 * 71;
    assert_message(f, "5 MiB behind, and the log holds 8 MiB: no longer its consumer");
    for (int i = 0; i < 1000 && fake_server.registered; i++)
        clock_sleep_ms(5);
    assert_false(fake_server.registered);
    ok(tailer_check(f->tail)); /* it goes on without */
}

static void consumer_that_was_stopped_may_catch_up(void **state)
{
    struct fixture *f = *state;
    struct redo_consumer c;
    const lsn_t server = 1 + CAPACITY / 100 * 79;
    ok(redo_consumer_register(&c, &fake_server, f->out));
    ok(redo_consumer_tend(&c, 1, server, CAPACITY));
    c.tended_at = clock_seconds() - 3600;
    ok(redo_consumer_tend(&c, 1, server, CAPACITY));
    assert_true(c.registered);
    ok(redo_consumer_tend(&c, server, server, CAPACITY)); /* it had only been stopped */
    assert_int_equal(fake_server.told, server);
    for (const double end = clock_seconds() + 10; c.registered && clock_seconds() < end;) {
        ok(redo_consumer_tend(&c, server, 2 * server, CAPACITY)); /* it stays behind */
        clock_sleep_ms(1);
    }
    assert_false(fake_server.registered);
}

static void consumer_that_was_dropped_is_a_warning(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 8);
    const lsn_t end = flush(f);
    fake_server.advance_answer = 1;
    ok(try_start(f, true));
    assert_message(f, "no longer consumer of the redo log, what was not read may be overwritten: "
                      "the server does not keep its redo log for us any more (LSN");
    wait_for(f, end);
    const unsigned advances = fake_server.advances;
    clock_sleep_ms(50);
    assert_int_equal(fake_server.advances, advances);
}

static void consumer_is_not_had_by_everybody(void **state)
{
    struct fixture *f = *state;
    log_mtrs(f, 8);
    const lsn_t end = flush(f);
    fake_server.register_answer = 1;
    ok(try_start(f, true));
    assert_message(f, "not registered as consumer of the redo log: another session is");
    wait_for(f, end);
    tailer_free(f->tail);
    f->tail = NULL;
    assert_int_equal(unlink(f->spool), 0);
    fake_server.no_privilege = true;
    ok(try_start(f, true));
    assert_message(f, "not registered as consumer of the redo log: access denied");
    wait_for(f, end);
}

/* --- the archive --- */

/* In pieces of 4096 bytes, as the server does, with zeros behind. */
static void archive_blocks(const struct fixture *f, size_t first, size_t stop)
{
    AUTO_FD int fd = -1;
    ok(file_open(&fd, fake_server.archive, O_WRONLY | O_CREAT, 0440));
    for (size_t i = first; i < stop; i++)
        ok(file_pwrite(fd, mysql_log_block(&f->log, i), 512,
                       MYSQL_ARCHIVE_HEAD_SIZE + (i - first) * 512, fake_server.archive));
    assert_int_equal(ftruncate(fd, MYSQL_ARCHIVE_HEAD_SIZE + (stop - first + 7) / 8 * 4096), 0);
}

static void log_blocks(struct fixture *f, size_t n)
{
    while (f->log.n_blocks < n)
        log_mtrs(f, 1);
}

/* The log goes on for `blocks` blocks, but for its newest file all of that is overwritten at once. */
static void overtake(struct fixture *f, size_t blocks)
{
    const size_t old = f->written - 1, end_of_file = (old / FILE_BLOCKS + 1) * FILE_BLOCKS;
    assert_true(f->log.n_blocks >= blocks);
    for (size_t i = old; i < end_of_file && i < blocks; i++)
        put_block(f, i, mysql_log_block(&f->log, i));
    const size_t newest = (blocks - 1) / FILE_BLOCKS * FILE_BLOCKS;
    assert_true(newest > end_of_file);
    AUTO_FREE char *temporary = make_file(f, id_of_block(newest), "_tmp");
    for (size_t i = newest; i < blocks; i++)
        put_at(temporary, mysql_log_block(&f->log, i), 512,
               MYSQL_REDO_HEADER_SIZE + (i - newest) * 512);
    rename_file(f, id_of_block(newest), "_tmp", id_of_block(newest), "");
    f->written = blocks;
}

static unsigned messages_with(const struct fixture *f, const char *text)
{
    char *data;
    size_t len;
    unsigned n = 0;
    ok(file_read_all(&data, &len, f->messages, 1 << 20));
    for (const char *at = data; (at = strstr(at, text)); at++)
        n++;
    free(data);
    return n;
}

static const char fell_back[] = "redo log overwritten before it was read: on from LSN";

/* Archived from block `first` on, read up to the middle of the first file. */
static void start_archived(struct fixture *f)
{
    log_blocks(f, FILE_BLOCKS / 2);
    const lsn_t end = flush(f);
    ok(start_with(f, false, true));
    wait_for(f, end);
}

static void what_the_log_has_lost_is_read_in_the_archive(void **state)
{
    struct fixture *f = *state;
    start_archived(f);
    assert_true(archive_session.active);
    assert_string_equal(archive_session.label,
                        "X'69742773'"); /* the first of the two is not there */
    assert_message(f, "redo that is overwritten before it was read is read from");
    for (unsigned lap = 1; lap <= 3; lap++) {
        const size_t end = f->log.n_blocks + 5 * FILE_BLOCKS;
        log_blocks(f, end);
        archive_blocks(f, 1, end - 2); /* it lags */
        overtake(f, end);
        wait_for(f, mysql_log_end(&f->log));
        log_mtrs(f, 3);
        flush(f);
        wait_for(f, mysql_log_end(&f->log));
    }
    assert_int_equal(messages_with(f, fell_back), 1);
    assert_int_equal(access(fake_server.archive, F_OK), 0);
    assert_spool(f, 0);
    assert_int_equal(archive_session.stops, 1);
    assert_int_not_equal(access(fake_server.archive, F_OK), 0);
}

static void archive_may_lag_behind_for_a_while(void **state)
{
    struct fixture *f = *state;
    start_archived(f);
    const size_t end = 7 * FILE_BLOCKS;
    log_blocks(f, end);
    overtake(f, end);
    clock_sleep_ms(100);
    archive_blocks(f, 0, 3 * FILE_BLOCKS + 2);
    ok(tailer_wait(f->tail, file_start(FIRST_ID + 3), 10));
    clock_sleep_ms(100); /* what follows is neither there nor in the log */
    archive_blocks(f, 0, end);
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, 0);
}

static void archive_that_does_not_go_on_where_we_are_is_no_help(void **state)
{
    struct fixture *f = *state;
    static const struct {
        size_t first, stop;
        bool foreign;
        const char *message, *hint;
    } cases[] = {
        {FILE_BLOCKS, 99, false, "#ib_redo9 is gone", ".000001.log begins at LSN 54272)"},
        {0, 4, false, "#ib_redo9 is gone", ".000001.log ends before LSN 53760)"},
        {0, 0, false, "#ib_redo9 is gone", ".000001.log ends before LSN 53760)"},
        {0, 2 * FILE_BLOCKS, false,
         "overwritten before it was read: the archive has less than the log has lost",
         ".000001.log ends before LSN 57344)"},
        {0, 99, true,
         "is no archive of this log: its block at LSN 53760 is not the one that was read before",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t end = 5 * FILE_BLOCKS;
        f->written = 0;
        start_archived(f);
        log_blocks(f, end);
        uint8_t *seam = mysql_log_block(&f->log, FILE_BLOCKS - 1);
        seam[40] ^= cases[i].foreign;
        mysql_log_seal(&f->log);
        archive_blocks(f, cases[i].first, cases[i].stop < end ? cases[i].stop : end);
        seam[40] ^= cases[i].foreign;
        mysql_log_seal(&f->log);
        overtake(f, end);
        struct err *e = death_of(f);
        assert_non_null(e);
        if (cases[i].hint && (!e->hint || !strstr(e->hint, cases[i].hint)))
            fail_msg("case %zu: %s; hint %s", i, e->message, e->hint ? e->hint : "none");
        error_is(e, SERVER, cases[i].message);
        assert_int_equal(messages_with(f, fell_back), i >= 3); /* the fourth went on for a while */
        tailer_free(f->tail);
        f->tail = NULL;
        assert_int_not_equal(access(fake_server.archive, F_OK), 0);
        assert_int_equal(unlink(f->spool), 0);
        ok(file_remove_tree(f->redo));
        ok(file_mkdirs(f->redo, 0700));
        mysql_log_free(&f->log);
        f->log = (struct mysql_log){.start = FIRST};
    }
}

static void archive_of_another_session_is_used_and_left_alone(void **state)
{
    struct fixture *f = *state;
    fake_server.archive_answer = ARCHIVE_IS_BUSY;
    log_blocks(f, 2);
    archive_blocks(f, 0, 2);
    start_archived(f);
    assert_message(f, "another session's archive");
    const size_t end = 5 * FILE_BLOCKS;
    log_blocks(f, end);
    archive_blocks(f, 0, end);
    assert_int_equal(unlink(fake_server.archive), 0); /* that session ends */
    overtake(f, end);
    wait_for(f, mysql_log_end(&f->log));
    assert_spool(f, 0);
    ok(tailer_stop(f->tail));
    assert_int_equal(archive_session.stops, 0);
}

static void archive_that_cannot_be_had_is_said_and_nothing_more(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *empty = mem_printf(":%s/archive", f->dir);
    static const struct {
        enum archive_answer answer;
        const char *why;
    } cases[] = {
        {ARCHIVE_IS_DENIED, "Access denied; you need INNODB_REDO_LOG_ARCHIVE"},
        {ARCHIVE_FILE_EXISTS, "archive.u-u-i-d.000001.log is left over from earlier archiving, to "
                              "be removed: Cannot create"},
        {ARCHIVE_IS_BUSY, "archive.u-u-i-d.000001.log: cannot open: No such file"},
    };
    log_blocks(f, 2);
    flush(f);
    fake_server.archive_dirs = empty;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_server.archive_answer = cases[i].answer;
        if (cases[i].answer == ARCHIVE_FILE_EXISTS)
            archive_blocks(f, 0, 1);
        ok(start_with(f, false, true));
        wait_for(f, mysql_log_end(&f->log));
        assert_int_equal(messages_with(f, "no redo archive to fall back on: "), i + 1);
        assert_message(f, cases[i].why);
        assert_spool(f, 0);
        tailer_free(f->tail);
        f->tail = NULL;
        assert_int_equal(unlink(f->spool), 0);
        if (cases[i].answer == ARCHIVE_FILE_EXISTS)
            assert_int_equal(unlink(fake_server.archive), 0); /* it was left alone */
    }
    const unsigned said = messages_with(f, "archive");
    fake_server.archive_dirs = NULL; /* not set up for it: no word, unless it would have helped */
    start_archived(f);
    log_blocks(f, 5 * FILE_BLOCKS);
    overtake(f, 5 * FILE_BLOCKS);
    struct err *e = death_of(f);
    assert_non_null(e);
    assert_non_null(strstr(e->hint, "go on with: innodb_redo_log_archive_dirs is not set)"));
    error_is(e, SERVER, "#ib_redo9 is gone");
    assert_int_equal(messages_with(f, "archive"), said);
}

static void archive_that_is_not_ours_to_remove_ends_with_the_session(void **state)
{
    struct fixture *f = *state;
    start_archived(f);
    assert_int_equal(unlink(fake_server.archive), 0); /* cannot be removed any more */
    assert_true(archive_session.active);
    ok(tailer_stop(f->tail));
    assert_false(archive_session.active);
    assert_int_equal(archive_session.stops, 0);
}

static void archiving_ends_when_the_tail_cannot_begin(void **state)
{
    struct fixture *f = *state;
    error_is(start_with(f, false, true), CORRUPT, "no redo file with a valid checkpoint");
    assert_false(archive_session.active);
    assert_int_not_equal(access(fake_server.archive, F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(headroom_is_what_the_log_still_takes),
        TEST(consumer_advances_and_leaves_at_the_end),
        TEST(consumer_waits_for_one_that_is_about_to_go),
        TEST(consumer_lets_go_before_the_server_has_to_wait),
        TEST(consumer_that_was_stopped_may_catch_up),
        TEST(consumer_that_was_dropped_is_a_warning),
        TEST(consumer_is_not_had_by_everybody),
        TEST(what_the_log_has_lost_is_read_in_the_archive),
        TEST(archive_may_lag_behind_for_a_while),
        TEST(archive_that_does_not_go_on_where_we_are_is_no_help),
        TEST(archive_of_another_session_is_used_and_left_alone),
        TEST(archive_that_cannot_be_had_is_said_and_nothing_more),
        TEST(archive_that_is_not_ours_to_remove_ends_with_the_session),
        TEST(archiving_ends_when_the_tail_cannot_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
