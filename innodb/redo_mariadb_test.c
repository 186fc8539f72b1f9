/* innodb/redo_mariadb_test.c: log header, framing and records, with hand-made logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "innodb/redo_mariadb.h"
#include "innodb/redo_test_util.h"

static void assert_err(struct err *e, enum err_kind kind, const char *message)
{
    assert_non_null(e);
    assert_int_equal(e->kind, kind);
    assert_string_equal(e->message, message);
    err_free(e);
}

/* --- header ----------------------------------------------------------------------------------- */

static uint8_t area[REDO_SYNTHETIC_SIZE];

static void resum(size_t from, size_t n)
{
    put_be32(area + from + n, crc32c(0, area + from, n));
}

static void header_written_is_read_back(void **state)
{
    (void)state;
    struct redo_log_header h;
    redo_log_header_make(area, 50000, 51000, 52000, "MariaDB 10.11.19");
    assert_null(redo_log_header_parse(&h, area, REDO_START_OFFSET));
    assert_int_equal(h.format, 0x50687973);
    assert_int_equal(h.first_lsn, 50000);
    assert_int_equal(h.checkpoint_lsn, 51000);
    assert_int_equal(h.checkpoint_end_lsn, 52000);
    assert_string_equal(h.creator, "MariaDB 10.11.19");
    assert_false(h.encrypted);
}

static void creator_is_cut_to_its_field(void **state)
{
    (void)state;
    struct redo_log_header h;
    redo_log_header_make(area, 50000, 50000, 50000,
                         "a creator much longer than the 32 bytes of its field");
    assert_null(redo_log_header_parse(&h, area, REDO_START_OFFSET));
    assert_string_equal(h.creator, "a creator much longer than the ");
}

static void newest_valid_checkpoint_wins(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        lsn_t second, second_end;
        size_t damage; /* offset of a byte to flip, 0 none */
        lsn_t expected, expected_end;
    } cases[] = {
        {"second is newer", 60000, 60100, 0, 60000, 60100},
        {"second is older", 50500, 60100, 0, 51000, 52000},
        {"tie: second wins", 51000, 52500, 0, 51000, 52500},
        {"second before first_lsn", 49999, 60100, 0, 51000, 52000},
        {"second ends before it starts", 60000, 59999, 0, 51000, 52000},
        {"second has a bad checksum", 60000, 60100, 8192 + 60, 51000, 52000},
        {"first has a bad checksum", 50500, 50600, 4096 + 60, 50500, 50600},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redo_log_header h;
        redo_log_header_make(area, 50000, 51000, 52000, "x");
        put_be64(area + 8192, cases[i].second);
        put_be64(area + 8200, cases[i].second_end);
        resum(8192, 60);
        if (cases[i].damage)
            area[cases[i].damage] ^= 1;
        assert_null(redo_log_header_parse(&h, area, REDO_START_OFFSET));
        if (h.checkpoint_lsn != cases[i].expected || h.checkpoint_end_lsn != cases[i].expected_end)
            fail_msg("%s", cases[i].name);
    }
}

static void filler_of_a_checkpoint_must_be_zero(void **state)
{
    (void)state;
    struct redo_log_header h;
    redo_log_header_make(area, 50000, 51000, 52000, "x");
    area[4096 + 30] = 1;
    resum(4096, 60);
    assert_null(redo_log_header_parse(&h, area, REDO_START_OFFSET));
    assert_int_equal(h.checkpoint_lsn, 0);
}

static void other_formats_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        uint32_t format;
        const char *message;
    } cases[] = {
        {0x50485953, "redo log format 0x50485953 (of MariaDB 10.5 to 10.7) is not that of 10.8+"},
        {0xD0485953, "redo log format 0xd0485953 (of MariaDB 10.5 to 10.7) is not that of 10.8+"},
        {1, "redo log format 0x00000001 (of MariaDB 10.2 or MySQL 5.7) is not that of 10.8+"},
        {103, "redo log format 0x00000067 (of MariaDB 10.3) is not that of 10.8+"},
        {0x80000068, "redo log format 0x80000068 (of MariaDB 10.4) is not that of 10.8+"},
        {6, "redo log format 0x00000006 (unknown) is not that of 10.8+"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct redo_log_header h;
        redo_log_header_make(area, 50000, 51000, 52000, "x");
        put_be32(area, cases[i].format);
        resum(0, 508);
        assert_err(redo_log_header_parse(&h, area, REDO_START_OFFSET), ERR_REFUSED,
                   cases[i].message);
    }
}

static void format_without_checksum_is_refused_not_corrupt(void **state)
{
    (void)state;
    struct redo_log_header h;
    redo_log_header_make(area, 50000, 51000, 52000, "x");
    put_be32(area, 0);
    assert_err(
        redo_log_header_parse(&h, area, REDO_START_OFFSET), ERR_REFUSED,
        "redo log format 0x00000000 (of MariaDB before 10.2 or MySQL before 5.7.9) is not that "
        "of 10.8+");
}

static void encrypted_logs_are_recognised(void **state)
{
    (void)state;
    struct redo_log_header h;
    redo_log_header_make(area, 50000, 51000, 52000, "x");
    put_be32(area + 48, 1);
    resum(0, 508);
    assert_null(redo_log_header_parse(&h, area, REDO_START_OFFSET));
    assert_true(h.encrypted);
    redo_log_header_make(area, 50000, 51000, 52000, "x");
    put_be32(area, 0xF09F979D);
    resum(0, 508);
    assert_null(redo_log_header_parse(&h, area, REDO_START_OFFSET));
    assert_true(h.encrypted);
}

static void damaged_header_is_corrupt(void **state)
{
    (void)state;
    struct redo_log_header h;
    char message[200];
    redo_log_header_make(area, 50000, 51000, 52000, "x");
    area[20] ^= 1;
    snprintf(message, sizeof message, "redo log header: checksum 0x%08x stored, 0x%08x computed",
             be32(area + 508), crc32c(0, area, 508));
    assert_err(redo_log_header_parse(&h, area, REDO_START_OFFSET), ERR_CORRUPT, message);
    assert_err(redo_log_header_parse(&h, area, 100), ERR_CORRUPT,
               "redo log header: 100 bytes, expected 12288");
    redo_log_header_make(area, 1000, 51000, 52000, "x");
    assert_err(redo_log_header_parse(&h, area, REDO_START_OFFSET), ERR_CORRUPT,
               "redo log header: first LSN 1000, expected at least 12288");
    memset(area, 0, sizeof area);
    assert_err(redo_log_header_parse(&h, area, REDO_START_OFFSET), ERR_CORRUPT,
               "redo log header: all zero");
}

static void synthetic_log_is_what_a_server_starts_from(void **state)
{
    (void)state;
    static const uint8_t record[] = {0xFA, 0, 0, 0, 0, 0, 1, 0x23, 0x45, 0x67, 0x89, 0x01};
    struct redo_log_header h;
    struct redo_mtr m;
    struct redo_record rec;
    size_t mtr_len;
    bool more;
    redo_log_synthetic_make(area, 0x123456789, "Backup 10.11.19");
    assert_null(redo_log_header_parse(&h, area, REDO_START_OFFSET));
    assert_string_equal(h.creator, "Backup 10.11.19");
    assert_int_equal(h.first_lsn, 0x123456789);
    assert_int_equal(h.checkpoint_lsn, 0x123456789);
    assert_int_equal(h.checkpoint_end_lsn, 0x123456789);
    assert_memory_equal(area + REDO_START_OFFSET, record, sizeof record);
    assert_null(
        redo_mtr_open(&m, area + REDO_START_OFFSET, 16, 0x123456789, REDO_MTR_CLEAR, &mtr_len));
    assert_int_equal(mtr_len, 16);
    assert_null(redo_mtr_next(&m, &rec, &more));
    assert_int_equal(rec.type, REDO_FILE_CHECKPOINT);
    assert_int_equal(be64(rec.body), 0x123456789);
    assert_int_equal(rec.body_len, 8);
}

/* --- framing ---------------------------------------------------------------------------------- */

static const struct redo_geometry linear = {.first_lsn = 50000, .capacity = UINT64_MAX};

static void offset_wraps_at_the_capacity(void **state)
{
    (void)state;
    const struct redo_geometry g = {.first_lsn = 50000, .capacity = 1000};
    assert_int_equal(redo_offset(&g, 50000), 12288);
    assert_int_equal(redo_offset(&g, 50999), 13287);
    assert_int_equal(redo_offset(&g, 51000), 12288);
    assert_int_equal(redo_offset(&linear, 50000 + (1ull << 40)), 12288 + (1ull << 40));
    const struct redo_geometry empty = {.first_lsn = 50000};
    assert_int_equal(redo_offset(&empty, 60000), 12288);
}

/* Three mini-transactions with records of all forms of length. */
static void build_three(struct log_builder *b)
{
    static uint8_t body[40000];
    memset(body, 'x', sizeof body);
    log_page_record(b, REDO_INIT_PAGE, 5, 3, NULL, 0);
    log_same_record(b, REDO_WRITE, body, 15);
    log_same_record(b, REDO_WRITE, body, 16);
    log_end_mtr(b);
    log_page_record(b, REDO_WRITE, 0x12345678, 0xFFFFFFF0, body, 200);
    log_end_mtr(b);
    log_page_record(b, REDO_WRITE, 300, 20000, body, 40000);
    log_end_mtr(b);
}

static void whole_mtrs_are_framed_and_a_cut_one_is_left(void **state)
{
    (void)state;
    struct log_builder b = {0};
    build_three(&b);
    size_t ends[3] = {0}, n = 0;
    for (size_t len = 0; len <= b.len; len++) {
        const size_t framed = redo_frame(b.bytes, len, 50000, UINT64_MAX, &linear);
        if (framed == len && len && n < 3)
            ends[n++] = len;
        assert_int_equal(framed, n ? ends[n - 1] : 0);
    }
    assert_int_equal(n, 3);
    /* none that ends beyond the limit */
    assert_int_equal(redo_frame(b.bytes, b.len, 50000, 50000 + ends[1], &linear), ends[1]);
    assert_int_equal(redo_frame(b.bytes, b.len, 50000, 50000 + ends[1] - 1, &linear), ends[0]);
    assert_int_equal(redo_frame(b.bytes, b.len, 50000, 50000, &linear), 0);
    assert_int_equal(redo_frame(b.bytes, b.len, 50000, 49999, &linear), 0);
    log_free(&b);
}

static void any_flipped_bit_ends_the_frame_or_is_a_terminator(void **state)
{
    (void)state;
    struct log_builder b = {0};
    log_page_record(&b, REDO_WRITE, 7, 9, "\x08hello", 6);
    log_end_mtr(&b);
    for (size_t bit = 0; bit < b.len * 8; bit++) {
        b.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(redo_frame(b.bytes, b.len, 50000, UINT64_MAX, &linear), 0);
        b.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(redo_frame(b.bytes, b.len, 50000, UINT64_MAX, &linear), b.len);
    log_free(&b);
}

static void terminator_follows_the_lap_of_its_own_lsn(void **state)
{
    (void)state;
    struct log_builder b = {0};
    log_page_record(&b, REDO_WRITE, 7, 9, "\x08hello", 6);
    log_end_mtr(&b);
    const size_t terminator = b.len - 5;
    /* Laps of 1000 bytes: the terminator is the first byte of the second lap. */
    const struct redo_geometry g = {.first_lsn = 50000, .capacity = 1000};
    const lsn_t start = 51000 - terminator;
    assert_int_equal(redo_frame(b.bytes, b.len, start, UINT64_MAX, &g), 0);
    b.bytes[terminator] = 0;
    assert_int_equal(redo_frame(b.bytes, b.len, start, UINT64_MAX, &g), b.len);
    assert_int_equal(b.bytes[terminator], 1); /* normalised */
    assert_int_equal(redo_frame(b.bytes, b.len, start - 1, UINT64_MAX, &g), b.len);
    assert_int_equal(redo_frame(b.bytes, b.len, start + 1000, UINT64_MAX, &g), b.len);
    log_free(&b);
}

static void nonce_of_an_encrypted_log_is_under_the_checksum(void **state)
{
    (void)state;
    const struct redo_geometry g = {.first_lsn = 50000, .capacity = UINT64_MAX, .encrypted = true};
    uint8_t mtr[] = {0x34, 7, 9, 8, 'x', 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0};
    put_be32(mtr + 14, crc32c(crc32c(0, mtr, 5), mtr + 6, 8));
    assert_int_equal(redo_frame(mtr, sizeof mtr, 50000, UINT64_MAX, &g), sizeof mtr);
    assert_int_equal(redo_frame(mtr, sizeof mtr - 1, 50000, UINT64_MAX, &g), 0);
    mtr[6] ^= 1;
    assert_int_equal(redo_frame(mtr, sizeof mtr, 50000, UINT64_MAX, &g), 0);
}

static void mtr_longer_than_the_maximum_is_not_framed(void **state)
{
    (void)state;
    struct log_builder b = {0};
    uint8_t *body = mem_zalloc(REDO_MTR_MAX);
    /* First byte, 3 bytes of length, 2 of ids, terminator, CRC. */
    const size_t around = 1 + 3 + 2 + 1 + 4;
    log_page_record(&b, REDO_WRITE, 7, 9, body, REDO_MTR_MAX - around);
    log_end_mtr(&b);
    assert_int_equal(b.len, REDO_MTR_MAX);
    assert_int_equal(redo_frame(b.bytes, b.len, 50000, UINT64_MAX, &linear), REDO_MTR_MAX);
    log_free(&b);
    log_page_record(&b, REDO_WRITE, 7, 9, body, REDO_MTR_MAX - around + 1);
    log_end_mtr(&b);
    assert_int_equal(redo_frame(b.bytes, b.len, 50000, UINT64_MAX, &linear), 0);
    free(body);
    log_free(&b);
}

/* --- records ---------------------------------------------------------------------------------- */

static void records_come_out_as_they_were_logged(void **state)
{
    (void)state;
    struct log_builder b = {0};
    struct redo_mtr m;
    struct redo_record rec;
    size_t mtr_len;
    bool more;
    log_file_record(&b, REDO_FILE_MODIFY, 300, "./db/t.ibd", 10);
    log_page_record(&b, REDO_INIT_PAGE, 300, 20000, NULL, 0);
    log_same_record(&b, REDO_WRITE, "\x08hello", 6);
    log_page_record(&b, REDO_EXTENDED, 4000000, 300000000, "\x02", 1);
    log_end_mtr(&b);
    assert_true(redo_mtr_has_file_records(b.bytes));
    assert_null(redo_mtr_open(&m, b.bytes, b.len, 77777, REDO_MTR_CLEAR, &mtr_len));
    assert_int_equal(mtr_len, b.len);
    assert_int_equal(m.start, 77777);
    assert_int_equal(m.end, 77777 + b.len);
    assert_null(redo_mtr_next(&m, &rec, &more));
    assert_true(more);
    assert_int_equal(rec.type, REDO_FILE_MODIFY);
    assert_int_equal(rec.space, 300);
    assert_int_equal(rec.body_len, 10);
    assert_memory_equal(rec.body, "./db/t.ibd", 10);
    assert_null(redo_mtr_next(&m, &rec, &more));
    assert_int_equal(rec.type, REDO_INIT_PAGE);
    assert_int_equal(rec.page, 20000);
    assert_false(rec.same_page);
    assert_null(redo_mtr_next(&m, &rec, &more));
    assert_int_equal(rec.type, REDO_WRITE);
    assert_int_equal(rec.space, 300);
    assert_int_equal(rec.page, 20000);
    assert_true(rec.same_page);
    assert_memory_equal(rec.body, "\x08hello", 6);
    assert_string_equal(redo_type_name(rec.type, 0), "WRITE");
    assert_null(redo_mtr_next(&m, &rec, &more));
    assert_int_equal(rec.space, 4000000);
    assert_int_equal(rec.page, 300000000);
    assert_string_equal(redo_type_name(rec.type, rec.body[0]), "UNDO_INIT");
    assert_null(redo_mtr_next(&m, &rec, &more));
    assert_false(more);
    assert_null(redo_mtr_next(&m, &rec, &more));
    assert_false(more);
    log_free(&b);
}

static void page_records_alone_are_no_file_records(void **state)
{
    (void)state;
    struct log_builder b = {0};
    log_page_record(&b, REDO_INIT_PAGE, 300, 20000, NULL, 0);
    log_end_mtr(&b);
    assert_false(redo_mtr_has_file_records(b.bytes));
    log_free(&b);
}

static void names_of_record_types(void **state)
{
    (void)state;
    assert_string_equal(redo_type_name(REDO_FREE_PAGE, 0), "FREE_PAGE");
    assert_string_equal(redo_type_name(REDO_EXTENDED, REDO_EXT_TRIM_PAGES), "TRIM_PAGES");
    assert_string_equal(redo_type_name(REDO_EXTENDED, 11), "EXTENDED");
    assert_string_equal(redo_type_name(REDO_FILE_CHECKPOINT, 0), "FILE_CHECKPOINT");
    assert_string_equal(redo_type_name(12, 0), "unknown record");
    assert_string_equal(redo_type_name(99, 0), "unknown record");
}

static void malformed_records_are_named_with_their_lsn(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *message; /* "" is a good one */
    } cases[] = {
        {"\x12\x05\x03\x91\x00", 5, "LSN 1003: record 0x91 (INIT_PAGE): without a page id"},
        {"\x12\x05\x03\x81\x00", 5, "LSN 1003: record 0x81 (FREE_PAGE): without a page id"},
        {"\x62\x05\x03", 3, "LSN 1000: record 0x62 (RESERVED): a type that is not known"},
        {"\x13\x05\x03\x00", 4, "LSN 1000: record 0x13 (INIT_PAGE): a body where there is none"},
        {"\x32\x05\x03", 3, "LSN 1000: record 0x32 (WRITE): without a body"},
        {"\x22\x05\x03", 3, "LSN 1000: record 0x22 (EXTENDED): without a body"},
        {"\x11\x05", 2, "LSN 1000: record 0x11 (INIT_PAGE): cut off in its page id"},
        {"\x12\xF8\x03", 3, "LSN 1000: record 0x12 (INIT_PAGE): cut off in its page id"},
        {"\x16\xF0\xFF\xFF\xFF\xFF\x03", 7,
         "LSN 1000: record 0x16 (INIT_PAGE): cut off in its page id"},
        {"\xC3\x05\x00z", 4, "LSN 1000: record 0xc3 (unknown record): a type that is not known"},
        {"\x83\x05\x01z", 4,
         "LSN 1000: record 0x83 (FILE_CREATE): not of page 0 of a file-per-table tablespace"},
        {"\x93\x00\x00z", 4,
         "LSN 1000: record 0x93 (FILE_DELETE): not of page 0 of a file-per-table tablespace"},
        {"\x82\x05\x00", 3, "LSN 1000: record 0x82 (FILE_CREATE): without a name"},
        {"\xB4\x05\x00z\x00", 5, "LSN 1000: record 0xb4 (FILE_MODIFY): a zero byte in its name"},
        {"\xF3\x00\x00\x05", 4,
         "LSN 1000: record 0xf3 (FILE_CHECKPOINT): neither a checkpoint nor padding"},
        {"\xFA\x01\x00\x00\x00\x00\x00\x00\x00\x00\x09", 11,
         "LSN 1000: record 0xfa (FILE_CHECKPOINT): not of page 0 of space 0"},
        {"\xF1\x00\x12\x05\x03", 5,
         "LSN 1000: record 0xf1 (FILE_CHECKPOINT): padding that is not the last record"},
        {"\xF1\x00", 2, ""},
        {"\xF4\x00\x00\x00\x00", 5, ""},
        {"\xFA\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09", 11, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct log_builder b = {0};
        struct redo_mtr m;
        struct redo_record rec;
        size_t mtr_len;
        bool more = true;
        log_bytes(&b, cases[i].bytes, cases[i].len);
        log_end_mtr(&b);
        assert_null(redo_mtr_open(&m, b.bytes, b.len, 1000, REDO_MTR_CLEAR, &mtr_len));
        struct err *e = NULL;
        while (more && !e)
            e = redo_mtr_next(&m, &rec, &more);
        assert_false(more);
        if (cases[i].message[0])
            assert_err(e, ERR_CORRUPT, cases[i].message);
        else
            assert_null(e);
        log_free(&b);
    }
}

static void broken_mtrs_do_not_open(void **state)
{
    (void)state;
    struct log_builder b = {0};
    struct redo_mtr m;
    size_t mtr_len;
    char message[200];
    log_page_record(&b, REDO_WRITE, 7, 9, "\x08hello", 6);
    log_end_mtr(&b);
    for (size_t len = 0; len < b.len; len++) {
        if (len <= b.len - 5)
            snprintf(message, sizeof message, "LSN 1000: no whole mini-transaction in %zu bytes",
                     len);
        else
            snprintf(message, sizeof message, "LSN 1000: mini-transaction cut off in its checksum");
        assert_err(redo_mtr_open(&m, b.bytes, len, 1000, REDO_MTR_CLEAR, &mtr_len), ERR_CORRUPT,
                   message);
    }
    b.bytes[b.len - 5] = 0;
    assert_err(redo_mtr_open(&m, b.bytes, b.len, 1000, REDO_MTR_CLEAR, &mtr_len), ERR_CORRUPT,
               "LSN 1000: mini-transaction ends in 0x00, expected 0x01");
    b.bytes[b.len - 5] = 1;
    b.bytes[4] ^= 1;
    snprintf(message, sizeof message,
             "LSN 1000: mini-transaction checksum 0x%08x stored, 0x%08x computed",
             be32(b.bytes + b.len - 4), crc32c(0, b.bytes, b.len - 5));
    assert_err(redo_mtr_open(&m, b.bytes, b.len, 1000, REDO_MTR_CLEAR, &mtr_len), ERR_CORRUPT,
               message);
    assert_err(
        redo_mtr_open(&m, (const uint8_t *)"\x01\0\0\0\0", 5, 1000, REDO_MTR_CLEAR, &mtr_len),
        ERR_CORRUPT, "LSN 1000: no whole mini-transaction in 5 bytes");
    log_free(&b);
}

static void rename_is_split_into_its_names(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t len;
        bool good;
    } cases[] = {
        {"./d/a.ibd\0./d/b.ibd", 19, true},
        {"./d/a.ibd", 9, false},
        {"./d/a.ibd\0", 10, false},
        {"\0./d/b.ibd", 10, false},
        {"a\0b\0", 4, false},
        {"a\0b\0c", 5, false},
        {"", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct redo_record rec = {.type = REDO_FILE_RENAME,
                                        .space = 12,
                                        .body = (const uint8_t *)cases[i].body,
                                        .body_len = (uint32_t)cases[i].len};
        const uint8_t *from, *to;
        size_t from_len, to_len;
        struct err *e = redo_rename_names(&rec, &from, &from_len, &to, &to_len);
        if (!cases[i].good) {
            assert_err(e, ERR_CORRUPT, "FILE_RENAME of tablespace 12: expected two names");
            continue;
        }
        assert_null(e);
        assert_int_equal(from_len, 9);
        assert_memory_equal(from, "./d/a.ibd", 9);
        assert_int_equal(to_len, 9);
        assert_memory_equal(to, "./d/b.ibd", 9);
    }
}

/* Random bytes behind a valid checksum: every record is taken or refused, inside the buffer. */
static void garbage_never_leaves_the_buffer(void **state)
{
    (void)state;
    struct test_random rng = {20240611};
    size_t taken = 0, refused = 0;
    for (int round = 0; round < 20000; round++) {
        struct log_builder b = {0};
        const size_t n = 1 + test_random_below(&rng, 60);
        for (size_t i = 0; i < n; i++)
            log_bytes(&b, (uint8_t[]){(uint8_t)test_random_u64(&rng)}, 1);
        log_end_mtr(&b);
        uint8_t *exact = mem_alloc(b.len);
        memcpy(exact, b.bytes, b.len);
        const size_t framed = redo_frame(exact, b.len, 1000, UINT64_MAX, &linear);
        for (size_t at = 0; at < framed;) {
            struct redo_mtr m;
            struct redo_record rec;
            size_t mtr_len;
            bool more = true;
            struct err *e =
                redo_mtr_open(&m, exact + at, framed - at, 1000 + at, REDO_MTR_CLEAR, &mtr_len);
            assert_null(e);
            while (more && !e) {
                e = redo_mtr_next(&m, &rec, &more);
                taken += more;
                if (more)
                    assert_true(rec.body >= exact && rec.body + rec.body_len <= exact + b.len);
            }
            refused += e != NULL;
            err_free(e);
            at += mtr_len;
        }
        free(exact);
        log_free(&b);
    }
    assert_true(taken > 100 && refused > 100);
}

/* Each name is a mini-transaction of its own; FILE_CHECKPOINT follows, where the header says. */
static void first_log_names_files_behind_its_checkpoint(void **state)
{
    (void)state;
    char far[3000];
    memset(far, 'x', sizeof far - 1);
    far[0] = '/';
    far[sizeof far - 1] = 0;
    const struct redo_named_space spaces[] = {{5, "./d/t.ibd"}, {4000000000, "./a"}, {300, far}};
    const lsn_t end = 0x123456789;
    struct redo_log_header h;
    uint8_t *log;
    size_t len;
    redo_log_synthetic_make_named(&log, &len, end, "MariaDB 10.11.19", spaces, 3);
    assert_null(redo_log_header_parse(&h, log, REDO_START_OFFSET));
    assert_int_equal(h.first_lsn, end);
    assert_int_equal(h.checkpoint_lsn, end);
    lsn_t lsn = end;
    for (size_t i = 0; i < 4; i++) {
        const size_t at = REDO_START_OFFSET + (lsn - end);
        struct redo_mtr m;
        struct redo_record rec;
        size_t n;
        bool more;
        assert_null(redo_mtr_open(&m, log + at, len - at, lsn, REDO_MTR_CLEAR, &n));
        assert_null(redo_mtr_next(&m, &rec, &more));
        assert_true(more);
        if (i == 3) {
            assert_int_equal(h.checkpoint_end_lsn, lsn);
            assert_int_equal(rec.type, REDO_FILE_CHECKPOINT);
            assert_int_equal(be64(rec.body), end);
        } else {
            assert_int_equal(rec.type, REDO_FILE_MODIFY);
            assert_int_equal(rec.space, spaces[i].id);
            assert_int_equal(rec.body_len, strlen(spaces[i].name));
            assert_memory_equal(rec.body, spaces[i].name, rec.body_len);
        }
        assert_null(redo_mtr_next(&m, &rec, &more));
        assert_false(more);
        lsn += n;
    }
    assert_int_equal(REDO_START_OFFSET + (lsn - end), len);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_written_is_read_back),
        cmocka_unit_test(creator_is_cut_to_its_field),
        cmocka_unit_test(newest_valid_checkpoint_wins),
        cmocka_unit_test(filler_of_a_checkpoint_must_be_zero),
        cmocka_unit_test(other_formats_are_refused_by_name),
        cmocka_unit_test(format_without_checksum_is_refused_not_corrupt),
        cmocka_unit_test(encrypted_logs_are_recognised),
        cmocka_unit_test(damaged_header_is_corrupt),
        cmocka_unit_test(synthetic_log_is_what_a_server_starts_from),
        cmocka_unit_test(offset_wraps_at_the_capacity),
        cmocka_unit_test(whole_mtrs_are_framed_and_a_cut_one_is_left),
        cmocka_unit_test(any_flipped_bit_ends_the_frame_or_is_a_terminator),
        cmocka_unit_test(terminator_follows_the_lap_of_its_own_lsn),
        cmocka_unit_test(nonce_of_an_encrypted_log_is_under_the_checksum),
        cmocka_unit_test(mtr_longer_than_the_maximum_is_not_framed),
        cmocka_unit_test(records_come_out_as_they_were_logged),
        cmocka_unit_test(page_records_alone_are_no_file_records),
        cmocka_unit_test(names_of_record_types),
        cmocka_unit_test(malformed_records_are_named_with_their_lsn),
        cmocka_unit_test(broken_mtrs_do_not_open),
        cmocka_unit_test(rename_is_split_into_its_names),
        cmocka_unit_test(garbage_never_leaves_the_buffer),
        cmocka_unit_test(first_log_names_files_behind_its_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
