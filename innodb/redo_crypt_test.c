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
#include "base/file.h"
#include "innodb/redo_crypt.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_mysql_open_and_close_again),
        cmocka_unit_test(every_flipped_bit_of_a_block_is_found),
        cmocka_unit_test(a_log_without_its_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
