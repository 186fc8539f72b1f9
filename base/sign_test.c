/* base/sign_test.c: the first three vectors of RFC 8032, 7.1, and what is no signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/sign.h"

static const struct vector {
    const char *signing, *public, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

static size_t bytes_of(uint8_t *out, const char *hex)
{
    const size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return n;
}

static void signatures_are_those_of_the_standard(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t signing[SIGN_KEY_SIZE], public[SIGN_KEY_SIZE], got[SIGNATURE_SIZE];
        uint8_t expected[SIGNATURE_SIZE], message[8] = {0};
        bytes_of(signing, vectors[i].signing);
        const size_t n = bytes_of(message, vectors[i].message);
        assert_null(sign_public_key(got, signing));
        bytes_of(public, vectors[i].public);
        assert_memory_equal(got, public, SIGN_KEY_SIZE);
        assert_null(sign_message(got, message, n, signing));
        assert_int_equal(bytes_of(expected, vectors[i].signature), SIGNATURE_SIZE);
        assert_memory_equal(got, expected, SIGNATURE_SIZE);
        assert_true(sign_is_valid(got, message, n, public));
    }
}

static void what_was_changed_is_not_what_was_signed(void **state)
{
    (void)state;
    uint8_t signing[SIGN_KEY_SIZE] = {1}, public[SIGN_KEY_SIZE], signature[SIGNATURE_SIZE];
    uint8_t message[] = "what is signed";
    assert_null(sign_public_key(public, signing));
    assert_null(sign_message(signature, message, sizeof message, signing));
    assert_true(sign_is_valid(signature, message, sizeof message, public));
    assert_false(sign_is_valid(signature, message, sizeof message - 1, public));
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] ^= 1;
        assert_false(sign_is_valid(signature, message, sizeof message, public));
        message[i] ^= 1;
    }
    for (size_t i = 0; i < SIGNATURE_SIZE; i++) {
        signature[i] ^= 1;
        assert_false(sign_is_valid(signature, message, sizeof message, public));
        signature[i] ^= 1;
    }
    memset(public, 0xff, sizeof public); /* no point of the curve */
    assert_false(sign_is_valid(signature, message, sizeof message, public));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_the_standard),
        cmocka_unit_test(what_was_changed_is_not_what_was_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
