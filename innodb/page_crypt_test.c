/* innodb/page_crypt_test.c: encrypted pages of real servers open with their keys, and close again
 * into the same bytes; wrong keys and damage are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include "innodb/page_check.h"
#include "innodb/page_compress.h"
#include "innodb/page_crypt.h"
#include "innodb/page_fixture.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define MYSQL_KEYS "tests/data/page/mysql97.keyring"
#define MARIADB_KEYS "tests/data/page/fkm.txt"

static const struct {
    const char *name;
    uint32_t page_size;
    enum space_key_kind kind;
    int encrypted, compressed, rows; /* rows: "row 1xxx", at least */
} fixtures[] = {
    {"my4-enc_dyn", 4096, SPACE_KEY_MYSQL, 4, 0, 0},
    {"my4-enc_sp", 4096, SPACE_KEY_MYSQL, 5, 0, 0},
    {"my4-enc_zip1", 4096, SPACE_KEY_MYSQL, 7, 0, 0},
    {"my8-pce_zlib", 8192, SPACE_KEY_MYSQL, 8, 8, 30},
    {"my8-pce_lz4", 8192, SPACE_KEY_MYSQL, 8, 8, 30},
    {"my64-pce_zlib", 65536, SPACE_KEY_MYSQL, 5, 5, 60},
    {"kf4-enc1", 4096, SPACE_KEY_MARIADB, 3, 0, 0},
    {"kf4-enc3", 4096, SPACE_KEY_MARIADB, 2, 0, 0},
    {"kf4-pce", 4096, SPACE_KEY_MARIADB, 8, 8, 10},
    {"kc4-enc1", 4096, SPACE_KEY_MARIADB, 3, 0, 0},
    {"kc4-pce", 4096, SPACE_KEY_MARIADB, 8, 8, 10},
    {"kc4-zip1", 4096, SPACE_KEY_MARIADB, 5, 0, 0},
    {"my4-dyn", 4096, SPACE_KEY_NONE, 0, 0, 0},
    {"my8-pc_zlib", 8192, SPACE_KEY_NONE, 0, 8, 30},
};

static struct keyring *load_keys(enum space_key_kind kind)
{
    struct keyring *k = NULL;
    char *file;
    size_t len;
    if (kind == SPACE_KEY_MARIADB) {
        assert_null(file_read_all(&file, &len, MARIADB_KEYS, 1 << 16));
        assert_null(keyring_parse_mariadb(&k, file, len, NULL, 0));
    } else {
        assert_null(file_read_all(&file, &len, MYSQL_KEYS, 1 << 16));
        assert_null(keyring_parse_mysql(&k, file, len));
    }
    free(file);
    return k;
}

static struct page_fixture load(struct space_key *key, size_t i)
{
    struct page_fixture f = page_fixture_load(fixtures[i].name, fixtures[i].page_size);
    struct keyring *k = load_keys(fixtures[i].kind);
    assert_null(space_key_find(key, &f.format, f.pages, k));
    keyring_free(k);
    return f;
}

static int count_text(const uint8_t *page, size_t size, const char *text)
{
    int n = 0;
    const uint8_t *end = page + size;
    while ((page = memmem(page, (size_t)(end - page), text, strlen(text)))) {
        n++;
        page++;
    }
    return n;
}

static void pages_of_real_servers_open_with_their_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(fixtures); i++) {
        struct space_key key;
        struct page_fixture f = load(&key, i);
        uint8_t *plain = mem_alloc(f.format.physical), *image = mem_alloc(f.format.page_size);
        int encrypted = 0, compressed = 0, rows = 0;
        assert_int_equal(key.kind, fixtures[i].kind);
        for (page_no_t no = 0; no < f.n_pages; no++) {
            const uint8_t *page = page_fixture_page(&f, no), *stored = page;
            char why[PAGE_WHY_SIZE] = "";
            const enum page_state got =
                page_crypt_check(&key, &f.format, f.id, no, page, plain, why);
            assert_string_equal(why, "");
            assert_int_not_equal(got, PAGE_CORRUPT);
            if (page_is_encrypted(&f.format, page, no)) {
                encrypted++;
                assert_null(page_decrypt(&key, &f.format, page, plain));
                assert_false(page_is_encrypted(&f.format, plain, no));
                stored = plain;
            }
            if (!page_is_compressed(&f.format, stored))
                continue;
            compressed++;
            assert_null(page_decompress(&f.format, stored, image));
            rows += count_text(image, f.format.page_size, "row 1");
        }
        assert_int_equal(encrypted, fixtures[i].encrypted);
        assert_int_equal(compressed, fixtures[i].compressed);
        assert_true(rows >= fixtures[i].rows);
        free(plain);
        free(image);
        page_fixture_fini(&f);
    }
}

static void enciphered_again_they_are_the_servers_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(fixtures); i++) {
        struct space_key key;
        struct page_fixture f = load(&key, i);
        uint8_t *plain = mem_alloc(f.format.physical), *again = mem_alloc(f.format.physical);
        for (page_no_t no = 0; no < f.n_pages; no++) {
            const uint8_t *page = page_fixture_page(&f, no);
            if (!page_is_encrypted(&f.format, page, no))
                continue;
            assert_null(page_decrypt(&key, &f.format, page, plain));
            assert_null(page_encrypt(&key, &f.format, plain, again));
            assert_memory_equal(again, page, f.format.physical);
        }
        free(plain);
        free(again);
        page_fixture_fini(&f);
    }
}

/* Without the key the copy of a MySQL page cannot be verified, with it every bit of the body is. */
static void the_key_finds_every_flipped_bit(void **state)
{
    (void)state;
    srandom(20261128);
    for (size_t i = 0; i < N(fixtures); i++) {
        struct space_key key;
        struct page_fixture f = load(&key, i);
        uint8_t *scratch = mem_alloc(f.format.physical);
        for (int round = 0; round < 300; round++) {
            const page_no_t no = 1 + (page_no_t)random() % (f.n_pages - 1);
            uint8_t *page = page_fixture_page(&f, no);
            char why[PAGE_WHY_SIZE] = "";
            uint32_t end = f.format.physical;
            if (!page_is_encrypted(&f.format, page, no))
                continue;
            /* zeros behind a payload do not count */
            if (fixtures[i].kind == SPACE_KEY_MYSQL && fixtures[i].compressed)
                end = FIL_BODY + be16(page + FIL_PACK_STORED);
            else if (f.format.full_crc32 && fixtures[i].compressed)
                end = (be16(page + FIL_TYPE) & 0x7FFFu) * 256;
            const uint32_t at = FIL_SPACE + (uint32_t)random() % (end - FIL_SPACE);
            const uint8_t bit = (uint8_t)(1 << random() % 8);
            page[at] ^= bit;
            if (page_crypt_check(&key, &f.format, f.id, no, page, scratch, why) != PAGE_CORRUPT)
                fail_msg("%s: page %u: byte %u is not guarded", fixtures[i].name, no, at);
            assert_true(why[0] != '\0');
            page[at] ^= bit;
        }
        free(scratch);
        page_fixture_fini(&f);
    }
}

static void without_the_key_only_the_header_is_judged(void **state)
{
    struct page_fixture f = page_fixture_load("my4-enc_dyn", 4096);
    struct space_key none = {0};
    uint8_t *page = page_fixture_page(&f, 3), plain[4096];
    char why[PAGE_WHY_SIZE] = "";
    (void)state;
    page[2000] ^= 1;
    assert_int_equal(page_crypt_check(NULL, &f.format, f.id, 3, page, plain, why), PAGE_OK);
    assert_true(page_is_encrypted(&f.format, page, 3));
    assert_int_equal(page_crypt_check(NULL, &f.format, f.id, 4, page, plain, why), PAGE_CORRUPT);
    assert_string_equal(why, "page number 3 stored, 4 expected");
    struct err *e = page_decrypt(&none, &f.format, page, plain);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_string_equal(e->message,
                        "the page is encrypted, and the key of its tablespace is not given");
    err_free(e);
    page_fixture_fini(&f);
}

static const struct {
    const char *fixture;
    uint32_t page_size;
    int at; /* in the record on page 0 */
    uint8_t flip;
    enum err_kind kind;
    const char *want;
} records[] = {
    {"my4-enc_dyn", 4096, 1, 1, ERR_CORRUPT, "encryption record begins with 6c 42 43"},
    {"my4-enc_dyn", 4096, 2, 1, ERR_CORRUPT, ""}, /* "lCB" */
    {"my4-enc_dyn", 4096, 6, 4, ERR_REFUSED,
     "the tablespace is encrypted with key INNODBKey-*-6, which is not given"},
    {"my4-enc_dyn", 4096, 8, 0x80, ERR_CORRUPT, "encryption record without a UUID"},
    {"my4-enc_dyn", 4096, 50, 1, ERR_CORRUPT,
     "the key of the tablespace does not open with key INNODBKey-*-2"},
    {"my4-enc_dyn", 4096, 110, 1, ERR_CORRUPT,
     "the key of the tablespace does not open with key *"},
    {"kf4-enc1", 4096, 38 + 6, 2, ERR_CORRUPT, "encryption scheme 3 with an IV of 16 bytes"},
    {"kf4-enc1", 4096, 38 + 7, 1, ERR_CORRUPT, "encryption scheme 1 with an IV of 17 bytes"},
    {"kf4-enc1", 4096, 38 + 31, 8, ERR_REFUSED,
     "the tablespace is encrypted with key 9, which is not given"},
};

static void bad_records_of_keys_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(records); i++) {
        struct keyring *k =
            load_keys(records[i].fixture[0] == 'm' ? SPACE_KEY_MYSQL : SPACE_KEY_MARIADB);
        struct page_fixture f = page_fixture_load(records[i].fixture, records[i].page_size);
        struct space_key key;
        f.pages[space_xdes_end(&f.format) + (uint32_t)records[i].at] ^= records[i].flip;
        struct err *e = space_key_find(&key, &f.format, f.pages, k);
        if (!records[i].want[0]) {
            assert_null(e);
            assert_int_equal(key.kind, SPACE_KEY_MYSQL);
        } else {
            assert_non_null(e);
            assert_int_equal(e->kind, records[i].kind);
            if (fnmatch(records[i].want, e->message, 0) != 0)
                fail_msg("case %zu: want \"%s\", got \"%s\"", i, records[i].want, e->message);
            err_free(e);
        }
        keyring_free(k);
        page_fixture_fini(&f);
    }
}

/* IVs are per page: a wrong key gives other bytes, which the page inside does not survive. */
static void a_wrong_key_of_mariadb_is_damage(void **state)
{
    static const char *const names[] = {"kf4-enc1", "kf4-pce", "kc4-enc1", "kc4-pce", "kc4-zip1"};
    (void)state;
    for (size_t i = 0; i < N(names); i++) {
        struct page_fixture f = page_fixture_load(names[i], 4096);
        struct keyring *k = load_keys(SPACE_KEY_MARIADB);
        struct space_key key;
        uint8_t plain[4096];
        char why[PAGE_WHY_SIZE] = "";
        const uint8_t *page = page_fixture_page(&f, 2);
        assert_null(space_key_find(&key, &f.format, f.pages, k));
        key.key.bytes[3] ^= 1;
        assert_int_equal(page_check(&f.format, f.id, 2, page, why), PAGE_OK);
        assert_int_equal(page_crypt_check(&key, &f.format, f.id, 2, page, plain, why),
                         PAGE_CORRUPT);
        key.version = 2;
        struct err *e = page_decrypt(&key, &f.format, page, plain);
        assert_int_equal(e->kind, ERR_REFUSED);
        assert_int_equal(fnmatch("the page is encrypted with version 1 of key ?, of which version "
                                 "2 is given",
                                 e->message, 0),
                         0);
        err_free(e);
        keyring_free(k);
        page_fixture_fini(&f);
    }
}

static void flags_without_a_record_are_damage(void **state)
{
    struct page_fixture f = page_fixture_load("my4-enc_dyn", 4096);
    struct keyring *k = load_keys(SPACE_KEY_MYSQL);
    struct space_key key;
    (void)state;
    struct err *e = space_key_find(&key, &f.format, f.pages, NULL);
    assert_int_equal(e->kind, ERR_REFUSED);
    err_free(e);
    memset(f.pages + space_xdes_end(&f.format), 0, MYSQL_KEY_RECORD_SIZE);
    e = space_key_find(&key, &f.format, f.pages, k);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_string_equal(e->message, "the flags say encrypted, but there is no encryption record");
    err_free(e);
    keyring_free(k);
    page_fixture_fini(&f);
}

static void hostile_pages_never_overrun(void **state)
{
    static const uint32_t flags[] = {0x2000 | 0xC0, 0x60E1, 0x60E3, 0x60E7,
                                     0x13,          0x33,   0xE1,   0x100E1};
    (void)state;
    srandom(20261129);
    for (int round = 0; round < 6000; round++) {
        struct space_format format;
        const uint32_t flag = flags[(size_t)round % N(flags)];
        struct space_key key = {.kind = round % 3 ? SPACE_KEY_MYSQL : SPACE_KEY_MARIADB,
                                .key.len = round % 3 ? 32 : 16,
                                .version = 1};
        assert_null(space_format_decode(&format, flag, 4096));
        uint8_t *page = mem_alloc(format.physical), *out = mem_alloc(format.physical);
        char why[PAGE_WHY_SIZE] = "";
        for (uint32_t i = 0; i < format.physical; i++)
            page[i] = (uint8_t)random();
        put_be16(page + FIL_TYPE, (uint16_t)(round % 7 ? 13 + random() % 6 : 37401));
        page[FIL_PACK_VERSION] = (uint8_t)(random() % 4);
        page[FIL_PACK_ALGORITHM] = (uint8_t)(1 + random() % 2);
        put_be16(page + FIL_PACK_SIZE, (uint16_t)(format.page_size - FIL_BODY));
        put_be16(page + FIL_PACK_STORED, (uint16_t)(random() % (round % 2 ? 65536 : 60)));
        if (round % 5 == 0)
            put_be32(page + FIL_LEGACY_KEY_VERSION, 1);
        put_be32(page + FIL_PAGE_NO, 3);
        err_free(page_decrypt(&key, &format, page, out));
        err_free(page_encrypt(&key, &format, page, out));
        page_crypt_check(&key, &format, be32(page + FIL_SPACE), 3, page, out, why);
        free(page);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_real_servers_open_with_their_keys),
        cmocka_unit_test(enciphered_again_they_are_the_servers_bytes),
        cmocka_unit_test(the_key_finds_every_flipped_bit),
        cmocka_unit_test(without_the_key_only_the_header_is_judged),
        cmocka_unit_test(bad_records_of_keys_are_named),
        cmocka_unit_test(a_wrong_key_of_mariadb_is_damage),
        cmocka_unit_test(flags_without_a_record_are_damage),
        cmocka_unit_test(hostile_pages_never_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
