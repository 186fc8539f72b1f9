/* innodb/redo_crypt.h: encrypted redo logs of MySQL and MariaDB, given the keys. Pure.
 *
 *   MySQL    blocks of 512 bytes, each encrypted or not: bit 15 of BE16 at 4 (its data length).
 *            Enciphered is [12, 512), the checksum included, by overlap (aes.h) with key and IV of
 *            the log, whose record (page_crypt.h) is at 1072 of a redo file. When encryption is
 *            turned on the record is written to the file that holds the newest checkpoint, before
 *            any block is encrypted; later to each file that comes to hold it. A rotation of the
 *            master key writes it anew there. Turned off, it stays, and turned on again it is the
 *            same key. Number, epoch and data length are in clear, so that the end of the log can be
 *            found, but not verified, without the key. The checksum inside is that of the clear block
 *            with bit 15 off. Blocks of zeros that are written ahead stay zero. The last block may
 *            be written in clear first and encrypted when it grows, and the other way round
 *   MariaDB  format F0 9F 97 9D ("ENC_11", of current 10.11 and 11.x): framing is in clear, and the
 *            checksum of a mini-transaction is over the bytes as stored, records and nonce. Of each
 *            record the first byte and the length are in clear; what follows, of all records of the
 *            mini-transaction together, is one run of AES-CBC with a partial block (aes.h). IV: the 8
 *            nonce bytes, the clear bytes of the first record (1 to 4), zeros. Key: AES-ECB(keyring's
 *            key, message), where the file header has
 *              48   4  big  key id          56  16  message
 *              52   4  big  key version
 *            They stay the same when the log is resized. The first encrypted form ("Phys" with a key
 *            id, 10.8 to early 10.11) is REFUSED. Encryption cannot be switched while the server runs
 *
 * Facts: MySQL 9.7.4, MariaDB 10.11.19 and 11.8.9, by experiment: deciphered blocks have good checksums
 * and enciphered again have the server's own bytes; deciphered mini-transactions parse to the end. */
#ifndef MBE_INNODB_REDO_CRYPT_H
#define MBE_INNODB_REDO_CRYPT_H

#include <stdbool.h>

#include "innodb/page_crypt.h"
#include "innodb/redo_mariadb.h"
#include "innodb/redo_mysql.h"

/* --- MySQL ------------------------------------------------------------------------------------ */

/* The log's key from the header of one of its files; kind is SPACE_KEY_NONE when that has no record.
 * REFUSED when the keyring lacks the master key, naming it, or has another one of that name. */
struct err *redo_key_mysql(struct space_key *out, const struct redo_mysql_header *header,
                           const struct keyring *keys) MUST_CHECK;

/* Of a block as it is stored. */
bool redo_block_is_encrypted(const uint8_t block[MYSQL_REDO_BLOCK_SIZE]);
struct redo_block {
    enum redo_mysql_block state; /* ENCRYPTED: and there is no key. What does not open is TORN */
    bool encrypted;              /* as stored */
    unsigned data_len;           /* as redo_mysql_block_check has it */
    const uint8_t *clear;        /* WHOLE: the block in clear, borrowed; else NULL */
};
/* What the block read at lsn is, and what is in it. key: of kind NONE if there is none. `room` is
 * where an encrypted block is deciphered; a block in clear does without. FAILED: libcrypto. */
struct err *redo_block_open(struct redo_block *out, const struct space_key *key,
                            const uint8_t *block, lsn_t lsn,
                            uint8_t room[MYSQL_REDO_BLOCK_SIZE]) MUST_CHECK;
/* In place: sets the checksum of the clear block, then enciphers it. */
struct err *redo_block_encrypt(const struct space_key *key,
                               uint8_t block[MYSQL_REDO_BLOCK_SIZE]) MUST_CHECK;

/* --- MariaDB ---------------------------------------------------------------------------------- */

/* Of an encrypted log. */
uint32_t redo_log_key_id(const struct redo_log_header *header);
uint32_t redo_log_key_version(const struct redo_log_header *header);

/* Opens the mini-transactions of one log, encrypted or not. A secret. For one thread at a time. */
struct redo_cipher {
    enum redo_mtr_form form;
    struct aes_key key;
    uint8_t *clear, *scratch; /* REDO_MTR_MAX bytes each, once they are needed */
};

/* How a log with this header is opened. REFUSED when it is encrypted and the keyring lacks the key, or
 * for the first encrypted form; *out is to be given to _fini in any case. */
struct err *redo_cipher_init(struct redo_cipher *out, const struct redo_log_header *header,
                             const struct keyring *keys) MUST_CHECK;
void redo_cipher_fini(struct redo_cipher *c);
/* Prepares m, which redo_mtr_open has found in the log of c, for redo_mtr_next: from an encrypted log
 * its records are those in clear then, borrowed until the next call. Whether they are what they seem,
 * with this key, only parsing them tells. */
struct err *redo_mtr_decrypt(struct redo_cipher *c, struct redo_mtr *m) MUST_CHECK;
/* Whether the key is the right one. buf: the bytes at the end LSN of the checkpoint of `header`, where
 * every log has a mini-transaction that is known to some extent. REFUSED: it is not; CORRUPT: there is
 * no whole mini-transaction. */
struct err *redo_cipher_check(struct redo_cipher *c, const struct redo_log_header *header,
                              const uint8_t *buf, size_t len) MUST_CHECK;

#endif
