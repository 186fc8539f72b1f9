/* innodb/redo_crypt_test_util.h: keys for unit tests of encrypted MySQL redo, and the encrypted MariaDB log of tests/data/redo as a
 * linear log. Tests only. */
#ifndef MBE_INNODB_REDO_CRYPT_TEST_UTIL_H
#define MBE_INNODB_REDO_CRYPT_TEST_UTIL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/redo_crypt.h"
#include "innodb/redo_frame.h"

#ifndef UNUSED
#define UNUSED __attribute__((unused))
#endif
#define TEST_KEY_UUID "01234567-89ab-cdef-0123-456789abcdef"

/* --- MySQL --- */

/* The key of a log, and its record as wrapped by master key `master`, whose 32 bytes are all `master`. */
static UNUSED void test_redo_key(struct space_key *key, uint8_t record[MYSQL_KEY_RECORD_SIZE],
                                 uint8_t master)
{
    uint8_t plain[64];
    struct aes_key wrap = {.len = 32};
    memset(wrap.bytes, master, 32);
    for (unsigned i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(3 * i + 1);
    *key = (struct space_key){.kind = SPACE_KEY_MYSQL, .key.len = 32, .id = master};
    memcpy(key->key.bytes, plain, 32);
    memcpy(key->iv, plain + 32, AES_BLOCK);
    memset(record, 0, MYSQL_KEY_RECORD_SIZE);
    memcpy(record, "lCC", 3);
    put_be32(record + 3, master);
    memcpy(record + 7, TEST_KEY_UUID, 36);
    assert_null(aes_ecb(AES_ENCIPHER, &wrap, plain, sizeof plain, record + 43));
    put_be32(record + 107, crc32c(0, plain, sizeof plain));
}

/* A keyring file with the master keys 1 to n; owned by caller. */
static UNUSED char *test_keyring_text(unsigned n)
{
    char *text = mem_strdup("{\"version\":\"1.0\",\"elements\":[");
    for (unsigned i = 1; i <= n; i++) {
        char hex[65];
        for (unsigned k = 0; k < 32; k++)
            snprintf(hex + 2 * k, 3, "%02x", i);
        char *longer = mem_printf("%s%s{\"user\":\"\",\"data_id\":\"INNODBKey-" TEST_KEY_UUID
                                  "-%u\",\"data_type\":\"AES\",\"data\":\"%s\",\"extension\":[]}",
                                  text, i > 1 ? "," : "", i, hex);
        free(text);
        text = longer;
    }
    char *whole = mem_printf("%s]}", text);
    free(text);
    return whole;
}

static UNUSED struct keyring *test_keyring(unsigned n)
{
    char *text = test_keyring_text(n);
    struct keyring *k;
    assert_null(keyring_parse_mysql(&k, text, strlen(text)));
    free(text);
    return k;
}

/* --- MariaDB --- */

#define TEST_MARIADB_KEYS "tests/data/page/fkm.txt"

struct mariadb_log {
    struct redo_log_header header; /* of the source */
    uint8_t
        *bytes; /* mini-transactions, terminators 1; the first has file records; owned by caller */
    size_t len;
    unsigned n_mtrs;
};

static UNUSED size_t mariadb_mtr_len(const uint8_t *mtr, const uint8_t *end)
{
    const uint8_t *stop = redo_frame_terminator(mtr, end);
    assert_non_null(stop);
    return (size_t)(stop - mtr) + 1 + REDO_FRAME_NONCE + 4;
}

/* They are of one log, but not one behind the other in it: their LSNs are in none of their bytes. */
static UNUSED void mariadb_log_load(struct mariadb_log *l)
{
    char *file;
    size_t len, first = 0, first_len = 0;
    uint8_t *area = mem_zalloc(REDO_START_OFFSET);
    *l = (struct mariadb_log){0};
    assert_null(file_read_all(&file, &len, "tests/data/redo/mariadb-encrypted.bin", 1 << 16));
    memcpy(area, file, 512);
    assert_null(redo_log_header_parse(&l->header, area, REDO_START_OFFSET));
    free(area);
    l->len = len - 512;
    l->bytes = mem_alloc(l->len);
    memcpy(l->bytes, file + 512, l->len);
    free(file);
    for (size_t at = 0, n; at < l->len; at += n, l->n_mtrs++) {
        n = mariadb_mtr_len(l->bytes + at, l->bytes + l->len);
        l->bytes[at + n - 1 - REDO_FRAME_NONCE - 4] = 1;
        if (!first_len && l->bytes[at] >> 4 == REDO_FILE_MODIFY) {
            first = at;
            first_len = n;
        }
    }
    assert_true(first_len && first_len < 4096);
    uint8_t moved[4096];
    memcpy(moved, l->bytes + first, first_len);
    memmove(l->bytes + first_len, l->bytes, first);
    memcpy(l->bytes, moved, first_len);
}

static UNUSED void mariadb_log_free(struct mariadb_log *l)
{
    free(l->bytes);
}

#endif
