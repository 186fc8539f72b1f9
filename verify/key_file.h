/* verify/key_file.h: a server's key file: what encrypted tablespaces and redo logs are opened with.
 *
 * MySQL adds a key to it with each rotation of the master key, which it may do at any moment of a backup: what is encrypted
 * is wrapped anew then, with a key that was not there when the file was read. So it can be read again. Keys that were read
 * once stay. May be used by any number of threads at once. Facts: MySQL 9.7.4, by experiment. */
#ifndef MBE_VERIFY_KEY_FILE_H
#define MBE_VERIFY_KEY_FILE_H

#include <stdbool.h>

#include "innodb/keyring.h"
#include "innodb/redo_family.h"

struct key_file;

/* Reads it. path NULL: *out is NULL, no error. pass_path: the first line of that file is the pass phrase of an encrypted key file
 * (MariaDB); NULL: none. *out is owned by caller, both paths are copied. IO, CORRUPT (what does not parse, never a key), REFUSED
 * (pass phrase). */
struct err *key_file_open(struct key_file **out, const struct redo_family *family, const char *path,
                          const char *pass_path) MUST_CHECK;
void key_file_free(struct key_file *f);
/* What is known of it, borrowed until _free; NULL for NULL. */
const struct keyring *key_file_keys(struct key_file *f);
/* To be asked with the error, or NULL, of what was tried with key_file_keys. When that was REFUSED, the file is read again: if it
 * has more keys by now the error is freed and *again set, else it comes back. */
struct err *key_file_retry(struct key_file *f, struct err *e, bool *again) MUST_CHECK;

#endif
