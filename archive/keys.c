/* archive/keys.c: see keys.h. */
#include "archive/keys.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/sha256.h"
#include "base/sign.h"

enum { ID_SIZE = 8, ID_AT = 10, KEY_AT = ID_AT + 2 * ID_SIZE + 1 };
_Static_assert(KEY_AT + 2 * SEAL_KEY_SIZE + 1 == (int)ARCHIVE_KEY_TEXT, "the key ends the line");
_Static_assert((int)SEAL_KEY_SIZE == (int)SIGN_KEY_SIZE, "keys of all types have one form");

static const struct key_type {
    char prefix[ID_AT + 1];
    const char *expected; /* what is said of a line that is something else */
} types[] = {
    [ARCHIVE_KEY_SEAL] = {"mbe-key-1 ",
                          "is no key: \"mbe-key-1 ID KEY\" expected, of 16 and 64 hex digits"},
    [ARCHIVE_KEY_SIGN] = {"mbe-sig-1 ", "is no signing key: \"mbe-sig-1 ID KEY\" expected, of 16 "
                                        "and 64 hex digits"},
    [ARCHIVE_KEY_PUBLIC] = {"mbe-pub-1 ", "is no public key: \"mbe-pub-1 ID KEY\" expected, of 16 "
                                          "and 64 hex digits"},
};

static struct err *hash_id(uint64_t *id, const char *domain, const uint8_t key[SEAL_KEY_SIZE])
{
    struct sha256 digest;
    TRY(sha256_of(&digest, domain, strlen(domain) + 1, key, SEAL_KEY_SIZE));
    *id = be64(digest.bytes);
    return NULL;
}

static struct err *id_of(uint64_t *id, enum archive_key_type type, const struct seal_key *key)
{
    uint8_t public_key[SIGN_KEY_SIZE];
    if (type == ARCHIVE_KEY_SEAL)
        return hash_id(id, "mbe key id", key->bytes);
    if (type == ARCHIVE_KEY_SIGN)
        TRY(sign_public_key(public_key, key->bytes));
    return hash_id(id, "mbe signing key id", type == ARCHIVE_KEY_SIGN ? public_key : key->bytes);
}

/* ---- text ---- */

static int digit_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool from_hex(uint8_t *out, size_t n, const char *hex)
{
    for (size_t i = 0; i < n; i++) {
        const int high = digit_value(hex[2 * i]), low = digit_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void to_hex(char *out, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
}

/* line[0..n) without its end. *wrong: what is wrong with it, or NULL. */
static struct err *parse_line(struct archive_key *out, enum archive_key_type type, const char *line,
                              size_t n, const char **wrong)
{
    uint8_t id[ID_SIZE];
    *wrong = types[type].expected;
    if (n != ARCHIVE_KEY_TEXT - 1 || memcmp(line, types[type].prefix, ID_AT) ||
        line[KEY_AT - 1] != ' ' || !from_hex(id, sizeof id, line + ID_AT) ||
        !from_hex(out->key.bytes, sizeof out->key.bytes, line + KEY_AT))
        return NULL;
    TRY(id_of(&out->id, type, &out->key));
    *wrong =
        out->id == be64(id) ? NULL : "holds a key that is not the one of its id: a digit is wrong";
    return NULL;
}

static struct err *take_line(struct archive_keys *keys, enum archive_key_type type,
                             const char *line, size_t n, unsigned number, const char *from)
{
    const char *wrong;
    if (n == 0 || line[0] == '#')
        return NULL;
    if (keys->n == ARCHIVE_KEYS_MAX)
        return err_make(USAGE, "%s: has more than %d keys", from, ARCHIVE_KEYS_MAX);
    TRY(parse_line(&keys->keys[keys->n], type, line, n, &wrong));
    if (wrong)
        return err_make(USAGE, "%s: line %u %s", from, number, wrong);
    keys->n++;
    return NULL;
}

static struct err *take_lines(struct archive_keys *keys, enum archive_key_type type,
                              const char *text, const char *from)
{
    for (unsigned number = 1; *text; number++) {
        const size_t n = strcspn(text, "\n");
        const bool ends_in_cr = n > 0 && text[n - 1] == '\r';
        TRY(take_line(keys, type, text, n - ends_in_cr, number, from));
        text += n + (text[n] == '\n');
    }
    return keys->n ? NULL : err_make(USAGE, "%s: holds no key", from);
}

struct err *archive_keys_parse(struct archive_keys **out, enum archive_key_type type,
                               const char *text, const char *from)
{
    AUTO(archive_keys) keys = secret_alloc(sizeof *keys);
    TRY(take_lines(keys, type, text, from));
    *out = keys;
    keys = NULL;
    return NULL;
}

void archive_keys_free(struct archive_keys *keys)
{
    secret_free(keys, sizeof *keys);
}

void archive_key_text(char out[ARCHIVE_KEY_TEXT], enum archive_key_type type,
                      const struct archive_key *key)
{
    uint8_t id[ID_SIZE];
    put_be64(id, key->id);
    memcpy(out, types[type].prefix, ID_AT);
    to_hex(out + ID_AT, id, sizeof id);
    out[KEY_AT - 1] = ' ';
    to_hex(out + KEY_AT, key->key.bytes, sizeof key->key.bytes);
    out[ARCHIVE_KEY_TEXT - 1] = '\n';
}

/* ---- the rest ---- */

const struct archive_key *archive_keys_find(const struct archive_keys *keys, uint64_t id)
{
    for (size_t i = 0; keys && i < keys->n; i++)
        if (keys->keys[i].id == id)
            return &keys->keys[i];
    return NULL;
}

struct err *archive_key_random(struct archive_key *out, enum archive_key_type type)
{
    TRY(seal_random(out->key.bytes, sizeof out->key.bytes));
    return id_of(&out->id, type, &out->key);
}

struct err *archive_key_public(struct archive_key *out, const struct archive_key *signing)
{
    out->id = signing->id;
    return sign_public_key(out->key.bytes, signing->key.bytes);
}
