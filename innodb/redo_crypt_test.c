/* innodb/redo_crypt_test.c: encrypted redo of real servers opens with their keys; wrong keys and
 * damage are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/redo_crypt.h"
#include "innodb/redo_frame.h"

enum { HEADER = MYSQL_REDO_HEADER_SIZE, BLOCK = MYSQL_REDO_BLOCK_SIZE, N_BLOCKS = 6 };

/* --- MySQL --- */

static struct keyring *load_keyring(const char *path)
{
    const bool mysql = strstr(path, "mysql");
    char *keys;
    size_t len;
    struct keyring *k;
    assert_null(file_read_all(&keys, &len, path, 1 << 16));
    assert_null(mysql ? keyring_parse_mysql(&k, keys, len)
                      : keyring_parse_mariadb(&k, keys, len, NULL, 0));
    free(keys);
    return k;
}

/* A header and six blocks of a redo file of MySQL 9.7.4. */
static uint8_t *load_mysql(struct redo_mysql_header *header)
{
    char *file;
    size_t len;
    assert_null(file_read_all(&file, &len, "tests/data/redo/mysql97-encrypted.bin", 1 << 16));
    assert_int_equal(len, HEADER + N_BLOCKS * BLOCK);
    assert_null(redo_mysql_header_parse(header, (uint8_t *)file, len));
    assert_true(header->has_key);
    return (uint8_t *)file;
}

static void load_key(struct space_key *key, const struct redo_mysql_header *header)
{
    struct keyring *k = load_keyring("tests/data/page/mysql97.keyring");
    assert_null(redo_key_mysql(key, header, k));
    assert_int_equal(key->kind, SPACE_KEY_MYSQL);
    keyring_free(k);
}

static lsn_t lsn_of(const uint8_t *block)
{
    return (lsn_t)((be32(block) & 0x7FFFFFFF) - 1) * BLOCK;
}

static void blocks_of_mysql_open_and_close_again(void **state)
{
    struct redo_mysql_header header;
    struct space_key key;
    uint8_t *file = load_mysql(&header), room[BLOCK], again[BLOCK];
    (void)state;
    load_key(&key, &header);
    for (size_t i = 0; i < N_BLOCKS; i++) {
        const uint8_t *stored = file + HEADER + i * BLOCK;
        const lsn_t lsn = lsn_of(stored);
        struct redo_block b;
        assert_true(redo_block_is_encrypted(stored));
        assert_null(redo_block_open(&b, &key, stored, lsn, room));
        assert_int_equal(b.state, MYSQL_BLOCK_WHOLE);
        assert_true(b.encrypted);
        assert_int_equal(b.data_len, be16(stored + 4) & 0x7FFF);
        assert_ptr_equal(b.clear, room);
        assert_false(redo_block_is_encrypted(room));
        assert_memory_not_equal(room + 12, stored + 12, 496);
        memcpy(again, room, BLOCK);
        assert_null(redo_block_open(&b, &key, again, lsn, NULL)); /* in clear: as it is */
        assert_int_equal(b.state, MYSQL_BLOCK_WHOLE);
        assert_false(b.encrypted);
        assert_ptr_equal(b.clear, again);
        put_be32(again + 508, 0); /* is computed */
        assert_null(redo_block_encrypt(&key, again));
        assert_memory_equal(again, stored, BLOCK);
        assert_null(redo_block_open(&b, &key, stored, lsn + BLOCK, room));
        assert_int_equal(b.state, MYSQL_BLOCK_NOT_YET);
        assert_null(b.clear);
    }
    free(file);
}

static void every_flipped_bit_of_a_block_is_found(void **state)
{
    struct redo_mysql_header header;
    struct space_key key;
    uint8_t *file = load_mysql(&header), block[BLOCK], room[BLOCK];
    (void)state;
    load_key(&key, &header);
    for (unsigned bit = 0; bit < 8 * BLOCK; bit++) {
        struct redo_block b;
        memcpy(block, file + HEADER, BLOCK);
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_null(redo_block_open(&b, &key, block, lsn_of(file + HEADER), room));
        if (b.state == MYSQL_BLOCK_WHOLE || b.clear)
            fail_msg("bit %u", bit);
    }
    free(file);
}

static void a_log_without_its_key_is_refused(void **state)
{
    struct redo_mysql_header header;
    struct space_key key, none = {0};
    struct redo_block b;
    uint8_t *file = load_mysql(&header);
    (void)state;
    assert_null(redo_block_open(&b, &none, file + HEADER, lsn_of(file + HEADER), NULL));
    assert_int_equal(b.state, MYSQL_BLOCK_ENCRYPTED);
    assert_null(b.clear);
    struct err *e = redo_key_mysql(&key, &header, NULL);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_int_equal(fnmatch("the redo log is encrypted with key INNODBKey-*-2, which is not given",
                             e->message, 0),
                     0);
    err_free(e);
    struct keyring *k = load_keyring("tests/data/page/mysql97.keyring");
    header.key_record[50] ^= 1;
    e = redo_key_mysql(&key, &header, k);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_int_equal(
        fnmatch("the key of the redo log does not open with key INNODBKey-*-2", e->message, 0), 0);
    err_free(e);
    keyring_free(k);
    header.has_key = false;
    assert_null(redo_key_mysql(&key, &header, NULL));
    assert_int_equal(key.kind, SPACE_KEY_NONE);
    free(file);
}

/* --- MariaDB --- */

/* The first 512 bytes of a log, and mini-transactions of it; not in the order of the log. */
struct mariadb {
    uint8_t *file, *end;
    struct redo_log_header header;
    struct redo_cipher cipher;
};

static void load_mariadb(struct mariadb *m)
{
    char *file;
    size_t len;
    uint8_t *area = mem_zalloc(REDO_START_OFFSET);
    struct keyring *k = load_keyring("tests/data/page/fkm.txt");
    assert_null(file_read_all(&file, &len, "tests/data/redo/mariadb-encrypted.bin", 1 << 16));
    *m = (struct mariadb){.file = (uint8_t *)file, .end = (uint8_t *)file + len};
    memcpy(area, file, 512);
    assert_null(redo_log_header_parse(&m->header, area, REDO_START_OFFSET));
    assert_true(m->header.encrypted);
    assert_null(redo_cipher_init(&m->cipher, &m->header, k));
    assert_int_equal(m->cipher.form, REDO_MTR_ENCRYPTED);
    keyring_free(k);
    free(area);
}

static void unload_mariadb(struct mariadb *m)
{
    redo_cipher_fini(&m->cipher);
    free(m->file);
}

/* Its records; returns how many there are. */
static int parse(struct redo_mtr *m, int *names)
{
    struct redo_record rec;
    bool more;
    for (int n = 0;; n++) {
        assert_null(redo_mtr_next(m, &rec, &more));
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

/* Its terminator as in a linear log. */
static void normalise(uint8_t *mtr, const uint8_t *end)
{
    const uint8_t *stop = redo_frame_terminator(mtr, end);
    assert_non_null(stop);
    mtr[stop - mtr] = 1;
}

static void mini_transactions_of_mariadb_open(void **state)
{
    struct mariadb f;
    int mtrs = 0, records = 0, names = 0;
    (void)state;
    load_mariadb(&f);
    uint8_t *const stored = mem_alloc((size_t)(f.end - f.file)), *at = f.file + 512;
    for (size_t len; at < f.end; at += len, mtrs++) {
        struct redo_mtr m;
        normalise(at, f.end);
        memcpy(stored, at, (size_t)(f.end - at));
        assert_null(redo_mtr_open(&m, at, (size_t)(f.end - at), 50000, REDO_MTR_ENCRYPTED, &len));
        assert_int_equal(m.end, 50000 + len);
        assert_null(redo_mtr_decrypt(&f.cipher, &m));
        records += parse(&m, &names);
        assert_memory_equal(stored, at, len); /* what was read stays as it was */
    }
    assert_ptr_equal(at, f.end);
    assert_int_equal(mtrs, 17);
    assert_true(records >= mtrs);
    assert_true(names > 0);
    free(stored);
    unload_mariadb(&f);
}

static void what_is_no_whole_encrypted_mini_transaction_is_named(void **state)
{
    struct mariadb f;
    struct redo_mtr m;
    size_t len, unused;
    (void)state;
    load_mariadb(&f);
    uint8_t *mtr = f.file + 512;
    normalise(mtr, f.end);
    assert_null(redo_mtr_open(&m, mtr, (size_t)(f.end - mtr), 1, REDO_MTR_ENCRYPTED, &len));
    for (size_t n = 0; n < len; n++) {
        struct err *e = redo_mtr_open(&m, mtr, n, 1, REDO_MTR_ENCRYPTED, &unused);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        err_free(e);
    }
    for (size_t at = 0; at < len; at++) { /* nonce and checksum included */
        mtr[at] ^= 4;
        struct err *e =
            redo_mtr_open(&m, mtr, (size_t)(f.end - mtr), 1, REDO_MTR_ENCRYPTED, &unused);
        assert_non_null(e);
        err_free(e);
        mtr[at] ^= 4;
    }
    unload_mariadb(&f);
}

/* The only mini-transaction here that a log can have at the end of a checkpoint: of file records. */
static uint8_t *find_file_records(const struct mariadb *f, size_t *len)
{
    for (uint8_t *at = f->file + 512; at < f->end; at += *len) {
        struct redo_mtr m;
        normalise(at, f->end);
        assert_null(redo_mtr_open(&m, at, (size_t)(f->end - at), 1, REDO_MTR_ENCRYPTED, len));
        if (*at >> 4 == REDO_FILE_MODIFY)
            return at;
    }
    fail_msg("no mini-transaction with FILE_MODIFY");
    return NULL;
}

static void a_wrong_key_of_mariadb_is_told(void **state)
{
    struct mariadb f;
    size_t len;
    (void)state;
    load_mariadb(&f);
    const uint8_t *mtr = find_file_records(&f, &len);
    assert_null(redo_cipher_check(&f.cipher, &f.header, mtr, len));
    f.cipher.key.bytes[3] ^= 1;
    struct err *e = redo_cipher_check(&f.cipher, &f.header, mtr, len);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_string_equal(e->message,
                        "the redo log does not open with the key 1 that the key file has");
    err_free(e);
    e = redo_cipher_check(&f.cipher, &f.header, mtr, len - 1);
    assert_int_equal(e->kind, ERR_CORRUPT);
    err_free(e);
    unload_mariadb(&f);
}

static void a_key_of_mariadb_that_is_not_given_is_named(void **state)
{
    struct mariadb f;
    struct redo_cipher c;
    (void)state;
    load_mariadb(&f);
    struct err *e = redo_cipher_init(&c, &f.header, NULL);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_string_equal(e->message,
                        "the redo log is encrypted with version 1 of key 1, which is not given");
    err_free(e);
    f.header.format = 0x50687973;
    e = redo_cipher_init(&c, &f.header, NULL);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_string_equal(e->message, "redo log encrypted in format 0x50687973");
    err_free(e);
    f.header.encrypted = false;
    assert_null(redo_cipher_init(&c, &f.header, NULL));
    assert_int_equal(c.form, REDO_MTR_CLEAR);
    unload_mariadb(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_mysql_open_and_close_again),
        cmocka_unit_test(every_flipped_bit_of_a_block_is_found),
        cmocka_unit_test(a_log_without_its_key_is_refused),
        cmocka_unit_test(mini_transactions_of_mariadb_open),
        cmocka_unit_test(what_is_no_whole_encrypted_mini_transaction_is_named),
        cmocka_unit_test(a_wrong_key_of_mariadb_is_told),
        cmocka_unit_test(a_key_of_mariadb_that_is_not_given_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
