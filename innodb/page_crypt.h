/* innodb/page_crypt.h: encrypted pages of MySQL and MariaDB, given the keys. Pure.
 *
 * A tablespace has a key of its own, made from one of the keyring (keyring.h) by a record on page 0:
 *
 *   MySQL, at space_xdes_end(): 115 bytes
 *     0   3  "lCC" ("lCB" of older servers)
 *     3   4  big    number N of the master key: INNODBKey-UUID-N is the name in the keyring
 *     7  36         UUID: of the server that made the master key, not of the one that runs
 *    43  64         key (32) and IV (32; 16 are used), AES-256-ECB with the master key
 *   107   4  big    CRC-32C of the 64 bytes in clear
 *   A rotation of the master key writes only these records anew. Redo logs have such a record, too.
 *
 *   MariaDB, at space_xdes_end() + 38: 33 bytes
 *     0   6  73 0E 0C 52 45 74
 *     6   1  scheme: 1; 0 when not encrypted
 *     7   1  16
 *     8  16  IV. The pages' key is AES-ECB(keyring's key, IV): 16 bytes
 *    24   4  big    least key version in use
 *    28   4  big    key id
 *    32   1  mode: 0 as the server says, 1 always, 2 never
 *
 * Which bytes are enciphered, and how (aes.h):
 *
 *   MySQL, types 15, 17  [38, size) by overlap, IV of the record. 15: the page's type is at 28; 17: an
 *                        R-tree page. The rest of 26..33 stays: R-tree pages have their split
 *                        sequence number there, BLOB pages of COMPRESSED a space id, whose low half
 *                        is lost, and a page number: nothing reads them
 *   MySQL, type 16       a page of type 14 (page_compress.h): [38, 38 + payload length), at least 32
 *                        bytes; header version 1: up to the end of the 4096-byte block. R-tree pages
 *                        are not compressed
 *   full_crc32           [26, n - 4), n as in page_check.h; bytes 0..3 the key version
 *   legacy, COMPRESSED   [38, size - 8), also where there is no trailer. 26 the key version, 30 the
 *                        checksum of what is stored
 *   legacy 37401         a page of type 34354 (page_compress.h) with its length at 38, algorithm at 40,
 *                        payload [42, 42 + length)
 *   MariaDB's are by partial block, with IV LE32 space id, LE32 page number, LE64 page LSN
 *
 * MySQL never encrypts page 0, MariaDB neither page 0 nor XDES pages, nor legacy R-tree pages. In both
 * families a page may lie in clear in an encrypted tablespace; the server encrypts it when it next
 * writes it.
 *
 * Facts: MySQL 9.7.4 and MariaDB 10.11.19, by experiment: all pages of types 15 to 17, full_crc32,
 * legacy and COMPRESSED ones deciphered have good checksums and enciphered again have the server's
 * own bytes. By rule: "lCB", header version 1, payloads below 32 bytes. */
#ifndef MBE_INNODB_PAGE_CRYPT_H
#define MBE_INNODB_PAGE_CRYPT_H

#include "innodb/keyring.h"
#include "innodb/page_check.h"

enum { MYSQL_KEY_RECORD_SIZE = 115 };

enum space_key_kind {
    SPACE_KEY_NONE, /* no record: not encrypted */
    SPACE_KEY_MYSQL,
    SPACE_KEY_MARIADB,
};

/* A secret: wipe with space_key_wipe. May be used by any number of threads at once. */
struct space_key {
    enum space_key_kind kind;
    struct aes_key key;
    uint8_t iv[AES_BLOCK]; /* MySQL */
    space_id_t space;      /* MariaDB: is part of each page's IV */
    uint32_t id, version;  /* of the keyring's key, MySQL: without version */
};

/* The key of the tablespace with this page 0 (format->physical bytes, verified). Page 0 of a space
 * that the redo makes or whose key it changes is the one *after* redo was applied. REFUSED when the
 * keyring (NULL: none) lacks the key, naming it; CORRUPT when the record does not open with it, or
 * the flags say "encrypted" and there is no record. */
struct err *space_key_find(struct space_key *out, const struct space_format *format,
                           const uint8_t *page_0, const struct keyring *keys) MUST_CHECK;
/* Opens a record of MYSQL_KEY_RECORD_SIZE bytes; all zero gives SPACE_KEY_NONE. Errors as above, about
 * `what`: "the tablespace". */
struct err *space_key_unwrap_mysql(struct space_key *out, const uint8_t *record,
                                   const struct keyring *keys, const char *what) MUST_CHECK;
/* Name of the master key that such a record asks for: "INNODBKey-UUID-N". CORRUPT when it is none. */
enum { MYSQL_KEY_NAME_SIZE = sizeof "INNODBKey--4294967295" + 36 };
struct err *space_key_name_mysql(char name[MYSQL_KEY_NAME_SIZE], const uint8_t *record) MUST_CHECK;
void space_key_wipe(struct space_key *key);

/* `in`, which page_is_encrypted says is encrypted, into `out` (both format->physical bytes, not the
 * same): the page as it would be stored in clear, its checksum in place; it may be a compressed one
 * (page_is_compressed). Nothing has been verified: page_check(out) does. CORRUPT when the header makes
 * no sense, REFUSED for a key version other than the keyring's, or without a key. */
struct err *page_decrypt(const struct space_key *key, const struct space_format *format,
                         const uint8_t *in, uint8_t *out) MUST_CHECK;
/* The other way round: `in` is a page with its checksum (page_stamp), or a compressed one. It is not
 * page 0. CORRUPT for a page that the server would not encrypt. */
struct err *page_encrypt(const struct space_key *key, const struct space_format *format,
                         const uint8_t *in, uint8_t *out) MUST_CHECK;
/* page_check of what is inside: with key NULL or for a page in clear, page_check itself. `scratch` has
 * format->physical bytes. */
enum page_state page_crypt_check(const struct space_key *key, const struct space_format *format,
                                 space_id_t id, page_no_t no, const uint8_t *page, uint8_t *scratch,
                                 char *why);

#endif
