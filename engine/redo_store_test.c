/* engine/redo_store_test.c: the spool becomes a linear log that ends where the backup ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/crc32c.h"
#include "engine/engine_test_util.h"
#include "engine/redo_store.h"
#include "innodb/redo_mariadb.h"
#include "innodb/redo_varint.h"
#include "innodb/space_map.h"

enum { FROM = 60000, MTR = 16, LONG_MTR = 900000 };

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
    ok(redo_store(a.writer, path, &span, "10.11.19", NULL));
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
    error_is(redo_store(a.writer, path, &beyond, "10.11.19", NULL), CORRUPT,
             "spool: ends at LSN 60160, before the end of the backup at 60176");
    spool[3 * MTR + 8] ^= 1;
    write_bytes(dir, "spool", spool, 10 * MTR);
    struct redo_span span = {.from = FROM, .to = FROM + 10 * MTR};
    error_is(redo_store(a.writer, path, &span, "10.11.19", NULL), CORRUPT,
             "spool: LSN 60048: mini-transaction checksum");
    archive_writer_free(a.writer);
    a.sink->free(a.sink);
    free(a.path);
    remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_is_cut_at_the_last_boundary),
        cmocka_unit_test(long_mini_transactions_cross_reads),
        cmocka_unit_test(damaged_or_short_spool_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
