/* innodb/keyring_test.c: key files of real servers give their keys; bad ones are named, keys never
 * are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "innodb/keyring.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define KEY_32 "0123456789abcdef0123456789ABCDEF"
#define KEY_64 KEY_32 "0011223344556677889900aabbccddee"
#define NAME "INNODBKey-2e1dea7d-e8ef-11f1-80ab-02fc00000001-1"
#define ELEMENT(name, data)                                                          \
    "{\"user\":\"\",\"data_id\":\"" name "\",\"data_type\":\"AES\",\"data\":\"" data \
    "\",\"extension\":[]}"
#define FILE_OF(elements) "{\"version\":\"1.0\",\"elements\":[" elements "]}"

static struct err *parse(struct keyring **k, const char *file)
{
    return file[0] == '{' ? keyring_parse_mysql(k, file, strlen(file))
                          : keyring_parse_mariadb(k, file, strlen(file), NULL, 0);
}

static void a_mysql_keyring_has_the_master_keys(void **state)
{
    struct keyring *k;
    (void)state;
    assert_null(
        parse(&k, FILE_OF(ELEMENT("MySQLReplicationKey_x", "00") "," ELEMENT(NAME, KEY_64))));
    assert_int_equal(keyring_count(k), 1);
    const struct aes_key *key = keyring_find(k, NAME);
    assert_non_null(key);
    assert_int_equal(key->len, 32);
    assert_int_equal(key->bytes[0], 0x01);
    assert_int_equal(key->bytes[13], 0xAB);
    assert_int_equal(key->bytes[31], 0xEE);
    assert_null(keyring_find(k, "INNODBKey-2e1dea7d-e8ef-11f1-80ab-02fc00000001-2"));
    keyring_free(k);
}

static void a_keyring_without_keys_is_empty(void **state)
{
    struct keyring *k;
    (void)state;
    assert_null(keyring_parse_mysql(&k, "", 0));
    assert_int_equal(keyring_count(k), 0);
    assert_null(keyring_find(k, NAME));
    keyring_free(k);
    assert_null(keyring_find(NULL, NAME));
    keyring_free(NULL);
}

static void a_mariadb_key_file_has_keys_of_three_lengths(void **state)
{
    struct keyring *k;
    (void)state;
    assert_null(parse(&k, "# keys\n1;" KEY_64 "\n\n \t\r\n 4294967295 ; " KEY_32 " # 16 bytes\r\n"
                          "7;" KEY_32 "0123456789abcdef"));
    assert_int_equal(keyring_count(k), 3);
    assert_int_equal(keyring_find(k, "1")->len, 32);
    assert_int_equal(keyring_find(k, "4294967295")->len, 16);
    assert_int_equal(keyring_find(k, "7")->len, 24);
    assert_int_equal(keyring_find(k, "7")->bytes[23], 0xEF);
    keyring_free(k);
}

static void many_keys_are_all_found(void **state)
{
    char file[16384] = "", name[16];
    size_t len = 0;
    struct keyring *k;
    (void)state;
    for (int i = 1; i <= 100; i++)
        len += (size_t)snprintf(file + len, sizeof file - len, "%d;%s%02x\n", i,
                                "0123456789abcdef0123456789abcd", i);
    assert_null(parse(&k, file));
    for (int i = 1; i <= 100; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(keyring_find(k, name)->bytes[15], i);
    }
    keyring_free(k);
}

static const struct {
    const char *file, *want;
} bad[] = {
    {"{", "keyring: no JSON (line 1, column 1)"},
    {"{}", "keyring: no array \"elements\""},
    {"{\"elements\":7}", "keyring: no array \"elements\""},
    {FILE_OF("7"), "keyring: element 0 has no data_id or data"},
    {FILE_OF(ELEMENT("a", "b") ",{\"data_id\":7,\"data\":\"\"}"),
     "keyring: element 1 has no data_id or data"},
    {FILE_OF(ELEMENT(NAME, KEY_32)), "keyring: the data of element 0 is no AES-256 key"},
    {FILE_OF(ELEMENT(NAME, KEY_64 "0")), "keyring: the data of element 0 is no AES-256 key"},
    {FILE_OF(ELEMENT(NAME, KEY_32 "001122334455667788990?aabbccddee")),
     "keyring: the data of element 0 is no AES-256 key"},
    {"1:" KEY_32, "key file: line 1: no semicolon"},
    {"\n#\n;" KEY_32, "key file: line 3: no key id"},
    {"0;" KEY_32, "key file: line 1: no key id"},
    {"1x;" KEY_32, "key file: line 1: no key id"},
    {"4294967296;" KEY_32, "key file: line 1: no key id"},
    {"99999999999999999999999;" KEY_32, "key file: line 1: no key id"},
    {"1;" KEY_32 "\n2;" KEY_32 "00",
     "key file: line 2: the key is not 32, 48 or 64 hexadecimal digits"},
    {"1;", "key file: line 1: the key is not 32, 48 or 64 hexadecimal digits"},
    {"1;0123456789abcdefg123456789abcdef",
     "key file: line 1: the key is not 32, 48 or 64 hexadecimal digits"},
};

static void what_does_not_parse_is_named_without_the_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(bad); i++) {
        struct keyring *k;
        struct err *e = parse(&k, bad[i].file);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_CORRUPT);
        assert_null(k);
        assert_string_equal(e->message, bad[i].want);
        assert_null(strstr(e->message, "0123456789"));
        err_free(e);
    }
}

/* Made from fkm.txt by `openssl enc -aes-256-cbc -md sha1 -k 'pass phrase'`; a server read it. */
static void an_encrypted_key_file_opens_with_its_pass_phrase(void **state)
{
    static const char pass[] = "pass phrase";
    struct keyring *k, *clear;
    char *file, *text;
    size_t len, text_len;
    (void)state;
    assert_null(file_read_all(&file, &len, "tests/data/page/fkm.enc", 4096));
    assert_null(file_read_all(&text, &text_len, "tests/data/page/fkm.txt", 4096));
    assert_null(keyring_parse_mariadb(&k, file, len, pass, strlen(pass)));
    assert_null(keyring_parse_mariadb(&clear, text, text_len, NULL, 0));
    assert_int_equal(keyring_count(k), 3);
    for (int id = 1; id <= 3; id++) {
        const char name[] = {(char)('0' + id), 0};
        assert_memory_equal(keyring_find(k, name), keyring_find(clear, name),
                            sizeof(struct aes_key));
    }
    keyring_free(k);
    keyring_free(clear);
    struct err *e = keyring_parse_mariadb(&k, file, len, NULL, 0);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_string_equal(e->message, "the key file is encrypted");
    err_free(e);
    e = keyring_parse_mariadb(&k, file, len, "pass phrasf", strlen(pass));
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_string_equal(e->message, "the pass phrase does not open the key file");
    err_free(e);
    for (size_t cut = 8; cut < len; cut += 7) {
        e = keyring_parse_mariadb(&k, file, cut, pass, strlen(pass));
        assert_non_null(e);
        err_free(e);
    }
    free(file);
    free(text);
}

static void hostile_bytes_never_overrun(void **state)
{
    static const char alphabet[] = "0123456789abcdefABCDEF;;# \n\r{}[]\":,";
    (void)state;
    srandom(20261127);
    for (int round = 0; round < 20000; round++) {
        const size_t n = (size_t)random() % 100;
        char *file = mem_alloc(n ? n : 1); /* exact size: the sanitizer sees overruns */
        struct keyring *k;
        for (size_t i = 0; i < n; i++)
            file[i] = alphabet[(size_t)random() % (sizeof alphabet - 1)];
        err_free(keyring_parse_mariadb(&k, file, n, NULL, 0));
        keyring_free(k);
        err_free(keyring_parse_mysql(&k, file, n));
        keyring_free(k);
        free(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mysql_keyring_has_the_master_keys),
        cmocka_unit_test(a_keyring_without_keys_is_empty),
        cmocka_unit_test(a_mariadb_key_file_has_keys_of_three_lengths),
        cmocka_unit_test(many_keys_are_all_found),
        cmocka_unit_test(what_does_not_parse_is_named_without_the_key),
        cmocka_unit_test(an_encrypted_key_file_opens_with_its_pass_phrase),
        cmocka_unit_test(hostile_bytes_never_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
