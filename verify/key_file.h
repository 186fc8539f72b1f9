/* verify/key_file.h: reads a server's key file: what encrypted tablespaces are opened with. */
#ifndef MBE_VERIFY_KEY_FILE_H
#define MBE_VERIFY_KEY_FILE_H

#include "innodb/keyring.h"
#include "innodb/redo_family.h"

/* path NULL: *out is NULL, no error. pass_path: the first line of that file is the pass phrase of an encrypted key file
 * (MariaDB); NULL: none. *out is owned by caller. IO, CORRUPT (what does not parse, never a key), REFUSED (pass phrase). */
struct err *key_file_read(struct keyring **out, const struct redo_family *family, const char *path,
                          const char *pass_path) MUST_CHECK;

#endif
