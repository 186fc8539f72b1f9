/* base/seal_test.c: the cipher is AES-256-GCM, and what was changed does not open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/seal.h"

/* Test case 16 of the GCM specification by McGrew and Viega (2005). */
static const struct seal_key known_key = {{0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
                                           0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08,
                                           0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,
                                           0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08}};
static const uint8_t known_nonce[SEAL_NONCE_SIZE] = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce,
                                                     0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
static const uint8_t known_clear[] = {0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
                                      0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2};
static const uint8_t known_text[] = {
    0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5, 0x59, 0x09, 0xc5, 0xaf, 0xf5, 0x26,
    0x9a, 0x86, 0xa7, 0xa9, 0x53, 0x15, 0x34, 0xf7, 0xda, 0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31,
    0x8a, 0x72, 0x1c, 0x3c, 0x0c, 0x95, 0x95, 0x68, 0x09, 0x53, 0x2f, 0xcf, 0x0e, 0x24, 0x49,
    0xa6, 0xb5, 0x25, 0xb1, 0x6a, 0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39};
static const uint8_t known_cipher[] = {
    0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07, 0xf4, 0x7f, 0x37, 0xa3, 0x2a, 0x84, 0x42,
    0x7d, 0x64, 0x3a, 0x8c, 0xdc, 0xbf, 0xe5, 0xc0, 0xc9, 0x75, 0x98, 0xa2, 0xbd, 0x25, 0x55,
    0xd1, 0xaa, 0x8c, 0xb0, 0x8e, 0x48, 0x59, 0x0d, 0xbb, 0x3d, 0xa7, 0xb0, 0x8b, 0x10, 0x56,
    0x82, 0x88, 0x38, 0xc5, 0xf6, 0x1e, 0x63, 0x93, 0xba, 0x7a, 0x0a, 0xbc, 0xc9, 0xf6, 0x62};
static const uint8_t known_tag[SEAL_TAG_SIZE] = {0x76, 0xfc, 0x6e, 0xce, 0x0f, 0x4e, 0x17, 0x68,
                                                 0xcd, 0xdf, 0x88, 0x53, 0xbb, 0x2d, 0x55, 0x1b};

enum { N = sizeof known_text, FIRST = 7 };

/* From `in` to `out`, in two parts of which neither is a whole number of blocks. */
static struct seal_message message(const uint8_t *in, uint8_t *out)
{
    struct seal_message m = {.clear = known_clear,
                             .n_clear = sizeof known_clear,
                             .parts = {{in, out, FIRST}, {in + FIRST, out + FIRST, N - FIRST}}};
    memcpy(m.nonce, known_nonce, sizeof m.nonce);
    return m;
}

static struct seal *open_cipher(enum seal_direction direction)
{
    struct seal *s;
    assert_null(seal_new(&s, &known_key, direction));
    return s;
}

static void the_known_answer_is_given_again_and_again(void **state)
{
    (void)state;
    AUTO(seal) s = open_cipher(SEAL_ENCIPHER);
    for (int i = 0; i < 3; i++) {
        uint8_t out[N], tag[SEAL_TAG_SIZE];
        const struct seal_message m = message(known_text, out);
        assert_null(seal_encipher(s, &m, tag));
        assert_memory_equal(out, known_cipher, N);
        assert_memory_equal(tag, known_tag, sizeof tag);
    }
}

static void what_was_enciphered_opens_in_place(void **state)
{
    (void)state;
    AUTO(seal) s = open_cipher(SEAL_DECIPHER);
    for (size_t n_tag = 12; n_tag <= SEAL_TAG_SIZE; n_tag++) {
        uint8_t p[N];
        memcpy(p, known_cipher, N);
        const struct seal_message m = message(p, p);
        assert_null(seal_decipher(s, &m, known_tag, n_tag));
        assert_memory_equal(p, known_text, N);
    }
}

static void assert_refused(struct seal *s, const struct seal_message *m, const uint8_t *tag)
{
    struct err *e = seal_decipher(s, m, tag, SEAL_TAG_SIZE);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_non_null(strstr(e->message, "is not authentic"));
    err_free(e);
}

/* Each bit of text, tag, nonce and what stays in clear; and a refusal leaves the cipher fit for use. */
static void whatever_was_changed_is_refused(void **state)
{
    (void)state;
    AUTO(seal) s = open_cipher(SEAL_DECIPHER);
    uint8_t out[N], cipher[N], tag[SEAL_TAG_SIZE], clear[sizeof known_clear];
    memcpy(cipher, known_cipher, N);
    memcpy(tag, known_tag, sizeof tag);
    memcpy(clear, known_clear, sizeof clear);
    struct seal_message m = message(cipher, out);
    m.clear = clear;
    const struct {
        uint8_t *p;
        size_t n;
    } fields[] = {{cipher, N}, {tag, sizeof tag}, {clear, sizeof clear}, {m.nonce, sizeof m.nonce}};
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++)
        for (size_t bit = 0; bit < 8 * fields[f].n; bit++) {
            fields[f].p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_refused(s, &m, tag);
            fields[f].p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    m.n_clear--;
    assert_refused(s, &m, tag);
    m.n_clear++;
    m.parts[1].n--;
    assert_refused(s, &m, tag);
    m.parts[1].n++;
    assert_null(seal_decipher(s, &m, tag, sizeof tag));
    assert_memory_equal(out, known_text, N);
}

static void nothing_but_clear_bytes_is_authenticated_too(void **state)
{
    (void)state;
    AUTO(seal) to = open_cipher(SEAL_ENCIPHER);
    AUTO(seal) from = open_cipher(SEAL_DECIPHER);
    struct seal_message m = {.clear = known_clear, .n_clear = sizeof known_clear};
    uint8_t tag[SEAL_TAG_SIZE];
    assert_null(seal_encipher(to, &m, tag));
    assert_null(seal_decipher(from, &m, tag, sizeof tag));
    m.n_clear--;
    assert_refused(from, &m, tag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_known_answer_is_given_again_and_again),
        cmocka_unit_test(what_was_enciphered_opens_in_place),
        cmocka_unit_test(whatever_was_changed_is_refused),
        cmocka_unit_test(nothing_but_clear_bytes_is_authenticated_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
