/* innodb/redo_crypt.c: see redo_crypt.h. */
#include "innodb/redo_crypt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "innodb/redo_frame.h"

enum {
    BLOCK_DATA_LEN = 4,
    BLOCK_BODY = 12,
    BLOCK_CHECKSUM = 508,
    BLOCK_ENCRYPTED = 0x8000,

    HEADER_KEY_ID = 48,
    HEADER_KEY_VERSION = 52,
    HEADER_MESSAGE = 56,
    HEADER_SIZE = 512,
    NONCE_SIZE = 8,
    CHECKSUM_SIZE = 4,
};

#define CHECKSUM_NONE 0xDEADBEEFu
#define FORMAT_ENC_11 0xF09F979Du

struct err *redo_key_mysql(struct space_key *out, const uint8_t *file, size_t len,
                           const struct keyring *keys)
{
    *out = (struct space_key){0};
    if (len < REDO_KEY_RECORD + MYSQL_KEY_RECORD_SIZE)
        return err_make(CORRUPT, "redo file header: %zu bytes", len);
    return space_key_unwrap_mysql(out, file + REDO_KEY_RECORD, keys);
}

bool redo_block_is_encrypted(const uint8_t block[REDO_BLOCK_SIZE])
{
    return be16(block + BLOCK_DATA_LEN) & BLOCK_ENCRYPTED;
}

static struct err *crypt_block(enum aes_direction d, const struct space_key *key, uint8_t *block)
{
    if (key->kind != SPACE_KEY_MYSQL)
        return err_make(REFUSED, "the redo log is encrypted, and its key is not given");
    return aes_overlap(d, &key->key, key->iv, block + BLOCK_BODY, REDO_BLOCK_SIZE - BLOCK_BODY);
}

struct err *redo_block_decrypt(const struct space_key *key, uint8_t block[REDO_BLOCK_SIZE])
{
    if (!redo_block_is_encrypted(block))
        return NULL;
    TRY(crypt_block(AES_DECIPHER, key, block));
    put_be16(block + BLOCK_DATA_LEN, be16(block + BLOCK_DATA_LEN) & ~BLOCK_ENCRYPTED & 0xFFFF);
    const uint32_t stored = be32(block + BLOCK_CHECKSUM);
    const uint32_t computed = crc32c(0, block, BLOCK_CHECKSUM);
    if (stored != computed && stored != CHECKSUM_NONE)
        return err_make(CORRUPT,
                        "encrypted redo block %" PRIu32 ": checksum 0x%08" PRIx32
                        " inside, 0x%08" PRIx32 " computed",
                        be32(block), stored, computed);
    return NULL;
}

struct err *redo_block_encrypt(const struct space_key *key, uint8_t block[REDO_BLOCK_SIZE])
{
    put_be32(block + BLOCK_CHECKSUM, crc32c(0, block, BLOCK_CHECKSUM));
    TRY(crypt_block(AES_ENCIPHER, key, block));
    put_be16(block + BLOCK_DATA_LEN, be16(block + BLOCK_DATA_LEN) | BLOCK_ENCRYPTED);
    return NULL;
}

struct err *redo_key_mariadb(struct aes_key *out, const uint8_t *header, size_t len,
                             const struct keyring *keys)
{
    char name[sizeof "4294967295"];
    *out = (struct aes_key){0};
    if (len < HEADER_SIZE)
        return err_make(CORRUPT, "redo log header: %zu bytes", len);
    if (be32(header) != FORMAT_ENC_11)
        return err_make(REFUSED, "redo log encrypted in format 0x%08" PRIx32, be32(header));
    const uint32_t id = be32(header + HEADER_KEY_ID), version = be32(header + HEADER_KEY_VERSION);
    snprintf(name, sizeof name, "%" PRIu32, id);
    const struct aes_key *key = keyring_find(keys, name);
    if (!key || version != 1) /* a key file has version 1 only */
        return err_hint(err_make(REFUSED,
                                 "the redo log is encrypted with version %" PRIu32
                                 " of key %" PRIu32 ", which is not given",
                                 version, id),
                        "The key is in the server's key file.");
    out->len = AES_BLOCK;
    return aes_ecb(AES_ENCIPHER, key, header + HEADER_MESSAGE, AES_BLOCK, out->bytes);
}

/* Payloads of the records in [p, stop): gathers them into `scratch`, or puts them back. */
enum move { GATHER, SCATTER };

static size_t move_payloads(enum move move, uint8_t *p, const uint8_t *stop, uint8_t *scratch)
{
    size_t at = 0;
    while (p < stop) {
        const size_t record = (size_t)(redo_frame_record_end(p, stop) - p);
        const size_t clear = redo_frame_clear(p, stop), n = record - clear;
        if (move == GATHER)
            memcpy(scratch + at, p + clear, n);
        else
            memcpy(p + clear, scratch + at, n);
        at += n;
        p += record;
    }
    return at;
}

struct err *redo_mtr_decrypt(const struct aes_key *key, uint8_t *mtr, size_t len, uint8_t *scratch)
{
    const uint8_t *stop = redo_frame_terminator(mtr, mtr + len);
    uint8_t iv[AES_BLOCK] = {0};
    if (!stop || len != (size_t)(stop - mtr) + 1 + NONCE_SIZE + CHECKSUM_SIZE)
        return err_make(CORRUPT, "encrypted mini-transaction of %zu bytes is not whole", len);
    memcpy(iv, stop + 1, NONCE_SIZE);
    memcpy(iv + NONCE_SIZE, mtr, redo_frame_clear(mtr, stop));
    const size_t n = move_payloads(GATHER, mtr, stop, scratch);
    TRY(aes_partial(AES_DECIPHER, key, iv, scratch, n));
    move_payloads(SCATTER, mtr, stop, scratch);
    const size_t records = (size_t)(stop - mtr);
    put_be32(mtr + len - CHECKSUM_SIZE, crc32c(crc32c(0, mtr, records), stop + 1, NONCE_SIZE));
    return NULL;
}
