/* innodb/redo_mysql_test.c: headers, LSNs and blocks of the MySQL redo log, and the log a restored server starts from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "innodb/redo_mysql.h"
#include "innodb/redo_mysql_test_util.h"

static void assert_err(struct err *e, enum err_kind kind, const char *message)
{
    assert_non_null(e);
    assert_string_equal(e->message, message);
    assert_int_equal(e->kind, kind);
    err_free(e);
}

/* --- header ----------------------------------------------------------------------------------- */

enum { FILE_SIZE = 3 << 20, START = 19046400, CHECKPOINT = 19046630, UUID = 0xCAFE0123 };
static uint8_t area[MYSQL_REDO_HEADER_SIZE];
static struct redo_mysql_header h;

static void resum(size_t block)
{
    put_be32(area + block + 508, crc32c(0, area + block, 508));
}

static void header_written_is_read_back(void **state)
{
    (void)state;
    redo_mysql_header_make(area, UUID, START, CHECKPOINT, "MySQL 9.7.4");
    assert_null(redo_mysql_header_parse(&h, area, FILE_SIZE));
    assert_int_equal(h.format, 6);
    assert_int_equal(h.uuid, UUID);
    assert_int_equal(h.start_lsn, START);
    assert_int_equal(h.end_lsn, START + FILE_SIZE - 2048);
    assert_int_equal(h.checkpoint_lsn, CHECKPOINT);
    assert_string_equal(h.creator, "MySQL 9.7.4");
    assert_false(h.logging_disabled || h.crash_unsafe || h.not_initialised || h.full || h.has_key);
}

static void creator_is_cut_to_its_field(void **state)
{
    (void)state;
    redo_mysql_header_make(area, UUID, START, CHECKPOINT,
                           "a creator much longer than the 32 bytes of its field");
    assert_null(redo_mysql_header_parse(&h, area, FILE_SIZE));
    assert_string_equal(h.creator, "a creator much longer than the ");
}

static void newest_checkpoint_inside_the_file_wins(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        lsn_t first, second;
        size_t damage; /* offset of a byte to flip; 0: none */
        lsn_t expected;
    } cases[] = {
        {"second is newer", CHECKPOINT, CHECKPOINT + 999, 0, CHECKPOINT + 999},
        {"second is older", CHECKPOINT, CHECKPOINT - 9, 0, CHECKPOINT},
        {"second is empty", CHECKPOINT, 0, 0, CHECKPOINT},
        {"first is empty", 0, CHECKPOINT, 0, CHECKPOINT},
        {"second is below the file", CHECKPOINT, START - 500, 0, CHECKPOINT},
        {"second is above the file", CHECKPOINT, START + FILE_SIZE - 2048, 0, CHECKPOINT},
        {"second is the last byte", CHECKPOINT, START + FILE_SIZE - 2049, 0,
         START + FILE_SIZE - 2049},
        {"second has a bad checksum", CHECKPOINT, CHECKPOINT + 9, 1536 + 511, CHECKPOINT},
        {"first has a bad checksum", CHECKPOINT + 9, CHECKPOINT, 512 + 100, CHECKPOINT},
        {"none", START - 500, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        redo_mysql_header_make(area, UUID, START, cases[i].first, "x");
        put_be64(area + 1536 + 8, cases[i].second);
        resum(1536);
        if (cases[i].damage)
            area[cases[i].damage] ^= 1;
        assert_null(redo_mysql_header_parse(&h, area, FILE_SIZE));
        if (h.checkpoint_lsn != cases[i].expected)
            fail_msg("%s: %llu", cases[i].name, (unsigned long long)h.checkpoint_lsn);
    }
}

static void flags_and_key_are_reported(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 16; flags++) {
        redo_mysql_header_make(area, UUID, START, CHECKPOINT, "x");
        put_be32(area + 48, flags);
        resum(0);
        assert_null(redo_mysql_header_parse(&h, area, FILE_SIZE));
        assert_int_equal(
            h.logging_disabled | h.crash_unsafe << 1 | h.not_initialised << 2 | h.full << 3, flags);
    }
    memcpy(area + 1072, "lCC", 3);
    assert_null(redo_mysql_header_parse(&h, area, FILE_SIZE));
    assert_true(h.has_key);
}

static void other_formats_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        uint32_t format;
        const char *message;
    } cases[] = {
        {0, "redo log format 0 (of MySQL before 5.7.9) is not 6"},
        {1, "redo log format 1 (of MySQL 5.7) is not 6"},
        {2, "redo log format 2 (of MySQL 8.0.1 to 8.0.2) is not 6"},
        {3, "redo log format 3 (of MySQL 8.0.3 to 8.0.18) is not 6"},
        {4, "redo log format 4 (of MySQL 8.0.19 to 8.0.27) is not 6"},
        {5, "redo log format 5 (of MySQL 8.0.28 to 8.0.29) is not 6"},
        {7, "redo log format 7 (unknown) is not 6"},
        {0x50687973, "redo log format 1349024115 (unknown) is not 6"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        redo_mysql_header_make(area, UUID, START, CHECKPOINT, "x");
        put_be32(area, cases[i].format);
        if (cases[i].format) /* the oldest has no checksum */
            resum(0);
        struct err *e = redo_mysql_header_parse(&h, area, FILE_SIZE);
        assert_non_null(e);
        assert_string_equal(e->hint, "mbe reads the redo log of MySQL 8.0.30 and later.");
        assert_err(e, ERR_REFUSED, cases[i].message);
    }
}

static void damaged_header_is_corrupt(void **state)
{
    (void)state;
    memset(area, 0, sizeof area);
    assert_err(redo_mysql_header_parse(&h, area, FILE_SIZE), ERR_CORRUPT,
               "redo log header: all zero");
    redo_mysql_header_make(area, UUID, START, CHECKPOINT, "x");
    put_be32(area + 508, 0x12345678);
    const uint32_t crc = crc32c(0, area, 508);
    char message[100];
    snprintf(message, sizeof message,
             "redo log header: checksum 0x12345678 stored, 0x%08x computed", crc);
    assert_err(redo_mysql_header_parse(&h, area, FILE_SIZE), ERR_CORRUPT, message);
    /* Every bit of it counts. */
    for (size_t bit = 32; bit < 512 * 8; bit++) {
        redo_mysql_header_make(area, UUID, START, CHECKPOINT, "x");
        area[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct err *e = redo_mysql_header_parse(&h, area, FILE_SIZE);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        err_free(e);
    }
}

static void impossible_ranges_are_corrupt(void **state)
{
    (void)state;
    static const struct {
        lsn_t start;
        uint64_t size;
        const char *message;
    } cases[] = {
        {START + 12, FILE_SIZE, "redo log header: start LSN 19046412"},
        {0, FILE_SIZE, "redo log header: start LSN 0"},
        {UINT64_MAX - 511, FILE_SIZE, "redo log header: start LSN 18446744073709551104"},
        {START, 2047, "redo log header: file of 2047 bytes"},
        {START, UINT64_MAX, "redo log header: file of 18446744073709551615 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        redo_mysql_header_make(area, UUID, START, CHECKPOINT, "x");
        put_be64(area + 8, cases[i].start);
        resum(0);
        assert_err(redo_mysql_header_parse(&h, area, cases[i].size), ERR_CORRUPT, cases[i].message);
    }
}

/* --- LSN -------------------------------------------------------------------------------------- */

static void lsns_advance_over_headers_and_trailers(void **state)
{
    (void)state;
    static const struct {
        lsn_t from;
        uint64_t n;
        lsn_t to;
    } cases[] = {
        {8204, 0, 8204},
        {8204, 1, 8205},
        {8204, 495, 8204 + 495},
        {8204, 496, 8704 + 12}, /* the first data byte of the next block, not the trailer */
        {8204, 497, 8704 + 13},
        {8192 + 507, 1, 8704 + 12},
        {8192 + 507, 497, 8704 + 512 + 12},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(redo_mysql_advance(cases[i].from, cases[i].n), cases[i].to);
    /* The whole log of a real server: first mini-transaction, payload, end. */
    assert_int_equal(redo_mysql_advance(19046457, 44328176), 64804569);
    lsn_t lsn = 8204;
    for (unsigned n = 0; n < 2000; n++) {
        assert_int_equal(redo_mysql_advance(8204, n), lsn);
        assert_true(redo_mysql_is_data_lsn(lsn));
        do
            lsn++;
        while (!redo_mysql_is_data_lsn(lsn));
    }
}

static void lsns_have_a_block_and_an_offset(void **state)
{
    (void)state;
    assert_int_equal(redo_mysql_block_lsn(START + 511), START);
    assert_int_equal(redo_mysql_block_lsn(START + 512), START + 512);
    assert_int_equal(redo_mysql_offset(START, START), 2048);
    assert_int_equal(redo_mysql_offset(START, CHECKPOINT), 2048 + CHECKPOINT - START);
    assert_false(redo_mysql_is_data_lsn(START));
    assert_false(redo_mysql_is_data_lsn(START + 11));
    assert_true(redo_mysql_is_data_lsn(START + 12));
    assert_true(redo_mysql_is_data_lsn(START + 507));
    assert_false(redo_mysql_is_data_lsn(START + 508));
}

/* --- blocks ----------------------------------------------------------------------------------- */

static const char text[] = "some bytes that fill a part of it";

static void block_states_are_told_apart(void **state)
{
    (void)state;
    enum { NO_SUM = 1, SUM = 2 };
    static const struct {
        const char *name;
        lsn_t ahead; /* of the LSN it was written for */
        unsigned offset, byte, sum;
        enum redo_mysql_block expected;
    } cases[] = {
        {"as written", 0, 0, 0, 0, MYSQL_BLOCK_WHOLE},
        {"first of a write", 0, 0, 0x80, SUM, MYSQL_BLOCK_WHOLE},
        {"block of another LSN", 512, 0, 0, 0, MYSQL_BLOCK_NOT_YET},
        {"block of the epoch before", UINT64_C(1) << 39, 0, 0, 0, MYSQL_BLOCK_NOT_YET},
        {"wrong number", 0, 3, 0xEE, SUM, MYSQL_BLOCK_NOT_YET},
        {"wrong epoch", 0, 11, 2, SUM, MYSQL_BLOCK_NOT_YET},
        {"a byte of data", 0, 20, 0xEE, 0, MYSQL_BLOCK_TORN},
        {"a byte of the rest", 0, 507, 0xEE, 0, MYSQL_BLOCK_TORN},
        {"a byte of the checksum", 0, 511, 0xEE, 0, MYSQL_BLOCK_TORN},
        {"first mini-transaction", 0, 7, 0xEE, 0, MYSQL_BLOCK_TORN},
        {"no checksums", 0, 20, 0xEE, NO_SUM, MYSQL_BLOCK_WHOLE},
        {"shorter than its header", 0, 5, 11, SUM, MYSQL_BLOCK_TORN},
        {"neither full nor partial", 0, 4, 0x01, SUM, MYSQL_BLOCK_WHOLE},
        {"longer than a block", 0, 4, 0x03, SUM, MYSQL_BLOCK_TORN},
        {"encrypted", 0, 4, 0x80, 0, MYSQL_BLOCK_ENCRYPTED},
        {"encrypted, longer than a block", 0, 4, 0x83, 0, MYSQL_BLOCK_TORN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mysql_log l = {.start = START};
        unsigned len;
        mysql_log_mtr(&l, text, sizeof text);
        uint8_t *b = l.blocks;
        if (cases[i].byte)
            b[cases[i].offset] = (uint8_t)cases[i].byte;
        if (cases[i].sum)
            put_be32(b + 508, cases[i].sum == SUM ? crc32c(0, b, 508) : 0xDEADBEEF);
        const enum redo_mysql_block got = redo_mysql_block_check(b, START + cases[i].ahead, &len);
        if (got != cases[i].expected)
            fail_msg("%s: %d", cases[i].name, got);
        assert_int_equal(len, got == MYSQL_BLOCK_WHOLE       ? be16(b + 4)
                              : got == MYSQL_BLOCK_ENCRYPTED ? be16(b + 4) & 0x7FFF
                                                             : 0);
        mysql_log_free(&l);
    }
}

static void zeros_are_not_yet_a_block(void **state)
{
    (void)state;
    static const uint8_t zeros[512];
    unsigned len;
    assert_int_equal(redo_mysql_block_check(zeros, START, &len), MYSQL_BLOCK_NOT_YET);
    assert_int_equal(redo_mysql_block_check(zeros, (UINT64_C(1) << 39) - 512, &len),
                     MYSQL_BLOCK_NOT_YET);
}

static void epoch_counts_on_where_numbers_start_again(void **state)
{
    (void)state;
    const lsn_t turn = UINT64_C(1) << 39;
    struct mysql_log l = {.start = turn - 512};
    char bytes[600] = {0};
    unsigned len;
    mysql_log_mtr(&l, bytes, sizeof bytes);
    assert_int_equal(be32(l.blocks), 1u << 30);
    assert_int_equal(be32(l.blocks + 8), 1);
    assert_int_equal(be32(l.blocks + 512), 1);
    assert_int_equal(be32(l.blocks + 512 + 8), 2);
    assert_int_equal(redo_mysql_block_check(l.blocks, turn - 512, &len), MYSQL_BLOCK_WHOLE);
    assert_int_equal(len, 512);
    assert_int_equal(redo_mysql_block_check(l.blocks + 512, turn, &len), MYSQL_BLOCK_WHOLE);
    assert_int_equal(len, 12 + 600 - 496);
    mysql_log_free(&l);
}

static void block_says_where_it_belongs(void **state)
{
    (void)state;
    static const lsn_t lsns[] = {
        0, 512, START, (1ull << 39) - 512, 1ull << 39, START + (7ull << 39)};
    uint8_t b[512];
    lsn_t lsn;
    for (size_t i = 0; i < sizeof lsns / sizeof lsns[0]; i++) {
        struct mysql_log log = {.start = lsns[i]};
        mysql_log_new_block(&log);
        assert_true(redo_mysql_block_says(log.blocks, &lsn));
        assert_int_equal(lsn, lsns[i]);
        memcpy(b, log.blocks, sizeof b);
        mysql_log_free(&log);
    }
    memset(b + 8, 0, 4); /* no epoch */
    assert_false(redo_mysql_block_says(b, &lsn));
    put_be32(b + 8, 1);
    put_be32(b, (1u << 30) + 1); /* none of an epoch's numbers */
    assert_false(redo_mysql_block_says(b, &lsn));
    memset(b, 0, sizeof b);
    assert_false(redo_mysql_block_says(b, &lsn));
}

static void cut_block_ends_at_the_lsn(void **state)
{
    (void)state;
    static const uint8_t zeros[512];
    struct mysql_log l = {.start = START};
    unsigned len;
    mysql_log_mtr(&l, text, 20);
    mysql_log_mtr(&l, text, 10);
    uint8_t *b = l.blocks;
    put_be16(b + 6, 32); /* as if the first one had begun in an earlier block */
    redo_mysql_block_cut(b, START + 32);
    assert_int_equal(redo_mysql_block_check(b, START, &len), MYSQL_BLOCK_WHOLE);
    assert_int_equal(len, 32);
    assert_int_equal(be16(b + 6), 32);
    assert_memory_equal(b + 12, text, 20);
    assert_memory_equal(b + 32, zeros, 508 - 32);
    redo_mysql_block_cut(b, START + 31);
    assert_int_equal(redo_mysql_block_check(b, START, &len), MYSQL_BLOCK_WHOLE);
    assert_int_equal(len, 31);
    assert_int_equal(be16(b + 6), 31);
    redo_mysql_block_cut(b, START + 12);
    assert_int_equal(redo_mysql_block_check(b, START, &len), MYSQL_BLOCK_WHOLE);
    assert_int_equal(len, 12);
    assert_memory_equal(b + 12, zeros, 496);
    mysql_log_free(&l);
}

/* --- the log a restored server starts from ---------------------------------------------------- */

/* Reads the log as a server would; returns how many counters came back as they were given. */
static size_t counters_read_back(const struct redo_mysql_synthetic *made,
                                 const struct redo_mysql_counter *counters)
{
    size_t n = 0;
    unsigned len;
    assert_null(redo_mysql_header_parse(&h, made->bytes, made->size));
    assert_int_equal(h.checkpoint_lsn, made->checkpoint_lsn);
    AUTO(redo_mysql_stream) s = redo_mysql_stream_new(h.start_lsn, h.checkpoint_lsn);
    do {
        const lsn_t lsn = redo_mysql_stream_wants(s);
        const uint8_t *block = made->bytes + redo_mysql_offset(h.start_lsn, lsn);
        struct redo_mysql_mtr m;
        struct redo_record rec;
        struct redo_mysql_meta meta;
        bool more;
        assert_int_equal(redo_mysql_block_check(block, lsn, &len), MYSQL_BLOCK_WHOLE);
        assert_null(redo_mysql_stream_push(s, block));
        while (true) {
            assert_null(redo_mysql_stream_next(s, &m, &more));
            if (!more)
                break;
            assert_true(redo_mysql_mtr_next(&m, &rec));
            assert_int_equal(rec.type, MYSQL_REDO_TABLE_DYNAMIC_META);
            assert_null(redo_mysql_meta(&meta, &rec));
            assert_int_equal(meta.kind, MYSQL_META_COUNTER);
            assert_true(meta.table_id == counters[n].table_id);
            assert_true(meta.version == counters[n].version);
            assert_true(meta.counter == counters[n].counter);
            assert_false(redo_mysql_mtr_next(&m, &rec));
            n++;
        }
    } while (len == 512);
    assert_int_equal(redo_mysql_stream_pending(s), 0);
    const uint64_t behind =
        redo_mysql_offset(h.start_lsn, redo_mysql_block_lsn(made->end_lsn)) + 512;
    assert_true(bytes_are_zero(made->bytes + behind, made->size - behind));
    return n;
}

static void synthetic_log_holds_the_counters_and_nothing_else(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    struct redo_mysql_counter *counters = mem_alloc(MANY * sizeof *counters);
    for (uint64_t i = 0; i < MANY; i++)
        counters[i] = (struct redo_mysql_counter){
            .table_id = 1000 + i * 77777777, .version = i % 3, .counter = UINT64_MAX >> i % 64};
    static const size_t sizes[] = {0, 1, 2, 30, 31, 32, 33, 500, 9999, MANY};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct redo_mysql_synthetic made;
        redo_mysql_synthetic_make(&made, UUID, 64804569, "MySQL 9.7.4", counters, sizes[i]);
        assert_int_equal(made.checkpoint_lsn, 64804864 + 12);
        assert_true(made.size % INNODB_PAGE_SIZE_MAX == 0 && made.size >= MYSQL_REDO_FILE_MIN);
        assert_int_equal(counters_read_back(&made, counters), sizes[i]);
        assert_true(redo_mysql_is_data_lsn(made.end_lsn));
        assert_string_equal(h.creator, "MySQL 9.7.4");
        free(made.bytes);
    }
    free(counters);
}

static void synthetic_log_is_these_bytes(void **state)
{
    (void)state;
    static const struct redo_mysql_counter counters[] = {
        {.table_id = 1063, .counter = 7}, {.table_id = 1064, .version = 1, .counter = 1000000}};
    static const uint8_t payload[] = {0xBE, 0x84, 0x27, 0x00, 0x02, 0x07, 0xBE,
                                      0x84, 0x28, 0x01, 0x02, 0xCF, 0x42, 0x40};
    struct redo_mysql_synthetic made;
    redo_mysql_synthetic_make(&made, UUID, 8192, "MySQL 8.0.40", counters, 2);
    const uint8_t *b = made.bytes + 2048;
    assert_int_equal(made.size, 2 << 20);
    assert_int_equal(made.checkpoint_lsn, 8204);
    assert_int_equal(made.end_lsn, 8204 + sizeof payload);
    assert_int_equal(be32(b), 17);
    assert_int_equal(be16(b + 4), 12 + sizeof payload);
    assert_int_equal(be16(b + 6), 12);
    assert_int_equal(be32(b + 8), 1);
    assert_memory_equal(b + 12, payload, sizeof payload);
    assert_int_equal(be32(b + 508), crc32c(0, b, 508));
    for (size_t slot = 512; slot < 2048; slot += 512) {
        assert_int_equal(be64(made.bytes + slot + 8), slot == 512 ? 8204 : 0);
        assert_int_equal(be32(made.bytes + slot + 508), crc32c(0, made.bytes + slot, 508));
    }
    free(made.bytes);
}

static void an_empty_block_is_whole_and_holds_nothing(void **state)
{
    (void)state;
    uint8_t block[512];
    unsigned data_len;
    memset(block, 0xAA, sizeof block);
    redo_mysql_block_make_empty(block, 8704);
    assert_int_equal(redo_mysql_block_check(block, 8704, &data_len), MYSQL_BLOCK_WHOLE);
    assert_int_equal(data_len, 12);
    assert_int_equal(be16(block + 6), 12); /* where the next mini-transaction begins */
    for (int i = 12; i < 508; i++)
        assert_int_equal(block[i], 0);
}

/* 62 mini-transactions of 8 bytes fill one block: the log goes on in an empty one. */
static void full_block_is_followed_by_an_empty_one(void **state)
{
    (void)state;
    struct redo_mysql_counter counters[62];
    struct redo_mysql_synthetic made;
    for (size_t i = 0; i < 62; i++)
        counters[i] = (struct redo_mysql_counter){.table_id = 1000, .version = 3, .counter = 20000};
    redo_mysql_synthetic_make(&made, UUID, 8192, "x", counters, 62);
    assert_int_equal(be16(made.bytes + 2048 + 4), 512);
    assert_int_equal(be16(made.bytes + 2560 + 4), 12);
    assert_int_equal(be16(made.bytes + 2560 + 6), 12);
    assert_int_equal(be32(made.bytes + 2560 + 508), crc32c(0, made.bytes + 2560, 508));
    assert_int_equal(made.end_lsn, 8192 + 512 + 12);
    assert_int_equal(counters_read_back(&made, counters), 62);
    free(made.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_written_is_read_back),
        cmocka_unit_test(creator_is_cut_to_its_field),
        cmocka_unit_test(newest_checkpoint_inside_the_file_wins),
        cmocka_unit_test(flags_and_key_are_reported),
        cmocka_unit_test(other_formats_are_refused_by_name),
        cmocka_unit_test(damaged_header_is_corrupt),
        cmocka_unit_test(impossible_ranges_are_corrupt),
        cmocka_unit_test(lsns_advance_over_headers_and_trailers),
        cmocka_unit_test(lsns_have_a_block_and_an_offset),
        cmocka_unit_test(block_states_are_told_apart),
        cmocka_unit_test(zeros_are_not_yet_a_block),
        cmocka_unit_test(epoch_counts_on_where_numbers_start_again),
        cmocka_unit_test(block_says_where_it_belongs),
        cmocka_unit_test(cut_block_ends_at_the_lsn),
        cmocka_unit_test(synthetic_log_holds_the_counters_and_nothing_else),
        cmocka_unit_test(synthetic_log_is_these_bytes),
        cmocka_unit_test(an_empty_block_is_whole_and_holds_nothing),
        cmocka_unit_test(full_block_is_followed_by_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
