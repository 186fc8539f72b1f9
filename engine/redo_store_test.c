/* engine/redo_store_test.c: the spool becomes a linear log that ends where the backup ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/crc32c.h"
#include "engine/engine_test_util.h"
#include "engine/redo_store.h"
#include "innodb/redo_crypt_test_util.h"
#include "innodb/redo_mysql_test_util.h"
#include "innodb/redo_varint.h"
#include "innodb/space_map.h"

enum { FROM = 60000, MTR = 16, LONG_MTR = 900000 };
static const struct redo_log_header plain;

/* A WRITE of n bytes in all, with its number in it. */
static void make_mtr(uint8_t *mtr, size_t n, uint32_t number)
{
    memset(mtr, 0, n);
    size_t at = 1;
    const size_t record = n - 5;
    mtr[0] = REDO_WRITE << 4;
    if (record <= 16)
        mtr[0] |= (uint8_t)(record - 1);
    else
        at += put_varint(mtr + 1, (uint32_t)(record - 16));
    mtr[at++] = 5;
    mtr[at++] = 7;
    put_be32(mtr + at + 1, number);
    mtr[record] = 1;
    put_be32(mtr + record + 1, crc32c(0, mtr, record));
}

static uint8_t *make_spool(const char *dir, size_t mtr, uint32_t n)
{
    uint8_t *spool = mem_alloc(mtr * n);
    for (uint32_t i = 0; i < n; i++)
        make_mtr(spool + i * mtr, mtr, i);
    write_bytes(dir, "spool", spool, mtr * n);
    return spool;
}

/* Stores, reads back, compares; returns the LSN that it ended at. */
static lsn_t stored(const char *dir, const uint8_t *spool, lsn_t to)
{
    struct test_archive a;
    struct redo_span span = {.from = FROM, .checkpoint_end = FROM + MTR, .to = to};
    AUTO_FREE char *path = mem_printf("%s/spool", dir);
    archive_begin(&a, dir);
    ok(redo_store(a.writer, path, &span, &plain, "10.11.19", NULL));
    struct archive_reader *r = archive_end(&a);
    const int64_t i = archive_reader_find(r, REDO_PATH);
    assert_true(i >= 0);
    const struct archive_attr *attr = archive_reader_entry(r, (uint32_t)i);
    assert_int_equal(attr->kind, ARCHIVE_REDO);
    assert_int_equal(attr->size, REDO_START_OFFSET + (span.to - FROM));
    AUTO_FREE uint8_t *log = mem_alloc(attr->size);
    ok(archive_read(r, (uint32_t)i, 0, log, attr->size));
    assert_memory_equal(log + REDO_START_OFFSET, spool, span.to - FROM);
    struct redo_log_header h;
    ok(redo_log_header_parse(&h, log, REDO_START_OFFSET));
    assert_int_equal(h.first_lsn, FROM);
    assert_int_equal(h.checkpoint_lsn, FROM);
    assert_int_equal(h.checkpoint_end_lsn, FROM + MTR);
    assert_string_equal(h.creator, "Backup 10.11.19");
    archive_reader_free(r);
    AUTO_FREE char *archive = mem_printf("%s/test.mbe", dir);
    assert_int_equal(unlink(archive), 0);
    return span.to;
}

static void log_is_cut_at_the_last_boundary(void **state)
{
    (void)state;
    char *dir = make_dir();
    AUTO_FREE uint8_t *spool = make_spool(dir, MTR, 10);
    static const struct {
        unsigned to, expected;
    } cases[] = {{0, 0},
                 {MTR, MTR},
                 {5 * MTR, 5 * MTR},
                 {5 * MTR + 1, 5 * MTR},
                 {6 * MTR - 1, 5 * MTR},
                 {10 * MTR, 10 * MTR}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(stored(dir, spool, FROM + cases[i].to), FROM + cases[i].expected);
    remove_dir(dir);
}

static void long_mini_transactions_cross_reads(void **state)
{
    (void)state;
    char *dir = make_dir();
    AUTO_FREE uint8_t *spool = make_spool(dir, LONG_MTR, 11);
    assert_int_equal(stored(dir, spool, FROM + 11 * LONG_MTR), FROM + 11 * LONG_MTR);
    assert_int_equal(stored(dir, spool, FROM + 11 * LONG_MTR - 1), FROM + 10 * LONG_MTR);
    remove_dir(dir);
}

static void damaged_or_short_spool_is_an_error(void **state)
{
    (void)state;
    char *dir = make_dir();
    AUTO_FREE char *path = mem_printf("%s/spool", dir);
    AUTO_FREE uint8_t *spool = make_spool(dir, MTR, 10);
    struct test_archive a;
    archive_begin(&a, dir);
    struct redo_span beyond = {.from = FROM, .to = FROM + 11 * MTR};
    error_is(redo_store(a.writer, path, &beyond, &plain, "10.11.19", NULL), CORRUPT,
             "spool: ends at LSN 60160, before the end of the backup at 60176");
    spool[3 * MTR + 8] ^= 1;
    write_bytes(dir, "spool", spool, 10 * MTR);
    struct redo_span span = {.from = FROM, .to = FROM + 10 * MTR};
    error_is(redo_store(a.writer, path, &span, &plain, "10.11.19", NULL), CORRUPT,
             "spool: LSN 60048: mini-transaction checksum");
    archive_writer_free(a.writer);
    a.sink->free(a.sink);
    free(a.path);
    remove_dir(dir);
}

/* No key is needed for it, and none is in it. */
static void encrypted_log_is_stored_as_it_is(void **state)
{
    (void)state;
    char *dir = make_dir();
    AUTO_FREE char *path = mem_printf("%s/spool", dir);
    struct test_archive a;
    struct mariadb_log l;
    struct redo_log_header h;
    mariadb_log_load(&l);
    const size_t first = mariadb_mtr_len(l.bytes, l.bytes + l.len);
    const lsn_t ends[] = {FROM + l.len, FROM + first, FROM + first + 1};
    for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++) {
        struct redo_span span = {.from = FROM, .checkpoint_end = FROM, .to = ends[k]};
        const size_t expected = k ? first : l.len;
        archive_begin(&a, dir);
        write_bytes(dir, "spool", l.bytes, l.len);
        ok(redo_store(a.writer, path, &span, &l.header, "10.11.19", NULL));
        assert_true(span.encrypted);
        assert_int_equal(span.to, FROM + expected);
        struct archive_reader *r = archive_end(&a);
        AUTO_FREE char *log = archived(r, REDO_PATH);
        assert_memory_equal(log + REDO_START_OFFSET, l.bytes, expected);
        ok(redo_log_header_parse(&h, (uint8_t *)log, REDO_START_OFFSET));
        assert_true(h.encrypted);
        assert_int_equal(h.format, l.header.format);
        assert_memory_equal(h.encryption, l.header.encryption, sizeof h.encryption);
        archive_reader_free(r);
        AUTO_FREE char *archive = mem_printf("%s/test.mbe", dir);
        assert_int_equal(unlink(archive), 0);
    }
    mariadb_log_free(&l);
    remove_dir(dir);
}

/* --- MySQL --- */

enum { BASE = 61440, UUID = 0x1234ABCD };
static const struct redo_origin_mysql origin = {
    .header = {.creator = "MySQL 9.7.4", .uuid = UUID},
};

static void log_mtr(struct mysql_log *l, unsigned number, size_t n)
{
    struct mysql_mtr m = {0};
    uint8_t body[4096] = {0, 200, (uint8_t)(n >> 8), (uint8_t)n};
    memset(body + 4, (int)number, n);
    mysql_mtr_record(&m, MYSQL_REDO_WRITE_STRING | 0x80, 5, number, body, 4 + n);
    mysql_log_mtr(l, m.bytes, m.n);
}

/* The last block of a log that is cut at `to`: what lies below is as it was, nothing is behind. */
static void assert_cut(const uint8_t *block, const uint8_t *original, lsn_t lsn, lsn_t to)
{
    unsigned data_len;
    assert_int_equal(redo_mysql_block_check(block, lsn, &data_len), MYSQL_BLOCK_WHOLE);
    assert_int_equal(data_len, to - lsn);
    assert_memory_equal(block + 12, original + 12, data_len - 12);
    assert_true(bytes_are_zero(block + data_len, 508 - data_len));
    assert_true(be16(block + 6) <= data_len);
}

/* Stores [from, to), reads back, compares; returns the LSN that it ended at. */
static lsn_t stored_mysql(const char *dir, const struct mysql_log *l, lsn_t from, lsn_t to)
{
    struct test_archive a;
    struct redo_span span = {.from = from, .to = to};
    AUTO_FREE char *path = mem_printf("%s/spool", dir);
    archive_begin(&a, dir);
    ok(redo_store_mysql(a.writer, path, &span, &origin, NULL));
    struct archive_reader *r = archive_end(&a);
    const int64_t i = archive_reader_find(r, REDO_PATH);
    assert_true(i >= 0);
    const uint64_t size = archive_reader_entry(r, (uint32_t)i)->size;
    AUTO_FREE uint8_t *log = mem_alloc(size);
    ok(archive_read(r, (uint32_t)i, 0, log, size));
    struct redo_mysql_header h;
    ok(redo_mysql_header_parse(&h, log, size));
    assert_int_equal(h.start_lsn, BASE);
    assert_int_equal(h.checkpoint_lsn, from);
    assert_int_equal(h.uuid, UUID);
    assert_string_equal(h.creator, "MySQL 9.7.4");
    const lsn_t last = redo_mysql_block_lsn(span.to);
    assert_int_equal(h.end_lsn, last + 512);
    assert_memory_equal(log + MYSQL_REDO_HEADER_SIZE, l->blocks, last - BASE);
    const bool there = last < l->start + l->n_blocks * 512;
    assert_cut(log + redo_mysql_offset(BASE, last),
               mysql_log_block(l, there ? (last - BASE) / 512 : 0), last, span.to);
    archive_reader_free(r);
    AUTO_FREE char *archive = mem_printf("%s/test.mbe", dir);
    assert_int_equal(unlink(archive), 0);
    return span.to;
}

/* Every LSN of a log as the end: the cut is at the newest boundary that is not above it. */
static void mysql_log_is_cut_at_the_last_boundary(void **state)
{
    (void)state;
    char *dir = make_dir();
    struct mysql_log l = {.start = BASE};
    lsn_t ends[40] = {BASE + 12};
    for (unsigned i = 1; i < 40; i++) {
        log_mtr(&l, i, i % 7 ? i * 3 : 1200);
        ends[i] = mysql_log_end(&l);
    }
    write_bytes(dir, "spool", l.blocks, l.n_blocks * 512);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(stored_mysql(dir, &l, BASE + 12, ends[i]), ends[i]);
        if (i + 1 == 40)
            break;
        assert_int_equal(stored_mysql(dir, &l, BASE + 12, ends[i] + 1), ends[i]);
        assert_int_equal(stored_mysql(dir, &l, BASE + 12, ends[i + 1] - 1), ends[i]);
    }
    mysql_log_free(&l);
    remove_dir(dir);
}

static void checkpoint_inside_a_mini_transaction_is_kept_in_the_header(void **state)
{
    (void)state;
    char *dir = make_dir();
    struct mysql_log l = {.start = BASE};
    log_mtr(&l, 1, 300);
    const lsn_t boundary = mysql_log_end(&l);
    log_mtr(&l, 2, 30);
    const lsn_t end = mysql_log_end(&l);
    write_bytes(dir, "spool", l.blocks, l.n_blocks * 512);
    assert_int_equal(stored_mysql(dir, &l, BASE + 40, end), end);
    assert_int_equal(stored_mysql(dir, &l, BASE + 40, end - 1), boundary);
    assert_int_equal(stored_mysql(dir, &l, boundary, boundary), boundary);
    mysql_log_free(&l);
    remove_dir(dir);
}

/* Blocks from `first` on are encrypted; the log is cut at `to`. */
static void check_encrypted_cut(const char *dir, const struct mysql_log *l, size_t first, lsn_t to)
{
    struct redo_origin_mysql source = origin;
    struct redo_span span = {.from = BASE + 12, .to = to};
    struct test_archive a;
    AUTO_FREE char *path = mem_printf("%s/spool", dir);
    AUTO_FREE uint8_t *spool = mem_alloc(l->n_blocks * 512);
    test_redo_key(&source.key, source.header.key_record, 3);
    memcpy(spool, l->blocks, l->n_blocks * 512);
    for (size_t i = first; i < l->n_blocks; i++)
        ok(redo_block_encrypt(&source.key, spool + i * 512));
    write_bytes(dir, "spool", spool, l->n_blocks * 512);
    archive_begin(&a, dir);
    ok(redo_store_mysql(a.writer, path, &span, &source, NULL));
    assert_int_equal(span.to, to);
    struct archive_reader *r = archive_end(&a);
    AUTO_FREE uint8_t *log = (uint8_t *)archived(r, REDO_PATH);
    const lsn_t last = redo_mysql_block_lsn(to);
    const size_t n = (last - BASE) / 512;
    struct redo_mysql_header h;
    ok(redo_mysql_header_parse(&h, log, MYSQL_REDO_HEADER_SIZE + (n + 1) * 512));
    assert_int_equal(span.encrypted, first <= n);
    assert_int_equal(h.has_key, first <= n);
    if (h.has_key)
        assert_memory_equal(h.key_record, source.header.key_record, sizeof h.key_record);
    assert_memory_equal(log + MYSQL_REDO_HEADER_SIZE, spool, n * 512);
    uint8_t room[512];
    struct redo_block b;
    ok(redo_block_open(&b, &source.key, log + redo_mysql_offset(BASE, last), last, room));
    assert_non_null(b.clear);
    assert_int_equal(b.encrypted, first <= n);
    assert_cut(b.clear, mysql_log_block(l, n), last, to);
    archive_reader_free(r);
    AUTO_FREE char *archive = mem_printf("%s/test.mbe", dir);
    assert_int_equal(unlink(archive), 0);
}

static void encrypted_mysql_log_is_cut_and_stays_encrypted(void **state)
{
    (void)state;
    char *dir = make_dir();
    struct mysql_log l = {.start = BASE};
    lsn_t ends[12];
    for (unsigned i = 0; i < 12; i++) {
        log_mtr(&l, i, 150);
        ends[i] = mysql_log_end(&l);
    }
    for (size_t first = 0; first < l.n_blocks; first++)
        for (unsigned i = 0; i < 12; i++)
            check_encrypted_cut(dir, &l, first, ends[i]);
    mysql_log_free(&l);
    remove_dir(dir);
}

/* The server has filled a block, and not yet written the next. */
static void end_behind_a_full_block_gets_an_empty_one(void **state)
{
    (void)state;
    char *dir = make_dir();
    struct mysql_log l = {.start = BASE};
    log_mtr(&l, 1, 496 - 1 - 2 - 4);
    const lsn_t end = mysql_log_end(&l);
    assert_int_equal(end, BASE + 512 + 12);
    for (size_t blocks = 1; blocks <= 2; blocks++) {
        write_bytes(dir, "spool", l.blocks, blocks * 512);
        assert_int_equal(stored_mysql(dir, &l, BASE + 12, end), end);
    }
    mysql_log_free(&l);
    remove_dir(dir);
}

/* mysql_log_new_block without growing the memory, which costs too much for many. */
static void next_block(struct mysql_log *l)
{
    const lsn_t lsn = l->start + l->n_blocks * 512;
    uint8_t *b = mysql_log_block(l, l->n_blocks++);
    memset(b, 0, 512);
    put_be32(b, (uint32_t)(1 + lsn / 512));
    put_be32(b + 8, 1);
    l->used = 12;
}

static void long_mysql_log_crosses_reads(void **state)
{
    (void)state;
    char *dir = make_dir();
    struct mysql_log l = {.start = BASE};
    static const uint8_t dummy = MYSQL_REDO_DUMMY;
    log_mtr(&l, 1, 10);
    const lsn_t before = mysql_log_end(&l);
    /* One mini-transaction of 5 MiB, longer than a read. */
    AUTO_FREE uint8_t *big = mem_zalloc(5 << 20);
    size_t n = 0;
    while (n + 4100 < 5 << 20) {
        static const uint8_t head[] = {MYSQL_REDO_WRITE_STRING, 5, 7, 0, 200, 15, 160};
        memcpy(big + n, head, sizeof head);
        n += sizeof head + 4000;
    }
    big[n++] = MYSQL_REDO_MULTI_REC_END;
    l.blocks = mem_realloc(l.blocks, 8 << 20);
    for (size_t at = 0, part; at < n; at += part) {
        part = n - at < 508 - l.used ? n - at : 508 - l.used;
        memcpy(mysql_log_block(&l, l.n_blocks - 1) + l.used, big + at, part);
        l.used += (unsigned)part;
        if (l.used == 508)
            next_block(&l);
    }
    const lsn_t end = mysql_log_mtr(&l, &dummy, 1); /* seals */
    write_bytes(dir, "spool", l.blocks, l.n_blocks * 512);
    assert_int_equal(stored_mysql(dir, &l, BASE + 12, end), end);
    assert_int_equal(stored_mysql(dir, &l, BASE + 12, end - 1), before);
    mysql_log_free(&l);
    remove_dir(dir);
}

static void damaged_or_short_mysql_spool_is_an_error(void **state)
{
    (void)state;
    char *dir = make_dir();
    AUTO_FREE char *path = mem_printf("%s/spool", dir);
    struct mysql_log l = {.start = BASE};
    struct test_archive a;
    for (unsigned i = 0; i < 40; i++)
        log_mtr(&l, i, 100);
    const lsn_t end = mysql_log_end(&l);
    archive_begin(&a, dir);
    write_bytes(dir, "spool", l.blocks, l.n_blocks * 512);
    struct redo_span beyond = {.from = BASE + 12, .to = end + 1};
    error_is(redo_store_mysql(a.writer, path, &beyond, &origin, NULL), CORRUPT,
             "spool: ends at LSN 65860, before the end of the backup at 65861");
    write_bytes(dir, "spool", l.blocks, 3 * 512 + 100);
    struct redo_span span = {.from = BASE + 12, .to = end};
    error_is(redo_store_mysql(a.writer, path, &span, &origin, NULL), CORRUPT,
             "before the end of the backup at 65860");
    mysql_log_block(&l, 3)[200] ^= 1;
    write_bytes(dir, "spool", l.blocks, l.n_blocks * 512);
    error_is(redo_store_mysql(a.writer, path, &span, &origin, NULL), CORRUPT,
             "spool: the redo block at LSN 62976 is damaged");
    archive_writer_free(a.writer);
    a.sink->free(a.sink);
    free(a.path);
    mysql_log_free(&l);
    remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_is_cut_at_the_last_boundary),
        cmocka_unit_test(long_mini_transactions_cross_reads),
        cmocka_unit_test(damaged_or_short_spool_is_an_error),
        cmocka_unit_test(encrypted_log_is_stored_as_it_is),
        cmocka_unit_test(mysql_log_is_cut_at_the_last_boundary),
        cmocka_unit_test(checkpoint_inside_a_mini_transaction_is_kept_in_the_header),
        cmocka_unit_test(encrypted_mysql_log_is_cut_and_stays_encrypted),
        cmocka_unit_test(end_behind_a_full_block_gets_an_empty_one),
        cmocka_unit_test(long_mysql_log_crosses_reads),
        cmocka_unit_test(damaged_or_short_mysql_spool_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
