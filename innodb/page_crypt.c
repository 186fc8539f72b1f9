/* innodb/page_crypt.c: see page_crypt.h. */
#include "innodb/page_crypt.h"

#include <inttypes.h>
#include <stdio.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "innodb/fil_page.h"
#include "innodb/page_compress.h"

enum {
    RECORD_ID = 3,
    RECORD_UUID = 7,
    RECORD_UUID_SIZE = 36,
    RECORD_WRAPPED = 43,
    RECORD_WRAPPED_SIZE = 64,
    RECORD_CRC = 107,
    MYSQL_KEY_SIZE = 32,

    CRYPT_DATA_GAP = 38, /* MariaDB's record lies so far behind the descriptors */
    CRYPT_DATA_SIZE = 33,
    CRYPT_DATA_SCHEME = 6,
    CRYPT_DATA_IV_LEN = 7,
    CRYPT_DATA_IV = 8,
    CRYPT_DATA_KEY_VERSION = 24,
    CRYPT_DATA_KEY_ID = 28,

    PACK_BLOCK_V1 = 4096,
    PACKED_UNIT = 256,
    FULL_CRC32_END = 4,
    LEGACY_PAYLOAD = 40, /* type 34354; length before it, 37401 has the algorithm between them */
    LEGACY_ENCRYPTED_PAYLOAD = 42,
};

void space_key_wipe(struct space_key *key)
{
    OPENSSL_cleanse(key, sizeof *key);
}

static const char a_tablespace[] = "the tablespace";

static struct err *no_key(const char *what, const char *name)
{
    return err_hint(
        err_make(REFUSED, "%s is encrypted with key %s, which is not given", what, name),
        "The key is in the server's keyring or key file.");
}

static struct err *open_wrapped(struct space_key *out, const uint8_t *record,
                                const struct aes_key *master, const char *what, const char *name)
{
    uint8_t plain[RECORD_WRAPPED_SIZE];
    struct err *e =
        aes_ecb(AES_DECIPHER, master, record + RECORD_WRAPPED, RECORD_WRAPPED_SIZE, plain);
    if (!e && crc32c(0, plain, sizeof plain) != be32(record + RECORD_CRC))
        e = err_make(CORRUPT, "the key of %s does not open with key %s", what, name);
    if (!e) {
        *out = (struct space_key){
            .kind = SPACE_KEY_MYSQL, .key.len = MYSQL_KEY_SIZE, .id = be32(record + RECORD_ID)};
        memcpy(out->key.bytes, plain, MYSQL_KEY_SIZE);
        memcpy(out->iv, plain + MYSQL_KEY_SIZE, AES_BLOCK);
    }
    OPENSSL_cleanse(plain, sizeof plain);
    return e;
}

struct err *space_key_name_mysql(char name[MYSQL_KEY_NAME_SIZE], const uint8_t *record)
{
    if (memcmp(record, "lCC", RECORD_ID) != 0 && memcmp(record, "lCB", RECORD_ID) != 0)
        return err_make(CORRUPT, "encryption record begins with %02x %02x %02x", record[0],
                        record[1], record[2]);
    const uint8_t *uuid = record + RECORD_UUID;
    for (int i = 0; i < RECORD_UUID_SIZE; i++)
        if (uuid[i] < '-' || uuid[i] > 'z')
            return err_make(CORRUPT, "encryption record without a UUID");
    snprintf(name, MYSQL_KEY_NAME_SIZE, "INNODBKey-%.*s-%" PRIu32, RECORD_UUID_SIZE,
             (const char *)uuid, be32(record + RECORD_ID));
    return NULL;
}

struct err *space_key_unwrap_mysql(struct space_key *out, const uint8_t *record,
                                   const struct keyring *keys, const char *what)
{
    char name[MYSQL_KEY_NAME_SIZE];
    *out = (struct space_key){0};
    if (bytes_are_zero(record, MYSQL_KEY_RECORD_SIZE))
        return NULL;
    TRY(space_key_name_mysql(name, record));
    const struct aes_key *master = keyring_find(keys, name);
    return master ? open_wrapped(out, record, master, what, name) : no_key(what, name);
}

static struct err *find_mysql(struct space_key *out, const struct space_format *format,
                              const uint8_t *page_0, const struct keyring *keys)
{
    const uint32_t at = space_xdes_end(format);
    const bool flagged = format->flags & FSP_FLAG_ENCRYPTED;
    if (!flagged)
        return NULL;
    if (at + MYSQL_KEY_RECORD_SIZE > format->physical)
        return err_make(CORRUPT, "no room for the encryption record");
    TRY(space_key_unwrap_mysql(out, page_0 + at, keys, a_tablespace));
    if (out->kind == SPACE_KEY_NONE)
        return err_make(CORRUPT, "the flags say encrypted, but there is no encryption record");
    return NULL;
}

static const uint8_t *find_crypt_data(const struct space_format *format, const uint8_t *page_0)
{
    static const uint8_t magic[] = {0x73, 0x0E, 0x0C, 0x52, 0x45, 0x74};
    const uint32_t at = space_xdes_end(format) + CRYPT_DATA_GAP;
    if (at + CRYPT_DATA_SIZE > format->physical || memcmp(page_0 + at, magic, sizeof magic) != 0)
        return NULL;
    return page_0 + at;
}

static struct err *open_crypt_data(struct space_key *out, const uint8_t *data,
                                   const struct keyring *keys)
{
    char name[sizeof "4294967295"];
    if (data[CRYPT_DATA_SCHEME] > 1 || data[CRYPT_DATA_IV_LEN] != AES_BLOCK)
        return err_make(CORRUPT, "encryption scheme %u with an IV of %u bytes",
                        data[CRYPT_DATA_SCHEME], data[CRYPT_DATA_IV_LEN]);
    const uint32_t id = be32(data + CRYPT_DATA_KEY_ID);
    snprintf(name, sizeof name, "%" PRIu32, id);
    const struct aes_key *key = keyring_find(keys, name);
    /* a space that is being decrypted may have encrypted pages left: its key is taken if it is there */
    if (!key)
        return data[CRYPT_DATA_SCHEME] ? no_key(a_tablespace, name) : NULL;
    *out = (struct space_key){.kind = SPACE_KEY_MARIADB,
                              .key.len = AES_BLOCK,
                              .space = out->space,
                              .id = id,
                              .version = KEYRING_FILE_VERSION};
    return aes_ecb(AES_ENCIPHER, key, data + CRYPT_DATA_IV, AES_BLOCK, out->key.bytes);
}

struct err *space_key_find(struct space_key *out, const struct space_format *format,
                           const uint8_t *page_0, const struct keyring *keys)
{
    const uint8_t *data = find_crypt_data(format, page_0);
    *out = (struct space_key){.space = be32(page_0 + FSP_SPACE_ID)};
    if (data)
        return open_crypt_data(out, data, keys);
    return format->full_crc32 ? NULL : find_mysql(out, format, page_0, keys);
}

/* --- MySQL ------------------------------------------------------------------------------------ */

/* End of what is enciphered of a page of type 14 or 16, whose header makes sense. */
static uint32_t packed_end(const struct space_format *format, const uint8_t *page)
{
    uint32_t end = FIL_BODY + be16(page + FIL_PACK_STORED);
    if (page[FIL_PACK_VERSION] == 1)
        end = (end + PACK_BLOCK_V1 - 1) / PACK_BLOCK_V1 * PACK_BLOCK_V1;
    else if (end < FIL_BODY + AES_OVERLAP_MIN)
        end = FIL_BODY + AES_OVERLAP_MIN;
    return end < format->physical ? end : format->physical;
}

static struct err *crypt_body(enum aes_direction d, const struct space_key *key,
                              const struct space_format *format, const uint8_t *in, uint8_t *out,
                              bool packed)
{
    uint32_t end = format->physical;
    if (packed) {
        if (format->zip)
            return err_make(CORRUPT, "page of type %u in ROW_FORMAT=COMPRESSED",
                            be16(in + FIL_TYPE));
        TRY(page_check_pack(format, in));
        end = packed_end(format, in);
    }
    memcpy(out, in, format->physical);
    return aes_overlap(d, &key->key, key->iv, out + FIL_BODY, end - FIL_BODY);
}

static struct err *decrypt_mysql(const struct space_key *key, const struct space_format *format,
                                 const uint8_t *in, uint8_t *out)
{
    const uint16_t type = be16(in + FIL_TYPE);
    TRY(crypt_body(AES_DECIPHER, key, format, in, out, type == FIL_TYPE_PACKED_ENCRYPTED));
    switch (type) {
    case FIL_TYPE_ENCRYPTED:
        memcpy(out + FIL_TYPE, in + FIL_PACK_TYPE, 2);
        put_be16(out + FIL_PACK_TYPE, 0);
        return NULL;
    case FIL_TYPE_PACKED_ENCRYPTED:
        put_be16(out + FIL_TYPE, FIL_TYPE_PACKED);
        return NULL;
    case FIL_TYPE_RTREE_ENCRYPTED:
        put_be16(out + FIL_TYPE, FIL_TYPE_RTREE);
        return NULL;
    default:
        return err_make(CORRUPT, "page of type %u is not encrypted", type);
    }
}

static struct err *encrypt_mysql(const struct space_key *key, const struct space_format *format,
                                 const uint8_t *in, uint8_t *out)
{
    const uint16_t type = be16(in + FIL_TYPE);
    if (type >= FIL_TYPE_ENCRYPTED && type <= FIL_TYPE_RTREE_ENCRYPTED)
        return err_make(CORRUPT, "page of type %u is encrypted already", type);
    TRY(crypt_body(AES_ENCIPHER, key, format, in, out, type == FIL_TYPE_PACKED));
    if (type == FIL_TYPE_PACKED) {
        put_be16(out + FIL_TYPE, FIL_TYPE_PACKED_ENCRYPTED);
    } else if (type == FIL_TYPE_RTREE) {
        put_be16(out + FIL_TYPE, FIL_TYPE_RTREE_ENCRYPTED);
    } else {
        put_be16(out + FIL_TYPE, FIL_TYPE_ENCRYPTED);
        put_be16(out + FIL_PACK_TYPE, type);
    }
    return NULL;
}

/* --- MariaDB ---------------------------------------------------------------------------------- */

static struct err *crypt_range(enum aes_direction d, const struct space_key *key, uint8_t *page,
                               uint32_t from, uint32_t to)
{
    uint8_t iv[AES_BLOCK];
    put_le32(iv, key->space);
    put_le32(iv + 4, be32(page + FIL_PAGE_NO));
    put_le64(iv + 8, be64(page + FIL_LSN));
    return aes_partial(d, &key->key, iv, page + from, to - from);
}

static struct err *check_version(const struct space_key *key, uint32_t version)
{
    if (version == key->version)
        return NULL;
    return err_make(REFUSED,
                    "the page is encrypted with version %" PRIu32 " of key %" PRIu32
                    ", of which version %" PRIu32 " is given",
                    version, key->id, key->version);
}

static struct err *crypt_full_crc32(enum aes_direction d, const struct space_key *key,
                                    const struct space_format *format, const uint8_t *in,
                                    uint8_t *out)
{
    const uint16_t type = be16(in + FIL_TYPE);
    uint32_t n = format->physical;
    if (type & FIL_TYPE_COMPRESSED_BIT) {
        n = (type & 0x7FFFu) * PACKED_UNIT;
        if (n == 0 || n >= format->physical)
            return err_make(CORRUPT, "compressed page of %" PRIu32 " bytes", n);
    }
    if (d == AES_DECIPHER)
        TRY(check_version(key, be32(in + FIL_KEY_VERSION)));
    memcpy(out, in, format->physical);
    TRY(crypt_range(d, key, out, FIL_AFTER_TYPE, n - FULL_CRC32_END));
    put_be32(out + FIL_KEY_VERSION, d == AES_ENCIPHER ? key->version : 0);
    put_be32(out + n - FULL_CRC32_END, crc32c(0, out, n - FULL_CRC32_END));
    return NULL;
}

/* Type 37401 to 34354. Bytes behind the payload are 0 in both. */
static struct err *decrypt_packed(const struct space_key *key, const struct space_format *format,
                                  const uint8_t *in, uint8_t *out)
{
    const uint32_t len = be16(in + FIL_BODY);
    if (len == 0 || len > format->physical - LEGACY_ENCRYPTED_PAYLOAD)
        return err_make(CORRUPT, "compressed payload of %" PRIu32 " bytes", len);
    memcpy(out, in, format->physical);
    TRY(crypt_range(AES_DECIPHER, key, out, LEGACY_ENCRYPTED_PAYLOAD,
                    LEGACY_ENCRYPTED_PAYLOAD + len));
    put_be16(out + FIL_TYPE, FIL_TYPE_LEGACY_COMPRESSED);
    put_be64(out + FIL_AFTER_TYPE, be16(out + LEGACY_PAYLOAD));
    memmove(out + LEGACY_PAYLOAD, out + LEGACY_ENCRYPTED_PAYLOAD, len);
    memset(out + LEGACY_PAYLOAD + len, 0, 2);
    return NULL;
}

static struct err *encrypt_packed(const struct space_key *key, const struct space_format *format,
                                  const uint8_t *in, uint8_t *out)
{
    const uint32_t len = be16(in + FIL_BODY);
    if (len == 0 || len > format->physical - LEGACY_ENCRYPTED_PAYLOAD)
        return err_make(CORRUPT, "compressed payload of %" PRIu32 " bytes", len);
    memcpy(out, in, format->physical);
    put_be16(out + FIL_TYPE, FIL_TYPE_LEGACY_COMPRESSED_ENCRYPTED);
    memcpy(out + LEGACY_PAYLOAD, in + FIL_SPACE - 2, 2);
    memcpy(out + LEGACY_ENCRYPTED_PAYLOAD, in + LEGACY_PAYLOAD, len);
    return crypt_range(AES_ENCIPHER, key, out, LEGACY_ENCRYPTED_PAYLOAD,
                       LEGACY_ENCRYPTED_PAYLOAD + len);
}

static struct err *decrypt_legacy(const struct space_key *key, const struct space_format *format,
                                  const uint8_t *in, uint8_t *out)
{
    TRY(check_version(key, be32(in + FIL_LEGACY_KEY_VERSION)));
    if (be16(in + FIL_TYPE) == FIL_TYPE_LEGACY_COMPRESSED_ENCRYPTED)
        return decrypt_packed(key, format, in, out);
    memcpy(out, in, format->physical);
    TRY(crypt_range(AES_DECIPHER, key, out, FIL_BODY, format->physical - FIL_TRAILER));
    memset(out + FIL_AFTER_TYPE, 0, FIL_SPACE - FIL_AFTER_TYPE);
    return NULL;
}

static struct err *encrypt_legacy(const struct space_key *key, const struct space_format *format,
                                  const uint8_t *in, uint8_t *out)
{
    const uint16_t type = be16(in + FIL_TYPE);
    if (type == FIL_TYPE_RTREE)
        return err_make(CORRUPT, "an R-tree page is never encrypted in this format");
    if (type == FIL_TYPE_LEGACY_COMPRESSED) {
        TRY(encrypt_packed(key, format, in, out));
    } else {
        memcpy(out, in, format->physical);
        TRY(crypt_range(AES_ENCIPHER, key, out, FIL_BODY, format->physical - FIL_TRAILER));
    }
    put_be32(out + FIL_LEGACY_KEY_VERSION, key->version);
    put_be32(out + FIL_LEGACY_CRYPT_CHECKSUM, page_checksum_crc32(format, out));
    return NULL;
}

/* --- both ------------------------------------------------------------------------------------- */

static struct err *no_space_key(void)
{
    return err_make(REFUSED, "the page is encrypted, and the key of its tablespace is not given");
}

struct err *page_decrypt(const struct space_key *key, const struct space_format *format,
                         const uint8_t *in, uint8_t *out)
{
    if (key->kind == SPACE_KEY_NONE)
        return no_space_key();
    if (key->kind == SPACE_KEY_MYSQL)
        return decrypt_mysql(key, format, in, out);
    return format->full_crc32 ? crypt_full_crc32(AES_DECIPHER, key, format, in, out)
                              : decrypt_legacy(key, format, in, out);
}

struct err *page_encrypt(const struct space_key *key, const struct space_format *format,
                         const uint8_t *in, uint8_t *out)
{
    if (key->kind == SPACE_KEY_NONE)
        return no_space_key();
    if (key->kind == SPACE_KEY_MYSQL)
        return encrypt_mysql(key, format, in, out);
    return format->full_crc32 ? crypt_full_crc32(AES_ENCIPHER, key, format, in, out)
                              : encrypt_legacy(key, format, in, out);
}

/* A compressed page of full_crc32 has got its checksum from page_decrypt: only this shows that the key
 * is the right one. */
__attribute__((noinline)) static struct err *try_decompress(const struct space_format *format,
                                                            const uint8_t *page)
{
    uint8_t image[INNODB_PAGE_SIZE_MAX];
    return page_decompress(format, page, image);
}

enum page_state page_crypt_check(const struct space_key *key, const struct space_format *format,
                                 space_id_t id, page_no_t no, const uint8_t *page, uint8_t *scratch,
                                 char *why)
{
    const enum page_state stored = page_check(format, id, no, page, why);
    if (stored != PAGE_OK || !key || !page_is_encrypted(format, page, no))
        return stored;
    struct err *e = page_decrypt(key, format, page, scratch);
    if (!e && format->full_crc32 && page_is_compressed(format, scratch))
        e = try_decompress(format, scratch);
    if (!e)
        return page_check(format, id, no, scratch, why);
    snprintf(why, PAGE_WHY_SIZE, "%s", e->message);
    err_free(e);
    return PAGE_CORRUPT;
}
