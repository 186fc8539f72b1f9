/* innodb/redo_mysql_stream_test.c: mini-transactions out of blocks, hand-made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/file.h"
#include "innodb/redo_mysql.h"
#include "innodb/redo_mysql_test_util.h"
#include "innodb/redo_test_util.h"

enum { START = 19046400 };

static void assert_corrupt(struct err *e, const char *message)
{
    assert_non_null(e);
    assert_string_equal(e->message, message);
    assert_int_equal(e->kind, ERR_CORRUPT);
    err_free(e);
}

/* A mini-transaction of one WRITE_STRING record with n bytes, all of them `fill`. */
static size_t string_mtr(uint8_t *out, unsigned n, uint8_t fill, bool single)
{
    size_t at = 0;
    out[at++] = single ? MYSQL_REDO_WRITE_STRING | 0x80 : MYSQL_REDO_WRITE_STRING;
    out[at++] = 7; /* space */
    out[at++] = 3; /* page */
    put_be16(out + at, 100);
    put_be16(out + at + 2, (uint16_t)n);
    memset(out + at + 4, fill, n);
    at += 4 + n;
    if (!single)
        out[at++] = MYSQL_REDO_MULTI_REC_END;
    return at;
}

/* The next mini-transaction must be a string_mtr. Returns whether there is one. */
static bool next_string(struct redo_mysql_stream *s, lsn_t start, lsn_t end, unsigned n,
                        uint8_t fill)
{
    struct redo_mysql_mtr m;
    struct redo_record rec;
    bool more;
    assert_null(redo_mysql_stream_next(s, &m, &more));
    if (!more)
        return false;
    assert_int_equal(m.start, start);
    assert_int_equal(m.end, end);
    assert_true(redo_mysql_mtr_next(&m, &rec));
    assert_int_equal(rec.type, MYSQL_REDO_WRITE_STRING);
    assert_int_equal(rec.space, 7);
    assert_int_equal(rec.page, 3);
    assert_int_equal(rec.body_len, 4 + n);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(rec.body[4 + i], fill);
    assert_false(redo_mysql_mtr_next(&m, &rec));
    return true;
}

static bool nothing_more(struct redo_mysql_stream *s)
{
    struct redo_mysql_mtr m;
    bool more;
    assert_null(redo_mysql_stream_next(s, &m, &more));
    return !more;
}

static void mtrs_come_out_with_their_lsns(void **state)
{
    (void)state;
    static const unsigned sizes[] = {5, 400, 2000, 0, 496 - 8, 65535, 1};
    enum { N = sizeof sizes / sizeof sizes[0] };
    static uint8_t mtr[70000];
    struct mysql_log l = {.start = START};
    lsn_t starts[N + 1];
    for (unsigned i = 0; i < N; i++)
        starts[i] = mysql_log_mtr(&l, mtr, string_mtr(mtr, sizes[i], (uint8_t)i, i % 2));
    starts[N] = mysql_log_end(&l);
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START, START + 12);
    unsigned n = 0;
    for (size_t i = 0; i < l.n_blocks; i++) {
        assert_int_equal(redo_mysql_stream_wants(s), START + i * 512);
        assert_null(redo_mysql_stream_push(s, mysql_log_block(&l, i)));
        while (n < N && next_string(s, starts[n], starts[n + 1], sizes[n], (uint8_t)n))
            n++;
    }
    assert_int_equal(n, N);
    assert_true(nothing_more(s));
    assert_int_equal(redo_mysql_stream_parsed(s), starts[N]);
    assert_int_equal(redo_mysql_stream_pending(s), 0);
    mysql_log_free(&l);
}

static void last_block_is_taken_again_as_it_grows(void **state)
{
    (void)state;
    uint8_t mtr[600];
    struct mysql_log l = {.start = START};
    struct test_random random = {.state = 1};
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START, START);
    for (unsigned i = 0; i < 500; i++) {
        const unsigned size = (unsigned)test_random_below(&random, 300);
        const size_t blocks_before = l.n_blocks;
        const lsn_t start = mysql_log_mtr(&l, mtr, string_mtr(mtr, size, (uint8_t)i, i % 3 == 0));
        for (size_t b = blocks_before ? blocks_before - 1 : 0; b < l.n_blocks; b++) {
            assert_int_equal(redo_mysql_stream_wants(s), START + b * 512);
            assert_null(redo_mysql_stream_push(s, mysql_log_block(&l, b)));
        }
        /* Once more as it is: nothing new. */
        if (l.used < 508)
            assert_null(redo_mysql_stream_push(s, mysql_log_block(&l, l.n_blocks - 1)));
        assert_true(next_string(s, start, mysql_log_end(&l), size, (uint8_t)i));
        assert_true(nothing_more(s));
    }
    mysql_log_free(&l);
}

static void cut_off_mtr_is_held_until_it_is_whole(void **state)
{
    (void)state;
    uint8_t mtr[600];
    struct mysql_log l = {.start = START};
    const lsn_t a = mysql_log_mtr(&l, mtr, string_mtr(mtr, 5, 1, true));
    const lsn_t b = mysql_log_mtr(&l, mtr, string_mtr(mtr, 300, 2, false));
    const lsn_t end = mysql_log_end(&l);
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START, START);
    uint8_t block[512];
    for (lsn_t cut = b; cut <= end; cut++) {
        memcpy(block, l.blocks, 512);
        redo_mysql_block_cut(block, cut);
        assert_null(redo_mysql_stream_push(s, block));
        if (cut == b)
            assert_true(next_string(s, a, b, 5, 1));
        if (cut == end)
            assert_true(next_string(s, b, end, 300, 2));
        assert_true(nothing_more(s));
        assert_int_equal(redo_mysql_stream_parsed(s), cut == end ? end : b);
        assert_int_equal(redo_mysql_stream_pending(s), cut == end ? 0 : cut - b);
    }
    mysql_log_free(&l);
}

/* The block of the checkpoint holds the end of one that began two blocks before. */
static void reading_begins_where_a_block_says_that_one_begins(void **state)
{
    (void)state;
    uint8_t mtr[3000];
    struct mysql_log l = {.start = START};
    mysql_log_mtr(&l, mtr, string_mtr(mtr, 1100, 1, true));
    const lsn_t b = mysql_log_mtr(&l, mtr, string_mtr(mtr, 2000, 2, false));
    const lsn_t c = mysql_log_mtr(&l, mtr, string_mtr(mtr, 50, 3, true));
    const lsn_t end = mysql_log_end(&l);
    for (size_t first = 0; first < l.n_blocks; first++) {
        AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START + first * 512, START);
        assert_int_equal(redo_mysql_stream_parsed(s), 0);
        for (size_t i = first; i < l.n_blocks; i++)
            assert_null(redo_mysql_stream_push(s, mysql_log_block(&l, i)));
        if (first == 0)
            assert_true(next_string(s, START + 12, b, 1100, 1));
        if (START + first * 512 <= b)
            assert_true(next_string(s, b, c, 2000, 2));
        assert_true(next_string(s, c, end, 50, 3));
        assert_true(nothing_more(s));
        assert_int_equal(redo_mysql_stream_parsed(s), end);
    }
    mysql_log_free(&l);
}

/* The checkpoint is where the last mini-transaction ended, and the next one is not there yet. */
static void reading_may_begin_at_the_end_of_a_block(void **state)
{
    (void)state;
    uint8_t mtr[600];
    struct mysql_log l = {.start = START};
    mysql_log_mtr(&l, mtr, string_mtr(mtr, 20, 1, true));
    const lsn_t end = mysql_log_end(&l);
    uint8_t block[512];
    memcpy(block, l.blocks, 512);
    put_be16(block + 6, (uint16_t)(end % 512));
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START, end);
    assert_null(redo_mysql_stream_push(s, block));
    assert_true(nothing_more(s));
    assert_int_equal(redo_mysql_stream_parsed(s), end);
    mysql_log_mtr(&l, mtr, string_mtr(mtr, 30, 2, true));
    put_be16(l.blocks + 6, (uint16_t)(end % 512));
    assert_null(redo_mysql_stream_push(s, l.blocks));
    assert_true(next_string(s, end, mysql_log_end(&l), 30, 2));
    mysql_log_free(&l);
    /* The first data byte of the next block is the same place as the trailer of a full one. */
    AUTO(redo_mysql_stream) t = redo_mysql_stream_new(START, START);
    memset(block, 0, sizeof block);
    put_be16(block + 4, 512);
    put_be16(block + 6, 508);
    assert_null(redo_mysql_stream_push(t, block));
    assert_int_equal(redo_mysql_stream_parsed(t), START + 512 + 12);
    put_be16(block + 4, 12 + 8);
    put_be16(block + 6, 12);
    string_mtr(block + 12, 1, 9, true);
    assert_null(redo_mysql_stream_push(t, block));
    assert_true(next_string(t, START + 524, START + 532, 1, 9));
}

static void start_of_a_block_that_had_none_is_seen_when_it_grows(void **state)
{
    (void)state;
    uint8_t mtr[600];
    struct mysql_log l = {.start = START};
    mysql_log_mtr(&l, mtr, string_mtr(mtr, 20, 1, true));
    put_be16(l.blocks + 6, 0); /* as if it had begun in an earlier block */
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START, START);
    assert_null(redo_mysql_stream_push(s, l.blocks));
    assert_int_equal(redo_mysql_stream_parsed(s), 0);
    const lsn_t b = mysql_log_mtr(&l, mtr, string_mtr(mtr, 30, 2, true));
    assert_null(redo_mysql_stream_push(s, l.blocks));
    assert_true(next_string(s, b, mysql_log_end(&l), 30, 2));
    mysql_log_free(&l);
}

static void mtrs_that_begin_below_the_checkpoint_are_not_shown(void **state)
{
    (void)state;
    uint8_t mtr[600];
    struct mysql_log l = {.start = START};
    lsn_t starts[11];
    for (unsigned i = 0; i < 10; i++)
        starts[i] = mysql_log_mtr(&l, mtr, string_mtr(mtr, 100, (uint8_t)i, true));
    starts[10] = mysql_log_end(&l);
    for (lsn_t checkpoint = START + 12; checkpoint <= starts[10]; checkpoint++) {
        AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START, checkpoint);
        for (size_t i = 0; i < l.n_blocks; i++)
            assert_null(redo_mysql_stream_push(s, mysql_log_block(&l, i)));
        for (unsigned i = 0; i < 10; i++)
            if (starts[i] >= checkpoint)
                assert_true(next_string(s, starts[i], starts[i + 1], 100, (uint8_t)i));
        assert_true(nothing_more(s));
        assert_int_equal(redo_mysql_stream_parsed(s), starts[10]);
    }
    mysql_log_free(&l);
}

static void records_of_an_mtr_come_in_order_without_framing(void **state)
{
    (void)state;
    struct mysql_log l = {.start = START};
    struct mysql_mtr w = {0};
    struct redo_mysql_mtr m;
    struct redo_record rec;
    bool more;
    mysql_mtr_record(&w, MYSQL_REDO_INIT_FILE_PAGE2, 0xFFFFFFFE, 300, NULL, 0);
    w.bytes[w.n++] = MYSQL_REDO_DUMMY;
    mysql_mtr_record(&w, MYSQL_REDO_1BYTE, 5, 6, "\0\x26\1", 3);
    memcpy(w.bytes + w.n, "\x3E\x05\0\2\7", 5);
    w.n += 5;
    mysql_mtr_record(&w, MYSQL_REDO_INDEX_LOAD, 9, 0, "\0\0\0\0\0\0\0\7", 8);
    mysql_mtr_end(&w);
    mysql_log_mtr(&l, w.bytes, w.n);
    mysql_log_mtr(&l, "\x20", 1); /* DUMMY alone */
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START, START);
    assert_null(redo_mysql_stream_push(s, l.blocks));
    assert_null(redo_mysql_stream_next(s, &m, &more));
    assert_true(more);
    assert_true(redo_mysql_mtr_next(&m, &rec));
    assert_true(rec.type == 59 && rec.space == 0xFFFFFFFE && rec.page == 300 && !rec.body_len);
    assert_true(redo_mysql_mtr_next(&m, &rec));
    assert_true(rec.type == 1 && rec.space == 5 && rec.page == 6 && rec.body_len == 3);
    assert_true(redo_mysql_mtr_next(&m, &rec));
    assert_true(rec.type == 62 && rec.space == 0 && rec.page == 0 && rec.body_len == 4);
    assert_true(redo_mysql_mtr_next(&m, &rec));
    assert_true(rec.type == 61 && rec.space == 9);
    assert_false(redo_mysql_mtr_next(&m, &rec));
    assert_null(redo_mysql_stream_next(s, &m, &more));
    assert_true(more);
    assert_int_equal(m.end - m.start, 1);
    assert_false(redo_mysql_mtr_next(&m, &rec));
    assert_true(nothing_more(s));
    mysql_log_free(&l);
}

static void impossible_bytes_are_named_with_their_lsn(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *message;
    } cases[] = {
#define CASE(bytes, message) {bytes, sizeof(bytes) - 1, message}
        CASE("\0", "LSN 19046412: redo record 0 (unknown record): a type that is not known"),
        CASE("\xC2\1\1", "LSN 19046412: redo record 66 (unknown record): a type that is not known"),
        CASE("\x9F", "LSN 19046412: redo record 31 (MULTI_REC_END): marked as the only record"),
        CASE("\xA0", "LSN 19046412: redo record 32 (DUMMY): marked as the only record"),
        CASE("\x3B\1\1\xBB\1\1\x1F", "LSN 19046415: redo record 59 (INIT_FILE_PAGE2): marked as "
                                     "the only record, but not alone"),
        CASE("\x3B\1\1\x9F", "LSN 19046415: redo record 31 (MULTI_REC_END): marked as the only "
                             "record"),
        CASE("\x3B\1\1\x42\1", "LSN 19046415: redo record 66 (unknown record): a type that is "
                               "not known"),
        CASE("\xA3\1\0\0\1\0", "LSN 19046412: redo record 35 (FILE_DELETE): a name that does not "
                               "end with its only zero byte"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mysql_log l = {.start = START};
        struct redo_mysql_mtr m;
        bool more;
        mysql_log_mtr(&l, cases[i].bytes, cases[i].n);
        AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START, START);
        assert_null(redo_mysql_stream_push(s, l.blocks));
        assert_corrupt(redo_mysql_stream_next(s, &m, &more), cases[i].message);
        assert_false(more);
        mysql_log_free(&l);
    }
}

/* What the server writes to be done with a file when its log is made smaller. */
static void filler_is_passed_over(void **state)
{
    (void)state;
    enum { FILL = 5000 };
    uint8_t mtr[FILL + 100];
    struct mysql_log l = {.start = START};
    struct redo_mysql_mtr m;
    struct redo_record rec;
    size_t n = string_mtr(mtr, 20, 1, false);
    memset(mtr + n, MYSQL_REDO_DUMMY, FILL);
    n += FILL;
    mtr[n++] = MYSQL_REDO_MULTI_REC_END;
    n += string_mtr(mtr + n, 30, 2, true);
    mysql_log_mtr(&l, mtr, n);
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START, START);
    size_t n_mtrs = 0, n_records = 0;
    for (size_t block = 0; block < l.n_blocks; block++) {
        assert_null(redo_mysql_stream_push(s, l.blocks + block * MYSQL_REDO_BLOCK_SIZE));
        for (bool more;; n_mtrs++) {
            assert_null(redo_mysql_stream_next(s, &m, &more));
            if (!more)
                break;
            while (redo_mysql_mtr_next(&m, &rec))
                n_records++;
        }
    }
    assert_int_equal(n_records, 2);
    assert_int_equal(n_mtrs, FILL + 3);
    assert_int_equal(redo_mysql_stream_parsed(s), mysql_log_end(&l));
    assert_false(redo_mysql_stream_pending(s));
    mysql_log_free(&l);
}

static void blocks_that_do_not_continue_are_corrupt(void **state)
{
    (void)state;
    uint8_t mtr[600];
    struct mysql_log l = {.start = START};
    mysql_log_mtr(&l, mtr, string_mtr(mtr, 20, 1, true));
    mysql_log_mtr(&l, mtr, string_mtr(mtr, 20, 2, true));
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START, START);
    assert_null(redo_mysql_stream_push(s, l.blocks));
    redo_mysql_block_cut(l.blocks, START + 30);
    assert_corrupt(redo_mysql_stream_push(s, l.blocks),
                   "redo block at LSN 19046400: 30 bytes, 66 were there before");
    static const struct {
        uint16_t len, first;
        const char *message;
    } cases[] = {
        {11, 0, "redo block at LSN 19046400: data length 11"},
        {508, 0, "redo block at LSN 19046400: data length 508"},
        {513, 0, "redo block at LSN 19046400: data length 513"},
        {40, 41, "redo block at LSN 19046400: first mini-transaction at 41, data length 40"},
        {40, 11, "redo block at LSN 19046400: first mini-transaction at 11, data length 40"},
        {512, 509, "redo block at LSN 19046400: first mini-transaction at 509, data length 512"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO(redo_mysql_stream) t = redo_mysql_stream_new(START, START);
        put_be16(l.blocks + 4, cases[i].len);
        put_be16(l.blocks + 6, cases[i].first);
        assert_corrupt(redo_mysql_stream_push(t, l.blocks), cases[i].message);
    }
    mysql_log_free(&l);
}

/* Records of 65535 bytes without an end; n of them whole. */
static struct err *push_endless(struct redo_mysql_stream *s, size_t bytes)
{
    static uint8_t record[70000];
    const size_t len = string_mtr(record, 65535, 0, false) - 1;
    size_t at = 0;
    for (size_t pushed = 0; pushed < bytes;) {
        uint8_t block[512] = {0};
        struct redo_mysql_mtr m;
        bool more;
        put_be16(block + 4, 512);
        put_be16(block + 6, pushed ? 0 : 12);
        for (size_t i = 12; i < 508; i++, pushed++, at = (at + 1) % len)
            block[i] = record[at];
        TRY(redo_mysql_stream_push(s, block));
        TRY(redo_mysql_stream_next(s, &m, &more));
        assert_false(more);
    }
    return NULL;
}

static void mtr_without_an_end_is_not_held_for_ever(void **state)
{
    (void)state;
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(START, START);
    assert_null(push_endless(s, MYSQL_REDO_MTR_MAX - 496));
    AUTO(redo_mysql_stream) t = redo_mysql_stream_new(START, START);
    assert_corrupt(push_endless(t, MYSQL_REDO_MTR_MAX + 496),
                   "LSN 19046412: mini-transaction of more than 67108864 bytes");
}

/* --- a real log (tests/data/redo/README.md) --------------------------------------------------- */

static void log_of_a_real_server_is_read(void **state)
{
    (void)state;
    static const unsigned expected[128] = {
        [1] = 63,  [2] = 191, [4] = 533, [8] = 146,  [11] = 46, [20] = 106, [22] = 2, [24] = 9,
        [25] = 2,  [27] = 1,  [33] = 1,  [37] = 1,   [50] = 23, [51] = 10,  [58] = 1, [59] = 11,
        [62] = 61, [64] = 1,  [65] = 5,  [67] = 199, [68] = 17, [69] = 54,  [70] = 6, [75] = 1,
    };
    enum { N_BLOCKS = 96, N_MTRS = 474, SIZE = 8 + N_BLOCKS * 512 };
    static uint8_t log[SIZE];
    unsigned found[128] = {0}, n = 0, len;
    char *packed;
    size_t packed_len;
    assert_null(file_read_all(&packed, &packed_len, "tests/data/redo/mysql-9.7.zst", 1 << 20));
    assert_int_equal(ZSTD_decompress(log, SIZE, packed, packed_len), SIZE);
    free(packed);
    const lsn_t start = be64(log);
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(start, start);
    for (size_t i = 0; i < N_BLOCKS; i++) {
        const uint8_t *block = log + 8 + i * 512;
        struct redo_mysql_mtr m;
        struct redo_record rec;
        bool more = true;
        assert_int_equal(redo_mysql_block_check(block, start + i * 512, &len), MYSQL_BLOCK_WHOLE);
        assert_null(redo_mysql_stream_push(s, block));
        while (assert_null(redo_mysql_stream_next(s, &m, &more)), more) {
            if (n++ == 0)
                assert_int_equal(m.start, 22991487);
            while (redo_mysql_mtr_next(&m, &rec))
                found[rec.type]++;
        }
    }
    assert_int_equal(n, N_MTRS);
    assert_int_equal(redo_mysql_stream_parsed(s), 23039551);
    assert_memory_equal(found, expected, sizeof found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mtrs_come_out_with_their_lsns),
        cmocka_unit_test(last_block_is_taken_again_as_it_grows),
        cmocka_unit_test(cut_off_mtr_is_held_until_it_is_whole),
        cmocka_unit_test(reading_begins_where_a_block_says_that_one_begins),
        cmocka_unit_test(reading_may_begin_at_the_end_of_a_block),
        cmocka_unit_test(start_of_a_block_that_had_none_is_seen_when_it_grows),
        cmocka_unit_test(mtrs_that_begin_below_the_checkpoint_are_not_shown),
        cmocka_unit_test(records_of_an_mtr_come_in_order_without_framing),
        cmocka_unit_test(impossible_bytes_are_named_with_their_lsn),
        cmocka_unit_test(filler_is_passed_over),
        cmocka_unit_test(blocks_that_do_not_continue_are_corrupt),
        cmocka_unit_test(mtr_without_an_end_is_not_held_for_ever),
        cmocka_unit_test(log_of_a_real_server_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
