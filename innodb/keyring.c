/* innodb/keyring.c: see keyring.h. */
#include "innodb/keyring.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/mem.h"

#define MYSQL_PREFIX "INNODBKey-"
#define SALTED "Salted__"

enum {
    SALT_SIZE = 8,
    SALTED_HEADER = sizeof SALTED - 1 + SALT_SIZE,
    KEY_FILE_MAX = 1 << 20,
};

struct named_key {
    char *name; /* owned */
    struct aes_key key;
};

struct keyring {
    struct named_key *keys;
    size_t n, cap;
};

void keyring_free(struct keyring *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->n; i++) {
        free(k->keys[i].name);
        aes_key_wipe(&k->keys[i].key);
    }
    free(k->keys);
    free(k);
}

size_t keyring_count(const struct keyring *k)
{
    return k ? k->n : 0;
}

const struct aes_key *keyring_find(const struct keyring *k, const char *name)
{
    for (size_t i = 0; i < keyring_count(k); i++)
        if (!strcmp(k->keys[i].name, name))
            return &k->keys[i].key;
    return NULL;
}

/* Grown by hand: realloc would leave keys behind in freed memory. */
static void add(struct keyring *k, char *name, const struct aes_key *key)
{
    if (k->n == k->cap) {
        const size_t cap = k->cap ? 2 * k->cap : 8;
        struct named_key *keys = mem_zalloc(cap * sizeof *keys);
        if (k->n) {
            memcpy(keys, k->keys, k->n * sizeof *keys);
            OPENSSL_cleanse(k->keys, k->n * sizeof *keys);
        }
        free(k->keys);
        k->keys = keys;
        k->cap = cap;
    }
    k->keys[k->n++] = (struct named_key){name, *key};
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Whether hex[0, n) are the digits of an AES key. */
static bool parse_hex(struct aes_key *out, const char *hex, size_t n)
{
    *out = (struct aes_key){.len = (unsigned)(n / 2)};
    if (n != 32 && n != 48 && n != 64)
        return false;
    for (size_t i = 0; i < n; i += 2) {
        const int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out->bytes[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static struct err *add_element(struct keyring *k, size_t index, json_t *element)
{
    const char *name = json_string_value(json_object_get(element, "data_id"));
    const char *hex = json_string_value(json_object_get(element, "data"));
    struct aes_key key;
    if (!name || !hex)
        return err_make(CORRUPT, "keyring: element %zu has no data_id or data", index);
    if (strncmp(name, MYSQL_PREFIX, sizeof MYSQL_PREFIX - 1) != 0)
        return NULL;
    const bool whole = parse_hex(&key, hex, strlen(hex)) && key.len == 32;
    if (whole)
        add(k, mem_strdup(name), &key);
    aes_key_wipe(&key);
    return whole ? NULL
                 : err_make(CORRUPT, "keyring: the data of element %zu is no AES-256 key", index);
}

static void json_cleanup(json_t **json)
{
    json_decref(*json);
}

struct err *keyring_parse_mysql(struct keyring **out, const void *file, size_t len)
{
    AUTO(keyring) k = mem_zalloc(sizeof *k);
    json_error_t bad;
    *out = NULL;
    if (len) {
        __attribute__((cleanup(json_cleanup))) json_t *root = json_loadb(file, len, 0, &bad);
        json_t *elements = json_object_get(root, "elements"), *element;
        size_t i;
        if (!root) /* its own text may quote a key */
            return err_make(CORRUPT, "keyring: no JSON (line %d, column %d)", bad.line, bad.column);
        if (!json_is_array(elements))
            return err_make(CORRUPT, "keyring: no array \"elements\"");
        json_array_foreach(elements, i, element) TRY(add_element(k, i, element));
    }
    *out = k;
    k = NULL;
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* [*from, *to) without blanks at either end. */
static void trim(const char **from, const char **to)
{
    while (*from < *to && is_blank(**from))
        ++*from;
    while (*from < *to && is_blank((*to)[-1]))
        --*to;
}

static bool parse_id(uint32_t *id, const char *from, const char *to)
{
    uint64_t v = 0;
    for (const char *p = from; p < to; p++) {
        if (*p < '0' || *p > '9' || v > UINT32_MAX)
            return false;
        v = v * 10 + (uint64_t)(*p - '0');
    }
    *id = (uint32_t)v;
    return v > 0 && v <= UINT32_MAX;
}

static struct err *add_line(struct keyring *k, unsigned line, const char *from, const char *to)
{
    const char *comment = memchr(from, '#', (size_t)(to - from));
    struct aes_key key;
    uint32_t id;
    to = comment ? comment : to;
    trim(&from, &to);
    if (from == to)
        return NULL;
    const char *semicolon = memchr(from, ';', (size_t)(to - from));
    if (!semicolon)
        return err_make(CORRUPT, "key file: line %u: no semicolon", line);
    const char *id_to = semicolon, *hex = semicolon + 1;
    trim(&from, &id_to);
    trim(&hex, &to);
    if (!parse_id(&id, from, id_to))
        return err_make(CORRUPT, "key file: line %u: no key id", line);
    const bool whole = parse_hex(&key, hex, (size_t)(to - hex));
    if (whole)
        add(k, mem_printf("%" PRIu32, id), &key);
    aes_key_wipe(&key);
    return whole ? NULL
                 : err_make(CORRUPT,
                            "key file: line %u: the key is not 32, 48 or 64 hexadecimal digits",
                            line);
}

static struct err *add_lines(struct keyring *k, const char *p, size_t len)
{
    const char *end = p + len;
    for (unsigned line = 1; p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *stop = newline ? newline : end;
        TRY(add_line(k, line, p, stop));
        p = newline ? newline + 1 : end;
    }
    return NULL;
}

static void evp_cipher_ctx_cleanup(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}

/* `openssl enc -d -aes-256-cbc -md sha1`; out has room for len bytes. */
static bool decipher(uint8_t *out, size_t *out_len, const uint8_t *file, size_t len,
                     const void *pass, size_t pass_len)
{
    __attribute__((cleanup(evp_cipher_ctx_cleanup))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    struct aes_key key = {.len = 32};
    uint8_t iv[AES_BLOCK];
    int n = 0, rest = 0;
    const bool ok =
        ctx &&
        EVP_BytesToKey(EVP_aes_256_cbc(), EVP_sha1(), file + sizeof SALTED - 1, pass, (int)pass_len,
                       1, key.bytes, iv) == 32 &&
        EVP_DecryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, key.bytes, iv) == 1 &&
        EVP_DecryptUpdate(ctx, out, &n, file + SALTED_HEADER, (int)(len - SALTED_HEADER)) == 1 &&
        EVP_DecryptFinal_ex(ctx, out + n, &rest) == 1;
    aes_key_wipe(&key);
    *out_len = (size_t)n + (size_t)rest;
    return ok;
}

static struct err *add_encrypted(struct keyring *k, const uint8_t *file, size_t len,
                                 const void *pass, size_t pass_len)
{
    size_t got = 0;
    if (!pass)
        return err_hint(err_make(REFUSED, "the key file is encrypted"),
                        "Its pass phrase is what file_key_management_filekey says.");
    if (len < SALTED_HEADER + AES_BLOCK)
        return err_make(CORRUPT, "key file: encrypted, %zu bytes", len);
    uint8_t *plain = mem_zalloc(len + AES_BLOCK);
    struct err *e = NULL;
    /* one time in 256 a wrong pass phrase leaves good padding: then no line parses */
    if (decipher(plain, &got, file, len, pass, pass_len))
        e = add_lines(k, (const char *)plain, got);
    else
        e = err_make(CORRUPT, "bad padding");
    OPENSSL_cleanse(plain, len + AES_BLOCK);
    free(plain);
    if (!e)
        return NULL;
    err_free(e);
    return err_hint(err_make(REFUSED, "the pass phrase does not open the key file"),
                    "mbe opens what `openssl enc -aes-256-cbc -md sha1` has made.");
}

struct err *keyring_parse_mariadb(struct keyring **out, const void *file, size_t len,
                                  const void *pass, size_t pass_len)
{
    AUTO(keyring) k = mem_zalloc(sizeof *k);
    *out = NULL;
    if (len > KEY_FILE_MAX || pass_len > KEY_FILE_MAX)
        return err_make(CORRUPT, "key file: %zu bytes", len > pass_len ? len : pass_len);
    if (len >= sizeof SALTED - 1 && !memcmp(file, SALTED, sizeof SALTED - 1))
        TRY(add_encrypted(k, file, len, pass, pass_len));
    else
        TRY(add_lines(k, file, len));
    *out = k;
    k = NULL;
    return NULL;
}
