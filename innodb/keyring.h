/* innodb/keyring.h: the keys that a server has in a file. Bytes in, keys out. Pure: the caller
 * reads the files.
 *
 * MySQL, component_keyring_file's data file: JSON
 *   {"version":"1.0","elements":[{"user":"","data_id":"INNODBKey-UUID-N","data_type":"AES",
 *    "data":"64 hex digits","extension":[]},...]}
 * One element for each master key there has been: N grows with each rotation, old ones stay. The
 * names of other kinds of keys (of binary logs, say) begin otherwise; these are left out.
 *
 * MariaDB, file_key_management's key file: lines "ID;KEY", ID 1 to 4294967295, KEY 32, 48 or 64 hex
 * digits; what stands behind # and blank lines do not count (a server wants no blanks
 * around ID and KEY; mbe takes them). Encrypted as a whole (first bytes
 * "Salted__", 8 bytes of salt, then AES-256-CBC with padding) when made with
 * `openssl enc -aes-256-cbc -md sha1`: key and IV come from the pass phrase by EVP_BytesToKey, one
 * round. Keys of such a file have version 1 only.
 *
 * Facts: MySQL 9.7.4 and MariaDB 10.11.19, by experiment. */
#ifndef MBE_INNODB_KEYRING_H
#define MBE_INNODB_KEYRING_H

#include "base/cleanup.h"
#include "innodb/aes.h"

enum { KEYRING_FILE_VERSION = 1 }; /* of every key in MariaDB's key file */

struct keyring;

/* Each makes a keyring, owned by caller. CORRUPT names what does not parse, never a key.
 * _mysql: a file of no bytes, as before the first key, is an empty keyring.
 * _mariadb: `pass` (pass_len bytes) is the pass phrase of an encrypted file, else NULL. REFUSED when
 * the file is encrypted and there is none, or it does not open the file. */
struct err *keyring_parse_mysql(struct keyring **out, const void *file, size_t len) MUST_CHECK;
struct err *keyring_parse_mariadb(struct keyring **out, const void *file, size_t len,
                                  const void *pass, size_t pass_len) MUST_CHECK;
void keyring_free(struct keyring *k);
CLEANUP(keyring, keyring_free)

size_t keyring_count(const struct keyring *k);
/* The key of that name ("INNODBKey-...", or MariaDB's id in decimal), borrowed; NULL if there is
 * none. NULL is an empty keyring. */
const struct aes_key *keyring_find(const struct keyring *k, const char *name);

#endif
