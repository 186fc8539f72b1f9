/* innodb/redo_crypt.h: encrypted redo logs of MySQL and MariaDB, given the keys. Pure.
 *
 *   MySQL    blocks of 512 bytes, each encrypted or not: bit 15 of BE16 at 4 (its data length).
 *            Enciphered is [12, 512), the checksum included, by overlap (aes.h) with key and IV of
 *            the log, whose record (page_crypt.h) is at 1072 of a redo file. Only files that held a
 *            checkpoint since encryption began have it; it is the same key in all of them, wrapped by
 *            the master key of its time. The checksum at 508 is that of the clear block with bit 15
 *            off; number and epoch are in clear, so that the end of the log can be found, but not
 *            verified, without the key. Blocks of zeros that are written ahead stay zero
 *   MariaDB  format F0 9F 97 9D ("ENC_11", of current 10.11 and 11.x): framing is in clear, and the
 *            checksum of a mini-transaction is over the bytes as stored, records and nonce. Of each
 *            record the first byte and the length are in clear; what follows, of all records of the
 *            mini-transaction together, is one run of AES-CBC with a partial block (aes.h). IV: the 8
 *            nonce bytes, the clear bytes of the first record (1 to 4), zeros. Key: AES-ECB(keyring's
 *            key, message), where the file header has
 *              48   4  big  key id          56  16  message
 *              52   4  big  key version
 *            The first encrypted form ("Phys" with a key id, 10.8 to early 10.11) is REFUSED
 *
 * Facts: MySQL 9.7.4 and MariaDB 10.11.19, by experiment: deciphered blocks have good checksums and
 * enciphered again have the server's own bytes; deciphered mini-transactions parse to the end. */
#ifndef MBE_INNODB_REDO_CRYPT_H
#define MBE_INNODB_REDO_CRYPT_H

#include <stdbool.h>

#include "innodb/page_crypt.h"

enum {
    REDO_BLOCK_SIZE = 512,
    REDO_KEY_RECORD = 1072, /* offset in a MySQL redo file */
};

/* The log's key from the first len bytes of a MySQL redo file; kind is SPACE_KEY_NONE when it has
 * no record. Errors as space_key_find; CORRUPT when len is too small. */
struct err *redo_key_mysql(struct space_key *out, const uint8_t *file, size_t len,
                           const struct keyring *keys) MUST_CHECK;
bool redo_block_is_encrypted(const uint8_t block[REDO_BLOCK_SIZE]);
/* In place. CORRUPT when the checksum then does not fit: wrong key, or a block half written. Either
 * way the block is then undefined. A block in clear stays as it is, unchecked. */
struct err *redo_block_decrypt(const struct space_key *key,
                               uint8_t block[REDO_BLOCK_SIZE]) MUST_CHECK;
/* In place: sets the checksum of the clear block, then enciphers it. */
struct err *redo_block_encrypt(const struct space_key *key,
                               uint8_t block[REDO_BLOCK_SIZE]) MUST_CHECK;

/* The log's key from the first len (at least 512) bytes of an encrypted ib_logfile0, verified by
 * redo_log_header_parse. REFUSED when the keyring lacks the key, or for the first encrypted form. */
struct err *redo_key_mariadb(struct aes_key *out, const uint8_t *header, size_t len,
                             const struct keyring *keys) MUST_CHECK;
/* Deciphers the records of the one mini-transaction at mtr, len bytes with terminator, nonce and
 * checksum, as redo_frame has found it. In place: lengths and LSNs stay; the checksum becomes that
 * of the clear bytes. `scratch` has len bytes. */
struct err *redo_mtr_decrypt(const struct aes_key *key, uint8_t *mtr, size_t len,
                             uint8_t *scratch) MUST_CHECK;
/* Whether records in clear are what they seem cannot be told but by parsing them (redo_mtr_next). */

#endif
