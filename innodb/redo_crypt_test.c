/* innodb/redo_crypt_test.c: encrypted redo of real servers opens with their keys; wrong keys and
 * damage are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fnmatch.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/redo_crypt.h"
#include "innodb/redo_frame.h"
#include "innodb/redo_mariadb.h"

enum { HEADER = 2048 };

/* A header and six blocks of a redo file of MySQL 9.7.4. */
static uint8_t *load_mysql(struct space_key *key, size_t *n_blocks)
{
    char *file, *keys;
    size_t len, keys_len;
    struct keyring *k;
    assert_null(file_read_all(&file, &len, "tests/data/redo/mysql97-encrypted.bin", 1 << 16));
    assert_null(file_read_all(&keys, &keys_len, "tests/data/page/mysql97.keyring", 1 << 16));
    assert_null(keyring_parse_mysql(&k, keys, keys_len));
    assert_null(redo_key_mysql(key, (uint8_t *)file, len, k));
    assert_int_equal(key->kind, SPACE_KEY_MYSQL);
    *n_blocks = (len - HEADER) / REDO_BLOCK_SIZE;
    assert_int_equal(*n_blocks, 6);
    keyring_free(k);
    free(keys);
    return (uint8_t *)file;
}

static void blocks_of_mysql_open_and_close_again(void **state)
{
    struct space_key key;
    size_t n;
    uint8_t *file = load_mysql(&key, &n), block[REDO_BLOCK_SIZE];
    (void)state;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *stored = file + HEADER + i * sizeof block;
        memcpy(block, stored, sizeof block);
        assert_true(redo_block_is_encrypted(block));
        assert_null(redo_block_decrypt(&key, block));
        assert_false(redo_block_is_encrypted(block));
        assert_in_range(be16(block + 4), 12, REDO_BLOCK_SIZE);
        assert_memory_not_equal(block + 12, stored + 12, 496);
        assert_null(redo_block_decrypt(&key, block)); /* one in clear stays as it is */
        put_be32(block + 508, 0);                     /* is computed */
        assert_null(redo_block_encrypt(&key, block));
        assert_memory_equal(block, stored, sizeof block);
    }
    free(file);
}

static void every_flipped_bit_of_a_block_is_found(void **state)
{
    struct space_key key;
    size_t n;
    uint8_t *file = load_mysql(&key, &n), block[REDO_BLOCK_SIZE];
    (void)state;
    for (unsigned at = 0; at < sizeof block; at++) {
        memcpy(block, file + HEADER, sizeof block);
        block[at] ^= at == 4 ? 1 : (uint8_t)(1 << at % 8); /* not the flag itself */
        struct err *e = redo_block_decrypt(&key, block);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_int_equal(
            fnmatch("encrypted redo block *: checksum 0x* inside, 0x* computed", e->message, 0), 0);
        err_free(e);
    }
    free(file);
}

static void a_log_without_its_key_is_refused(void **state)
{
    struct space_key key, none = {0};
    size_t n;
    uint8_t *file = load_mysql(&key, &n);
    (void)state;
    struct err *e = redo_block_decrypt(&none, file + HEADER);
    assert_int_equal(e->kind, ERR_REFUSED);
    err_free(e);
    e = redo_key_mysql(&key, file, HEADER, NULL);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_int_equal(fnmatch("*INNODBKey-*-2, which is not given", e->message, 0), 0);
    err_free(e);
    e = redo_key_mysql(&key, file, 1072 + 114, NULL);
    assert_int_equal(e->kind, ERR_CORRUPT);
    err_free(e);
    memset(file + REDO_KEY_RECORD, 0, MYSQL_KEY_RECORD_SIZE);
    assert_null(redo_key_mysql(&key, file, HEADER, NULL));
    assert_int_equal(key.kind, SPACE_KEY_NONE);
    free(file);
}

/* Reads the next mini-transaction; 0 at the end. */
static size_t mtr_length(const uint8_t *mtr, const uint8_t *end)
{
    const uint8_t *stop = mtr < end ? redo_frame_terminator(mtr, end) : NULL;
    return stop ? (size_t)(stop - mtr) + 13 : 0;
}

/* Its records, as of a log that never was encrypted; returns how many there are. */
static int parse_clear(uint8_t *mtr, size_t len, int *names)
{
    const size_t records = len - 13;
    struct redo_record rec;
    struct redo_mtr m;
    size_t mtr_len;
    bool more;
    int n = 0;
    mtr[records] = 1;
    put_be32(mtr + records + 1, crc32c(0, mtr, records));
    assert_null(redo_mtr_open(&m, mtr, records + 5, 50000, &mtr_len));
    for (;; n++) {
        assert_null(redo_mtr_next(&m, &rec, &more));
        if (!more)
            return n;
        if (rec.type == REDO_FILE_MODIFY || rec.type == REDO_FILE_CREATE) {
            assert_memory_equal(rec.body, "./", 2);
            assert_memory_equal(rec.body + rec.body_len - 4, ".ibd", 4);
            ++*names;
        } else if (rec.type < REDO_FILE_CREATE) {
            assert_in_range(rec.space, 0, 20); /* the server had so many */
            assert_in_range(rec.page, 0, 2000);
        }
    }
}

static uint8_t *load_mariadb(struct aes_key *key, uint8_t **end)
{
    char *file, *keys;
    size_t len, keys_len;
    struct keyring *k;
    assert_null(file_read_all(&file, &len, "tests/data/redo/mariadb-encrypted.bin", 1 << 16));
    assert_null(file_read_all(&keys, &keys_len, "tests/data/page/fkm.txt", 1 << 16));
    assert_null(keyring_parse_mariadb(&k, keys, keys_len, NULL, 0));
    assert_null(redo_key_mariadb(key, (uint8_t *)file, len, k));
    assert_int_equal(key->len, 16);
    keyring_free(k);
    free(keys);
    *end = (uint8_t *)file + len;
    return (uint8_t *)file;
}

static void mini_transactions_of_mariadb_open(void **state)
{
    struct aes_key key;
    uint8_t *end, *file = load_mariadb(&key, &end), *mtr = file + 512;
    uint8_t *scratch = mem_alloc((size_t)(end - mtr));
    int mtrs = 0, records = 0, names = 0;
    (void)state;
    for (size_t len; (len = mtr_length(mtr, end)); mtr += len, mtrs++) {
        const uint32_t crc = crc32c(0, mtr, len - 13);
        assert_int_equal(be32(mtr + len - 4), crc32c(crc, mtr + len - 12, 8));
        assert_null(redo_mtr_decrypt(&key, mtr, len, scratch));
        const uint32_t clear = crc32c(0, mtr, len - 13);
        assert_int_equal(be32(mtr + len - 4), crc32c(clear, mtr + len - 12, 8));
        records += parse_clear(mtr, len, &names);
    }
    assert_ptr_equal(mtr, end);
    assert_int_equal(mtrs, 17);
    assert_true(records >= mtrs);
    assert_true(names > 0);
    free(scratch);
    free(file);
}

static void what_is_no_encrypted_mini_transaction_is_named(void **state)
{
    struct aes_key key;
    uint8_t *end, *file = load_mariadb(&key, &end), *mtr = file + 512, scratch[1024];
    const size_t len = mtr_length(mtr, end);
    (void)state;
    for (size_t n = 0; n < len; n++) {
        struct err *e = redo_mtr_decrypt(&key, mtr, n, scratch);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        err_free(e);
    }
    struct err *e = redo_key_mariadb(&key, file, 512, NULL);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_string_equal(e->message,
                        "the redo log is encrypted with version 1 of key 1, which is not given");
    err_free(e);
    put_be32(file, 0x50687973);
    e = redo_key_mariadb(&key, file, 512, NULL);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_string_equal(e->message, "redo log encrypted in format 0x50687973");
    err_free(e);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_mysql_open_and_close_again),
        cmocka_unit_test(every_flipped_bit_of_a_block_is_found),
        cmocka_unit_test(a_log_without_its_key_is_refused),
        cmocka_unit_test(mini_transactions_of_mariadb_open),
        cmocka_unit_test(what_is_no_encrypted_mini_transaction_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
