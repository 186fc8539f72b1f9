/* archive/keys_test.c: keys as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "archive/keys.h"
#include "base/mem.h"

#define KEY_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
/* sha256sum of "mbe key id", a zero byte and these 32 bytes begins so. */
#define ID_HEX "c64f2177d4a7f290"
#define LINE "mbe-key-1 " ID_HEX " " KEY_HEX

static struct archive_keys *parsed(const char *text)
{
    struct archive_keys *keys;
    struct err *e = archive_keys_parse(&keys, ARCHIVE_KEY_SEAL, text, "k");
    if (e)
        fail_msg("%s", e->message);
    return keys;
}

static void a_key_is_a_line(void **state)
{
    (void)state;
    static const char *const texts[] = {LINE, LINE "\n", LINE "\r\n", "# of 2026\n\n" LINE "\n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        AUTO(archive_keys) keys = parsed(texts[i]);
        assert_int_equal(keys->n, 1);
        for (size_t k = 0; k < SEAL_KEY_SIZE; k++)
            assert_int_equal(keys->keys[0].key.bytes[k], k);
        assert_ptr_equal(archive_keys_find(keys, UINT64_C(0xc64f2177d4a7f290)), &keys->keys[0]);
        assert_null(archive_keys_find(keys, 1));
    }
    assert_null(archive_keys_find(NULL, 1));
}

static void a_new_key_comes_back_from_its_text(void **state)
{
    (void)state;
    struct archive_key a, b;
    char text[2 * ARCHIVE_KEY_TEXT + 1] = "";
    assert_null(archive_key_random(&a, ARCHIVE_KEY_SEAL));
    assert_null(archive_key_random(&b, ARCHIVE_KEY_SEAL));
    assert_memory_not_equal(a.key.bytes, b.key.bytes, SEAL_KEY_SIZE);
    archive_key_text(text, ARCHIVE_KEY_SEAL, &a);
    archive_key_text(text + ARCHIVE_KEY_TEXT, ARCHIVE_KEY_SEAL, &b);
    assert_int_equal(strlen(text), sizeof text - 1);
    AUTO(archive_keys) keys = parsed(text);
    assert_int_equal(keys->n, 2);
    assert_int_equal(keys->keys[0].id, a.id);
    assert_memory_equal(archive_keys_find(keys, b.id)->key.bytes, b.key.bytes, SEAL_KEY_SIZE);
}

/* The first vector of RFC 8032, 7.1: a signing key and its public key. */
#define SIGNING_HEX "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define PUBLIC_HEX "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
/* sha256sum of "mbe signing key id", a zero byte and the public key begins so. */
#define SIGNING_ID_HEX "c4899f2955072a02"

static void a_signing_key_and_its_public_key_have_one_id(void **state)
{
    (void)state;
    static const char signing[] = "mbe-sig-1 " SIGNING_ID_HEX " " SIGNING_HEX "\n";
    static const char public[] = "mbe-pub-1 " SIGNING_ID_HEX " " PUBLIC_HEX "\n";
    AUTO(archive_keys) keys = NULL;
    AUTO(archive_keys) public_keys = NULL;
    struct archive_key made;
    char text[ARCHIVE_KEY_TEXT + 1] = "";
    assert_null(archive_keys_parse(&keys, ARCHIVE_KEY_SIGN, signing, "k"));
    assert_null(archive_keys_parse(&public_keys, ARCHIVE_KEY_PUBLIC, public, "k"));
    assert_null(archive_key_public(&made, &keys->keys[0]));
    assert_int_equal(made.id, public_keys->keys[0].id);
    archive_key_text(text, ARCHIVE_KEY_PUBLIC, &made);
    assert_string_equal(text, public);
    archive_key_text(text, ARCHIVE_KEY_SIGN, &keys->keys[0]);
    assert_string_equal(text, signing);
}

static void a_key_of_another_type_is_none(void **state)
{
    (void)state;
    static const char signing[] = "mbe-sig-1 " SIGNING_ID_HEX " " SIGNING_HEX "\n";
    static const struct {
        enum archive_key_type type;
        const char *message;
    } cases[] = {
        {ARCHIVE_KEY_SEAL, "k: line 1 is no key: "},
        {ARCHIVE_KEY_PUBLIC, "k: line 1 is no public key: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct archive_keys *keys;
        struct err *e = archive_keys_parse(&keys, cases[i].type, signing, "k");
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_USAGE);
        assert_non_null(strstr(e->message, cases[i].message));
        assert_null(strstr(e->message, "9d61"));
        err_free(e);
    }
}

/* No message shows anything of the text. */
static void what_is_no_key_is_refused_and_not_shown(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "k: holds no key"},
        {"# nothing\n\n", "k: holds no key"},
        {KEY_HEX, "k: line 1 is no key"},
        {LINE "\n " LINE, "k: line 2 is no key"},
        {LINE " ", "k: line 1 is no key"},
        {"mbe-key-2 " ID_HEX " " KEY_HEX, "k: line 1 is no key"},
        {"mbe-key-1 " ID_HEX "-" KEY_HEX, "k: line 1 is no key"},
        {"mbe-key-1 " ID_HEX " G00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         "k: line 1 is no key"},
        {"#\nmbe-key-1 " ID_HEX " 100102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         "k: line 2 holds a key that is not the one of its id"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct archive_keys *keys = NULL;
        struct err *e = archive_keys_parse(&keys, ARCHIVE_KEY_SEAL, cases[i].text, "k");
        assert_non_null(e);
        assert_null(keys);
        assert_int_equal(e->kind, ERR_USAGE);
        if (!strstr(e->message, cases[i].message) || strstr(e->message, "0405"))
            fail_msg("%s", e->message);
        err_free(e);
    }
}

static void there_is_an_end_to_the_number_of_keys(void **state)
{
    (void)state;
    enum { LINE_LEN = sizeof LINE };
    AUTO_FREE char *text = mem_zalloc((ARCHIVE_KEYS_MAX + 1) * LINE_LEN + 1);
    for (int i = 0; i < ARCHIVE_KEYS_MAX; i++)
        strcpy(text + i * LINE_LEN, LINE "\n");
    AUTO(archive_keys) keys = parsed(text);
    assert_int_equal(keys->n, ARCHIVE_KEYS_MAX);
    strcat(text, LINE "\n");
    struct archive_keys *more;
    struct err *e = archive_keys_parse(&more, ARCHIVE_KEY_SEAL, text, "k");
    assert_non_null(e);
    assert_string_equal(e->message, "k: has more than 64 keys");
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_a_line),
        cmocka_unit_test(a_new_key_comes_back_from_its_text),
        cmocka_unit_test(a_signing_key_and_its_public_key_have_one_id),
        cmocka_unit_test(a_key_of_another_type_is_none),
        cmocka_unit_test(what_is_no_key_is_refused_and_not_shown),
        cmocka_unit_test(there_is_an_end_to_the_number_of_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
