/* innodb/redo_crypt.c: see redo_crypt.h. */
#include "innodb/redo_crypt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "innodb/redo_frame.h"
#include "innodb/redo_mysql_block.h"

enum {
    /* in redo_log_header.encryption */
    KEY_ID = 0,
    KEY_VERSION = 4,
    MESSAGE = 8,
};
_Static_assert((int)MYSQL_REDO_KEY_RECORD_SIZE == (int)MYSQL_KEY_RECORD_SIZE,
               "the same record as that of a tablespace");

#define FORMAT_ENC_11 0xF09F979Du

/* --- MySQL ------------------------------------------------------------------------------------ */

struct err *redo_key_mysql(struct space_key *out, const struct redo_mysql_header *header,
                           const struct keyring *keys)
{
    *out = (struct space_key){0};
    if (!header->has_key)
        return NULL;
    struct err *e = space_key_unwrap_mysql(out, header->key_record, keys, "the redo log");
    if (e && e->kind == ERR_CORRUPT) { /* of a whole header: the master key is another one */
        e->kind = ERR_REFUSED;
        e = err_hint(e, "Name the key file of the server that wrote the log (--keyring-file).");
    }
    return e;
}

bool redo_block_is_encrypted(const uint8_t block[MYSQL_REDO_BLOCK_SIZE])
{
    return be16(block + BLOCK_DATA_LEN) & DATA_LEN_ENCRYPTED;
}

static struct err *crypt_block(enum aes_direction d, const struct space_key *key, uint8_t *block)
{
    return aes_overlap(d, &key->key, key->iv, block + BLOCK_DATA,
                       MYSQL_REDO_BLOCK_SIZE - BLOCK_DATA);
}

struct err *redo_block_open(struct redo_block *out, const struct space_key *key,
                            const uint8_t *block, lsn_t lsn, uint8_t room[MYSQL_REDO_BLOCK_SIZE])
{
    *out = (struct redo_block){0};
    out->state = redo_mysql_block_check(block, lsn, &out->data_len);
    out->encrypted = out->state == MYSQL_BLOCK_ENCRYPTED;
    if (out->encrypted && key->kind == SPACE_KEY_MYSQL) {
        memcpy(room, block, MYSQL_REDO_BLOCK_SIZE);
        put_be16(room + BLOCK_DATA_LEN, (uint16_t)out->data_len);
        TRY(crypt_block(AES_DECIPHER, key, room));
        out->state = redo_mysql_block_check(room, lsn, &out->data_len);
        block = room;
    }
    out->clear = out->state == MYSQL_BLOCK_WHOLE ? block : NULL;
    return NULL;
}

struct err *redo_block_encrypt(const struct space_key *key, uint8_t block[MYSQL_REDO_BLOCK_SIZE])
{
    put_be32(block + BLOCK_CRC, crc32c(0, block, BLOCK_CRC));
    TRY(crypt_block(AES_ENCIPHER, key, block));
    put_be16(block + BLOCK_DATA_LEN, be16(block + BLOCK_DATA_LEN) | DATA_LEN_ENCRYPTED);
    return NULL;
}

/* --- MariaDB ---------------------------------------------------------------------------------- */

uint32_t redo_log_key_id(const struct redo_log_header *header)
{
    return be32(header->encryption + KEY_ID);
}

uint32_t redo_log_key_version(const struct redo_log_header *header)
{
    return be32(header->encryption + KEY_VERSION);
}

struct err *redo_cipher_init(struct redo_cipher *out, const struct redo_log_header *header,
                             const struct keyring *keys)
{
    char name[sizeof "4294967295"];
    *out = (struct redo_cipher){.form = header->encrypted ? REDO_MTR_ENCRYPTED : REDO_MTR_CLEAR};
    if (!header->encrypted)
        return NULL;
    if (header->format != FORMAT_ENC_11)
        return err_make(REFUSED, "redo log encrypted in format 0x%08" PRIx32, header->format);
    const uint32_t id = redo_log_key_id(header), version = redo_log_key_version(header);
    snprintf(name, sizeof name, "%" PRIu32, id);
    const struct aes_key *key = keyring_find(keys, name);
    if (!key || version != KEYRING_FILE_VERSION)
        return err_hint(err_make(REFUSED,
                                 "the redo log is encrypted with version %" PRIu32
                                 " of key %" PRIu32 ", which is not given",
                                 version, id),
                        "The key is in the server's key file (--keyring-file).");
    out->key.len = AES_BLOCK;
    return aes_ecb(AES_ENCIPHER, key, header->encryption + MESSAGE, AES_BLOCK, out->key.bytes);
}

void redo_cipher_fini(struct redo_cipher *c)
{
    free(c->clear);
    free(c->scratch);
    OPENSSL_cleanse(c, sizeof *c);
}

/* Payloads of the records in [from, stop): gathers them from `from`, or puts them into `to`, which is as long. */
static size_t gather(uint8_t *out, const uint8_t *from, const uint8_t *stop)
{
    size_t n = 0;
    for (const uint8_t *p = from, *end; p < stop; p = end) {
        end = redo_frame_record_end(p, stop);
        const size_t clear = redo_frame_clear(p, stop), len = (size_t)(end - p) - clear;
        memcpy(out + n, p + clear, len);
        n += len;
    }
    return n;
}

static void scatter(uint8_t *to, const uint8_t *from, const uint8_t *stop, const uint8_t *payloads)
{
    for (const uint8_t *p = from, *end; p < stop; p = end) {
        end = redo_frame_record_end(p, stop);
        const size_t clear = redo_frame_clear(p, stop), len = (size_t)(end - p) - clear;
        memcpy(to + (p - from), p, clear);
        memcpy(to + (p - from) + clear, payloads, len);
        payloads += len;
    }
}

struct err *redo_mtr_decrypt(struct redo_cipher *c, struct redo_mtr *m)
{
    uint8_t iv[AES_BLOCK] = {0};
    if (c->form == REDO_MTR_CLEAR)
        return NULL;
    if (!c->clear) {
        c->clear = mem_alloc(REDO_MTR_MAX);
        c->scratch = mem_alloc(REDO_MTR_MAX);
    }
    memcpy(iv, m->stop + 1, REDO_FRAME_NONCE);
    memcpy(iv + REDO_FRAME_NONCE, m->pos, redo_frame_clear(m->pos, m->stop));
    const size_t n = gather(c->scratch, m->pos, m->stop), len = (size_t)(m->stop - m->pos);
    TRY(aes_partial(AES_DECIPHER, &c->key, iv, c->scratch, n));
    scatter(c->clear, m->pos, m->stop, c->scratch);
    m->pos = c->clear;
    m->stop = c->clear + len;
    return NULL;
}

static bool is_name(const struct redo_record *rec)
{
    static const char extension[] = {'.', 'i', 'b', 'd'};
    return rec->body_len > sizeof extension &&
           !memcmp(rec->body + rec->body_len - sizeof extension, extension, sizeof extension);
}

struct err *redo_cipher_check(struct redo_cipher *c, const struct redo_log_header *header,
                              const uint8_t *buf, size_t len)
{
    struct redo_mtr m;
    struct redo_record rec;
    size_t mtr_len;
    bool more = false, known = false;
    if (c->form == REDO_MTR_CLEAR)
        return NULL;
    TRY(redo_mtr_open(&m, buf, len, header->checkpoint_end_lsn, c->form, &mtr_len));
    TRY(redo_mtr_decrypt(c, &m));
    struct err *e = redo_mtr_next(&m, &rec, &more);
    if (!e && more && rec.type == REDO_FILE_CHECKPOINT)
        known = rec.body_len == sizeof(lsn_t) && be64(rec.body) == header->checkpoint_lsn;
    else if (!e && more)
        known = rec.type == REDO_FILE_MODIFY && is_name(&rec);
    err_free(e);
    if (known)
        return NULL;
    return err_hint(err_make(REFUSED,
                             "the redo log does not open with the key %" PRIu32
                             " that the key file has",
                             redo_log_key_id(header)),
                    "Name the key file of the server that wrote the log (--keyring-file).");
}
