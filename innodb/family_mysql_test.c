/* innodb/family_mysql_test.c: walks over stored logs of MySQL, and what they are refused for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "innodb/redo_crypt_test_util.h"
#include "innodb/redo_family.h"
#include "innodb/redo_mysql_test_util.h"

enum { START = 16 * 512, FROM = START + 12 };

struct bench {
    struct mysql_log log;
    uint8_t *stored; /* header and blocks */
    size_t size, at;
    unsigned n_records;
    lsn_t last_end;
    struct keyring *keys;
};

static int set_up(void **state)
{
    struct bench *b = mem_zalloc(sizeof *b);
    b->log.start = START;
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    mysql_log_free(&b->log);
    keyring_free(b->keys);
    free(b->stored);
    free(b);
    return 0;
}

/* A mini-transaction of n records that write two bytes. */
static void add_mtr(struct bench *b, unsigned n)
{
    struct mysql_mtr m = {0};
    while (n--)
        mysql_mtr_record(&m, MYSQL_REDO_2BYTES, 7, n, "\0\x5C\5", 3);
    mysql_mtr_end(&m);
    mysql_log_mtr(&b->log, m.bytes, m.n);
}

static void store(struct bench *b)
{
    b->size = MYSQL_REDO_HEADER_SIZE + b->log.n_blocks * 512;
    free(b->stored);
    b->stored = mem_alloc(b->size);
    redo_mysql_header_make(b->stored, 1, START, FROM, "MySQL 9.7.4");
    memcpy(b->stored + MYSQL_REDO_HEADER_SIZE, b->log.blocks, b->log.n_blocks * 512);
}

static struct err *read_stored(void *ctx, uint8_t *buf, size_t n, size_t *got)
{
    struct bench *b = ctx;
    *got = n < b->size - b->at ? n : b->size - b->at;
    memcpy(buf, b->stored + b->at, *got);
    b->at += *got;
    return NULL;
}

static struct err *take(void *ctx, const struct redo_record *rec, lsn_t start, lsn_t end)
{
    struct bench *b = ctx;
    assert_int_equal(redo_family_mysql.kind(rec), REDO_KIND_PAGE);
    assert_true(start < end);
    b->n_records++;
    b->last_end = end;
    return NULL;
}

static struct err *read_at(void *ctx, uint64_t at, uint8_t *buf, size_t n)
{
    const struct bench *b = ctx;
    assert_true(at + n <= b->size);
    memcpy(buf, b->stored + at, n);
    return NULL;
}

static struct redo_source source_of(struct bench *b)
{
    return (struct redo_source){.ctx = b, .read = read_stored, .read_at = read_at, .size = b->size};
}

static struct err *walk_as(struct bench *b, struct redo_walk *w)
{
    const struct redo_source source = source_of(b);
    b->at = 0;
    b->n_records = 0;
    return redo_family_mysql.walk(&source, w);
}

static struct err *walk(struct bench *b, lsn_t from, lsn_t to, uint64_t *n_mtrs)
{
    const struct redo_visitor visitor = {.ctx = b, .take = take};
    struct redo_walk w = {.from = from, .to = to, .keys = b->keys, .visitor = &visitor};
    struct err *e = walk_as(b, &w);
    *n_mtrs = w.n_mtrs;
    return e;
}

/* With nobody to see the records. */
static struct err *check_only(struct bench *b, lsn_t to, bool *unopened)
{
    struct redo_walk w = {.from = FROM, .to = to};
    struct err *e = walk_as(b, &w);
    *unopened = w.unopened;
    return e;
}

static void fails(struct err *e, enum err_kind kind, const char *text)
{
    assert_non_null(e);
    if (!strstr(e->message, text))
        fail_msg("\"%s\" expected in \"%s\"", text, e->message);
    assert_int_equal(e->kind, kind);
    err_free(e);
}

static void records_come_in_order_up_to_the_end(void **state)
{
    struct bench *b = *state;
    uint64_t n = 0;
    for (unsigned i = 1; i <= 200; i++)
        add_mtr(b, i % 20 + 1);
    store(b);
    assert_null(walk(b, FROM, mysql_log_end(&b->log), &n));
    assert_int_equal(n, 200);
    assert_int_equal(b->n_records, 200 / 20 * 210);
    assert_int_equal(b->last_end, mysql_log_end(&b->log));
}

static void log_without_a_mini_transaction_is_whole(void **state)
{
    struct bench *b = *state;
    uint64_t n = 1;
    mysql_log_new_block(&b->log);
    mysql_log_seal(&b->log);
    store(b);
    assert_null(walk(b, FROM, FROM, &n));
    assert_int_equal(n, 0);
}

static void log_that_ends_elsewhere_is_corrupt(void **state)
{
    struct bench *b = *state;
    uint64_t n;
    add_mtr(b, 3);
    const lsn_t first = mysql_log_end(&b->log);
    add_mtr(b, 3);
    store(b);
    fails(walk(b, FROM, first, &n), ERR_CORRUPT, "behind the end of the backup at");
    fails(walk(b, FROM, mysql_log_end(&b->log) + 4, &n), ERR_CORRUPT, "the manifest says");
    fails(walk(b, FROM + 8, first, &n), ERR_CORRUPT, "with a checkpoint at 8204");
}

static void half_a_mini_transaction_is_corrupt(void **state)
{
    struct bench *b = *state;
    uint64_t n;
    add_mtr(b, 3);
    const lsn_t end = mysql_log_end(&b->log);
    add_mtr(b, 3);
    redo_mysql_block_cut(mysql_log_block(&b->log, 0), end + 7);
    store(b);
    fails(walk(b, FROM, end, &n), ERR_CORRUPT, "ends at LSN");
}

static void every_flipped_bit_of_a_block_is_seen(void **state)
{
    struct bench *b = *state;
    uint64_t n;
    add_mtr(b, 3);
    store(b);
    for (size_t bit = 0; bit < 512 * 8; bit++) {
        b->stored[MYSQL_REDO_HEADER_SIZE + bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct err *e = walk(b, FROM, mysql_log_end(&b->log), &n);
        if (!e)
            fail_msg("bit %zu", bit);
        err_free(e);
        b->stored[MYSQL_REDO_HEADER_SIZE + bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_null(walk(b, FROM, mysql_log_end(&b->log), &n));
}

/* As store, with the blocks from `first` on encrypted. */
static void store_encrypted(struct bench *b, size_t first)
{
    struct space_key key;
    uint8_t record[MYSQL_KEY_RECORD_SIZE];
    test_redo_key(&key, record, 2);
    store(b);
    redo_mysql_header_set_key(b->stored, record);
    for (size_t i = first; i < b->log.n_blocks; i++)
        assert_null(redo_block_encrypt(&key, b->stored + MYSQL_REDO_HEADER_SIZE + i * 512));
}

static void encrypted_blocks_are_read_with_their_key(void **state)
{
    struct bench *b = *state;
    uint64_t n;
    for (unsigned i = 1; i <= 200; i++)
        add_mtr(b, i % 20 + 1);
    for (size_t first = 0; first < 3; first++) {
        store_encrypted(b, first);
        fails(walk(b, FROM, mysql_log_end(&b->log), &n), ERR_REFUSED,
              "the redo log is encrypted with key INNODBKey-" TEST_KEY_UUID
              "-2, which is not given");
        const struct redo_source source = source_of(b);
        fails(redo_family_mysql.check_key(&source, NULL), ERR_REFUSED, "-2, which is not given");
        b->keys = test_keyring(2);
        assert_null(redo_family_mysql.check_key(&source, b->keys));
        assert_null(walk(b, FROM, mysql_log_end(&b->log), &n));
        assert_int_equal(n, 200);
        assert_int_equal(b->n_records, 200 / 20 * 210);
        keyring_free(b->keys);
        b->keys = NULL;
    }
    memset(b->stored + 1072, 0, MYSQL_KEY_RECORD_SIZE);
    fails(walk(b, FROM, mysql_log_end(&b->log), &n), ERR_REFUSED,
          "the redo log is encrypted, and its key is not given");
}

/* What can be seen of them from outside. */
static void encrypted_blocks_are_checked_without_their_key(void **state)
{
    struct bench *b = *state;
    bool unopened;
    for (unsigned i = 1; i <= 50; i++)
        add_mtr(b, i % 20 + 1);
    const lsn_t end = mysql_log_end(&b->log);
    store(b);
    assert_null(check_only(b, end, &unopened));
    assert_false(unopened);
    store_encrypted(b, 1);
    assert_null(check_only(b, end, &unopened));
    assert_true(unopened);
    fails(check_only(b, end - 1, &unopened), ERR_CORRUPT, "ends at LSN");
    b->stored[MYSQL_REDO_HEADER_SIZE + 100] ^= 1; /* in clear */
    fails(check_only(b, end, &unopened), ERR_CORRUPT, "the block at LSN 8192 is not whole");
    b->stored[MYSQL_REDO_HEADER_SIZE + 100] ^= 1;
    b->stored[MYSQL_REDO_HEADER_SIZE + 512 + 3] ^= 1; /* its number */
    fails(check_only(b, end, &unopened), ERR_CORRUPT, "the block at LSN 8704 is not whole");
    b->stored[MYSQL_REDO_HEADER_SIZE + 512 + 3] ^= 1;
    put_be16(b->stored + MYSQL_REDO_HEADER_SIZE + 512 + 4, 0x8000 | 100); /* its length */
    fails(check_only(b, end, &unopened), ERR_CORRUPT, "goes on behind its last block");
}

static void shorter_than_a_header_is_corrupt(void **state)
{
    struct bench *b = *state;
    uint64_t n;
    add_mtr(b, 1);
    store(b);
    b->size = 100;
    fails(walk(b, FROM, mysql_log_end(&b->log), &n), ERR_CORRUPT, "100 bytes do not hold a header");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_come_in_order_up_to_the_end),
        TEST(log_without_a_mini_transaction_is_whole),
        TEST(log_that_ends_elsewhere_is_corrupt),
        TEST(half_a_mini_transaction_is_corrupt),
        TEST(every_flipped_bit_of_a_block_is_seen),
        TEST(encrypted_blocks_are_read_with_their_key),
        TEST(encrypted_blocks_are_checked_without_their_key),
        TEST(shorter_than_a_header_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
