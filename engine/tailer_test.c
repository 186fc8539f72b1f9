/* engine/tailer_test.c: the tail (T1..T3, M1, M2) on a log file made by hand and a server that says what it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "engine/engine_test_util.h"
#include "engine/tailer.h"
#include "innodb/redo_crypt_test_util.h"

enum {
    FIRST = 50000, /* LSN of the first log's first byte, and its checkpoint */
    CAPACITY = 3 << 20,
    MTR = 16, /* bytes of every mini-transaction here */
};

/* Stands in for the server layer: only one number matters. */
static struct conn {
    _Atomic uint64_t flushed;
    atomic_bool gone;
    struct tailer
        *_Atomic end_when_asked; /* the locks are let go while the tail waits for this answer ... */
    lsn_t end_lsn;
    uint64_t flushed_then; /* ... and the server goes on */
} fake_server;

struct err *conn_open(struct conn **out, const struct conn_options *options)
{
    (void)options;
    *out = &fake_server;
    return NULL;
}

void conn_close(struct conn *c)
{
    (void)c;
}

struct err *conn_status_u64(struct conn *c, uint64_t *out, const char *name)
{
    assert_string_equal(name, "Innodb_lsn_flushed");
    if (c->gone)
        return err_make(SERVER, "server has gone away");
    if (c->end_when_asked) {
        tailer_end_at(c->end_when_asked, c->end_lsn);
        c->flushed = c->flushed_then;
    }
    *out = c->flushed;
    return NULL;
}

/* What only a MySQL server is asked. */
struct err *conn_query(struct conn *c, struct rows *out, const char *fmt, ...)
{
    (void)c;
    (void)out;
    return err_make(FAILED, "not to be asked: %s", fmt);
}

struct err *conn_query_text(struct conn *c, char **out, const char *fmt, ...)
{
    (void)c;
    (void)out;
    return err_make(FAILED, "not to be asked: %s", fmt);
}

struct err *conn_exec(struct conn *c, const char *fmt, ...)
{
    (void)c;
    return err_make(FAILED, "not to be asked: %s", fmt);
}

const char *rows_get(const struct rows *r, size_t row, const char *column)
{
    (void)r;
    (void)row;
    (void)column;
    return NULL;
}

void rows_fini(struct rows *r)
{
    (void)r;
}

unsigned conn_errno(const struct conn *c)
{
    (void)c;
    return 0;
}

bool conn_errno_is_lost(unsigned n)
{
    return n;
}

struct fixture {
    char *dir, *log, *spool;
    struct tailer *tail;
    struct key_file *keys;
    bool at_rest;
};

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof *f);
    f->dir = make_dir();
    f->log = mem_printf("%s/ib_logfile0", f->dir);
    f->spool = mem_printf("%s/spool", f->dir);
    fake_server.flushed = FIRST;
    fake_server.gone = false;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tailer_free(f->tail);
    key_file_free(f->keys);
    free(f->log);
    free(f->spool);
    remove_dir(f->dir);
    free(f);
    return 0;
}

/* A log of CAPACITY bytes whose first byte and checkpoint are at `first`. */
static void make_log(const char *path, lsn_t first, lsn_t checkpoint)
{
    AUTO_FREE uint8_t *area = mem_alloc(REDO_START_OFFSET);
    AUTO_FD int fd = -1;
    redo_log_header_make(area, first, checkpoint, checkpoint, "MariaDB 10.11.19");
    ok(file_open(&fd, path, O_WRONLY | O_CREAT, 0600));
    ok(file_pwrite(fd, area, REDO_START_OFFSET, 0, path));
    assert_int_equal(ftruncate(fd, REDO_START_OFFSET + CAPACITY), 0);
}

/* Ends a mini-transaction of n record bytes. */
static size_t finish_mtr(uint8_t *mtr, size_t n, int sequence)
{
    mtr[n] = (uint8_t)sequence;
    put_be32(mtr + n + 1, crc32c(0, mtr, n));
    return n + 5;
}

/* Puts a mini-transaction of MTR bytes (a WRITE with a number in it) where `lsn` is in a log that begins at `first`. */
static void put_mtr(const char *path, lsn_t first, lsn_t lsn, uint32_t number, int sequence)
{
    uint8_t mtr[MTR] = {REDO_WRITE << 4 | (MTR - 6), 5, 7, 0};
    AUTO_FD int fd = -1;
    put_be32(mtr + 4, number);
    assert_int_equal(finish_mtr(mtr, MTR - 5, sequence), MTR);
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, mtr, MTR, REDO_START_OFFSET + (lsn - first) % CAPACITY, path));
}

static lsn_t put_mtrs(const char *path, lsn_t first, lsn_t lsn, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++, lsn += MTR)
        put_mtr(path, first, lsn, i, 1);
    return lsn;
}

static struct err *try_start(struct fixture *f)
{
    const struct tailer_options options = {
        .log_path = f->log, .spool_path = f->spool, .keys = f->keys, .at_rest = f->at_rest};
    return tailer_open(&f->tail, &options);
}

static void start(struct fixture *f)
{
    ok(try_start(f));
}

static void wait_for(struct fixture *f, lsn_t lsn)
{
    ok(tailer_wait(f->tail, lsn, 10));
}

/* Waits for the tail to die of this. */
static void assert_dies(struct fixture *f, const char *text)
{
    struct err *e = NULL;
    for (const double end = clock_seconds() + 10; !e && clock_seconds() < end;) {
        clock_sleep_ms(5);
        e = tailer_check(f->tail);
    }
    error_is(e, SERVER, text);
}

/* The numbers in the spool are 0 .. n - 1. */
static void assert_spool(struct fixture *f, uint32_t n)
{
    char *data;
    size_t len;
    ok(file_read_all(&data, &len, f->spool, 1 << 20));
    assert_int_equal(len, n * MTR);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(be32(data + i * MTR + 4), i);
    free(data);
}

static void nothing_beyond_the_flushed_lsn_is_taken(void **state)
{
    struct fixture *f = *state;
    make_log(f->log, FIRST, FIRST);
    put_mtrs(f->log, FIRST, FIRST, 0, 10); /* all of it whole and valid */
    fake_server.flushed = FIRST + 5 * MTR + 3;
    start(f);
    wait_for(f, FIRST + 5 * MTR);
    clock_sleep_ms(60);
    assert_int_equal(tailer_lsn(f->tail), FIRST + 5 * MTR);
    assert_spool(f, 5);
    fake_server.flushed = FIRST + 10 * MTR;
    wait_for(f, FIRST + 10 * MTR);
    assert_spool(f, 10);
    assert_int_equal(tailer_start_lsn(f->tail), FIRST);
}

static void log_is_followed_through_its_end(void **state)
{
    struct fixture *f = *state;
    const lsn_t checkpoint = FIRST + CAPACITY - 5 * MTR - 7;
    make_log(f->log, FIRST, checkpoint);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, f->log, O_WRONLY, 0));
    for (uint32_t i = 0; i < 10; i++) { /* the sixth wraps; the sequence byte turns with the lap */
        const lsn_t lsn = checkpoint + i * MTR;
        const lsn_t terminator = lsn + MTR - 5;
        uint8_t mtr[MTR] = {REDO_WRITE << 4 | (MTR - 6), 5, 7, 0};
        put_be32(mtr + 4, i);
        finish_mtr(mtr, MTR - 5, terminator - FIRST < CAPACITY);
        for (size_t b = 0; b < MTR; b++)
            ok(file_pwrite(fd, mtr + b, 1, REDO_START_OFFSET + (lsn + b - FIRST) % CAPACITY,
                           f->log));
    }
    fake_server.flushed = checkpoint + 10 * MTR;
    start(f);
    wait_for(f, checkpoint + 10 * MTR);
    assert_spool(f, 10);
    char *data;
    size_t len;
    ok(file_read_all(&data, &len, f->spool, 1 << 20));
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(data[i * MTR + MTR - 5], 1); /* normalised */
    free(data);
}

/* The old file ends in bytes of the log buffer that look like more of the log. */
static void replaced_log_is_followed_and_its_stale_end_left(void **state)
{
    struct fixture *f = *state;
    const lsn_t second = FIRST + 512;
    AUTO_FREE char *next = mem_printf("%s/ib_logfile101", f->dir);
    make_log(f->log, FIRST, FIRST);
    put_mtrs(f->log, FIRST, FIRST, 0, 40);            /* 32 is where the new log begins */
    put_mtrs(f->log, FIRST, FIRST + 40 * MTR, 5, 15); /* stale */
    fake_server.flushed = FIRST + 20 * MTR;
    start(f);
    wait_for(f, FIRST + 20 * MTR);
    make_log(next, second, second);
    put_mtrs(next, second, FIRST + 32 * MTR, 32, 100);
    assert_int_equal(rename(next, f->log), 0);
    fake_server.flushed = FIRST + 100 * MTR;
    wait_for(f, FIRST + 100 * MTR);
    assert_spool(f, 100);
    assert_int_equal(tailer_resizes(f->tail), 1);
    uint64_t capacity;
    assert_true(tailer_headroom(f->tail, &capacity) > CAPACITY / 2);
    assert_int_equal(capacity, CAPACITY);
}

static void log_replaced_too_late_is_an_error(void **state)
{
    struct fixture *f = *state;
    AUTO_FREE char *next = mem_printf("%s/ib_logfile101", f->dir);
    make_log(f->log, FIRST, FIRST);
    put_mtrs(f->log, FIRST, FIRST, 0, 10);
    fake_server.flushed = FIRST + 10 * MTR;
    start(f);
    wait_for(f, FIRST + 10 * MTR);
    make_log(next, FIRST + (1 << 20), FIRST + (1 << 20));
    assert_int_equal(rename(next, f->log), 0);
    assert_dies(f, "the log was resized, and its old file ends at LSN 50160, before the new one "
                   "begins (1098576)");
}

static void overwritten_log_is_an_error_with_sizes(void **state)
{
    struct fixture *f = *state;
    make_log(f->log, FIRST, FIRST);
    put_mtrs(f->log, FIRST, FIRST, 0, 10);
    fake_server.flushed = FIRST + 10 * MTR;
    start(f);
    wait_for(f, FIRST + 10 * MTR);
    fake_server.flushed = FIRST + 10 * MTR + CAPACITY;
    assert_dies(f, "redo tail: redo log overwritten before it was read: the server is at LSN "
                   "3195888, mbe at 50160 "
                   "(3 MiB behind), and the log holds 3 MiB");
    assert_spool(f, 10);
    error_is(tailer_wait(f->tail, FIRST + 11 * MTR, 10), SERVER, "redo log overwritten");
}

/* Two laps later the sequence byte is right again; only the checkpoint gives it away. */
static void second_lap_is_not_taken_for_the_first(void **state)
{
    struct fixture *f = *state;
    make_log(f->log, FIRST, FIRST);
    fake_server.flushed = FIRST;
    start(f);
    AUTO_FREE uint8_t *area = mem_alloc(REDO_START_OFFSET);
    AUTO_FD int fd = -1;
    redo_log_header_make(area, FIRST, FIRST + 2 * CAPACITY, FIRST + 2 * CAPACITY,
                         "MariaDB 10.11.19");
    ok(file_open(&fd, f->log, O_WRONLY, 0));
    ok(file_pwrite(fd, area, REDO_START_OFFSET, 0, f->log));
    put_mtrs(f->log, FIRST, FIRST, 0, 10);
    fake_server.flushed = FIRST + 10 * MTR;
    assert_dies(f, "redo log overwritten before it was read");
    assert_spool(f, 0);
}

/* The log of a server with innodb_encrypt_log=ON, whose key fields `change` alters. */
static void make_encrypted_log(const char *path, const struct mariadb_log *l, uint8_t change)
{
    AUTO_FREE uint8_t *area = mem_alloc(REDO_START_OFFSET);
    struct redo_log_header h = l->header;
    AUTO_FD int fd = -1;
    h.encryption[20] ^= change;
    make_log(path, FIRST, FIRST);
    redo_log_header_make(area, FIRST, FIRST, FIRST, "MariaDB 10.11.19");
    redo_log_header_set_encryption(area, &h);
    ok(file_open(&fd, path, O_WRONLY, 0));
    ok(file_pwrite(fd, area, REDO_START_OFFSET, 0, path));
    ok(file_pwrite(fd, l->bytes, l->len, REDO_START_OFFSET, path));
}

static void encrypted_log_is_followed_with_its_key(void **state)
{
    struct fixture *f = *state;
    struct mariadb_log l;
    char *spool;
    size_t len;
    mariadb_log_load(&l);
    make_encrypted_log(f->log, &l, 0);
    fake_server.flushed = FIRST + l.len;
    error_is(try_start(f), REFUSED,
             "ib_logfile0: the redo log is encrypted with version 1 of key 1, which is not given");
    ok(key_file_open(&f->keys, &redo_family_mariadb, TEST_MARIADB_KEYS, NULL));
    start(f);
    wait_for(f, FIRST + l.len);
    ok(file_read_all(&spool, &len, f->spool, 1 << 20));
    assert_int_equal(len, l.len);
    assert_memory_equal(spool, l.bytes, len);
    free(spool);
    assert_true(tailer_file_ops(f->tail)->n > 0);
    tailer_release(f->tail);
    assert_memory_equal(tailer_origin(f->tail)->mariadb.encryption, l.header.encryption,
                        REDO_ENCRYPTION_SIZE);
    AUTO_FREE char *next = mem_printf("%s/ib_logfile101", f->dir);
    make_encrypted_log(next, &l, 1);
    assert_int_equal(rename(next, f->log), 0);
    fake_server.flushed++;
    assert_dies(f, "ib_logfile0: the log was resized and has another key since");
    mariadb_log_free(&l);
}

static void a_wrong_key_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    struct mariadb_log l;
    AUTO_FREE char *path = mem_printf("%s/keys", f->dir);
    mariadb_log_load(&l);
    make_encrypted_log(f->log, &l, 0);
    write_text(f->dir, "keys", "1;000102030405060708090a0b0c0d0e0f\n");
    ok(key_file_open(&f->keys, &redo_family_mariadb, path, NULL));
    error_is(try_start(f), REFUSED,
             "ib_logfile0: the redo log does not open with the key 1 that the key file has");
    mariadb_log_free(&l);
}

static void file_records_fill_the_table(void **state)
{
    struct fixture *f = *state;
    uint8_t mtr[64] = {REDO_FILE_MODIFY << 4 | 12, 9, 0};
    AUTO_FD int fd = -1;
    snprintf((char *)mtr + 3, sizeof mtr - 3, "./d/aa.ibd");
    make_log(f->log, FIRST, FIRST);
    ok(file_open(&fd, f->log, O_WRONLY, 0));
    const size_t n = finish_mtr(mtr, 13, 1);
    ok(file_pwrite(fd, mtr, n, REDO_START_OFFSET, f->log));
    fake_server.flushed = FIRST + n;
    start(f);
    wait_for(f, FIRST + n);
    const struct file_ops *ops = tailer_file_ops(f->tail);
    const struct space_ops *o = file_ops_find(ops, 9);
    assert_non_null(o);
    assert_string_equal(o->name, "d/aa.ibd");
    tailer_release(f->tail);
}

/* A DDL that waited for the locks comes right behind them, while the tail is in the middle of a look at the log. */
static void file_records_behind_the_end_stay_out(void **state)
{
    struct fixture *f = *state;
    uint8_t mtr[64] = {REDO_FILE_DELETE << 4 | 12, 9, 0};
    AUTO_FD int fd = -1;
    snprintf((char *)mtr + 3, sizeof mtr - 3, "./d/aa.ibd");
    make_log(f->log, FIRST, FIRST);
    put_mtrs(f->log, FIRST, FIRST, 0, 2);
    const lsn_t end = FIRST + 2 * MTR;
    ok(file_open(&fd, f->log, O_WRONLY, 0));
    const size_t n = finish_mtr(mtr, 13, 1);
    ok(file_pwrite(fd, mtr, n, REDO_START_OFFSET + 2 * MTR, f->log));
    fake_server.flushed = end;
    start(f);
    wait_for(f, end);
    fake_server.flushed_then = end + n;
    fake_server.end_lsn = end;
    fake_server.end_when_asked = f->tail;
    wait_for(f, end + n); /* it was read all the same */
    fake_server.end_when_asked = NULL;
    ok(tailer_stop(f->tail));
    assert_null(file_ops_find(tailer_file_ops(f->tail), 9));
    tailer_release(f->tail);
}

/* The locks are gone before the log is flushed that far: the tail goes on to the end it was given, and no further. */
static void tail_goes_on_to_the_end_and_stops_there(void **state)
{
    struct fixture *f = *state;
    make_log(f->log, FIRST, FIRST);
    put_mtrs(f->log, FIRST, FIRST, 0, 10);
    fake_server.flushed = FIRST + 2 * MTR;
    start(f);
    wait_for(f, FIRST + 2 * MTR);
    tailer_end_at(f->tail, FIRST + 6 * MTR);
    clock_sleep_ms(60);
    assert_int_equal(tailer_lsn(f->tail), FIRST + 2 * MTR);
    fake_server.flushed = FIRST + 6 * MTR;
    wait_for(f, FIRST + 6 * MTR);
    fake_server.flushed = FIRST + 10 * MTR;
    clock_sleep_ms(60);
    assert_int_equal(tailer_lsn(f->tail), FIRST + 6 * MTR);
    ok(tailer_stop(f->tail));
}

static void dead_server_ends_the_tail(void **state)
{
    struct fixture *f = *state;
    make_log(f->log, FIRST, FIRST);
    start(f);
    fake_server.gone = true;
    assert_dies(f, "redo tail: server has gone away");
    error_is(tailer_stop(f->tail), SERVER, "redo tail: server has gone away");
}

static void waiting_in_vain_ends(void **state)
{
    struct fixture *f = *state;
    make_log(f->log, FIRST, FIRST);
    start(f);
    error_is(tailer_wait(f->tail, FIRST + 1, 0.2), SERVER,
             "redo tail stays at LSN 50000, 50001 expected for 0 s");
}

static void file_that_is_no_log_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct tailer_options options = {.log_path = f->log, .spool_path = f->spool};
    error_is(tailer_open(&f->tail, &options), IO,
             "ib_logfile0: cannot open: No such file or directory");
    write_text(f->dir, "ib_logfile0", "short");
    error_is(tailer_open(&f->tail, &options), CORRUPT, "ib_logfile0: 5 bytes are no redo log");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* --- a log at rest --- */

static void log_at_rest_is_read_to_its_end_and_nobody_is_asked(void **state)
{
    struct fixture *f = *state;
    f->at_rest = true;
    fake_server.gone = true;
    make_log(f->log, FIRST, FIRST);
    put_mtrs(f->log, FIRST, FIRST, 0, 10);
    put_mtr(f->log, FIRST, FIRST + 11 * MTR, 11, 1); /* behind a gap: never reached */
    start(f);
    ok(tailer_wait_end(f->tail));
    assert_int_equal(tailer_lsn(f->tail), FIRST + 10 * MTR);
    assert_int_equal(tailer_seen_lsn(f->tail), FIRST + 10 * MTR);
    assert_spool(f, 10);
}

static void log_at_rest_that_ends_before_its_checkpoint_does_is_damaged(void **state)
{
    struct fixture *f = *state;
    f->at_rest = true;
    make_log(f->log, FIRST, FIRST);
    start(f);
    error_is(tailer_wait_end(f->tail), CORRUPT,
             "ends at LSN 50000, and its checkpoint at LSN 50000 at 50000");
}

/* WRITE changes page 7 of space 5; the same with INIT_PAGE in front makes it anew. */
static void log_at_rest_tells_which_pages_it_makes_anew(void **state)
{
    struct fixture *f = *state;
    f->at_rest = true;
    uint8_t mtr[] = {REDO_INIT_PAGE << 4 | 2, 5, 8, 0, 0, 0, 0, 0};
    make_log(f->log, FIRST, FIRST);
    const lsn_t at = put_mtrs(f->log, FIRST, FIRST, 0, 1);
    const size_t n = finish_mtr(mtr, 3, 1);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, f->log, O_WRONLY, 0));
    ok(file_pwrite(fd, mtr, n, REDO_START_OFFSET + at - FIRST, f->log));
    start(f);
    ok(tailer_wait_end(f->tail));
    assert_int_equal(tailer_lsn(f->tail), at + n);
    assert_true(tailer_remade(f->tail, 5, 8));
    assert_false(tailer_remade(f->tail, 5, 7));
}

/* Space 5 is created as d/b, and renamed to d/c; page 0 of space 6, which is d/e, is made anew; of space 7, which is d/f, page 8 is. */
static void log_at_rest_tells_which_tablespaces_it_makes(void **state)
{
    struct fixture *f = *state;
    f->at_rest = true;
    static const uint8_t records[] = {REDO_FILE_CREATE << 4 | 7,
                                      5,
                                      0,
                                      '.',
                                      '/',
                                      'd',
                                      '/',
                                      'b',
                                      REDO_FILE_RENAME << 4 | 13,
                                      5,
                                      0,
                                      '.',
                                      '/',
                                      'd',
                                      '/',
                                      'b',
                                      0,
                                      '.',
                                      '/',
                                      'd',
                                      '/',
                                      'c',
                                      REDO_FILE_MODIFY << 4 | 7,
                                      6,
                                      0,
                                      '.',
                                      '/',
                                      'd',
                                      '/',
                                      'e',
                                      REDO_FILE_MODIFY << 4 | 7,
                                      7,
                                      0,
                                      '.',
                                      '/',
                                      'd',
                                      '/',
                                      'f',
                                      REDO_INIT_PAGE << 4 | 2,
                                      6,
                                      0,
                                      REDO_INIT_PAGE << 4 | 2,
                                      7,
                                      8};
    uint8_t mtr[sizeof records + 5];
    memcpy(mtr, records, sizeof records);
    make_log(f->log, FIRST, FIRST);
    const lsn_t at = put_mtrs(f->log, FIRST, FIRST, 0, 1);
    const size_t n = finish_mtr(mtr, sizeof records, 1);
    AUTO_FD int fd = -1;
    ok(file_open(&fd, f->log, O_WRONLY, 0));
    ok(file_pwrite(fd, mtr, n, REDO_START_OFFSET + at - FIRST, f->log));
    start(f);
    ok(tailer_wait_end(f->tail));
    assert_int_equal(tailer_lsn(f->tail), at + n);
    assert_true(tailer_makes(f->tail, "d/b"));
    assert_true(tailer_makes(f->tail, "d/c"));
    assert_true(tailer_makes(f->tail, "d/e"));
    assert_false(tailer_makes(f->tail, "d/f"));
    assert_false(tailer_makes(f->tail, "d/g"));
}

static void log_of_a_restored_server_that_was_not_started_is_read(void **state)
{
    struct fixture *f = *state;
    uint8_t log[REDO_SYNTHETIC_SIZE];
    f->at_rest = true;
    redo_log_synthetic_make(log, FIRST, "Backup 10.11.19");
    write_bytes(f->dir, "ib_logfile0", log, sizeof log);
    start(f);
    ok(tailer_wait_end(f->tail));
    assert_int_equal(tailer_lsn(f->tail), FIRST + REDO_SYNTHETIC_SIZE - REDO_START_OFFSET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_beyond_the_flushed_lsn_is_taken),
        TEST(log_is_followed_through_its_end),
        TEST(replaced_log_is_followed_and_its_stale_end_left),
        TEST(log_replaced_too_late_is_an_error),
        TEST(overwritten_log_is_an_error_with_sizes),
        TEST(second_lap_is_not_taken_for_the_first),
        TEST(encrypted_log_is_followed_with_its_key),
        TEST(a_wrong_key_is_told_at_once),
        TEST(file_records_fill_the_table),
        TEST(file_records_behind_the_end_stay_out),
        TEST(tail_goes_on_to_the_end_and_stops_there),
        TEST(dead_server_ends_the_tail),
        TEST(waiting_in_vain_ends),
        TEST(file_that_is_no_log_is_refused),
        TEST(log_at_rest_is_read_to_its_end_and_nobody_is_asked),
        TEST(log_at_rest_that_ends_before_its_checkpoint_does_is_damaged),
        TEST(log_at_rest_tells_which_pages_it_makes_anew),
        TEST(log_at_rest_tells_which_tablespaces_it_makes),
        TEST(log_of_a_restored_server_that_was_not_started_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
